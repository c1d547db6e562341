//! RFC 6455 §4.1, second half: what a client makes of the server's answer.

use std::time::Instant;

use bowsprit::handshake::{ClientRequest, Response, ServerHandshake, Uri, accept_key};
use bowsprit::{Connection, Event, HandshakeError, Limits, ReceiveBuffer, SendBuffer, Status};
use proptest::prelude::*;

use crate::support::answer::{
    GOOD_ANSWER, INTERIM, NONCE, OPEN, Outcome, answer_and, answer_but, check, outcome, outcome_within, request,
    waiting, with_answer,
};
use crate::support::handshake::{parse, rewritten};

const UPGRADE: &str = "Upgrade: websocket\r\n";
const CONNECTION: &str = "Connection: Upgrade\r\n";
const ACCEPT: &str = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
const STATUS_LINE: &str = "HTTP/1.1 101 Switching Protocols\r\n";

use HandshakeError::{
    AcceptNotOnce, BodyNotAllowed, ConnectionMissing, ContentLength, ControlCharacter, ExtensionNotOffered,
    FoldedHeader, HeadTooLong, HeaderName, HttpVersion, LineBreak, MalformedExtensions, NotHttp, StatusLine,
    SubprotocolNotOffered, SubprotocolRepeated, TooManyHeaders, TransferEncoding, UpgradeInHttp10, UpgradeMissing,
    UpgradeNotRequested, WrongAccept,
};
use Outcome::{Failed, Http, Partial};

#[test]
fn r027_the_rfcs_answer_opens() {
    assert_eq!(outcome(GOOD_ANSWER), OPEN);
}

#[test]
fn r027_only_101_opens() {
    for status in 100..=999 {
        let expected = match status {
            101 => OPEN,
            100..=199 => Partial, // another answer follows
            _ => Http(status),
        };
        assert_eq!(outcome(answer_but("101", status.to_string())), expected, "{status}");
    }
}

#[test]
fn r027_interim_answers_are_skipped() {
    let hundred = b"HTTP/1.1 100 \r\n\r\n";
    for interim in [&[INTERIM][..], &[hundred], &[hundred, INTERIM, INTERIM]] {
        let interim = interim.concat();
        assert_eq!(outcome(&interim), Partial);
        assert_eq!(outcome([&*interim, GOOD_ANSWER].concat()), OPEN);
        let refused = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(outcome([&*interim, refused].concat()), Http(403));
        assert_eq!(outcome([&*interim, b"x"].concat()), Failed(NotHttp));
    }
    // Their fields are not the answer's.
    let early = [&answer_but("101", "103")[..], b"HTTP/1.1 101 \r\n\r\n"].concat();
    assert_eq!(outcome(early), Failed(UpgradeMissing));
}

#[test]
fn r027_endless_interim_answers_reach_the_limit() {
    let mut handshake = waiting();
    let mut input = ReceiveBuffer::new(Limits::default());
    let endless = INTERIM.iter().cycle().take(1 << 20);
    let refused = endless.enumerate().find_map(|(at, byte)| {
        input.extend_from_slice(&[*byte]);
        handshake.receive(&mut input).err().map(|error| (at + 1, error))
    });
    assert_eq!(refused, Some(((16 << 10) + 1, HeadTooLong)));
}

#[test]
fn r027_a_refusal_can_be_read() {
    for (status, name, value) in [
        (401, "WWW-Authenticate", "Basic realm=\"chat\""),
        (307, "Location", "wss://other.example/chat"),
        (503, "Retry-After", "120"),
        (426, "Sec-WebSocket-Version", "13, 8"),
    ] {
        let answer = format!("HTTP/1.1 {status} Some Words\r\n{name}: {value}\r\nContent-Length: 4\r\n\r\nbody");
        with_answer(&answer, |answer| {
            assert_eq!(answer.check_upgrade(), Err(HandshakeError::NotSwitched));
            assert_eq!((answer.status(), answer.reason(), answer.minor_version()), (status, "Some Words", 1));
            assert_eq!(answer.header(&name.to_lowercase()), Some(value));
            assert_eq!(answer.headers().collect::<Vec<_>>(), [(name, value.as_bytes()), ("Content-Length", b"4")]);
        });
        assert_eq!(outcome_within(answer.as_bytes(), &Limits::default()), (Http(status), b"body".to_vec()));
    }
}

