//! UTF-8 by vectors, from `simdutf8`, where `cpufeatures` finds AVX2; and text without a second look. Unsafe room two.
#![allow(unsafe_code)]

use core::ops::Range;
use core::str;

use super::{InvalidUtf8, first_bad_octet};
use crate::mask::{self, MaskingKey};

/// How much of the front of `text` is found valid, up to a border between code points: nearly all of it, or nothing.
/// What is behind, and where it breaks, is for the standard library to say.
#[inline]
pub(super) fn valid_front(text: &[u8]) -> usize {
    if text.len() < WORTH_IT {
        return 0;
    }
    let end = last_border(text);
    if is_utf8(&text[..end]) { end } else { 0 }
}

/// Unmasks the whole text at `from`, moves it to `to`, which is not behind it, and checks it on the way: ASCII is looked at
/// once. Without a key it stays where it is.
///
/// # Errors
///
/// If it is not UTF-8; at the last octet if it merely ends inside a code point.
#[inline]
pub(crate) fn unmask(
    bytes: &mut [u8],
    from: Range<usize>,
    to: usize,
    key: Option<MaskingKey>,
) -> Result<&str, InvalidUtf8> {
    let (payload, is_ascii) = match key {
        Some(key) => mask::shift::<true>(bytes, from, to, key),
        None => (&mut bytes[from], false),
    };
    if is_ascii || (!payload.is_empty() && valid_front(payload) == payload.len()) {
        // SAFETY: octets below 0x80 alone are UTF-8, and so is what `valid_front` found valid, here all of it.
        return Ok(unsafe { str::from_utf8_unchecked(payload) });
    }
    str::from_utf8(payload).map_err(|_| InvalidUtf8 { at: first_bad_octet(payload) })
}

/// Below this many bytes the standard library is as fast.
const WORTH_IT: usize = 64;

/// Where `text` ends, without the octets of a code point that goes on behind it. Of text that is wrong, anywhere.
fn last_border(text: &[u8]) -> usize {
    for (back, octet) in (1..4).zip(text.iter().rev()) {
        let len = match octet {
            0x80..0xc0 => continue,
            0x00..0x80 => 1,
            0xc0..0xe0 => 2,
            0xe0..0xf0 => 3,
            0xf0.. => 4,
        };
        return if len > back { text.len() - back } else { text.len() };
    }
    text.len()
}

#[cfg(target_arch = "x86_64")]
cpufeatures::new!(avx2_here, "avx2");

/// Whether `text` is UTF-8, or `false` where nothing here is faster than the standard library.
#[cfg(target_arch = "x86_64")]
#[inline]
fn is_utf8(text: &[u8]) -> bool {
    // SAFETY: the function asks for AVX2 alone, which was found.
    avx2_here::get() && unsafe { simdutf8::basic::imp::x86::avx2::validate_utf8(text) }.is_ok()
}

#[cfg(not(target_arch = "x86_64"))]
fn is_utf8(_: &[u8]) -> bool {
    false
}
