//! Memory of messages that nobody kept, for those to come.

use alloc::vec::Vec;

use super::{MessageBuffer, PAGE};

/// No more together than [`LARGEST_AT_ONCE`] of the largest messages.
#[derive(Debug)]
pub(super) struct Spare {
    /// The one used last, which is in the cache, at the end.
    pieces: Vec<MessageBuffer>,
    bytes: usize,
    /// Of one message.
    most: usize,
}

const LARGEST_AT_ONCE: usize = 4;
const PIECES: usize = 64;
/// What is called large at the least, and at the most, whatever is allowed.
const LARGE: core::ops::RangeInclusive<usize> = 1 << 20..=16 << 20;

impl Spare {
    /// For messages, and reads, of up to `longest` bytes.
    pub(super) fn new(longest: usize) -> Self {
        let most = longest.clamp(*LARGE.start(), *LARGE.end()) + 2 * PAGE;
        Self { pieces: Vec::new(), bytes: 0, most }
    }

    /// Takes memory back, in place of what was not used for the longest time; or frees it if it is too much by itself.
    pub(super) fn keep(&mut self, message: MessageBuffer) {
        let capacity = message.capacity();
        if capacity > self.most {
            return;
        }
        while self.pieces.len() == PIECES || self.bytes + capacity > LARGEST_AT_ONCE * self.most {
            self.bytes -= self.pieces.remove(0).capacity();
        }
        self.bytes += capacity;
        self.pieces.push(message);
    }

    /// Gives the memory away that was used last of what fits.
    pub(super) fn take(&mut self, fits: impl Fn(&MessageBuffer) -> bool) -> Option<MessageBuffer> {
        let at = self.pieces.iter().rposition(fits)?;
        let piece = self.pieces.remove(at);
        self.bytes -= piece.capacity();
        Some(piece)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(len: usize) -> MessageBuffer {
        let mut piece = MessageBuffer::default();
        piece.grow(len);
        piece
    }

    #[test]
    fn four_of_the_largest_are_kept_and_no_byte_more() {
        for (longest, most) in [(0, 1 << 20), (1 << 20, 1 << 20), (5 << 20, 5 << 20), (usize::MAX, 16 << 20)] {
            let mut spare = Spare::new(longest);
            spare.keep(piece(most + 2 * PAGE + 1));
            assert!(spare.take(|_| true).is_none());
            for _ in 0..5 {
                spare.keep(piece(most + 2 * PAGE));
            }
            assert_eq!(spare.bytes, 4 * (most + 2 * PAGE));
            // It makes place for the next.
            spare.keep(piece(PAGE));
            assert_eq!((spare.pieces.len(), spare.bytes), (4, 3 * (most + 2 * PAGE) + PAGE));
            while spare.take(|_| true).is_some() {}
            assert_eq!(spare.bytes, 0);
        }
    }

    #[test]
    fn small_ones_are_few_and_the_last_is_the_first() {
        let mut spare = Spare::new(1000);
        for len in 1..=PIECES + 1 {
            spare.keep(piece(len * 10));
        }
        let mut take =
            |fits: fn(usize) -> bool| spare.take(|piece| fits(piece.capacity())).map(|piece| piece.capacity());
        assert_eq!(take(|_| true), Some((PIECES + 1) * 10));
        assert_eq!(take(|capacity| capacity < 100), Some(90));
        assert_eq!((take(|capacity| capacity == 90), take(|capacity| capacity == 10)), (None, None));
    }
}
