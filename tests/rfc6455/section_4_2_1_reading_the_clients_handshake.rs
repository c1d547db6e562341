//! RFC 6455 §4.2.1: reading the client's opening handshake.

use bowsprit::handshake::Request;

use crate::support::handshake::{GOOD, Verdict, good_and, good_but, parse, status, verdict};

const HOST: &str = "Host: server.example.com\r\n";
const UPGRADE: &str = "Upgrade: websocket\r\n";
const CONNECTION: &str = "Connection: Upgrade\r\n";
const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const VERSION: &str = "Sec-WebSocket-Version: 13\r\n";

#[test]
fn r035_the_rfcs_request_is_accepted() {
    assert_eq!(verdict(GOOD), Verdict::Upgrade);
}

#[test]
fn r035_every_single_field_mutation_is_refused() {
    let removed: [(&str, &str, u16); 5] =
        [(HOST, "", 400), (UPGRADE, "", 426), (CONNECTION, "", 426), (KEY, "", 400), (VERSION, "", 426)];
    let emptied = [
        (HOST, "Host:\r\n", 400),
        (UPGRADE, "Upgrade:\r\n", 426),
        (CONNECTION, "Connection:\r\n", 426),
        (KEY, "Sec-WebSocket-Key:\r\n", 400),
        (VERSION, "Sec-WebSocket-Version:\r\n", 426),
    ];
    let misnamed = [
        ("Host:", "Hosts:", 400),
        ("Upgrade:", "Upgrades:", 426),
        ("Connection:", "Proxy-Connection:", 426),
        ("Sec-WebSocket-Key:", "Sec-WebSocket-Key1:", 400),
        ("Sec-WebSocket-Version:", "Sec-WebSocket-Draft:", 426),
    ];
    let mistaken = [
        ("GET /chat HTTP/1.1", "PUT /chat HTTP/1.1", 405),
        ("GET /chat HTTP/1.1", "GET chat HTTP/1.1", 400),
        ("GET /chat HTTP/1.1", "GET /chat HTTP/1.2", 400),
        ("Host: server", "Host: ser ver", 400),
        ("Upgrade: websocket", "Upgrade: h2c", 426),
        ("Connection: Upgrade", "Connection: close", 426),
        ("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25j", 400),
        ("Version: 13", "Version: 8", 426),
    ];
    for (from, to, expected) in removed.iter().chain(&emptied).chain(&misnamed).chain(&mistaken) {
        assert_eq!(status(good_but(from, to)), *expected, "{from:?} -> {to:?}");
    }
}

#[test]
fn r035_a_control_character_anywhere_is_refused() {
    for at in 0..GOOD.len() - 1 {
        let mut request = GOOD.to_vec();
        request[at] = 0;
        assert_eq!(status(&request), 400, "NUL at {at}");
    }
}

#[test]
fn r035_every_part_of_a_good_request_is_only_part_of_one() {
    for len in 0..GOOD.len() {
        assert_eq!(status(&GOOD[..len]), 0, "{len} bytes");
    }
}

#[test]
fn r036_another_method_than_get_is_405() {
    for method in ["POST", "PUT", "HEAD", "OPTIONS", "DELETE", "CONNECT", "PRI", "get", "GETT", "M-SEARCH", "!"] {
        assert_eq!(status(good_but("GET", method)), 405, "{method}");
    }
}

#[test]
fn r036_another_version_than_1_1_is_refused() {
    for (version, expected) in [
        ("HTTP/1.0", 426),
        ("HTTP/0.9", 400),
        ("HTTP/1.2", 400),
        ("HTTP/1.10", 400),
        ("HTTP/1.", 400),
        ("HTTP/2.0", 400),
        ("HTTP/2", 400),
        ("http/1.1", 400),
        ("HTTP/11", 400),
        ("HTTP /1.1", 400),
        ("", 400),
    ] {
        assert_eq!(status(good_but("HTTP/1.1", version)), expected, "{version:?}");
    }
}

