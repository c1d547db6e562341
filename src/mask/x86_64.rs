//! SSE2, which every x86-64 has, and AVX2 and AVX-512 where `cpufeatures` finds them. Unsafe room one.
//!
//! From the front to the back, but for what stays in its place and is long. Whatever is overwritten was read before: which
//! holds in place (`from == to`), towards the front of the same bytes, and from one buffer to another.
//!
//! A payload is read as soon as it is unmasked, and a read that spans two writes waits until both are in the cache. So
//! nothing of a short one is written twice, unless two words that overlap are all; of a long one its ends alone.
//!
//! Up to [`SHORT`] bytes are done inline with SSE2, with nothing to look up; the detected kernel is for longer payloads,
//! where one load and one branch do not show.
#![allow(unsafe_code)]

use alloc::vec::Vec;
use core::arch::x86_64::{
    __m128i, __m256i, __m512i, _mm_loadu_si128, _mm_movemask_epi8, _mm_or_si128, _mm_set1_epi32, _mm_setzero_si128,
    _mm_storeu_si128, _mm_xor_si128, _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_or_si256, _mm256_set1_epi32,
    _mm256_storeu_si256, _mm256_xor_si256, _mm512_loadu_si512, _mm512_movepi8_mask, _mm512_or_si512, _mm512_set1_epi32,
    _mm512_storeu_si512, _mm512_xor_si512,
};
use core::ops::Range;

use super::MaskingKey;

cpufeatures::new!(avx2_here, "avx2");
// Servers with the last are Ice Lake, Zen 4 or later: those before run slower for a while after 64 bytes at once.
cpufeatures::new!(avx512_here, "avx512f", "avx512bw", "avx512vbmi");

/// Unmasks what lies at `from`, which is in `bytes`, and moves it to `to`, which is not behind it. Returns it from there, and
/// if `CHECK` whether it is all ASCII.
#[inline(always)]
pub(super) fn shift<const CHECK: bool>(
    bytes: &mut [u8],
    from: Range<usize>,
    to: usize,
    key: MaskingKey,
) -> (&mut [u8], bool) {
    let (front, len) = (bytes.as_mut_ptr(), from.end - from.start);
    // SAFETY: the caller's promise: both places are in `bytes`, good for the range's length, and `to` is not behind. What is
    // returned borrows `bytes`.
    unsafe {
        let (from, to) = (front.add(from.start), front.add(to));
        let is_ascii = xor::<CHECK>(from, to, len, u32::from_le_bytes(key.octets()));
        (core::slice::from_raw_parts_mut(to, len), is_ascii)
    }
}

/// Writes `piece`, unmasked, from `at` on, which is not behind the end, and says whether the result is all ASCII.
#[inline]
pub(super) fn put(bytes: &mut Vec<u8>, at: usize, piece: &[u8], key: MaskingKey) -> bool {
    let (before, end) = (bytes.len(), at + piece.len());
    bytes.reserve(end.saturating_sub(before));
    // SAFETY: `piece` is good for reading its length, and nobody else has a reference to `bytes`, which have room up to
    // `end`. `xor` writes all from `at`, which is not behind what was initialised before, to there, before the length grows.
    unsafe {
        let to = bytes.as_mut_ptr().add(at);
        let is_ascii = xor::<true>(piece.as_ptr(), to, piece.len(), u32::from_le_bytes(key.octets()));
        bytes.set_len(before.max(end));
        is_ascii
    }
}

/// # Safety
///
/// `from` is good for reading and `to` for writing `len` bytes. Where they overlap, `to` is not behind `from`. All of `to`
/// is written.
#[inline(always)]
unsafe fn xor<const CHECK: bool>(from: *const u8, to: *mut u8, len: usize, key: u32) -> bool {
    // SAFETY: the caller's promise is what each of these asks, and `len` is in the range of the one called.
    unsafe {
        match len {
            16..=32 => two_vectors::<CHECK>(from, to, len, key),
            33..=SHORT => one_by_one::<CHECK>(from, to, len, key),
            8..16 => two_words::<u64>(from, to, len, key),
            4..8 => two_words::<u32>(from, to, len, key),
            0..4 => tiny(from, to, len, key),
            _ if len > BLOCK && from == to => backwards::<CHECK>(to, len, key),
            _ => long::<CHECK>(from, to, len, key),
        }
    }
}

