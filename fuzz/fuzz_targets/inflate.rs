//! Any bytes as the payloads of compressed messages: what comes out is what a slow reading of RFC 1951 says, however the
//! payload is cut into frames, with context takeover and without.
//!
//! The first byte chooses takeover and the size of the fragments, the second the length of the first payload; the rest
//! are two payloads.
#![no_main]

#[path = "../../tests/support/inflate.rs"]
mod inflate;

use bowsprit::{Connection, DeflateParams, Event, Limits, Negotiated, ProtocolError, ReceiveBuffer, SendBuffer};
use inflate::inflate;
use libfuzzer_sys::fuzz_target;

const LIMIT: usize = 4096;

fuzz_target!(|bytes: &[u8]| {
    let [how, cut, payloads @ ..] = bytes else { return };
    let takeover = how & 0x80 == 0;
    let size = usize::from(how & 0x7f).clamp(1, 125);
    let (first, second) = payloads.split_at(usize::from(*cut).min(payloads.len()));

    let mut params = DeflateParams::default();
    params.server_no_context_takeover = !takeover;
    let mut conn = Connection::client(Negotiated::none().with_deflate(params));
    let mut limits = Limits::default();
    limits.message = LIMIT;
    let (mut input, mut output) = (ReceiveBuffer::new(limits), SendBuffer::new());
    let mut before = Vec::new();
    for payload in [first, second] {
        let count = payload.chunks(size).count().max(1);
        for i in 0..count {
            let part = &payload[i * size..payload.len().min((i + 1) * size)];
            let first = if i == 0 { 0x42 } else { 0 } | if i + 1 == count { 0x80 } else { 0 };
            input.extend_from_slice(&[first, part.len() as u8]);
            input.extend_from_slice(part);
        }
        let seen = match conn.receive(&mut input, &mut output) {
            Some(Event::Message(message)) => Ok(message.as_bytes().to_vec()),
            Some(Event::Failed(failure)) => Err(failure.error),
            other => panic!("{other:?}"),
        };
        let reference = inflate(payload, if takeover { &before } else { &[] }, 1 << 15);
        match (&seen, &reference) {
            (Ok(bytes), Some(inflated)) => assert_eq!(*bytes, inflated.bytes),
            (Err(ProtocolError::MessageTooBig), Some(inflated)) => assert!(inflated.bytes.len() > LIMIT),
            (Err(ProtocolError::TooManyFinalBlocks), _) => {}
            // Which of the two is seen first depends on how much is made at a time.
            (Err(ProtocolError::InvalidDeflate | ProtocolError::MessageTooBig), None) => {}
            _ => panic!("{seen:?}, but {reference:?}"),
        }
        let Ok(bytes) = seen else { return };
        before.extend_from_slice(&bytes);
    }
});
