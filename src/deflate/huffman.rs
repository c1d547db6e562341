//! Blocks with the code that makes them shortest (RFC 1951 §3.2.3 to §3.2.7).

use super::bits::{BitWriter, MOST_BITS};
use super::tokens::{DISTANCES, END_OF_BLOCK, SYMBOLS, Token, Tokens};

/// The codes of a block.
#[derive(Default)]
pub(super) struct Block {
    symbols: Code<SYMBOLS>,
    distances: Code<DISTANCES>,
}

/// For each symbol its length and its bits, the first lowest.
struct Code<const N: usize> {
    lengths: [u8; N],
    bits: [u16; N],
}

const MAX_LENGTH: usize = 15;
const STORED: u64 = 0;
const FIXED: u64 = 1;
const DYNAMIC: u64 = 2;
/// A header of three bits, up to seven to align, and two lengths.
const STORED_OVERHEAD: usize = 3 + 7 + 32;
const MOST_STORED: usize = 0xffff;

impl Block {
    /// Writes tokens as a block, or as they stand for `data` if that is shorter.
    pub(super) fn write(&mut self, tokens: &Tokens, data: &[u8], out: &mut BitWriter<'_>) {
        let mut counts = tokens.symbols;
        counts[END_OF_BLOCK] = 1;
        let extra = extra_bits(tokens);
        self.symbols = Code::shortest(&counts, MAX_LENGTH);
        self.distances = Code::shortest(&tokens.distances, MAX_LENGTH);
        let description = Description::of(&self.symbols.lengths, &self.distances.lengths);
        let dynamic = description.bits() + self.symbols.cost(&counts) + self.distances.cost(&tokens.distances) + extra;
        let fixed = fixed_cost(&counts, &tokens.distances) + extra;
        let stored = data.len() * 8 + data.len().div_ceil(MOST_STORED) * STORED_OVERHEAD;

        out.reserve(dynamic.min(fixed).min(stored) + 3);
        if stored < dynamic.min(fixed) {
            return store(data, out);
        }
        if fixed <= dynamic {
            out.put(FIXED << 1, 3);
            self.symbols = Code::from_lengths(core::array::from_fn(fixed_length));
            self.distances = Code::from_lengths([5; DISTANCES]);
        } else {
            out.put(DYNAMIC << 1, 3);
            description.write(out);
        }
        let mut codes = Gathered::default();
        for token in tokens.iter() {
            match token {
                Token::Literal(byte) => {
                    codes.make_room(MAX_LENGTH as u32, out);
                    codes.add(self.symbols.of(usize::from(byte)));
                }
                Token::Back { len, distance } => {
                    // A code of each kind, and 5 and 13 bits more.
                    codes.make_room(48, out);
                    codes.add(self.symbols.of(len.symbol));
                    codes.add((u64::from(len.extra), len.extra_bits));
                    codes.add(self.distances.of(distance.symbol));
                    codes.add((u64::from(distance.extra), distance.extra_bits));
                }
            }
        }
        codes.make_room(MAX_LENGTH as u32, out);
        codes.add(self.symbols.of(END_OF_BLOCK));
        out.put(codes.bits, codes.count);
    }
}

/// As many codes as can be put at once.
#[derive(Default)]
struct Gathered {
    bits: u64,
    count: u32,
}

impl Gathered {
    #[inline(always)]
    fn make_room(&mut self, count: u32, out: &mut BitWriter<'_>) {
        if self.count + count > MOST_BITS {
            out.put(self.bits, self.count);
            *self = Self::default();
        }
    }

    #[inline(always)]
    fn add(&mut self, (bits, count): (u64, u32)) {
        self.bits |= bits << self.count;
        self.count += count;
    }
}

fn store(data: &[u8], out: &mut BitWriter<'_>) {
    for piece in data.chunks(MOST_STORED) {
        let len = piece.len() as u64;
        out.put(STORED << 1, 3);
        out.align();
        out.put(len | (!len & 0xffff) << 16, 32);
        out.bytes(piece);
    }
}

fn extra_bits(tokens: &Tokens) -> usize {
    let lengths = tokens.symbols[265..285].iter().zip(0..).map(|(&n, i)| n as usize * (1 + i / 4));
    let distances = tokens.distances[4..].iter().zip(0..).map(|(&n, i)| n as usize * (1 + i / 2));
    lengths.sum::<usize>() + distances.sum::<usize>()
}

