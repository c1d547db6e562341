//! What can go wrong, sorted by whose fault it is: [`ProtocolError`] is the peer's, [`UsageError`] is yours,
//! [`HandshakeError`] is the peer's before the connection is open.

use core::error::Error;
use core::fmt;

use crate::close::CloseCode;

/// A rule of RFC 6455, or one of your [`Limits`](crate::Limits), that the peer broke. The connection has failed (§7.1.7).
///
/// One variant per rule; each knows its [section](Self::section) and the [code](Self::close_code) that the peer is told.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolError {
    /// A reserved bit is set that no extension defines.
    ReservedBitSet,
    /// An opcode that the RFC does not define: 3 to 7 or 11 to 15.
    UnknownOpcode(u8),
    /// A client sent a frame without a mask.
    Unmasked,
    /// A server sent a frame with a mask.
    Masked,
    /// A payload length that a shorter form could have carried.
    LengthNotMinimal,
    /// A 64-bit payload length with its top bit set.
    LengthTopBitSet,
    /// A control frame with more than 125 bytes.
    ControlTooLong,
    /// A control frame without FIN.
    ControlFragmented,
    /// A continuation frame, and no message to continue.
    NothingToContinue,
    /// A new message inside a fragmented one.
    MessageInterleaved,
    /// Text that is not UTF-8.
    InvalidUtf8,
    /// A Close frame whose body is a single byte.
    CloseBodyTruncated,
    /// A close code that must not be sent.
    InvalidCloseCode(CloseCode),
    /// A close reason that is not UTF-8.
    CloseReasonNotUtf8,
    /// A frame longer than [`Limits::frame`](crate::Limits::frame).
    FrameTooBig,
    /// A message longer than [`Limits::message`](crate::Limits::message).
    MessageTooBig,
    /// A message of more fragments than [`Limits::fragments`](crate::Limits::fragments).
    TooManyFragments,
    /// More empty fragments in a row than [`Limits::empty_fragments`](crate::Limits::empty_fragments).
    TooManyEmptyFragments,
}

impl ProtocolError {
    /// What the peer's Close frame says (RFC 6455 §7.4.1).
    pub const fn close_code(self) -> CloseCode {
        match self {
            Self::InvalidUtf8 | Self::CloseReasonNotUtf8 => CloseCode::INVALID_PAYLOAD,
            Self::FrameTooBig | Self::MessageTooBig => CloseCode::MESSAGE_TOO_BIG,
            Self::TooManyFragments | Self::TooManyEmptyFragments => CloseCode::POLICY_VIOLATION,
            _ => CloseCode::PROTOCOL_ERROR,
        }
    }

    /// The section of RFC 6455 that holds the rule, such as `"5.2"`.
    pub const fn section(self) -> &'static str {
        match self {
            Self::Unmasked | Self::Masked => "5.1",
            Self::ReservedBitSet | Self::UnknownOpcode(_) => "5.2",
            Self::LengthNotMinimal | Self::LengthTopBitSet => "5.2",
            Self::NothingToContinue | Self::MessageInterleaved => "5.4",
            Self::ControlTooLong | Self::ControlFragmented => "5.5",
            Self::CloseBodyTruncated => "5.5.1",
            Self::InvalidCloseCode(_) => "7.4",
            Self::InvalidUtf8 | Self::CloseReasonNotUtf8 => "8.1",
            Self::FrameTooBig | Self::MessageTooBig => "10.4",
            Self::TooManyFragments | Self::TooManyEmptyFragments => "10.4",
        }
    }

    /// The rule in words, without its section. Short enough for a Close frame's reason.
    pub const fn rule(self) -> &'static str {
        match self {
            Self::ReservedBitSet => "reserved bit set without an extension",
            Self::UnknownOpcode(_) => "unknown opcode",
            Self::Unmasked => "frame from client without a mask",
            Self::Masked => "frame from server with a mask",
            Self::LengthNotMinimal => "payload length not in its shortest form",
            Self::LengthTopBitSet => "payload length with its top bit set",
            Self::ControlTooLong => "control frame over 125 bytes",
            Self::ControlFragmented => "fragmented control frame",
            Self::NothingToContinue => "continuation of nothing",
            Self::MessageInterleaved => "new message inside a fragmented one",
            Self::InvalidUtf8 => "text is not UTF-8",
            Self::CloseBodyTruncated => "close body of one byte",
            Self::InvalidCloseCode(_) => "close code that must not be sent",
            Self::CloseReasonNotUtf8 => "close reason is not UTF-8",
            Self::FrameTooBig => "frame over the size limit",
            Self::MessageTooBig => "message over the size limit",
            Self::TooManyFragments => "too many fragments",
            Self::TooManyEmptyFragments => "too many empty fragments in a row",
        }
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (RFC 6455 §{})", self.rule(), self.section())
    }
}

impl Error for ProtocolError {}

/// A call that this connection cannot carry out. Nothing was sent.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsageError {
    /// The closing handshake has begun: after a Close nothing may be sent (RFC 6455 §5.5.1).
    NotOpen,
    /// A Ping or Pong with more than 125 bytes (§5.5).
    ControlTooLong,
    /// A close code that must not be sent (§7.4).
    InvalidCloseCode(CloseCode),
    /// A close reason without a close code (§5.5.1).
    CloseReasonWithoutCode,
    /// A close reason over 123 bytes (§5.5.1).
    CloseReasonTooLong,
    /// A client's [`SendBuffer`](crate::SendBuffer) without a source of masking keys (§5.3).
    NoMaskingKeys,
    /// An HTTP header name that is not a token, or one that the library writes itself.
    InvalidHeaderName,
    /// An HTTP header value with a control character, such as a line break.
    InvalidHeaderValue,
    /// An HTTP status that cannot end a request: outside 200 to 599.
    InvalidStatus,
    /// A subprotocol that the client did not offer (§4.2.2).
    SubprotocolNotOffered,
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOpen => f.write_str("the connection is closing or closed"),
            Self::ControlTooLong => f.write_str("a control frame carries at most 125 bytes"),
            Self::InvalidCloseCode(code) => write!(f, "close code {code} must not be sent"),
            Self::CloseReasonWithoutCode => f.write_str("a close reason needs a close code"),
            Self::CloseReasonTooLong => f.write_str("a close reason has at most 123 bytes"),
            Self::NoMaskingKeys => f.write_str("a client's SendBuffer needs a source of masking keys"),
            Self::InvalidHeaderName => f.write_str("invalid header name"),
            Self::InvalidHeaderValue => f.write_str("invalid header value"),
            Self::InvalidStatus => f.write_str("an answer's status is between 200 and 599"),
            Self::SubprotocolNotOffered => f.write_str("the client did not offer this subprotocol"),
        }
    }
}

impl Error for UsageError {}
