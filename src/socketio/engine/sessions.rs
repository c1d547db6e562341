//! The sessions of a loop, and what an application can do with them.

use core::cmp::Reverse;
use core::time::Duration;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::vec::Vec;

use super::compress::Compressor;
use super::config::Config;
use super::outgoing::Outgoing;
use super::session::{Item, Life, Reason, Session, Via};
use super::sid::{Draw, Sid};
use crate::net::{self, PeerId, RequestId, Sent};

/// Names a session, also after it is over: a later one never has the same name. It is no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId {
    index: u32,
    generation: u32,
}

impl SessionId {
    /// Of no session.
    pub(in crate::socketio) const NONE: Self = Self { index: 0, generation: 0 };
}

/// How a session's messages travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// By plain requests.
    Polling,
    /// By a WebSocket.
    WebSocket,
}

/// The sessions of a loop.
///
/// What is sent here leaves when the application's call is over.
#[derive(Debug)]
pub struct Sessions {
    pub(in crate::socketio) config: Config,
    pub(super) now: Duration,
    slots: Vec<Slot>,
    unused: Vec<u32>,
    by_sid: HashMap<Sid, SessionId>,
    /// Whose polls are held, and whose bodies are on their way.
    pub(super) requests: HashMap<RequestId, SessionId>,
    pub(in crate::socketio) draw: Draw,
    deadlines: BinaryHeap<Reverse<(Duration, SessionId, Due)>>,
    pub(super) compressor: Compressor,
    pub(super) touched: Vec<SessionId>,
    /// To be reported to the application.
    pub(super) ended: VecDeque<(SessionId, Reason)>,
    /// WebSockets to close.
    pub(super) to_close: Vec<PeerId>,
    pub(super) open: usize,
    /// Of the loop, once that has begun.
    pub(in crate::socketio) place: Option<Place>,
}

/// Where the sessions are.
#[derive(Clone, Debug)]
pub(in crate::socketio) struct Place {
    pub(in crate::socketio) worker: usize,
    pub(in crate::socketio) remote: net::Remote,
}

#[derive(Debug, Default)]
struct Slot {
    generation: u32,
    session: Option<Session>,
}

/// What runs out at a deadline. One that the session does not know of any more means nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    Heartbeat,
    Upgrade,
    Noop,
    Linger,
    /// The application's.
    User(u64),
}

impl Sessions {
    pub(super) fn new(config: Config) -> Self {
        Self {
            config,
            now: Duration::ZERO,
            slots: Vec::new(),
            unused: Vec::new(),
            by_sid: HashMap::new(),
            requests: HashMap::new(),
            draw: Draw::default(),
            deadlines: BinaryHeap::new(),
            compressor: Compressor::default(),
            touched: Vec::new(),
            ended: VecDeque::new(),
            to_close: Vec::new(),
            open: 0,
            place: None,
        }
    }

    /// The loop begins.
    pub(super) fn begin(&mut self, place: Place) {
        // There are at most 255.
        self.draw.worker = place.worker as u8;
        self.place = Some(place);
    }

    /// How many are open.
    pub fn len(&self) -> usize {
        self.open
    }

    /// Whether none is open.
    pub fn is_empty(&self) -> bool {
        self.open == 0
    }

    /// Whether this one is open.
    pub fn is_open(&self, id: SessionId) -> bool {
        self.session(id).is_some_and(Session::is_open)
    }

    /// How its messages travel at the moment; `None` if it is over.
    pub fn transport(&self, id: SessionId) -> Option<Transport> {
        self.session(id).filter(|session| session.is_open()).map(Session::transport)
    }

    /// The loop's clock.
    pub fn now(&self) -> Duration {
        self.now
    }

