//! Engine.IO: packets and payloads.

use bowsprit::net::Bytes;
use bowsprit::socketio::engine::{Data, Packet, PacketError, Payload, encode_payload};
use proptest::prelude::*;

fn packets(body: &str) -> Vec<Result<Packet<'_>, PacketError>> {
    Payload::new(body.as_bytes()).unwrap().collect()
}

fn binary(bytes: &'static [u8]) -> Packet<'static> {
    Packet::Message(Data::Binary(Bytes::from_static(bytes)))
}

#[test]
fn each_type_is_its_digit() {
    assert_eq!(Packet::decode("0{}"), Ok(Packet::Open("{}")));
    assert_eq!(Packet::decode("1"), Ok(Packet::Close));
    assert_eq!(Packet::decode("2probe"), Ok(Packet::Ping("probe")));
    assert_eq!(Packet::decode("3probe"), Ok(Packet::Pong("probe")));
    assert_eq!(Packet::decode("4é"), Ok(Packet::Message(Data::Text("é"))));
    assert_eq!(Packet::decode("5"), Ok(Packet::Upgrade));
    assert_eq!(Packet::decode("6"), Ok(Packet::Noop));
}

#[test]
fn an_empty_text_is_no_packet() {
    assert_eq!(Packet::decode(""), Err(PacketError::Empty));
}

#[test]
fn another_first_character_is_no_packet() {
    for text in ["7", "abc", "é", "\u{1e}", "B"] {
        assert_eq!(Packet::decode(text), Err(PacketError::UnknownType), "{text:?}");
    }
}

#[test]
fn b_is_a_message_in_base64() {
    assert_eq!(Packet::decode("bAQIDBA=="), Ok(binary(b"\x01\x02\x03\x04")));
    assert_eq!(Packet::decode("b"), Ok(binary(b"")));
}

#[test]
fn base64_may_miss_its_padding_and_use_the_other_alphabet() {
    assert_eq!(Packet::decode("bAQIDBA"), Ok(binary(b"\x01\x02\x03\x04")));
    assert_eq!(Packet::decode("b-_-_"), Ok(binary(b"\xfb\xff\xbf")));
    assert_eq!(Packet::decode("b+/+/"), Ok(binary(b"\xfb\xff\xbf")));
}

#[test]
fn b_without_base64_is_wrong() {
    for text in ["bA", "b%%%%", "bAQ=Q"] {
        assert_eq!(Packet::decode(text), Err(PacketError::Base64), "{text:?}");
    }
}

#[test]
fn a_payload_is_packets_with_1e_between() {
    assert_eq!(
        packets("4hello\u{1e}2\u{1e}bAQIDBA=="),
        [Ok(Packet::Message(Data::Text("hello"))), Ok(Packet::Ping("")), Ok(binary(b"\x01\x02\x03\x04"))]
    );
}

#[test]
fn an_empty_payload_is_an_error() {
    assert_eq!(packets(""), [Err(PacketError::Empty)]);
}

#[test]
fn a_separator_at_the_end_is_an_error() {
    assert_eq!(packets("4a\u{1e}"), [Ok(Packet::Message(Data::Text("a"))), Err(PacketError::Empty)]);
}

#[test]
fn a_payload_ends_at_its_first_error() {
    assert_eq!(packets("a\u{1e}4b"), [Err(PacketError::UnknownType)]);
}

#[test]
fn a_payload_that_is_not_utf_8_is_an_error() {
    assert_eq!(Payload::new(b"4\xff").err(), Some(PacketError::Utf8));
}

#[test]
fn packets_are_encoded_as_one_payload() {
    let mut body = String::new();
    encode_payload(
        [Packet::Message(Data::Text("hello")), Packet::Noop, Packet::Close, binary(b"\x01\x02\x03\x04")],
        &mut body,
    );
    assert_eq!(body, "4hello\u{1e}6\u{1e}1\u{1e}bAQIDBA==");
}

fn any_packet() -> impl Strategy<Value = (u8, String, Vec<u8>)> {
    (0..8u8, "[^\u{1e}]{0,12}", prop::collection::vec(any::<u8>(), 0..20))
}

fn packet<'p>((kind, text, bytes): &'p (u8, String, Vec<u8>)) -> Packet<'p> {
    match kind {
        0 => Packet::Open(text),
        1 => Packet::Close,
        2 => Packet::Ping(text),
        3 => Packet::Pong(text),
        4 => Packet::Message(Data::Text(text)),
        5 => Packet::Upgrade,
        6 => Packet::Noop,
        _ => Packet::Message(Data::Binary(Bytes::copy_from_slice(bytes))),
    }
}

proptest! {
    #[test]
    fn decoding_undoes_encoding(drawn in prop::collection::vec(any_packet(), 1..6)) {
        let mut body = String::new();
        encode_payload(drawn.iter().map(packet), &mut body);
        let decoded: Result<Vec<_>, _> = Payload::new(body.as_bytes()).unwrap().collect();
        prop_assert_eq!(decoded.unwrap(), drawn.iter().map(packet).collect::<Vec<_>>());
    }

    #[test]
    fn no_body_makes_the_decoder_panic(body in prop::collection::vec(any::<u8>(), 0..40)) {
        if let Ok(payload) = Payload::new(&body) {
            prop_assert!(payload.count() <= body.len() + 1);
        }
    }
}
