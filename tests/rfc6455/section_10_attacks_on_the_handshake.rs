//! RFC 6455 §10, on the way in: requests that are written to hurt.

use bowsprit::handshake::{Response, ServerHandshake};
use bowsprit::{Connection, Event, Limits, ProtocolError, ReceiveBuffer, SendBuffer, Status, UsageError};
use proptest::prelude::*;

use crate::support::handshake::{
    ACCEPTED, GOOD, Verdict, accept, encode, good_and, good_but, parse, status, verdict_within,
};

/// Is fed 1 MiB of `pattern` behind `head`; returns the status and after how many bytes it was known.
fn flood(head: &[u8], pattern: &[u8]) -> (u16, usize) {
    let mut input = ReceiveBuffer::new(Limits::default());
    let mut handshake = ServerHandshake::new();
    let bytes = head.iter().chain(pattern.iter().cycle()).take(1 << 20);
    for (at, byte) in bytes.enumerate() {
        input.extend_from_slice(&[*byte]);
        if let Err(error) = handshake.receive(&mut input) {
            return (error.status(), at + 1);
        }
    }
    (0, 1 << 20)
}

#[test]
fn a01_a_flood_is_refused_at_the_first_byte_over_a_limit() {
    let request_line = b"GET / HTTP/1.1\r\n";
    assert_eq!(flood(b"", b"A"), (414, (8 << 10) + 1));
    assert_eq!(flood(b"GET /", b"a"), (414, (8 << 10) + 1));
    assert_eq!(flood(request_line, b"X-Y: 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\r\n"), (431, (16 << 10) + 1));
}

#[test]
fn a03_one_endless_header_is_431() {
    assert_eq!(flood(b"GET / HTTP/1.1\r\nX: ", b"x"), (431, (16 << 10) + 1));
    assert_eq!(flood(b"GET / HTTP/1.1\r\n", b"X"), (431, (16 << 10) + 1));
}

#[test]
fn a04_headers_are_counted() {
    let line = b"GET / HTTP/1.1\r\n".len();
    assert_eq!(flood(b"GET / HTTP/1.1\r\n", b"a:b\r\n"), (431, line + 100 * 5 + 1));
    let head = |fields: usize| good_and("a:b\r\n".repeat(fields - 5).trim_end());
    assert_eq!(status(head(100)), 101);
    assert_eq!(status(head(101)), 431);
}

#[test]
fn a04_limits_hold_at_their_value_and_one_past_it() {
    let mut limits = Limits::default();
    limits.head = GOOD.len();
    limits.request_line = "GET /chat HTTP/1.1\r\n".len();
    limits.headers = 5;
    assert_eq!(verdict_within(GOOD, &limits).0, Verdict::Upgrade);
    for (head, request_line, headers, expected) in [(1, 0, 0, 431), (0, 1, 0, 414), (0, 0, 1, 431)] {
        let mut less = limits.clone();
        less.head -= head;
        less.request_line -= request_line;
        less.headers -= headers;
        assert_eq!(verdict_within(GOOD, &less).0.status(), expected);
    }
    limits.headers = 1000;
    limits.head = 1 << 20;
    assert_eq!(verdict_within(&good_and("a:b\r\n".repeat(900).trim_end()), &limits).0, Verdict::Upgrade);
}

#[test]
fn a11_control_characters_are_400_and_values_are_never_cut_again() {
    for byte in (0..=31u8).chain([127]).filter(|byte| *byte != b'\t') {
        for from in ["server", "Host", "/chat", "GET"] {
            let to = [&from.as_bytes()[..1], &[byte], &from.as_bytes()[1..]].concat();
            let head = good_but(from, &to);
            let place = head.windows(to.len()).position(|part| part == to).unwrap() + 1;
            assert_eq!(status(&head[..place]), 0, "before {byte:#x} in {from}");
            // A CR shows itself by what follows it.
            assert_eq!(status(&head[..place + if byte == b'\r' { 2 } else { 1 }]), 400, "{byte:#x} in {from}");
        }
    }
    // White space elsewhere: NEL, and what Unicode has.
    let head = good_and(b"X: a\x85b\xa0c\tUpgrade: d");
    assert_eq!(status(&head), 101);
    assert!(parse(&head).headers().any(|field| field == ("X", b"a\x85b\xa0c\tUpgrade: d")));
}

#[test]
fn a14_what_stands_behind_a_broken_head_is_discarded() {
    let smuggled = [&*good_but("Host:", "Host :"), GOOD].concat();
    assert_eq!(
        verdict_within(&smuggled, &Limits::default()),
        (Verdict::Refused(bowsprit::HandshakeError::HeaderName), vec![])
    );
}

#[test]
fn a15_a_second_request_behind_the_first_is_not_a_frame() {
    let (mut input, mut output) = (ReceiveBuffer::new(Limits::default()), SendBuffer::new());
    input.extend_from_slice(&[GOOD, b"\x81\x81\0\0\0\0a", GOOD].concat());
    let mut handshake = ServerHandshake::new();
    let Ok(Status::Complete(request)) = handshake.receive(&mut input) else { panic!() };
    let negotiated = request.check_upgrade().unwrap().accept(&Response::accept(), &mut output).unwrap();
    let mut conn = Connection::server(negotiated);
    assert!(matches!(conn.receive(&mut input, &mut output), Some(Event::Message(_))));
    let Some(Event::Failed(failure)) = conn.receive(&mut input, &mut output) else { panic!("must fail") };
    assert_eq!(failure, ProtocolError::UnknownOpcode(7).at(7));
    assert!(output.pending().starts_with(ACCEPTED.as_bytes()));
}

