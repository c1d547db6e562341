//! What goes in and out of a [`Connection`](crate::Connection): messages, borrowed where they lie, and events.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
#[cfg(feature = "net")]
use core::ops::Range;
use core::ops::{Deref, DerefMut};

use bytes::Bytes;

use crate::buffer::MessageBuffer;
use crate::close::CloseFrame;
use crate::error::Failure;
use crate::frame::Opcode;

/// Text or binary (RFC 6455 §5.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// UTF-8.
    Text,
    /// Any bytes.
    Binary,
}

impl Kind {
    /// Of a message whose first frame has this opcode.
    #[inline(always)]
    pub(crate) const fn of(opcode: Opcode) -> Self {
        match opcode {
            Opcode::Text => Self::Text,
            _ => Self::Binary,
        }
    }

    #[inline]
    pub(crate) const fn opcode(self) -> Opcode {
        match self {
            Self::Text => Opcode::Text,
            Self::Binary => Opcode::Binary,
        }
    }
}

/// What [`Connection::receive`](crate::Connection::receive) found.
#[derive(Debug)]
pub enum Event<'i> {
    /// A whole message; or a part of one, after [`Connection::receive_parts`](crate::Connection::receive_parts).
    Message(Message<'i>),
    /// A Ping with its payload; the Pong is in the output already, or kept for when the output has room (§5.5.2).
    Ping(&'i [u8]),
    /// A Pong with its payload, asked for or not (§5.5.3).
    Pong(&'i [u8]),
    /// The peer's Close; the answer is in the output, unless this was the answer (§5.5.1). No event follows.
    Close(CloseFrame<'i>),
    /// The peer broke a rule, and where; a Close frame that tells it so is in the output (§7.1.7). No event follows.
    Failed(Failure),
}

/// A message, borrowed from where it lies until the next call to `receive`.
#[derive(Debug)]
pub enum Message<'i> {
    /// UTF-8, checked.
    Text(Text<'i>),
    /// Bytes.
    Binary(Binary<'i>),
}

impl Message<'_> {
    /// Text or binary.
    #[inline]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Text(_) => Kind::Text,
            Self::Binary(_) => Kind::Binary,
        }
    }

    /// The payload.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(binary) => binary,
        }
    }

    /// The payload, to keep. Free for a message that was assembled from several reads or fragments; copied once if it lay
    /// whole in the input, or in memory of more than four times its length and 4 KiB, as one that was inflated may.
    pub fn into_bytes(self) -> Bytes {
        MessageRef::from(self).into_bytes()
    }
}

/// A text message (RFC 6455 §5.6); derefs to `str`.
pub struct Text<'i>(TextPayload<'i>);

enum TextPayload<'i> {
    Whole(&'i str),
    Assembled(&'i mut MessageBuffer),
}

impl<'i> Text<'i> {
    #[inline]
    pub(crate) fn whole(text: &'i str) -> Self {
        Self(TextPayload::Whole(text))
    }

    #[inline]
    pub(crate) fn assembled(message: &'i mut MessageBuffer) -> Self {
        Self(TextPayload::Assembled(message))
    }

    /// The text, to keep. Costs as [`Message::into_bytes`].
    pub fn into_string(self) -> String {
        match self.0 {
            TextPayload::Whole(text) => String::from(text),
            TextPayload::Assembled(message) => message.take_string(),
        }
    }
}

impl Deref for Text<'_> {
    type Target = str;

    #[inline]
    fn deref(&self) -> &str {
        match &self.0 {
            TextPayload::Whole(text) => text,
            TextPayload::Assembled(message) => message.as_str(),
        }
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

/// A binary message (RFC 6455 §5.6); derefs to `[u8]`, which may be changed in place.
pub struct Binary<'i>(BinaryPayload<'i>);

enum BinaryPayload<'i> {
    Whole(&'i mut [u8]),
    Assembled(&'i mut MessageBuffer),
}

impl<'i> Binary<'i> {
    #[inline]
    pub(crate) fn whole(bytes: &'i mut [u8]) -> Self {
        Self(BinaryPayload::Whole(bytes))
    }

    #[inline]
    pub(crate) fn assembled(message: &'i mut MessageBuffer) -> Self {
        Self(BinaryPayload::Assembled(message))
    }
}

impl Deref for Binary<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match &self.0 {
            BinaryPayload::Whole(bytes) => bytes,
            BinaryPayload::Assembled(message) => message.as_bytes(),
        }
    }
}

