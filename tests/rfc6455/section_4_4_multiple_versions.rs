//! RFC 6455 §4.4: supporting multiple versions of the protocol.

use bowsprit::HandshakeError;

use crate::support::handshake::{Verdict, encode, good_but, verdict};

#[test]
fn r050_another_version_is_answered_with_ours() {
    assert_eq!(verdict(&good_but("Version: 13", "Version: 25")), Verdict::Refused(HandshakeError::UnsupportedVersion));
    assert_eq!(
        encode(&HandshakeError::UnsupportedVersion.response()).unwrap(),
        "HTTP/1.1 426 Upgrade Required\r\n\
         Content-Length: 49\r\n\
         Connection: close, Upgrade\r\n\
         Upgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\
         \r\n\
         Sec-WebSocket-Version is not 13 (RFC 6455 §4.4)\n"
    );
}

#[test]
fn r050_an_older_handshake_is_told_the_version_before_anything_is_said_of_its_key() {
    let hixie_76 = b"GET /demo HTTP/1.1\r\n\
        Host: example.com\r\n\
        Connection: Upgrade\r\n\
        Sec-WebSocket-Key2: 12998 5 Y3 1  .P00\r\n\
        Upgrade: WebSocket\r\n\
        Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5\r\n\
        Origin: http://example.com\r\n\
        \r\n\
        ^n:ds[4U";
    assert_eq!(verdict(hixie_76), Verdict::Refused(HandshakeError::UnsupportedVersion));
}
