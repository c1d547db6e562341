//! What a server answers a request with (RFC 6455 §4.2.2, RFC 9112 §4).

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use core::fmt::Write;

use bytes::Bytes;

use super::fields::{is_token, push, push_checked, starts_sec_websocket};
use crate::buffer::SendBuffer;
#[cfg(feature = "deflate")]
use crate::deflate::DeflateConfig;
use crate::error::{HandshakeError, UsageError};

/// The answer to a request: an acceptance that opens the connection, or plain HTTP that ends it.
///
/// ```
/// use bowsprit::SendBuffer;
/// use bowsprit::handshake::Response;
///
/// let mut output = SendBuffer::new();
/// Response::new(404).header("Content-Type", "text/plain").body("no such room\n").encode(&mut output)?;
/// assert_eq!(
///     output.pending(),
///     b"HTTP/1.1 404 Not Found\r\n\
///       Content-Length: 13\r\n\
///       Connection: close\r\n\
///       Content-Type: text/plain\r\n\
///       \r\n\
///       no such room\n"
/// );
/// # Ok::<(), bowsprit::UsageError>(())
/// ```
///
/// A builder's step never fails by itself: the first mistake is remembered and comes out of
/// [`encode`](Self::encode) or [`Upgrade::accept`](super::Upgrade::accept), and nothing of it reaches the peer.
#[must_use]
#[derive(Clone, Debug)]
pub struct Response {
    status: u16,
    subprotocol: Option<Box<str>>,
    #[cfg(feature = "deflate")]
    deflate: Option<DeflateConfig>,
    /// As they are sent, line breaks included.
    headers: String,
    body: Bytes,
    mistake: Option<UsageError>,
}

/// How the end of an answer's body is told (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// By Content-Length: the body is known.
    Length,
    /// By chunks.
    #[cfg_attr(not(feature = "net"), expect(dead_code))]
    Chunked,
    /// By the end of the transport: all that HTTP/1.0 has.
    #[cfg_attr(not(feature = "net"), expect(dead_code))]
    ToTheEnd,
}

const SWITCHING_PROTOCOLS: u16 = 101;
const UPGRADE_REQUIRED: u16 = 426;

impl Response {
    /// 101: opens the connection (RFC 6455 §4.2.2).
    pub const fn accept() -> Self {
        Self::new(SWITCHING_PROTOCOLS)
    }

    /// An answer with this status, without headers and body.
    pub const fn new(status: u16) -> Self {
        Self {
            status,
            subprotocol: None,
            #[cfg(feature = "deflate")]
            deflate: None,
            headers: String::new(),
            body: Bytes::new(),
            mistake: None,
        }
    }

    /// Chooses one of the subprotocols that the client offered (RFC 6455 §4.2.2). Means nothing on a refusal.
    ///
    /// A name that is not a token is a mistake.
    pub fn subprotocol(mut self, name: &str) -> Self {
        if is_token(name.as_bytes()) {
            self.subprotocol = Some(name.into());
        } else {
            self.mistake.get_or_insert(UsageError::InvalidHeaderValue);
        }
        self
    }

    /// Accepts permessage-deflate, if the client offers it (RFC 7692 §5). Give the output the same
    /// [settings](SendBuffer::set_deflate). Means nothing on a refusal.
    #[cfg(feature = "deflate")]
    pub fn deflate(mut self, config: &DeflateConfig) -> Self {
        self.deflate = Some(config.clone());
        self
    }

