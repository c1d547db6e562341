//! The opening handshake (RFC 6455 §4): bytes in, bytes out, then it is over.
//!
//! A server reads a [`Request`], checks it, and answers. The connection begins with the very next byte, which may be in
//! the same read:
//!
//! ```
//! use bowsprit::handshake::{OriginPolicy, Response, ServerHandshake};
//! use bowsprit::{Connection, Event, HandshakeError, Limits, Negotiated, ReceiveBuffer, SendBuffer, Status};
//! # use std::error::Error;
//!
//! /// Some(connection) once the request is whole; an answer is in `output` then.
//! fn open(
//!     handshake: &mut ServerHandshake,
//!     input: &mut ReceiveBuffer,
//!     output: &mut SendBuffer,
//! ) -> Result<Option<Connection>, Box<dyn Error>> {
//!     let Status::Complete(request) = handshake.receive(input)? else { return Ok(None) };
//!     let upgrade = request.check_upgrade()?; // an error's response() is the answer, such as 400 or 426
//!     OriginPolicy::SameHost.check(&request)?;
//!     let mut response = Response::accept();
//!     if request.subprotocols().any(|name| name == "chat") {
//!         response = response.subprotocol("chat");
//!     }
//!     let negotiated = upgrade.accept(&response, output)?;
//!     Ok(Some(Connection::server(negotiated)))
//! }
//!
//! let (mut input, mut output) = (ReceiveBuffer::new(Limits::default()), SendBuffer::new());
//! input.extend_from_slice(
//!     b"GET /chat HTTP/1.1\r\n\
//!       Host: server.example.com\r\n\
//!       Upgrade: websocket\r\n\
//!       Connection: Upgrade\r\n\
//!       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
//!       Origin: http://server.example.com\r\n\
//!       Sec-WebSocket-Protocol: chat, superchat\r\n\
//!       Sec-WebSocket-Version: 13\r\n\
//!       \r\n\
//!       \x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", // and a first frame
//! );
//! let mut handshake = ServerHandshake::new();
//! let mut conn = open(&mut handshake, &mut input, &mut output)?.expect("the request is whole");
//! assert_eq!(
//!     output.pending(),
//!     b"HTTP/1.1 101 Switching Protocols\r\n\
//!       Upgrade: websocket\r\n\
//!       Connection: Upgrade\r\n\
//!       Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
//!       Sec-WebSocket-Protocol: chat\r\n\
//!       \r\n"
//! );
//! let event = conn.receive(&mut input, &mut output);
//! assert!(matches!(event, Some(Event::Message(message)) if message.as_bytes() == b"Hello"));
//! # Ok::<(), Box<dyn Error>>(())
//! ```
//!
//! A client sends a [`ClientRequest`] and holds the server's [`Answer`] against it. Its connection, too, begins with the
//! very next byte:
//!
//! ```
//! use bowsprit::handshake::{ClientHandshake, ClientRequest, Uri};
//! use bowsprit::{Connection, Event, HandshakeError, Limits, MaskingKey, ReceiveBuffer, SendBuffer, Status};
//!
//! /// Some(connection) once the answer is whole.
//! fn open(handshake: &mut ClientHandshake, input: &mut ReceiveBuffer) -> Result<Option<Connection>, HandshakeError> {
//!     let Status::Complete(answer) = handshake.receive(input)? else { return Ok(None) };
//!     let negotiated = answer.check_upgrade()?; // if not: answer.status(), answer.header("Location")
//!     Ok(Some(Connection::client(negotiated)))
//! }
//!
//! # let (nonce, masking_key) = (*b"the sample nonce", || MaskingKey::new([0x37, 0xfa, 0x21, 0x3d]));
//! let mut input = ReceiveBuffer::new(Limits::default());
//! let mut output = SendBuffer::with_masking_keys(masking_key); // fresh random bytes, as is the nonce
//! let uri = Uri::parse("ws://server.example.com/chat")?; // host(), port(), is_secure(): where to connect to
//! let mut handshake = ClientRequest::new(uri).subprotocol("chat").start(nonce, &mut output)?;
//! assert!(output.pending().starts_with(b"GET /chat HTTP/1.1\r\nHost: server.example.com\r\n"));
//! # let request = output.pending().len();
//! # output.consume(request);
//! input.extend_from_slice(
//!     b"HTTP/1.1 101 Switching Protocols\r\n\
//!       Upgrade: websocket\r\n\
//!       Connection: Upgrade\r\n\
//!       Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
//!       Sec-WebSocket-Protocol: chat\r\n\
//!       \r\n\
//!       \x81\x05Hello", // and a first frame
//! );
//! let mut conn = open(&mut handshake, &mut input)?.expect("the answer is whole");
//! let event = conn.receive(&mut input, &mut output);
//! assert!(matches!(event, Some(Event::Message(message)) if message.as_bytes() == b"Hello"));
//! conn.send("Hello", &mut output)?;
//! assert_eq!(output.pending(), b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod answer;
mod body;
mod client;
#[cfg(feature = "deflate")]
mod deflate;
mod fields;
mod head;
mod http;
mod origin;
mod response;
mod server;
mod uri;

use alloc::boxed::Box;
use core::fmt;
use core::ops::Deref;
use core::str;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

#[cfg(feature = "deflate")]
use crate::deflate::DeflateParams;
pub use answer::Answer;
pub use body::BodyReader;
pub use client::{ClientHandshake, ClientRequest};
pub use fields::Extension;
pub use http::{BodyLength, Request};
pub use origin::OriginPolicy;
#[cfg(feature = "net")]
pub(crate) use response::Framing;
pub use response::Response;
pub use server::{ServerHandshake, Upgrade};
pub use uri::Uri;

/// What a handshake agreed on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Negotiated {
    subprotocol: Option<Box<str>>,
    #[cfg(feature = "deflate")]
    deflate: Option<DeflateParams>,
}

impl Negotiated {
    /// No subprotocol, no extensions.
    pub const fn none() -> Self {
        Self {
            subprotocol: None,
            #[cfg(feature = "deflate")]
            deflate: None,
        }
    }

    /// The same, and messages are compressed with these parameters: for a connection that was negotiated elsewhere.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn with_deflate(mut self, params: DeflateParams) -> Self {
        self.deflate = Some(params);
        self
    }

    /// The parameters of permessage-deflate, if messages are compressed (RFC 7692).
    #[cfg(feature = "deflate")]
    pub fn deflate(&self) -> Option<DeflateParams> {
        self.deflate
    }

    /// The subprotocol in use, one of those that the client offered (RFC 6455 §1.9).
    pub fn subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_deref()
    }
}

/// The Sec-WebSocket-Accept that answers a Sec-WebSocket-Key (RFC 6455 §4.2.2).
///
/// ```
/// use bowsprit::handshake::accept_key;
///
/// assert_eq!(&*accept_key("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
/// ```
pub fn accept_key(key: &str) -> AcceptKey {
    const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    let hash = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    let mut text = [0; AcceptKey::LEN];
    let written = STANDARD.encode_slice(hash, &mut text);
    debug_assert_eq!(written, Ok(AcceptKey::LEN));
    AcceptKey(text)
}

/// The 28 characters of a Sec-WebSocket-Accept; derefs to `str`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AcceptKey([u8; AcceptKey::LEN]);

impl AcceptKey {
    /// Characters: 20 bytes in base64.
    pub const LEN: usize = 28;
}

impl Deref for AcceptKey {
    type Target = str;

    fn deref(&self) -> &str {
        // Base64 is ASCII.
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for AcceptKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AcceptKey({})", &**self)
    }
}

impl fmt::Display for AcceptKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}
