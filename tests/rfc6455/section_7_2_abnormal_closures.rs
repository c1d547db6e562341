//! RFC 6455 §7.2: the transport goes away without a closing handshake.

use bowsprit::{CloseCode, Limits, ReceiveBuffer, Role, State};

use crate::support::*;

#[test]
fn r122_lost_transport_is_1006_and_nothing_more_happens() {
    let (mut conn, mut output) = (connection(Role::Client), output(Role::Client));
    let mut input = ReceiveBuffer::new(Limits::default());
    feed(&mut conn, &mut input, &mut output, b"\x01\x05He", Feed::Extend);
    assert!(conn.is_inside_message());
    assert_eq!(conn.assembled_len(), 2);
    assert!(!conn.receive_eof());
    assert_eq!(conn.state(), State::Closed);
    assert_eq!(conn.close_code(), CloseCode::ABNORMAL);
    assert!(!conn.is_inside_message());
    assert_eq!(conn.assembled_len(), 0);
    assert_eq!(feed(&mut conn, &mut input, &mut output, b"llo\x81\x00", Feed::Extend), []);
    assert!(output.is_empty());
}

#[test]
fn r122_a_cut_frame_is_never_an_event() {
    let bytes = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
    for end in 0..bytes.len() {
        let (mut conn, mut output) = (connection(Role::Server), output(Role::Server));
        let mut input = ReceiveBuffer::new(Limits::default());
        assert_eq!(feed(&mut conn, &mut input, &mut output, &bytes[..end], Feed::Spare), []);
        assert!(!conn.receive_eof());
        assert_eq!(drain(&mut conn, &mut input, &mut output), []);
    }
}
