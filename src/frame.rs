//! One frame, without memory of the last one (RFC 6455 §5.2).
//!
//! ```text
//!   0                   1                   2                   3
//!   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//!  +-+-+-+-+-------+-+-------------+-------------------------------+
//!  |F|R|R|R| opcode|M| Payload len |    Extended payload length    |
//!  |I|S|S|S|  (4)  |A|     (7)     |            (16/64)            |
//!  |N|V|V|V|       |S|             |  (if payload len is 126/127)  |
//!  | |1|2|3|       |K|             |                               |
//!  +-+-+-+-+-------+-+-------------+ - - - - - - - - - - - - - - - +
//!  |  Extended payload length continued, if payload len is 127     |
//!  + - - - - - - - - - - - - - - - +-------------------------------+
//!  |                               | Masking key, if MASK is set   |
//!  +-------------------------------+-------------------------------+
//!  | Masking key (continued)       |         Payload data          |
//!  +-------------------------------- - - - - - - - - - - - - - - - +
//! ```

use alloc::vec::Vec;

use crate::error::{Failure, ProtocolError};
use crate::mask::MaskingKey;

/// Whether there was enough input. Too little is not an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status<T> {
    /// All of it was there.
    Complete(T),
    /// What is there is fine so far; more is needed.
    Partial,
}

/// What a frame is (RFC 6455 §5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Opcode {
    /// The next part of a fragmented message.
    Continuation = 0x0,
    /// A text message, or its first part.
    Text = 0x1,
    /// A binary message, or its first part.
    Binary = 0x2,
    /// Starts or answers the closing handshake.
    Close = 0x8,
    /// Asks for a Pong.
    Ping = 0x9,
    /// Answers a Ping, or comes unasked.
    Pong = 0xa,
}

impl Opcode {
    /// Close, Ping or Pong (RFC 6455 §5.5).
    pub const fn is_control(self) -> bool {
        self as u8 & 0x8 != 0
    }

    const fn from_bits(bits: u8) -> Result<Self, Failure> {
        Ok(match bits {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xa => Self::Pong,
            _ => return Err(ProtocolError::UnknownOpcode(bits).at(0)),
        })
    }
}

/// What stands in front of a frame's payload (RFC 6455 §5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// Set on the last frame of a message.
    pub fin: bool,
    /// RSV1, RSV2 and RSV3 as the bits 4, 2 and 1.
    pub rsv: u8,
    /// What the payload is.
    pub opcode: Opcode,
    /// Present on frames from a client.
    pub masking_key: Option<MaskingKey>,
    /// Payload bytes that follow the header, at most 2⁶³ − 1.
    pub payload_len: u64,
}

/// What the role and the extensions of a connection allow in a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Frames come with a mask (from a client) or without (from a server), §5.1.
    pub masked: bool,
    /// The reserved bits that an extension defines for the first frame of a data message, as in [`FrameHeader::rsv`].
    pub rsv: u8,
}

/// The bit that marks a compressed message (RFC 7692 §6), as in [`FrameHeader::rsv`].
pub(crate) const RSV1: u8 = 0x4;

const FIN: u8 = 0x80;
const MASK: u8 = 0x80;
const MAX_CONTROL_PAYLOAD: u8 = 125;
const LEN_16: u8 = 126;
const LEN_64: u8 = 127;

impl FrameHeader {
    /// Two bytes, a 64-bit length, a masking key.
    pub const MAX_LEN: usize = 14;

    /// A frame that is a whole message or a control frame, unmasked.
    pub const fn new(opcode: Opcode, payload_len: u64) -> Self {
        Self { fin: true, rsv: 0, opcode, masking_key: None, payload_len }
    }

    /// Reads a header from the front of `bytes`; returns it and its length.
    ///
    /// Every rule is checked as soon as the bytes it looks at are there, so that a bad frame is refused before its
    /// payload is waited for.
    ///
    /// # Errors
    ///
    /// A violation of RFC 6455 §5.1, §5.2 or §5.5. Where is counted from the front of `bytes`.
    #[inline]
    pub fn decode(bytes: &[u8], expected: Expected) -> Result<Status<(Self, usize)>, Failure> {
        match Self::decode_usual(bytes, expected.masked) {
            Some(usual) => Ok(Status::Complete(usual)),
            None => Self::decode_any(bytes, expected),
        }
    }

