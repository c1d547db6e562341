//! RFC 6455 §5.6: a text message is UTF-8 as a whole, a fragment of it need not be; a binary one is any bytes.

use bowsprit::ProtocolError::InvalidUtf8;

use crate::support::*;

#[test]
fn r101_text_is_delivered_as_text() {
    server(&masked(0x81, "κόσμε, 日本語, 𝄞".as_bytes())).sees(&[text("κόσμε, 日本語, 𝄞")]);
    client(b"\x81\x00").sees(&[text("")]);
    client(b"\x81\x01\0").sees(&[text("\0")]);
}

#[test]
fn r101_a_fragment_may_end_inside_a_code_point() {
    client(b"\x01\x01\xf0\x00\x01\x9d\x00\x01\x84\x80\x01\x9e").sees(&[text("𝄞")]);
    client(b"\x01\x03a\xe6\x97\x80\x02\xa5b").sees(&[text("a日b")]);
}

#[test]
fn r101_a_message_may_not_end_inside_a_code_point() {
    client(b"\x81\x01\xc3").fails(InvalidUtf8, 1007);
    client(b"\x81\x04a\xf0\x9d\x84").fails(InvalidUtf8, 1007);
    client(b"\x01\x01\xe6\x80\x01\x97").fails(InvalidUtf8, 1007);
    client(b"\x01\x02a\xc3\x80\x00").fails(InvalidUtf8, 1007);
    server(b"\x81\x81\0\0\0\0\xc3").fails(InvalidUtf8, 1007);
}

#[test]
fn r102_binary_is_delivered_untouched() {
    let all: Vec<u8> = (0..=255).collect();
    server(&masked(0x82, &all)).sees(&[binary(&all)]);
    client(&unmasked(0x82, &all)).sees(&[binary(&all)]);
    client(b"\x82\x00").sees(&[binary(b"")]);
}

#[test]
fn r102_binary_may_be_changed_in_place() {
    // Where it was received, and where it was assembled.
    for bytes in [&b"\x82\x02ab"[..], b"\x02\x01a\x80\x01b"] {
        let (mut conn, mut output) = (connection(bowsprit::Role::Client), output(bowsprit::Role::Client));
        let mut input = bowsprit::ReceiveBuffer::new(bowsprit::Limits::default());
        input.extend_from_slice(bytes);
        let Some(bowsprit::Event::Message(bowsprit::Message::Binary(mut bytes))) =
            conn.receive(&mut input, &mut output)
        else {
            panic!("no binary message")
        };
        bytes.reverse();
        conn.send(bytes, &mut output).unwrap();
        assert_eq!(output.pending(), b"\x82\x82\0\0\0\0ba");
    }
}
