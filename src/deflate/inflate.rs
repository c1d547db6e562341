//! Blocks in, plain bytes out (RFC 7692 §7.2.2).

use core::fmt;

use zlib_rs::{Inflate, InflateFlush, Status};

use super::{MAX_WINDOW_BITS, TAIL, Window};
use crate::buffer::MessageBuffer;
use crate::error::ProtocolError;

/// A decompressor, begun anew for each message.
pub(crate) struct Inflater {
    inflate: Inflate,
}

/// What stands behind a message: the bytes that were cut off, and a last block that is empty. The message is whole if
/// that block is understood as one.
const END: [u8; 9] = [TAIL[0], TAIL[1], TAIL[2], TAIL[3], 0x01, 0x00, 0x00, 0xff, 0xff];
const WINDOW: usize = 1 << MAX_WINDOW_BITS;

/// What a message may spend on final blocks, in bytes that are copied: after each, the window is filled in anew. So much
/// for each byte on the wire, and that much to begin with.
const WORK_PER_BYTE: usize = 16;
const FREE_WORK: usize = 4 * WINDOW;
/// And what one costs in any case.
const RESTART: usize = 256;

impl Inflater {
    pub(crate) fn new() -> Self {
        Self { inflate: Inflate::new(false, MAX_WINDOW_BITS) }
    }

    /// Appends what a message's payload stands for to `message`, at most `limit` bytes, judged as they are made.
    pub(crate) fn message(
        &mut self,
        payload: &[u8],
        window: Option<&Window>,
        limit: usize,
        message: &mut MessageBuffer,
    ) -> Result<(), ProtocolError> {
        let window = window.map_or(&[][..], Window::as_slice);
        let mut work = FREE_WORK.saturating_add(payload.len().saturating_mul(WORK_PER_BYTE));
        self.begin(window, &[]);
        let mut rest = payload;
        while let Some(behind) = self.blocks(rest, limit, message)? {
            // A final block, which ends nothing (§7.2.1): what follows may still refer to what came before it.
            let cost = RESTART + (window.len() + message.len()).min(WINDOW);
            work = work.checked_sub(cost).ok_or(ProtocolError::TooManyFinalBlocks)?;
            self.begin(window, message.as_bytes());
            rest = behind;
        }
        match self.blocks(&END, limit, message)? {
            Some([]) => {}
            // The tail itself was made the end of a final block.
            Some(rest) if *rest == END[TAIL.len()..] => {}
            _ => return Err(ProtocolError::InvalidDeflate),
        }
        if !message.finish() {
            return Err(ProtocolError::InvalidUtf8);
        }
        Ok(())
    }

    /// Begins with what may be referred to.
    fn begin(&mut self, window: &[u8], message: &[u8]) {
        self.inflate.reset(false);
        let message = &message[message.len().saturating_sub(WINDOW)..];
        if message.len() < WINDOW && !window.is_empty() {
            // Cannot fail on a raw stream.
            let _ = self.inflate.set_dictionary(window);
        }
        if !message.is_empty() {
            let _ = self.inflate.set_dictionary(message);
        }
    }

    /// Inflates up to the end of `blocks`, or of a final block; returns what is behind the latter.
    fn blocks<'b>(
        &mut self,
        mut blocks: &'b [u8],
        limit: usize,
        message: &mut MessageBuffer,
    ) -> Result<Option<&'b [u8]>, ProtocolError> {
        loop {
            // Room for a byte more than allowed, so that one too many is seen.
            let allowed = limit.saturating_add(1) - message.len();
            let want = (4 * blocks.len()).max(message.len()).clamp(LEAST_ROOM, MOST_ROOM).min(allowed);
            let room = message.grow(want);
            let (taken, made) = (self.inflate.total_in(), self.inflate.total_out());
            let status = self.inflate.decompress(blocks, room, InflateFlush::SyncFlush);
            let made = (self.inflate.total_out() - made) as usize;
            blocks = &blocks[(self.inflate.total_in() - taken) as usize..];
            let status = status.map_err(|_| ProtocolError::InvalidDeflate)?;
            message.arrive(made, None).map_err(|_| ProtocolError::InvalidUtf8)?;
            if message.len() > limit {
                return Err(ProtocolError::MessageTooBig);
            }
            if status == Status::StreamEnd {
                return Ok(Some(blocks));
            }
            // It stops for want of room or of input; else it would have made no progress.
            if made < want {
                return if blocks.is_empty() { Ok(None) } else { Err(ProtocolError::InvalidDeflate) };
            }
        }
    }
}

const LEAST_ROOM: usize = 256;
const MOST_ROOM: usize = 1 << 20;

impl fmt::Debug for Inflater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inflater").finish_non_exhaustive()
    }
}
