//! RFC 6455 §8.1: text that is not UTF-8 fails the connection; here at the first byte that no continuation can mend.

use bowsprit::ProtocolError::InvalidUtf8;
use bowsprit::{Limits, ReceiveBuffer, Role, Utf8Validator};

use crate::support::*;

#[test]
fn r130_invalid_text_fails() {
    client(b"\x81\x01\xff").fails(InvalidUtf8, 1007);
    client(b"\x81\x01\x80").fails(InvalidUtf8, 1007);
    server(b"\x81\x84\0\0\0\0ab\xfec").fails(InvalidUtf8, 1007);
}

#[test]
fn r130_overlong_forms_fail() {
    client(b"\x81\x02\xc0\xaf").fails(InvalidUtf8, 1007);
    client(b"\x81\x02\xc1\xbf").fails(InvalidUtf8, 1007);
    client(b"\x81\x03\xe0\x80\xaf").fails(InvalidUtf8, 1007);
    client(b"\x81\x04\xf0\x80\x80\xaf").fails(InvalidUtf8, 1007);
}

#[test]
fn r130_surrogates_fail() {
    client(b"\x81\x03\xed\xa0\x80").fails(InvalidUtf8, 1007);
    client(b"\x81\x06\xed\xa0\xbd\xed\xb8\x80").fails(InvalidUtf8, 1007);
    client(b"\x81\x03\xed\xbf\xbf").fails(InvalidUtf8, 1007);
}

#[test]
fn r130_beyond_the_code_space_fails() {
    client(b"\x81\x04\xf4\x90\x80\x80").fails(InvalidUtf8, 1007);
    client(b"\x81\x05\xf8\x88\x80\x80\x80").fails(InvalidUtf8, 1007);
    client(b"\x81\x04\xf5\x80\x80\x80").fails(InvalidUtf8, 1007);
}

#[test]
fn r130_the_borders_of_the_code_space_pass() {
    client(b"\x81\x04\xf4\x8f\xbf\xbf").sees(&[text("\u{10ffff}")]);
    client(b"\x81\x06\xed\x9f\xbf\xee\x80\x80").sees(&[text("\u{d7ff}\u{e000}")]);
    client(b"\x81\x03\xef\xbf\xbf").sees(&[text("\u{ffff}")]);
    client(b"\x81\x02\xc2\x80").sees(&[text("\u{80}")]);
}

#[test]
fn r130_fails_inside_a_frame_whose_rest_never_comes() {
    client(b"\x81\x7e\xff\xffab\xff").fails(InvalidUtf8, 1007);
    client(b"\x81\x7f\0\0\0\0\0\x01\0\0a\xed\xa0").fails(InvalidUtf8, 1007);
    server(b"\x81\xfe\xff\xff\0\0\0\0a\xf4\x90").fails(InvalidUtf8, 1007);
}

#[test]
fn r130_fails_at_the_very_byte_that_makes_it_invalid() {
    // Two good bytes, then the worst second byte of each lead.
    for bad in [&b"ab\xe0\x9f"[..], b"ab\xed\xa0", b"ab\xf0\x8f", b"ab\xf4\x90", b"ab\xc1", b"ab\xc3\x28", b"ab\x80"] {
        let frame = [&b"\x81\x7e\x10\x00"[..], bad].concat();
        client(&frame[..frame.len() - 1]).sees(&[]);
        client(&frame).fails(InvalidUtf8, 1007);
    }
}

#[test]
fn r130_fails_inside_a_fragment_that_is_not_the_last() {
    client(b"\x01\x03a\xffb").fails(InvalidUtf8, 1007);
    client(b"\x01\x02a\xc3\x00\x01\x28").fails(InvalidUtf8, 1007);
    client(b"\x01\x01\xed\x89\x00\x80\x01\xa0").sees_then_fails(&[ping(b"")], InvalidUtf8, 1007);
}

#[test]
fn r130_binary_is_not_checked() {
    client(b"\x82\x03\xff\xfe\xc0").sees(&[binary(b"\xff\xfe\xc0")]);
}

#[test]
fn r130_fails_in_a_long_text_read_to_its_place() {
    let mut payload = vec![b'a'; 250_000];
    payload[150_000] = 0xff;
    let frame = masked(0x81, &payload);
    server(&frame).fails(InvalidUtf8, 1007);
    server(&frame[..14 + 150_001]).fails(InvalidUtf8, 1007);
}

#[test]
fn r130_a_long_text_of_long_code_points_passes() {
    let long = "𝄞日é-".repeat(15_000);
    server(&masked(0x81, long.as_bytes())).sees(&[text(&long)]);
}

#[test]
fn r130_every_code_point_passes_octet_by_octet() {
    let mut utf8 = Utf8Validator::new();
    for point in char::MIN..=char::MAX {
        let mut octets = [0; 4];
        for octet in point.encode_utf8(&mut octets).bytes() {
            utf8.push(&[octet]).unwrap();
        }
        assert!(utf8.is_complete(), "{point:?}");
    }
}

#[test]
fn r130_every_pair_of_octets_in_two_fragments() {
    let mut input = ReceiveBuffer::new(Limits::default());
    for pair in (0..=u16::MAX).map(u16::to_be_bytes) {
        let (mut conn, mut output) = (connection(Role::Client), output(Role::Client));
        let bytes = [0x01, 1, pair[0], 0x80, 1, pair[1]];
        let seen = feed(&mut conn, &mut input, &mut output, &bytes, Feed::Extend);
        match std::str::from_utf8(&pair) {
            Ok(expected) => assert_eq!(seen, [text(expected)]),
            Err(_) => {
                let begins = (0xc2..=0xf4).contains(&pair[0]) || pair[0] < 0x80;
                assert_eq!(seen, [failed(InvalidUtf8.at(if begins { 5 } else { 2 }))], "{pair:x?}");
            }
        }
    }
}
