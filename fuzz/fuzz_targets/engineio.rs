//! Any bytes as a polling payload: what is read is what is written of it again.
#![no_main]

use bowsprit::socketio::engine::{Payload, encode_payload};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(payload) = Payload::new(data) else { return };
    let Ok(packets) = payload.collect::<Result<Vec<_>, _>>() else { return };
    let mut body = String::new();
    encode_payload(packets.iter().cloned(), &mut body);
    let again: Vec<_> = Payload::new(body.as_bytes()).unwrap().map(Result::unwrap).collect();
    assert_eq!(packets, again);
});
