//! Polls whose answers are compressed, for clients that ask for it.

use core::fmt;
#[cfg(feature = "deflate")]
use std::vec;
use std::vec::Vec;

#[cfg(feature = "deflate")]
use zlib_rs::{Deflate, DeflateFlush, Status};

use crate::handshake::Request;

/// A compressor, made when it is needed first.
#[derive(Default)]
pub(super) struct Compressor {
    #[cfg(feature = "deflate")]
    deflate: Option<Deflate>,
}

impl Compressor {
    /// In zlib's format, which HTTP calls `deflate` (RFC 9110 §8.4.1.2). `None` if that is no smaller.
    #[cfg(feature = "deflate")]
    pub(super) fn pack(&mut self, payload: &[u8]) -> Option<Vec<u8>> {
        let deflate = self.deflate.get_or_insert_with(|| Deflate::new(LEVEL, true, WINDOW_BITS));
        deflate.reset();
        let mut packed = vec![0; payload.len()];
        let status = deflate.compress(payload, &mut packed, DeflateFlush::Finish);
        packed.truncate(usize::try_from(deflate.total_out()).ok()?);
        matches!(status, Ok(Status::StreamEnd)).then_some(packed)
    }

    #[cfg(not(feature = "deflate"))]
    pub(super) fn pack(&mut self, _: &[u8]) -> Option<Vec<u8>> {
        None
    }
}

impl fmt::Debug for Compressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compressor").finish_non_exhaustive()
    }
}

/// Whether a client takes zlib's format.
pub(super) fn is_taken(request: &Request<'_>) -> bool {
    let codings = request.header("Accept-Encoding").unwrap_or_default().split(',');
    codings.map(|coding| coding.split_once(';').unwrap_or((coding, ""))).any(|(name, weight)| {
        let weight = weight.trim().strip_prefix("q=").map_or(Ok(1.0), str::parse::<f32>);
        name.trim().eq_ignore_ascii_case("deflate") && weight.is_ok_and(|weight| weight > 0.0)
    })
}

#[cfg(feature = "deflate")]
const LEVEL: i32 = 1;
#[cfg(feature = "deflate")]
const WINDOW_BITS: u8 = 15;

#[cfg(all(test, feature = "deflate"))]
mod tests {
    use std::string::String;
    use std::vec;

    use zlib_rs::{Inflate, InflateFlush, Status};

    use super::Compressor;

    #[test]
    fn what_is_packed_is_unpacked_again_each_time_from_the_beginning() {
        let mut compressor = Compressor::default();
        for payload in ["4[\"hello\"]\u{1e}".repeat(200), "é".repeat(3000), "x".repeat(100)] {
            let packed = compressor.pack(payload.as_bytes()).unwrap();
            assert!(packed.len() < payload.len());
            let mut unpacked = vec![0; payload.len() + 1];
            let mut inflate = Inflate::new(true, 15);
            let status = inflate.decompress(&packed, &mut unpacked, InflateFlush::Finish);
            assert_eq!(status, Ok(Status::StreamEnd));
            unpacked.truncate(inflate.total_out() as usize);
            assert_eq!(String::from_utf8(unpacked).unwrap(), payload);
        }
    }

    #[test]
    fn what_does_not_become_smaller_stays() {
        let bytes: std::vec::Vec<u8> = (0..=255).collect();
        assert_eq!(Compressor::default().pack(&bytes), None);
        assert_eq!(Compressor::default().pack(b""), None);
    }
}
