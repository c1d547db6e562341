//! RFC 6455 §4.1, first half: what a client sends.

use bowsprit::handshake::{ClientRequest, Request, Uri};
use bowsprit::{Connection, Limits, ReceiveBuffer, Role, SendBuffer, Status, UsageError};
use proptest::prelude::*;

use crate::support::answer::{GOOD_ANSWER, NONCE, request, start, waiting};
use crate::support::handshake::{Verdict, parse, verdict};
use crate::support::output;

const URI: &str = "ws://server.example.com/chat";

/// How often a field with this name comes, and its first value.
fn field(head: &str, name: &str) -> (usize, Option<String>) {
    let request = parse(head.as_bytes());
    let count = request.headers().filter(|(n, _)| n.eq_ignore_ascii_case(name)).count();
    (count, request.header(name).map(Into::into))
}

#[test]
fn r006_frames_come_after_the_answer() {
    let (mut input, mut output) = (ReceiveBuffer::new(Limits::default()), output(Role::Client));
    let mut handshake = request(URI).start(NONCE, &mut output).unwrap();
    let request = output.pending().to_vec();
    assert_eq!(verdict(&request), Verdict::Upgrade);
    input.extend_from_slice(&GOOD_ANSWER[..GOOD_ANSWER.len() - 1]);
    assert!(matches!(handshake.receive(&mut input), Ok(Status::Partial)));
    assert_eq!(output.pending(), request);
    input.extend_from_slice(b"\n");
    let Ok(Status::Complete(answer)) = handshake.receive(&mut input) else { panic!() };
    let mut conn = Connection::client(answer.check_upgrade().unwrap());
    conn.send("hi", &mut output).unwrap();
    assert_eq!(output.pending(), [&*request, b"\x81\x82\0\0\0\0hi"].concat());
}

#[test]
fn r015_the_rfcs_request_byte_by_byte() {
    let request = request(URI)
        .header("Cookie", "a=b")
        .subprotocol("chat")
        .origin("http://example.com")
        .header("Authorization", "Bearer x")
        .subprotocol("superchat")
        .header("Cookie", "c=d");
    assert_eq!(
        start(&request).unwrap(),
        "GET /chat HTTP/1.1\r\n\
         Host: server.example.com\r\n\
         Upgrade: websocket\r\n\
         Connection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Origin: http://example.com\r\n\
         Sec-WebSocket-Protocol: chat, superchat\r\n\
         Sec-WebSocket-Version: 13\r\n\
         Cookie: a=b\r\n\
         Authorization: Bearer x\r\n\
         Cookie: c=d\r\n\
         \r\n"
    );
    assert_eq!(verdict(start(&request).unwrap().as_bytes()), Verdict::Upgrade);
}

#[test]
fn r015_nothing_optional_is_sent_unasked() {
    assert_eq!(
        start(&request("wss://[::1]")).unwrap(),
        "GET / HTTP/1.1\r\n\
         Host: [::1]\r\n\
         Upgrade: websocket\r\n\
         Connection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Version: 13\r\n\
         \r\n"
    );
}

#[test]
fn r015_a_request_can_be_sent_again() {
    let request = request(URI);
    let mut output = SendBuffer::new();
    request.start([0; 16], &mut output).unwrap();
    request.start([1; 16], &mut output).unwrap();
    let text = String::from_utf8(output.pending().to_vec()).unwrap();
    assert!(text.contains("\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"));
    assert!(text.contains("\r\nSec-WebSocket-Key: AQEBAQEBAQEBAQEBAQEBAQ==\r\n"));
}

#[test]
fn r016_get_and_http_1_1() {
    for (uri, line) in [
        ("ws://a", "GET / HTTP/1.1\r\n"),
        ("ws://a/b?c", "GET /b?c HTTP/1.1\r\n"),
        ("wss://a?b", "GET /?b HTTP/1.1\r\n"),
        ("ws://a//b", "GET //b HTTP/1.1\r\n"),
    ] {
        assert!(start(&request(uri)).unwrap().starts_with(line), "{uri}");
    }
}

proptest! {
    #[test]
    fn r017_the_target_is_the_resource_name(resource in "(/([a-z:@!~]|%[0-9a-f]{2}){0,5}){0,3}(\\?[a-z=&/?]{0,8})?") {
        let uri = format!("ws://example.com{resource}");
        let head = start(&request(&uri)).unwrap();
        prop_assert_eq!(parse(head.as_bytes()).target(), Uri::parse(&uri).unwrap().resource_name());
        prop_assert_eq!(verdict(head.as_bytes()), Verdict::Upgrade);
    }
}

