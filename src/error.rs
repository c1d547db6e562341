//! What can go wrong, sorted by whose fault it is: [`ProtocolError`] is the peer's ([`Failure`]: and where), [`UsageError`] is yours,
//! [`HandshakeError`] is the peer's before the connection is open, [`UriError`] is that of whoever wrote the URI.

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
    /// A compressed message that cannot be decompressed, or that ends inside a block.
    InvalidDeflate,
    /// A compressed message with so many final blocks that they cost more than its bytes.
    TooManyFinalBlocks,
}

impl ProtocolError {
    /// What the peer's Close frame says (RFC 6455 §7.4.1).
    pub const fn close_code(self) -> CloseCode {
        match self {
            Self::InvalidUtf8 | Self::CloseReasonNotUtf8 | Self::InvalidDeflate => CloseCode::INVALID_PAYLOAD,
            Self::FrameTooBig | Self::MessageTooBig => CloseCode::MESSAGE_TOO_BIG,
            Self::TooManyFragments | Self::TooManyEmptyFragments => CloseCode::POLICY_VIOLATION,
            Self::TooManyFinalBlocks => CloseCode::POLICY_VIOLATION,
            _ => CloseCode::PROTOCOL_ERROR,
        }
    }

    /// The RFC that holds the rule: 6455, or 7692 for permessage-deflate.
    pub const fn rfc(self) -> u16 {
        match self {
            Self::InvalidDeflate => 7692,
            _ => 6455,
        }
    }

    /// The section of that [RFC](Self::rfc), such as `"5.2"`.
    pub const fn section(self) -> &'static str {
        match self {
            Self::InvalidDeflate => "7.2.2",
            Self::Unmasked | Self::Masked => "5.1",
            Self::ReservedBitSet | Self::UnknownOpcode(_) => "5.2",
            Self::LengthNotMinimal | Self::LengthTopBitSet => "5.2",
            Self::NothingToContinue | Self::MessageInterleaved => "5.4",
            Self::ControlTooLong | Self::ControlFragmented => "5.5",
            Self::CloseBodyTruncated => "5.5.1",
            Self::InvalidCloseCode(_) => "7.4",
            Self::InvalidUtf8 | Self::CloseReasonNotUtf8 => "8.1",
            Self::FrameTooBig | Self::MessageTooBig => "10.4",
            Self::TooManyFragments | Self::TooManyEmptyFragments | Self::TooManyFinalBlocks => "10.4",
        }
    }

    /// This rule, broken at this byte.
    pub const fn at(self, at: u64) -> Failure {
        Failure { error: self, at }
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
            Self::InvalidDeflate => "message does not inflate",
            Self::TooManyFinalBlocks => "too many final blocks",
        }
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (RFC {} §{})", self.rule(), self.rfc(), self.section())
    }
}

impl Error for ProtocolError {}

/// The rule that the peer broke, and at which byte.
///
/// Where a rule is broken depends on what was sent, never on how it was cut into reads:
///
/// | rule | byte |
/// |---|---|
/// | reserved bits, opcode, a control frame's FIN, a frame's place in its message, number of fragments | the first of the frame |
/// | mask, length of a control frame, an empty fragment too many | the second |
/// | top bit of a 64-bit length | the first of the length's eight |
/// | shortest form of the length | the one that proves it: the second of two, the sixth of eight |
/// | size of a frame or message | the last of the length |
/// | a compressed message: its blocks, their size and number, UTF-8 | the last of the frame that ends it |
/// | UTF-8 of a text or close reason | the octet that nothing behind it could mend; if the text ends inside a code point, the last byte of the frame that ends it |
/// | close code | its first |
/// | close body of one byte | that one |
///
/// ```
/// use bowsprit::{Connection, Event, Limits, Negotiated, ProtocolError, ReceiveBuffer, SendBuffer};
///
/// let (mut input, mut output) = (ReceiveBuffer::new(Limits::default()), SendBuffer::new());
/// let mut conn = Connection::server(Negotiated::none());
/// input.extend_from_slice(b"\x81\x85\0\0\0\0Caf\xc3!");
/// let Some(Event::Failed(failure)) = conn.receive(&mut input, &mut output) else { panic!("not UTF-8") };
/// assert_eq!(failure, ProtocolError::InvalidUtf8.at(10));
/// assert_eq!(failure.to_string(), "text is not UTF-8 (RFC 6455 §8.1) at byte 10");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The rule.
    pub error: ProtocolError,
    /// The byte that broke it, from 0: of all that was received behind the opening handshake.
    pub at: u64,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.error, self.at)
    }
}

