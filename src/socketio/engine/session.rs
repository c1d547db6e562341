//! One session.

use core::fmt;
use core::time::Duration;
use std::collections::VecDeque;
use std::string::String;

use super::compress::Coding;
use super::outgoing::Outgoing;
use super::packet::SEPARATOR;
use super::sessions::{SessionId, Transport};
use super::sid::Sid;
use crate::handshake::Response;
use crate::net::{PeerId, RequestId, Responder};

/// Why a session is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The transport failed, or was used against the rules.
    TransportError,
    /// The client closed it.
    TransportClose,
    /// The application closed it.
    ForcedClose,
    /// A ping was not answered.
    PingTimeout,
    /// The client sent what is no packet.
    ParseError,
}

/// What Socket.IO calls it.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TransportError => "transport error",
            Self::TransportClose => "transport close",
            Self::ForcedClose => "forced close",
            Self::PingTimeout => "ping timeout",
            Self::ParseError => "parse error",
        })
    }
}

#[derive(Debug)]
pub(super) struct Session {
    pub(super) id: SessionId,
    pub(super) sid: Sid,
    pub(super) via: Via,
    pub(super) candidate: Option<Candidate>,
    pub(super) life: Life,
    /// The request whose body is on its way.
    pub(super) post: Option<RequestId>,
    /// Binary goes as text over its WebSocket.
    pub(super) base64: bool,
    pub(super) queue: VecDeque<Item>,
    /// Bytes in `queue`.
    pub(super) queued: usize,
    /// The WebSocket's queue is long.
    pub(super) backlogged: bool,
    /// It is among those to flush.
    pub(super) touched: bool,
    /// When to ping, or by when a pong must come.
    pub(super) heartbeat: Duration,
    pub(super) awaits_pong: bool,
}

#[derive(Debug)]
pub(super) enum Via {
    /// With the poll that waits for something to say.
    Polling(Option<Poll>),
    /// `None` once it is gone.
    WebSocket(Option<PeerId>),
}

#[derive(Debug)]
pub(super) struct Poll {
    pub(super) responder: Responder,
    /// The answer, but for its body.
    pub(super) response: Response,
    /// How its client would have the answer packed.
    pub(super) coding: Option<Coding>,
}

/// A WebSocket that the session may move to.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) peer: PeerId,
    pub(super) probed: bool,
    pub(super) base64: bool,
    pub(super) deadline: Duration,
    /// A poll before this is not answered with a noop, lest a client that does not pause spins.
    pub(super) next_noop: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    Open,
    /// The application knows that it is over. What is queued leaves, if there is a way at this moment.
    Ending(Reason),
    /// As `Ending`, at the client's wish.
    EndedByClient,
    /// As `Ending`, but a poll is waited for until then.
    Lingering(Duration),
}

#[derive(Debug)]
pub(super) enum Item {
    Ping,
    Message(Outgoing),
    /// Only if it can leave at once.
    Volatile(Outgoing),
}

impl Session {
    pub(super) fn transport(&self) -> Transport {
        match self.via {
            Via::Polling(_) => Transport::Polling,
            Via::WebSocket(_) => Transport::WebSocket,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.life == Life::Open
    }

    pub(super) fn push(&mut self, item: Item) {
        self.queued += item.len();
        self.queue.push_back(item);
    }

    /// Takes all that is queued as one payload, and whether some of it may be compressed.
    pub(super) fn take_payload(&mut self) -> (String, bool) {
        let mut payload = String::with_capacity(self.queued + self.queue.len());
        let mut is_compressible = false;
        for item in self.queue.drain(..) {
            if !payload.is_empty() {
                payload.push(SEPARATOR);
            }
            match item {
                Item::Ping => payload.push('2'),
                Item::Message(message) | Item::Volatile(message) => {
                    is_compressible |= message.is_compressible();
                    payload.push_str(message.payload());
                }
            }
        }
        self.queued = 0;
        (payload, is_compressible)
    }

    /// Takes the poll, if it is this request.
    pub(super) fn take_poll_of(&mut self, request: RequestId) -> Option<Poll> {
        match &mut self.via {
            Via::Polling(poll) => poll.take_if(|poll| poll.responder.id() == request),
            Via::WebSocket(_) => None,
        }
    }

    pub(super) fn take_poll(&mut self) -> Option<Poll> {
        match &mut self.via {
            Via::Polling(poll) => poll.take(),
            Via::WebSocket(_) => None,
        }
    }
}

impl Item {
    fn len(&self) -> usize {
        match self {
            Self::Ping => 1,
            Self::Message(message) | Self::Volatile(message) => message.len(),
        }
    }
}
