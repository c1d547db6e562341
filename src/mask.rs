//! Masking: octet i of a payload is XORed with octet i mod 4 of the key (RFC 6455 §5.3).

use alloc::vec::Vec;
use core::ops::Range;

#[cfg(not(target_arch = "x86_64"))]
use portable as lanes;
#[cfg(target_arch = "x86_64")]
use x86_64 as lanes;

#[cfg(any(test, not(target_arch = "x86_64")))]
mod portable;
#[cfg(target_arch = "x86_64")]
mod x86_64;

/// The four octets that mask a frame from a client (RFC 6455 §5.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct MaskingKey([u8; 4]);

impl MaskingKey {
    pub(crate) const LEN: usize = 4;

    /// The key as it stands in the frame header.
    pub const fn new(octets: [u8; 4]) -> Self {
        Self(octets)
    }

    /// The key as it stands in the frame header.
    pub const fn octets(self) -> [u8; 4] {
        self.0
    }

    /// The key for a payload's rest, once its first `done` octets are through.
    #[must_use]
    pub const fn advanced(self, done: usize) -> Self {
        let bits = u32::from_le_bytes(self.0);
        Self(bits.rotate_right((done % 4) as u32 * 8).to_le_bytes())
    }
}

/// Masks or unmasks in place; the same operation both ways (RFC 6455 §5.3).
#[inline]
pub fn apply(payload: &mut [u8], key: MaskingKey) {
    let len = payload.len();
    lanes::shift::<false>(payload, 0..len, 0, key);
}

/// As [`apply`], and says whether the result is all ASCII: such text needs no other check.
#[inline]
pub(crate) fn apply_ascii(payload: &mut [u8], key: MaskingKey) -> bool {
    let len = payload.len();
    lanes::shift::<true>(payload, 0..len, 0, key).1
}

/// As [`apply`] to what lies at `from`, moved to `to`, which is not behind it. Returns it from there, and if `CHECK` whether
/// it is all ASCII.
///
/// # Panics
///
/// If `to` is behind `from`, or `from` not in `bytes`.
#[inline(always)]
pub(crate) fn shift<const CHECK: bool>(
    bytes: &mut [u8],
    from: Range<usize>,
    to: usize,
    key: MaskingKey,
) -> (&mut [u8], bool) {
    assert!(to <= from.start && from.start <= from.end && from.end <= bytes.len());
    lanes::shift::<CHECK>(bytes, from, to, key)
}

/// Writes `piece`, unmasked on the way, over what is at `at` and behind that, and says whether the result is all ASCII.
///
/// # Panics
///
/// If `at` is behind the end.
#[inline]
pub(crate) fn put(bytes: &mut Vec<u8>, at: usize, piece: &[u8], key: MaskingKey) -> bool {
    assert!(at <= bytes.len());
    lanes::put(bytes, at, piece, key)
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    /// The slow twin: RFC 6455 §5.3 as it is written.
    fn apply_octet_by_octet(payload: &mut [u8], key: MaskingKey) {
        for (i, octet) in payload.iter_mut().enumerate() {
            *octet ^= key.octets()[i % 4];
        }
    }

    /// Something of its own at every place, with octets above ASCII at few places.
    fn source(len: usize) -> Vec<u8> {
        (0..len).map(|i| if i % 97 == 96 { 0xc3 } else { (i * 31 % 127) as u8 }).collect()
    }

    /// Every way to unmask `masked[start..start + len]`, against the slow twin.
    fn check(masked: &[u8], start: usize, len: usize, key: MaskingKey) {
        let range = start..start + len;
        let mut slow = masked.to_vec();
        apply_octet_by_octet(&mut slow[range.clone()], key);
        let is_ascii = slow[range.clone()].is_ascii();

        let mut fast = masked.to_vec();
        apply(&mut fast[range.clone()], key);
        assert_eq!(fast, slow, "start {start}, len {len}");

        fast.copy_from_slice(masked);
        assert_eq!(apply_ascii(&mut fast[range.clone()], key), is_ascii, "start {start}, len {len}");
        assert_eq!(fast, slow, "ascii, start {start}, len {len}");

        for shift in [shift::<true>, portable::shift::<true>] {
            for to in [start, start.saturating_sub(4), start / 2, 0] {
                fast.copy_from_slice(masked);
                let want = (&mut slow[range.clone()], is_ascii);
                assert_eq!(shift(&mut fast, range.clone(), to, key), want, "from {start} to {to}, len {len}");
                assert_eq!(fast[to..to + len], slow[range.clone()]);
                assert_eq!(fast[..to], masked[..to]);
                assert_eq!(fast[range.end..], masked[range.end..]);
            }
        }

        for put in [put, portable::put] {
            for end in [start, start + len / 2, range.end, masked.len()] {
                let mut bytes = masked[..end].to_vec();
                assert_eq!(put(&mut bytes, start, &masked[range.clone()], key), is_ascii);
                assert_eq!(bytes[range.clone()], slow[range.clone()], "at {start} of {end}, len {len}");
                assert_eq!(bytes[..start], masked[..start]);
                assert_eq!(bytes[range.end..], masked[range.end.min(end)..end], "nothing else is touched");
            }
        }
    }

    #[test]
    fn equals_the_slow_twin_for_every_length_alignment_and_phase_of_the_key() {
        // No octet of the key is above ASCII, so that both verdicts come up.
        let key = MaskingKey::new([0x37, 0x7a, 0x21, 0x3d]);
        let source = source(700);
        for len in 0..=600 {
            for start in 0..32 {
                check(&source[..start + len + 3], start, len, key.advanced(start + len));
            }
        }
    }

    #[test]
    fn one_octet_above_ascii_is_seen_wherever_it_is() {
        let key = MaskingKey::new([1, 2, 3, 0x84]);
        for len in [1, 3, 4, 7, 8, 15, 16, 31, 33, 64, 65, 128, 129, 130, 200, 255, 256, 257, 300, 515] {
            let mut masked = alloc::vec![b'a'; len];
            apply_octet_by_octet(&mut masked, key);
            assert!(apply_ascii(&mut masked.clone(), key));
            for at in 0..len {
                masked[at] ^= 0x80;
                check(&masked, 0, len, key);
                masked[at] ^= 0x80;
            }
        }
    }

    #[test]
    fn resumes_at_every_offset() {
        let key = MaskingKey::new([1, 2, 3, 4]);
        for cut in 0..=40 {
            let mut whole = [0x55; 40];
            let mut parts = whole;
            apply(&mut whole, key);
            let (head, tail) = parts.split_at_mut(cut);
            apply(head, key);
            apply(tail, key.advanced(cut));
            assert_eq!(whole, parts, "cut at {cut}");
        }
    }
}