    /// A header that no rule has anything to say about: that of a whole message, not compressed, with a length of 7 or
    /// 16 bits. `None` is for [`decode_any`](Self::decode_any) to judge.
    #[inline(always)]
    pub(crate) fn decode_usual(bytes: &[u8], masked: bool) -> Option<(Self, usize)> {
        // A mask makes six octets of the shortest; one look at the length is for all of them.
        let &[first, second] = if masked { bytes.first_chunk::<6>()?.first_chunk()? } else { bytes.first_chunk()? };
        let opcode = match first {
            0x81 => Opcode::Text,
            0x82 => Opcode::Binary,
            _ => return None,
        };
        // With the wrong mask bit this is 128 or more.
        let key = |at| {
            if masked { bytes.get(at..)?.first_chunk().map(|key| Some(MaskingKey::new(*key))) } else { Some(None) }
        };
        let (payload_len, at, masking_key) = match second ^ if masked { MASK } else { 0 } {
            short @ 0..LEN_16 => (u64::from(short), 2, key(2)?),
            LEN_16 => {
                let len = u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?]);
                if len < u16::from(LEN_16) {
                    return None;
                }
                (u64::from(len), 4, key(4)?)
            }
            _ => return None,
        };
        let len = if masked { at + MaskingKey::LEN } else { at };
        Some((Self { fin: true, rsv: 0, opcode, masking_key, payload_len }, len))
    }

    /// Every header, and every rule by itself.
    fn decode_any(bytes: &[u8], expected: Expected) -> Result<Status<(Self, usize)>, Failure> {
        let Some(&first) = bytes.first() else { return Ok(Status::Partial) };
        let opcode = Opcode::from_bits(first & 0x0f)?;
        let rsv = first >> 4 & 0x7;
        let allowed = if matches!(opcode, Opcode::Text | Opcode::Binary) { expected.rsv } else { 0 };
        if rsv & !allowed != 0 {
            return Err(ProtocolError::ReservedBitSet.at(0));
        }
        let fin = first & FIN != 0;
        if opcode.is_control() && !fin {
            return Err(ProtocolError::ControlFragmented.at(0));
        }

        let Some(&second) = bytes.get(1) else { return Ok(Status::Partial) };
        let masked = second & MASK != 0;
        if masked != expected.masked {
            return Err(if masked { ProtocolError::Masked.at(1) } else { ProtocolError::Unmasked.at(1) });
        }
        let short = second & !MASK;
        if opcode.is_control() && short > MAX_CONTROL_PAYLOAD {
            return Err(ProtocolError::ControlTooLong.at(1));
        }

        let (payload_len, at) = match short {
            LEN_16 => {
                let Some(octets) = bytes.get(2..).and_then(|b| b.first_chunk()) else { return Ok(Status::Partial) };
                let len = u64::from(u16::from_be_bytes(*octets));
                if len < u64::from(LEN_16) {
                    return Err(ProtocolError::LengthNotMinimal.at(3));
                }
                (len, 4)
            }
            LEN_64 => {
                let Some(octets) = bytes.get(2..).and_then(|b| b.first_chunk()) else { return Ok(Status::Partial) };
                let len = u64::from_be_bytes(*octets);
                if len >> 63 != 0 {
                    return Err(ProtocolError::LengthTopBitSet.at(2));
                }
                if len <= u64::from(u16::MAX) {
                    // Six octets of zero leave a number of two.
                    return Err(ProtocolError::LengthNotMinimal.at(7));
                }
                (len, 10)
            }
            short => (u64::from(short), 2),
        };

        let (masking_key, len) = if masked {
            let Some(octets) = bytes.get(at..).and_then(|b| b.first_chunk()) else { return Ok(Status::Partial) };
            (Some(MaskingKey::new(*octets)), at + 4)
        } else {
            (None, at)
        };
        Ok(Status::Complete((Self { fin, rsv, opcode, masking_key, payload_len }, len)))
    }

    /// Which byte of the header the payload's length ends with, in its shortest form.
    pub(crate) const fn last_byte_of_length(&self) -> u64 {
        match self.payload_len {
            0..126 => 1,
            126..0x1_0000 => 3,
            _ => 9,
        }
    }

    /// The header's bytes, with the shortest form of the length (RFC 6455 §5.2).
    #[inline]
    pub fn encode(&self) -> EncodedHeader {
        debug_assert!(self.payload_len >> 63 == 0);
        let mut bytes = [0; Self::MAX_LEN];
        bytes[0] = if self.fin { FIN } else { 0 } | (self.rsv & 0x7) << 4 | self.opcode as u8;
        let mut len = 2;
        if self.payload_len < u64::from(LEN_16) {
            bytes[1] = self.payload_len as u8;
        } else if let Ok(short) = u16::try_from(self.payload_len) {
            bytes[1] = LEN_16;
            bytes[2..4].copy_from_slice(&short.to_be_bytes());
            len = 4;
        } else {
            bytes[1] = LEN_64;
            bytes[2..10].copy_from_slice(&self.payload_len.to_be_bytes());
            len = 10;
        }
        if let Some(key) = self.masking_key {
            bytes[1] |= MASK;
            bytes[len..len + 4].copy_from_slice(&key.octets());
            len += 4;
        }
        EncodedHeader { bytes, len: len as u8 }
    }
}