    /// Adds a header field; one of the same name stays.
    ///
    /// A mistake is a name that is not a token, a value with anything but printable ASCII, spaces and tabs, and a field
    /// that is written for you: Connection, Content-Length, Transfer-Encoding, Upgrade, Sec-WebSocket-*.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Err(mistake) = push_checked(&mut self.headers, name, value, is_ours) {
            self.mistake.get_or_insert(mistake);
        }
        self
    }

    /// Sets the body; Content-Length follows from it. A mistake where HTTP allows none: 101, 204, 205, 304.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// The status: 101 if this accepts.
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// Queues an answer that ends the request, with Content-Length and `Connection: close`; a 426 also names the
    /// protocol to upgrade to. Close the transport once it is written.
    ///
    /// # Errors
    ///
    /// A status outside 200 to 599, a body where HTTP allows none, a header that was refused when it was set. Nothing
    /// was queued.
    pub fn encode(&self, output: &mut SendBuffer) -> Result<(), UsageError> {
        self.encode_head(output)?;
        output.extend_from_slice(&self.body);
        Ok(())
    }

    /// Queues the answer to a HEAD request: as [`encode`](Self::encode), but the body stays behind (RFC 9110 §9.3.2).
    ///
    /// # Errors
    ///
    /// As [`encode`](Self::encode).
    pub fn encode_head(&self, output: &mut SendBuffer) -> Result<(), UsageError> {
        self.encode_as(Framing::Length, false, output)
    }

    /// Queues the head of an answer whose body is marked off in this way, and whether another may follow it
    /// (RFC 9112 §6.3, §9.3).
    pub(crate) fn encode_as(
        &self,
        framing: Framing,
        persistent: bool,
        output: &mut SendBuffer,
    ) -> Result<(), UsageError> {
        self.check()?;
        if !(200..=599).contains(&self.status) {
            return Err(UsageError::InvalidStatus);
        }
        // The space behind the status stays when there is no phrase (RFC 9112 §4).
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        // RFC 9110 §8.6: no length with 204, and with 304 only one that is true of the 200.
        match framing {
            Framing::Length if matches!(self.status, 204 | 304) => {}
            Framing::Length => drop(write!(head, "Content-Length: {}\r\n", self.body.len())),
            _ if matches!(self.status, 204 | 205 | 304) => return Err(UsageError::BodyNotAllowed),
            Framing::Chunked => head.push_str("Transfer-Encoding: chunked\r\n"),
            Framing::ToTheEnd => {}
        }
        // RFC 9110 §15.5.22, §7.8: a 426 has Upgrade, and Upgrade goes with its connection option.
        head.push_str(match (self.status, persistent) {
            (UPGRADE_REQUIRED, false) => "Connection: close, Upgrade\r\nUpgrade: websocket\r\n",
            (UPGRADE_REQUIRED, true) => "Connection: Upgrade\r\nUpgrade: websocket\r\n",
            (_, false) => "Connection: close\r\n",
            (_, true) => "",
        });
        head.push_str(&self.headers);
        head.push_str("\r\n");
        output.extend_from_slice(head.as_bytes());
        Ok(())
    }

    /// Queues the 101 (RFC 6455 §4.2.2). The subprotocol and the extensions were offered.
    pub(super) fn encode_accept(
        &self,
        accept: &str,
        extensions: Option<&str>,
        output: &mut SendBuffer,
    ) -> Result<(), UsageError> {
        self.check()?;
        if self.status != SWITCHING_PROTOCOLS {
            return Err(UsageError::InvalidStatus);
        }
        output.extend_from_slice(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ",
        );
        output.extend_from_slice(accept.as_bytes());
        if let Some(name) = &self.subprotocol {
            output.extend_from_slice(b"\r\nSec-WebSocket-Protocol: ");
            output.extend_from_slice(name.as_bytes());
        }
        if let Some(extensions) = extensions {
            output.extend_from_slice(b"\r\nSec-WebSocket-Extensions: ");
            output.extend_from_slice(extensions.as_bytes());
        }
        output.extend_from_slice(b"\r\n");
        output.extend_from_slice(self.headers.as_bytes());
        output.extend_from_slice(b"\r\n");
        Ok(())
    }

    #[cfg(feature = "net")]
    pub(crate) fn body_len(&self) -> usize {
        self.body.len()
    }

    #[cfg(feature = "net")]
    pub(crate) fn into_body(self) -> Bytes {
        self.body
    }

    pub(super) fn chosen_subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_deref()
    }

    #[cfg(feature = "deflate")]
    pub(super) fn deflate_config(&self) -> Option<&DeflateConfig> {
        self.deflate.as_ref()
    }

    fn check(&self) -> Result<(), UsageError> {
        match self.mistake {
            Some(mistake) => Err(mistake),
            None if matches!(self.status, 101 | 204 | 205 | 304) && !self.body.is_empty() => {
                Err(UsageError::BodyNotAllowed)
            }
            None => Ok(()),
        }
    }
}

impl HandshakeError {
    /// The answer that tells the peer: the [status](Self::status), the headers that go with it, and the rule as text.
    ///
    /// 405 comes with Allow, 426 with Upgrade, an unsupported version with the one that is (RFC 6455 §4.4).
    pub fn response(self) -> Response {
        let mut response = Response::new(self.status()).body(format!("{self}\n"));
        match self {
            Self::Method => push(&mut response.headers, "Allow", "GET"),
            Self::UnsupportedVersion => push(&mut response.headers, "Sec-WebSocket-Version", "13"),
            _ => {}
        }
        response.header("Content-Type", "text/plain; charset=utf-8")
    }
}

/// Whether this is a field that [`Response`] writes by itself.
fn is_ours(name: &str) -> bool {
    ["Connection", "Content-Length", "Transfer-Encoding", "Upgrade"].iter().any(|n| n.eq_ignore_ascii_case(name))
        || starts_sec_websocket(name)
}

/// What a status means (RFC 9110 §15, RFC 6585); empty for those that hardly anybody sends.
const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
}
