//! Messages sent in parts and received in parts (RFC 6455 §5.4), also those larger than anybody wants to hold.

mod support;

use bowsprit::{Connection, Event, Limits, Message, Negotiated, ProtocolError, ReceiveBuffer, SendBuffer, UsageError};
use support::{cuts, masked};

/// What came of some bytes: the texts in parts, joined, with a `|` behind the last part of each; other events by name.
fn receive(pieces: &[&[u8]]) -> (String, bool) {
    let (mut input, mut output) = (ReceiveBuffer::new(Limits::default()), SendBuffer::new());
    let mut conn = Connection::server(Negotiated::none());
    conn.receive_parts(true);
    let (mut log, mut failed) = (String::new(), false);
    for piece in pieces {
        input.extend_from_slice(piece);
        while let Some(event) = conn.receive(&mut input, &mut output) {
            match event {
                Event::Message(part) => {
                    match part {
                        Message::Text(text) => log.push_str(&text),
                        Message::Binary(bytes) => log.push_str(&bytes.escape_ascii().to_string()),
                    }
                    log.push_str(if conn.has_more_parts() { "" } else { "|" });
                }
                Event::Failed(failure) => {
                    assert_eq!(failure.error, ProtocolError::InvalidUtf8);
                    failed = true;
                }
                _ => {}
            }
        }
        assert_eq!(conn.assembled_len(), 0, "nothing is kept");
    }
    (log, failed)
}

fn expect(bytes: &[u8], log: &str) {
    for pieces in cuts(bytes) {
        assert_eq!(receive(&pieces), (log.to_owned(), false), "{pieces:x?}");
    }
}

#[test]
fn parts_joined_are_the_message() {
    expect(&masked(0x81, "Hello, wörld".as_bytes()), "Hello, wörld|");
    expect(&[masked(0x01, b"Hel"), masked(0x00, b"l"), masked(0x80, b"o")].concat(), "Hello|");
    expect(&[masked(0x82, b"\x00\xff"), masked(0x81, b"next")].concat(), "\\x00\\xff|next|");
}

#[test]
fn empty_messages_and_fragments_are_parts_only_where_they_end_one() {
    expect(&masked(0x81, b""), "|");
    expect(&[masked(0x01, b""), masked(0x00, b""), masked(0x80, b"")].concat(), "|");
    expect(&[masked(0x01, b"a"), masked(0x80, b"")].concat(), "a|");
}

#[test]
fn control_frames_go_between() {
    expect(&[masked(0x01, b"a"), masked(0x89, b"ping"), masked(0x80, b"b")].concat(), "ab|");
}

#[test]
fn text_ends_on_a_code_point_wherever_it_was_cut() {
    let text = "κόσμε 𝄞 日本語";
    for at in 0..=text.len() {
        let (head, tail) = text.as_bytes().split_at(at);
        let frames = [masked(0x01, head), masked(0x89, b""), masked(0x80, tail)].concat();
        expect(&frames, &format!("{text}|"));
    }
    let octets: Vec<u8> = text.bytes().flat_map(|octet| masked(0x00, &[octet])).collect();
    expect(&[masked(0x01, b""), octets, masked(0x80, b"")].concat(), &format!("{text}|"));
}

#[test]
fn bad_text_fails_wherever_it_was_cut() {
    for bad in [b"a\xff".as_slice(), b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"abc\xc3", b"\xf0\x9d\x84", b"\xc3("] {
        for at in 0..=bad.len() {
            let (head, tail) = bad.split_at(at);
            let frames = [masked(0x01, head), masked(0x80, tail), masked(0x81, b"never")].concat();
            for pieces in cuts(&frames) {
                let (log, failed) = receive(&pieces);
                assert!(failed && !log.contains('|'), "{bad:x?} at {at}: {log:?}");
            }
        }
    }
}

#[test]
fn a_gibibyte_passes_through_a_small_buffer() {
    let mut limits = Limits::default();
    (limits.message, limits.frame) = (1 << 30, 1 << 30);
    let (mut input, mut output) = (ReceiveBuffer::new(limits), SendBuffer::new());
    let mut conn = Connection::server(Negotiated::none());
    conn.receive_parts(true);
    input.extend_from_slice(b"\x82\xff\0\0\0\0\x40\0\0\0\0\0\0\0");
    let (mut received, mut ended) = (0u64, false);
    while !ended {
        let spare = conn.spare(&mut input);
        let n = spare.len();
        assert!(0 < n && n <= 64 << 10);
        conn.filled(n, &mut input);
        while let Some(event) = conn.receive(&mut input, &mut output) {
            if let Event::Message(part) = event {
                received += part.as_bytes().len() as u64;
                ended = !conn.has_more_parts();
            }
            if ended {
                break;
            }
        }
    }
    assert_eq!(received, 1 << 30);
}

#[test]
fn no_limit_on_fragments_forbids_a_message_of_one_frame() {
    let mut limits = Limits::default();
    (limits.fragments, limits.empty_fragments) = (0, 0);
    let (mut input, mut output) = (ReceiveBuffer::new(limits), SendBuffer::new());
    let mut conn = Connection::server(Negotiated::none());
    conn.receive_parts(true);
    input.extend_from_slice(&[masked(0x82, b"a"), masked(0x81, b""), masked(0x01, b"")].concat());
    assert!(matches!(conn.receive(&mut input, &mut output), Some(Event::Message(Message::Binary(_)))));
    assert!(matches!(conn.receive(&mut input, &mut output), Some(Event::Message(Message::Text(_)))));
    let Some(Event::Failed(failure)) = conn.receive(&mut input, &mut output) else { panic!("an empty fragment") };
    assert_eq!(failure, ProtocolError::TooManyEmptyFragments.at(7 + 6 + 1));
}

#[test]
fn the_limit_counts_all_parts() {
    let mut limits = Limits::default();
    limits.message = 4;
    let (mut input, mut output) = (ReceiveBuffer::new(limits), SendBuffer::new());
    let mut conn = Connection::server(Negotiated::none());
    conn.receive_parts(true);
    input.extend_from_slice(&[masked(0x02, b"abc"), masked(0x00, b"d"), masked(0x80, b"e")].concat());
    let mut last = None;
    while let Some(event) = conn.receive(&mut input, &mut output) {
        last = match event {
            Event::Failed(failure) => Some(failure),
            _ => None,
        };
    }
    assert_eq!(last, Some(ProtocolError::MessageTooBig.at(17)));
}

#[test]
fn a_message_sent_in_parts_holds_the_next_one_off() {
    let (mut conn, mut output) = (Connection::server(Negotiated::none()), SendBuffer::new());
    conn.send_part("a", false, &mut output).unwrap();
    assert_eq!(conn.send("b", &mut output), Err(UsageError::MessageUnfinished));
    assert_eq!(conn.send_part(b"b", true, &mut output), Err(UsageError::PartOfOtherKind));
    conn.ping(b"", &mut output).unwrap();
    conn.send_part("", false, &mut output).unwrap();
    conn.send_part("c", true, &mut output).unwrap();
    conn.send("d", &mut output).unwrap();
    assert_eq!(output.pending(), b"\x01\x01a\x89\x00\x00\x00\x80\x01c\x81\x01d");
}
