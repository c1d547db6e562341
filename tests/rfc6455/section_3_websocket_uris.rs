//! RFC 6455 §3: WebSocket URIs, and §11.1 on what they are made of.

use bowsprit::UriError;
use bowsprit::handshake::Uri;
use proptest::prelude::*;

use crate::support::answer::{request, start};

/// Host, port, secure flag, authority, resource name.
fn parts(uri: &str) -> Result<(&str, u16, bool, String, String), UriError> {
    let uri = Uri::parse(uri)?;
    Ok((uri.host(), uri.port(), uri.is_secure(), uri.authority(), uri.resource_name()))
}

#[test]
fn r001_scheme_in_any_case_with_its_port_and_flag() {
    for (uri, port, is_secure) in [
        ("ws://example.com/", 80, false),
        ("wss://example.com/", 443, true),
        ("WS://example.com/", 80, false),
        ("WSS://example.com/", 443, true),
        ("Ws://example.com/", 80, false),
        ("wSs://example.com/", 443, true),
        ("ws://example.com:443/", 443, false),
        ("wss://example.com:80/", 80, true),
    ] {
        let uri = Uri::parse(uri).unwrap();
        assert_eq!((uri.host(), uri.port(), uri.is_secure()), ("example.com", port, is_secure), "{uri:?}");
    }
}

#[test]
fn r001_another_scheme_is_refused() {
    for uri in [
        "",
        "ws",
        "ws:",
        "ws:/",
        "ws:example.com",
        "ws:/example.com",
        "example.com",
        "example.com:80/",
        "//example.com/",
        "/chat",
        "http://example.com/",
        "https://example.com/",
        "wsx://example.com/",
        "xws://example.com/",
        " ws://example.com/",
        "ws ://example.com/",
        "://example.com/",
        "w\0s://example.com/",
    ] {
        assert_eq!(Uri::parse(uri), Err(UriError::Scheme), "{uri:?}");
    }
}

#[test]
fn r001_port_is_1_to_65535() {
    for (port, expected) in [
        ("", Ok(80)),
        (":", Ok(80)),
        (":80", Ok(80)),
        (":1", Ok(1)),
        (":65535", Ok(65535)),
        (":00080", Ok(80)),
        (":0", Err(UriError::Port)),
        (":000", Err(UriError::Port)),
        (":65536", Err(UriError::Port)),
        (":99999999999999999999", Err(UriError::Port)),
        (":-1", Err(UriError::Port)),
        (":+80", Err(UriError::Port)),
        (":8 0", Err(UriError::Port)),
        (":http", Err(UriError::Port)),
        (":0x50", Err(UriError::Port)),
        (":80:80", Err(UriError::Host)),
    ] {
        for host in ["example.com", "127.0.0.1", "[::1]"] {
            let uri = format!("ws://{host}{port}/");
            assert_eq!(Uri::parse(&uri).map(|uri| uri.port()), expected, "{uri}");
        }
    }
}

#[test]
fn r001_hosts() {
    for (host, expected) in [
        ("localhost", Ok("localhost")),
        ("EXAMPLE.com", Ok("EXAMPLE.com")),
        ("example.com.", Ok("example.com.")),
        ("xn--bcher-kva.example", Ok("xn--bcher-kva.example")),
        ("a-b.c_d", Ok("a-b.c_d")),
        ("ex%41mple.com", Ok("ex%41mple.com")),
        ("127.0.0.1", Ok("127.0.0.1")),
        ("[::1]", Ok("::1")),
        ("[2001:db8::1]", Ok("2001:db8::1")),
        ("[::ffff:1.2.3.4]", Ok("::ffff:1.2.3.4")),
        ("", Err(UriError::Host)),
        ("[]", Err(UriError::Host)),
        ("[1.2.3.4]", Err(UriError::Host)),
        ("[::1", Err(UriError::Host)),
        ("[:::1]", Err(UriError::Host)),
        ("[1:2:3:4:5:6:7:8:9]", Err(UriError::Host)),
        ("[fe80::1%25eth0]", Err(UriError::Host)),
        ("[v1.x]", Err(UriError::Host)),
        ("[::1]x", Err(UriError::Host)),
        ("x[::1]", Err(UriError::Host)),
        ("a b", Err(UriError::Host)),
        ("a\\b", Err(UriError::Host)),
        ("a%4", Err(UriError::Host)),
        ("a%zz", Err(UriError::Host)),
        ("a\r\nb", Err(UriError::Host)),
        ("<a>", Err(UriError::Host)),
    ] {
        let uri = format!("ws://{host}/");
        assert_eq!(Uri::parse(&uri).map(|uri| uri.host()), expected, "{uri:?}");
    }
    assert_eq!(Uri::parse("ws://::1/").map(|_| ()), Err(UriError::Host));
    assert_eq!(Uri::parse("ws:///chat").map(|_| ()), Err(UriError::Host));
    assert_eq!(Uri::parse("ws://:80/").map(|_| ()), Err(UriError::Host));
    assert_eq!(Uri::parse("ws://?x").map(|_| ()), Err(UriError::Host));
}

