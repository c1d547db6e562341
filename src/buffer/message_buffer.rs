//! The bytes of one message in the making: unmasked and checked piece by piece, handed out without another look.
//!
//! Unsafe room three: text whose every piece passed the validator is given out as `str`.
#![allow(unsafe_code)]

use alloc::string::String;
use alloc::vec::Vec;
use core::mem;
use core::str;

use bytes::{Buf, Bytes};

use super::{PAGE, half_a_page_in};
use crate::mask::{self, MaskingKey};
use crate::utf8::{InvalidUtf8, Utf8Validator};

/// A message being assembled, or one that was.
#[derive(Debug, Default)]
pub(crate) struct MessageBuffer {
    /// From `front` what arrived; before and behind it bytes of no meaning, which need not be made again.
    bytes: Vec<u8>,
    /// 0 or, where there is much, [half a page in](half_a_page_in); or where it was read to.
    front: usize,
    arrived: usize,
    /// How much room the last [`spare`](Self::spare) gave.
    given: usize,
    /// `None` for binary.
    ///
    /// Invariant: while this is `Some`, it has accepted the `arrived` bytes from `front` on, in order, and nothing else.
    text: Option<Utf8Validator>,
}

/// A message of which so much has arrived …
const LARGE: usize = 64 << 10;
/// … is given so many times as much memory, so that what is announced costs the peer a share of what it costs us.
const GROWTH: usize = 4;

/// Whether a message of this length makes good use of so much memory.
pub(super) fn is_filled(capacity: usize, len: usize) -> bool {
    capacity <= len.saturating_mul(GROWTH).saturating_add(PAGE)
}

impl MessageBuffer {
    /// Begins a message in place of what was here.
    pub(crate) fn begin(&mut self, is_text: bool) {
        self.arrived = 0;
        self.text = is_text.then(Utf8Validator::new);
        self.align();
    }

    /// A message whose first bytes were read to `front` of this memory, which is initialised: to be
    /// [told of](Self::arrive).
    pub(super) fn of_input(bytes: Vec<u8>, front: usize, is_text: bool) -> Self {
        Self { bytes, front, text: is_text.then(Utf8Validator::new), ..Self::default() }
    }

    /// The memory, with whatever is in it.
    pub(super) fn into_memory(self) -> Vec<u8> {
        self.bytes
    }

    pub(crate) fn len(&self) -> usize {
        self.arrived
    }

    pub(crate) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Whether a message of this length makes good use of the memory: as much as one that grew into it.
    pub(crate) fn is_filled_by(&self, len: usize) -> bool {
        is_filled(self.capacity(), len)
    }

    /// Appends a piece of a frame, unmasked; `missing` bytes of the frame are still to come.
    pub(crate) fn extend(&mut self, piece: &[u8], missing: usize, key: Option<MaskingKey>) -> Result<(), InvalidUtf8> {
        if let Some(more) = self.outgrown_by(piece.len(), missing) {
            self.reserve(more);
        }
        let at = self.front + self.arrived;
        // A key of zeros changes nothing.
        let is_ascii = mask::put(&mut self.bytes, at, piece, key.unwrap_or(MaskingKey::new([0; 4])));
        self.accept(piece.len(), is_ascii)
    }

    /// Room for a read of at most `want` bytes behind what arrived.
    pub(crate) fn spare(&mut self, want: usize) -> &mut [u8] {
        // Still in the cache when it is unmasked. A rest of less than half of that is no read of its own.
        const MOST: usize = 128 << 10;
        if let Some(more) = self.outgrown_by_read(want) {
            self.reserve(more);
        }
        self.given = want.min(self.room());
        if self.given >= MOST + MOST / 2 {
            self.given = MOST;
        }
        self.grow(self.given)
    }

    /// For how much behind what arrived memory is to be found before a large message is [extended](Self::extend).
    fn outgrown_by(&self, piece: usize, missing: usize) -> Option<usize> {
        let arrived = self.arrived + piece;
        (arrived >= LARGE && self.room() < piece).then(|| piece + missing.min(arrived * (GROWTH - 1)))
    }

    /// The same before a [read](Self::spare).
    pub(super) fn outgrown_by_read(&self, want: usize) -> Option<usize> {
        const LEAST: usize = 16 << 10;
        (self.arrived != 0 && self.room() < want.min(LEAST)).then(|| want.min(self.arrived * (GROWTH - 1)))
    }

    /// Moves what arrived to other memory, which has room for it, and returns its own.
    pub(super) fn move_to(&mut self, other: Self) -> Self {
        let old = mem::replace(self, Self { arrived: 0, text: self.text, ..other });
        self.align();
        self.grow(old.arrived).copy_from_slice(old.as_bytes());
        self.arrived = old.arrived;
        old
    }

