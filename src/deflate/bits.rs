//! Bits to bytes, the lowest first (RFC 1951 §3.1.1).

use alloc::vec::Vec;

/// Writes from the beginning of a vector, which it makes longer as needed.
pub(super) struct BitWriter<'o> {
    out: &'o mut Vec<u8>,
    /// Bytes that are complete.
    len: usize,
    /// Bits that are not yet a byte, the first lowest.
    pending: u64,
    count: u32,
}

/// What can be put at once, with up to seven bits pending.
pub(super) const MOST_BITS: u32 = 56;

impl<'o> BitWriter<'o> {
    pub(super) fn new(out: &'o mut Vec<u8>) -> Self {
        Self { out, len: 0, pending: 0, count: 0 }
    }

    /// Room for so many bits; more must not be put before the next call.
    pub(super) fn reserve(&mut self, bits: usize) {
        let need = self.len + bits / 8 + 2 * size_of::<u64>();
        if self.out.len() < need {
            self.out.resize(need, 0);
        }
    }

    /// At most [`MOST_BITS`]; `bits` has no others.
    #[inline]
    pub(super) fn put(&mut self, bits: u64, count: u32) {
        debug_assert!(count <= MOST_BITS && bits >> count == 0);
        self.pending |= bits << self.count;
        self.count += count;
        self.out[self.len..][..8].copy_from_slice(&self.pending.to_le_bytes());
        self.len += self.count as usize / 8;
        self.pending >>= self.count & !7;
        self.count %= 8;
    }

    /// Zeros to the end of the byte.
    pub(super) fn align(&mut self) {
        self.put(0, (8 - self.count) % 8);
    }

    /// Whole bytes; for aligned bits.
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        debug_assert_eq!(self.count, 0);
        self.out[self.len..][..bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    /// The header of an empty block without its lengths, which are left out on the wire (RFC 7692 §7.2.1); the vector
    /// then holds what was written.
    pub(super) fn finish(mut self) {
        self.reserve(8);
        self.put(0, 3);
        self.align();
        self.out.truncate(self.len);
    }
}