#[test]
fn r018_host_has_the_port_unless_it_is_the_schemes_own() {
    for (uri, host) in [
        ("ws://example.com/", "example.com"),
        ("ws://example.com:80/", "example.com"),
        ("ws://example.com:/", "example.com"),
        ("wss://example.com:443/", "example.com"),
        ("ws://example.com:443/", "example.com:443"),
        ("wss://example.com:80/", "example.com:80"),
        ("ws://example.com:8080/", "example.com:8080"),
        ("ws://example.com:08080/", "example.com:8080"),
        ("ws://127.0.0.1:9001", "127.0.0.1:9001"),
        ("ws://[::1]/", "[::1]"),
        ("ws://[::1]:80/", "[::1]"),
        ("ws://[::1]:9001/", "[::1]:9001"),
        ("WSS://[2001:DB8::1]:443", "[2001:DB8::1]"),
    ] {
        assert_eq!(field(&start(&request(uri)).unwrap(), "Host"), (1, Some(host.to_owned())), "{uri}");
    }
}

#[test]
fn r019_upgrade_names_websocket_once() {
    assert_eq!(field(&start(&request(URI)).unwrap(), "Upgrade"), (1, Some("websocket".into())));
}

#[test]
fn r020_connection_names_upgrade_once() {
    assert_eq!(field(&start(&request(URI)).unwrap(), "Connection"), (1, Some("Upgrade".into())));
}

proptest! {
    #[test]
    fn r021_key_is_the_nonce_in_canonical_base64(nonce in any::<[u8; 16]>()) {
        let mut output = SendBuffer::new();
        request(URI).start(nonce, &mut output).unwrap();
        let head = parse(output.pending());
        let upgrade = head.check_upgrade().unwrap();
        let key = upgrade.key();
        prop_assert_eq!(key.len(), 24);
        // Erratum 3150.
        prop_assert!(key.ends_with("==") && b"AQgw".contains(&key.as_bytes()[21]));
        prop_assert_eq!(decoded(key), nonce);
    }

    #[test]
    fn r022_another_nonce_is_another_key(a in any::<[u8; 16]>(), b in any::<[u8; 16]>()) {
        let key = |nonce| {
            let mut output = SendBuffer::new();
            request(URI).start(nonce, &mut output).unwrap();
            parse(output.pending()).check_upgrade().unwrap().key().to_owned()
        };
        prop_assert_eq!(key(a) == key(b), a == b);
    }
}

/// The bytes of 22 letters of base64.
fn decoded(key: &str) -> [u8; 16] {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = key.bytes().take(22).map(|byte| ALPHABET.iter().position(|&letter| letter == byte).unwrap() as u128);
    // 22 letters are 132 bits, of which the last 4 are padding.
    let bits = digits
        .enumerate()
        .fold(0, |bits, (at, digit)| bits | if at < 21 { digit << (122 - 6 * at) } else { digit >> 4 });
    bits.to_be_bytes()
}

#[test]
fn r023_origin_is_sent_if_given() {
    assert_eq!(field(&start(&request(URI)).unwrap(), "Origin"), (0, None));
    let given = request(URI).origin("null").origin("https://example.com:8443");
    assert_eq!(field(&start(&given).unwrap(), "Origin"), (1, Some("https://example.com:8443".into())));
    for origin in ["", " ", "https://a b", "https://\u{e4}", "a\r\nX: y", "a\0", "a\tb", "\x7f"] {
        assert_eq!(start(&request(URI).origin(origin)), Err(UsageError::InvalidHeaderValue), "{origin:?}");
    }
}

#[test]
fn r024_version_is_13_once() {
    assert_eq!(field(&start(&request(URI)).unwrap(), "Sec-WebSocket-Version"), (1, Some("13".into())));
}

