//! Plain HTTP requests and their answers, which may come later and from another thread.

use core::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::vec::Vec;

use bytes::Bytes;

use super::hub::Sent;
use super::remote::{Command, Remote};
use super::slab::PeerId;
use crate::handshake::{BodyReader, Response};

/// Names a plain HTTP request of a loop, also after it is answered: a later one never has the same name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(u64);

impl RequestId {
    pub(super) const fn new(number: u64) -> Self {
        Self(number)
    }

    /// As a number: the first request of a loop is 1.
    pub const fn as_u64(self) -> u64 {
        self.0
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestId({})", self.0)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Answers one plain HTTP request, now or later, from any thread.
///
/// An answer within [`Handler::http`](super::Handler::http) leaves in the same turn. Until then the client waits, and
/// what else it sends on this connection waits too. There is no deadline: hold it as long as you like.
///
/// Dropping it answers 500.
///
/// ```no_run
/// use bowsprit::Message;
/// use bowsprit::handshake::{Request, Response};
/// use bowsprit::net::{Bytes, Handler, Peer, Peers, Responder};
///
/// struct Slow;
///
/// impl Handler for Slow {
///     type Data = ();
///
///     fn http(&mut self, _: &Request<'_>, body: Bytes, responder: Responder, _: &mut Peers<'_, ()>) {
///         std::thread::spawn(move || responder.send(Response::new(200).body(body)));
///     }
///
///     fn message(&mut self, _: &mut Peer<'_, ()>, _: Message<'_>) {}
/// }
/// ```
#[must_use = "dropping it answers 500"]
pub struct Responder {
    ticket: Arc<Ticket>,
}

impl Responder {
    pub(super) fn new(ticket: Arc<Ticket>) -> Self {
        Self { ticket }
    }

    /// The request that this answers.
    pub fn id(&self) -> RequestId {
        self.ticket.id
    }

    /// Whether the client went away, so that no answer will reach it.
    /// [`Handler::http_cancelled`](super::Handler::http_cancelled) is called then.
    pub fn is_cancelled(&self) -> bool {
        self.ticket.state().cancelled
    }

    /// Answers. The body of a HEAD request's answer stays behind. A response that cannot be sent, such as
    /// [`Response::accept`] or one with a mistake, becomes 500.
    pub fn send(self, response: Response) {
        self.ticket.put(Piece::Whole(response));
    }

    /// Begins an answer whose body comes in pieces, that of `response` first: in chunks, or to an HTTP/1.0 client until
    /// the end of the connection (RFC 9112 §6.3). A status that has no body, 204, 205 or 304, is a mistake.
    pub fn stream(self, response: Response) -> BodyWriter {
        self.ticket.put(Piece::Head(response));
        BodyWriter { ticket: self.ticket.clone() }
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        if !self.ticket.state().begun {
            self.ticket.put(Piece::Whole(Response::new(500)));
        }
    }
}

impl fmt::Debug for Responder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Responder").field("id", &self.id()).finish_non_exhaustive()
    }
}

/// Writes the body of an answer piece by piece, from any thread.
///
/// Dropping it without [`finish`](Self::finish) cuts the connection, so that the client knows that something is missing;
/// an HTTP/1.0 client has no way to know.
#[must_use = "dropping it cuts the answer short"]
pub struct BodyWriter {
    ticket: Arc<Ticket>,
}

impl BodyWriter {
    /// The request that this answers.
    pub fn id(&self) -> RequestId {
        self.ticket.id
    }

    /// Whether nothing that is written reaches the client any more.
    pub fn is_cancelled(&self) -> bool {
        self.ticket.state().cancelled
    }

    /// Bytes that wait to be written to the client, the framing included.
    pub fn queued(&self) -> usize {
        let state = self.ticket.state();
        state.waiting + state.unwritten
    }

    /// Writes a piece of the body. Large pieces are not copied.
    ///
    /// [`Sent::Backlogged`] asks to go easy until [`Handler::http_drain`](super::Handler::http_drain). At
    /// [`Config::hard_queue`](super::Config::hard_queue) the answer is cut short and nothing more is sent: it is
    /// [`Sent::Dropped`], as it is once the client went away.
    pub fn write(&mut self, piece: impl Into<Bytes>) -> Sent {
        self.ticket.write(piece.into())
    }

    /// Ends the body. The connection can take the next request.
    pub fn finish(self) {
        self.ticket.put(Piece::End);
    }
}

impl Drop for BodyWriter {
    fn drop(&mut self) {
        if !self.ticket.state().ended {
            self.ticket.put(Piece::Cut);
        }
    }
}