    /// Room for `n` bytes behind what arrived.
    pub(crate) fn grow(&mut self, n: usize) -> &mut [u8] {
        let start = self.front + self.arrived;
        if self.bytes.len() < start + n {
            self.bytes.resize(start + n, 0);
        }
        &mut self.bytes[start..start + n]
    }

    /// Memory for no more than `n` bytes behind what arrived, and a page.
    fn reserve(&mut self, n: usize) {
        if self.arrived == 0 {
            self.bytes = Vec::with_capacity(n + PAGE);
            self.align();
        } else {
            self.bytes.truncate(self.front + self.arrived);
            self.bytes.reserve_exact(n);
        }
    }

    /// Nothing has arrived: finds its front.
    fn align(&mut self) {
        self.front = if self.bytes.capacity() >= LARGE + PAGE { half_a_page_in(&self.bytes) } else { 0 };
        if self.bytes.len() < self.front {
            self.bytes.resize(self.front, 0);
        }
    }

    /// For how much there is memory behind what arrived.
    fn room(&self) -> usize {
        self.bytes.capacity() - self.front - self.arrived
    }

    /// How much the last [`spare`](Self::spare) gave.
    pub(crate) fn given(&self) -> usize {
        self.given
    }

    /// The first `n` bytes of [`spare`](Self::spare) have been read.
    pub(crate) fn arrive(&mut self, n: usize, key: Option<MaskingKey>) -> Result<(), InvalidUtf8> {
        self.given = 0;
        let piece = &mut self.bytes[self.front + self.arrived..][..n];
        let is_ascii = match key {
            Some(key) if self.text.is_some() => mask::apply_ascii(piece, key),
            Some(key) => {
                mask::apply(piece, key);
                false
            }
            None => false,
        };
        self.accept(n, is_ascii)
    }

    /// Checks the next `n` bytes, which lie unmasked in their place, and counts them as arrived.
    #[inline]
    fn accept(&mut self, n: usize, is_ascii: bool) -> Result<(), InvalidUtf8> {
        if let Some(utf8) = &mut self.text {
            // Between code points the validator has nothing to say about ASCII, nor to remember of it.
            if !(is_ascii && utf8.is_complete()) {
                // Into a copy: a piece that is refused must leave the validator as it was.
                let mut extended = *utf8;
                extended.push(&self.bytes[self.front + self.arrived..][..n])?;
                *utf8 = extended;
            }
        }
        self.arrived += n;
        Ok(())
    }

    /// The message is whole: says whether a text ends between code points.
    pub(crate) fn finish(&self) -> bool {
        self.text.is_none_or(|utf8| utf8.is_complete())
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[self.front..self.front + self.arrived]
    }

    /// The bytes, for changing in place. Empty for a text, which must stay what was checked.
    pub(crate) fn as_mut_bytes(&mut self) -> &mut [u8] {
        let len = if self.text.is_some() { 0 } else { self.arrived };
        &mut self.bytes[self.front..][..len]
    }

    /// The text. Empty for a binary message, or for one that ends inside a code point.
    pub(crate) fn as_str(&self) -> &str {
        match self.text {
            // SAFETY: by the invariant of `text` the validator accepted exactly these bytes, and it stands between
            // code points.
            Some(utf8) if utf8.is_complete() => unsafe { str::from_utf8_unchecked(self.as_bytes()) },
            _ => "",
        }
    }

    /// Moves the message out with its memory. Only one that is lost in it is copied.
    pub(crate) fn take_bytes(&mut self) -> Bytes {
        if !self.is_filled_by(self.arrived) {
            return Bytes::copy_from_slice(self.as_bytes());
        }
        let mut message = mem::take(self);
        message.bytes.truncate(message.front + message.arrived);
        let mut bytes = Bytes::from(message.bytes);
        bytes.advance(message.front);
        bytes
    }