impl Error for Failure {}

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
    /// A payload of 2⁶³ bytes or more (§5.2).
    LengthTopBitSet,
    /// A message while the parts of another are being sent (§5.4).
    MessageUnfinished,
    /// A part of text for a binary message, or the reverse (§5.4).
    PartOfOtherKind,
    /// A client's [`SendBuffer`](crate::SendBuffer) without a source of masking keys (§5.3).
    NoMaskingKeys,
    /// An HTTP header name that is not a token, or one that the library writes itself.
    InvalidHeaderName,
    /// An HTTP header value with a control character, such as a line break.
    InvalidHeaderValue,
    /// An HTTP status in the wrong place: an answer's is 200 to 599, an acceptance's is 101.
    InvalidStatus,
    /// A body where HTTP allows none: with status 101, 204, 205 or 304 (RFC 9110 §15).
    BodyNotAllowed,
    /// A subprotocol that the client did not offer (§4.2.2).
    SubprotocolNotOffered,
    /// A subprotocol that is offered twice (§4.1).
    SubprotocolRepeated,
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOpen => f.write_str("the connection is closing or closed"),
            Self::ControlTooLong => f.write_str("a control frame carries at most 125 bytes"),
            Self::InvalidCloseCode(code) => write!(f, "close code {code} must not be sent"),
            Self::CloseReasonWithoutCode => f.write_str("a close reason needs a close code"),
            Self::CloseReasonTooLong => f.write_str("a close reason has at most 123 bytes"),
            Self::LengthTopBitSet => f.write_str("a payload has less than 2⁶³ bytes"),
            Self::MessageUnfinished => f.write_str("the message that is being sent in parts is not finished"),
            Self::PartOfOtherKind => f.write_str("all parts of a message are of one kind"),
            Self::NoMaskingKeys => f.write_str("a client's SendBuffer needs a source of masking keys"),
            Self::InvalidHeaderName => f.write_str("invalid header name"),
            Self::InvalidHeaderValue => f.write_str("invalid header value"),
            Self::InvalidStatus => f.write_str("an answer's status is 200 to 599, an acceptance's is 101"),
            Self::BodyNotAllowed => f.write_str("this status allows no body"),
            Self::SubprotocolNotOffered => f.write_str("the client did not offer this subprotocol"),
            Self::SubprotocolRepeated => f.write_str("a subprotocol is offered once"),
        }
    }
}

impl Error for UsageError {}

/// A rule of the opening handshake, or of the HTTP it is written in, that the peer broke. No connection was made.
///
/// One variant per rule; each knows its [section](Self::section) and the [status](Self::status) that a client is told.
/// [`response`](Self::response) is the whole answer. A server is told nothing: close the transport.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandshakeError {
    /// The first bytes cannot begin an HTTP message: TLS, perhaps, on a port without it.
    NotHttp,
    /// A request line that is not a method, a target and a version with single spaces between.
    RequestLine,
    /// A status line that is not a version, three digits and a phrase, or nothing, with single spaces between.
    StatusLine,
    /// A version other than HTTP/1.1 and HTTP/1.0; the preface of HTTP/2 is one.
    HttpVersion,
    /// A CR without its LF, or an LF without its CR.
    LineBreak,
    /// A control character in the head.
    ControlCharacter,
    /// A header field continued on a second line, or white space in front of the first field.
    FoldedHeader,
    /// A header field's name that is not a token, or white space between it and its colon.
    HeaderName,
    /// A request line longer than [`Limits::request_line`](crate::Limits::request_line).
    RequestLineTooLong,
    /// A head longer than [`Limits::head`](crate::Limits::head).
    HeadTooLong,
    /// More header fields than [`Limits::headers`](crate::Limits::headers).
    TooManyHeaders,
    /// A target that is neither a path nor an absolute http or https URI.
    Target,
    /// Not exactly one Host, or one that is not a host and perhaps a port.
    Host,
    /// A Content-Length that is repeated, is not a number, or stands beside a Transfer-Encoding.
    ContentLength,
    /// A Transfer-Encoding other than `chunked`, or one in HTTP/1.0.
    TransferEncoding,
    /// A chunk that is not a size in hexadecimal digits, perhaps extensions, and as much data, each with its line break;
    /// or extensions without end.
    Chunk,
    /// A body longer than [`Limits::body`](crate::Limits::body).
    BodyTooLong,
    /// A body on an upgrade: of the request, or of the 101.
    BodyNotAllowed,
    /// An Expect that would have to be answered before the request can be.
    Expectation,
    /// An upgrade by another method than GET.
    Method,
    /// An upgrade in HTTP/1.0.
    UpgradeInHttp10,
    /// No `websocket` in Upgrade.
    UpgradeMissing,
    /// A 101 to another protocol beside `websocket`.
    UpgradeNotRequested,
    /// No `upgrade` in Connection.
    ConnectionMissing,
    /// More than one Sec-WebSocket-Version.
    VersionRepeated,
    /// A Sec-WebSocket-Version other than 13, or none.
    UnsupportedVersion,
    /// No Sec-WebSocket-Key, or more than one.
    KeyNotOnce,
    /// A Sec-WebSocket-Key that is not 16 bytes in base64.
    InvalidKey,
    /// A Sec-WebSocket-Protocol that is not a list of tokens.
    MalformedSubprotocols,
    /// A Sec-WebSocket-Extensions that is not a list of extensions.
    MalformedExtensions,
    /// An Origin that your [policy](crate::handshake::OriginPolicy) does not allow.
    OriginRefused,
    /// The server's answer is not a 101 but plain HTTP; [`Answer`](crate::handshake::Answer) has its status and headers.
    NotSwitched,
    /// No Sec-WebSocket-Accept, or more than one.
    AcceptNotOnce,
    /// A Sec-WebSocket-Accept that does not answer the Sec-WebSocket-Key.
    WrongAccept,
    /// A server's Sec-WebSocket-Extensions with an extension that was not offered.
    ExtensionNotOffered,
    /// A server's permessage-deflate that does not fit what was offered, or with parameters that nobody may send.
    DeflateParams,
    /// More than one Sec-WebSocket-Protocol in a server's answer.
    SubprotocolRepeated,
    /// A server's Sec-WebSocket-Protocol that is not one of those that were offered.
    SubprotocolNotOffered,
}

