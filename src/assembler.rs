//! Frames become messages: fragments, and frames that take more than one read (RFC 6455 §5.4, §10.4).

use crate::buffer::{MessageBuffer, ReceiveBuffer};
use crate::error::ProtocolError;
use crate::frame::{FrameHeader, Opcode};
use crate::limits::Limits;
use crate::mask::MaskingKey;
use crate::message::Kind;

/// An unfinished message, and how far its current frame has come.
#[derive(Debug, Default)]
pub(crate) struct Assembler {
    bytes: MessageBuffer,
    /// `None` between messages.
    kind: Option<Kind>,
    frames: u32,
    empty_in_a_row: u32,
    /// Bytes of the current frame, or of the last one, header included.
    frame_len: u64,
    /// The current frame, if its payload has not all arrived.
    frame: Option<OpenFrame>,
    /// Bytes read straight into `bytes` that were not looked at yet.
    unseen: usize,
}

#[derive(Debug)]
struct OpenFrame {
    fin: bool,
    key: Option<MaskingKey>,
    missing: usize,
}

/// When this much has arrived and as much is missing, a frame's rest is read straight to where it belongs.
const DIRECT_READ: usize = 64 << 10;

/// The rules on a data frame that its header alone decides: its place in the message (§5.4) and its size (§10.4).
///
/// Returns the payload length.
#[inline]
pub(crate) fn check_header(
    header: &FrameHeader,
    open: Option<&Assembler>,
    limits: &Limits,
) -> Result<usize, ProtocolError> {
    let open = open.filter(|assembler| assembler.is_open());
    match (header.opcode, open) {
        (Opcode::Continuation, None) => return Err(ProtocolError::NothingToContinue),
        (Opcode::Text | Opcode::Binary, Some(_)) => return Err(ProtocolError::MessageInterleaved),
        _ => {}
    }
    // Compared as 64 bits, so that nothing is lost where usize is shorter.
    if header.payload_len > limits.frame as u64 {
        return Err(ProtocolError::FrameTooBig);
    }
    let len = header.payload_len as usize;
    let so_far = open.map_or(0, |assembler| assembler.bytes.len());
    if len > limits.message.saturating_sub(so_far) {
        return Err(ProtocolError::MessageTooBig);
    }
    Ok(len)
}

impl Assembler {
    /// Whether a message has begun and not ended.
    pub(crate) fn is_open(&self) -> bool {
        self.kind.is_some()
    }

    /// Whether a frame has begun and its payload has not all arrived.
    pub(crate) fn is_inside_frame(&self) -> bool {
        self.frame.is_some()
    }

    /// Bytes of the unfinished message so far.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Takes a data frame's header, which [`check_header`] has passed.
    pub(crate) fn begin_frame(
        &mut self,
        header: &FrameHeader,
        header_len: usize,
        len: usize,
        input: &mut ReceiveBuffer,
    ) -> Result<(), ProtocolError> {
        if self.kind.is_none() {
            self.bytes = input.fresh_message();
            self.bytes.begin(header.opcode == Opcode::Text);
            self.kind = Some(if header.opcode == Opcode::Text { Kind::Text } else { Kind::Binary });
            self.frames = 0;
            self.empty_in_a_row = 0;
        }
        self.frames += 1;
        // No limit forbids a message of one frame, however it was cut.
        if self.frames > input.limits().fragments.max(1) {
            return Err(ProtocolError::TooManyFragments);
        }
        self.empty_in_a_row = if len == 0 { self.empty_in_a_row + 1 } else { 0 };
        if self.empty_in_a_row > input.limits().empty_fragments {
            return Err(ProtocolError::TooManyEmptyFragments);
        }
        self.frame_len = header_len as u64 + header.payload_len;
        self.frame = Some(OpenFrame { fin: header.fin, key: header.masking_key, missing: len });
        Ok(())
    }

    /// Takes what the input has of the current frame. Returns the message's kind if that ends the message.
    pub(crate) fn receive(&mut self, input: &mut ReceiveBuffer) -> Result<Option<Kind>, ProtocolError> {
        let Some(frame) = &mut self.frame else { return Ok(None) };
        if self.unseen != 0 {
            let n = core::mem::take(&mut self.unseen);
            self.bytes.arrive(n, frame.key).map_err(|_| ProtocolError::InvalidUtf8)?;
            frame.advance(n);
        }
        let n = frame.missing.min(input.unread().len());
        if n != 0 {
            self.bytes.extend(&input.unread()[..n], frame.key).map_err(|_| ProtocolError::InvalidUtf8)?;
            input.consume(n);
            frame.advance(n);
        }
        if frame.missing != 0 {
            return Ok(None);
        }
        let fin = frame.fin;
        self.frame = None;
        if !fin {
            return Ok(None);
        }
        self.bytes.finish().map_err(|_| ProtocolError::InvalidUtf8)?;
        Ok(self.kind.take())
    }

    /// Moves the finished message out.
    pub(crate) fn take(&mut self) -> MessageBuffer {
        core::mem::take(&mut self.bytes)
    }

    /// Bytes of the frame that ended last, header included.
    pub(crate) fn frame_len(&self) -> u64 {
        self.frame_len
    }

    /// Whether the frame's rest is large enough to be read straight to where it belongs.
    pub(crate) fn reads_directly(&self) -> bool {
        self.unseen == 0
            && self.bytes.len() >= DIRECT_READ
            && self.frame.as_ref().is_some_and(|frame| frame.missing >= DIRECT_READ)
    }

    /// Where the next part of the frame should be read to, if [`reads_directly`](Self::reads_directly).
    pub(crate) fn spare(&mut self) -> &mut [u8] {
        let missing = self.frame.as_ref().map_or(0, |frame| frame.missing);
        self.bytes.spare(missing)
    }

    /// The first `n` bytes of [`spare`](Self::spare) have been read.
    pub(crate) fn filled(&mut self, n: usize) {
        assert!(n <= self.bytes.room(), "more bytes read than there was room for");
        self.unseen = n;
    }
}

impl OpenFrame {
    fn advance(&mut self, n: usize) {
        self.missing -= n;
        self.key = self.key.map(|key| key.advanced(n));
    }
}
