//! RFC 7692 §6: framing.

use bowsprit::{CloseCode, Kind, Limits, ProtocolError, Role};

use crate::messages::{BINARY, Sender, TEXT, bytes, config, fails, json, noise, params, server, server_with};
use crate::support::{Seen, binary, failed, ping, text};

/// §7.2.3.1, and the same without the second half.
const HELLO: &[u8] = &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];

#[test]
fn r157_rsv1_marks_a_compressed_message() {
    assert_eq!(server(&[(TEXT, HELLO)]), [text("Hello")]);
    assert_eq!(server(&[(BINARY, HELLO)]), [binary(b"Hello")]);
    assert_eq!(server(&[(0x82, HELLO)]), [binary(HELLO)]);
}

#[test]
fn r157_the_first_frame_alone_is_marked() {
    let mut sender = Sender::new(Role::Server, params(|_| {}), &config(|_| {}));
    for (part, last) in [("Hel", false), ("lo, ", false), ("Hello", true)] {
        sender.conn.send_part(part, last, &mut sender.output).unwrap();
    }
    let frames = sender.frames();
    assert_eq!(frames.iter().map(|frame| frame.first).collect::<Vec<_>>(), [0x41, 0x00, 0x80]);
    let payload: Vec<u8> = frames.into_iter().flat_map(|frame| frame.payload).collect();
    assert_eq!(sender.inflated(&payload).0, b"Hello, Hello");
}

#[test]
fn r158_compressed_and_plain_messages_mix() {
    let repeated = &[0xf2, 0x00, 0x11, 0x00, 0x00]; // §7.2.3.2: refers to the first
    let events = server(&[(TEXT, HELLO), (0x81, b"plain"), (0x01, b"in "), (0x80, b"parts"), (TEXT, repeated)]);
    assert_eq!(events, [text("Hello"), text("plain"), text("in parts"), text("Hello")]);
}

#[test]
fn r158_short_and_incompressible_messages_go_plain() {
    let mut sender = Sender::new(Role::Server, params(|_| {}), &config(|config| config.threshold = 100));
    assert_eq!(sender.send(json(0, 99)).first, 0x81);
    assert_eq!(sender.send(json(0, 100)).first, TEXT);
    let random = noise(5000);
    let frame = sender.send(&random);
    assert_eq!((frame.first, frame.payload), (0x82, random));
    assert_eq!(sender.send("").first, 0x81);
}

#[test]
fn r158_every_message_is_compressed_if_that_is_asked_for() {
    let mut sender = Sender::new(Role::Server, params(|_| {}), &config(|config| config.threshold = 0));
    for len in [0, 1, 5, 5000, 100_000] {
        let random = noise(len);
        let frame = sender.send(&random);
        assert_eq!(frame.first, BINARY);
        assert_eq!(sender.inflated(&frame.payload).0, random);
    }
}

#[test]
fn r159_rsv1_on_a_control_frame_fails() {
    for first in [0xc8, 0xc9, 0xca] {
        fails(&server(&[(first, HELLO)]), ProtocolError::ReservedBitSet, 1002);
    }
}

#[test]
fn r159_no_control_frame_and_no_later_fragment_is_sent_with_rsv1() {
    for role in [Role::Server, Role::Client] {
        let mut sender = Sender::new(role, params(|_| {}), &config(|config| config.threshold = 0));
        sender.conn.ping(b"compressible compressible compressible", &mut sender.output).unwrap();
        sender.conn.send_part("a message in parts, ", false, &mut sender.output).unwrap();
        sender.conn.pong(b"compressible compressible compressible", &mut sender.output).unwrap();
        sender.conn.send_part("in parts, ", false, &mut sender.output).unwrap();
        sender.conn.send_part("in parts", true, &mut sender.output).unwrap();
        sender.conn.close(CloseCode::NORMAL, "in parts, in parts, in parts", &mut sender.output).unwrap();
        let sent: Vec<u8> = sender.frames().iter().map(|frame| frame.first).collect();
        assert_eq!(sent, [0x89, 0x41, 0x8a, 0x00, 0x80, 0x88], "{role:?}");
    }
}

#[test]
fn r159_rsv1_on_a_later_fragment_fails() {
    for first in [0x41, 0x42, 0x01, 0x02] {
        for later in [0x40, 0xc0] {
            fails(&server(&[(first, b"Hel"), (later, b"lo")]), ProtocolError::ReservedBitSet, 1002);
        }
    }
}

