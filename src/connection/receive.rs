//! The receive side: frames in, events out (RFC 6455 §6.2).
//!
//! What a peer announces is narrowed by `limits::within` alone.
#![deny(clippy::cast_possible_truncation)]

use core::ops::Range;
use core::str;

use super::state::Trigger;
use super::{Connection, Role};
use crate::assembler::{self, Assembler, Part};
use crate::buffer::{ReceiveBuffer, SendBuffer};
use crate::close::CloseFrame;
use crate::error::{Failure, ProtocolError};
use crate::frame::{FrameHeader, Opcode, Status};
use crate::limits::within;
use crate::mask::{self, MaskingKey};
use crate::message::{Binary, Event, InvalidText, Kind, Message, Text};
use crate::utf8::{self, InvalidUtf8, first_bad_octet};

/// What was found and where it lies. Found first, borrowed last: the borrow of an event outlives the search.
///
/// A frame whose payload is yet to be judged comes with its length, header included.
pub(crate) enum Found {
    Whole(Whole),
    Assembled(Kind),
    Part(Part),
    Ping(Range<usize>),
    Pong(Range<usize>),
    Close(Range<usize>, u64),
    Failed(Failure),
}

/// A message in one frame as it came: still masked, so that it is unmasked and judged in one pass.
pub(crate) struct Whole {
    kind: Kind,
    at: Range<usize>,
    key: Option<MaskingKey>,
    frame_len: usize,
}

impl Whole {
    /// Unmasks it where it lies, and judges a text. `bytes`: all there is of the input.
    #[inline(always)]
    fn unmask(self, bytes: &mut [u8]) -> Result<Message<'_>, InvalidText> {
        let Self { kind, at, key, frame_len } = self;
        match kind {
            Kind::Binary => {
                let payload = &mut bytes[at];
                if let Some(key) = key {
                    mask::apply(payload, key);
                }
                Ok(Message::Binary(Binary::whole(payload)))
            }
            Kind::Text => {
                let (to, payload_len) = (at.start, at.len());
                match utf8::unmask(bytes, at, to, key) {
                    Ok(text) => Ok(Message::Text(Text::whole(text))),
                    Err(InvalidUtf8 { at }) => Err(InvalidText { at, payload_len, frame_len }),
                }
            }
        }
    }
}

impl Found {
    /// Whether [`show`](Connection::show) will make a message of it, or find that its text is none.
    #[cfg(feature = "net")]
    pub(crate) fn is_message(&self) -> bool {
        matches!(self, Self::Whole(_) | Self::Assembled(_) | Self::Part(_))
    }
}

