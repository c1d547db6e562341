//! What an application does on the loop.

use core::fmt;
use std::io;

use bytes::Bytes;

use super::client::ClientError;
use super::http::{RequestId, Responder};
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

    /// Which of the server's loops a request is for, by its [`PeerId::worker`](super::PeerId::worker); `None` for this one.
    /// Its connection moves there, and the request, upgrade or not, is dealt with there, as are those that follow on that
    /// connection.
    ///
    /// Asked where a request arrives, once, if there are several loops.
    fn worker_for(&mut self, request: &Request<'_>) -> Option<usize> {
        let _ = request;
        None
    }

    /// A client wants to open a connection; its request is valid and its `Origin` is allowed.
    ///
    /// [`Response::accept`] accepts, any other response rejects with its status.
    fn upgrade(&mut self, request: &Request<'_>) -> Response {
        let _ = request;
        Response::accept()
    }

    /// A plain request on the same port, of any method, whole with its body of at most
    /// [`Limits::body`](crate::Limits::body) bytes.
    ///
    /// Answer it here, or keep the [`Responder`] and answer later, from any thread.
    fn http(&mut self, request: &Request<'_>, body: Bytes, responder: Responder, peers: &mut Peers<'_, Self::Data>) {
        let _ = (request, body, peers);
        responder.send(Response::new(404));
    }

    /// The head of a plain request has come, and says that a body follows: [`http`](Self::http) is called when that is
    /// whole, [`http_cancelled`](Self::http_cancelled) if it is cut short, too long or too slow.
    fn http_begins(&mut self, request: &Request<'_>, id: RequestId, peers: &mut Peers<'_, Self::Data>) {
        let _ = (request, id, peers);
    }

    /// A request is not waited for any more: its body did not come to its end; the client went away before it was
    /// answered, or to the end; or there was no memory for the rest; or the server stops and has answered 503.
    fn http_cancelled(&mut self, request: RequestId, peers: &mut Peers<'_, Self::Data>) {
        let _ = (request, peers);
    }

    /// The queue of a streamed answer is below [`Config::soft_queue`](super::Config::soft_queue) again, after
    /// [`BodyWriter::write`](super::BodyWriter::write) said [`Sent::Backlogged`](super::Sent::Backlogged).
    fn http_drain(&mut self, request: RequestId, peers: &mut Peers<'_, Self::Data>) {
        let _ = (request, peers);
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

    /// A timer set with [`Peers::set_timer`] ran out.
    fn loop_timer(&mut self, timer: u64, peers: &mut Peers<'_, Self::Data>) {
        let _ = (timer, peers);
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
    /// The transport ended without a Close: by end of file ([`io::ErrorKind::UnexpectedEof`]) or by an error, also of the
    /// loop's event queue.
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

/// Who ended a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EndedBy {
    /// The peer, by a Close.
    Peer,
    /// This end.
    Us,
    /// The transport, or the peer without a word.
    Transport,
}

impl Cause<'_> {
    /// Who ended the connection.
    pub fn ended_by(&self) -> EndedBy {
        match self {
            Self::Closed { by_peer: true, .. } => EndedBy::Peer,
            Self::Lost(_) => EndedBy::Transport,
            _ => EndedBy::Us,
        }
    }

    /// The close code as RFC 6455 §7.1.5 has it: what the peer's Close said, 1006 if there was none.
    pub fn code(&self) -> CloseCode {
        match self {
            Self::Closed { code, .. } => *code,
            _ => CloseCode::ABNORMAL,
        }
    }

    /// The code and the reason that the peer was told when this end failed the connection (§7.1.7), unless a Close was
    /// under way; `None` if there was nothing to tell, or nobody who would have heard it.
    pub fn told(&self) -> Option<(CloseCode, &'static str)> {
        match self {
            Self::Failed(failure) => Some((failure.error.close_code(), failure.error.rule())),
            Self::MessageTooSlow => Some((CloseCode::POLICY_VIOLATION, "message took too long")),
            Self::QueueFull => Some((CloseCode::POLICY_VIOLATION, "reads too slowly")),
            Self::OutOfMemory => Some((CloseCode::TRY_AGAIN_LATER, "out of memory")),
            Self::Panicked => Some((CloseCode::INTERNAL_ERROR, "internal error")),
            Self::Closed { .. } | Self::Lost(_) | Self::Silent | Self::WriteStalled | Self::CloseUnanswered => None,
        }
    }
}

/// A line for a log. The peer's reason is escaped.
impl fmt::Display for Cause<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed { by_peer, code, reason } => {
                let whose = if *by_peer { "closed by the peer" } else { "closed by us, answered" };
                write!(f, "{whose}: {code} {reason:?}")
            }
            Self::Failed(failure) => write!(f, "the peer broke a rule: {failure}"),
            Self::Lost(kind) => write!(f, "lost without a Close: {kind}"),
            Self::Silent => f.write_str("no answer to a Ping"),
            Self::MessageTooSlow => f.write_str("a message took too long"),
            Self::WriteStalled => f.write_str("the peer reads nothing"),
            Self::CloseUnanswered => f.write_str("no answer to our Close"),
            Self::QueueFull => f.write_str("the queue was full"),
            Self::OutOfMemory => f.write_str("out of memory"),
            Self::Panicked => f.write_str("the handler panicked"),
        }
    }
}