/// §3.2.6.
fn fixed_length(symbol: usize) -> u8 {
    match symbol {
        144..=255 => 9,
        256..=279 => 7,
        _ => 8,
    }
}

fn fixed_cost(symbols: &[u32; SYMBOLS], distances: &[u32]) -> usize {
    let sum = |counts: &[u32]| counts.iter().sum::<u32>() as usize;
    8 * sum(symbols) + sum(&symbols[144..256]) - sum(&symbols[256..280]) + 5 * sum(distances)
}

impl<const N: usize> Default for Code<N> {
    fn default() -> Self {
        Self { lengths: [0; N], bits: [0; N] }
    }
}

impl<const N: usize> Code<N> {
    /// The code that takes the fewest bits for so many of each symbol, but for lengths above `longest`, at most 15.
    fn shortest(counts: &[u32; N], longest: usize) -> Self {
        // Those that occur, and in the order of their counts. A block has fewer symbols than fit beside the index.
        let (mut used, mut sorted) = ([0u16; N], [0; N]);
        let mut n = 0;
        for (symbol, &count) in counts.iter().enumerate() {
            // Written in any case, counted if it occurs: which of them do is not to be foreseen.
            (used[n], sorted[n]) = (symbol as u16, count << 9 | symbol as u32);
            n += usize::from(count > 0);
        }
        let (used, sorted) = (&used[..n], &mut sorted[..n]);
        let mut code = Self::default();
        if n < 2 {
            // A code of one symbol would be incomplete, which some decompressors refuse.
            let symbol = used.first().copied().unwrap_or(0);
            let both = [0, symbol.max(1)];
            for symbol in both {
                code.lengths[usize::from(symbol)] = 1;
            }
            code.assign(&both);
            return code;
        }
        sorted.sort_unstable();
        let mut rarest_first = [0u16; N];
        for (symbol, key) in rarest_first.iter_mut().zip(sorted.iter_mut()) {
            *symbol = (*key % 512) as u16;
            *key >>= 9;
        }
        minimum_redundancy(sorted);

        // How many of each length, with none too long.
        let mut of_length = [0u32; MAX_LENGTH + 1];
        for &len in sorted.iter() {
            of_length[(len as usize).min(longest)] += 1;
        }
        let mut taken: u32 = (1..=longest).map(|len| of_length[len] << (longest - len)).sum();
        while taken > 1 << longest {
            // One of the longest goes beside another, which becomes longer by that.
            of_length[longest] -= 1;
            let shorter = (1..longest).rev().find(|&len| of_length[len] > 0).unwrap_or(1);
            of_length[shorter] -= 1;
            of_length[shorter + 1] += 2;
            taken -= 1;
        }
        let mut rest = rarest_first[..n].iter();
        for len in (1..=longest).rev() {
            for &symbol in rest.by_ref().take(of_length[len] as usize) {
                code.lengths[usize::from(symbol)] = len as u8;
            }
        }
        code.assign(used);
        code
    }

    fn from_lengths(lengths: [u8; N]) -> Self {
        let mut code = Self { lengths, bits: [0; N] };
        code.assign(&core::array::from_fn::<_, N, _>(|symbol| symbol as u16));
        code
    }

    /// Gives the symbols, in rising order, the bits for their lengths (§3.2.2).
    fn assign(&mut self, used: &[u16]) {
        let mut of_length = [0u16; MAX_LENGTH + 1];
        used.iter().for_each(|&symbol| of_length[usize::from(self.lengths[usize::from(symbol)])] += 1);
        let mut next = [0u16; MAX_LENGTH + 1];
        for len in 1..=MAX_LENGTH {
            next[len] = (next[len - 1] + of_length[len - 1]) << 1;
        }
        for &symbol in used {
            let len = self.lengths[usize::from(symbol)];
            let value = &mut next[usize::from(len)];
            self.bits[usize::from(symbol)] = value.reverse_bits() >> (16 - len);
            *value = value.wrapping_add(1);
        }
    }

    #[inline]
    fn of(&self, symbol: usize) -> (u64, u32) {
        (u64::from(self.bits[symbol]), u32::from(self.lengths[symbol]))
    }

