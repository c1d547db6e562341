//! What a socket would not take yet.

use core::ops::Range;
use std::boxed::Box;
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::vec;
use std::vec::Vec;

use bytes::Bytes;

use crate::buffer::MessageBuffer;

/// A queue of bytes to write, in order. Exists only while there are some.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    segments: VecDeque<Segment>,
    /// Whole messages that must wait for the end of one that is sent in parts.
    aside: VecDeque<Segment>,
    /// Bytes of the first segment that are written.
    written: usize,
    /// Memory that the queue keeps alive.
    held: usize,
    /// The last message of [`Content::Assembled`] that is written.
    spent: Option<Box<MessageBuffer>>,
}

#[derive(Debug)]
struct Segment {
    bytes: Content,
    /// What counts towards [`Outbox::held`].
    holds: usize,
    unit: Unit,
}

#[derive(Debug)]
enum Content {
    Copied(Vec<u8>),
    Shared(Bytes),
    Assembled(Box<MessageBuffer>),
    /// Where it was received, until the end of the turn.
    Received(Range<usize>),
}

/// How a segment belongs to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// Frames that must stay, such as a Close, or a batch of messages.
    Fixed,
    /// The beginning of a message that may be dropped as a whole.
    Message,
    /// The rest of the segment before.
    Rest,
}

const SLICES: usize = 64;
/// Copied segments are filled up to this.
const COPIED: usize = 64 << 10;

impl Outbox {
    /// Bytes of memory that the queue holds.
    #[inline]
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// Whether nothing can be written now.
    pub(super) fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// Whether nothing is kept at all.
    pub(super) fn is_over(&self) -> bool {
        self.segments.is_empty() && self.aside.is_empty()
    }

    /// Runs `push` so that what it queues waits for [`release`](Self::release).
    pub(super) fn put_aside(&mut self, push: impl FnOnce(&mut Self)) {
        core::mem::swap(&mut self.segments, &mut self.aside);
        push(self);
        core::mem::swap(&mut self.segments, &mut self.aside);
    }

    /// Drops what was put aside: nothing may follow a Close.
    pub(super) fn drop_aside(&mut self) {
        self.held -= self.aside.drain(..).map(|segment| segment.holds).sum::<usize>();
    }

    /// Queues what was put aside.
    pub(super) fn release(&mut self) {
        self.segments.append(&mut self.aside);
    }

    pub(super) fn push_copy(&mut self, bytes: &[u8], unit: Unit) {
        if bytes.is_empty() {
            return;
        }
        self.held += bytes.len();
        if let Some(Segment { bytes: Content::Copied(last), holds, unit: Unit::Fixed }) = self.segments.back_mut()
            && unit == Unit::Fixed
            && last.len() + bytes.len() <= COPIED
        {
            last.extend_from_slice(bytes);
            *holds += bytes.len();
            return;
        }
        self.segments.push_back(Segment { bytes: Content::Copied(bytes.to_vec()), holds: bytes.len(), unit });
    }

    /// Queues a reference that keeps `pins` bytes of memory alive.
    pub(super) fn push_shared(&mut self, bytes: Bytes, pins: usize, unit: Unit) {
        if bytes.is_empty() {
            return;
        }
        self.held += pins;
        self.segments.push_back(Segment { bytes: Content::Shared(bytes), holds: pins, unit });
    }

    /// Queues a message that was assembled, and with it its memory.
    pub(super) fn push_assembled(&mut self, message: Box<MessageBuffer>, unit: Unit) {
        self.held += message.len();
        self.segments.push_back(Segment { holds: message.len(), bytes: Content::Assembled(message), unit });
    }

    /// Queues bytes that lie in the loop's input; [`keep`](Self::keep) must come before that changes.
    pub(super) fn push_received(&mut self, place: Range<usize>, unit: Unit) {
        self.held += place.len();
        self.segments.push_back(Segment { holds: place.len(), bytes: Content::Received(place), unit });
    }