/// Where the inline kernels end, in bytes.
const SHORT: usize = 128;
/// What stays where it is and is longer goes by blocks of so much, half of a first-level cache.
const BLOCK: usize = 16 << 10;
/// From here on 64 bytes at once pay: below, the two ends are too much of it.
const WORTH_AVX512: usize = 1 << 10;

/// In place, the last block first: what arrived last is still in the cache, and so will be the front, which is read next.
///
/// # Safety
///
/// `bytes` is good for reading and writing `len` bytes.
unsafe fn backwards<const CHECK: bool>(bytes: *mut u8, len: usize, key: u32) -> bool {
    let (mut is_ascii, mut end) = (true, len);
    while end != 0 {
        // The last block is the one that may be shorter; a block is a whole number of keys.
        let start = (end - 1) / BLOCK * BLOCK;
        // SAFETY: `start..end` lies within `len`.
        is_ascii &= unsafe { xor::<CHECK>(bytes.add(start), bytes.add(start), end - start, key) };
        end = start;
    }
    is_ascii
}

/// # Safety
///
/// As [`xor`], and `len` is more than [`SHORT`].
#[inline(always)]
unsafe fn long<const CHECK: bool>(from: *const u8, to: *mut u8, len: usize, key: u32) -> bool {
    // SAFETY: the caller's promise; each is called where there is what it needs, and with three vectors' length.
    unsafe {
        match () {
            () if len >= WORTH_AVX512 && avx512_here::get() => long_avx512::<CHECK>(from, to, len, key),
            () if avx2_here::get() => long_avx2::<CHECK>(from, to, len, key),
            () => long_sse2::<CHECK>(from, to, len, key),
        }
    }
}

/// The key as it meets the octet at `at`.
#[inline(always)]
const fn turned(key: u32, at: usize) -> u32 {
    key.rotate_right((at % 4) as u32 * 8)
}

/// # Safety
///
/// As [`xor`].
#[inline(always)]
unsafe fn tiny(from: *const u8, to: *mut u8, len: usize, key: u32) -> bool {
    let mut seen = 0;
    for (i, k) in key.to_le_bytes().into_iter().enumerate().take(len) {
        // SAFETY: i is less than `len`.
        unsafe {
            let plain = *from.add(i) ^ k;
            to.add(i).write(plain);
            seen |= plain;
        }
    }
    seen.is_ascii()
}

/// An integer that holds the key once or twice.
trait Word: Copy + core::ops::BitXor<Output = Self> + core::ops::BitOr<Output = Self> {
    fn of(key: u32) -> Self;
    fn is_ascii(self) -> bool;
}

impl Word for u32 {
    #[inline(always)]
    fn of(key: u32) -> Self {
        key
    }

    #[inline(always)]
    fn is_ascii(self) -> bool {
        self & 0x8080_8080 == 0
    }
}

impl Word for u64 {
    #[inline(always)]
    fn of(key: u32) -> Self {
        u64::from(key) | u64::from(key) << 32
    }

    #[inline(always)]
    fn is_ascii(self) -> bool {
        self & 0x8080_8080_8080_8080 == 0
    }
}

/// From one word's length to two.
///
/// # Safety
///
/// As [`xor`], and `len` is at least a word's.
#[inline(always)]
unsafe fn two_words<W: Word>(from: *const u8, to: *mut u8, len: usize, key: u32) -> bool {
    let last = len - size_of::<W>();
    // SAFETY: a word's length from 0 and from `last` lies within `len`; no alignment is asked.
    unsafe {
        let a = from.cast::<W>().read_unaligned() ^ W::of(key);
        let b = from.add(last).cast::<W>().read_unaligned() ^ W::of(turned(key, last));
        to.cast::<W>().write_unaligned(a);
        to.add(last).cast::<W>().write_unaligned(b);
        (a | b).is_ascii()
    }
}