#[test]
fn r037_target_is_a_path_or_an_absolute_http_uri() {
    for (target, expected) in [
        ("/", 101),
        ("/chat?room=1", 101),
        ("/chat?a?b", 101),
        ("//", 101),
        ("/%zz|^{}", 101),
        ("http://server.example.com/chat", 101),
        ("HTTPS://server.example.com:443/chat?x", 101),
        ("http://server.example.com", 101),
        ("http://server.example.com?x", 101),
        ("http://[::1]:8080/", 101),
        ("*", 400),
        ("server.example.com:80", 400),
        ("chat", 400),
        ("?x", 400),
        ("/chat#top", 400),
        ("http://server.example.com/#top", 400),
        ("http://", 400),
        ("http:///chat", 400),
        ("http://user@server.example.com/chat", 400),
        ("http://server.example.com:port/chat", 400),
        ("ftp://server.example.com/chat", 400),
        ("ws://server.example.com/chat", 400),
        ("javascript://x/", 400),
        ("/ch\u{e4}t", 400),
    ] {
        assert_eq!(status(good_but("/chat", target)), expected, "{target:?}");
    }
}

#[test]
fn r037_resource_name_of_both_forms() {
    for (target, path, query) in [
        ("/", "/", None),
        ("/chat", "/chat", None),
        ("/chat?", "/chat", Some("")),
        ("/chat?room=1&x=/?y", "/chat", Some("room=1&x=/?y")),
        ("http://example.com", "/", None),
        ("http://example.com?q", "/", Some("q")),
        ("http://example.com/a/b?q=http://x/", "/a/b", Some("q=http://x/")),
        ("/a?b=http://c/d", "/a", Some("b=http://c/d")),
        ("*", "*", None),
    ] {
        let request = Request::from_parts("GET", target, []);
        assert_eq!((request.target(), request.path(), request.query()), (target, path, query));
    }
}

#[test]
fn r038_exactly_one_valid_host() {
    for (host, expected) in [
        ("Host: localhost\r\n", 101),
        ("Host: a-b.c_d.example:8080\r\n", 101),
        ("Host: example.com.\r\n", 101),
        ("Host: 127.0.0.1:65535\r\n", 101),
        ("Host: [::1]\r\n", 101),
        ("Host: [2001:db8::1]:443\r\n", 101),
        ("Host: example.com:\r\n", 101),
        ("Host: ex%41mple.com\r\n", 101),
        ("", 400),
        ("Host:\r\n", 400),
        ("Host: \t \r\n", 400),
        ("Host: a\r\nHost: a\r\n", 400),
        ("Host: a\r\nhost: b\r\n", 400),
        ("Host: a, b\r\n", 400),
        ("Host: a b\r\n", 400),
        ("Host: a/b\r\n", 400),
        ("Host: http://a\r\n", 400),
        ("Host: user@a\r\n", 400),
        ("Host: a?b\r\n", 400),
        ("Host: a#b\r\n", 400),
        ("Host: a\\b\r\n", 400),
        ("Host: \"a\"\r\n", 400),
        ("Host: <a>\r\n", 400),
        ("Host: :80\r\n", 400),
        ("Host: a:b\r\n", 400),
        ("Host: a:+80\r\n", 400),
        ("Host: a:80:80\r\n", 400),
        ("Host: a:65536\r\n", 400),
        ("Host: a:99999999999999999999\r\n", 400),
        ("Host: ::1\r\n", 400),
        ("Host: [::1\r\n", 400),
        ("Host: ::1]\r\n", 400),
        ("Host: []\r\n", 400),
        ("Host: [a]b\r\n", 400),
        ("Host: [fe80::1%25eth0]\r\n", 400),
        ("Host: a%4\r\n", 400),
        ("Host: a%zz\r\n", 400),
        ("Host: \u{e4}.example\r\n", 400),
    ] {
        assert_eq!(status(good_but(HOST, host)), expected, "{host:?}");
    }
}

#[test]
fn r039_upgrade_contains_websocket() {
    for (upgrade, expected) in [
        ("Upgrade: WebSocket\r\n", 101),
        ("Upgrade: WEBSOCKET\r\n", 101),
        ("Upgrade:websocket\r\n", 101),
        ("Upgrade: \twebsocket \t\r\n", 101),
        ("Upgrade: h2c, websocket\r\n", 101),
        ("Upgrade: ,websocket ,\r\n", 101),
        ("Upgrade: h2c\r\nUpgrade: websocket\r\n", 101),
        ("Upgrade: h2c\r\n", 426),
        ("Upgrade: websockets\r\n", 426),
        ("Upgrade: xwebsocket\r\n", 426),
        ("Upgrade: web socket\r\n", 426),
        ("Upgrade: websocket/13\r\n", 426),
        ("Upgrade: \"websocket\"\r\n", 426),
        ("Upgrade: websocket;q=1\r\n", 426),
        ("Upgrade: h2c websocket\r\n", 426),
    ] {
        assert_eq!(status(good_but(UPGRADE, upgrade)), expected, "{upgrade:?}");
    }
}