    /// Copies what the socket did not take of the loop's input.
    pub(super) fn keep(&mut self, input: &[u8]) {
        let mut written = self.written;
        for segment in &mut self.segments {
            if let Content::Received(place) = &segment.bytes {
                // What is written of the first segment is not needed any more, but its length is.
                let mut copy = vec![0; written];
                copy.extend_from_slice(&input[place.clone()][written..]);
                segment.bytes = Content::Copied(copy);
            }
            written = 0;
        }
    }

    /// Drops the messages that have not begun to leave.
    pub(super) fn drop_messages(&mut self) -> usize {
        let mut kept = VecDeque::new();
        let (mut dropping, mut dropped) = (false, 0);
        for (i, segment) in self.segments.drain(..).enumerate() {
            dropping = match segment.unit {
                Unit::Fixed => false,
                Unit::Message => i != 0 || self.written == 0,
                Unit::Rest => dropping,
            };
            if dropping {
                dropped += usize::from(segment.unit == Unit::Message);
                self.held -= segment.holds;
            } else {
                kept.push_back(segment);
            }
        }
        self.segments = kept;
        self.aside.retain(|segment| {
            dropped += usize::from(segment.unit == Unit::Message);
            if segment.unit != Unit::Fixed {
                self.held -= segment.holds;
            }
            segment.unit == Unit::Fixed
        });
        dropped
    }

