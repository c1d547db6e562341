//! Engine.IO packets, and the payloads that carry several of them over polling.

use core::fmt;
use std::borrow::Cow;
use std::string::String;
use std::vec::Vec;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;

/// A packet of Engine.IO v4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet<'p> {
    /// `0`: the server's first, a JSON object.
    Open(&'p str),
    /// `1`
    Close,
    /// `2`: from the server; `2probe` from a client that would upgrade.
    Ping(&'p str),
    /// `3`
    Pong(&'p str),
    /// `4`, or bytes.
    Message(Data<'p>),
    /// `5`: the client has left polling.
    Upgrade,
    /// `6`: an answer to a poll that says nothing.
    Noop,
}

/// What a message carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data<'p> {
    /// Text, borrowed.
    Text(&'p str),
    /// Bytes, which can be kept without a copy.
    Binary(Bytes),
}

/// What is wrong with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PacketError {
    /// It has not even a type.
    Empty,
    /// The first character is no type.
    UnknownType,
    /// A binary message over polling that is not base64.
    Base64,
    /// A payload that is not UTF-8.
    Utf8,
}

impl<'p> Packet<'p> {
    /// Reads a packet: a text message of a WebSocket, or one part of a payload.
    ///
    /// # Errors
    ///
    /// An empty text, an unknown type, a `b` that base64 does not follow. Both of its alphabets are accepted, and
    /// missing padding.
    pub fn decode(text: &'p str) -> Result<Self, PacketError> {
        let kind = text.chars().next().ok_or(PacketError::Empty)?;
        let rest = &text[kind.len_utf8()..];
        Ok(match kind {
            '0' => Self::Open(rest),
            '1' => Self::Close,
            '2' => Self::Ping(rest),
            '3' => Self::Pong(rest),
            '4' => Self::Message(Data::Text(rest)),
            '5' => Self::Upgrade,
            '6' => Self::Noop,
            'b' => Self::Message(Data::Binary(decode_base64(rest)?)),
            _ => return Err(PacketError::UnknownType),
        })
    }

    /// Appends the packet as text; binary as `b` and base64 with padding.
    ///
    /// A text must not contain U+001E where it goes into a payload: there is no escape for it. JSON never does.
    pub fn encode(&self, into: &mut String) {
        let (kind, rest) = match self {
            Self::Open(json) => ('0', *json),
            Self::Close => ('1', ""),
            Self::Ping(data) => ('2', *data),
            Self::Pong(data) => ('3', *data),
            Self::Message(Data::Text(text)) => ('4', *text),
            Self::Upgrade => ('5', ""),
            Self::Noop => ('6', ""),
            Self::Message(Data::Binary(bytes)) => {
                into.push('b');
                return BASE64.encode_string(bytes, into);
            }
        };
        into.push(kind);
        into.push_str(rest);
    }
}

/// Appends packets as one payload.
pub fn encode_payload<'p>(packets: impl IntoIterator<Item = Packet<'p>>, into: &mut String) {
    for (n, packet) in packets.into_iter().enumerate() {
        if n > 0 {
            into.push(SEPARATOR);
        }
        packet.encode(into);
    }
}

/// The packets of a payload, up to the first that is wrong.
#[derive(Clone, Debug)]
pub struct Payload<'p> {
    rest: Option<&'p str>,
}

impl<'p> Payload<'p> {
    /// Reads the body of a request or an answer.
    ///
    /// # Errors
    ///
    /// It is not UTF-8.
    pub fn new(body: &'p [u8]) -> Result<Self, PacketError> {
        core::str::from_utf8(body).map(|text| Self { rest: Some(text) }).map_err(|_| PacketError::Utf8)
    }
}

impl<'p> Iterator for Payload<'p> {
    type Item = Result<Packet<'p>, PacketError>;

    fn next(&mut self) -> Option<Self::Item> {
        let text = self.rest.take()?;
        let (packet, rest) = match text.split_once(SEPARATOR) {
            Some((packet, rest)) => (packet, Some(rest)),
            None => (text, None),
        };
        let packet = Packet::decode(packet);
        if packet.is_ok() {
            self.rest = rest;
        }
        Some(packet)
    }
}

fn decode_base64(text: &str) -> Result<Bytes, PacketError> {
    let text = match text.contains(['-', '_']) {
        false => Cow::Borrowed(text),
        true => Cow::Owned(text.replace('-', "+").replace('_', "/")),
    };
    let bytes: Vec<u8> = BASE64.decode(&*text).map_err(|_| PacketError::Base64)?;
    Ok(bytes.into())
}

impl fmt::Display for PacketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "an empty packet",
            Self::UnknownType => "unknown packet type",
            Self::Base64 => "a binary message that is not base64",
            Self::Utf8 => "a payload that is not UTF-8",
        })
    }
}

impl core::error::Error for PacketError {}

pub(super) const SEPARATOR: char = '\u{1e}';
/// Writes padding, and reads with or without.
pub(super) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);