    /// Sends a message.
    ///
    /// [`Sent::Backlogged`] asks to go easy; [`Sent::Dropped`] is for a session that is over, also because this was more
    /// than [`Config::max_queue`].
    pub fn send(&mut self, id: SessionId, message: &Outgoing) -> Sent {
        let max = self.config.max_queue;
        let Some(session) = self.open_session(id) else { return Sent::Dropped };
        session.push(Item::Message(message.clone()));
        let (queued, backlogged) = (session.queued, session.backlogged);
        self.touch(id);
        if queued > max {
            self.end(id, Reason::TransportError);
            Sent::Dropped
        } else if backlogged || queued > max / 2 {
            Sent::Backlogged
        } else {
            Sent::Queued
        }
    }

    /// Sends a message, in one way or the other.
    pub(in crate::socketio) fn send_as(&mut self, volatile: bool, id: SessionId, message: &Outgoing) -> Sent {
        if volatile { self.send_volatile(id, message) } else { self.send(id, message) }
    }

    /// Sends a message only if nothing is in its way: no poll is missing, and nothing waits to be written.
    pub fn send_volatile(&mut self, id: SessionId, message: &Outgoing) -> Sent {
        let Some(session) = self.open_session(id) else { return Sent::Dropped };
        if !session.queue.is_empty() || matches!(session.via, Via::Polling(None)) {
            return Sent::Dropped;
        }
        session.push(Item::Volatile(message.clone()));
        self.touch(id);
        Sent::Queued
    }

    /// Closes a session. What was sent before leaves first: with its next polls, if they come within 30 s.
    pub fn close(&mut self, id: SessionId) {
        let Some(session) = self.session(id) else { return };
        // Clients act on a close before they act on what came in the same payload.
        let has_to_wait = match session.via {
            Via::Polling(None) => true,
            Via::Polling(Some(_)) => !session.queue.is_empty(),
            Via::WebSocket(_) => false,
        };
        if has_to_wait {
            let until = self.now.saturating_add(LINGER);
            self.end_as(id, Reason::ForcedClose, Life::Lingering(until));
            self.await_at(until, id, Due::Linger);
        } else {
            self.end(id, Reason::ForcedClose);
        }
    }

    /// Calls [`Application::timer`](super::Application::timer) with this number after this time.
    pub fn set_timer(&mut self, after: Duration, timer: u64) {
        let at = self.now.saturating_add(after.max(Duration::from_nanos(1)));
        self.await_at(at, SessionId::NONE, Due::User(timer));
    }

    /// Adds a session; `None` if there are too many, or the system has no randomness for its name.
    pub(super) fn add(&mut self, via: Via, base64: bool) -> Option<SessionId> {
        // Those that linger count, too.
        if self.by_sid.len() >= self.config.max_sessions {
            return None;
        }
        let sid = self.draw.next()?;
        let index = self.unused.pop().unwrap_or(self.slots.len() as u32);
        if index as usize == self.slots.len() {
            self.slots.push(Slot::default());
        }
        let slot = &mut self.slots[index as usize];
        slot.generation += 1;
        let id = SessionId { index, generation: slot.generation };
        let heartbeat = self.now.saturating_add(self.config.ping_interval);
        slot.session = Some(Session {
            id,
            sid,
            via,
            candidate: None,
            life: Life::Open,
            post: None,
            base64,
            queue: VecDeque::new(),
            queued: 0,
            backlogged: false,
            touched: false,
            heartbeat,
            awaits_pong: false,
        });
        self.by_sid.insert(sid, id);
        self.open += 1;
        self.await_at(heartbeat, id, Due::Heartbeat);
        Some(id)
    }

    /// Ends a session: the application will be told, and what can still leave leaves.
    pub(in crate::socketio) fn end(&mut self, id: SessionId, reason: Reason) {
        self.end_as(id, reason, Life::Ending(reason));
    }

    pub(super) fn end_as(&mut self, id: SessionId, reason: Reason, life: Life) {
        let Some(session) = self.open_session(id) else { return };
        session.life = life;
        if let Some(candidate) = session.candidate.take() {
            self.to_close.push(candidate.peer);
        }
        self.open -= 1;
        self.ended.push_back((id, reason));
        self.touch(id);
    }

