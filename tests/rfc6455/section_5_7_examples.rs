//! RFC 6455 §5.7: the RFC's own frames, byte for byte.

use bowsprit::{Limits, MaskingKey, ReceiveBuffer, Role, SendBuffer};

use crate::support::*;

#[test]
fn r069_unmasked_text() {
    client(b"\x81\x05\x48\x65\x6c\x6c\x6f").sees(&[text("Hello")]);
}

#[test]
fn r069_masked_text() {
    server(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58").sees(&[text("Hello")]);
}

#[test]
fn r069_masked_text_as_sent() {
    let (mut conn, mut output) =
        (connection(Role::Client), SendBuffer::with_masking_keys(|| MaskingKey::new([0x37, 0xfa, 0x21, 0x3d])));
    conn.send("Hello", &mut output).unwrap();
    assert_eq!(output.pending(), b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
}

#[test]
fn r069_fragmented_unmasked_text() {
    client(b"\x01\x03\x48\x65\x6c\x80\x02\x6c\x6f").sees(&[text("Hello")]);
}

#[test]
fn r069_unmasked_ping_and_masked_pong() {
    client(b"\x89\x05\x48\x65\x6c\x6c\x6f").sees(&[ping(b"Hello")]);
    server(b"\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58").sees(&[pong(b"Hello")]);
}

#[test]
fn r069_masked_pong_as_sent() {
    let (mut conn, mut output) =
        (connection(Role::Client), SendBuffer::with_masking_keys(|| MaskingKey::new([0x37, 0xfa, 0x21, 0x3d])));
    let mut input = ReceiveBuffer::new(Limits::default());
    feed(&mut conn, &mut input, &mut output, b"\x89\x05\x48\x65\x6c\x6c\x6f", Feed::Extend);
    assert_eq!(output.pending(), b"\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
}

#[test]
fn r069_binary_of_256_bytes() {
    let frame = [&b"\x82\x7e\x01\x00"[..], &[5; 256]].concat();
    client(&frame).sees(&[binary(&[5; 256])]);
}

#[test]
fn r069_binary_of_64_kib() {
    let frame = [&b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00"[..], &[5; 65_536]].concat();
    client(&frame).sees(&[binary(&[5; 65_536])]);
}