/// A header as [`FrameHeader::decode_usual`] finds it in what a client sends: in words, so that it stays in registers.
#[cfg(feature = "net")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UsualHeader {
    pub(crate) is_binary: bool,
    /// The masking key, little-endian.
    pub(crate) key: u32,
    /// Less than 64 KiB.
    pub(crate) payload_len: usize,
    /// Of the header: 6 or 8.
    pub(crate) len: usize,
    /// The first four octets of the header that would send it back, little-endian: all of it, or what is behind is of the
    /// payload.
    pub(crate) reply: u32,
}

#[cfg(feature = "net")]
impl UsualHeader {
    /// From the first octets of a frame: there are no more in such a header. Who does not have all of them yet, but something
    /// else in their place, must see that the frame is not there.
    #[inline(always)]
    pub(crate) fn decode(octets: [u8; 8]) -> Option<Self> {
        let bits = u64::from_le_bytes(octets);
        let nth = octets[0].wrapping_sub(FIN | Opcode::Text as u8);
        if nth > 1 {
            return None;
        }
        // With the wrong mask bit this is 128 or more.
        let (payload_len, len, key) = match octets[1] ^ MASK {
            short @ 0..LEN_16 => (usize::from(short), 6, bits >> 16),
            LEN_16 => {
                let len = u16::from_be_bytes([octets[2], octets[3]]);
                if len < u16::from(LEN_16) {
                    return None;
                }
                (usize::from(len), 8, bits >> 32)
            }
            _ => return None,
        };
        // The same without the mask bit.
        let reply = bits as u32 ^ u32::from(MASK) << 8;
        Some(Self { is_binary: nth == 1, key: key as u32, payload_len, len, reply })
    }
}

/// Appends the header of a whole message without a mask, and makes room for its payload: [`FrameHeader::encode`] without
/// a detour.
#[cfg(feature = "net")]
#[inline(always)]
pub(crate) fn append_plain_header(opcode: Opcode, payload_len: usize, bytes: &mut Vec<u8>) {
    bytes.reserve(FrameHeader::MAX_LEN + payload_len);
    let first = FIN | opcode as u8;
    match payload_len {
        0..126 => bytes.extend_from_slice(&[first, payload_len as u8]),
        126..0x1_0000 => bytes.extend_from_slice(&[first, LEN_16, (payload_len >> 8) as u8, payload_len as u8]),
        _ => bytes.extend_from_slice(&FrameHeader::new(opcode, payload_len as u64).encode()),
    }
}

/// A header's bytes; derefs to them.
#[derive(Clone, Copy, Debug)]
pub struct EncodedHeader {
    bytes: [u8; FrameHeader::MAX_LEN],
    len: u8,
}

impl EncodedHeader {
    /// Appends the header. Copies of one length need no call, and what is too much is cut.
    #[inline(always)]
    pub(crate) fn append_to(&self, bytes: &mut Vec<u8>) {
        let end = bytes.len() + usize::from(self.len);
        bytes.extend_from_slice(&self.bytes);
        bytes.truncate(end);
    }
}

impl core::ops::Deref for EncodedHeader {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "net")]
    #[test]
    fn the_usual_header_is_the_usual_case_and_its_reply_is_what_encode_says() {
        for start in 0..=u16::MAX {
            for length in [[0, 0], [0, 125], [0, 126], [1, 0], [255, 255]] {
                let [first, second] = start.to_be_bytes();
                let octets = [first, second, length[0], length[1], 0x37, 0xfa, 0x21, 0x3d];
                let fast = UsualHeader::decode(octets);
                let Some((header, len)) = FrameHeader::decode_usual(&octets, true) else {
                    assert_eq!(fast, None, "{octets:x?}");
                    continue;
                };
                let fast = fast.unwrap();
                assert_eq!(fast.is_binary, header.opcode == Opcode::Binary);
                assert_eq!(Some(MaskingKey::new(fast.key.to_le_bytes())), header.masking_key);
                assert_eq!((fast.payload_len as u64, fast.len), (header.payload_len, len), "{octets:x?}");
                let reply = FrameHeader { masking_key: None, ..header }.encode();
                assert_eq!(reply[..], fast.reply.to_le_bytes()[..len - MaskingKey::LEN], "{octets:x?}");
            }
        }
    }

    #[test]
    fn the_usual_case_says_what_the_rules_say_for_every_two_first_octets_and_cut() {
        for first in 0..=u8::MAX {
            for second in 0..=u8::MAX {
                for length in [[0, 125], [0, 126], [1, 0]] {
                    let bytes = [first, second, length[0], length[1], 0, 0, 0, 1, 0, 0, 0x37, 0xfa, 0x21, 0x3d];
                    for (masked, rsv) in [(true, 0), (true, RSV1), (false, 0), (false, RSV1)] {
                        let expected = Expected { masked, rsv };
                        for end in [1, 3, 5, 6, 8, 14] {
                            let bytes = &bytes[..end];
                            let slow = FrameHeader::decode_any(bytes, expected);
                            assert_eq!(FrameHeader::decode(bytes, expected), slow, "{bytes:x?} {expected:?}");
                        }
                    }
                }
            }
        }
    }
}