#[test]
fn r028_upgrade_is_websocket() {
    for (upgrade, expected) in [
        ("Upgrade: WebSocket\r\n", OPEN),
        ("upgrade:WEBSOCKET\r\n", OPEN),
        ("Upgrade: \twebsocket \t\r\n", OPEN),
        ("Upgrade: ,websocket ,\r\n", OPEN),
        ("Upgrade: websocket\r\nUpgrade:\r\n", OPEN),
        ("", Failed(UpgradeMissing)),
        ("Upgrade:\r\n", Failed(UpgradeMissing)),
        ("Upgrade: h2c\r\n", Failed(UpgradeMissing)),
        ("Upgrade: websockets\r\n", Failed(UpgradeMissing)),
        ("Upgrade: xwebsocket\r\n", Failed(UpgradeMissing)),
        ("Upgrade: web socket\r\n", Failed(UpgradeMissing)),
        ("Upgrade: websocket/13\r\n", Failed(UpgradeMissing)),
        ("Upgrade: \"websocket\"\r\n", Failed(UpgradeMissing)),
        ("Upgrades: websocket\r\n", Failed(UpgradeMissing)),
        ("Upgrade: h2c, websocket\r\n", Failed(UpgradeNotRequested)),
        ("Upgrade: websocket, h2c\r\n", Failed(UpgradeNotRequested)),
        ("Upgrade: websocket\r\nUpgrade: TLS/1.0\r\n", Failed(UpgradeNotRequested)),
    ] {
        assert_eq!(outcome(answer_but(UPGRADE, upgrade)), expected, "{upgrade:?}");
    }
}

#[test]
fn r029_connection_contains_the_token_upgrade() {
    for (connection, expected) in [
        ("Connection: upgrade\r\n", OPEN),
        ("connection:UPGRADE\r\n", OPEN),
        ("Connection: keep-alive, Upgrade\r\n", OPEN),
        ("Connection: upgrade,keep-alive\r\n", OPEN),
        ("Connection: keep-alive\r\nConnection: upgrade\r\n", OPEN),
        ("", Failed(ConnectionMissing)),
        ("Connection:\r\n", Failed(ConnectionMissing)),
        ("Connection: close\r\n", Failed(ConnectionMissing)),
        ("Connection: xupgradex\r\n", Failed(ConnectionMissing)),
        ("Connection: upgrade2\r\n", Failed(ConnectionMissing)),
        ("Connection: keep-alive upgrade\r\n", Failed(ConnectionMissing)),
        ("Connection: upgrade;q=1\r\n", Failed(ConnectionMissing)),
        ("Proxy-Connection: upgrade\r\n", Failed(ConnectionMissing)),
    ] {
        assert_eq!(outcome(answer_but(CONNECTION, connection)), expected, "{connection:?}");
    }
}

#[test]
fn r030_accept_is_compared_exactly() {
    for (accept, expected) in [
        ("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", OPEN),
        (" \t s3pPLMBiTxaQ9kYGzzhZRbK+xOo= \t", OPEN),
        ("S3pPLMBiTxaQ9kYGzzhZRbK+xOo=", Failed(WrongAccept)),
        ("s3pplmbitxaq9kygzzhzrbk+xoo=", Failed(WrongAccept)),
        ("s3pPLMBiTxaQ9kYGzzhZRbK+xOo", Failed(WrongAccept)),
        ("s3pPLMBiTxaQ9kYGzzhZRbK+xOo==", Failed(WrongAccept)),
        ("s3pPLMBiTxaQ9kYGzzhZRbK+xOp=", Failed(WrongAccept)), // the same bytes
        ("s3pPLMBiTxaQ9kYGzzhZRbK-xOo=", Failed(WrongAccept)),
        ("\"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\"", Failed(WrongAccept)),
        ("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=,", Failed(WrongAccept)),
        ("s3pPLMBiTxaQ9kYG zzhZRbK+xOo=", Failed(WrongAccept)),
        ("dGhlIHNhbXBsZSBub25jZQ==", Failed(WrongAccept)), // the key itself
        ("", Failed(WrongAccept)),
    ] {
        let answer = answer_but("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", accept);
        assert_eq!(outcome(answer), expected, "{accept:?}");
    }
    assert_eq!(outcome(answer_but(ACCEPT, "")), Failed(AcceptNotOnce));
}

