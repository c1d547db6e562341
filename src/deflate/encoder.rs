//! A message at a time to blocks of RFC 1951, from nothing but the message.
//!
//! A streaming compressor clears its tables before each message, which for a short one takes longer than compressing it.
//! Here positions are counted on from message to message, so that what the last ones left in the tables is seen to be
//! too old, and nothing is cleared.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::mem;

use super::bits::BitWriter;
use super::huffman::Block;
use super::tokens::{MAX_MATCH, MIN_MATCH, Tokens};

/// The tables of a loop: 240 KiB.
pub(crate) struct Encoder {
    /// The last position of each hash of four bytes; and of three.
    fours: Box<[u32; 1 << FOUR_BITS]>,
    threes: Box<[u32; 1 << THREE_BITS]>,
    /// By the low bits of a place in the message: the position before it with the same hash of four bytes.
    chain: Box<[u32; MAX_DISTANCE]>,
    /// The position of what comes next; what is before belongs to another message. Never 0, with which the tables begin.
    base: u32,
    tokens: Tokens,
    block: Block,
    effort: Effort,
}

/// How long to search.
#[derive(Clone, Copy)]
struct Effort {
    /// Places to compare with.
    tries: u32,
    /// A match of that length is good enough: no more places, and the next position is not tried.
    good: usize,
    /// Whether the next position may have a longer one.
    lazy: bool,
}

/// By level, from 1 on.
const EFFORTS: [Effort; 9] = [
    Effort { tries: 4, good: 16, lazy: false },
    Effort { tries: 8, good: 16, lazy: true },
    Effort { tries: 8, good: 32, lazy: true },
    Effort { tries: 16, good: 32, lazy: true },
    Effort { tries: 24, good: 64, lazy: true },
    Effort { tries: 48, good: 128, lazy: true },
    Effort { tries: 96, good: MAX_MATCH, lazy: true },
    Effort { tries: 256, good: MAX_MATCH, lazy: true },
    Effort { tries: 1024, good: MAX_MATCH, lazy: true },
];

const FOUR_BITS: u32 = 13;
const THREE_BITS: u32 = 12;
const MAX_DISTANCE: usize = 1 << 15;
/// A match of three bytes from further away takes more bits than three literals.
const NEAR: u32 = 1 << 12;
/// What begins with empty tables, so that positions fit.
const SEGMENT: usize = 1 << 28;
/// From matches longer than this only so many positions are remembered: text goes on as after their beginning.
const REMEMBERED: usize = 12;

impl Encoder {
    pub(crate) fn new(level: u8) -> Self {
        let table = |len: usize| vec![0; len].into_boxed_slice();
        Self {
            fours: table(1 << FOUR_BITS).try_into().expect("of that length"),
            threes: table(1 << THREE_BITS).try_into().expect("of that length"),
            chain: vec![0; MAX_DISTANCE].into_boxed_slice().try_into().expect("of that length"),
            base: 1,
            tokens: Tokens::default(),
            block: Block::default(),
            effort: EFFORTS[usize::from(level.clamp(1, 9)) - 1],
        }
    }

    /// Replaces `packed` by the blocks of a message, without the end that is left out on the wire (RFC 7692 §7.2.1).
    /// They refer at most 2^`bits` bytes back.
    pub(crate) fn message(&mut self, payload: &[u8], bits: u8, packed: &mut Vec<u8>) {
        let mut out = BitWriter::new(packed);
        for segment in payload.chunks(SEGMENT) {
            self.segment(segment, 1 << bits, &mut out);
        }
        out.finish();
    }

    fn segment(&mut self, data: &[u8], window: usize, out: &mut BitWriter<'_>) {
        if self.base.checked_add(data.len() as u32).is_none() {
            self.fours.fill(0);
            self.threes.fill(0);
            self.base = 1;
        }
        let window = window.min(MAX_DISTANCE);
        // Where the tokens of the block begin.
        let mut start = 0;
        let mut at = 0;
        while at < data.len() {
            let mut found = self.find(data, at, window, MIN_MATCH - 1);
            if self.effort.lazy {
                while found.len >= MIN_MATCH && found.len < self.effort.good {
                    let next = self.find(data, at + 1, window, found.len);
                    if next.len <= found.len {
                        break;
                    }
                    self.tokens.literal(data[at]);
                    at += 1;
                    found = next;
                }
            }
            if found.len >= MIN_MATCH {
                self.tokens.back(found.len, found.distance);
                // The first position is remembered by the search, and the second if it was tried.
                let tried = 1 + usize::from(self.effort.lazy && found.len < self.effort.good);
                for position in at + tried..at + found.len.min(REMEMBERED) {
                    self.remember_four(data, position);
                }
                at += found.len;
            } else {
                self.tokens.literal(data[at]);
                at += 1;
            }
            if self.tokens.is_full() {
                self.block.write(&self.tokens, &data[start..at], out);
                self.tokens.clear();
                start = at;
            }
        }
        if start < data.len() {
            self.block.write(&self.tokens, &data[start..], out);
            self.tokens.clear();
        }
        self.base += data.len() as u32;
    }

