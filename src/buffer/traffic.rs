//! What went through a buffer, counted.

use crate::frame::Opcode;
#[cfg(feature = "net")]
use crate::message::Kind;

/// Frames and their payload bytes, by opcode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    frames: [u64; PLACES],
    bytes: [u64; PLACES],
}

/// Six opcodes, and two places to spare so that an index is two operations and never out of bounds.
const PLACES: usize = 8;

impl Traffic {
    pub(crate) const NONE: Self = Self { frames: [0; PLACES], bytes: [0; PLACES] };

    /// Frames with this opcode.
    pub const fn frames(&self, opcode: Opcode) -> u64 {
        self.frames[place(opcode)]
    }

    /// Payload bytes of the frames with this opcode.
    pub const fn bytes(&self, opcode: Opcode) -> u64 {
        self.bytes[place(opcode)]
    }

    /// Counts these too.
    pub fn add(&mut self, other: &Self) {
        self.add_times(other, 1);
    }

    /// Counts these so many times.
    pub(crate) fn add_times(&mut self, other: &Self, times: u64) {
        for place in 0..PLACES {
            self.frames[place] = self.frames[place].wrapping_add(other.frames[place].wrapping_mul(times));
            self.bytes[place] = self.bytes[place].wrapping_add(other.bytes[place].wrapping_mul(times));
        }
    }

    /// Counts these too.
    #[cfg(feature = "net")]
    #[inline]
    pub(crate) fn add_tally(&mut self, Tally(tally): Tally) {
        for kind in [Kind::Text, Kind::Binary] {
            let (counted, place) = (tally[kind as usize], place(kind.opcode()));
            if counted != 0 {
                self.frames[place] += counted / Tally::FRAME;
                self.bytes[place] = self.bytes[place].wrapping_add(counted % Tally::FRAME);
            }
        }
    }

    #[inline]
    pub(crate) fn count(&mut self, opcode: Opcode, payload_len: u64) {
        let place = place(opcode);
        self.frames[place] += 1;
        // A length that was announced and never came may be anything.
        self.bytes[place] = self.bytes[place].wrapping_add(payload_len);
    }
}

/// Whole messages, text and binary, counted in one step each: frames in the upper bits, their payloads' bytes in the lower.
#[cfg(feature = "net")]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally([u64; 2]);

#[cfg(feature = "net")]
impl Tally {
    /// So many bytes may be counted.
    pub(crate) const MOST: usize = Self::FRAME as usize - 1;
    const FRAME: u64 = 1 << 28;

    #[inline(always)]
    pub(crate) fn count(&mut self, kind: Kind, payload_len: usize) {
        debug_assert!(self.0[kind as usize] % Self::FRAME + (payload_len as u64) < Self::FRAME);
        self.0[kind as usize] += Self::FRAME + payload_len as u64;
    }
}

/// 0, 1, 2 for messages, 4, 5, 6 for control frames.
const fn place(opcode: Opcode) -> usize {
    let bits = opcode as usize;
    (bits & 3 | bits >> 1 & 4) % PLACES
}