    /// Forgets a session that is over.
    pub(super) fn remove(&mut self, id: SessionId) {
        let Some(slot) = self.slots.get_mut(id.index as usize).filter(|slot| slot.generation == id.generation) else {
            return;
        };
        let Some(mut session) = slot.session.take() else { return };
        self.by_sid.remove(&session.sid);
        let poll = session.take_poll().map(|poll| poll.responder.id());
        for request in poll.into_iter().chain(session.post) {
            self.requests.remove(&request);
        }
        self.unused.push(id.index);
    }

    /// Flushes it when the call is over.
    pub(super) fn touch(&mut self, id: SessionId) {
        let Some(session) = self.session_mut(id) else { return };
        if !core::mem::replace(&mut session.touched, true) {
            self.touched.push(id);
        }
    }

    pub(super) fn id(&self, sid: &Sid) -> Option<SessionId> {
        self.by_sid.get(sid).copied()
    }

    pub(super) fn by_sid(&self, sid: &str) -> Option<&Session> {
        self.session(self.id(&Sid::parse(sid)?)?)
    }

    pub(super) fn session(&self, id: SessionId) -> Option<&Session> {
        let slot = self.slots.get(id.index as usize)?;
        slot.session.as_ref().filter(|session| session.id == id)
    }

    pub(super) fn session_mut(&mut self, id: SessionId) -> Option<&mut Session> {
        let slot = self.slots.get_mut(id.index as usize)?;
        slot.session.as_mut().filter(|session| session.id == id)
    }

    pub(super) fn open_session(&mut self, id: SessionId) -> Option<&mut Session> {
        self.session_mut(id).filter(|session| session.is_open())
    }

    pub(super) fn await_at(&mut self, at: Duration, id: SessionId, due: Due) {
        self.deadlines.push(Reverse((at, id, due)));
    }

    /// The next deadline that has passed.
    pub(super) fn pop_due(&mut self) -> Option<(Duration, SessionId, Due)> {
        self.deadlines.peek().filter(|Reverse((at, ..))| *at <= self.now)?;
        self.deadlines.pop().map(|Reverse(due)| due)
    }

    pub(super) fn next_deadline(&self) -> Option<Duration> {
        self.deadlines.peek().map(|Reverse((at, ..))| *at)
    }

    /// A deadline of a session has passed.
    pub(super) fn expired(&mut self, at: Duration, id: SessionId, due: Due) {
        let (now, timeout) = (self.now, self.config.ping_timeout);
        let Some(session) = self.session_mut(id) else { return };
        match due {
            Due::Heartbeat if session.is_open() && session.heartbeat == at => {
                if session.awaits_pong {
                    return self.end(id, Reason::PingTimeout);
                }
                session.push(Item::Ping);
                session.awaits_pong = true;
                session.heartbeat = now.saturating_add(timeout);
                let next = session.heartbeat;
                self.await_at(next, id, Due::Heartbeat);
                self.touch(id);
            }
            Due::Upgrade if session.candidate.as_ref().is_some_and(|candidate| candidate.deadline == at) => {
                self.drop_candidate(id);
            }
            Due::Noop => self.touch(id),
            Due::Linger if session.life == Life::Lingering(at) => self.remove(id),
            _ => {}
        }
    }

    /// The client has answered a ping.
    pub(super) fn pong(&mut self, id: SessionId) {
        let next = self.now.saturating_add(self.config.ping_interval);
        // One that was not asked for does not put the next ping off.
        let Some(session) = self.open_session(id).filter(|session| session.awaits_pong) else { return };
        session.awaits_pong = false;
        session.heartbeat = next;
        self.await_at(next, id, Due::Heartbeat);
    }

    /// Closes the WebSocket that the session might have moved to. It stays where it is.
    pub(super) fn drop_candidate(&mut self, id: SessionId) {
        if let Some(candidate) = self.session_mut(id).and_then(|session| session.candidate.take()) {
            self.to_close.push(candidate.peer);
        }
    }
}

/// For the last polls of a session that the application has closed.
const LINGER: Duration = Duration::from_secs(30);
