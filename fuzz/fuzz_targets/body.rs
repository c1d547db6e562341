//! Any bytes as a chunked body, in any parts: the same verdict whatever the parts, the same as that of a decoder that sees
//! it whole; what is accepted leaves the bytes behind it untouched.
//!
//! The first byte chooses the size of the parts.
#![no_main]

use bowsprit::handshake::{BodyLength, BodyReader};
use bowsprit::{HandshakeError, Limits, ReceiveBuffer, Status};
use libfuzzer_sys::fuzz_target;

type Outcome = Result<Option<(Vec<u8>, usize)>, HandshakeError>;

fn outcome(parts: &[&[u8]], limits: &Limits) -> Outcome {
    let mut input = ReceiveBuffer::new(limits.clone());
    let mut body = BodyReader::new(BodyLength::Chunked, limits)?;
    let mut later = parts.iter().map(|part| part.len()).sum::<usize>();
    for part in parts {
        input.extend_from_slice(part);
        later -= part.len();
        match body.receive(&mut input)? {
            Status::Partial => assert!(input.unread().is_empty() && body.len() <= limits.body),
            Status::Complete(()) => return Ok(Some((body.into_bytes().to_vec(), input.unread().len() + later))),
        }
    }
    Ok(None)
}

/// A decoder by splitting at line breaks, for bodies that are whole.
fn slowly(mut rest: &[u8]) -> Option<(Vec<u8>, usize)> {
    let mut body = Vec::new();
    let line = |rest: &[u8]| {
        let end = rest.windows(2).position(|window| window == b"\r\n")?;
        Some((rest[..end].to_vec(), end + 2))
    };
    loop {
        let (text, len) = line(rest)?;
        rest = &rest[len..];
        let size = text.split(|byte| b"; \t".contains(byte)).next()?;
        let size = usize::from_str_radix(std::str::from_utf8(size).ok()?, 16).ok()?;
        if size == 0 {
            break;
        }
        body.extend_from_slice(rest.get(..size)?);
        rest = rest[size..].strip_prefix(b"\r\n")?;
    }
    loop {
        let (text, len) = line(rest)?;
        rest = &rest[len..];
        if text.is_empty() {
            return Some((body, rest.len()));
        }
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((&size, bytes)) = input.split_first() else { return };
    let mut limits = Limits::default();
    limits.body = 200;
    limits.head = 60;
    limits.headers = 4;
    let parts: Vec<&[u8]> = bytes.chunks(usize::from(size).max(1)).collect();
    let whole = outcome(&[bytes], &limits);
    assert_eq!(outcome(&parts, &limits), whole);
    if let Ok(Some(accepted)) = whole {
        assert_eq!(slowly(bytes), Some(accepted));
    }
});
