//! What messages may refer back to, on a connection with context takeover (RFC 7692 §7.2.1).

use alloc::vec::Vec;

/// The last 2ʷ bytes that went through a compressor or decompressor.
#[derive(Debug)]
pub(crate) struct Window {
    /// The last of these count.
    bytes: Vec<u8>,
    size: usize,
}

impl Window {
    pub(crate) fn new(bits: u8) -> Self {
        Self { bytes: Vec::new(), size: 1 << bits }
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.bytes[self.bytes.len().saturating_sub(self.size)..]
    }

    pub(crate) fn push(&mut self, passed: &[u8]) {
        let passed = &passed[passed.len().saturating_sub(self.size)..];
        // Some bytes more than count, so that not every message moves all.
        let most = self.size + self.size / 4;
        if self.bytes.len() + passed.len() > most {
            let kept = self.size - passed.len();
            self.bytes.drain(..self.bytes.len().saturating_sub(kept));
        }
        let len = self.bytes.len() + passed.len();
        if len > self.bytes.capacity() {
            self.bytes.reserve_exact((2 * self.bytes.len()).clamp(len, most) - self.bytes.len());
        }
        self.bytes.extend_from_slice(passed);
    }

    /// Memory that it takes, in bytes.
    #[cfg(feature = "net")]
    pub(crate) fn held(&self) -> usize {
        self.bytes.capacity()
    }

    /// Nothing may be referred to any more.
    #[cfg(feature = "net")]
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_the_last_bytes_in_bounded_memory() {
        let all: Vec<u8> = (0..100_000u32).map(|i| (i.wrapping_mul(i) >> 3) as u8).collect();
        for step in [1, 7, 255, 256, 257, 319, 320, 321, 5000] {
            let mut window = Window::new(8);
            for (i, piece) in all.chunks(step).enumerate() {
                window.push(piece);
                let end = (i * step + piece.len()).min(all.len());
                assert_eq!(window.as_slice(), &all[end.saturating_sub(256)..end], "steps of {step}");
            }
            assert!(window.bytes.capacity() <= 320, "{}", window.bytes.capacity());
        }
    }
}
