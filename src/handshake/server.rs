//! The server's half of the opening handshake (RFC 6455 §4.2).

use base64::Engine;
use base64::alphabet;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};

#[cfg(feature = "deflate")]
use super::deflate;
use super::head::{HeadReader, Kind};
use super::http::{BodyLength, Request};
use super::response::Response;
use super::{Negotiated, accept_key};
use crate::buffer::{ReceiveBuffer, SendBuffer};
use crate::error::{HandshakeError, UsageError};
use crate::frame::Status;

/// Reads one request's head as it arrives (RFC 6455 §4.2.1).
///
/// A head that lies whole in the input is borrowed there. One that comes in pieces is kept here: as many bytes as have
/// arrived, at most [`Limits::head`](crate::Limits::head). No byte is scanned twice.
#[derive(Debug)]
pub struct ServerHandshake(HeadReader);

impl ServerHandshake {
    /// Before the first byte.
    pub const fn new() -> Self {
        Self(HeadReader::new(Kind::Request))
    }

    /// Takes what was read. The limits are those of `input`.
    ///
    /// On `Partial`, `input` is empty and more must be read. On `Complete`, exactly the head is consumed: what is left
    /// in `input` are the first frames, or a body. Called again after that, it reads the next request.
    ///
    /// # Errors
    ///
    /// As [`Request::parse`], and the same again if called again. What was read is discarded; write the error's
    /// [`response`](HandshakeError::response), then close the transport.
    pub fn receive<'a>(&'a mut self, input: &'a mut ReceiveBuffer) -> Result<Status<Request<'a>>, HandshakeError> {
        match self.0.receive(input)? {
            Status::Complete(head) => Request::read(head).map(Status::Complete),
            Status::Partial => Ok(Status::Partial),
        }
    }

    /// Bytes held for the unfinished head.
    pub fn assembled_len(&self) -> usize {
        self.0.kept_len()
    }
}

impl Default for ServerHandshake {
    fn default() -> Self {
        Self::new()
    }
}

/// An upgrade request that keeps every rule; made by [`Request::check_upgrade`].
#[derive(Clone, Copy, Debug)]
pub struct Upgrade<'r, 'h> {
    request: &'r Request<'h>,
    key: &'h str,
}

impl<'h> Request<'h> {
    /// Checks everything that RFC 6455 §4.2.1 asks of the client's opening handshake.
    ///
    /// Not checked is what only you can know: the [Origin](super::OriginPolicy), the path, who the user is. Bits of the
    /// key behind its 16th byte are ignored, because the RFC's own examples set them (erratum 3150). An Expect is
    /// answered with 417, because a 100 would have to come before the 101 (RFC 9110 §7.8).
    ///
    /// # Errors
    ///
    /// The first rule that is broken, in this order: method, HTTP version, target, Host, body, Expect, Upgrade,
    /// Connection, Sec-WebSocket-Version, -Key, -Protocol, -Extensions.
    pub fn check_upgrade(&self) -> Result<Upgrade<'_, 'h>, HandshakeError> {
        if self.method() != "GET" {
            return Err(HandshakeError::Method);
        }
        // RFC 9110 §7.8: a server ignores Upgrade in HTTP/1.0.
        if self.minor_version() == 0 {
            return Err(HandshakeError::UpgradeInHttp10);
        }
        self.check_target()?;
        // A body would have to be read before the first frame (RFC 9110 §7.8).
        if self.body_length()? != BodyLength::Bytes(0) {
            return Err(HandshakeError::BodyNotAllowed);
        }
        let fields = self.fields();
        if fields.has("Expect") {
            return Err(HandshakeError::Expectation);
        }
        if !fields.lists("Upgrade", b"websocket") {
            return Err(HandshakeError::UpgradeMissing);
        }
        if !fields.lists("Connection", b"upgrade") {
            return Err(HandshakeError::ConnectionMissing);
        }
        // §4.4, and §11.3.5: at most once. Before the key, which other versions of the protocol form otherwise.
        match fields.at_most_once("Sec-WebSocket-Version") {
            Err(_) => return Err(HandshakeError::VersionRepeated),
            Ok(Some(b"13")) => {}
            Ok(_) => return Err(HandshakeError::UnsupportedVersion),
        }
        // §11.3.1: at most once.
        let Ok(Some(key)) = fields.at_most_once("Sec-WebSocket-Key") else { return Err(HandshakeError::KeyNotOnce) };
        let key = valid_key(key).ok_or(HandshakeError::InvalidKey)?;
        // §4.3.
        if fields.check_tokens("Sec-WebSocket-Protocol").is_err() {
            return Err(HandshakeError::MalformedSubprotocols);
        }
        // §9.1.
        if fields.check_extensions("Sec-WebSocket-Extensions").is_err() {
            return Err(HandshakeError::MalformedExtensions);
        }
        Ok(Upgrade { request: self, key })
    }
}

impl<'r, 'h> Upgrade<'r, 'h> {
    /// The request.
    pub fn request(&self) -> &'r Request<'h> {
        self.request
    }

    /// The Sec-WebSocket-Key: 24 characters, 16 bytes in base64.
    pub fn key(&self) -> &'h str {
        self.key
    }

    /// Queues the 101 that opens the connection; frames may follow at once (RFC 6455 §4.2.2).
    ///
    /// To refuse, [encode](Response::encode) another response instead.
    ///
    /// # Errors
    ///
    /// A response that is not an [acceptance](Response::accept), has a body, or chooses a subprotocol that the client
    /// did not offer; a header that was refused when it was set. Nothing was queued: answer with 500.
    pub fn accept(&self, response: &Response, output: &mut SendBuffer) -> Result<Negotiated, UsageError> {
        let subprotocol = response.chosen_subprotocol();
        // §4.2.2: the value chosen must be one of the client's.
        if subprotocol.is_some_and(|chosen| !self.request.subprotocols().any(|offered| offered == chosen)) {
            return Err(UsageError::SubprotocolNotOffered);
        }
        #[cfg(feature = "deflate")]
        let (deflate, extensions) =
            response.deflate_config().and_then(|config| deflate::accept(self.request.extensions(), config)).unzip();
        #[cfg(not(feature = "deflate"))]
        let extensions: Option<alloc::string::String> = None;
        response.encode_accept(&accept_key(self.key), extensions.as_deref(), output)?;
        Ok(Negotiated {
            subprotocol: subprotocol.map(Into::into),
            #[cfg(feature = "deflate")]
            deflate,
        })
    }
}

/// 16 bytes in base64 with its padding; the unused bits of the last character may be anything.
fn valid_key(key: &[u8]) -> Option<&str> {
    const LENIENT: GeneralPurpose =
        GeneralPurpose::new(&alphabet::STANDARD, GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true));
    // Room for one byte more, so that a key of 17 is seen to be too long.
    let mut nonce = [0; 18];
    match LENIENT.decode_slice(key, &mut nonce) {
        Ok(16) => core::str::from_utf8(key).ok(),
        _ => None,
    }
}