impl fmt::Debug for BodyWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyWriter").field("id", &self.id()).field("queued", &self.queued()).finish_non_exhaustive()
    }
}

/// What the loop and whoever answers share of a request.
pub(super) struct Ticket {
    id: RequestId,
    peer: PeerId,
    remote: Remote,
    state: Mutex<State>,
}

/// A step of an answer.
#[derive(Debug)]
pub(super) enum Piece {
    Whole(Response),
    Head(Response),
    Data(Bytes),
    End,
    /// The answer is not finished and never will be.
    Cut,
}

#[derive(Debug)]
struct State {
    /// What the loop has not taken yet.
    pieces: Vec<Piece>,
    /// Bytes of data in `pieces`.
    waiting: usize,
    /// Bytes that the loop took and the socket did not.
    unwritten: usize,
    /// The loop will look; it need not be told.
    told: bool,
    begun: bool,
    ended: bool,
    /// Nothing that is put here goes anywhere.
    cancelled: bool,
    /// `write` said so.
    backlogged: bool,
}

impl Ticket {
    /// For a request that the handler is about to be called with.
    pub(super) fn new(id: RequestId, peer: PeerId, remote: Remote) -> Arc<Self> {
        let state = State {
            pieces: Vec::new(),
            waiting: 0,
            unwritten: 0,
            // The loop looks behind the call.
            told: true,
            begun: false,
            ended: false,
            cancelled: false,
            backlogged: false,
        };
        Arc::new(Self { id, peer, remote, state: Mutex::new(state) })
    }

    pub(super) fn id(&self) -> RequestId {
        self.id
    }

    /// Takes what was put here, and whether the writer was told of a backlog.
    pub(super) fn take(&self) -> (Vec<Piece>, bool) {
        let mut state = self.state();
        state.told = false;
        state.unwritten += core::mem::take(&mut state.waiting);
        (core::mem::take(&mut state.pieces), core::mem::take(&mut state.backlogged))
    }

    /// So much of what was taken is not written yet.
    pub(super) fn set_unwritten(&self, unwritten: usize) {
        self.state().unwritten = unwritten;
    }

    /// Nobody waits for this any more.
    pub(super) fn cancel(&self) {
        let mut state = self.state();
        state.cancelled = true;
        state.pieces = Vec::new();
        (state.waiting, state.unwritten) = (0, 0);
    }

    fn put(&self, piece: Piece) {
        let mut state = self.state();
        state.begun = true;
        state.ended |= !matches!(piece, Piece::Head(_));
        self.push(state, piece);
    }

    fn write(&self, data: Bytes) -> Sent {
        let (soft, hard) = self.remote.inbox().queue_bounds();
        let mut state = self.state();
        let queued = state.waiting + state.unwritten;
        if state.cancelled {
            return Sent::Dropped;
        }
        // An empty chunk would be the last one.
        if !data.is_empty() {
            if queued >= hard {
                state.ended = true;
                self.push(state, Piece::Cut);
                self.state().cancelled = true;
                return Sent::Dropped;
            }
            state.waiting += data.len();
            state.backlogged |= queued + data.len() >= soft;
        }
        let sent = if queued + data.len() < soft { Sent::Queued } else { Sent::Backlogged };
        if !data.is_empty() {
            self.push(state, Piece::Data(data));
        }
        sent
    }

    fn push(&self, mut state: MutexGuard<'_, State>, piece: Piece) {
        if state.cancelled {
            return;
        }
        state.pieces.push(piece);
        if !core::mem::replace(&mut state.told, true) {
            drop(state);
            self.remote.tell(self.peer, Command::Answer(self.peer, self.id));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here can panic half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A plain request that is being answered.
pub(super) struct Exchange {
    pub(super) ticket: Arc<Ticket>,
    pub(super) terms: Terms,
}

/// What the answer must keep to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    /// Another request may follow.
    pub(super) persistent: bool,
    /// HEAD: the body stays behind.
    pub(super) head_only: bool,
    /// HTTP/1.0: no chunks.
    pub(super) old: bool,
    /// The head was sent; the body comes in pieces.
    pub(super) streaming: bool,
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.ticket.cancel();
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange").field("id", &self.ticket.id).field("terms", &self.terms).finish()
    }
}

/// A plain request whose body is on its way.
#[derive(Debug)]
pub(super) struct Unfinished {
    pub(super) id: RequestId,
    pub(super) head: Vec<u8>,
    pub(super) body: BodyReader,
}

impl Unfinished {
    /// Bytes held for it.
    pub(super) fn len(&self) -> usize {
        self.head.len() + self.body.len()
    }
}