impl DerefMut for Binary<'_> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        match &mut self.0 {
            BinaryPayload::Whole(bytes) => bytes,
            BinaryPayload::Assembled(message) => message.as_mut_bytes(),
        }
    }
}

impl fmt::Debug for Binary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

/// Where a text message of one frame is none, and how long its frame is.
pub(crate) struct InvalidText {
    /// Which octet of the payload.
    pub(crate) at: usize,
    pub(crate) payload_len: usize,
    pub(crate) frame_len: usize,
}

/// What one sends: made from text or bytes, borrowed or owned, a [`Message`] or a [`SharedMessage`].
///
/// A large payload that is owned or shared is not copied on its way to the socket.
pub struct MessageRef<'m> {
    kind: Kind,
    plain: bool,
    payload: PayloadRef<'m>,
}

enum PayloadRef<'m> {
    Slice(&'m [u8]),
    /// Whole in the buffer it was received in, and given away: nobody changes it while it stays there.
    #[cfg_attr(not(feature = "net"), allow(dead_code))]
    Received(&'m [u8]),
    Shared(&'m Bytes),
    Owned(Bytes),
    Assembled(&'m mut MessageBuffer),
}

impl MessageRef<'_> {
    /// Text or binary.
    #[inline]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The payload.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.payload {
            PayloadRef::Slice(bytes) | PayloadRef::Received(bytes) => bytes,
            PayloadRef::Shared(bytes) => bytes,
            PayloadRef::Owned(bytes) => bytes,
            PayloadRef::Assembled(message) => message.as_bytes(),
        }
    }

    /// The same, not to be compressed, whatever was negotiated: for what is compressed already, and for secrets next to
    /// what an attacker chooses, which a compressed length gives away (RFC 7692 §8).
    #[must_use]
    pub fn plain(mut self) -> Self {
        self.plain = true;
        self
    }

    /// Whether it must not be compressed.
    #[cfg(feature = "deflate")]
    #[inline]
    pub(crate) fn is_plain(&self) -> bool {
        self.plain
    }

    /// Whether [`into_bytes`](Self::into_bytes) copies nothing.
    #[cfg(feature = "net")]
    #[inline]
    pub(crate) fn is_shareable(&self) -> bool {
        !matches!(self.payload, PayloadRef::Slice(_) | PayloadRef::Received(_))
    }

    /// Where the payload lies among the bytes at these addresses, if it was received there and given away.
    #[cfg(feature = "net")]
    #[inline]
    pub(crate) fn received_in(&self, addresses: &Range<usize>) -> Option<Range<usize>> {
        let PayloadRef::Received(bytes) = self.payload else { return None };
        let start = (bytes.as_ptr() as usize).checked_sub(addresses.start)?;
        (start + bytes.len() <= addresses.len()).then(|| start..start + bytes.len())
    }

    /// Whether it was received, and its payload has this address.
    #[cfg(feature = "net")]
    #[inline]
    pub(crate) fn is_received_at(&self, address: usize) -> bool {
        matches!(self.payload, PayloadRef::Received(bytes) if bytes.as_ptr() as usize == address)
    }

    /// The message with its memory, if it was assembled and [fills](MessageBuffer::is_filled_by) it.
    #[cfg(feature = "net")]
    pub(crate) fn into_assembled(self) -> Result<MessageBuffer, Self> {
        match self.payload {
            PayloadRef::Assembled(message) if message.is_filled_by(message.len()) => Ok(core::mem::take(message)),
            _ => Err(self),
        }
    }

    /// The payload, to keep: moved or shared where its owner allows it, else copied.
    pub(crate) fn into_bytes(self) -> Bytes {
        match self.payload {
            PayloadRef::Slice(bytes) | PayloadRef::Received(bytes) => Bytes::copy_from_slice(bytes),
            PayloadRef::Shared(bytes) => bytes.clone(),
            PayloadRef::Owned(bytes) => bytes,
            PayloadRef::Assembled(message) => message.take_bytes(),
        }
    }

    #[inline]
    fn new(kind: Kind, payload: PayloadRef<'_>) -> MessageRef<'_> {
        MessageRef { kind, plain: false, payload }
    }

    #[inline]
    fn slice(kind: Kind, bytes: &[u8]) -> MessageRef<'_> {
        MessageRef::new(kind, PayloadRef::Slice(bytes))
    }
}