/// From one vector's length to two.
///
/// # Safety
///
/// As [`xor`], and `len` is in that range.
#[inline(always)]
unsafe fn two_vectors<const CHECK: bool>(from: *const u8, to: *mut u8, len: usize, key: u32) -> bool {
    let last = len - 16;
    // SAFETY: SSE2 is part of x86-64. 16 bytes from 0 and from `last` lie within `len`.
    unsafe {
        let a = _mm_xor_si128(_mm_loadu_si128(from.cast()), _mm_set1_epi32(key as i32));
        let b = _mm_xor_si128(_mm_loadu_si128(from.add(last).cast()), _mm_set1_epi32(turned(key, last) as i32));
        _mm_storeu_si128(to.cast(), a);
        _mm_storeu_si128(to.add(last).cast(), b);
        !CHECK || _mm_movemask_epi8(_mm_or_si128(a, b)) == 0
    }
}

/// Up to [`SHORT`]: vectors from the front, and smaller and smaller words behind them.
///
/// # Safety
///
/// As [`xor`].
#[inline(always)]
unsafe fn one_by_one<const CHECK: bool>(from: *const u8, to: *mut u8, len: usize, key: u32) -> bool {
    let mut at = 0;
    // SAFETY: SSE2 is part of x86-64. Whatever is read and written at `at` ends within `len`; and all of it up to there
    // is a whole number of keys.
    unsafe {
        let wide = _mm_set1_epi32(key as i32);
        let mut seen = _mm_setzero_si128();
        while at + 16 <= len {
            let plain = _mm_xor_si128(_mm_loadu_si128(from.add(at).cast()), wide);
            _mm_storeu_si128(to.add(at).cast(), plain);
            if CHECK {
                seen = _mm_or_si128(seen, plain);
            }
            at += 16;
        }
        let mut is_ascii = _mm_movemask_epi8(seen) == 0;
        if at + 8 <= len {
            is_ascii &= word::<u64>(from.add(at), to.add(at), key);
            at += 8;
        }
        if at + 4 <= len {
            is_ascii &= word::<u32>(from.add(at), to.add(at), key);
            at += 4;
        }
        is_ascii & tiny(from.add(at), to.add(at), len - at, key)
    }
}

/// # Safety
///
/// As [`xor`], of a word's length.
#[inline(always)]
unsafe fn word<W: Word>(from: *const u8, to: *mut u8, key: u32) -> bool {
    // SAFETY: the caller's promise; no alignment is asked.
    unsafe {
        let plain = from.cast::<W>().read_unaligned() ^ W::of(key);
        to.cast::<W>().write_unaligned(plain);
        plain.is_ascii()
    }
}

