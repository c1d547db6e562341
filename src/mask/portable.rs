//! Words of eight octets, in blocks of a cache line, which the compiler turns into what vectors there are.

use alloc::vec::Vec;
use core::ops::Range;

use super::MaskingKey;

/// Unmasks what lies at `from` and moves it to `to`. Returns it from there, and if `CHECK` whether it is all ASCII.
#[inline]
pub(super) fn shift<const CHECK: bool>(
    bytes: &mut [u8],
    from: Range<usize>,
    to: usize,
    key: MaskingKey,
) -> (&mut [u8], bool) {
    let len = from.len();
    bytes.copy_within(from, to);
    let payload = &mut bytes[to..to + len];
    let is_ascii = in_place::<CHECK>(payload, key);
    (payload, is_ascii)
}

#[inline]
fn in_place<const CHECK: bool>(payload: &mut [u8], key: MaskingKey) -> bool {
    let [a, b, c, d] = key.octets();
    let key = [a, b, c, d, a, b, c, d];
    let word = u64::from_ne_bytes(key);
    let mut seen = [0; 8];
    let mut blocks = payload.chunks_exact_mut(64);
    for block in &mut blocks {
        for (lane, seen) in block.chunks_exact_mut(8).zip(&mut seen) {
            xor_lane::<CHECK>(lane, word, seen);
        }
    }
    let mut lanes = blocks.into_remainder().chunks_exact_mut(8);
    for lane in &mut lanes {
        xor_lane::<CHECK>(lane, word, &mut seen[0]);
    }
    for (octet, k) in lanes.into_remainder().iter_mut().zip(key) {
        *octet ^= k;
        seen[0] |= u64::from(*octet);
    }
    seen.iter().fold(0, |all, lane| all | lane) & ABOVE_ASCII == 0
}

/// Writes `piece`, unmasked, from `at` on, which is not behind the end, and says whether the result is all ASCII.
#[inline]
pub(super) fn put(bytes: &mut Vec<u8>, at: usize, piece: &[u8], key: MaskingKey) -> bool {
    let (over, behind) = piece.split_at(piece.len().min(bytes.len() - at));
    bytes[at..at + over.len()].copy_from_slice(over);
    bytes.extend_from_slice(behind);
    in_place::<true>(&mut bytes[at..at + piece.len()], key)
}

#[inline(always)]
fn xor_lane<const CHECK: bool>(lane: &mut [u8], word: u64, seen: &mut u64) {
    if let Ok(octets) = <&mut [u8; 8]>::try_from(lane) {
        let plain = u64::from_ne_bytes(*octets) ^ word;
        if CHECK {
            *seen |= plain;
        }
        *octets = plain.to_ne_bytes();
    }
}

/// The top bit of each octet.
const ABOVE_ASCII: u64 = 0x8080_8080_8080_8080;
