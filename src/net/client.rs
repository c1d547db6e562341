//! A blocking client on TCP.

mod config;
mod dial;
mod error;
mod link;
mod tap;

use core::fmt;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::random;
use crate::buffer::{ReceiveBuffer, SendBuffer};
use crate::close::CloseCode;
use crate::connection::Connection;
#[cfg(feature = "deflate")]
use crate::deflate::DeflateParams;
use crate::error::HandshakeError;
use crate::frame::Status;
use crate::handshake::{ClientHandshake, ClientRequest, Negotiated, Uri};
use crate::message::{Message, MessageRef};
use dial::{Deadline, dial};
use link::{Inbox, Link, SHORTEST, is_timeout};

pub use config::ClientConfig;
pub use error::{ClientError, Refusal, Stage};
pub use tap::{Direction, Tap};

/// A WebSocket client whose calls wait.
///
/// ```no_run
/// use bowsprit::CloseCode;
/// use bowsprit::net::{Client, ClientError};
///
/// fn main() -> Result<(), ClientError> {
///     let mut client = Client::connect("ws://127.0.0.1:9001/")?;
///     client.send("Hello")?;
///     if let Some(message) = client.receive()? {
///         println!("{message:?}");
///     }
///     client.close(CloseCode::NORMAL, "bye")?;
///     while client.receive()?.is_some() {} // until the server has closed, too
///     Ok(())
/// }
/// ```
///
/// A message is borrowed from the client until the next call. To reply while holding it, or to send from other threads
/// while one receives, take the [halves](Self::halves).
///
/// Pings are answered and a Close is replied to inside [`receive`](Self::receive), so call it even when you expect
/// nothing. A server that is sent more than it reads while nobody receives its answers stops reading: receive in between,
/// or on another thread. Dropping a client closes TCP without a Close; the server reports 1006.
pub struct Client {
    link: Link,
    inbox: Inbox,
    negotiated: Negotiated,
    peer_addr: SocketAddr,
}

impl Client {
    /// Connects to a `ws://` URI.
    ///
    /// # Errors
    ///
    /// Any but [`ClientError::Protocol`]; the variant tells the stage. A `wss://` URI is
    /// [`ClientError::TlsUnsupported`].
    pub fn connect(uri: &str) -> Result<Self, ClientError> {
        Self::connect_with(&ClientRequest::new(Uri::parse(uri)?), &ClientConfig::default())
    }

    /// Connects with a request of your own, which may offer subprotocols and have header fields, and with settings.
    ///
    /// ```no_run
    /// use bowsprit::handshake::{ClientRequest, Uri};
    /// use bowsprit::net::{Client, ClientConfig, ClientError};
    ///
    /// let request = ClientRequest::new(Uri::parse("ws://127.0.0.1:9001/chat")?).subprotocol("chat");
    /// match Client::connect_with(&request, &ClientConfig::default()) {
    ///     Ok(client) => assert_eq!(client.subprotocol(), Some("chat")),
    ///     Err(ClientError::Refused(refusal)) => eprintln!("{refusal}, see {:?}", refusal.header("Location")),
    ///     Err(error) => eprintln!("{error}"),
    /// }
    /// # Ok::<(), ClientError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    pub fn connect_with(request: &ClientRequest, config: &ClientConfig) -> Result<Self, ClientError> {
        if request.is_secure() {
            return Err(ClientError::TlsUnsupported);
        }
        // Whatever can fail without the server does so before it hears of us.
        let keys = random::Keys::new().map_err(ClientError::Random)?;
        let nonce = random::nonce().map_err(ClientError::Random)?;
        let mut input = ReceiveBuffer::new(config.limits.clone());
        let mut output = keys.output();
        #[cfg(feature = "deflate")]
        let request = &match &config.deflate {
            Some(deflate) => {
                output.set_deflate(deflate);
                request.clone().deflate(deflate)
            }
            None => request.clone(),
        };
        let handshake = request.start(nonce, &mut output)?;

        let (stream, turn) = dial(request.host(), request.port(), config)?;
        let peer_addr = stream.peer_addr().map_err(ClientError::Connect)?;
        stream.set_nodelay(true).map_err(ClientError::Connect)?;
        let negotiated = shake_hands(&stream, handshake, &mut input, &mut output, config)?;
        stream.set_write_timeout(Some(config.write_timeout.max(SHORTEST))).map_err(ClientError::Lost)?;
        drop(turn);

