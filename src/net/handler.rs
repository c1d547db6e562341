//! What an application does on the loop.

use std::io;

use super::client::ClientError;
use super::peer::{Peer, Peers};
use crate::close::CloseCode;
use crate::error::Failure;
use crate::handshake::{Answer, Request, Response};
use crate::message::Message;

/// An application: called back on the loop's thread, one call at a time.
///
/// Everything but [`message`](Self::message) has a default. A closure
/// `FnMut(&mut Peer<'_, ()>, Message<'_>)` is a handler of messages alone.
///
/// A panic in a handler closes that connection with 1011; the others go on.
pub trait Handler {
    /// What the application keeps for each connection.
    type Data: Default;

    /// The loop begins.
    fn start(&mut self, peers: &mut Peers<'_, Self::Data>) {
        let _ = peers;
    }

    /// A client wants to open a connection; its request is valid and its `Origin` is allowed.
    ///
    /// [`Response::accept`] accepts, any other response rejects with its status.
    fn upgrade(&mut self, request: &Request<'_>) -> Response {
        let _ = request;
        Response::accept()
    }

    /// A plain GET or HEAD request on the same port.
    fn http(&mut self, request: &Request<'_>) -> Response {
        let _ = request;
        Response::new(404)
    }

    /// A connection is open. The answer to its handshake leaves before anything that is sent here.
    fn open(&mut self, peer: &mut Peer<'_, Self::Data>, request: &Request<'_>) {
        let _ = (peer, request);
    }

    /// A connection that was asked for with [`Peers::connect`] is open.
    fn connected(&mut self, peer: &mut Peer<'_, Self::Data>, answer: &Answer<'_>) {
        let _ = (peer, answer);
    }

    /// A connection that was asked for could not be opened. Nothing can be sent to it;
    /// [`Peers::connect_after`] tries again.
    fn not_connected(&mut self, peer: &mut Peer<'_, Self::Data>, error: &ClientError) {
        let _ = (peer, error);
    }

    /// A message arrived.
    fn message(&mut self, peer: &mut Peer<'_, Self::Data>, message: Message<'_>);

    /// The queue is below [`Config::soft_queue`](super::Config::soft_queue) again, after sending answered
    /// [`Sent::Backlogged`](super::Sent::Backlogged).
    fn drain(&mut self, peer: &mut Peer<'_, Self::Data>) {
        let _ = peer;
    }

    /// A timer set with [`Peer::set_timer`] ran out.
    fn timer(&mut self, peer: &mut Peer<'_, Self::Data>, timer: u64) {
        let _ = (peer, timer);
    }

    /// Another thread called [`Remote::wake`](super::Remote::wake).
    fn wake(&mut self, peers: &mut Peers<'_, Self::Data>) {
        let _ = peers;
    }

    /// A connection is over: exactly once for each that was opened. Nothing can be sent to it any more.
    fn close(&mut self, peer: &mut Peer<'_, Self::Data>, cause: &Cause<'_>) {
        let _ = (peer, cause);
    }
}

impl<F> Handler for F
where
    F: FnMut(&mut Peer<'_, ()>, Message<'_>),
{
    type Data = ();

    fn message(&mut self, peer: &mut Peer<'_, ()>, message: Message<'_>) {
        self(peer, message);
    }
}

/// Why a connection is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause<'a> {
    /// Both Close frames were exchanged (RFC 6455 §7.1.4).
    Closed {
        /// Whether the peer's came first.
        by_peer: bool,
        /// The code in the peer's, 1005 if it had none.
        code: CloseCode,
        /// The reason in the peer's. Not for end users (§5.5.1).
        reason: &'a str,
    },
    /// The peer broke a rule of the protocol, or one of [`Limits`](crate::Limits): which, and at which byte.
    Failed(Failure),
    /// The transport ended without a Close: by end of file ([`io::ErrorKind::UnexpectedEof`]) or by an error.
    Lost(io::ErrorKind),
    /// Nothing was heard after a Ping for [`Config::pong_within`](super::Config::pong_within).
    Silent,
    /// A message took longer than [`Config::message_timeout`](super::Config::message_timeout).
    MessageTooSlow,
    /// The peer took nothing of its queue for [`Config::write_timeout`](super::Config::write_timeout).
    WriteStalled,
    /// The peer did not answer our Close within [`Config::close_timeout`](super::Config::close_timeout).
    CloseUnanswered,
    /// The queue was full, and the policy is [`Policy::Close`](super::Policy::Close).
    QueueFull,
    /// [`Config::memory`](super::Config::memory) was used up.
    OutOfMemory,
    /// The handler panicked.
    Panicked,
}

impl Cause<'_> {
    /// The close code as RFC 6455 §7.1.5 has it: what the peer's Close said, 1006 if there was none.
    pub fn code(&self) -> CloseCode {
        match self {
            Self::Closed { code, .. } => *code,
            _ => CloseCode::ABNORMAL,
        }
    }
}