proptest! {
    #[test]
    fn r030_accept_of_another_key_is_wrong(nonce in any::<[u8; 16]>(), other in any::<[u8; 16]>()) {
        let mut output = SendBuffer::new();
        let mut handshake = request("ws://a").start(nonce, &mut output).unwrap();
        let key = |nonce| {
            let mut output = SendBuffer::new();
            request("ws://a").start(nonce, &mut output).unwrap();
            parse(output.pending()).header("Sec-WebSocket-Key").unwrap().to_owned()
        };
        let mut input = ReceiveBuffer::new(Limits::default());
        input.extend_from_slice(&answer_but("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", &*accept_key(&key(other))));
        let Ok(Status::Complete(answer)) = handshake.receive(&mut input) else { panic!() };
        prop_assert_eq!(check(&answer), if nonce == other { OPEN } else { Failed(WrongAccept) });
    }
}

#[test]
fn r030_accept_wrong_by_one_bit_fails() {
    let at = GOOD_ANSWER.windows(4).position(|part| part == b"s3pP").unwrap();
    for bit in 0..28 * 8 {
        let mut answer = GOOD_ANSWER.to_vec();
        answer[at + bit / 8] ^= 1 << (bit % 8);
        assert!(matches!(outcome(&answer), Failed(_)), "{}", answer.escape_ascii());
    }
}

#[test]
fn r031_an_extension_that_was_not_offered_fails() {
    for extension in ["x", "permessage-deflate", "x; a=b", ",x", "x, y", "x; a=\"b\""] {
        let answer = answer_and(format!("Sec-WebSocket-Extensions: {extension}"));
        assert_eq!(outcome(answer), Failed(ExtensionNotOffered), "{extension:?}");
    }
}

#[test]
fn r032_a_subprotocol_that_was_not_offered_fails() {
    for (value, expected) in [
        ("chat", Outcome::Open(Some("chat".into()))),
        (" \tsuperchat\t ", Outcome::Open(Some("superchat".into()))),
        ("Chat", Failed(SubprotocolNotOffered)),
        ("cha", Failed(SubprotocolNotOffered)),
        ("chats", Failed(SubprotocolNotOffered)),
        ("mqtt", Failed(SubprotocolNotOffered)),
        ("", Failed(SubprotocolNotOffered)),
        ("chat, superchat", Failed(SubprotocolNotOffered)),
        ("chat,", Failed(SubprotocolNotOffered)),
        ("\"chat\"", Failed(SubprotocolNotOffered)),
    ] {
        assert_eq!(outcome(answer_and(format!("Sec-WebSocket-Protocol: {value}"))), expected, "{value:?}");
    }
}

#[test]
fn r032_without_an_offer_every_subprotocol_fails() {
    let mut handshake = request("ws://a").start(NONCE, &mut SendBuffer::new()).unwrap();
    for value in ["chat", "", "*"] {
        let mut input = ReceiveBuffer::new(Limits::default());
        input.extend_from_slice(&answer_and(format!("Sec-WebSocket-Protocol: {value}")));
        let Ok(Status::Complete(answer)) = handshake.receive(&mut input) else { panic!() };
        assert_eq!(check(&answer), Failed(SubprotocolNotOffered), "{value:?}");
    }
}

