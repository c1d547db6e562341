//! Who is connected where, which rooms they are in, and what is waited for.

use core::any::Any;
use core::fmt;
use std::boxed::Box;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::rc::Rc;
use std::string::String;
use std::sync::Arc;
use std::vec::Vec;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::adapter::Moved;
use super::args::EventData;
use super::clients::{Client, Handshake};
use super::cluster::{Cluster, Seat};
use super::context::{Context, TimerId};
use super::engine::{Outgoing, SessionId, Sessions, Sid};
use super::event::{NoReply, Reply};
use super::namespace::Refusal;
use super::packet::{Kind, encode_head};
use super::reason::Reason;
use super::recovery::{Audience, Membership, Memory, Origin, Position};

/// Names a socket: 20 characters, another in each namespace. It is also a room, with only that socket in it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId(pub(super) Sid);

impl SocketId {
    /// As text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for SocketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for SocketId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl fmt::Debug for SocketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SocketId({self})")
    }
}

/// A socket, within a loop. None is given twice.
pub(super) type SocketKey = u64;
/// A namespace that has sockets, or can always have some.
pub(super) type SpaceId = u64;
/// Called when an answer comes, or will not come any more.
pub(super) type OnReply = Box<dyn FnOnce(&mut Context<'_>, Result<Reply<'_>, NoReply>)>;
pub(super) type Job = Box<dyn FnOnce(&mut Context<'_>)>;

#[derive(Default)]
pub(super) struct State {
    pub(super) max_attachments: usize,
    /// If clients that come back are known again.
    pub(super) memory: Option<Memory>,
    /// If there may be other servers.
    pub(super) cluster: Option<Cluster>,
    pub(super) spaces: HashMap<SpaceId, Space>,
    pub(super) by_name: HashMap<Arc<str>, SpaceId>,
    pub(super) clients: HashMap<SessionId, Client>,
    pub(super) sockets: HashMap<SocketKey, SocketState>,
    pub(super) timers: HashMap<TimerId, Timer>,
    /// To be told to handlers, once none of them is at work.
    pub(super) happened: VecDeque<Happened>,
    last: u64,
}

/// A namespace.
pub(super) struct Space {
    pub(super) name: Arc<str>,
    /// Whose handlers it has.
    pub(super) handlers: usize,
    /// It goes when its last socket goes.
    pub(super) is_dynamic: bool,
    pub(super) sockets: BTreeSet<SocketKey>,
    pub(super) by_id: HashMap<Sid, SocketKey>,
    pub(super) rooms: HashMap<Rc<str>, BTreeSet<SocketKey>>,
    next_ack: u64,
}

pub(super) struct SocketState {
    pub(super) id: SocketId,
    pub(super) session: SessionId,
    pub(super) space: SpaceId,
    pub(super) connected: bool,
    /// For the guard of this number, until then.
    pub(super) waits: Option<(usize, TimerId)>,
    /// Those it joined, and what was the next event then.
    pub(super) rooms: BTreeMap<Rc<str>, Position>,
    pub(super) membership: Membership,
    pub(super) data: Option<Box<dyn Any + Send>>,
    pub(super) auth: Option<Box<RawValue>>,
    pub(super) handshake: Arc<Handshake>,
    /// Answers that are awaited.
    pub(super) replies: BTreeMap<u64, (OnReply, Option<TimerId>)>,
}

pub(super) enum Timer {
    Job(Job),
    /// For an answer.
    Reply(SocketKey, u64),
    /// For the first namespace of a client.
    Connect(SessionId),
    /// To forget what is kept for those who are away.
    Sweep,
}

pub(super) enum Happened {
    Disconnected(SocketKey, Reason),
    /// Before it was connected, or again.
    Parted(SocketKey),
    /// By a guard, of this number.
    Decided(SocketKey, usize, Result<(), Refusal>),
    /// The other servers were asked for who comes back.
    Sought(Seat, Option<Arc<Moved>>),
    Call(Job),
}

impl SocketState {
    /// One that is nowhere yet.
    pub(super) fn new(id: SocketId, handshake: Arc<Handshake>) -> Self {
        Self {
            id,
            session: SessionId::NONE,
            space: 0,
            connected: false,
            waits: None,
            rooms: BTreeMap::new(),
            membership: Membership::new(None, 0),
            data: None,
            auth: None,
            handshake,
            replies: BTreeMap::new(),
        }
    }
}

impl State {
    /// A number that was not given before.
    pub(super) fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    pub(super) fn add_space(&mut self, name: &str, handlers: usize, is_dynamic: bool) -> SpaceId {
        let (id, name) = (self.number(), Arc::<str>::from(name));
        self.by_name.insert(name.clone(), id);
        let (sockets, by_id, rooms) = Default::default();
        self.spaces.insert(id, Space { name, handlers, is_dynamic, sockets, by_id, rooms, next_ack: 0 });
        id
    }

    /// Removes a namespace that nobody is in and that was only made for somebody.
    pub(super) fn tidy(&mut self, space: SpaceId) {
        if self.spaces.get(&space).is_some_and(|space| space.is_dynamic && space.by_id.is_empty())
            && let Some(space) = self.spaces.remove(&space)
        {
            self.by_name.remove(&space.name);
        }
    }

    pub(super) fn space_mut(&mut self, name: &str) -> Option<&mut Space> {
        self.spaces.get_mut(self.by_name.get(name)?)
    }

    pub(super) fn socket_of(&self, session: SessionId, space: SpaceId) -> Option<SocketKey> {
        let client = self.clients.get(&session)?;
        client.sockets.iter().find(|(of, _)| *of == space).map(|(_, key)| *key)
    }

    pub(super) fn is_connected(&self, key: SocketKey) -> bool {
        self.sockets.get(&key).is_some_and(|socket| socket.connected)
    }

    /// Sends a packet that is not an event.
    pub(super) fn send(&self, sessions: &mut Sessions, session: SessionId, kind: Kind, name: &str, json: &str) {
        let mut text = String::from("4");
        encode_head(kind, None, name, None, &mut text);
        text.push_str(json);
        // The session may be over, and then nobody waits for it.
        let _ = sessions.send(session, &Outgoing::group(text, []));
    }

    /// Takes a socket out of its namespace; its handlers will be told.
    pub(super) fn leave(&mut self, key: SocketKey, reason: Reason) {
        let Some(socket) = self.sockets.get_mut(&key) else { return };
        let was_connected = core::mem::replace(&mut socket.connected, false);
        if let Some(client) = self.clients.get_mut(&socket.session) {
            client.sockets.retain(|(_, of)| *of != key);
        }
        if let Some(space) = self.spaces.get_mut(&socket.space) {
            space.sockets.remove(&key);
            space.by_id.remove(&socket.id.0);
            for room in socket.rooms.keys() {
                space.remove_from(room, key);
            }
        }
        if let (Some(pid), Some(memory)) = (socket.membership.pid, &mut self.memory) {
            memory.part(pid);
        }
        if !reason.is_recoverable() {
            socket.membership.pid = None;
        }
        let is_known = socket.membership.pid.is_some();
        if let Some((_, timer)) = socket.waits.take() {
            self.timers.remove(&timer);
        }
        for (_, (callback, timer)) in core::mem::take(&mut socket.replies) {
            timer.map(|timer| self.timers.remove(&timer));
            self.call(|context| callback(context, Err(NoReply::Disconnected)));
        }
        if was_connected {
            self.happened.push_back(Happened::Disconnected(key, reason));
        } else if is_known {
            self.happened.push_back(Happened::Parted(key));
        } else {
            self.forget(key);
        }
    }

    /// Calls this when no handler is at work.
    pub(super) fn call(&mut self, job: impl FnOnce(&mut Context<'_>) + 'static) {
        self.happened.push_back(Happened::Call(Box::new(job)));
    }

    /// The last of a socket.
    pub(super) fn forget(&mut self, key: SocketKey) {
        if let Some(socket) = self.sockets.remove(&key) {
            self.tidy(socket.space);
        }
    }

    /// The last of a socket, unless its client may come back.
    pub(super) fn part(&mut self, sessions: &mut Sessions, key: SocketKey) {
        let pid = self.sockets.get(&key).and_then(|socket| socket.membership.pid);
        if let (Some(pid), Some(memory)) = (pid, &mut self.memory) {
            let Some(socket) = self.sockets.remove(&key) else { return };
            let space = socket.space;
            if let Some(space) = self.spaces.get(&space) {
                memory.keep(sessions.now(), pid, space.name.clone(), socket);
            }
            self.tidy(space);
            self.sweep_later(sessions);
        } else {
            self.forget(key);
        }
    }

    /// Keeps an event for those who lose it, unless `nobody` was there to hear it and nobody is away.
    pub(super) fn keep_event(
        &mut self,
        sessions: &mut Sessions,
        namespace: &str,
        to: Audience,
        nobody: bool,
        event: &Arc<EventData>,
        origin: Option<Origin>,
    ) {
        let name_and_space = self.by_name.get_key_value(namespace);
        let (name, space) = (name_and_space.map(|(name, _)| name.clone()), name_and_space.map(|(_, space)| *space));
        let (has_others, space) = (self.has_others(), space.and_then(|space| self.spaces.get(&space)));
        let Some(memory) = &mut self.memory else { return };
        // Some may be about to enter, or to come from another server.
        let is_quiet = space.is_none_or(|space| space.by_id.len() == space.sockets.len());
        if nobody && !has_others && !memory.is_anybody_away() && is_quiet {
            return;
        }
        memory.store(sessions.now(), name.unwrap_or_else(|| namespace.into()), to, event.clone(), origin);
        self.sweep_later(sessions);
    }

    /// Forgets what is kept too long.
    pub(super) fn sweep(&mut self, sessions: &mut Sessions) {
        let now = sessions.now();
        let Some(memory) = &mut self.memory else { return };
        memory.sweeps = false;
        if let Some(next) = memory.sweep(now) {
            self.sweep_after(sessions, next.saturating_sub(now).max(BETWEEN_SWEEPS));
        }
    }

    pub(super) fn sweep_later(&mut self, sessions: &mut Sessions) {
        if self.memory.as_ref().is_some_and(|memory| !memory.sweeps) {
            self.sweep_after(sessions, BETWEEN_SWEEPS);
        }
    }

    fn sweep_after(&mut self, sessions: &mut Sessions, after: core::time::Duration) {
        let id = self.number();
        self.timers.insert(TimerId(id), Timer::Sweep);
        sessions.set_timer(after, id);
        if let Some(memory) = &mut self.memory {
            memory.sweeps = true;
        }
    }

    pub(super) fn join(&mut self, key: SocketKey, room: &str) -> bool {
        let Some(socket) = self.sockets.get_mut(&key) else { return false };
        let Some(space) = self.spaces.get_mut(&socket.space) else { return false };
        if !space.by_id.contains_key(&socket.id.0) || socket.rooms.contains_key(room) {
            return false;
        }
        let name = match space.rooms.get_key_value(room) {
            Some((name, _)) => name.clone(),
            None => Rc::from(room),
        };
        space.rooms.entry(name.clone()).or_default().insert(key);
        socket.rooms.insert(name, self.memory.as_ref().map_or(0, Memory::next)).is_none()
    }

    pub(super) fn leave_room(&mut self, key: SocketKey, room: &str) -> bool {
        let Some(socket) = self.sockets.get_mut(&key) else { return false };
        if let Some(space) = self.spaces.get_mut(&socket.space) {
            space.remove_from(room, key);
        }
        let Some((room, from)) = socket.rooms.remove_entry(room) else { return false };
        if let Some(memory) = &self.memory {
            socket.membership.left(room, from, memory);
        }
        true
    }

    /// Puts a socket out, and tells its client.
    pub(super) fn disconnect(&mut self, sessions: &mut Sessions, key: SocketKey) {
        let Some(socket) = self.sockets.get(&key).filter(|socket| socket.connected) else { return };
        let Some(name) = self.spaces.get(&socket.space).map(|space| space.name.clone()) else { return };
        let session = socket.session;
        self.send(sessions, session, Kind::Disconnect, &name, "");
        let now = sessions.now();
        if let Some(client) = self.clients.get_mut(&session) {
            client.left.retain(|(_, until)| *until > now);
            client.left.push((name, now.saturating_add(IN_FLIGHT)));
        }
        self.leave(key, Reason::ServerNamespaceDisconnect);
    }

    /// Puts all sockets of a session out, and closes it.
    pub(super) fn disconnect_all(&mut self, sessions: &mut Sessions, session: SessionId) {
        let sockets = self.clients.get(&session).map(|client| client.sockets.clone());
        for (_, key) in sockets.into_iter().flatten() {
            self.disconnect(sessions, key);
        }
        sessions.close(session);
    }
}

impl Space {
    /// An id for an event that wants an answer: one counter for all sockets.
    pub(super) fn next_ack(&mut self) -> u64 {
        self.next_ack += 1;
        self.next_ack - 1
    }

    /// A socket is back in its rooms.
    pub(super) fn restore(&mut self, key: SocketKey, socket: &SocketState) {
        self.by_id.insert(socket.id.0, key);
        for room in socket.rooms.keys() {
            self.rooms.entry(room.clone()).or_default().insert(key);
        }
    }

    fn remove_from(&mut self, room: &str, key: SocketKey) {
        if let Some(members) = self.rooms.get_mut(room) {
            members.remove(&key);
            if members.is_empty() {
                self.rooms.remove(room);
            }
        }
    }

    /// The sockets of any of these rooms, each once; all, if none is named.
    pub(super) fn select(&self, rooms: &[String], except: &[String]) -> Vec<SocketKey> {
        let mut selected: Vec<SocketKey> = match rooms {
            [] => self.sockets.iter().copied().collect(),
            [room] => self.members(room).collect(),
            rooms => rooms.iter().flat_map(|room| self.members(room)).collect::<BTreeSet<_>>().into_iter().collect(),
        };
        if !except.is_empty() {
            selected.retain(|key| !except.iter().any(|room| self.is_in(room, *key)));
        }
        // Some may not be connected yet.
        selected.retain(|key| self.sockets.contains(key));
        selected
    }

    /// Those in a room; a socket is in that of its own name.
    fn members<'s>(&'s self, room: &str) -> impl Iterator<Item = SocketKey> + use<'s> {
        let itself = Sid::parse(room).and_then(|sid| self.by_id.get(&sid));
        itself.into_iter().chain(self.rooms.get(room).into_iter().flatten()).copied()
    }

    fn is_in(&self, room: &str, key: SocketKey) -> bool {
        let itself = Sid::parse(room).and_then(|sid| self.by_id.get(&sid));
        itself == Some(&key) || self.rooms.get(room).is_some_and(|members| members.contains(&key))
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("sockets", &self.sockets.len()).finish_non_exhaustive()
    }
}

/// At least.
const BETWEEN_SWEEPS: core::time::Duration = core::time::Duration::from_secs(1);
/// For how long packets may still come for a namespace that the client was put out of.
const IN_FLIGHT: core::time::Duration = core::time::Duration::from_secs(5);
