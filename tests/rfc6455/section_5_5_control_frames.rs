//! RFC 6455 §5.5: control frames have at most 125 bytes and are never fragmented.

use bowsprit::ProtocolError::{ControlFragmented, ControlTooLong};
use bowsprit::{CloseCode, Role, UsageError};

use crate::support::*;

#[test]
fn r078_fragmented_control_frame_fails() {
    server(b"\x08\x82\0\0\0\0\x03\xe8").fails(ControlFragmented, 1002);
    server(b"\x09\x80\0\0\0\0").fails(ControlFragmented, 1002);
    server(b"\x0a\x80\0\0\0\0").fails(ControlFragmented, 1002);
    client(b"\x08\x00").fails(ControlFragmented, 1002);
    client(b"\x09\x00").fails(ControlFragmented, 1002);
    client(b"\x0a\x00").fails(ControlFragmented, 1002);
}

#[test]
fn r078_fragmented_control_frame_fails_on_its_first_byte() {
    server(b"\x09").fails(ControlFragmented, 1002);
}

#[test]
fn r078_fragmented_control_frame_inside_a_message_fails() {
    server(b"\x01\x81\0\0\0\0a\x09\x80\0\0\0\0\x80\x80\0\0\0\0").fails(ControlFragmented, 1002);
}

#[test]
fn r086_control_frame_of_125_bytes_passes() {
    server(&masked(0x89, &[7; 125])).sees(&[ping(&[7; 125])]).sends(&unmasked(0x8a, &[7; 125]));
    server(&masked(0x8a, &[7; 125])).sees(&[pong(&[7; 125])]).sends(b"");
    let body = [&b"\x03\xe8"[..], &[b'r'; 123]].concat();
    server(&masked(0x88, &body)).sees(&[close(1000, &"r".repeat(123))]).sends(b"\x88\x02\x03\xe8");
}

#[test]
fn r086_control_frame_over_125_fails() {
    server(&masked(0x88, &[3; 126])).fails(ControlTooLong, 1002);
    server(&masked(0x89, &[0; 126])).fails(ControlTooLong, 1002);
    server(&masked(0x8a, &[0; 126])).fails(ControlTooLong, 1002);
    client(&unmasked(0x88, &[3; 126])).fails(ControlTooLong, 1002);
    client(&unmasked(0x89, &[0; 126])).fails(ControlTooLong, 1002);
    client(&unmasked(0x8a, &[0; 126])).fails(ControlTooLong, 1002);
}

#[test]
fn r086_control_frame_over_125_fails_on_its_second_byte() {
    server(b"\x88\xfe").fails(ControlTooLong, 1002);
    server(b"\x89\xff").fails(ControlTooLong, 1002);
    client(b"\x8a\x7e").fails(ControlTooLong, 1002);
    client(b"\x89\x7f").fails(ControlTooLong, 1002);
}

#[test]
fn r086_long_length_form_on_a_short_control_frame_fails() {
    server(b"\x89\xfe\x00\x05\0\0\0\0Hello").fails(ControlTooLong, 1002);
    client(b"\x89\x7f\0\0\0\0\0\0\0\x05Hello").fails(ControlTooLong, 1002);
}

#[test]
fn r086_sending_a_control_frame_over_125_is_an_error() {
    let (mut conn, mut output) = (connection(Role::Server), output(Role::Server));
    assert_eq!(conn.ping(&[0; 126], &mut output), Err(UsageError::ControlTooLong));
    assert_eq!(conn.pong(&[0; 126], &mut output), Err(UsageError::ControlTooLong));
    assert_eq!(conn.close(CloseCode::NORMAL, &"r".repeat(124), &mut output), Err(UsageError::CloseReasonTooLong));
    assert!(output.is_empty());
}

#[test]
fn r086_sending_a_control_frame_of_125_passes() {
    let (mut conn, mut output) = (connection(Role::Server), output(Role::Server));
    conn.ping(&[1; 125], &mut output).unwrap();
    conn.pong(&[2; 125], &mut output).unwrap();
    conn.close(CloseCode::NORMAL, &"r".repeat(123), &mut output).unwrap();
    let close = [&b"\x03\xe8"[..], &[b'r'; 123]].concat();
    assert_eq!(
        output.pending(),
        [unmasked(0x89, &[1; 125]), unmasked(0x8a, &[2; 125]), unmasked(0x88, &close)].concat()
    );
}