#[test]
fn r033_a_status_line_has_one_form() {
    for (line, expected) in [
        ("HTTP/1.1 101 Switching Protocols\r\n", OPEN),
        ("HTTP/1.0 101 Switching Protocols\r\n", Failed(UpgradeInHttp10)),
        ("HTTP/1.2 101 Switching Protocols\r\n", Failed(HttpVersion)),
        ("HTTP/2 101 Switching Protocols\r\n", Failed(HttpVersion)),
        ("HTTP/2.0 101 Switching Protocols\r\n", Failed(HttpVersion)),
        ("HTTP/0.9 101 Switching Protocols\r\n", Failed(HttpVersion)),
        ("HTTP/1.10 101 Switching Protocols\r\n", Failed(HttpVersion)),
        ("HTTP/11 101 Switching Protocols\r\n", Failed(HttpVersion)),
        ("HTTP/1.1\r\n", Failed(HttpVersion)),
        ("http/1.1 101 Switching Protocols\r\n", Failed(NotHttp)),
        ("ICY 101 Switching Protocols\r\n", Failed(NotHttp)),
        (" HTTP/1.1 101 Switching Protocols\r\n", Failed(NotHttp)),
        ("\r\nHTTP/1.1 101 Switching Protocols\r\n", Failed(NotHttp)),
        ("101 Switching Protocols\r\n", Failed(NotHttp)),
        ("", Failed(NotHttp)),
        ("HTTP/1.1  101 Switching Protocols\r\n", Failed(StatusLine)),
        ("HTTP/1.1 10 Switching Protocols\r\n", Failed(StatusLine)),
        ("HTTP/1.1 1011 Switching Protocols\r\n", Failed(StatusLine)),
        ("HTTP/1.1 0101 Switching Protocols\r\n", Failed(StatusLine)),
        ("HTTP/1.1 +101 Switching Protocols\r\n", Failed(StatusLine)),
        ("HTTP/1.1 1O1 Switching Protocols\r\n", Failed(StatusLine)),
        ("HTTP/1.1 099 Switching Protocols\r\n", Failed(StatusLine)),
        ("HTTP/1.1 Switching Protocols\r\n", Failed(StatusLine)),
        ("HTTP/1.1 101Switching Protocols\r\n", Failed(StatusLine)),
        ("HTTP/1.1 101\tSwitching Protocols\r\n", Failed(StatusLine)),
        ("HTTP/1.1 101\r\n", Failed(StatusLine)),
        ("HTTP/1.1 \r\n", Failed(StatusLine)),
        ("GET / HTTP/1.1\r\n", Failed(NotHttp)),
    ] {
        assert_eq!(outcome(answer_but(STATUS_LINE, line)), expected, "{line:?}");
    }
}

#[test]
fn r033_every_single_field_mutation_fails() {
    for (from, to) in [
        (UPGRADE, ""),
        (CONNECTION, ""),
        (ACCEPT, ""),
        ("Upgrade: w", "Upgrade : w"),
        ("Connection:", " Connection:"),
        ("Connection:", "\tConnection:"),
        ("Sec-WebSocket-Accept:", "Sec-WebSocket-Accept"),
        ("Sec-WebSocket-Accept:", "Sec WebSocket Accept:"),
        ("Sec-WebSocket-Accept:", "Sec-WebSocket-Key:"),
        ("websocket\r\n", "websocket\r\n \r\n"),
        ("websocket\r\n", "\r\n websocket\r\n"),
        (UPGRADE, "no colon\r\n"),
        (UPGRADE, ": websocket\r\n"),
    ] {
        assert!(matches!(outcome(answer_but(from, to)), Failed(_)), "{from:?} -> {to:?}");
    }
}

#[test]
fn r033_http_grammar_is_that_of_requests() {
    for (from, to, expected) in [
        ("Upgrade: websocket", "Upgrade : websocket", HeaderName),
        ("Upgrade: websocket", "Upgr\u{e4}de: websocket", HeaderName),
        ("Upgrade: websocket\r\n", "Upgrade:\r\n websocket\r\n", FoldedHeader),
        ("Protocols\r\n", "Protocols\r\n X: y\r\n", FoldedHeader),
        ("Switching", "Swit\0ching", ControlCharacter),
        ("websocket", "web\x0bsocket", ControlCharacter),
        ("websocket", "web\x7fsocket", ControlCharacter),
    ] {
        assert_eq!(outcome(answer_but(from, to)), Failed(expected), "{to:?}");
    }
}