    /// As [`take_bytes`](Self::take_bytes); a large text is moved within its memory, to the front.
    pub(crate) fn take_string(&mut self) -> String {
        if !self.is_filled_by(self.arrived) {
            return self.as_str().into();
        }
        let mut message = mem::take(self);
        message.bytes.truncate(message.front + message.as_str().len());
        message.bytes.drain(..message.front);
        // SAFETY: what is left of `bytes` is what `as_str` gave.
        unsafe { String::from_utf8_unchecked(message.bytes) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_text_comes_out_whole() {
        let text = "naïve café 𝄞".as_bytes();
        for cut in 0..=text.len() {
            let mut message = MessageBuffer::default();
            message.begin(true);
            message.extend(&text[..cut], 0, None).unwrap();
            let mut rest = &text[cut..];
            if cut != 0 {
                let (near, far) = rest.split_at(cut.min(rest.len()));
                message.spare(near.len()).copy_from_slice(near);
                message.arrive(near.len(), None).unwrap();
                rest = far;
            }
            message.extend(rest, 0, None).unwrap();
            assert!(message.finish());
            assert_eq!(message.as_str().as_bytes(), text);
            assert_eq!(message.take_string().as_bytes(), text);
            assert_eq!(message.len(), 0);
        }
    }

    #[test]
    fn a_text_that_ends_inside_a_code_point_is_never_a_str() {
        let mut message = MessageBuffer::default();
        message.begin(true);
        message.extend(b"ab\xc3", 0, None).unwrap();
        assert_eq!(message.as_str(), "");
        assert!(!message.finish());
        assert_eq!(message.take_string(), "");
    }

    #[test]
    fn bad_text_behind_a_finished_code_point_leaves_no_str_that_ends_inside_one() {
        let mut message = MessageBuffer::default();
        message.begin(true);
        message.extend(b"ab\xc3", 0, None).unwrap();
        assert!(message.extend(b"\xa9\xff", 0, None).is_err());
        assert_eq!(message.as_bytes(), b"ab\xc3");
        assert_eq!(message.as_str(), "");
        assert_eq!(message.take_string(), "");
    }

    #[test]
    fn bad_text_leaves_what_was_good() {
        let mut message = MessageBuffer::default();
        message.begin(true);
        message.extend(b"good", 0, None).unwrap();
        assert!(message.extend(b"\xff", 0, None).is_err());
        assert_eq!(message.as_bytes(), b"good");
    }

    #[test]
    fn room_grows_with_what_arrived() {
        let mut message = MessageBuffer::default();
        message.begin(false);
        assert_eq!(message.spare(1 << 30).len(), 0);
        message.extend(&[0; 1000], 0, None).unwrap();
        assert_eq!(message.spare(1 << 30).len(), 3000);
        message.arrive(3000, None).unwrap();
        assert_eq!(message.spare(1 << 30).len(), 12_000);
        assert_eq!(message.spare(10).len(), 10);

        // What is announced beside a piece is no more than a wish either.
        let mut message = MessageBuffer::default();
        message.begin(false);
        message.extend(&[0; LARGE], 1 << 30, None).unwrap();
        assert_eq!(message.capacity(), GROWTH * LARGE + PAGE);
    }

    #[test]
    fn what_was_here_before_never_shows() {
        let mut message = MessageBuffer::default();
        message.begin(false);
        message.extend(&[b'x'; 2 * LARGE], 0, None).unwrap();
        let (start, capacity) = (message.as_bytes().as_ptr(), message.capacity());
        assert_eq!(start.addr() % PAGE, PAGE / 2);

        for is_text in [false, true] {
            message.begin(is_text);
            message.extend(b"new", LARGE, None).unwrap();
            assert_eq!(message.spare(3).len(), 3);
            assert_eq!(message.given(), 3);
            message.spare(3).copy_from_slice(b"est");
            message.arrive(3, None).unwrap();
            assert_eq!((message.given(), message.as_bytes()), (0, &b"newest"[..]));
            assert_eq!(message.as_str(), if is_text { "newest" } else { "" });
            assert_eq!(message.as_mut_bytes(), if is_text { b"" } else { &b"newest"[..] });
            assert_eq!((message.as_bytes().as_ptr(), message.capacity()), (start, capacity));
        }
        // Too little to take so much memory along.
        assert_eq!(message.take_string(), "newest");
        assert_eq!(message.take_bytes(), "newest");
        assert_eq!(message.capacity(), capacity);
    }

    #[test]
    fn a_large_message_is_moved_out_from_behind_its_front() {
        let text: String = ('a'..='z').cycle().take(LARGE + 5).collect();
        let mut message = MessageBuffer::default();
        let fill = |message: &mut MessageBuffer| {
            message.begin(true);
            message.extend(text.as_bytes(), 0, None).unwrap();
        };
        fill(&mut message);
        assert_eq!(message.take_bytes(), text);
        assert_eq!((message.len(), message.capacity()), (0, 0));
        fill(&mut message);
        assert_eq!(message.take_string(), text);
        assert_eq!((message.len(), message.capacity()), (0, 0));
    }

    #[test]
    fn text_cannot_be_changed_in_place() {
        let mut message = MessageBuffer::default();
        message.begin(true);
        message.extend(b"text", 0, None).unwrap();
        assert!(message.as_mut_bytes().is_empty());
    }
}
