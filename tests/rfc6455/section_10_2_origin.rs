//! RFC 6455 §10.2: origin considerations.

use bowsprit::HandshakeError;
use bowsprit::handshake::{OriginPolicy, Request};

fn request<'h>(host: &'h str, origin: Option<&'h str>) -> Request<'h> {
    let fields = [("Host", Some(host)), ("Origin", origin)];
    let fields = fields.into_iter().filter_map(|(name, value)| Some((name, value?.as_bytes())));
    Request::from_parts("GET", "/", fields)
}

#[test]
fn r049_same_host() {
    for (host, origin, allowed) in [
        ("example.com", "http://example.com", true),
        ("example.com", "https://example.com", true),
        ("example.com", "HTTPS://EXAMPLE.com", true),
        ("EXAMPLE.COM", "https://example.com", true),
        ("example.com", "http://example.com:80", true),
        ("example.com", "https://example.com:443", true),
        ("example.com:80", "http://example.com", true),
        ("example.com:443", "https://example.com", true),
        ("example.com:8080", "http://example.com:8080", true),
        ("[::1]:9001", "http://[::1]:9001", true),
        ("127.0.0.1:9001", "http://127.0.0.1:9001", true),
        // Another port.
        ("example.com", "http://example.com:8080", false),
        ("example.com:8080", "http://example.com", false),
        ("example.com", "https://example.com:80", false),
        ("example.com", "http://example.com:443", false),
        ("example.com:80", "https://example.com", false),
        ("[::1]:9001", "http://[::1]", false),
        // Look-alikes.
        ("example.com", "https://example.com.evil.net", false),
        ("example.com", "https://evil-example.com", false),
        ("example.com", "https://evil.net/example.com", false),
        ("example.com", "https://evil.net#example.com", false),
        ("example.com", "https://evil.net?example.com", false),
        ("example.com", "https://www.example.com", false),
        ("www.example.com", "https://example.com", false),
        ("example.com", "https://example.com.", false),
        ("example.com", "https://example.co", false),
        ("example.com", "https://example\u{2024}com", false),
        // User information.
        ("example.com", "https://example.com@evil.net", false),
        ("example.com", "https://evil.net@example.com", false),
        ("example.com", "https://example.com:443@evil.net", false),
        // Not an origin.
        ("example.com", "null", false),
        ("null", "null", false),
        ("example.com", "", false),
        ("example.com", "example.com", false),
        ("example.com", "//example.com", false),
        ("example.com", "https:example.com", false),
        ("example.com", "https://example.com/", false),
        ("example.com", "https://example.com https://evil.net", false),
        ("example.com", "https://example.com, https://evil.net", false),
        ("example.com", "https://example.com:99999", false),
        ("example.com", "file://example.com", false),
        ("example.com", "chrome-extension://example.com", false),
        ("example.com", "wss://example.com", false),
        // No host to compare with.
        ("", "https://example.com", false),
        ("", "https://", false),
    ] {
        assert_eq!(OriginPolicy::SameHost.allows(&request(host, Some(origin))), allowed, "{host:?} from {origin:?}");
    }
}

#[test]
fn r049_a_list() {
    let allowed = ["https://example.com", "http://localhost:3000", "null", "chrome-extension://abc"];
    let policy = OriginPolicy::List(allowed.map(String::from).to_vec());
    for (origin, allowed) in [
        ("https://example.com", true),
        ("https://EXAMPLE.com:443", true),
        ("http://localhost:3000", true),
        ("null", true),
        ("chrome-extension://abc", true),
        ("http://example.com", false),
        ("http://example.com:443", false),
        ("https://example.com:8443", false),
        ("https://sub.example.com", false),
        ("https://example.com.evil.net", false),
        ("https://user@example.com", false),
        ("http://localhost", false),
        ("chrome-extension://ABC", false),
        ("NULL", false),
        ("", false),
    ] {
        assert_eq!(policy.allows(&request("api.example.com", Some(origin))), allowed, "{origin:?}");
    }
    assert!(!OriginPolicy::List(vec![]).allows(&request("a", Some("http://a"))));
    assert!(!OriginPolicy::List(vec!["".into()]).allows(&request("a", Some(""))));
}

#[test]
fn r049_no_origin_is_no_browser() {
    for policy in [OriginPolicy::SameHost, OriginPolicy::List(vec![]), OriginPolicy::Any] {
        assert_eq!(policy.check(&request("example.com", None)), Ok(()));
    }
}

#[test]
fn r049_any_is_any() {
    for origin in ["https://evil.net", "null", ""] {
        assert!(OriginPolicy::Any.allows(&request("example.com", Some(origin))));
    }
}

#[test]
fn r049_two_origins_are_refused() {
    let fields = [("Host", &b"a"[..]), ("Origin", b"http://a"), ("origin", b"http://a")];
    let request = Request::from_parts("GET", "/", fields);
    assert_eq!(OriginPolicy::default().check(&request), Err(HandshakeError::OriginRefused));
}

#[test]
fn r049_an_absolute_target_is_the_host() {
    let fields = [("Host", &b"evil.net"[..]), ("Origin", b"http://example.com")];
    let request = Request::from_parts("GET", "http://example.com/chat", fields);
    assert!(OriginPolicy::SameHost.allows(&request));
}
