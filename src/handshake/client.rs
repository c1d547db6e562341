//! The client's half of the opening handshake (RFC 6455 §4.1): the request, and the wait for its answer.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::str;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::answer::Answer;
#[cfg(feature = "deflate")]
use super::deflate;
use super::fields::{is_token, push, push_checked, starts_sec_websocket};
use super::head::{HeadReader, Kind};
use super::uri::Uri;
use super::{AcceptKey, accept_key};
use crate::buffer::{ReceiveBuffer, SendBuffer};
#[cfg(feature = "deflate")]
use crate::deflate::DeflateConfig;
use crate::error::{HandshakeError, UsageError};
use crate::frame::Status;

/// The request that asks for a connection (RFC 6455 §4.1); [`start`](Self::start) sends it, as often as you like.
///
/// ```
/// use bowsprit::SendBuffer;
/// use bowsprit::handshake::{ClientRequest, Uri};
///
/// let request = ClientRequest::new(Uri::parse("ws://server.example.com/chat")?)
///     .subprotocol("chat")
///     .header("Cookie", "session=31d4");
/// let mut output = SendBuffer::new();
/// let nonce = *b"the sample nonce"; // fresh random bytes, each time
/// let handshake = request.start(nonce, &mut output)?;
/// assert_eq!(
///     output.pending(),
///     b"GET /chat HTTP/1.1\r\n\
///       Host: server.example.com\r\n\
///       Upgrade: websocket\r\n\
///       Connection: Upgrade\r\n\
///       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
///       Sec-WebSocket-Protocol: chat\r\n\
///       Sec-WebSocket-Version: 13\r\n\
///       Cookie: session=31d4\r\n\
///       \r\n"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A builder's step never fails by itself: the first mistake is remembered and comes out of [`start`](Self::start), and
/// nothing of it reaches the server.
#[must_use]
#[derive(Clone, Debug)]
pub struct ClientRequest {
    resource_name: Box<str>,
    authority: Box<str>,
    /// Where the transport leads to.
    host: Box<str>,
    port: u16,
    is_secure: bool,
    origin: Option<Box<str>>,
    /// The ones liked best first.
    subprotocols: Vec<Box<str>>,
    #[cfg(feature = "deflate")]
    deflate: Option<DeflateConfig>,
    /// As they are sent, line breaks included.
    headers: String,
    mistake: Option<UsageError>,
}

impl ClientRequest {
    /// Asks for what the URI names. Nothing is offered.
    pub fn new(uri: Uri<'_>) -> Self {
        Self {
            resource_name: uri.resource_name().into(),
            authority: uri.authority().into(),
            host: uri.host().into(),
            port: uri.port(),
            is_secure: uri.is_secure(),
            origin: None,
            subprotocols: Vec::new(),
            #[cfg(feature = "deflate")]
            deflate: None,
            headers: String::new(),
            mistake: None,
        }
    }

    /// Offers a subprotocol more, which is liked less than those before (RFC 6455 §4.1).
    ///
    /// A mistake is a name that is not a token, and one that is offered already.
    pub fn subprotocol(mut self, name: &str) -> Self {
        if !is_token(name.as_bytes()) {
            self.mistake.get_or_insert(UsageError::InvalidHeaderValue);
        } else if self.subprotocols.iter().any(|offered| **offered == *name) {
            self.mistake.get_or_insert(UsageError::SubprotocolRepeated);
        } else {
            self.subprotocols.push(name.into());
        }
        self
    }

    /// Offers permessage-deflate (RFC 7692 §5). Give the output the same [settings](SendBuffer::set_deflate).
    #[cfg(feature = "deflate")]
    pub fn deflate(mut self, config: &DeflateConfig) -> Self {
        self.deflate = Some(config.clone());
        self
    }

    /// What is offered of permessage-deflate.
    #[cfg(all(feature = "deflate", feature = "testing"))]
    pub(crate) fn offered_deflate(&self) -> Option<&DeflateConfig> {
        self.deflate.as_ref()
    }

    /// Says which page the request comes from, such as `https://example.com` (RFC 6454 §6.2). Browsers must, others may.
    ///
    /// A mistake is anything but visible ASCII.
    pub fn origin(mut self, origin: &str) -> Self {
        if !origin.is_empty() && origin.bytes().all(|byte| byte.is_ascii_graphic()) {
            self.origin = Some(origin.into());
        } else {
            self.mistake.get_or_insert(UsageError::InvalidHeaderValue);
        }
        self
    }