impl HandshakeError {
    /// The HTTP status that a client is told.
    ///
    /// For what only a server can do wrong it is 502, which is what a gateway says of a server behind it
    /// (RFC 9110 §15.6.3). What the server itself answered is [`Answer::status`](crate::handshake::Answer::status).
    pub const fn status(self) -> u16 {
        match self {
            Self::OriginRefused => 403,
            Self::Method => 405,
            Self::BodyTooLong => 413,
            Self::RequestLineTooLong => 414,
            Self::Expectation => 417,
            Self::UpgradeInHttp10 | Self::UpgradeMissing | Self::ConnectionMissing | Self::UnsupportedVersion => 426,
            Self::HeadTooLong | Self::TooManyHeaders => 431,
            Self::StatusLine | Self::NotSwitched | Self::UpgradeNotRequested => 502,
            Self::AcceptNotOnce | Self::WrongAccept | Self::ExtensionNotOffered | Self::DeflateParams => 502,
            Self::SubprotocolRepeated | Self::SubprotocolNotOffered => 502,
            _ => 400,
        }
    }

    /// The RFC and section that hold the rule, such as `"RFC 6455 §4.2.1"`.
    pub const fn section(self) -> &'static str {
        match self {
            Self::NotHttp | Self::LineBreak => "RFC 9112 §2.2",
            Self::HttpVersion => "RFC 9112 §2.3",
            Self::RequestLine | Self::RequestLineTooLong => "RFC 9112 §3",
            Self::Host => "RFC 9112 §3.2",
            Self::StatusLine => "RFC 9112 §4",
            Self::HeaderName => "RFC 9112 §5.1",
            Self::FoldedHeader => "RFC 9112 §5.2",
            Self::TransferEncoding => "RFC 9112 §6.1",
            Self::ContentLength => "RFC 9112 §6.3",
            Self::Chunk => "RFC 9112 §7.1",
            Self::ControlCharacter => "RFC 9110 §5.5",
            Self::UpgradeInHttp10 | Self::BodyNotAllowed | Self::UpgradeNotRequested => "RFC 9110 §7.8",
            Self::Expectation => "RFC 9110 §10.1.1",
            Self::BodyTooLong => "RFC 9110 §15.5.14",
            Self::HeadTooLong | Self::TooManyHeaders => "RFC 6585 §5",
            // Both sides': §4.1 says what the request and the answer must have.
            Self::UpgradeMissing | Self::ConnectionMissing => "RFC 6455 §4.1",
            Self::NotSwitched | Self::WrongAccept => "RFC 6455 §4.1",
            Self::ExtensionNotOffered | Self::SubprotocolNotOffered => "RFC 6455 §4.1",
            Self::Target | Self::Method | Self::InvalidKey => "RFC 6455 §4.2.1",
            Self::OriginRefused => "RFC 6455 §4.2.2",
            Self::MalformedSubprotocols => "RFC 6455 §4.3",
            Self::UnsupportedVersion => "RFC 6455 §4.4",
            Self::MalformedExtensions => "RFC 6455 §9.1",
            Self::KeyNotOnce => "RFC 6455 §11.3.1",
            Self::AcceptNotOnce => "RFC 6455 §11.3.3",
            Self::SubprotocolRepeated => "RFC 6455 §11.3.4",
            Self::VersionRepeated => "RFC 6455 §11.3.5",
            Self::DeflateParams => "RFC 7692 §7.1",
        }
    }

    /// The rule in words, without its section.
    pub const fn rule(self) -> &'static str {
        match self {
            Self::NotHttp => "not HTTP",
            Self::RequestLine => "malformed request line",
            Self::StatusLine => "malformed status line",
            Self::HttpVersion => "HTTP version is not 1.1",
            Self::LineBreak => "line break other than CR LF",
            Self::ControlCharacter => "control character in the head",
            Self::FoldedHeader => "folded header field",
            Self::HeaderName => "malformed header field name",
            Self::RequestLineTooLong => "request line over the size limit",
            Self::HeadTooLong => "head over the size limit",
            Self::TooManyHeaders => "too many header fields",
            Self::Target => "request target is neither a path nor an http URI",
            Self::Host => "not exactly one valid Host",
            Self::ContentLength => "invalid Content-Length",
            Self::TransferEncoding => "invalid Transfer-Encoding",
            Self::Chunk => "malformed chunk",
            Self::BodyTooLong => "body over the size limit",
            Self::BodyNotAllowed => "upgrade with a body",
            Self::Expectation => "Expect is not supported here",
            Self::Method => "upgrade by another method than GET",
            Self::UpgradeInHttp10 => "upgrade in HTTP/1.0",
            Self::UpgradeMissing => "no websocket in Upgrade",
            Self::UpgradeNotRequested => "upgrade to a protocol that was not requested",
            Self::ConnectionMissing => "no upgrade in Connection",
            Self::VersionRepeated => "Sec-WebSocket-Version more than once",
            Self::UnsupportedVersion => "Sec-WebSocket-Version is not 13",
            Self::KeyNotOnce => "not exactly one Sec-WebSocket-Key",
            Self::InvalidKey => "Sec-WebSocket-Key is not 16 bytes in base64",
            Self::MalformedSubprotocols => "malformed Sec-WebSocket-Protocol",
            Self::MalformedExtensions => "malformed Sec-WebSocket-Extensions",
            Self::OriginRefused => "this Origin is not allowed",
            Self::NotSwitched => "the server did not switch protocols",
            Self::AcceptNotOnce => "not exactly one Sec-WebSocket-Accept",
            Self::WrongAccept => "Sec-WebSocket-Accept does not match the key",
            Self::ExtensionNotOffered => "extension that was not offered",
            Self::DeflateParams => "parameters of permessage-deflate that do not fit the offer",
            Self::SubprotocolRepeated => "Sec-WebSocket-Protocol more than once",
            Self::SubprotocolNotOffered => "subprotocol that was not offered",
        }
    }
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.rule(), self.section())
    }
}

impl Error for HandshakeError {}

/// What keeps a text from being a WebSocket URI (RFC 6455 §3). Nothing was sent.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UriError {
    /// A character beyond ASCII. International host names are for you to encode (RFC 5890), other text to
    /// percent-encode (§11.1).
    NotAscii,
    /// Neither `ws://` nor `wss://`.
    Scheme,
    /// A fragment. A `#` that is none is written `%23`.
    Fragment,
    /// A user's name or password. Send it in an Authorization header.
    UserInfo,
    /// No host, or one that is neither a name nor an address.
    Host,
    /// A port that is not a number from 1 to 65535.
    Port,
    /// A path or query with a character that must be percent-encoded (RFC 3986 §3.3, §3.4).
    ResourceName,
}

impl fmt::Display for UriError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAscii => "a WebSocket URI is ASCII",
            Self::Scheme => "a WebSocket URI begins with ws:// or wss://",
            Self::Fragment => "a WebSocket URI has no fragment",
            Self::UserInfo => "a WebSocket URI has no user information",
            Self::Host => "invalid host in a WebSocket URI",
            Self::Port => "invalid port in a WebSocket URI",
            Self::ResourceName => "invalid path or query in a WebSocket URI",
        })
    }
}

impl Error for UriError {}