impl fmt::Debug for MessageRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MessageRef({:?}, {} bytes)", self.kind, self.as_bytes().len())
    }
}

impl<'m> From<&'m str> for MessageRef<'m> {
    #[inline]
    fn from(text: &'m str) -> Self {
        MessageRef::slice(Kind::Text, text.as_bytes())
    }
}

impl<'m> From<&'m String> for MessageRef<'m> {
    fn from(text: &'m String) -> Self {
        MessageRef::slice(Kind::Text, text.as_bytes())
    }
}

impl<'m> From<&'m [u8]> for MessageRef<'m> {
    #[inline]
    fn from(bytes: &'m [u8]) -> Self {
        MessageRef::slice(Kind::Binary, bytes)
    }
}

impl<'m, const N: usize> From<&'m [u8; N]> for MessageRef<'m> {
    fn from(bytes: &'m [u8; N]) -> Self {
        MessageRef::slice(Kind::Binary, bytes)
    }
}

impl<'m> From<&'m Vec<u8>> for MessageRef<'m> {
    fn from(bytes: &'m Vec<u8>) -> Self {
        MessageRef::slice(Kind::Binary, bytes)
    }
}

impl From<String> for MessageRef<'_> {
    fn from(text: String) -> Self {
        MessageRef::new(Kind::Text, PayloadRef::Owned(text.into()))
    }
}

impl From<Vec<u8>> for MessageRef<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        MessageRef::new(Kind::Binary, PayloadRef::Owned(bytes.into()))
    }
}

impl From<Bytes> for MessageRef<'_> {
    fn from(bytes: Bytes) -> Self {
        MessageRef::new(Kind::Binary, PayloadRef::Owned(bytes))
    }
}

impl<'m> From<&'m Message<'_>> for MessageRef<'m> {
    #[inline]
    fn from(message: &'m Message<'_>) -> Self {
        MessageRef::slice(message.kind(), message.as_bytes())
    }
}

impl<'m> From<&'m SharedMessage> for MessageRef<'m> {
    fn from(message: &'m SharedMessage) -> Self {
        MessageRef::new(message.kind, PayloadRef::Shared(&message.payload))
    }
}

impl<'m> From<Text<'m>> for MessageRef<'m> {
    #[inline]
    fn from(text: Text<'m>) -> Self {
        match text.0 {
            TextPayload::Whole(text) => MessageRef::new(Kind::Text, PayloadRef::Received(text.as_bytes())),
            TextPayload::Assembled(message) => MessageRef::new(Kind::Text, PayloadRef::Assembled(message)),
        }
    }
}

impl<'m> From<Binary<'m>> for MessageRef<'m> {
    #[inline]
    fn from(binary: Binary<'m>) -> Self {
        match binary.0 {
            BinaryPayload::Whole(bytes) => MessageRef::new(Kind::Binary, PayloadRef::Received(bytes)),
            BinaryPayload::Assembled(message) => MessageRef::new(Kind::Binary, PayloadRef::Assembled(message)),
        }
    }
}

impl<'m> From<Message<'m>> for MessageRef<'m> {
    #[inline]
    fn from(message: Message<'m>) -> Self {
        match message {
            Message::Text(text) => text.into(),
            Message::Binary(binary) => binary.into(),
        }
    }
}

/// A message that many connections send: cloning it copies no payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedMessage {
    kind: Kind,
    payload: Bytes,
}

impl SharedMessage {
    /// A text message.
    pub fn text(text: impl Into<String>) -> Self {
        Self { kind: Kind::Text, payload: Bytes::from(text.into()) }
    }

    /// A binary message.
    pub fn binary(bytes: impl Into<Bytes>) -> Self {
        Self { kind: Kind::Binary, payload: bytes.into() }
    }

    /// Text or binary.
    #[inline]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The payload.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.payload
    }
}

impl From<MessageRef<'_>> for SharedMessage {
    /// Free for what is owned or shared, else one copy.
    fn from(message: MessageRef<'_>) -> Self {
        Self { kind: message.kind(), payload: message.into_bytes() }
    }
}

impl From<Message<'_>> for SharedMessage {
    /// Costs as [`Message::into_bytes`].
    fn from(message: Message<'_>) -> Self {
        Self { kind: message.kind(), payload: message.into_bytes() }
    }
}
