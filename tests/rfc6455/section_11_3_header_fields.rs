//! RFC 6455 §11.3: how often each header field may come.

use bowsprit::HandshakeError;
use bowsprit::handshake::Response;

use crate::support::handshake::{Verdict, accept, good_and, parse, verdict};

#[test]
fn r142_two_keys_are_refused() {
    for key in ["dGhlIHNhbXBsZSBub25jZQ==", "AAAAAAAAAAAAAAAAAAAAAA==", ""] {
        let request = good_and(format!("sec-websocket-key: {key}"));
        assert_eq!(verdict(&request), Verdict::Refused(HandshakeError::KeyNotOnce), "{key:?}");
    }
}

#[test]
fn r145_subprotocols_may_repeat_in_the_request_and_not_in_the_answer() {
    let request = good_and("Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: b");
    assert_eq!(verdict(&request), Verdict::Upgrade);
    assert_eq!(parse(&request).subprotocols().collect::<Vec<_>>(), ["a", "b"]);
    let (answer, negotiated) = accept(&request, &Response::accept().subprotocol("a").subprotocol("b")).unwrap();
    assert_eq!(answer.matches("Sec-WebSocket-Protocol").count(), 1);
    assert_eq!(negotiated.subprotocol(), Some("b"));
}

#[test]
fn r146_two_versions_are_refused() {
    for version in ["13", "8", ""] {
        let request = good_and(format!("Sec-WebSocket-Version: {version}"));
        assert_eq!(verdict(&request), Verdict::Refused(HandshakeError::VersionRepeated), "{version:?}");
    }
}