    /// Writes what `write` takes; `input` is the loop's. Returns whether all of it is written; otherwise the socket is full.
    pub(super) fn write(
        &mut self,
        input: &[u8],
        mut write: impl FnMut(&[IoSlice<'_>]) -> io::Result<usize>,
    ) -> io::Result<bool> {
        while !self.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let mut len = 0;
            for (slice, segment) in slices.iter_mut().zip(&self.segments) {
                *slice = IoSlice::new(segment.bytes.as_slice(input));
                len += 1;
            }
            slices[0] = IoSlice::new(&self.segments[0].bytes.as_slice(input)[self.written..]);
            match write(&slices[..len]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => self.advance(n),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    fn advance(&mut self, mut n: usize) {
        n += self.written;
        while let Some(first) = self.segments.front() {
            let len = first.bytes.len();
            if n < len {
                break;
            }
            n -= len;
            self.held -= first.holds;
            if let Some(Segment { bytes: Content::Assembled(message), .. }) = self.segments.pop_front() {
                self.spent = Some(message);
            }
        }
        self.written = n;
    }

    /// An assembled message that has left, for whoever has a use for its memory.
    pub(super) fn take_spent(&mut self) -> Option<MessageBuffer> {
        self.spent.take().map(|message| *message)
    }
}

impl Content {
    fn as_slice<'s>(&'s self, input: &'s [u8]) -> &'s [u8] {
        match self {
            Self::Copied(bytes) => bytes,
            Self::Shared(bytes) => bytes,
            Self::Assembled(message) => message.as_bytes(),
            Self::Received(place) => &input[place.clone()],
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Copied(bytes) => bytes.len(),
            Self::Shared(bytes) => bytes.len(),
            Self::Assembled(message) => message.len(),
            Self::Received(place) => place.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(outbox: &mut Outbox, step: usize) -> Vec<u8> {
        let mut out = Vec::new();
        let all = outbox.write(b"", |slices| {
            let before = out.len();
            out.extend(slices.iter().flat_map(|slice| slice.iter()).take(step));
            Ok(out.len() - before)
        });
        assert!(all.unwrap());
        out
    }

    #[test]
    fn keeps_the_order_however_little_is_taken() {
        for step in 1..40 {
            let mut outbox = Outbox::default();
            outbox.push_copy(b"one ", Unit::Fixed);
            outbox.push_copy(b"two ", Unit::Fixed);
            outbox.push_shared(Bytes::from_static(b"three "), 6, Unit::Message);
            outbox.push_copy(b"four", Unit::Fixed);
            assert_eq!(outbox.held(), 18);
            assert_eq!(drain(&mut outbox, step), b"one two three four");
            assert_eq!(outbox.held(), 0);
        }
    }

    #[test]
    fn what_lies_in_the_input_is_copied_once_that_changes() {
        for step in 0..19 {
            let mut outbox = Outbox::default();
            outbox.push_copy(b"copied ", Unit::Fixed);
            outbox.push_received(2..11, Unit::Message);
            outbox.push_copy(b"end", Unit::Fixed);
            let (mut out, mut left) = (Vec::new(), step);
            let full = outbox.write(b"..received ..", |slices| {
                let before = out.len();
                out.extend(slices.iter().flat_map(|slice| slice.iter()).take(left));
                left -= out.len() - before;
                if out.len() == before { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(out.len() - before) }
            });
            assert!(!full.unwrap());
            outbox.keep(b"..received ..");
            out.extend(drain(&mut outbox, 5));
            assert_eq!(out, b"copied received end", "{step}");
            assert_eq!(outbox.held(), 0);
        }
    }

    #[test]
    fn the_memory_of_an_assembled_message_comes_back_once_it_has_left() {
        for step in 1..20 {
            let mut message = MessageBuffer::default();
            message.begin(false);
            message.extend(b"assembled ", 0, None).unwrap();
            let memory = message.as_bytes().as_ptr();
            let mut outbox = Outbox::default();
            outbox.push_copy(b"header ", Unit::Message);
            outbox.push_assembled(Box::new(message), Unit::Rest);
            outbox.push_copy(b"end", Unit::Fixed);
            assert_eq!(outbox.held(), 20);
            let mut left = 16;
            let full = outbox.write(b"", |slices| {
                let n = slices.iter().map(|slice| slice.len()).sum::<usize>().min(step).min(left);
                left -= n;
                if n == 0 { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(n) }
            });
            assert!(!full.unwrap());
            assert!(outbox.take_spent().is_none(), "a byte of it is still to be written");
            assert_eq!(drain(&mut outbox, step), b" end");
            assert_eq!(outbox.held(), 0);
            assert_eq!(outbox.take_spent().map(|message| message.as_bytes().as_ptr()), Some(memory));
        }
    }

    #[test]
    fn what_is_put_aside_waits() {
        let mut outbox = Outbox::default();
        outbox.push_copy(b"part ", Unit::Fixed);
        outbox.put_aside(|outbox| outbox.push_copy(b"message", Unit::Fixed));
        outbox.push_copy(b"part ", Unit::Fixed);
        assert_eq!((outbox.held(), outbox.is_over()), (17, false));
        assert_eq!(drain(&mut outbox, 3), b"part part ");
        assert!(outbox.is_empty() && !outbox.is_over());
        outbox.release();
        assert_eq!(drain(&mut outbox, 3), b"message");
        assert_eq!((outbox.held(), outbox.is_over()), (0, true));
    }

    #[test]
    fn dropping_spares_what_has_begun_and_what_is_fixed() {
        let mut outbox = Outbox::default();
        outbox.push_copy(b"begun-", Unit::Message);
        outbox.push_shared(Bytes::from_static(b"rest "), 5, Unit::Rest);
        outbox.push_copy(b"old-", Unit::Message);
        outbox.push_shared(Bytes::from_static(b"rest "), 5, Unit::Rest);
        outbox.push_copy(b"ping ", Unit::Fixed);
        outbox.push_copy(b"older ", Unit::Message);
        let mut first = true;
        let full = outbox
            .write(b"", |_| if std::mem::take(&mut first) { Ok(2) } else { Err(io::ErrorKind::WouldBlock.into()) });
        assert!(!full.unwrap());
        assert_eq!(outbox.drop_messages(), 2);
        outbox.push_copy(b"latest", Unit::Message);
        assert_eq!(drain(&mut outbox, 7), b"gun-rest ping latest");
        assert_eq!(outbox.held(), 0);
    }
}