#[test]
fn r025_subprotocols_are_tokens_and_none_comes_twice() {
    let offer = |names: &[&str]| start(&names.iter().fold(request(URI), |request, name| request.subprotocol(name)));
    for byte in 0..=127u8 {
        let name = format!("a{}b", char::from(byte));
        let is_token = (b'!'..=b'~').contains(&byte) && !b"()<>@,;:\\\"/[]?={}".contains(&byte);
        assert_eq!(offer(&[&name]).is_ok(), is_token, "{name:?}");
    }
    for (names, expected) in [
        (&["chat"][..], Ok("chat")),
        (&["v2.x", "chat", "Chat"], Ok("v2.x, chat, Chat")),
        (&[""], Err(UsageError::InvalidHeaderValue)),
        (&["chat", ""], Err(UsageError::InvalidHeaderValue)),
        (&["\u{e4}"], Err(UsageError::InvalidHeaderValue)),
        (&["chat, superchat"], Err(UsageError::InvalidHeaderValue)),
        (&["chat\r\nX: y"], Err(UsageError::InvalidHeaderValue)),
        (&["chat", "chat"], Err(UsageError::SubprotocolRepeated)),
        (&["a", "b", "a"], Err(UsageError::SubprotocolRepeated)),
    ] {
        let offered = offer(names).map(|head| field(&head, "Sec-WebSocket-Protocol"));
        assert_eq!(offered, expected.map(|value| (1, Some(value.to_owned()))), "{names:?}");
    }
}

#[test]
fn r026_the_request_is_all_that_is_sent_before_the_answer() {
    let mut output = SendBuffer::new();
    let mut handshake = request(URI).start(NONCE, &mut output).unwrap();
    let len = output.pending().len();
    assert!(output.pending().ends_with(b"\r\n\r\n"));
    let mut input = ReceiveBuffer::new(Limits::default());
    for byte in &GOOD_ANSWER[..GOOD_ANSWER.len() - 1] {
        input.extend_from_slice(&[*byte]);
        assert!(matches!(handshake.receive(&mut input), Ok(Status::Partial)));
    }
    assert_eq!(output.pending().len(), len);
    let Ok(Status::Complete((_, head_len))) = Request::parse(output.pending(), &Limits::default()) else { panic!() };
    assert_eq!(head_len, len);
}

#[test]
fn a18_a_header_of_the_callers_cannot_break_out() {
    for (name, value, mistake) in [
        ("X", "a\r\nY: b", Some(UsageError::InvalidHeaderValue)),
        ("X", "a\rb", Some(UsageError::InvalidHeaderValue)),
        ("X", "a\nb", Some(UsageError::InvalidHeaderValue)),
        ("X", "a\0b", Some(UsageError::InvalidHeaderValue)),
        ("X", "\x7f", Some(UsageError::InvalidHeaderValue)),
        ("X", "\u{e4}", Some(UsageError::InvalidHeaderValue)),
        ("X\r\nY", "a", Some(UsageError::InvalidHeaderName)),
        ("X: a", "b", Some(UsageError::InvalidHeaderName)),
        ("X ", "a", Some(UsageError::InvalidHeaderName)),
        ("", "a", Some(UsageError::InvalidHeaderName)),
        ("\u{e4}", "a", Some(UsageError::InvalidHeaderName)),
        ("X", "", None),
        ("X", " a\tb ", None),
        ("User-Agent", "bowsprit", None),
    ] {
        let head = start(&request(URI).header(name, value));
        assert_eq!(head.as_ref().err().copied(), mistake, "{name:?}: {value:?}");
        assert!(head.is_err() || verdict(head.unwrap().as_bytes()) == Verdict::Upgrade);
    }
}

#[test]
fn a18_what_the_library_writes_is_not_the_callers_to_write() {
    for name in [
        "Host",
        "HOST",
        "Origin",
        "Upgrade",
        "Connection",
        "Content-Length",
        "Transfer-Encoding",
        "Expect",
        "Sec-WebSocket-Key",
        "sec-websocket-protocol",
        "Sec-WebSocket-Extensions",
        "Sec-WebSocket-Version",
        "Sec-WebSocket-Anything",
    ] {
        assert_eq!(start(&request(URI).header(name, "1")), Err(UsageError::InvalidHeaderName), "{name}");
    }
    for name in ["Hosts", "Proxy-Connection", "Sec-WebSocket", "Sec-Fetch-Mode"] {
        assert!(start(&request(URI).header(name, "1")).is_ok(), "{name}");
    }
}

#[test]
fn the_first_mistake_is_the_one_reported() {
    let request: ClientRequest = request(URI).subprotocol("a").subprotocol("a").header("", "").origin("");
    assert_eq!(start(&request), Err(UsageError::SubprotocolRepeated));
    assert_eq!(start(&request.clone().subprotocol("b")), Err(UsageError::SubprotocolRepeated));
}

#[test]
fn a_handshake_owes_nothing_to_the_request() {
    fn is_static<T: Send + 'static>(_: &T) {}
    is_static(&waiting());
    is_static(&request(URI));
}