    /// The longest match at a place that is longer than `least`, and remembers the place.
    #[inline(always)]
    fn find(&mut self, data: &[u8], at: usize, window: usize, least: usize) -> Found {
        let Some((three, four)) = self.remember(data, at) else { return Found::default() };
        let mut found = Found { len: least, distance: 0 };
        // What begins the message is the position `base`; what is before it is out of reach.
        let here = self.base + at as u32;
        let reach = (at.min(window)) as u32;

        let rest = &data[at..];
        let most = rest.len().min(MAX_MATCH);
        let mut far = here.wrapping_sub(four);
        let mut tries = self.effort.tries;
        while far <= reach && found.len < most {
            let there = &data[at - far as usize..];
            // What is longer agrees in the byte behind the best.
            if there[found.len] == rest[found.len] {
                let len = common(there, rest, most);
                if len > found.len {
                    found = Found { len, distance: far as usize };
                    if len >= self.effort.good {
                        break;
                    }
                }
            }
            tries -= 1;
            if tries == 0 {
                break;
            }
            far = here.wrapping_sub(self.chain[(at - far as usize) % MAX_DISTANCE]);
        }
        if found.len < MIN_MATCH {
            let far = here.wrapping_sub(three);
            if far <= reach.min(NEAR) && data[at - far as usize..][..3] == rest[..3] {
                found = Found { len: common(&data[at - far as usize..], rest, most), distance: far as usize };
            }
        }
        if found.distance == 0 { Found::default() } else { found }
    }

    /// Enters a place in the tables; returns the positions that were there for its three and its four bytes, `None` where
    /// there are no four.
    #[inline(always)]
    fn remember(&mut self, data: &[u8], at: usize) -> Option<(u32, u32)> {
        let four = self.remember_four(data, at)?;
        let word = u32::from_le_bytes(*data[at..].first_chunk()?);
        let three = &mut self.threes[((word << 8).wrapping_mul(0x9e37_79b1) >> (32 - THREE_BITS)) as usize];
        Some((mem::replace(three, self.base + at as u32), four))
    }

    /// The same for its four bytes alone, which is enough in the midst of a match.
    #[inline(always)]
    fn remember_four(&mut self, data: &[u8], at: usize) -> Option<u32> {
        let word = u32::from_le_bytes(*data.get(at..)?.first_chunk()?);
        let four = &mut self.fours[(word.wrapping_mul(0x9e37_79b1) >> (32 - FOUR_BITS)) as usize];
        let before = mem::replace(four, self.base + at as u32);
        self.chain[at % MAX_DISTANCE] = before;
        Some(before)
    }
}

/// A match: so many bytes are those of so far back. None has the length 0.
#[derive(Clone, Copy, Default)]
struct Found {
    len: usize,
    distance: usize,
}

