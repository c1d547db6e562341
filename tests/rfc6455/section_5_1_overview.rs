//! RFC 6455 §5.1: a client masks every frame, a server none; whoever gets it the other way fails the connection.

use bowsprit::ProtocolError::{Masked, Unmasked};
use bowsprit::{CloseCode, Role};

use crate::support::*;

#[test]
fn r059_client_masks_every_kind_of_frame() {
    let (mut conn, mut output) = (connection(Role::Client), output(Role::Client));
    conn.send("Hi", &mut output).unwrap();
    conn.send("", &mut output).unwrap();
    conn.send(b"\x01\x02", &mut output).unwrap();
    conn.ping(b"p", &mut output).unwrap();
    conn.pong(b"", &mut output).unwrap();
    conn.close(CloseCode::NORMAL, "", &mut output).unwrap();
    assert_eq!(
        output.pending(),
        b"\x81\x82\0\0\0\0Hi\x81\x80\0\0\0\0\x82\x82\0\0\0\0\x01\x02\x89\x81\0\0\0\0p\x8a\x80\0\0\0\0\x88\x82\0\0\0\0\x03\xe8"
    );
}

#[test]
fn r059_client_masks_its_replies() {
    client(b"\x89\x01p").sees(&[ping(b"p")]).sends(b"\x8a\x81\0\0\0\0p");
    client(b"\x88\x02\x03\xe8").sees(&[close(1000, "")]).sends(b"\x88\x82\0\0\0\0\x03\xe8");
    client(b"\xf3").fails(bowsprit::ProtocolError::UnknownOpcode(3), 1002);
}

#[test]
fn r060_unmasked_data_frame_from_client_fails() {
    server(b"\x81\x05Hello").fails(Unmasked, 1002);
    server(b"\x82\x01\xff").fails(Unmasked, 1002);
    server(b"\x01\x03Hel").fails(Unmasked, 1002);
}

#[test]
fn r060_unmasked_continuation_from_client_fails() {
    server(b"\x01\x80\0\0\0\0\x80\x01x").fails(Unmasked, 1002);
}

#[test]
fn r060_unmasked_control_frame_from_client_fails() {
    server(b"\x88\x02\x03\xe8").fails(Unmasked, 1002);
    server(b"\x89\x01p").fails(Unmasked, 1002);
    server(b"\x8a\x01p").fails(Unmasked, 1002);
}

#[test]
fn r060_unmasked_empty_frame_from_client_fails() {
    server(b"\x81\x00").fails(Unmasked, 1002);
    server(b"\x82\x00").fails(Unmasked, 1002);
    server(b"\x88\x00").fails(Unmasked, 1002);
    server(b"\x89\x00").fails(Unmasked, 1002);
    server(b"\x8a\x00").fails(Unmasked, 1002);
}

#[test]
fn r060_unmasked_frame_fails_on_its_second_byte() {
    server(b"\x81\x7f").fails(Unmasked, 1002);
    server(b"\x82\x7e").fails(Unmasked, 1002);
}

#[test]
fn r060_good_message_before_an_unmasked_one_is_delivered() {
    server(b"\x81\x82\0\0\0\0Hi\x81\x02no").sees_then_fails(&[text("Hi")], Unmasked, 1002);
}

#[test]
fn r061_server_masks_no_kind_of_frame() {
    let (mut conn, mut output) = (connection(Role::Server), output(Role::Server));
    conn.send("Hi", &mut output).unwrap();
    conn.send("", &mut output).unwrap();
    conn.send(b"\x01\x02", &mut output).unwrap();
    conn.ping(b"p", &mut output).unwrap();
    conn.pong(b"", &mut output).unwrap();
    conn.close(CloseCode::NORMAL, "", &mut output).unwrap();
    assert_eq!(output.pending(), b"\x81\x02Hi\x81\x00\x82\x02\x01\x02\x89\x01p\x8a\x00\x88\x02\x03\xe8");
}

#[test]
fn r061_server_does_not_mask_even_if_its_output_has_keys() {
    let (mut conn, mut output) = (connection(Role::Server), output(Role::Client));
    conn.send("Hi", &mut output).unwrap();
    assert_eq!(conn.send_header(bowsprit::Kind::Binary, 5, &mut output), Ok(None));
    assert_eq!(output.pending(), b"\x81\x02Hi\x82\x05");
}

#[test]
fn r062_masked_frame_from_server_fails() {
    client(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58").fails(Masked, 1002);
    client(b"\x82\x80\0\0\0\0").fails(Masked, 1002);
    client(b"\x88\x80\0\0\0\0").fails(Masked, 1002);
    client(b"\x89\x80\0\0\0\0").fails(Masked, 1002);
    client(b"\x8a\x80\0\0\0\0").fails(Masked, 1002);
    client(b"\x01\x00\x80\x80\0\0\0\0").fails(Masked, 1002);
    client(b"\x81\xff").fails(Masked, 1002);
}