impl Connection {
    /// The next event in what was read, or `None` when more input is needed.
    ///
    /// The event borrows `input` alone, so one can [`send`](Self::send) while holding it. Replies that the protocol
    /// demands (a Pong, a Close) are in `output` by then. After `None`, `input` is empty.
    pub fn receive<'i>(&mut self, input: &'i mut ReceiveBuffer, output: &mut SendBuffer) -> Option<Event<'i>> {
        input.recycle();
        if let Some(whole) = self.find_whole(input) {
            return Some(self.show(Found::Whole(whole), input, output));
        }
        let found = self.find_any(input, output)?;
        Some(self.show(found, input, output))
    }

    /// Makes an event of what [`find`](Self::find) found.
    #[inline(always)]
    pub(crate) fn show<'i>(
        &mut self,
        found: Found,
        input: &'i mut ReceiveBuffer,
        output: &mut SendBuffer,
    ) -> Event<'i> {
        match found {
            Found::Whole(message) => match message.unmask(input.all_mut()) {
                Ok(message) => Event::Message(message),
                Err(invalid) => Event::Failed(self.text_failed(invalid, output)),
            },
            Found::Assembled(Kind::Binary) => Event::Message(Message::Binary(Binary::assembled(input.lent()))),
            Found::Assembled(Kind::Text) => Event::Message(Message::Text(Text::assembled(input.lent()))),
            Found::Part(part) => self.part(part, input, output),
            Found::Ping(range) => {
                let payload = input.bytes_mut(range);
                Event::Ping(payload)
            }
            Found::Pong(range) => Event::Pong(input.bytes_mut(range)),
            Found::Close(range, frame_len) => {
                let payload = &*input.bytes_mut(range);
                match CloseFrame::parse(payload) {
                    Ok(frame) => {
                        self.answer_close(&frame, output);
                        Event::Close(frame)
                    }
                    Err(failure) => Event::Failed(self.payload_failed(failure, payload.len(), frame_len, output)),
                }
            }
            Found::Failed(failure) => Event::Failed(failure),
        }
    }

    /// The text of a message that is one frame is none.
    #[cold]
    pub(crate) fn text_failed(&mut self, invalid: InvalidText, output: &mut SendBuffer) -> Failure {
        let InvalidText { at, payload_len, frame_len } = invalid;
        self.payload_failed(ProtocolError::InvalidUtf8.at(at as u64), payload_len, frame_len as u64, output)
    }

    /// A rule is broken at a place in the payload of a frame that counts as received already.
    #[cold]
    fn payload_failed(
        &mut self,
        in_payload: Failure,
        payload_len: usize,
        frame_len: u64,
        output: &mut SendBuffer,
    ) -> Failure {
        self.received -= frame_len;
        let at = frame_len - payload_len as u64 + in_payload.at;
        self.failed(in_payload.error.at(at), output)
    }

    /// From the next message on, [`Event::Message`] is a part of one, as it arrives, and [`has_more_parts`] tells whether
    /// the message goes on; or a whole message again. Text is checked and ends on a code point. A compressed message
    /// comes whole, as one part: it is inflated when all of it is there.
    ///
    /// Nothing of a part is kept here, so that a message may be larger than memory: raise [`Limits::message`] and
    /// [`Limits::frame`] for those.
    ///
    /// [`has_more_parts`]: Self::has_more_parts
    /// [`Limits::message`]: crate::Limits::message
    /// [`Limits::frame`]: crate::Limits::frame
    pub fn receive_parts(&mut self, in_parts: bool) {
        self.in_parts = in_parts;
    }

    /// The peer will send nothing more: its end of the transport is closed. The state is CLOSED from here on.
    ///
    /// The first call returns whether the closing handshake was completed, which makes the close a clean one (RFC 6455
    /// §7.1.4).
    pub fn receive_eof(&mut self) -> bool {
        let clean = self.state.is_done();
        self.state.on(Trigger::EndOfInput);
        self.partial = None;
        clean
    }

    /// The first half of [`receive`](Self::receive), for who reads on in a loop until there is a message to return: what
    /// is found borrows nothing yet. Recycle the input before.
    #[cfg(feature = "net")]
    pub(crate) fn find(&mut self, input: &mut ReceiveBuffer, output: &mut SendBuffer) -> Option<Found> {
        match self.find_whole(input) {
            Some(whole) => Some(Found::Whole(whole)),
            None => self.find_any(input, output),
        }
    }

    /// The usual case with one look at everything: nothing is unfinished, and a message that no rule has anything to say
    /// about lies whole in the input. All else, right or wrong, is left to [`find_any`](Self::find_any). Recycle the input
    /// before.
    #[inline(always)]
    fn find_whole(&mut self, input: &mut ReceiveBuffer) -> Option<Whole> {
        if !self.reads_whole() {
            return None;
        }
        let (header, header_len) = FrameHeader::decode_usual(input.unread(), self.role == Role::Server)?;
        let arrived = input.unread().len() - header_len;
        let payload_len = within(header.payload_len, input.limits().whole()).filter(|len| *len <= arrived)?;
        let frame_len = header_len + payload_len;
        self.received += frame_len as u64;
        input.count(&header);
        input.consume(header_len);
        Some(Whole { kind: Kind::of(header.opcode), at: input.take(payload_len), key: header.masking_key, frame_len })
    }

    /// Whether a frame may be a whole message of its own.
    #[inline]
    pub(crate) fn reads_whole(&self) -> bool {
        self.partial.is_none() && !self.in_parts && self.state.reads()
    }

    /// So many bytes of frames were understood elsewhere.
    #[cfg(feature = "net")]
    pub(crate) fn count_received(&mut self, bytes: usize) {
        self.received += bytes as u64;
    }

    fn find_any(&mut self, input: &mut ReceiveBuffer, output: &mut SendBuffer) -> Option<Found> {
        if self.partial.is_none() && input.unread().is_empty() {
            return None;
        }
        self.resume(output);
        if let Some(partial) = &mut self.partial
            && !input.unread().is_empty()
        {
            input.prepend(partial.stash.as_slice());
            partial.stash.len = 0;
        }
        let found =
            self.find_frame(input, output).unwrap_or_else(|failure| Some(Found::Failed(self.failed(failure, output))));
        if found.is_none() {
            self.settle(input);
        }
        found
    }

    /// A failure's place is counted from the front of its frame.
    fn find_frame(&mut self, input: &mut ReceiveBuffer, output: &mut SendBuffer) -> Result<Option<Found>, Failure> {
        while self.state.reads() {
            if let Some(assembler) = self.inside_frame().filter(|assembler| assembler.is_in_parts()) {
                let part = assembler.receive_part(input);
                let inside = assembler.is_inside_frame();
                if !inside {
                    self.received += assembler.frame_len();
                }
                match part {
                    Some(part) => return Ok(Some(Found::Part(part))),
                    None if inside => return Ok(None),
                    None => continue,
                }
            }
            if let Some(assembler) = self.inside_frame() {
                let finished = assembler.receive(input)?;
                if assembler.is_inside_frame() {
                    return Ok(None);
                }
                let frame_len = assembler.frame_len();
                if let Some(kind) = finished {
                    self.finish_message(kind, input).map_err(|error| error.at(frame_len - 1))?;
                }
                self.received += frame_len;
                match finished {
                    Some(kind) => return Ok(Some(Found::Assembled(kind))),
                    None => continue,
                }
            }

            let unread = input.unread();
            let Status::Complete((header, header_len)) = FrameHeader::decode(unread, self.expected())? else {
                return Ok(None);
            };
            if header.opcode.is_control() {
                let Some(payload_len) = within(header.payload_len, unread.len() - header_len) else {
                    return Ok(None);
                };
                input.count(&header);
                let payload = unmask(&header, header_len, payload_len, input);
                let frame_len = (header_len + payload_len) as u64;
                self.received += frame_len;
                return Ok(Some(match header.opcode {
                    Opcode::Close => Found::Close(payload, frame_len),
                    Opcode::Ping => {
                        self.answer_ping(payload.clone(), input, output);
                        Found::Ping(payload)
                    }
                    _ => Found::Pong(payload),
                }));
            }

            let open = self.partial.as_ref().map(|partial| &partial.assembler);
            let payload_len = assembler::check_header(&header, open, input.limits())?;
            // `fin` alone would let a last fragment pass for a message.
            let arrived = unread.len() - header_len;
            input.count(&header);
            // A compressed message is handed on whole.
            let in_parts = self.in_parts && header.rsv == 0;
            let alone = header.fin && header.opcode != Opcode::Continuation && !in_parts;
            if alone && payload_len <= arrived {
                let frame_len = (header_len + payload_len) as u64;
                let kind = Kind::of(header.opcode);
                #[cfg(feature = "deflate")]
                if header.rsv != 0 {
                    let payload = unmask(&header, header_len, payload_len, input);
                    // It is judged as a whole, and so at its end.
                    self.inflate(kind, payload, input).map_err(|error| error.at(frame_len - 1))?;
                    self.received += frame_len;
                    return Ok(Some(Found::Assembled(kind)));
                }
                self.received += frame_len;
                input.consume(header_len);
                let at = input.take(payload_len);
                return Ok(Some(Found::Whole(Whole {
                    kind,
                    at,
                    key: header.masking_key,
                    frame_len: header_len + payload_len,
                })));
            }
            input.consume(header_len);
            self.partial().assembler.begin_frame(&header, header_len, payload_len, in_parts, input)?;
        }
        input.clear();
        Ok(None)
    }

    /// Lends out the message that has been assembled.
    fn finish_message(&mut self, kind: Kind, input: &mut ReceiveBuffer) -> Result<(), ProtocolError> {
        let assembler = &mut self.partial().assembler;
        let message = assembler.take();
        #[cfg(feature = "deflate")]
        if assembler.is_compressed() {
            return self.inflate_assembled(kind, message, input);
        }
        let _ = kind;
        input.lend(message);
        Ok(())
    }

    /// Shows a part. Text is checked here, where it is borrowed, so that it is looked at once.
    fn part<'i>(&mut self, part: Part, input: &'i mut ReceiveBuffer, output: &mut SendBuffer) -> Event<'i> {
        let Part { kind, range, last, frame_end, ends_frame } = part;
        let bytes = input.bytes_mut(range);
        if kind == Kind::Binary {
            return Event::Message(Message::Binary(Binary::whole(bytes)));
        }
        let Some(chunk) = bytes.utf8_chunks().next() else {
            return Event::Message(Message::Text(Text::whole("")));
        };
        let (text, rest) = (chunk.valid(), chunk.invalid());
        let whole = text.len() + rest.len() == bytes.len();
        let cut = whole && !last && str::from_utf8(rest).is_err_and(|error| error.error_len().is_none());
        if !whole || (!rest.is_empty() && !cut) {
            if ends_frame {
                self.received -= frame_end;
            }
            let behind = bytes.len() - first_bad_octet(bytes);
            return Event::Failed(self.failed(ProtocolError::InvalidUtf8.at(frame_end - behind as u64), output));
        }
        self.partial().assembler.keep_cut(rest);
        Event::Message(Message::Text(Text::whole(text)))
    }

    fn answer_ping(&mut self, payload: Range<usize>, input: &mut ReceiveBuffer, output: &mut SendBuffer) {
        if output.has_room_for_reply(self.control_header_len() + payload.len(), input.limits()) {
            self.push_pong(input.bytes_mut(payload), output);
            if let Some(partial) = &mut self.partial {
                partial.owed_pong = None;
            }
        } else {
            self.partial().owed_pong.get_or_insert_default().set(input.bytes_mut(payload));
        }
    }

    /// More input is needed: keeps the cut end of this read, so that the buffer is free for the next connection.
    fn settle(&mut self, input: &mut ReceiveBuffer) {
        if !input.unread().is_empty() {
            self.partial().stash.set(input.unread());
            input.clear();
        } else if self.partial.as_ref().is_some_and(|partial| partial.is_vacant()) {
            self.partial = None;
        }
    }

    fn inside_frame(&mut self) -> Option<&mut Assembler> {
        self.partial.as_mut().map(|partial| &mut partial.assembler).filter(|assembler| assembler.is_inside_frame())
    }
}

