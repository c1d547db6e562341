//! What joins several servers into one: the seam, and what they tell each other.

use core::any::Any;
use core::time::Duration;
use std::boxed::Box;
use std::string::String;
use std::sync::{Arc, Mutex};
use std::vec::Vec;

use super::answers::Answers;
use super::args::EventData;
use super::cast::Flags;
use super::clients::Handshake;
use super::cluster::Member;
use super::engine::{Place, Sid};
use super::recovery::Seen;
use super::state::SocketId;

/// Names one of the servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ServerId(pub(super) u64);

/// The way to the other servers. Each of them gets what another sends in that order, or not at all.
pub(super) trait Adapter {
    /// The loop begins; from now on a wake-up tells it that something has come.
    fn start(&mut self, place: &Place);

    /// What the others call this server.
    fn id(&self) -> ServerId;

    /// How many others there are.
    fn others(&self) -> usize;

    /// Sends to one of the others, or to all of them.
    fn send(&mut self, to: Option<ServerId>, message: Message);

    /// All that has come.
    fn receive(&mut self) -> Vec<(ServerId, Message)>;
}

/// What servers tell each other.
#[derive(Clone, Debug)]
pub(super) enum Message {
    /// An event for some sockets.
    Broadcast {
        /// Counts those of its server, from 1.
        number: u64,
        to: Arc<Selection>,
        event: Arc<EventData>,
        flags: Flags,
        /// Asks for their answers: by when, and the request that [`Answered`](Self::Answered) is to name.
        ack: Option<(u64, Duration)>,
    },
    Join(Arc<Selection>, Arc<str>),
    Leave(Arc<Selection>, Arc<str>),
    Disconnect {
        to: Arc<Selection>,
        close: bool,
    },
    /// Asks who they are.
    Fetch {
        request: u64,
        of: Arc<Selection>,
    },
    /// Somebody comes back who was connected elsewhere.
    Claim {
        request: u64,
        namespace: Arc<str>,
        pid: Sid,
        offset: Option<Arc<str>>,
        max: usize,
    },
    Answered {
        request: u64,
        answers: Answers,
    },
    Fetched {
        request: u64,
        members: Vec<Member>,
    },
    /// `None`: not here.
    Claimed {
        request: u64,
        found: Option<Arc<Moved>>,
    },
}

impl Message {
    /// Bytes, about.
    pub(super) fn len(&self) -> usize {
        let of_others = match self {
            Self::Broadcast { event, .. } => event.len(),
            _ => 0,
        };
        size_of::<Self>() + of_others
    }
}

/// Sockets of a namespace: of any of these rooms, or all if there are none, and in none of those.
#[derive(Clone, Debug, Default)]
pub(super) struct Selection {
    pub(super) namespace: String,
    pub(super) rooms: Vec<String>,
    pub(super) except: Vec<String>,
}

/// A socket that moves to another server.
#[derive(Debug)]
pub(super) struct Moved {
    pub(super) id: SocketId,
    pub(super) pid: Sid,
    pub(super) rooms: Vec<String>,
    /// For who is first to take it: within a process only.
    pub(super) data: Mutex<Option<Box<dyn Any + Send>>>,
    pub(super) handshake: Arc<Handshake>,
    /// What its client has not heard.
    pub(super) missed: Vec<Arc<EventData>>,
    /// Up to where `missed` goes.
    pub(super) seen: Seen,
}