#[test]
fn r040_connection_contains_the_token_upgrade() {
    for (connection, expected) in [
        ("Connection: keep-alive, Upgrade\r\n", 101), // Firefox
        ("Connection: upgrade\r\n", 101),
        ("Connection: UPGRADE\r\n", 101),
        ("Connection: upgrade,keep-alive\r\n", 101),
        ("Connection: keep-alive\r\nConnection: upgrade\r\n", 101),
        ("Connection: close, upgrade\r\n", 101),
        ("Connection: xupgradex\r\n", 426),
        ("Connection: upgrade2\r\n", 426),
        ("Connection: keep-alive upgrade\r\n", 426),
        ("Connection: keep-alive; upgrade\r\n", 426),
        ("Connection: keep-alive\r\n", 426),
    ] {
        assert_eq!(status(good_but(CONNECTION, connection)), expected, "{connection:?}");
    }
}

#[test]
fn r041_key_is_16_bytes_in_base64() {
    for (key, expected) in [
        ("dGhlIHNhbXBsZSBub25jZQ==", 101),
        ("AAAAAAAAAAAAAAAAAAAAAA==", 101),
        ("//////////////////////w==".split_at(1).1, 101),
        ("+/+/+/+/+/+/+/+/+/+/+w==", 101),
        ("AQIDBAUGBwgJCgsMDQ4PEC==", 101), // §4.1's example, as erratum 3150 found it: pad bits that are not zero
        ("AAAAAAAAAAAAAAAAAAAAAP==", 101),
        ("AAAAAAAAAAAAAAAAAAAA", 400),     // 15 bytes
        ("AAAAAAAAAAAAAAAAAAAAAAA=", 400), // 17
        ("AAAAAAAAAAAAAAAAAAAAAAAA", 400), // 18
        ("AAAAAAAAAAAAAAAAAAAAAAAAAA==", 400),
        ("AAAAAAAAAAAAAAAAAAAAAA=", 400),
        ("AAAAAAAAAAAAAAAAAAAAAA", 400),
        ("AAAAAAAAAAAAAAAAAAAAAA===", 400),
        ("AAAAAAAAAAAAAAAAAAAAA===", 400),
        ("=AAAAAAAAAAAAAAAAAAAAAA=", 400),
        ("AAAAAAAAAAA=AAAAAAAAAA==", 400),
        ("AAAAAAAAAAAAAAAAAAAA_A==", 400),
        ("AAAAAAAAAAAAAAAAAAAA-A==", 400),
        ("AAAAAAAAAAA AAAAAAAAAA==", 400),
        ("AAAAAAAAAAAAAAAAAAAA\u{e4}==", 400),
        ("\"AAAAAAAAAAAAAAAAAAAAAA==\"", 400),
        ("AAAAAAAAAAAAAAAAAAAAAA==, AAAAAAAAAAAAAAAAAAAAAA==", 400),
        ("==", 400),
        ("0123456789abcdef", 400), // 16 characters, 12 bytes
    ] {
        assert_eq!(status(good_but("dGhlIHNhbXBsZSBub25jZQ==", key)), expected, "{key:?}");
    }
}

#[test]
fn r042_version_is_13() {
    for version in
        ["0", "7", "8", "12", "14", "013", "13x", "x13", "+13", "13.0", "1 3", "256", "-1", "13, 8", "8, 13", "13,", ""]
    {
        assert_eq!(status(good_but("Version: 13", format!("Version: {version}"))), 426, "{version:?}");
    }
    assert_eq!(status(good_but("Version: 13", "Version:\t13 \t")), 101);
}

#[test]
fn r043_origin_is_optional() {
    assert_eq!(parse(GOOD).origin(), None);
    let request = good_and("Origin: https://example.com");
    assert_eq!(status(&request), 101);
    assert_eq!(parse(&request).origin(), Some("https://example.com"));
}

