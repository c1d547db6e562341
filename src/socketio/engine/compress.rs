//! Polls whose answers are compressed, for clients that ask for it.

use core::fmt;
#[cfg(feature = "deflate")]
use std::vec;
use std::vec::Vec;

#[cfg(feature = "deflate")]
use zlib_rs::{Deflate, DeflateFlush, Status};

use crate::handshake::Request;

/// How an answer can be packed (RFC 9110 §8.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    Gzip,
    /// What HTTP calls so is zlib's format.
    Deflate,
}

impl Coding {
    /// What `Content-Encoding` says.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
        }
    }

    /// What a client would have best of what is made here; gzip, if it has no favourite (RFC 9110 §12.5.3).
    pub(super) fn wanted(request: &Request<'_>) -> Option<Self> {
        let fields = request.headers().filter(|(name, _)| name.eq_ignore_ascii_case("Accept-Encoding"));
        let fields = fields.filter_map(|(_, value)| core::str::from_utf8(value).ok());
        let listed: Vec<(&str, f32)> = fields.flat_map(|value| value.split(',')).filter_map(weighed).collect();
        let weight = |coding: Self| {
            let is = |name: &str| name.eq_ignore_ascii_case(coding.name());
            let own = listed.iter().find(|(name, _)| is(name) || (coding == Self::Gzip && *name == "x-gzip"));
            own.or_else(|| listed.iter().find(|(name, _)| *name == "*")).map_or(0.0, |(_, weight)| *weight)
        };
        let (gzip, deflate) = (weight(Self::Gzip), weight(Self::Deflate));
        match gzip >= deflate {
            true => (gzip > 0.0).then_some(Self::Gzip),
            false => Some(Self::Deflate),
        }
    }
}

/// A coding and its weight; nothing, if that is not one.
fn weighed(listed: &str) -> Option<(&str, f32)> {
    let (name, parameters) = listed.split_once(';').unwrap_or((listed, "q=1"));
    let weight = parameters.trim().strip_prefix(['q', 'Q'])?.trim_start().strip_prefix('=')?.trim().parse().ok()?;
    (0.0..=1.0).contains(&weight).then(|| (name.trim(), weight))
}

/// Compressors, made when they are needed first.
#[derive(Default)]
pub(super) struct Compressor {
    #[cfg(feature = "deflate")]
    gzip: Option<Deflate>,
    #[cfg(feature = "deflate")]
    deflate: Option<Deflate>,
}

impl Compressor {
    /// Packs a payload; `None` if that is no smaller.
    #[cfg(feature = "deflate")]
    pub(super) fn pack(&mut self, payload: &[u8], coding: Coding) -> Option<Vec<u8>> {
        let (compressor, format) = match coding {
            Coding::Gzip => (&mut self.gzip, WINDOW_BITS + GZIP),
            Coding::Deflate => (&mut self.deflate, WINDOW_BITS),
        };
        let compressor = compressor.get_or_insert_with(|| Deflate::new(LEVEL, true, format));
        compressor.reset();
        let mut packed = vec![0; payload.len()];
        let status = compressor.compress(payload, &mut packed, DeflateFlush::Finish);
        packed.truncate(usize::try_from(compressor.total_out()).ok()?);
        matches!(status, Ok(Status::StreamEnd)).then_some(packed)
    }

    #[cfg(not(feature = "deflate"))]
    pub(super) fn pack(&mut self, _: &[u8], _: Coding) -> Option<Vec<u8>> {
        None
    }
}

impl fmt::Debug for Compressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compressor").finish_non_exhaustive()
    }
}

#[cfg(feature = "deflate")]
const LEVEL: i32 = 1;
#[cfg(feature = "deflate")]
const WINDOW_BITS: u8 = 15;
/// Added to the bits of the window, it asks zlib for gzip's format.
#[cfg(feature = "deflate")]
const GZIP: u8 = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Status;
    use crate::limits::Limits;

    #[track_caller]
    fn wants(accept: &str, coding: Option<Coding>) {
        let head = std::format!("GET / HTTP/1.1\r\nHost: a\r\n{accept}\r\n");
        match Request::parse(head.as_bytes(), &Limits::default()) {
            Ok(Status::Complete((request, _))) => assert_eq!(Coding::wanted(&request), coding, "{accept}"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_client_has_what_it_weighs_most() {
        wants("", None);
        wants("Accept-Encoding:\r\n", None);
        wants("Accept-Encoding: br, identity\r\n", None);
        wants("Accept-Encoding: gzip, deflate, br\r\n", Some(Coding::Gzip));
        wants("Accept-Encoding: deflate\r\n", Some(Coding::Deflate));
        wants("Accept-Encoding: DEFLATE\r\nAccept-Encoding: GZip\r\n", Some(Coding::Gzip));
        wants("Accept-Encoding: gzip;q=0.5, deflate ; q=0.8\r\n", Some(Coding::Deflate));
        wants("Accept-Encoding: gzip;q=0, deflate;q=0.000\r\n", None);
        wants("Accept-Encoding: gzip;q=0, *\r\n", Some(Coding::Deflate));
        wants("Accept-Encoding: *;q=0.1\r\n", Some(Coding::Gzip));
        wants("Accept-Encoding: x-gzip\r\n", Some(Coding::Gzip));
        wants("Accept-Encoding: gzip;q=2, deflate;q=-1, gzip;level=9\r\n", None);
    }

    #[cfg(feature = "deflate")]
    #[test]
    fn what_is_packed_is_unpacked_again_each_time_from_the_beginning() {
        use zlib_rs::{Inflate, InflateFlush};
        let mut compressor = Compressor::default();
        for payload in ["4[\"hello\"]\u{1e}".repeat(200), "é".repeat(3000), "x".repeat(100)] {
            for (coding, format) in [(Coding::Gzip, WINDOW_BITS + GZIP), (Coding::Deflate, WINDOW_BITS)] {
                let packed = compressor.pack(payload.as_bytes(), coding).unwrap();
                assert!(packed.len() < payload.len());
                let mut unpacked = vec![0; payload.len() + 1];
                let mut inflate = Inflate::new(true, format);
                let status = inflate.decompress(&packed, &mut unpacked, InflateFlush::Finish);
                assert_eq!(status, Ok(zlib_rs::Status::StreamEnd));
                unpacked.truncate(inflate.total_out() as usize);
                assert_eq!(unpacked, payload.as_bytes());
            }
        }
    }

    #[cfg(feature = "deflate")]
    #[test]
    fn what_does_not_become_smaller_stays() {
        let bytes: Vec<u8> = (0..=255).collect();
        for coding in [Coding::Gzip, Coding::Deflate] {
            assert_eq!(Compressor::default().pack(&bytes, coding), None);
            assert_eq!(Compressor::default().pack(b"", coding), None);
        }
    }
}