        let conn = Connection::client(negotiated.clone());
        let link = Link::new(stream, conn, output, keys, config);
        link.tap(Direction::In, input.unread());
        Ok(Self { link, inbox: Inbox::new(input), negotiated, peer_addr })
    }

    /// Waits for the next message; `None` once the connection is closed, with the closing handshake done. The server
    /// closes TCP then, for which [`ClientConfig::close_timeout`] is waited (RFC 6455 §7.1.1).
    ///
    /// # Errors
    ///
    /// [`ClientError::TimedOut`] with [`Stage::Receive`] after [`ClientConfig::read_timeout`], and
    /// [`ClientError::Random`]: call again to go on. All others end the connection: [`ClientError::Protocol`], [`ClientError::Lost`], [`Stage::Close`]; and
    /// [`UsageError::NotOpen`](crate::UsageError::NotOpen) after one of these.
    pub fn receive(&mut self) -> Result<Option<Message<'_>>, ClientError> {
        self.link.receive(&mut self.inbox)
    }

    /// From the next message on, [`receive`](Self::receive) returns a part of one, as it arrives, and
    /// [`has_more_parts`](Self::has_more_parts) tells whether the message goes on; or a whole message again. Text is
    /// checked and ends on a code point. As [`Connection::receive_parts`].
    ///
    /// ```no_run
    /// use bowsprit::handshake::{ClientRequest, Uri};
    /// use bowsprit::net::{Client, ClientConfig, ClientError};
    ///
    /// let mut config = ClientConfig::default();
    /// config.limits.message = 1 << 30; // nothing of it is kept
    /// config.limits.frame = 1 << 30;
    /// let request = ClientRequest::new(Uri::parse("ws://127.0.0.1:9001/backup")?);
    /// let mut client = Client::connect_with(&request, &config)?;
    /// client.receive_parts(true);
    /// let mut received = 0;
    /// while let Some(part) = client.receive()? {
    ///     received += part.as_bytes().len();
    ///     if !client.has_more_parts() {
    ///         break;
    ///     }
    /// }
    /// # Ok::<(), ClientError>(())
    /// ```
    pub fn receive_parts(&mut self, in_parts: bool) {
        self.link.receive_parts(in_parts);
    }

    /// Whether the message that the last part belonged to goes on, after [`receive_parts`](Self::receive_parts).
    pub fn has_more_parts(&self) -> bool {
        self.link.has_more_parts()
    }

    /// Sends a message; it has left for the system when this returns.
    ///
    /// # Errors
    ///
    /// [`UsageError::MessageUnfinished`](crate::UsageError::MessageUnfinished) between the
    /// [parts](Self::send_part) of another; [`ClientError::Usage`] once the closing handshake has begun; [`ClientError::TimedOut`] with [`Stage::Send`];
    /// [`ClientError::Lost`]. After the last two nothing more can be sent, but what has arrived can be received.
    pub fn send<'m>(&mut self, message: impl Into<MessageRef<'m>>) -> Result<(), ClientError> {
        Outgoing { link: &self.link }.send(message)
    }

    /// Sends a part of a message as one fragment; `last` ends the message (RFC 6455 §5.4).
    ///
    /// # Errors
    ///
    /// [`UsageError::PartOfOtherKind`](crate::UsageError::PartOfOtherKind) for text within a binary message and the
    /// reverse; and as [`send`](Self::send).
    pub fn send_part<'m>(&mut self, part: impl Into<MessageRef<'m>>, last: bool) -> Result<(), ClientError> {
        Outgoing { link: &self.link }.send_part(part, last)
    }

    /// Sends a Ping. What comes back is not shown, but ends the silence that [`ClientConfig::read_timeout`] measures.
    ///
    /// # Errors
    ///
    /// A payload over 125 bytes; and as [`send`](Self::send).
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), ClientError> {
        Outgoing { link: &self.link }.ping(payload)
    }

    /// Starts the closing handshake (RFC 6455 §7.1.2). Keep receiving until `None`.
    ///
    /// # Errors
    ///
    /// A code that must not be sent; a reason over 123 bytes; and as [`send`](Self::send).
    pub fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), ClientError> {
        Outgoing { link: &self.link }.close(code, reason)
    }

    /// What receives and what sends, apart: to send while a message is held, and from other threads.
    ///
    /// ```no_run
    /// # use bowsprit::net::{Client, ClientError};
    /// # let mut client = Client::connect("ws://127.0.0.1:9001/")?;
    /// let (mut incoming, outgoing) = client.halves();
    /// while let Some(message) = incoming.receive()? {
    ///     outgoing.send(&message)?;
    /// }
    /// # Ok::<(), ClientError>(())
    /// ```
    pub fn halves(&mut self) -> (Incoming<'_>, Outgoing<'_>) {
        (Incoming { link: &self.link, inbox: &mut self.inbox }, Outgoing { link: &self.link })
    }

    /// The subprotocol in use, one of those that were offered.
    pub fn subprotocol(&self) -> Option<&str> {
        self.negotiated.subprotocol()
    }

    /// The parameters of permessage-deflate, if messages are compressed (RFC 7692).
    #[cfg(feature = "deflate")]
    pub fn deflate(&self) -> Option<DeflateParams> {
        self.negotiated.deflate()
    }

    /// The address that was connected to.
    pub fn peer_addr(&self) -> SocketAddr {
        self.peer_addr
    }

    /// The code of the server's Close: 1005 if it carried none, 1006 while there was none (RFC 6455 §7.1.5).
    pub fn close_code(&self) -> CloseCode {
        self.link.close_code()
    }

    /// The reason in the server's Close, empty if there was none. Not for end users (RFC 6455 §5.5.1).
    pub fn close_reason(&self) -> &str {
        &self.inbox.close_reason
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("peer_addr", &self.peer_addr).finish_non_exhaustive()
    }
}

