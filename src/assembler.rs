//! Frames become messages: fragments, and frames that take more than one read (RFC 6455 §5.4, §10.4).
//!
//! What a peer announces is narrowed by `limits::within` alone.
#![deny(clippy::cast_possible_truncation)]

use core::ops::Range;
use core::str;

use crate::buffer::{MessageBuffer, ReceiveBuffer};
use crate::error::{Failure, ProtocolError};
use crate::frame::{FrameHeader, Opcode};
use crate::limits::{Limits, within};
use crate::mask::{self, MaskingKey};
use crate::message::Kind;
use crate::utf8::InvalidUtf8;

/// An unfinished message, and how far its current frame has come.
#[derive(Debug, Default)]
pub(crate) struct Assembler {
    /// What arrived, unless it is handed on in parts.
    bytes: MessageBuffer,
    /// Whether it is handed on in parts.
    in_parts: bool,
    /// Whether what arrives is compressed, and so neither text nor as long as it will be.
    compressed: bool,
    /// Bytes handed on in parts.
    handed_on: usize,
    /// The cut code point at the end of the last part.
    cut: CutCodePoint,
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

/// The first octets of a code point whose others have not arrived.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CutCodePoint {
    octets: [u8; 3],
    len: u8,
}

/// A piece of a message that lies in the input.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) kind: Kind,
    pub(crate) range: Range<usize>,
    /// The message ends here.
    pub(crate) last: bool,
    /// How far the frame has come with this, header included.
    pub(crate) frame_end: u64,
    /// Whether the frame ends here.
    pub(crate) ends_frame: bool,
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
/// Returns the payload length. An error's place is counted from the front of the frame.
#[inline]
pub(crate) fn check_header(header: &FrameHeader, open: Option<&Assembler>, limits: &Limits) -> Result<usize, Failure> {
    let open = open.filter(|assembler| assembler.is_open());
    match (header.opcode, open) {
        (Opcode::Continuation, None) => return Err(ProtocolError::NothingToContinue.at(0)),
        (Opcode::Text | Opcode::Binary, Some(_)) => return Err(ProtocolError::MessageInterleaved.at(0)),
        _ => {}
    }
    let compressed = header.rsv != 0 || open.is_some_and(|assembler| assembler.compressed);
    let limit = |len| if compressed { wire_limit(len) } else { len };
    let Some(len) = within(header.payload_len, limit(limits.frame)) else {
        return Err(ProtocolError::FrameTooBig.at(header.last_byte_of_length()));
    };
    let so_far = open.map_or(0, |assembler| assembler.bytes.len() + assembler.handed_on);
    if len > limit(limits.message).saturating_sub(so_far) {
        return Err(ProtocolError::MessageTooBig.at(header.last_byte_of_length()));
    }
    Ok(len)
}

