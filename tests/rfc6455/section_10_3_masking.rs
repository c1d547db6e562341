//! RFC 6455 §10.3: once a frame has begun to go out, the application cannot change what it carries.

use bowsprit::{MaskingKey, Role, SendBuffer};

use crate::support::*;

#[test]
fn r076_a_sent_payload_is_the_librarys_own() {
    let (mut conn, mut output) = (connection(Role::Client), SendBuffer::with_masking_keys(|| MaskingKey::new(KEY)));
    let mut payload = *b"Hello";
    conn.send(&payload, &mut output).unwrap();
    output.consume(3);
    payload.fill(0);
    assert_eq!(output.pending(), b"\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
}