/// The half of a [`Client`] that receives.
pub struct Incoming<'c> {
    link: &'c Link,
    inbox: &'c mut Inbox,
}

impl Incoming<'_> {
    /// As [`Client::receive`].
    ///
    /// # Errors
    ///
    /// As [`Client::receive`].
    pub fn receive(&mut self) -> Result<Option<Message<'_>>, ClientError> {
        self.link.receive(self.inbox)
    }

    /// As [`Client::receive_parts`].
    pub fn receive_parts(&mut self, in_parts: bool) {
        self.link.receive_parts(in_parts);
    }

    /// As [`Client::has_more_parts`].
    pub fn has_more_parts(&self) -> bool {
        self.link.has_more_parts()
    }

    /// As [`Client::close_code`].
    pub fn close_code(&self) -> CloseCode {
        self.link.close_code()
    }

    /// As [`Client::close_reason`].
    pub fn close_reason(&self) -> &str {
        &self.inbox.close_reason
    }
}

impl fmt::Debug for Incoming<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming").finish_non_exhaustive()
    }
}

/// The half of a [`Client`] that sends. Its copies may be used by several threads: a message leaves whole.
#[derive(Clone, Copy)]
pub struct Outgoing<'c> {
    link: &'c Link,
}

impl Outgoing<'_> {
    /// As [`Client::send`].
    ///
    /// # Errors
    ///
    /// As [`Client::send`].
    pub fn send<'m>(&self, message: impl Into<MessageRef<'m>>) -> Result<(), ClientError> {
        let message = message.into();
        self.link.send(|conn, output| conn.send(message, output))
    }

    /// As [`Client::send_part`]. The parts of a message are one sender's: until the last, other threads can only
    /// [`ping`](Self::ping) and [`close`](Self::close).
    ///
    /// # Errors
    ///
    /// As [`Client::send_part`].
    pub fn send_part<'m>(&self, part: impl Into<MessageRef<'m>>, last: bool) -> Result<(), ClientError> {
        let part = part.into();
        self.link.send(|conn, output| conn.send_part(part, last, output))
    }

    /// As [`Client::ping`].
    ///
    /// # Errors
    ///
    /// As [`Client::ping`].
    pub fn ping(&self, payload: &[u8]) -> Result<(), ClientError> {
        self.link.send(|conn, output| conn.ping(payload, output))
    }

    /// As [`Client::close`]. The half that receives gets what the server sends until its own Close.
    ///
    /// # Errors
    ///
    /// As [`Client::close`].
    pub fn close(&self, code: CloseCode, reason: &str) -> Result<(), ClientError> {
        self.link.close(code, reason)
    }
}

impl fmt::Debug for Outgoing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing").finish_non_exhaustive()
    }
}

/// Sends the request and waits for the answer. Frames behind it stay in `input`.
fn shake_hands(
    mut stream: &TcpStream,
    mut handshake: ClientHandshake,
    input: &mut ReceiveBuffer,
    output: &mut SendBuffer,
    config: &ClientConfig,
) -> Result<Negotiated, ClientError> {
    let deadline = Deadline::after(config.handshake_timeout);
    let remaining = || match deadline.remaining() {
        Some(left) => Ok(Some(left.max(SHORTEST))),
        None => Err(ClientError::TimedOut(Stage::Handshake)),
    };
    let failed = |error: io::Error| match is_timeout(&error) {
        true => ClientError::TimedOut(Stage::Handshake),
        false => ClientError::Lost(error),
    };
    stream.set_write_timeout(remaining()?).map_err(failed)?;
    stream.write_all(output.pending()).map_err(failed)?;
    output.consume(output.pending().len());
    loop {
        stream.set_read_timeout(remaining()?).map_err(failed)?;
        match stream.read(input.spare()) {
            Ok(0) => return Err(ClientError::Lost(io::ErrorKind::UnexpectedEof.into())),
            Ok(n) => input.filled(n),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(failed(error)),
        }
        if let Status::Complete(answer) = handshake.receive(input)? {
            return match answer.check_upgrade() {
                Err(HandshakeError::NotSwitched) => Err(ClientError::Refused(Refusal::new(&answer))),
                result => Ok(result?),
            };
        }
    }
}