/// Bytes that a message of `len` bytes may have when it is compressed: what cannot become smaller grows. How long it is
/// in truth shows when it is inflated.
fn wire_limit(len: usize) -> usize {
    len.saturating_add(len / 8).saturating_add(64)
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

    /// Takes a data frame's header, which [`check_header`] has passed. An error's place is counted as there.
    pub(crate) fn begin_frame(
        &mut self,
        header: &FrameHeader,
        header_len: usize,
        len: usize,
        in_parts: bool,
        input: &mut ReceiveBuffer,
    ) -> Result<(), Failure> {
        if self.kind.is_none() {
            self.in_parts = in_parts;
            self.compressed = header.rsv != 0;
            if !in_parts {
                self.begin_message(header, header_len, len, input);
            }
            self.kind = Some(Kind::of(header.opcode));
            self.handed_on = 0;
            self.cut = CutCodePoint::default();
            self.frames = 0;
            self.empty_in_a_row = 0;
        }
        self.frames += 1;
        // No limit on fragments forbids a message of one frame.
        if self.frames > input.limits().fragments.max(1) {
            return Err(ProtocolError::TooManyFragments.at(0));
        }
        let alone = header.fin && self.frames == 1;
        self.empty_in_a_row = if len == 0 && !alone { self.empty_in_a_row + 1 } else { 0 };
        if self.empty_in_a_row > input.limits().empty_fragments {
            return Err(ProtocolError::TooManyEmptyFragments.at(1));
        }
        self.frame_len = header_len as u64 + header.payload_len;
        self.frame = Some(OpenFrame { fin: header.fin, key: header.masking_key, missing: len });
        Ok(())
    }

    /// Finds memory for a message that begins with this frame.
    fn begin_message(&mut self, header: &FrameHeader, header_len: usize, len: usize, input: &mut ReceiveBuffer) {
        let is_text = header.opcode == Opcode::Text && !self.compressed;
        let here = input.unread().len();
        if len >= here
            && let Some(message) = input.take_as_message(header_len, len, is_text)
        {
            self.bytes = message;
            self.unseen = here;
            return;
        }
        self.bytes = input.fresh_message(len.min(here));
        self.bytes.begin(is_text);
    }

    /// Takes what the input has of the current frame. Returns the message's kind if that ends the message. An error's
    /// place is counted as in [`check_header`].
    pub(crate) fn receive(&mut self, input: &mut ReceiveBuffer) -> Result<Option<Kind>, Failure> {
        let Some(frame) = &mut self.frame else { return Ok(None) };
        if self.unseen != 0 {
            let n = core::mem::take(&mut self.unseen);
            self.bytes.arrive(n, frame.key).map_err(|error| frame.failed(error, self.frame_len))?;
            frame.advance(n);
        }
        let n = frame.missing.min(input.unread().len());
        if n != 0 {
            let piece = &input.unread()[..n];
            self.bytes
                .extend(piece, frame.missing - n, frame.key)
                .map_err(|error| frame.failed(error, self.frame_len))?;
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
        if !self.bytes.finish() {
            return Err(ProtocolError::InvalidUtf8.at(self.frame_len - 1));
        }
        Ok(self.kind.take())
    }

    /// Whether the message that has ended, or goes on, is compressed (RFC 7692 §6).
    #[cfg(feature = "deflate")]
    pub(crate) fn is_compressed(&self) -> bool {
        self.compressed
    }

    /// Whether the message is handed on in parts.
    pub(crate) fn is_in_parts(&self) -> bool {
        self.in_parts
    }

    /// Takes what the input has of the current frame as a part of its message, unmasked where it lies; `None` if there
    /// is nothing to hand on. Text is for the caller to check; what is cut off its end goes to
    /// [`keep_cut`](Self::keep_cut).
    pub(crate) fn receive_part(&mut self, input: &mut ReceiveBuffer) -> Option<Part> {
        let (frame, kind) = (self.frame.as_mut()?, self.kind?);
        if frame.missing != 0 && input.unread().is_empty() {
            // Nor need there be memory for what was cut off.
            return None;
        }
        let n = frame.missing.min(input.unread().len());
        let mut range = input.take(n);
        if let Some(key) = frame.key {
            mask::apply(input.bytes_mut(range.clone()), key);
        }
        frame.advance(n);
        let frame_end = self.frame_len - frame.missing as u64;
        let ends_frame = frame.missing == 0;
        let last = ends_frame && frame.fin;
        if ends_frame {
            self.frame = None;
        }
        if last {
            self.kind = None;
        }
        self.handed_on += n;
        // In front of a payload there is always room: its header, or the buffer's.
        let cut = core::mem::take(&mut self.cut);
        range.start -= usize::from(cut.len);
        let part = input.bytes_mut(range.clone());
        part[..usize::from(cut.len)].copy_from_slice(cut.as_slice());
        let is_cut = kind == Kind::Text && part.len() < 4 && ends_inside_code_point(part);
        if is_cut && !last {
            self.keep_cut(part);
            return None;
        }
        (last || !range.is_empty()).then_some(Part { kind, range, last, frame_end, ends_frame })
    }

    /// The octets at the end of a part of text that are not a whole code point.
    #[allow(clippy::cast_possible_truncation)] // at most three
    pub(crate) fn keep_cut(&mut self, octets: &[u8]) {
        self.cut.octets[..octets.len()].copy_from_slice(octets);
        self.cut.len = octets.len() as u8;
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
    pub(crate) fn spare(&mut self, input: &mut ReceiveBuffer) -> &mut [u8] {
        let missing = self.frame.as_ref().map_or(0, |frame| frame.missing);
        input.enlarge(&mut self.bytes, missing);
        self.bytes.spare(missing)
    }

    /// The first `n` bytes of [`spare`](Self::spare) have been read.
    pub(crate) fn filled(&mut self, n: usize) {
        assert!(n <= self.bytes.given(), "more bytes read than there was room for");
        self.unseen = n;
    }
}

/// Whether these few octets are nothing but the beginning of a code point.
fn ends_inside_code_point(octets: &[u8]) -> bool {
    str::from_utf8(octets).is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
}

impl CutCodePoint {
    fn as_slice(&self) -> &[u8] {
        &self.octets[..usize::from(self.len)]
    }
}

impl OpenFrame {
    /// A bad octet in the next piece, in a frame of `frame_len` bytes.
    #[cold]
    fn failed(&self, error: InvalidUtf8, frame_len: u64) -> Failure {
        ProtocolError::InvalidUtf8.at(frame_len - self.missing as u64 + error.at as u64)
    }

    fn advance(&mut self, n: usize) {
        self.missing -= n;
        self.key = self.key.map(|key| key.advanced(n));
    }
}