#[test]
fn r044_subprotocols_over_several_lines_are_one_list() {
    for lines in [
        "Sec-WebSocket-Protocol: chat, superchat,v2.x",
        "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: superchat, v2.x",
        "Sec-WebSocket-Protocol: chat\r\nX: y\r\nsec-websocket-protocol:superchat\r\nSEC-WEBSOCKET-PROTOCOL:\tv2.x\t",
        "Sec-WebSocket-Protocol: ,chat ,, superchat,\r\nSec-WebSocket-Protocol:\r\nSec-WebSocket-Protocol: v2.x",
    ] {
        let request = good_and(lines);
        assert_eq!(status(&request), 101, "{lines:?}");
        assert_eq!(parse(&request).subprotocols().collect::<Vec<_>>(), ["chat", "superchat", "v2.x"], "{lines:?}");
    }
}

#[test]
fn r045_extensions_over_several_lines_are_one_list() {
    for lines in [
        "Sec-WebSocket-Extensions: foo, bar; baz=2",
        "Sec-WebSocket-Extensions: foo\r\nSec-WebSocket-Extensions: bar; baz=2",
        "Sec-WebSocket-Extensions: foo\r\nX: y\r\nsec-websocket-extensions:bar ;\tbaz = \"2\"",
        "Sec-WebSocket-Extensions: foo,,\r\nSec-WebSocket-Extensions:\r\nSec-WebSocket-Extensions: ,bar;baz=\"\\2\"",
    ] {
        let request = good_and(lines);
        assert_eq!(status(&request), 101, "{lines:?}");
        let request = parse(&request);
        let offers: Vec<_> = request.extensions().map(|e| (e.name(), e.params().collect::<Vec<_>>())).collect();
        assert_eq!(offers, [("foo", vec![]), ("bar", vec![("baz", Some("2".into()))])], "{lines:?}");
    }
}

#[test]
fn r046_unknown_fields_are_ignored() {
    for line in [
        "Cookie: a=b; c=\"d\"",
        "X: \u{fc}ml\u{e4}ut",
        "Upgrade-Insecure-Requests: 1",
        "Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5",
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
        "Content-Length: 0",
        "!#$%&'*+-.^_`|~: (){}[]<>@,;:\\\"/?=",
        "Empty:",
    ] {
        assert_eq!(status(good_and(line)), 101, "{line:?}");
    }
}

#[test]
fn an_upgrade_attempt_is_told_from_plain_http() {
    for (request, expected) in [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 200),
        ("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", 200),
        ("GET / HTTP/1.1\r\nHost: a\r\nSec-WebSocket-Protocol: chat\r\n\r\n", 200),
        ("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n", 426),
        ("GET / HTTP/1.1\r\nHost: a\r\nSec-WebSocket-Key: x\r\n\r\n", 426),
        ("GET / HTTP/1.1\r\nHost: a\r\nSec-WebSocket-Version: 13\r\n\r\n", 426),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n", 200),
        ("POST / HTTP/1.1\r\nHost: a\r\nSec-WebSocket-Version: 13\r\n\r\n", 405),
    ] {
        assert_eq!(status(request), expected, "{request:?}");
    }
}

#[test]
fn a_request_that_another_server_has_read_is_judged_the_same() {
    let read = parse(GOOD);
    let request = Request::from_parts(read.method(), read.target(), read.headers());
    assert_eq!(request.check_upgrade().unwrap().key(), "dGhlIHNhbXBsZSBub25jZQ==");
    let without_key = read.headers().filter(|(name, _)| *name != "Sec-WebSocket-Key");
    assert!(Request::from_parts("GET", "/chat", without_key).check_upgrade().is_err());
}

#[test]
fn values_that_are_not_utf8_are_there_as_bytes() {
    let head = good_and(b"X-Latin: caf\xe9\r\nX-Twice: 1\r\nx-twice: 2");
    let request = parse(&head);
    assert_eq!(request.header("x-latin"), None);
    assert!(request.headers().any(|field| field == ("X-Latin", b"caf\xe9")));
    assert_eq!(request.header("X-TWICE"), Some("1"));
    assert_eq!(request.header("X-Thrice"), None);
}