    /// Adds a header field, such as Authorization or Cookie; one of the same name stays.
    ///
    /// A mistake is a name that is not a token, a value with anything but printable ASCII, spaces and tabs, and a field
    /// that is written for you (Connection, Host, Origin, Upgrade, Sec-WebSocket-*) or that belongs to a body, of which
    /// there is none (Content-Length, Expect, Transfer-Encoding).
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Err(mistake) = push_checked(&mut self.headers, name, value, is_ours) {
            self.mistake.get_or_insert(mistake);
        }
        self
    }

    /// Where to connect to, as [`Uri::host`].
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port to connect to, as [`Uri::port`].
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether TLS comes first, as [`Uri::is_secure`].
    pub fn is_secure(&self) -> bool {
        self.is_secure
    }

    /// Whether the request can be sent.
    ///
    /// # Errors
    ///
    /// A subprotocol, origin or header that was refused when it was set.
    pub fn check(&self) -> Result<(), UsageError> {
        self.mistake.map_or(Ok(()), Err)
    }

    /// Queues the request. Nothing else may be sent before the answer is there (RFC 6455 §4.1).
    ///
    /// Take the nonce from a cryptographically secure generator, a new one for each connection: it proves that the
    /// answer was made for this request.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check). Nothing was queued.
    pub fn start(&self, nonce: [u8; 16], output: &mut SendBuffer) -> Result<ClientHandshake, UsageError> {
        self.check()?;
        let mut key = [0; KEY_LEN];
        let written = STANDARD.encode_slice(nonce, &mut key);
        debug_assert_eq!(written, Ok(KEY_LEN));
        // Base64 is ASCII.
        let key = str::from_utf8(&key).unwrap_or_default();

        let mut head = format!("GET {} HTTP/1.1\r\n", self.resource_name);
        push(&mut head, "Host", &self.authority);
        push(&mut head, "Upgrade", "websocket");
        push(&mut head, "Connection", "Upgrade");
        push(&mut head, "Sec-WebSocket-Key", key);
        if let Some(origin) = &self.origin {
            push(&mut head, "Origin", origin);
        }
        if !self.subprotocols.is_empty() {
            push(&mut head, "Sec-WebSocket-Protocol", &self.subprotocols.join(", "));
        }
        #[cfg(feature = "deflate")]
        if let Some(config) = &self.deflate {
            push(&mut head, "Sec-WebSocket-Extensions", &deflate::offer(config));
        }
        push(&mut head, "Sec-WebSocket-Version", "13");
        head.push_str(&self.headers);
        head.push_str("\r\n");
        output.extend_from_slice(head.as_bytes());

        let offer = Offer {
            accept: accept_key(key),
            subprotocols: self.subprotocols.clone(),
            #[cfg(feature = "deflate")]
            deflate: self.deflate.clone(),
        };
        Ok(ClientHandshake { offer, head: HeadReader::new(Kind::Answer) })
    }
}

/// Waits for the answer to a request (RFC 6455 §4.1); made by [`ClientRequest::start`].
///
/// A head that lies whole in the input is borrowed there. One that comes in pieces is kept here: as many bytes as have
/// arrived, at most [`Limits::head`](crate::Limits::head). No byte is scanned twice.
#[derive(Debug)]
pub struct ClientHandshake {
    offer: Offer,
    head: HeadReader,
}

/// What the answer is held against.
#[derive(Debug)]
pub(super) struct Offer {
    pub(super) accept: AcceptKey,
    pub(super) subprotocols: Vec<Box<str>>,
    #[cfg(feature = "deflate")]
    pub(super) deflate: Option<DeflateConfig>,
}

impl ClientHandshake {
    /// Takes what was read. The limits are those of `input`.
    ///
    /// On `Partial`, `input` is empty and more must be read. On `Complete`, exactly the head is consumed: what is left
    /// in `input` are the first frames, or a body. Interim answers, such as 100 and 103, are skipped; they count towards
    /// [`Limits::head`](crate::Limits::head). Called again after `Complete`, it reads the next answer.
    ///
    /// # Errors
    ///
    /// Whatever is not HTTP/1, as soon as it is seen: a violation of RFC 9112 §2 to §5, or a head over one of the
    /// limits; and the same again if called again. What was read is discarded; close the transport.
    pub fn receive<'a>(&'a mut self, input: &'a mut ReceiveBuffer) -> Result<Status<Answer<'a>>, HandshakeError> {
        match self.head.receive(input)? {
            Status::Complete(head) => Answer::read(head, &self.offer).map(Status::Complete),
            Status::Partial => Ok(Status::Partial),
        }
    }
}

/// Characters of a Sec-WebSocket-Key: 16 bytes in base64.
const KEY_LEN: usize = 24;

/// Whether this is a field that [`ClientRequest`] writes by itself, or that its request must not have.
fn is_ours(name: &str) -> bool {
    const NAMES: [&str; 7] =
        ["Connection", "Content-Length", "Expect", "Host", "Origin", "Transfer-Encoding", "Upgrade"];
    NAMES.iter().any(|n| n.eq_ignore_ascii_case(name)) || starts_sec_websocket(name)
}