#[test]
fn a17_a18_nothing_is_injected_through_a_response() {
    for name in ["", "a b", "a:", "a\r\nb", "a\n", "a\0", "\u{e4}"] {
        assert_eq!(encode(&Response::new(200).header(name, "x")), Err(UsageError::InvalidHeaderName), "{name:?}");
    }
    for value in ["a\r\nX: y", "a\n", "a\r", "\0", "\x0b", "\x7f", "\u{e4}", "\u{85}"] {
        let response = Response::new(200).header("X", value).header("Y", "z").body("b");
        assert_eq!(encode(&response), Err(UsageError::InvalidHeaderValue), "{value:?}");
        assert_eq!(accept(GOOD, &Response::accept().header("X", value)), Err(UsageError::InvalidHeaderValue));
    }
    for name in [
        "Content-Length",
        "transfer-encoding",
        "CONNECTION",
        "upgrade",
        "Sec-WebSocket-Accept",
        "sec-websocket-protocol",
        "Sec-WebSocket-",
        "Sec-WebSocket-Anything",
    ] {
        assert_eq!(encode(&Response::new(200).header(name, "x")), Err(UsageError::InvalidHeaderName), "{name:?}");
    }
    let first = Response::new(200).header("X", "\n").header("a b", "x");
    assert_eq!(encode(&first), Err(UsageError::InvalidHeaderValue), "the first mistake is reported");
    assert!(encode(&Response::new(200).header("Sec-WebSocke", "t").header("X", " \t~")).is_ok());
}

#[test]
fn a19_hostile_lists_are_400() {
    for name in ["Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions"] {
        for (pattern, times) in [
            (" ", 15_000),
            (",", 15_000),
            (" ,", 7_500),
            ("\\c", 7_500),
            ("a=\"", 5_000),
            ("a;", 7_500),
            ("\"", 15_000),
        ] {
            assert_eq!(status(good_and(format!("{name}: {}", pattern.repeat(times)))), 400, "{name}: {pattern}");
        }
    }
    let unclosed = format!("Sec-WebSocket-Extensions: x; a=\"{}", "b\\".repeat(7_000));
    assert_eq!(status(good_and(unclosed)), 400);
}

#[test]
fn a20_names_mean_nothing_by_themselves() {
    let head = good_and("Sec-WebSocket-Extensions: constructor; __proto__=toString, __proto__");
    assert_eq!(status(&head), 101);
    assert_eq!(accept(&head, &Response::accept()).unwrap().0, ACCEPTED);
}

#[test]
fn a21_a_thousand_offers_are_a_thousand_offers() {
    let mut limits = Limits::default();
    limits.head = 64 << 10;
    let head = good_and(format!("Sec-WebSocket-Extensions: x{}", ", permessage-deflate".repeat(1000)));
    assert_eq!(verdict_within(&head, &limits).0, Verdict::Upgrade);
    let head = good_and(format!("Sec-WebSocket-Protocol: x{}", ",a".repeat(5000)));
    assert_eq!(status(&head), 101);
    assert_eq!(accept(&head, &Response::accept().subprotocol("b")), Err(UsageError::SubprotocolNotOffered));
}

/// Bytes that begin like a request more often than not.
fn garbage() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..4),
        prop::sample::select(vec![
            "GET ",
            "/ ",
            "HTTP/1.1",
            "\r\n",
            "\r\n\r\n",
            "Host: a",
            ": ",
            "Upgrade: websocket",
            "Connection: upgrade",
            "Sec-WebSocket-Key: ",
            "Sec-WebSocket-Extensions: ",
            "x; y=\"",
            "\\",
            "Content-Length: ",
            "Transfer-Encoding: ",
            "chunked",
            "Origin: http://",
            "[::",
            "]",
            "%",
            " ",
            ",",
            "http://",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn garbage_never_panics(bytes in garbage()) {
        let (_, behind) = verdict_within(&bytes, &Limits::default());
        prop_assert!(bytes.ends_with(&behind));
        if let Ok(Status::Complete((request, len))) = bowsprit::handshake::Request::parse(&bytes, &Limits::default()) {
            prop_assert!(len <= bytes.len());
            let _ = (request.path(), request.query(), request.host(), request.origin(), request.check_plain());
            let _ = (request.check_upgrade().is_ok(), request.subprotocols().count());
            let _ = request.extensions().map(|e| e.params().count()).sum::<usize>();
            let _ = bowsprit::handshake::OriginPolicy::SameHost.allows(&request);
        }
    }

    #[test]
    fn garbage_in_a_good_request_never_panics(at in 0..GOOD.len(), removed in 0..3usize, bytes in garbage()) {
        let end = (at + removed).min(GOOD.len());
        verdict_within(&[&GOOD[..at], &bytes, &GOOD[end..]].concat(), &Limits::default());
    }
}
