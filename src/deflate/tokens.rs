//! What a block is made of: literals and references (RFC 1951 §3.2.5).

use alloc::vec::Vec;

/// The tokens of a block, and how often their symbols occur.
pub(super) struct Tokens {
    list: Vec<u32>,
    pub(super) symbols: [u32; SYMBOLS],
    pub(super) distances: [u32; DISTANCES],
}

/// A literal, or a length and a distance: as the symbols of both and what is added to them.
pub(super) enum Token {
    Literal(u8),
    Back { len: Coded, distance: Coded },
}

/// A symbol and the extra bits behind it.
#[derive(Clone, Copy)]
pub(super) struct Coded {
    pub(super) symbol: usize,
    pub(super) extra: u32,
    pub(super) extra_bits: u32,
}

pub(super) const MIN_MATCH: usize = 3;
pub(super) const MAX_MATCH: usize = 258;
/// With the two that are never used, without which the fixed code is not what it is.
pub(super) const SYMBOLS: usize = 288;
pub(super) const DISTANCES: usize = 30;
pub(super) const END_OF_BLOCK: usize = 256;
/// A block describes its codes, in about 80 bytes, and so it must not be short; nor so long that one code has to do for
/// what is not alike.
const MOST: usize = 1 << 14;

impl Default for Tokens {
    fn default() -> Self {
        Self { list: Vec::new(), symbols: [0; SYMBOLS], distances: [0; DISTANCES] }
    }
}

impl Tokens {
    #[inline]
    pub(super) fn literal(&mut self, byte: u8) {
        self.list.push(u32::from(byte));
        self.symbols[usize::from(byte)] += 1;
    }

    #[inline]
    pub(super) fn back(&mut self, len: usize, distance: usize) {
        self.list.push((len << 16 | distance) as u32);
        self.symbols[coded_len(len).symbol] += 1;
        self.distances[coded_distance(distance).symbol] += 1;
    }

    pub(super) fn is_full(&self) -> bool {
        self.list.len() >= MOST
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Token> {
        self.list.iter().map(|&token| match ((token >> 16) as usize, token as usize & 0xffff) {
            (0, byte) => Token::Literal(byte as u8),
            (len, distance) => Token::Back { len: coded_len(len), distance: coded_distance(distance) },
        })
    }

    pub(super) fn clear(&mut self) {
        self.list.clear();
        self.symbols.fill(0);
        self.distances.fill(0);
    }
}

#[inline]
fn coded_len(len: usize) -> Coded {
    const FIRST: usize = 257;
    let n = (len - MIN_MATCH) as u32;
    if len == MAX_MATCH {
        Coded { symbol: FIRST + 28, extra: 0, extra_bits: 0 }
    } else if n < 8 {
        Coded { symbol: FIRST + n as usize, extra: 0, extra_bits: 0 }
    } else {
        // Four symbols for each power of two.
        let extra_bits = n.ilog2() - 2;
        let symbol = FIRST + (4 * extra_bits + (n >> extra_bits)) as usize;
        Coded { symbol, extra: n & ((1 << extra_bits) - 1), extra_bits }
    }
}

#[inline]
fn coded_distance(distance: usize) -> Coded {
    let n = (distance - 1) as u32;
    if n < 4 {
        Coded { symbol: n as usize, extra: 0, extra_bits: 0 }
    } else {
        // Two.
        let extra_bits = n.ilog2() - 1;
        let symbol = (2 * extra_bits + (n >> extra_bits)) as usize;
        Coded { symbol, extra: n & ((1 << extra_bits) - 1), extra_bits }
    }
}