#[test]
fn r159_the_other_reserved_bits_fail_as_ever() {
    for rsv in [0x10, 0x20, 0x30, 0x50, 0x60, 0x70] {
        fails(&server(&[(0x81 | rsv, HELLO)]), ProtocolError::ReservedBitSet, 1002);
    }
}

#[test]
fn r159_rsv1_without_the_extension_fails() {
    for role in [Role::Server, Role::Client] {
        let frame = crate::support::frame_to(role, TEXT, HELLO);
        crate::support::every_way(role, &Limits::default(), &frame).fails(ProtocolError::ReservedBitSet, 1002);
    }
}

#[test]
fn r160_utf8_is_judged_after_inflating() {
    let mut sender = Sender::new(Role::Client, params(|_| {}), &config(|_| {}));
    let smile = sender.send("☺".repeat(50)).payload;
    assert!(std::str::from_utf8(&smile).is_err(), "the wire is not text");
    assert_eq!(server(&[(TEXT, &smile)]), [text(&"☺".repeat(50))]);

    for bad in [&b"\xff"[..], b"ab\xc3", b"\xed\xa0\x80"] {
        let stored = [&[0x00, bad.len() as u8, 0x00, !bad.len() as u8, 0xff], bad, &[0x00]].concat();
        assert_eq!(server(&[(BINARY, &stored)]), [binary(bad)]);
        fails(&server(&[(TEXT, &stored)]), ProtocolError::InvalidUtf8, 1007);
    }
}

#[test]
fn r161_fragments_are_one_message_and_control_frames_may_come_between() {
    for at in 0..=HELLO.len() {
        let events = server(&[(0x41, &HELLO[..at]), (0x89, b"ping"), (0x80, &HELLO[at..])]);
        assert_eq!(events, [ping(b"ping"), text("Hello")], "cut at {at}");
    }
    let mut frames: Vec<(u8, &[u8])> = vec![(0x41, b"")];
    frames.extend(HELLO.chunks(1).map(|octet| (0x00, octet)));
    frames.push((0x80, b""));
    assert_eq!(server(&frames), [text("Hello")]);
}

#[test]
fn r161_large_messages_over_many_reads() {
    let long = json(0, 300_000);
    let mut sender = Sender::new(Role::Client, params(|_| {}), &config(|_| {}));
    let payload = sender.send(&long).payload;
    assert!(payload.len() < 100_000);
    assert_eq!(server(&[(TEXT, &payload)]), [text(&long)]);
}

#[test]
fn a_compressed_message_is_handed_on_whole_among_parts() {
    let mut conn = crate::messages::connection(Role::Server, params(|_| {}));
    conn.receive_parts(true);
    let mut input = bowsprit::ReceiveBuffer::new(Limits::default());
    let mut output = bowsprit::SendBuffer::new();
    let frames = bytes(&[(0x01, b"pl"), (0x80, b"ain"), (0x41, &HELLO[..4]), (0x80, &HELLO[4..]), (TEXT, HELLO)]);
    let mut seen = Vec::new();
    for octet in frames.chunks(1) {
        input.extend_from_slice(octet);
        while let Some(event) = conn.receive(&mut input, &mut output) {
            let event = Seen::from(event);
            seen.push((event, conn.has_more_parts()));
        }
    }
    let parts = [("p", true), ("l", true), ("a", true), ("i", true), ("n", false), ("Hello", false), ("Hello", false)];
    assert_eq!(seen, parts.map(|(part, more)| (text(part), more)));
}

#[test]
fn a_header_alone_announces_a_plain_message() {
    let mut sender = Sender::new(Role::Server, params(|_| {}), &config(|_| {}));
    sender.conn.send_header(Kind::Text, 3, &mut sender.output).unwrap();
    assert_eq!(sender.output.pending(), [0x81, 3]);
}

#[test]
fn what_cannot_become_smaller_may_be_as_long_as_the_limit() {
    let limits = crate::support::limits(|limits| {
        limits.message = 1000;
        limits.frame = 1000;
    });
    for (len, allowed) in [(1000, true), (1001, false)] {
        let random = noise(len);
        let head = [0x00, len as u8, (len >> 8) as u8, !(len as u8), !((len >> 8) as u8)];
        let stored = [&head, &random[..], &[0x00]].concat();
        let frame = bytes(&[(BINARY, &stored)]);
        let events = server_with(params(|_| {}), &limits, &frame);
        let too_big = ProtocolError::MessageTooBig.at(frame.len() as u64 - 1);
        let expected = if allowed { binary(&random) } else { failed(too_big) };
        assert_eq!(events, [expected]);
    }
}
