//! Masking: octet i of a payload is XORed with octet i mod 4 of the key (RFC 6455 §5.3).

/// The four octets that mask a frame from a client (RFC 6455 §5.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct MaskingKey([u8; 4]);

impl MaskingKey {
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
    // Blocks of a cache line: the compiler turns the inner loop into vector instructions.
    let word = u64::from_ne_bytes(repeat(key));
    let mut blocks = payload.chunks_exact_mut(64);
    for block in &mut blocks {
        for lane in block.chunks_exact_mut(8) {
            xor_lane(lane, word);
        }
    }
    let mut lanes = blocks.into_remainder().chunks_exact_mut(8);
    for lane in &mut lanes {
        xor_lane(lane, word);
    }
    for (octet, k) in lanes.into_remainder().iter_mut().zip(repeat(key)) {
        *octet ^= k;
    }
}

fn repeat(key: MaskingKey) -> [u8; 8] {
    let [a, b, c, d] = key.0;
    [a, b, c, d, a, b, c, d]
}

#[inline(always)]
fn xor_lane(lane: &mut [u8], word: u64) {
    if let Ok(octets) = <&mut [u8; 8]>::try_from(lane) {
        *octets = (u64::from_ne_bytes(*octets) ^ word).to_ne_bytes();
    }
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

    #[test]
    fn equals_the_slow_twin_for_every_length_and_alignment() {
        let key = MaskingKey::new([0x37, 0xfa, 0x21, 0x3d]);
        let source: Vec<u8> = (0..700u32).map(|i| (i * 31) as u8).collect();
        for start in 0..64 {
            for len in 0..=512 {
                let mut fast = source[start..].to_vec();
                let mut slow = fast.clone();
                apply(&mut fast[..len], key);
                apply_octet_by_octet(&mut slow[..len], key);
                assert_eq!(fast, slow, "start {start}, len {len}");
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