    fn cost(&self, counts: &[u32; N]) -> usize {
        counts.iter().zip(&self.lengths).map(|(&n, &len)| n as usize * usize::from(len)).sum()
    }
}

/// Replaces counts in rising order by the lengths of a code of Huffman's, in place (A. Moffat, J. Katajainen: In-Place
/// Calculation of Minimum-Redundancy Codes, 1995).
fn minimum_redundancy(a: &mut [u32]) {
    let n = a.len();
    // Pairs are joined from left to right: what was joined becomes the index of its parent.
    let (mut leaf, mut root) = (0, 0);
    for next in 0..n - 1 {
        let mut sum = 0;
        for _ in 0..2 {
            if leaf >= n || (root < next && a[root] < a[leaf]) {
                sum += a[root];
                a[root] = next as u32;
                root += 1;
            } else {
                sum += a[leaf];
                leaf += 1;
            }
        }
        a[next] = sum;
    }
    // Depths of the inner nodes, from the root on.
    a[n - 2] = 0;
    for next in (0..n - 2).rev() {
        a[next] = a[a[next] as usize] + 1;
    }
    // Of the leaves.
    let (mut available, mut depth, mut inner, mut next) = (1, 0, n - 1, n);
    while available > 0 {
        let mut used = 0;
        while inner > 0 && a[inner - 1] == depth {
            used += 1;
            inner -= 1;
        }
        for _ in used..available {
            next -= 1;
            a[next] = depth;
        }
        available = 2 * used;
        depth += 1;
    }
}

/// How a block tells its codes (§3.2.7).
struct Description {
    /// Symbols of the lengths' own code, with the extra bits above.
    list: [u16; SYMBOLS + DISTANCES],
    len: usize,
    counts: [u32; LENGTH_SYMBOLS],
    code: Code<LENGTH_SYMBOLS>,
    symbols: usize,
    distances: usize,
    own: usize,
}

const LENGTH_SYMBOLS: usize = 19;
const REPEAT: usize = 16;
const ZEROS: usize = 17;
const MANY_ZEROS: usize = 18;
/// In which order the lengths of the lengths' own code are told.
const ORDER: [usize; LENGTH_SYMBOLS] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
const EXTRA_BITS: [u32; LENGTH_SYMBOLS] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 3, 7];

impl Description {
    fn of(symbols: &[u8; SYMBOLS], distances: &[u8; DISTANCES]) -> Self {
        let used = |lengths: &[u8], least: usize| lengths.iter().rposition(|&len| len > 0).map_or(least, |i| i + 1);
        let (symbols_used, distances_used) = (used(symbols, 257), used(distances, 1));
        let mut all = [0; SYMBOLS + DISTANCES];
        all[..symbols_used].copy_from_slice(&symbols[..symbols_used]);
        let end = symbols_used + distances_used;
        all[symbols_used..end].copy_from_slice(&distances[..distances_used]);

        let mut this = Self {
            list: [0; SYMBOLS + DISTANCES],
            len: 0,
            counts: [0; LENGTH_SYMBOLS],
            code: Code::default(),
            symbols: symbols_used,
            distances: distances_used,
            own: 0,
        };
        for run in all[..end].chunk_by(|a, b| a == b) {
            this.run(usize::from(run[0]), run.len());
        }
        this.code = Code::shortest(&this.counts, 7);
        this.own = ORDER.iter().rposition(|&symbol| this.code.lengths[symbol] > 0).map_or(4, |i| (i + 1).max(4));
        this
    }

    fn run(&mut self, len: usize, mut times: usize) {
        if len == 0 {
            while times >= 11 {
                let now = times.min(138);
                self.push(MANY_ZEROS, now - 11);
                times -= now;
            }
            if times >= 3 {
                self.push(ZEROS, times - 3);
                return;
            }
        } else {
            self.push(len, 0);
            times -= 1;
            while times >= 3 {
                let now = times.min(6);
                self.push(REPEAT, now - 3);
                times -= now;
            }
        }
        (0..times).for_each(|_| self.push(len, 0));
    }

    fn push(&mut self, symbol: usize, extra: usize) {
        self.list[self.len] = (symbol | extra << 5) as u16;
        self.len += 1;
        self.counts[symbol] += 1;
    }