#[test]
fn r033_a_control_character_anywhere_fails() {
    for at in 0..GOOD_ANSWER.len() - 1 {
        for byte in [0, 0x7f] {
            let mut answer = GOOD_ANSWER.to_vec();
            answer[at] = byte;
            assert!(matches!(outcome(&answer), Failed(_)), "{byte:#x} at {at}");
        }
    }
}

#[test]
fn r033_what_is_no_answer_fails_at_the_first_byte_that_shows_it() {
    for (bytes, expected) in [
        (&b"S"[..], NotHttp), // SSH
        (b"\x15", NotHttp),   // TLS
        (b"\x81", NotHttp),   // a frame
        (b"\n", NotHttp),
        (b"<", NotHttp),
        (b"HTTX", NotHttp),
        (b"HTTP ", NotHttp),
        (b"HTTP/2", HttpVersion),
        (b"HTTP/1.1 a", StatusLine),
        (b"HTTP/1.1 0", StatusLine),
        (b"HTTP/1.1 1010", StatusLine),
        (b"HTTP/1.1 101\t", StatusLine),
        (b"HTTP/1.1 101 \n", LineBreak),
        (b"HTTP/1.1 101 \r\r", LineBreak),
        (b"HTTP/1.1 101 \r\n(", HeaderName),
    ] {
        assert_eq!(outcome(&bytes[..bytes.len() - 1]), Partial, "{}", bytes.escape_ascii());
        assert_eq!(outcome(bytes), Failed(expected), "{}", bytes.escape_ascii());
    }
}

#[test]
fn r033_every_part_of_a_good_answer_is_only_part_of_one() {
    for len in 0..GOOD_ANSWER.len() {
        assert_eq!(outcome(&GOOD_ANSWER[..len]), Partial, "{len} bytes");
    }
}

#[test]
fn r033_limits_hold_at_their_value_and_one_past_it() {
    let mut limits = Limits::default();
    limits.head = GOOD_ANSWER.len();
    limits.headers = 3;
    limits.request_line = 0; // a request's
    assert_eq!(outcome_within(GOOD_ANSWER, &limits).0, OPEN);
    for (head, headers, expected) in [(1, 0, HeadTooLong), (0, 1, TooManyHeaders)] {
        let mut less = limits.clone();
        less.head -= head;
        less.headers -= headers;
        assert_eq!(outcome_within(GOOD_ANSWER, &less).0, Failed(expected));
    }
    limits.head += INTERIM.len();
    assert_eq!(outcome_within(&[INTERIM, GOOD_ANSWER].concat(), &limits).0, OPEN);
    limits.head -= 1;
    assert_eq!(outcome_within(&[INTERIM, GOOD_ANSWER].concat(), &limits).0, Failed(HeadTooLong));
}

#[test]
fn r033_a_flood_is_refused_at_the_first_byte_over_a_limit() {
    for (head, pattern, expected) in [
        (&b"HTTP/1.1 101 "[..], &b"a"[..], ((16 << 10) + 1, HeadTooLong)),
        (b"HTTP/1.1 101 \r\nX:", b" ", ((16 << 10) + 1, HeadTooLong)),
        (b"HTTP/1.1 101 \r\n", b"X", ((16 << 10) + 1, HeadTooLong)),
        (b"HTTP/1.1 101 \r\n", b"a:b\r\n", (15 + 100 * 5 + 1, TooManyHeaders)),
    ] {
        let mut handshake = waiting();
        let mut input = ReceiveBuffer::new(Limits::default());
        let bytes = head.iter().chain(pattern.iter().cycle()).take(1 << 20);
        let refused = bytes.enumerate().find_map(|(at, byte)| {
            input.extend_from_slice(&[*byte]);
            handshake.receive(&mut input).err().map(|error| (at + 1, error))
        });
        assert_eq!(refused, Some(expected));
    }
}