/// A kernel for more than [`SHORT`] bytes: a vector at the front, aligned ones in blocks of four, and a vector at the back.
/// Those at both ends overlap with the others; what is read twice is read before it is written.
macro_rules! long {
    ($name:ident, $($feature:literal,)? $vector:ty, $set:ident, $load:ident, $store:ident, $xor:ident, $or:ident, $mask:ident) => {
        /// # Safety
        ///
        /// As [`xor`], and `len` is at least three vectors', and the CPU has the feature.
        $(#[target_feature(enable = $feature)])?
        unsafe fn $name<const CHECK: bool>(from: *const u8, to: *mut u8, len: usize, key: u32) -> bool {
            const WIDTH: usize = size_of::<$vector>();
            let (first, last) = (WIDTH - to.addr() % WIDTH, len - WIDTH);
            // SAFETY: the CPU has the feature. `first` is at most a vector's length, so that each address is that of WIDTH
            // bytes within `len`. The vector at the front is written when the one at `first` is read, and what is behind
            // that lies beyond what it overwrites.
            unsafe {
                let inner = $set(turned(key, first) as i32);
                let front = $xor($load(from.cast()), $set(key as i32));
                let back = $xor($load(from.add(last).cast()), $set(turned(key, last) as i32));
                let (mut i, mut next) = (first, $xor($load(from.add(first).cast()), inner));
                let mut seen = $or($or(front, back), next);
                $store(to.cast(), front);
                while i + 5 * WIDTH <= len {
                    $store(to.add(i).cast(), next);
                    for at in [i + WIDTH, i + 2 * WIDTH, i + 3 * WIDTH] {
                        let plain = $xor($load(from.add(at).cast()), inner);
                        $store(to.add(at).cast(), plain);
                        if CHECK {
                            seen = $or(seen, plain);
                        }
                    }
                    i += 4 * WIDTH;
                    next = $xor($load(from.add(i).cast()), inner);
                    if CHECK {
                        seen = $or(seen, next);
                    }
                }
                while i + 2 * WIDTH <= len {
                    $store(to.add(i).cast(), next);
                    i += WIDTH;
                    next = $xor($load(from.add(i).cast()), inner);
                    if CHECK {
                        seen = $or(seen, next);
                    }
                }
                $store(to.add(i).cast(), next);
                $store(to.add(last).cast(), back);
                $mask(seen) == 0
            }
        }
    };
}

long!(
    long_sse2,
    __m128i,
    _mm_set1_epi32,
    _mm_loadu_si128,
    _mm_storeu_si128,
    _mm_xor_si128,
    _mm_or_si128,
    _mm_movemask_epi8
);
long!(
    long_avx2,
    "avx2",
    __m256i,
    _mm256_set1_epi32,
    _mm256_loadu_si256,
    _mm256_storeu_si256,
    _mm256_xor_si256,
    _mm256_or_si256,
    _mm256_movemask_epi8
);
long!(
    long_avx512,
    "avx512f,avx512bw",
    __m512i,
    _mm512_set1_epi32,
    _mm512_loadu_si512,
    _mm512_storeu_si512,
    _mm512_xor_si512,
    _mm512_or_si512,
    _mm512_movepi8_mask
);

#[cfg(test)]
mod tests {
    use super::*;

    /// Where there is the longest vector the others are not asked.
    #[test]
    fn every_vector_does_what_the_words_do() {
        type Kernel = unsafe fn(*const u8, *mut u8, usize, u32) -> bool;
        let kernels: [(&str, bool, usize, Kernel); 3] = [
            ("SSE2", true, 16, long_sse2::<true>),
            ("AVX2", avx2_here::get(), 32, long_avx2::<true>),
            ("AVX-512", avx512_here::get(), 64, long_avx512::<true>),
        ];
        let key = MaskingKey::new([0x37, 0x7a, 0x21, 0x3d]);
        let source: Vec<u8> = (0..1200usize).map(|i| if i % 331 == 7 { 0xc3 } else { (i * 31 % 127) as u8 }).collect();
        for (name, _, width, kernel) in kernels.into_iter().filter(|(_, here, ..)| *here) {
            for len in 3 * width..=1000 {
                for start in (0..width).step_by(width / 16) {
                    let mut slow = source.clone();
                    let want = super::super::portable::shift::<true>(&mut slow, start..start + len, start, key).1;
                    let mut fast = source.clone();
                    let payload = &mut fast[start..start + len];
                    let to = payload.as_mut_ptr();
                    // SAFETY: the payload's pointer, twice, and its length, which is three vectors' at least.
                    let is_ascii = unsafe { kernel(to, to, len, u32::from_le_bytes(key.octets())) };
                    assert!((is_ascii, fast) == (want, slow), "{name}, start {start}, len {len}");
                }
            }
        }
    }
}
