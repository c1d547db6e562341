//! RFC 1951 read bit by bit: the slow twin of the decompressor, which also tells how far back the data refers.

use std::collections::HashMap;

/// What a message's payload stands for.
#[derive(Debug, PartialEq)]
pub struct Inflated {
    pub bytes: Vec<u8>,
    /// The furthest that was referred back, in bytes.
    pub reach: usize,
    /// The types of its blocks, in order: 0 stored, 1 fixed, 2 dynamic (§3.2.3).
    pub blocks: Vec<usize>,
    /// How many of them were final.
    pub finals: usize,
}

/// Inflates the payload of a compressed message (RFC 7692 §7.2.2) that may refer to `before`, no further back than
/// `window`. `None` if it cannot be, or if it does not end between two blocks.
pub fn inflate(payload: &[u8], before: &[u8], window: usize) -> Option<Inflated> {
    let data = [payload, &[0x00, 0x00, 0xff, 0xff]].concat();
    let mut bits = Bits { data: &data, at: 0 };
    let mut inflated = Inflated { bytes: before.to_vec(), reach: 0, blocks: Vec::new(), finals: 0 };
    while bits.at < data.len() * 8 {
        let last = bits.take(1)?;
        let kind = bits.take(2)?;
        inflated.blocks.push(kind);
        inflated.finals += last;
        match kind {
            0 => stored(&mut bits, &mut inflated.bytes)?,
            1 => compressed(&mut bits, &mut inflated, window, &fixed())?,
            2 => {
                let codes = dynamic(&mut bits)?;
                compressed(&mut bits, &mut inflated, window, &codes)?;
            }
            _ => return None,
        }
        if last == 1 {
            bits.align();
        }
    }
    inflated.bytes.drain(..before.len());
    Some(inflated)
}

struct Bits<'d> {
    data: &'d [u8],
    at: usize,
}

impl Bits<'_> {
    fn take(&mut self, n: usize) -> Option<usize> {
        let mut value = 0;
        for i in 0..n {
            let byte = self.data.get(self.at / 8)?;
            value |= usize::from(byte >> (self.at % 8) & 1) << i;
            self.at += 1;
        }
        Some(value)
    }

    fn align(&mut self) {
        self.at = self.at.next_multiple_of(8);
    }

    fn symbol(&mut self, code: &Code) -> Option<usize> {
        let (mut value, mut len) = (0, 0);
        loop {
            value = value << 1 | self.take(1)?;
            len += 1;
            if let Some(&symbol) = code.get(&(len, value)) {
                return Some(symbol);
            }
            if len == 15 {
                return None;
            }
        }
    }
}

/// Symbols by length and value.
type Code = HashMap<(usize, usize), usize>;

/// §3.2.2.
fn code(lengths: &[usize]) -> Code {
    let mut code = Code::new();
    let mut value = 0;
    for len in 1..=15 {
        value <<= 1;
        for (symbol, _) in lengths.iter().enumerate().filter(|&(_, &l)| l == len) {
            code.insert((len, value), symbol);
            value += 1;
        }
    }
    code
}

fn fixed() -> (Code, Code) {
    let lengths: Vec<usize> =
        (0..288).map(|s| [8, 9, 7, 8][[144, 256, 280, 288].partition_point(|&b| b <= s)]).collect();
    (code(&lengths), code(&[5; 30]))
}

/// §3.2.7.
fn dynamic(bits: &mut Bits<'_>) -> Option<(Code, Code)> {
    const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
    let (literals, distances, own) = (bits.take(5)? + 257, bits.take(5)? + 1, bits.take(4)? + 4);
    let mut lengths = [0; 19];
    for &place in &ORDER[..own] {
        lengths[place] = bits.take(3)?;
    }
    // This one is complete in any case, or empty.
    if !sound(&lengths) || lengths.iter().max() == Some(&1) && lengths.iter().sum::<usize>() == 1 {
        return None;
    }
    let own = code(&lengths);
    let mut lengths = Vec::new();
    while lengths.len() < literals + distances {
        let (times, len) = match bits.symbol(&own)? {
            16 => (3 + bits.take(2)?, *lengths.last()?),
            17 => (3 + bits.take(3)?, 0),
            18 => (11 + bits.take(7)?, 0),
            len => (1, len),
        };
        lengths.extend(std::iter::repeat_n(len, times));
    }
    let (literals, distances) = lengths.split_at_checked(literals).filter(|_| lengths.len() == literals + distances)?;
    // A block must be able to end, and the last two symbols of each alphabet stand for nothing (§3.2.6).
    let usable = literals[256] > 0 && literals.len() <= 286 && distances.len() <= 30;
    (usable && sound(literals) && sound(distances)).then(|| (code(literals), code(distances)))
}

/// Whether each sequence of bits begins at most one symbol, and some symbol; but for a code of a single bit or of none,
/// which may leave the rest open (§3.2.7).
fn sound(lengths: &[usize]) -> bool {
    let taken: usize = lengths.iter().filter(|&&len| len > 0).map(|len| 1 << (15 - len)).sum();
    let longest = lengths.iter().max().copied().unwrap_or(0);
    taken == 1 << 15 || (taken < 1 << 15 && longest <= 1)
}

/// §3.2.4.
fn stored(bits: &mut Bits<'_>, out: &mut Vec<u8>) -> Option<()> {
    bits.align();
    let (len, complement) = (bits.take(16)?, bits.take(16)?);
    if len ^ complement != 0xffff {
        return None;
    }
    for _ in 0..len {
        out.push(bits.take(8)? as u8);
    }
    Some(())
}

/// §3.2.5.
fn compressed(bits: &mut Bits<'_>, inflated: &mut Inflated, window: usize, codes: &(Code, Code)) -> Option<()> {
    loop {
        match bits.symbol(&codes.0)? {
            literal @ 0..=255 => inflated.bytes.push(literal as u8),
            256 => return Some(()),
            symbol => {
                let len = match symbol - 257 {
                    n @ 0..=7 => 3 + n,
                    28 => 258,
                    n @ 8..=27 => 3 + ((4 + n % 4) << (n / 4 - 1)) + bits.take(n / 4 - 1)?,
                    _ => return None,
                };
                let distance = match bits.symbol(&codes.1)? {
                    n @ 0..=3 => 1 + n,
                    n @ 4..=29 => 1 + ((2 + n % 2) << (n / 2 - 1)) + bits.take(n / 2 - 1)?,
                    _ => return None,
                };
                let from = inflated.bytes.len().checked_sub(distance).filter(|_| distance <= window)?;
                inflated.reach = inflated.reach.max(distance);
                for at in from..from + len {
                    inflated.bytes.push(inflated.bytes[at]);
                }
            }
        }
    }
}