#[test]
fn r033_after_a_failure_nothing_is_read() {
    let mut handshake = waiting();
    let mut input = ReceiveBuffer::new(Limits::default());
    for bytes in [&b"SSH-2.0-OpenSSH\r\n"[..], GOOD_ANSWER, b""] {
        input.extend_from_slice(bytes);
        assert_eq!(handshake.receive(&mut input).err(), Some(NotHttp));
        assert!(input.unread().is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn r034_case_and_order_of_an_answers_fields_do_not_matter(
        rank in prop::collection::vec(any::<u32>(), 3),
        upper in prop::collection::vec(any::<bool>(), 1..40),
    ) {
        prop_assert_eq!(outcome(rewritten(GOOD_ANSWER, &rank, &upper)), OPEN);
    }
}

#[test]
fn r058_a_malformed_extension_in_the_answer_fails() {
    for value in ["", ",", "x; a=\"b c\"", "x; a=\"b", "x; a=", "x;", ";a", "x y", "\"x\"", "x; a=\"\"", "x, ;"] {
        let answer = answer_and(format!("Sec-WebSocket-Extensions: {value}"));
        assert_eq!(outcome(answer), Failed(MalformedExtensions), "{value:?}");
    }
}

#[test]
fn r132_an_unclosed_quote_is_refused_in_linear_time() {
    let mut limits = Limits::default();
    limits.head = 1 << 20;
    for pattern in ["\\c", " ", ",", "\"", ";a", "a,"] {
        let head = format!("Sec-WebSocket-Extensions: x; a=\"{}", pattern.repeat((512 << 10) / pattern.len()));
        let answer = answer_and(head);
        let mut input = ReceiveBuffer::new(limits.clone());
        input.extend_from_slice(&answer);
        let start = Instant::now();
        let mut handshake = waiting();
        let Ok(Status::Complete(answer)) = handshake.receive(&mut input) else { panic!() };
        assert_eq!(check(&answer), Failed(MalformedExtensions), "{pattern:?}");
        assert!(start.elapsed().as_secs() < 2, "{pattern:?}: {:?}", start.elapsed());
    }
}

#[test]
fn r143_extensions_over_several_lines_are_one_list() {
    for (lines, expected) in [
        ("Sec-WebSocket-Extensions:\r\nSec-WebSocket-Extensions: x", ExtensionNotOffered),
        ("Sec-WebSocket-Extensions: x\r\nsec-websocket-extensions: y", ExtensionNotOffered),
        ("Sec-WebSocket-Extensions: x\r\nSec-WebSocket-Extensions: =", MalformedExtensions),
        ("Sec-WebSocket-Extensions:\r\nSec-WebSocket-Extensions: ,", MalformedExtensions),
    ] {
        assert_eq!(outcome(answer_and(lines)), Failed(expected), "{lines:?}");
    }
}

#[test]
fn r144_two_accept_values_fail() {
    for accept in ["s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "AAAAAAAAAAAAAAAAAAAAAAAAAAA=", ""] {
        assert_eq!(outcome(answer_and(format!("sec-websocket-accept: {accept}"))), Failed(AcceptNotOnce), "{accept:?}");
    }
    let list = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=, s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
    assert_eq!(outcome(answer_but("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", list)), Failed(WrongAccept));
}

#[test]
fn r145_two_subprotocols_in_the_answer_fail() {
    for (first, second) in [("chat", "chat"), ("chat", "superchat"), ("chat", ""), ("", "chat")] {
        let lines = format!("Sec-WebSocket-Protocol: {first}\r\nsec-websocket-protocol: {second}");
        assert_eq!(outcome(answer_and(&lines)), Failed(SubprotocolRepeated), "{lines:?}");
    }
}

#[test]
fn h02_bare_cr_or_lf_in_the_answer_fails() {
    for (from, to) in [
        ("Switching", "Swi\rtching"),
        ("Connection", "Conn\rection"),
        ("websocket", "web\rsocket"),
        ("HTTP/1.1 101", "HTTP/1.1\r 101"),
        ("Protocols\r\n", "Protocols\n"),
        ("websocket\r\n", "websocket\n"),
        ("xOo=\r\n\r\n", "xOo=\r\n\n"),
    ] {
        assert!(matches!(outcome(answer_but(from, to)), Failed(LineBreak | HttpVersion | HeaderName)), "{to:?}");
    }
}

#[test]
fn h20_the_phrase_means_nothing() {
    for (phrase, read) in [
        ("", ""),
        ("OK", "OK"),
        ("404 Not Found", "404 Not Found"),
        ("Web Socket Protocol Handshake", "Web Socket Protocol Handshake"),
        (" \t", " \t"),
        (": HTTP/1.1 403", ": HTTP/1.1 403"),
        ("\u{e4}\u{f6}", ""),
    ] {
        let answer = answer_but("Switching Protocols", phrase);
        assert_eq!(outcome(&answer), OPEN, "{phrase:?}");
        assert_eq!(with_answer(&answer, |answer| answer.reason().to_owned()), read);
    }
}

#[test]
fn a45_window_bits_that_nobody_offered_fail() {
    for bits in ["7", "8", "08", "16", "\"15\"", "15"] {
        for name in ["client_max_window_bits", "server_max_window_bits"] {
            let answer = answer_and(format!("Sec-WebSocket-Extensions: permessage-deflate; {name}={bits}"));
            assert_eq!(outcome(answer), Failed(ExtensionNotOffered), "{name}={bits}");
        }
    }
}

#[test]
fn a59_a_101_with_a_body_fails() {
    for (line, expected) in [
        ("Content-Length: 0", OPEN),
        ("Content-Length: 00", OPEN),
        ("Content-Length: 1", Failed(BodyNotAllowed)),
        ("Content-Length: 18446744073709551615", Failed(BodyNotAllowed)),
        ("Content-Length: 18446744073709551616", Failed(ContentLength)),
        ("Content-Length: +0", Failed(ContentLength)),
        ("Content-Length:", Failed(ContentLength)),
        ("Content-Length: 0\r\nContent-Length: 0", Failed(ContentLength)),
        ("Transfer-Encoding: chunked", Failed(BodyNotAllowed)),
        ("Transfer-Encoding: identity", Failed(TransferEncoding)),
        ("Transfer-Encoding:", Failed(TransferEncoding)),
        ("Content-Length: 0\r\nTransfer-Encoding: chunked", Failed(ContentLength)),
    ] {
        assert_eq!(outcome(answer_and(line)), expected, "{line:?}");
    }
}

#[test]
fn a59_a_200_that_upgrades_does_not_open() {
    assert_eq!(outcome(answer_but("101 Switching Protocols", "200 OK")), Http(200));
    assert_eq!(outcome(answer_but("HTTP/1.1 101", "HTTP/1.0 200")), Http(200));
}

#[test]
fn bytes_behind_the_head_stay_for_the_connection() {
    for behind in [&b"\x81\x05Hello"[..], b"\0", b"\r\n", GOOD_ANSWER, &[0xff; 300]] {
        for interim in [&b""[..], INTERIM] {
            let bytes = [interim, GOOD_ANSWER, behind].concat();
            assert_eq!(outcome_within(&bytes, &Limits::default()), (OPEN, behind.to_vec()));
        }
    }
}

#[test]
fn unknown_fields_are_ignored_and_can_be_read() {
    let answer = answer_and(b"Set-Cookie: a=b\r\nX-Latin: caf\xe9\r\nset-cookie: c=d\r\nSec-WebSocket-Version: 13");
    assert_eq!(outcome(&answer), OPEN);
    with_answer(&answer, |answer| {
        assert_eq!(answer.header("SET-COOKIE"), Some("a=b"));
        assert_eq!(answer.header("X-Latin"), None);
        assert!(answer.headers().any(|field| field == ("X-Latin", b"caf\xe9")));
        assert_eq!(answer.headers().count(), 7);
    });
}

/// What came of a client and a server.
struct Opened {
    /// What the server read.
    target: String,
    headers: Vec<(String, Vec<u8>)>,
    outcome: Outcome,
}

/// Lets a client and a server open a connection; `cut` is where each one's bytes are cut in two.
fn open(request: &ClientRequest, chosen: Option<&str>, cut: usize) -> Opened {
    let (mut output, mut answer_output) = (SendBuffer::new(), SendBuffer::new());
    let mut client = request.start(NONCE, &mut output).unwrap();
    let mut server = ServerHandshake::new();
    let mut input = ReceiveBuffer::new(Limits::default());

    let cut_at = |bytes: &[u8]| cut % bytes.len();
    let (first, rest) = output.pending().split_at(cut_at(output.pending()));
    input.extend_from_slice(first);
    assert!(matches!(server.receive(&mut input), Ok(Status::Partial)));
    input.extend_from_slice(rest);
    let Ok(Status::Complete(seen)) = server.receive(&mut input) else { panic!() };
    let upgrade = seen.check_upgrade().unwrap();
    let response = chosen.into_iter().fold(Response::accept(), Response::subprotocol);
    let agreed = upgrade.accept(&response.header("X-Server", "1"), &mut answer_output).unwrap();
    let target = seen.target().to_owned();
    let headers = seen.headers().map(|(name, value)| (name.to_owned(), value.to_vec())).collect();
    drop(seen);

    Connection::server(agreed.clone()).send("Hello", &mut answer_output).unwrap();
    let (first, rest) = answer_output.pending().split_at(cut_at(GOOD_ANSWER));
    input.extend_from_slice(first);
    assert!(matches!(client.receive(&mut input), Ok(Status::Partial)));
    input.extend_from_slice(rest);
    let Ok(Status::Complete(answer)) = client.receive(&mut input) else { panic!() };
    assert_eq!(answer.header("X-Server"), Some("1"));
    let outcome = check(&answer);
    let negotiated = answer.check_upgrade().unwrap();
    drop(answer);
    assert_eq!(negotiated, agreed);
    let mut conn = Connection::client(negotiated);
    let event = conn.receive(&mut input, &mut output);
    assert!(matches!(event, Some(Event::Message(message)) if message.as_bytes() == b"Hello"));
    Opened { target, headers, outcome }
}

proptest! {
    #[test]
    fn r027_client_and_server_come_together(
        resource in "(/[a-z]{0,6}){0,3}(\\?[a-z=&]{1,8})?",
        port in prop::option::of(1..=65535u16),
        fields in prop::collection::vec(("X-[a-zA-Z0-9!#]{1,8}", "[!-~]([ -~\t]{0,12}[!-~])?"), 0..6),
        offered in prop::collection::btree_set("[a-zA-Z.]{1,6}", 0..4),
        choice in any::<prop::sample::Index>(),
        cut in any::<usize>(),
    ) {
        let authority = port.map_or("example.com".into(), |port| format!("example.com:{port}"));
        let request = request(&format!("ws://{authority}{resource}"));
        let request = fields.iter().fold(request, |request, (name, value)| request.header(name, value));
        let request = offered.iter().fold(request, |request, name| request.subprotocol(name));
        let chosen = offered.iter().nth(choice.index(offered.len() + 1)).map(|name| &**name);
        let opened = open(&request, chosen, cut);
        prop_assert_eq!(opened.target, Uri::parse(&format!("ws://a{resource}")).unwrap().resource_name());
        for (name, value) in &fields {
            prop_assert!(opened.headers.contains(&(name.clone(), value.clone().into_bytes())));
        }
        prop_assert_eq!(opened.outcome, Outcome::Open(chosen.map(Into::into)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn r033_no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        outcome(&bytes);
        outcome([&b"HTTP/1.1 101 "[..], &bytes].concat());
        outcome(answer_and(&bytes));
    }

    #[test]
    fn r033_no_mutation_panics(
        at in 0..GOOD_ANSWER.len(),
        removed in 0..6usize,
        inserted in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(b"\r\n \t:,1".to_vec())], 0..6),
    ) {
        let end = (at + removed).min(GOOD_ANSWER.len());
        outcome([&GOOD_ANSWER[..at], &inserted, &GOOD_ANSWER[end..]].concat());
    }
}
