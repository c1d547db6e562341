//! Message after message of what one read brought a server, each made the reply that would send it back.
//!
//! Unsafe room three, too: what the loop over the messages looks at is compared once, not again by every slice of it.
#![allow(unsafe_code)]

use core::hint::assert_unchecked;
use core::ops::Range;
use core::slice;

use super::ReceiveBuffer;
use super::traffic::Tally;
use crate::frame::{Expected, FrameHeader, Opcode, Status, UsualHeader};
use crate::limits::within;
use crate::mask::{self, MaskingKey};
use crate::message::{Binary, InvalidText, Kind, Message, Text};
use crate::utf8::{self, InvalidUtf8};

/// What is unread of a [`ReceiveBuffer`], with all that finding a message looks at by value: it stays in registers from one
/// message to the next. Dropped, whatever ends it, it consumes what was found.
pub(crate) struct Run<'i> {
    input: &'i mut ReceiveBuffer,
    /// Where the next frame begins. Invariant: `next <= end <= input.bytes.len()`.
    next: usize,
    /// Where the unread ends, or a part of it that is enough for now.
    end: usize,
    /// The longest message.
    most: usize,
}

/// A message that became its own reply.
pub(crate) struct Returned<'r> {
    pub(crate) message: Message<'r>,
    /// Where the frame that would send it back ends in the input.
    pub(crate) end: usize,
}

impl ReceiveBuffer {
    /// What is unread, taken in hand to find message after message in it.
    #[inline(always)]
    pub(crate) fn run(&mut self) -> Run<'_> {
        let (next, most) = (self.unread.start, self.limits.whole());
        // More is for another run.
        let end = self.unread.end.min(next + Tally::MOST);
        assert!(next <= end && end <= self.bytes.len());
        Run { input: self, next, end, most }
    }
}

const CLIENTS: Expected = Expected { masked: true, rsv: 0 };
/// No usual header is longer.
const HEAD: usize = 8;

impl Run<'_> {
    /// The next message, if it lies here whole, in a frame that no rule has anything to say about; the caller knows that the
    /// connection is a server's and that nothing is unfinished. All else, right or wrong, is `None`, and stays unread.
    ///
    /// It is unmasked, and put where it stands in the frame that would send it back, if that begins at `begin`: not behind
    /// where its own does, so that there is room for it, since that has no key.
    ///
    /// # Errors
    ///
    /// A text that is none. The frame is consumed.
    ///
    /// # Panics
    ///
    /// If `begin` is behind that.
    #[inline(always)]
    pub(crate) fn next(&mut self, begin: usize) -> Option<Result<Returned<'_>, InvalidText>> {
        let (next, base) = (self.next, self.input.bytes.as_mut_ptr());
        if next + HEAD > self.input.bytes.len() {
            return None;
        }
        // SAFETY: that many octets from there are within the input's `bytes`, which are initialised throughout. Those behind
        // `end` are none of the frame's, but then it is not here: see below.
        let octets = unsafe { base.add(next).cast::<[u8; HEAD]>().read() };
        let UsualHeader { is_binary, key, payload_len, len: header_len, reply } = UsualHeader::decode(octets)?;
        let frame_len = header_len + payload_len;
        if payload_len > self.most || frame_len > self.end - next {
            return None;
        }
        assert!(begin <= next);
        let kind = if is_binary { Kind::Binary } else { Kind::Text };
        self.input.tally.count(kind, payload_len);
        self.next = next + frame_len;

        // SAFETY: `begin <= next` and `next + frame_len <= end`, so that all of it is within the input's `bytes`, and what is
        // returned borrows the input.
        let bytes = unsafe { slice::from_raw_parts_mut(base.add(begin), self.next - begin) };
        let (at, to) = (bytes.len() - payload_len..bytes.len(), header_len - MaskingKey::LEN);
        // SAFETY: there are `header_len + payload_len` bytes at the least, and `header_len` is 6 or 8. So the four octets
        // lie within them, and in front of the payload.
        unsafe {
            assert_unchecked(to <= at.start && at.start <= at.end);
            bytes.as_mut_ptr().cast::<[u8; 4]>().write(reply.to_le_bytes());
        }
        let key = MaskingKey::new(key.to_le_bytes());
        Some(match unmask(bytes, at, to, kind, key) {
            Ok(message) => Ok(Returned { message, end: begin + to + payload_len }),
            Err(InvalidUtf8 { at }) => Err(InvalidText { at, payload_len, frame_len }),
        })
    }

    /// Where what is left begins, if something is.
    #[inline(always)]
    pub(crate) fn rest(&self) -> Option<usize> {
        (self.next != self.end).then_some(self.next)
    }

    /// As [`next`](Self::next), of a message of any length, such as those of 64 KiB and more, which are none of its. Behind
    /// nothing that waits, `begin` may be four octets later, so that a long payload stays where it is.
    ///
    /// # Errors
    ///
    /// As [`next`](Self::next).
    ///
    /// # Panics
    ///
    /// If the payload would move to the back.
    #[inline(never)]
    pub(crate) fn next_long(&mut self, begin: usize) -> Option<Result<Returned<'_>, InvalidText>> {
        let unread = &self.input.bytes[self.next..self.end];
        let Ok(Status::Complete((header, header_len))) = FrameHeader::decode(unread, CLIENTS) else { return None };
        let (key, kind) = match (header.opcode, header.masking_key) {
            (Opcode::Text, Some(key)) if header.fin => (key, Kind::Text),
            (Opcode::Binary, Some(key)) if header.fin => (key, Kind::Binary),
            _ => return None,
        };
        let arrived = unread.len() - header_len;
        let payload_len = within(header.payload_len, self.most).filter(|len| *len <= arrived)?;
        let (at, frame_len) = (self.next + header_len, header_len + payload_len);
        self.input.tally.count(kind, payload_len);
        self.next += frame_len;

        let reply = FrameHeader { masking_key: None, ..header }.encode();
        let to = begin + reply.len();
        let bytes = &mut self.input.bytes;
        bytes[begin..to].copy_from_slice(&reply);
        Some(match unmask(bytes, at..at + payload_len, to, kind, key) {
            Ok(message) => Ok(Returned { message, end: to + payload_len }),
            Err(InvalidUtf8 { at }) => Err(InvalidText { at, payload_len, frame_len }),
        })
    }
}

