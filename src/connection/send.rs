//! The send side: messages and control frames into the output (RFC 6455 §6.1).

use super::{Connection, Role, State};
use crate::buffer::SendBuffer;
use crate::error::UsageError;
use crate::frame::{FrameHeader, Opcode};
use crate::mask::MaskingKey;
use crate::message::{Kind, MessageRef};

const MAX_CONTROL_PAYLOAD: usize = 125;

impl Connection {
    /// Queues a message as one frame; compressed, if that was negotiated and makes it smaller (RFC 7692).
    ///
    /// # Errors
    ///
    /// [`UsageError::NotOpen`] once the closing handshake has begun; [`UsageError::NoMaskingKeys`];
    /// [`UsageError::MessageUnfinished`] between the [parts](Self::send_part) of another.
    #[inline]
    pub fn send<'m>(&mut self, message: impl Into<MessageRef<'m>>, output: &mut SendBuffer) -> Result<(), UsageError> {
        let message = message.into();
        let mut header = FrameHeader::new(message.kind().opcode(), message.as_bytes().len() as u64);
        header.masking_key = self.key_to_send(output)?;
        #[cfg(feature = "deflate")]
        if self.is_deflated() && self.send_compressed(&header, &message, output) {
            return Ok(());
        }
        output.push_frame(&header, message.as_bytes());
        Ok(())
    }

    /// Whether a message is a frame with a header and nothing else to it: no mask, no other message that it must wait for, no
    /// compression.
    #[cfg(feature = "net")]
    #[inline(always)]
    pub(crate) fn sends_plainly(&self) -> bool {
        self.role == Role::Server && self.state() == State::Open && self.sending.is_none() && !self.is_deflated()
    }

    /// Queues a part of a message as one fragment; `last` ends the message (RFC 6455 §5.4). Control frames may go in
    /// between.
    ///
    /// ```
    /// # use bowsprit::{Connection, Negotiated, SendBuffer};
    /// # let (mut conn, mut output) = (Connection::server(Negotiated::none()), SendBuffer::new());
    /// conn.send_part("Hel", false, &mut output)?;
    /// conn.send_part("lo", true, &mut output)?;
    /// assert_eq!(output.pending(), b"\x01\x03Hel\x80\x02lo");
    /// # Ok::<(), bowsprit::UsageError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`UsageError::PartOfOtherKind`] for text within a binary message and the reverse; [`UsageError::NotOpen`];
    /// [`UsageError::NoMaskingKeys`].
    pub fn send_part<'m>(
        &mut self,
        part: impl Into<MessageRef<'m>>,
        last: bool,
        output: &mut SendBuffer,
    ) -> Result<(), UsageError> {
        let part = part.into();
        let opcode = match self.sending {
            None => part.kind().opcode(),
            Some(kind) if kind == part.kind() => Opcode::Continuation,
            Some(_) => return Err(UsageError::PartOfOtherKind),
        };
        self.check_open(output)?;
        let mut header = FrameHeader::new(opcode, part.as_bytes().len() as u64);
        header.fin = last;
        header.masking_key = self.next_key(output);
        #[cfg(feature = "deflate")]
        if let Some((rsv, packed)) = self.compress_part(&part, last, output) {
            header.rsv = rsv;
            header.payload_len = packed.len() as u64;
            output.push_frame(&header, &packed);
            self.sending = (!last).then_some(part.kind());
            return Ok(());
        }
        output.push_frame(&header, part.as_bytes());
        self.sending = (!last).then_some(part.kind());
        Ok(())
    }

    /// Queues only the header of a message of `len` bytes; the payload is yours to write behind it, from where it lies,
    /// and goes uncompressed.
    ///
    /// Returns the key to mask it with, which only a client has.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send); [`UsageError::LengthTopBitSet`] from 2⁶³ on (RFC 6455 §5.2).
    pub fn send_header(
        &mut self,
        kind: Kind,
        len: u64,
        output: &mut SendBuffer,
    ) -> Result<Option<MaskingKey>, UsageError> {
        if len >> 63 != 0 {
            return Err(UsageError::LengthTopBitSet);
        }
        let mut header = FrameHeader::new(kind.opcode(), len);
        header.masking_key = self.key_to_send(output)?;
        output.count(&header);
        output.extend_from_slice(&header.encode());
        Ok(header.masking_key)
    }

    /// Queues a Ping; the peer answers with a Pong of the same payload (RFC 6455 §5.5.2).
    ///
    /// # Errors
    ///
    /// A payload over 125 bytes; and as [`send`](Self::send).
    pub fn ping(&mut self, payload: &[u8], output: &mut SendBuffer) -> Result<(), UsageError> {
        self.send_control(Opcode::Ping, payload, output)
    }

    /// Queues a Pong that nobody asked for (RFC 6455 §5.5.3). Pings are answered without it.
    ///
    /// # Errors
    ///
    /// As [`ping`](Self::ping).
    pub fn pong(&mut self, payload: &[u8], output: &mut SendBuffer) -> Result<(), UsageError> {
        self.send_control(Opcode::Pong, payload, output)
    }

    /// The output has room again: queues the Pong that was kept back, if there is one.
    ///
    /// [`receive`](Self::receive) does so too; call this when the output was written and nothing was read.
    pub fn resume(&mut self, output: &mut SendBuffer) {
        if !output.is_idle() || !self.state.reads() {
            return;
        }
        if let Some(pong) = self.partial.as_mut().and_then(|partial| partial.owed_pong.take()) {
            self.push_pong(pong.as_slice(), output);
        }
    }

    /// The next message refers to none before it: something was sent that its compressor has not seen, or something may
    /// not be sent after all.
    #[cfg(feature = "net")]
    pub(crate) fn forget_sent(&mut self) {
        #[cfg(feature = "deflate")]
        self.clear_sent();
    }

    fn send_control(&mut self, opcode: Opcode, payload: &[u8], output: &mut SendBuffer) -> Result<(), UsageError> {
        if payload.len() > MAX_CONTROL_PAYLOAD {
            return Err(UsageError::ControlTooLong);
        }
        self.check_open(output)?;
        self.push_control(opcode, payload, output);
        Ok(())
    }

    /// Queues the answer to a Ping, which counts against [`Limits::control_replies`](crate::Limits::control_replies).
    pub(super) fn push_pong(&mut self, payload: &[u8], output: &mut SendBuffer) {
        output.count_reply(self.control_header_len() + payload.len());
        self.push_control(Opcode::Pong, payload, output);
    }

    pub(super) fn control_header_len(&self) -> usize {
        if self.role == Role::Client { 6 } else { 2 }
    }

    /// Queues a control frame that was checked before.
    pub(super) fn push_control(&mut self, opcode: Opcode, payload: &[u8], output: &mut SendBuffer) {
        let mut header = FrameHeader::new(opcode, payload.len() as u64);
        if self.role == Role::Client {
            // A client whose output has no keys can say nothing at all: §5.1 forbids the frame without a mask.
            let Some(key) = output.next_masking_key() else { return };
            header.masking_key = Some(key);
        }
        output.push_frame(&header, payload);
    }

    #[inline]
    pub(super) fn check_open(&self, output: &SendBuffer) -> Result<(), UsageError> {
        if self.state() != State::Open {
            Err(UsageError::NotOpen)
        } else if self.role == Role::Client && !output.has_masking_keys() {
            Err(UsageError::NoMaskingKeys)
        } else {
            Ok(())
        }
    }

    /// Checks that a message may begin, and draws its key.
    #[inline]
    fn key_to_send(&self, output: &mut SendBuffer) -> Result<Option<MaskingKey>, UsageError> {
        self.check_open(output)?;
        match self.sending {
            Some(_) => Err(UsageError::MessageUnfinished),
            None => Ok(self.next_key(output)),
        }
    }

    #[inline]
    fn next_key(&self, output: &mut SendBuffer) -> Option<MaskingKey> {
        if self.role == Role::Client { output.next_masking_key() } else { None }
    }
}