    fn bits(&self) -> usize {
        let extra: usize = self.counts.iter().zip(EXTRA_BITS).map(|(&n, bits)| n as usize * bits as usize).sum();
        5 + 5 + 4 + 3 * self.own + self.code.cost(&self.counts) + extra
    }

    fn write(&self, out: &mut BitWriter<'_>) {
        out.put(self.symbols as u64 - 257, 5);
        out.put(self.distances as u64 - 1, 5);
        out.put(self.own as u64 - 4, 4);
        for &symbol in &ORDER[..self.own] {
            out.put(u64::from(self.code.lengths[symbol]), 3);
        }
        for &item in &self.list[..self.len] {
            let (symbol, extra) = (usize::from(item) % 32, u64::from(item >> 5));
            let (bits, len) = self.code.of(symbol);
            out.put(bits | extra << len, len + EXTRA_BITS[symbol]);
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BinaryHeap;
    use alloc::vec::Vec;
    use core::cmp::Reverse;

    use proptest::prelude::*;

    use super::*;

    /// What Huffman's code takes, by joining the two rarest until one is left.
    fn least_bits(counts: &[u32]) -> u64 {
        let mut heap: BinaryHeap<_> = counts.iter().filter(|&&n| n > 0).map(|&n| Reverse(u64::from(n))).collect();
        let mut bits = 0;
        while let (Some(Reverse(a)), Some(Reverse(b))) = (heap.pop(), heap.pop()) {
            bits += a + b;
            heap.push(Reverse(a + b));
        }
        bits
    }

    /// In units of what the longest code takes of all there is (§3.2.2): 2¹⁵ leaves nothing over.
    fn taken<const N: usize>(code: &Code<N>) -> u32 {
        code.lengths.iter().filter(|&&len| len > 0).map(|&len| 1 << (MAX_LENGTH - usize::from(len))).sum()
    }

    proptest! {
        #[test]
        fn a_code_is_complete_and_none_is_shorter(
            counts in prop::collection::vec(prop_oneof![Just(0u32), 1..40u32], SYMBOLS),
            often in prop::collection::vec(0..SYMBOLS, 2..20),
        ) {
            let mut counts: [u32; SYMBOLS] = counts.try_into().unwrap();
            for (i, symbol) in often.into_iter().enumerate() {
                counts[symbol] += 1 + 30 * i as u32;
            }
            prop_assume!(counts.iter().filter(|&&n| n > 0).count() >= 2);
            let code = Code::shortest(&counts, MAX_LENGTH);
            prop_assert_eq!(taken(&code), 1 << MAX_LENGTH);
            prop_assert!(counts.iter().zip(&code.lengths).all(|(&n, &len)| (n > 0) == (len > 0)));
            prop_assert_eq!(code.cost(&counts) as u64, least_bits(&counts));
        }
    }

    #[test]
    fn no_code_is_longer_than_allowed() {
        // Fibonacci's numbers make the longest codes there are.
        let mut counts = [0; LENGTH_SYMBOLS];
        let (mut a, mut b) = (1, 1);
        for count in &mut counts {
            *count = a;
            (a, b) = (b, a + b);
        }
        for longest in 5..=MAX_LENGTH {
            let code = Code::shortest(&counts, longest);
            assert!(code.lengths.iter().all(|&len| (1..=longest).contains(&usize::from(len))), "{longest}");
            assert_eq!(taken(&code), 1 << MAX_LENGTH, "{longest}");
            // What is more frequent has no longer one.
            assert!(code.lengths.is_sorted_by(|a, b| a >= b), "{longest}: {:?}", code.lengths);
        }
    }

    #[test]
    fn of_no_symbol_or_one_there_is_a_code_of_two() {
        let of = |counts| {
            let code = Code::<LENGTH_SYMBOLS>::shortest(&counts, 7);
            assert_eq!(taken(&code), 1 << MAX_LENGTH);
            (0..LENGTH_SYMBOLS).filter(|&symbol| code.lengths[symbol] > 0).collect::<Vec<_>>()
        };
        let mut counts = [0; LENGTH_SYMBOLS];
        assert_eq!(of(counts), [0, 1]);
        for (symbol, expected) in [(0, [0, 1]), (1, [0, 1]), (18, [0, 18])] {
            counts.fill(0);
            counts[symbol] = 7;
            assert_eq!(of(counts), expected);
        }
    }
}