#[test]
fn r002_a_fragment_is_refused() {
    for uri in ["ws://a/#x", "ws://a/#", "ws://a#x", "ws://a?b#c", "ws://a/b?c#d?e", "wss://[::1]:80/#", "ws://#"] {
        assert_eq!(Uri::parse(uri), Err(UriError::Fragment), "{uri}");
    }
}

#[test]
fn r003_a_number_sign_is_written_percent_23() {
    let uri = Uri::parse("ws://a/b%23c?d=%23e").unwrap();
    assert_eq!(uri.resource_name(), "/b%23c?d=%23e");
    assert!(start(&request("ws://a/b%23c?d=%23e")).unwrap().starts_with("GET /b%23c?d=%23e HTTP/1.1\r\n"));
}

#[test]
fn r004_resource_name_is_path_and_query() {
    for (rest, expected) in [
        ("", "/"),
        ("/", "/"),
        ("?", "/"),
        ("/?", "/"),
        ("?x", "/?x"),
        ("/?x", "/?x"),
        ("/chat", "/chat"),
        ("/chat/", "/chat/"),
        ("/chat?", "/chat"),
        ("/chat?room=1&x=/?y", "/chat?room=1&x=/?y"),
        ("//", "//"),
        ("//a/../b/./c", "//a/../b/./c"),
        ("/a:b@c;d=e,f!$&'()*+", "/a:b@c;d=e,f!$&'()*+"),
        ("/~a-b._%20%C3%A4?%00", "/~a-b._%20%C3%A4?%00"),
        ("?http://x:1/?y@z", "/?http://x:1/?y@z"),
    ] {
        for authority in ["example.com", "example.com:8080", "[::1]"] {
            let uri = format!("ws://{authority}{rest}");
            assert_eq!(Uri::parse(&uri).map(|uri| uri.resource_name()).as_deref(), Ok(expected), "{uri}");
        }
    }
}

#[test]
fn r005_what_is_not_ascii_is_the_callers_to_encode() {
    for uri in
        ["ws://b\u{fc}cher.example/", "ws://a/\u{e4}", "ws://a/?\u{e4}", "ws\u{17f}://a/", "ws://a\u{3002}b/", "\u{e4}"]
    {
        assert_eq!(Uri::parse(uri), Err(UriError::NotAscii), "{uri}");
    }
    assert_eq!(Uri::parse("ws://xn--bcher-kva.example/%C3%A4").unwrap().host(), "xn--bcher-kva.example");
}

#[test]
fn r007_user_information_is_refused() {
    for uri in ["ws://user@a/", "ws://user:password@a/", "ws://@a/", "ws://a:80@b/", "ws://a@b@c/", "ws://user@[::1]/"]
    {
        assert_eq!(Uri::parse(uri), Err(UriError::UserInfo), "{uri}");
    }
    assert!(Uri::parse("ws://a/b@c").is_ok());
}

/// A request is made of a parsed URI only, so that what does not parse sends nothing.
#[test]
fn r007_an_invalid_path_or_query_is_refused() {
    for byte in (0..=127u8).filter(|byte| !byte.is_ascii_alphanumeric() && !b"-._~!$&'()*+,;=:@/?#".contains(byte)) {
        for place in ["/a", "/", "?a", "?"] {
            let uri = format!("ws://a{place}{}b", char::from(byte));
            assert_eq!(Uri::parse(&uri), Err(UriError::ResourceName), "{uri:?}");
        }
    }
    for escape in ["%", "%2", "%2g", "%%20", "%2/0", "%u00e4"] {
        assert_eq!(Uri::parse(&format!("ws://a/{escape}")), Err(UriError::ResourceName), "{escape}");
        assert_eq!(Uri::parse(&format!("ws://a?{escape}")), Err(UriError::ResourceName), "{escape}");
    }
}

#[test]
fn an_error_says_what_is_wrong() {
    assert_eq!(UriError::Fragment.to_string(), "a WebSocket URI has no fragment");
    assert_eq!(size_of::<UriError>(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn r007_what_is_accepted_has_one_reading(
        uri in "(ws|WSS)://([a.1:@\\[\\]%]{0,4}|\\[::1\\]|a\\.b)(:[0-9]{0,6})?([a/?#%:@ 1]{0,8}|/\\PC{0,4})",
    ) {
        if let Ok((host, port, is_secure, authority, resource_name)) = parts(&uri) {
            prop_assert!(resource_name.starts_with('/') && !resource_name.contains('#') && port != 0);
            let again = format!("{}://{authority}{resource_name}", if is_secure { "wss" } else { "ws" });
            prop_assert_eq!(parts(&again), Ok((host, port, is_secure, authority, resource_name)));
        }
    }

    #[test]
    fn r007_no_text_panics(uri in "((ws|wss):/{0,3})?[ -~é]{0,30}") {
        let _ = parts(&uri);
    }
}