/// How many bytes two begin with in common, at most `most`.
#[inline]
fn common(there: &[u8], here: &[u8], most: usize) -> usize {
    let (there, here) = (&there[..most], &here[..most]);
    let mut len = 0;
    while let (Some(a), Some(b)) = (there[len..].first_chunk(), here[len..].first_chunk()) {
        let differ = u64::from_le_bytes(*a) ^ u64::from_le_bytes(*b);
        if differ != 0 {
            return len + differ.trailing_zeros() as usize / 8;
        }
        len += 8;
    }
    while len < most && there[len] == here[len] {
        len += 1;
    }
    len
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use zlib_rs::{Deflate, DeflateFlush, Inflate, InflateFlush};

    use super::*;
    use crate::deflate::TAIL;

    /// By a decompressor with that window.
    fn inflated(packed: &[u8], bits: u8, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len + 1];
        let mut inflate = Inflate::new(false, bits);
        inflate.decompress(&[packed, &TAIL].concat(), &mut bytes, InflateFlush::SyncFlush).unwrap();
        bytes.truncate(inflate.total_out() as usize);
        bytes
    }

    fn data() -> impl Strategy<Value = Vec<u8>> {
        // From few symbols, so that much repeats, to all, so that nothing does; and repeated, which makes long matches.
        let piece = (1..=255u8).prop_flat_map(|most| prop::collection::vec(0..=most, 1..600));
        prop::collection::vec((piece, 1..40usize), 1..6)
            .prop_map(|pieces| pieces.into_iter().flat_map(|(piece, times)| piece.repeat(times)).collect())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_it_packs_inflates_whatever_came_before(
            messages in prop::collection::vec((data(), 9..=15u8), 1..4), level in 1..=9u8,
        ) {
            let (mut encoder, mut packed) = (Encoder::new(level), Vec::new());
            for (message, bits) in messages {
                encoder.message(&message, bits, &mut packed);
                prop_assert!(packed.len() <= message.len() + 16, "{} of {}", packed.len(), message.len());
                prop_assert_eq!(inflated(&packed, bits, message.len()), message);
            }
        }
    }

    /// Objects as services send them.
    fn json(len: usize) -> Vec<u8> {
        let mut dice = 7692u32;
        let mut roll = |sides: u32| {
            dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (dice >> 8) % sides
        };
        let mut text = alloc::string::String::new();
        while text.len() < len {
            let event = ["trade", "quote", "order", "cancel"][roll(4) as usize];
            let (id, user, price) = (roll(100_000), roll(1000), roll(500));
            text += &alloc::format!("{{\"id\":{id},\"user\":\"u{user:03}\",\"event\":\"{event}\",\"price\":{price}}},");
        }
        text.truncate(len);
        text.into_bytes()
    }

    #[test]
    fn messages_become_as_small_as_by_zlib_at_the_same_level() {
        for len in [1 << 10, 8 << 10, 100_000] {
            let message = json(len);
            for (level, percent) in
                [(1, 76), (2, 96), (3, 99), (4, 99), (5, 100), (6, 100), (7, 103), (8, 103), (9, 100)]
            {
                let (mut encoder, mut ours) = (Encoder::new(level), Vec::new());
                encoder.message(&message, 15, &mut ours);
                let (mut zlib, mut theirs) = (Deflate::new(i32::from(level), false, 15), vec![0; len]);
                zlib.compress(&message, &mut theirs, DeflateFlush::SyncFlush).unwrap();
                let theirs = zlib.total_out() as usize - TAIL.len();
                assert!(
                    ours.len() * 100 <= theirs * percent,
                    "level {level}: {} of {len}, by zlib {theirs}",
                    ours.len()
                );
            }
        }
    }

    #[test]
    fn what_was_seen_is_found_however_far_back_it_may_be() {
        let noise = |seed: u32, len: usize| -> Vec<u8> {
            (0..len as u32)
                .map(|i| (i.wrapping_add(seed).wrapping_mul(0x9e37_79b1).rotate_left(i % 31) >> 11) as u8)
                .collect()
        };
        let (mut encoder, mut packed) = (Encoder::new(6), Vec::new());
        for (bits, far, found) in
            [(9, 500, true), (9, 600, false), (12, 4000, true), (12, 4200, false), (15, 32_700, true)]
        {
            let seen = noise(1, 200);
            let message = [&seen[..], &noise(9999, far - 200), &seen].concat();
            encoder.message(&message, bits, &mut packed);
            let saved = message.len() - packed.len().min(message.len());
            assert_eq!(saved > 150, found, "{far} back with {bits} bits: {saved} saved");
        }
    }

    #[test]
    fn positions_that_no_longer_fit_begin_anew() {
        let message = b"fair winds and following seas, fair winds and following seas";
        let (mut encoder, mut first, mut later) = (Encoder::new(2), Vec::new(), Vec::new());
        encoder.message(message, 15, &mut first);
        assert!(first.len() < message.len());
        encoder.base = u32::MAX - message.len() as u32;
        for _ in 0..3 {
            encoder.message(message, 15, &mut later);
            assert_eq!(later, first);
        }
        assert!(encoder.base < 1000, "{}", encoder.base);
    }
}