/// The payload at `at`, unmasked, moved to `to` and judged.
#[inline(always)]
fn unmask(
    bytes: &mut [u8],
    at: Range<usize>,
    to: usize,
    kind: Kind,
    key: MaskingKey,
) -> Result<Message<'_>, InvalidUtf8> {
    Ok(match kind {
        Kind::Binary => Message::Binary(Binary::whole(mask::shift::<false>(bytes, at, to, key).0)),
        Kind::Text => Message::Text(Text::whole(utf8::unmask(bytes, at, to, Some(key))?)),
    })
}

impl Drop for Run<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.input.unread.start = self.next;
        let tally = core::mem::take(&mut self.input.tally);
        self.input.traffic.add_tally(tally);
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::buffer::Traffic;
    use crate::frame::{FrameHeader, Opcode};
    use crate::limits::Limits;

    const KEY: MaskingKey = MaskingKey::new([0x37, 0xfa, 0x21, 0x3d]);

    fn said(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
        let header = FrameHeader { masking_key: Some(KEY), ..FrameHeader::new(opcode, payload.len() as u64) };
        let mut frame = [&header.encode(), payload].concat();
        let start = frame.len() - payload.len();
        mask::apply(&mut frame[start..], KEY);
        frame
    }

    #[test]
    fn each_message_becomes_the_frame_that_sends_it_back() {
        let mut input = ReceiveBuffer::new(Limits::default());
        let lens = [0, 1, 2, 3, 4, 15, 16, 20, 33, 125, 126, 127, 128, 300, 2000];
        let kind = |len: usize| if len.is_multiple_of(2) { Opcode::Text } else { Opcode::Binary };
        for len in lens {
            input.extend_from_slice(&said(kind(len), &alloc::vec![b'a'; len]));
        }
        let mut replies = Vec::new();
        let (begin, mut end) = (input.next(), input.next());
        let mut run = input.run();
        for len in lens {
            let Some(Ok(returned)) = run.next(end) else { panic!("{len} bytes") };
            assert_eq!(returned.message.as_bytes(), alloc::vec![b'a'; len]);
            assert_eq!(matches!(returned.message, Message::Text(_)), kind(len) == Opcode::Text);
            end = returned.end;
            replies.extend_from_slice(&FrameHeader::new(kind(len), len as u64).encode());
            replies.extend(core::iter::repeat_n(b'a', len));
        }
        assert!(run.next(end).is_none());
        drop(run);
        assert_eq!(input.as_bytes()[begin..end], replies);
        assert_eq!((input.unread(), input.traffic().frames(Opcode::Text)), (&[][..], 9));
        assert_eq!(
            input.traffic().bytes(Opcode::Binary),
            lens.iter().filter(|len| *len % 2 == 1).sum::<usize>() as u64
        );
    }

    #[test]
    fn what_was_read_before_is_no_part_of_a_frame_that_is_cut() {
        for payload in [&b""[..], b"a", b"ab", &[b'a'; 126], &[b'a'; 300]] {
            let frame = said(Opcode::Text, payload);
            for cut in 0..frame.len() {
                let mut input = ReceiveBuffer::new(Limits::default());
                input.extend_from_slice(&frame);
                input.clear();
                input.extend_from_slice(&frame[..cut]);
                let begin = input.next();
                assert!(input.run().next(begin).is_none(), "{} bytes cut at {cut}", payload.len());
                assert_eq!(input.unread(), &frame[..cut]);
            }
        }
    }

    #[test]
    fn the_end_of_the_buffer_is_no_end_of_a_message() {
        // With no octet behind it, the shortest is left to the longer way.
        for (payload, here) in [(&b""[..], false), (b"a", false), (b"ab", true)] {
            let mut input = ReceiveBuffer::with_capacity(Limits::default(), 1);
            input.extend_from_slice(&said(Opcode::Binary, &[0; 5000]));
            input.extend_from_slice(&said(Opcode::Binary, payload));
            let begin = input.next();
            let mut run = input.run();
            let Some(Ok(Returned { end, .. })) = run.next(begin) else { panic!() };
            match run.next(end) {
                Some(returned) => assert!(here && returned.is_ok()),
                None => assert!(!here && run.next_long(end).is_some_and(|returned| returned.is_ok())),
            }
            assert!(run.rest().is_none());
        }
    }

    #[test]
    fn a_long_message_becomes_the_frame_that_sends_it_back_and_may_stay_in_its_place() {
        for len in [0, 1, 125, 126, 65_535, 65_536, 70_001] {
            for opcode in [Opcode::Text, Opcode::Binary] {
                for later in [0, MaskingKey::LEN] {
                    let payload: Vec<u8> = (0..len).map(|i| (i % 127) as u8).collect();
                    let mut input = ReceiveBuffer::new(Limits::default());
                    let frame = said(opcode, &payload);
                    input.extend_from_slice(&frame);
                    let (begin, behind) = (input.next() + later, input.next() + frame.len());
                    let mut run = input.run();
                    let Some(Ok(returned)) = run.next_long(begin) else { panic!("{len} bytes") };
                    assert_eq!(returned.message.as_bytes(), payload);
                    let end = returned.end;
                    assert_eq!(end == behind, later != 0);
                    assert!(run.rest().is_none() && run.next_long(end).is_none());
                    drop(run);
                    let reply = [&FrameHeader::new(opcode, len as u64).encode(), payload.as_slice()].concat();
                    assert_eq!(input.as_bytes()[begin..end], reply);
                }
            }
        }
    }

    #[test]
    fn what_is_no_whole_message_is_for_neither_way() {
        let long = said(Opcode::Binary, &[0; 70_000]);
        let mut fragment = said(Opcode::Text, b"abc");
        fragment[0] &= 0x7f;
        let mut unmasked = said(Opcode::Text, b"abc");
        unmasked[1] &= 0x7f;
        let mut compressed = said(Opcode::Text, b"abc");
        compressed[0] |= 0x40;
        let too_long = said(Opcode::Binary, &[0; 80_001]);
        for frame in [&long[..70_013], &fragment, &unmasked, &compressed, &said(Opcode::Ping, b""), &too_long] {
            let mut input = ReceiveBuffer::new(Limits { message: 80_000, frame: 80_000, ..Limits::default() });
            input.extend_from_slice(frame);
            let begin = input.next();
            let mut run = input.run();
            assert!(run.next(begin).is_none() && run.next_long(begin).is_none());
            drop(run);
            assert_eq!((input.unread(), input.traffic()), (frame, &Traffic::NONE));
        }
    }

    #[test]
    fn a_text_that_is_none_is_consumed_with_its_place() {
        let mut input = ReceiveBuffer::new(Limits::default());
        input.extend_from_slice(&said(Opcode::Text, b"ab\xffcd"));
        let begin = input.next();
        let Some(Err(invalid)) = input.run().next(begin) else { panic!() };
        assert_eq!((invalid.at, invalid.payload_len, invalid.frame_len), (2, 5, 11));
        assert!(input.unread().is_empty());
    }
}