/// Consumes a whole frame, unmasks its payload and says where that lies.
#[inline]
fn unmask(header: &FrameHeader, header_len: usize, payload_len: usize, input: &mut ReceiveBuffer) -> Range<usize> {
    input.consume(header_len);
    let payload = input.take(payload_len);
    if let Some(key) = header.masking_key {
        mask::apply(input.bytes_mut(payload.clone()), key);
    }
    payload
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::String;
    use alloc::vec::Vec;

    use super::*;
    use crate::handshake::Negotiated;
    use crate::limits::Limits;

    /// The slow twin of [`Connection::receive`]: nothing is usual.
    fn receive_any<'i>(
        conn: &mut Connection,
        input: &'i mut ReceiveBuffer,
        output: &mut SendBuffer,
    ) -> Option<Event<'i>> {
        input.recycle();
        let found = conn.find_any(input, output)?;
        Some(conn.show(found, input, output))
    }

    /// All that can be seen of a connection that reads `pieces`.
    fn story<'p>(
        role: Role,
        limits: &Limits,
        pieces: impl Iterator<Item = &'p [u8]>,
        receive: for<'i> fn(&mut Connection, &'i mut ReceiveBuffer, &mut SendBuffer) -> Option<Event<'i>>,
    ) -> Vec<String> {
        let (mut input, mut output) = (ReceiveBuffer::new(limits.clone()), SendBuffer::new());
        let mut conn = Connection::new(role, Negotiated::none());
        let mut seen = Vec::new();
        for piece in pieces {
            input.extend_from_slice(piece);
            while let Some(event) = receive(&mut conn, &mut input, &mut output) {
                seen.push(format!("{event:?}"));
            }
            seen.push(format!("{} {:?} {:?}", conn.bytes_received(), conn.state(), output.pending()));
        }
        seen.push(format!("{:?}", input.traffic()));
        seen
    }

    #[test]
    fn the_usual_case_says_what_the_rules_say_whole_and_cut_anywhere() {
        let limits = Limits { message: 200, frame: 150, ..Limits::default() };
        let key = MaskingKey::new([0x37, 0xfa, 0x21, 0x3d]);
        for role in [Role::Server, Role::Client] {
            for first in [0x81u8, 0x82, 0x01, 0x02, 0x80, 0x88, 0x89, 0x8a, 0xc1, 0x83] {
                for wrong_mask in [false, true] {
                    for (len, text) in [(0, "a"), (1, "a"), (2, "ß"), (125, "a"), (126, "é"), (150, "a"), (151, "a")]
                    {
                        let mut payload: Vec<u8> = text.bytes().cycle().take(len).collect();
                        if first & 1 == 1 && len == 126 {
                            payload[100] = 0xff;
                        }
                        let masked = (role == Role::Server) != wrong_mask;
                        let mut header = FrameHeader::new(Opcode::Binary, len as u64);
                        if masked {
                            header.masking_key = Some(key);
                            mask::apply(&mut payload, key);
                        }
                        let mut frame = header.encode().to_vec();
                        frame[0] = first;
                        frame.extend_from_slice(&payload);
                        let good = if role == Role::Server {
                            &b"\x82\x81\x01\x02\x03\x04\x05"[..]
                        } else {
                            &b"\x82\x01\x05"[..]
                        };
                        let bytes = [good, &frame, good].concat();
                        for cut in 0..=bytes.len() {
                            let pieces = || [&bytes[..cut], &bytes[cut..]].into_iter();
                            let usual = story(role, &limits, pieces(), Connection::receive);
                            let slow = story(role, &limits, pieces(), receive_any);
                            assert_eq!(usual, slow, "{role:?} {first:x} {len} masked {masked}, cut at {cut}");
                        }
                    }
                }
            }
        }
    }
}
