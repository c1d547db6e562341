//! What was sent, for clients that lose their connection and come back.
//!
//! Every event has a position, which its client gives back as the offset up to which it has heard. A position is never
//! looked for, only compared: so an offset may be as old as it likes, or missing, as long as nothing behind it that
//! was for this client has been forgotten.

use core::time::Duration;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::format;
use std::rc::Rc;
use std::string::String;
use std::sync::Arc;
use std::vec::Vec;

use super::adapter::{Selection, ServerId};
use super::args::EventData;
use super::engine::Sid;
use super::state::{SocketId, SocketKey, SocketState};

/// How clients that lose their connection find everything as they left it: their id, their rooms, their data, and the
/// events that they missed. All limits are those of a loop.
///
/// An event has one more argument then, a string, by which the client says later what it has heard. Events that ask for
/// an answer are not kept, nor volatile ones. Who missed more than half of
/// [`max_queue`](super::engine::Config::max_queue) comes back as somebody new.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Recovery {
    /// From the end of a connection to its last chance. Default 2 min.
    pub window: Duration,
    /// Sockets that are waited for; then the one that is gone for longest is given up. Default 50,000.
    pub max_sockets: usize,
    /// Events that are kept; then the oldest is forgotten, and who may have missed it comes back as somebody new.
    /// Default 100,000.
    pub max_events: usize,
    /// Bytes of the events that are kept. Default 64 MiB.
    pub max_bytes: usize,
    /// Whether who comes back passes the guards without being asked. Default `true`.
    pub skip_guards: bool,
}

impl Default for Recovery {
    fn default() -> Self {
        Self {
            window: Duration::from_secs(120),
            max_sockets: 50_000,
            max_events: 100_000,
            max_bytes: 64 << 20,
            skip_guards: true,
        }
    }
}

/// Counts the events that are kept, from a number that no other server begins with.
pub(super) type Position = u64;

/// An event that was missed, behind the offset that goes with it.
pub(super) type Missed = (String, Arc<EventData>);
/// Who has sent an event to all servers, and which of his it is.
pub(super) type Origin = (ServerId, u64);
/// Of each server, the last event that came.
pub(super) type Seen = BTreeMap<ServerId, u64>;

/// What is kept.
pub(super) struct Memory {
    pub(super) settings: Recovery,
    /// How long an event may be on its way before its connection is known to be gone, and `window`.
    retention: Duration,
    events: VecDeque<Stored>,
    /// The position of the first of `events`, or of the next.
    first: Position,
    bytes: usize,
    /// The last event that was forgotten before its time: its position, and its time.
    lost: Option<(Position, Duration)>,
    /// Of each server, the last event that was forgotten.
    forgotten: BTreeMap<ServerId, u64>,
    /// Connected sockets.
    here: HashMap<Sid, SocketKey>,
    away: HashMap<Sid, Away>,
    /// Since when who is away; some are back.
    order: VecDeque<(Duration, Sid)>,
    pub(super) sweeps: bool,
}

struct Stored {
    at: Duration,
    namespace: Arc<str>,
    to: Audience,
    event: Arc<EventData>,
    origin: Option<Origin>,
}

/// For whom an event is.
pub(super) enum Audience {
    Socket(SocketId),
    Selected(Arc<Selection>),
}

struct Away {
    since: Duration,
    namespace: Arc<str>,
    socket: SocketState,
}

/// What a socket could have heard.
pub(super) struct Membership {
    /// Its client's secret, by which it is known again; nothing if it is not waited for.
    pub(super) pid: Option<Sid>,
    /// The position at which it was first connected.
    since: Position,
    /// What it missed begins here, if it came back.
    pub(super) resumed: Option<Position>,
    /// Rooms that it left: from where to where it was in there.
    left: Vec<(Rc<str>, Position, Position)>,
    /// Before this, nothing is known of the rooms.
    known: Position,
}

impl Memory {
    /// `silence`: for how long a connection may be gone before that is known.
    pub(super) fn new(settings: Recovery, silence: Duration) -> Self {
        let mut start = [0; 8];
        // Without randomness there is no session either.
        let _ = getrandom::fill(&mut start);
        Self {
            retention: settings.window.saturating_add(silence),
            settings,
            events: VecDeque::new(),
            // Far from the end, and never 0.
            first: (u64::from_le_bytes(start) >> 16) + 1,
            bytes: 0,
            lost: None,
            forgotten: BTreeMap::new(),
            here: HashMap::new(),
            away: HashMap::new(),
            order: VecDeque::new(),
            sweeps: false,
        }
    }

    /// Where the next event goes.
    pub(super) fn next(&self) -> Position {
        self.first + self.events.len() as u64
    }

    /// What a client gives back when it has heard the next event, or all before it.
    pub(super) fn offset(&self, is_kept: bool) -> String {
        offset(if is_kept { self.next() } else { self.next() - 1 })
    }

    /// Keeps an event, which has the [`offset`](Self::offset) of the next. `origin`: if other servers have it, too.
    pub(super) fn store(
        &mut self,
        now: Duration,
        namespace: Arc<str>,
        to: Audience,
        event: Arc<EventData>,
        origin: Option<Origin>,
    ) {
        let stored = Stored { at: now, namespace, to, event, origin };
        self.bytes += stored.len();
        self.events.push_back(stored);
        while self.events.len() > self.settings.max_events || self.bytes > self.settings.max_bytes {
            let Some(at) = self.forget_first() else { return };
            self.lost = Some((self.first - 1, at));
        }
    }

    pub(super) fn is_anybody_away(&self) -> bool {
        !self.away.is_empty()
    }

    /// A socket is connected, and will be known by this.
    pub(super) fn enter(&mut self, pid: Sid, key: SocketKey) {
        self.here.insert(pid, key);
    }

    /// A socket is not connected any more.
    pub(super) fn part(&mut self, pid: Sid) {
        self.here.remove(&pid);
    }

    /// The connected socket of who comes back: its connection is gone, and nobody has noticed.
    pub(super) fn still_here(&self, pid: Sid) -> Option<SocketKey> {
        self.here.get(&pid).copied()
    }

    /// Waits for a socket.
    pub(super) fn keep(&mut self, now: Duration, pid: Sid, namespace: Arc<str>, socket: SocketState) {
        self.away.insert(pid, Away { since: now, namespace, socket });
        self.order.push_back((now, pid));
        if self.order.len() > 2 * self.away.len() + MAX_BACK {
            let away = &self.away;
            self.order.retain(|(since, pid)| away.get(pid).is_some_and(|away| away.since == *since));
        }
        while self.away.len() > self.settings.max_sockets && self.give_up_first() {}
    }

    /// The socket of who comes back to a namespace; nothing, if it is too late, or what it missed is not known any more
    /// or more than so many bytes. Whoever this was is not waited for any more.
    pub(super) fn restore(
        &mut self,
        now: Duration,
        (pid, offset): (Sid, Option<&str>),
        namespace: &str,
        max: usize,
    ) -> Option<SocketState> {
        self.away.get(&pid).filter(|away| *away.namespace == *namespace)?;
        let Away { since, mut socket, .. } = self.away.remove(&pid)?;
        if now.saturating_sub(since) > self.settings.window {
            return None;
        }
        // One that is none of ours is what another server gave to this client: of us it has heard nothing.
        let heard = offset.and_then(|offset| Position::from_str_radix(offset, 16).ok()).filter(|at| *at < self.next());
        let from = heard.map_or(0, |heard| heard + 1).max(socket.membership.since);
        socket.membership.resumed = Some(from);
        let missed = self.missed(now, &socket, namespace)?;
        (missed.iter().map(|(_, event)| event.len()).sum::<usize>() <= max).then_some(socket)
    }

    /// What who came back has not heard, and the offsets; `None` if that is not known any more.
    pub(super) fn missed(&self, now: Duration, socket: &SocketState, namespace: &str) -> Option<Vec<Missed>> {
        let Some(from) = socket.membership.resumed else { return Some(Vec::new()) };
        let is_lost = self.lost.is_some_and(|(last, at)| last >= from && at.saturating_add(self.retention) > now);
        if is_lost || from < socket.membership.known {
            return None;
        }
        let skipped = from.saturating_sub(self.first);
        let numbered = (self.first + skipped..).zip(self.events.iter().skip(skipped as usize));
        let heard = numbered.filter(|(at, stored)| {
            let was_in =
                |room: &String| room == socket.id.as_str() || socket.membership.was_in(room, *at, &socket.rooms);
            *stored.namespace == *namespace && stored.to.includes(socket.id, was_in)
        });
        Some(heard.map(|(at, stored)| (offset(at), stored.event.clone())).collect())
    }

    /// What came from servers behind what another has `seen` of them, and is for who moves here from there; `None` if
    /// that is not known any more.
    pub(super) fn behind(
        &self,
        seen: &Seen,
        namespace: &str,
        id: SocketId,
        rooms: &[String],
    ) -> Option<Vec<Arc<EventData>>> {
        let is_behind = |(server, number): Origin| number > seen.get(&server).copied().unwrap_or(0);
        if self.forgotten.iter().any(|(server, number)| is_behind((*server, *number))) {
            return None;
        }
        let is_in = |room: &String| room == id.as_str() || rooms.contains(room);
        let news = self.events.iter().filter(|stored| {
            stored.origin.is_some_and(is_behind) && *stored.namespace == *namespace && stored.to.includes(id, is_in)
        });
        Some(news.map(|stored| stored.event.clone()).collect())
    }

    /// Events have not come here: what anybody misses from before now is not known.
    pub(super) fn lose(&mut self, now: Duration) {
        self.lost = Some((self.next(), now));
    }

    /// Gives away the socket of who comes back elsewhere.
    pub(super) fn give_away(
        &mut self,
        now: Duration,
        claim: (Sid, Option<&str>),
        namespace: &str,
        max: usize,
    ) -> Option<(SocketState, Vec<Arc<EventData>>)> {
        let socket = self.restore(now, claim, namespace, max)?;
        let missed = self.missed(now, &socket, namespace)?;
        Some((socket, missed.into_iter().map(|(_, event)| event).collect()))
    }

    /// Forgets what is of no more use. Returns when the next thing is.
    pub(super) fn sweep(&mut self, now: Duration) -> Option<Duration> {
        let (window, retention) = (self.settings.window, self.retention);
        let is_over = |at: Duration, time| at.saturating_add(time) <= now;
        while self.events.front().is_some_and(|event| is_over(event.at, retention)) {
            self.forget_first();
        }
        // Who comes at the last moment is still welcome.
        while self.order.front().is_some_and(|(since, _)| now.saturating_sub(*since) > window) && self.give_up_first() {
        }
        let event = self.events.front().map(|event| event.at.saturating_add(retention));
        let away = self.order.front().map(|(since, _)| since.saturating_add(window).saturating_add(TICK));
        event.into_iter().chain(away).min()
    }

    /// Waits no more for the one that is away for longest; `false` if nobody is.
    fn give_up_first(&mut self) -> bool {
        let Some((since, pid)) = self.order.pop_front() else { return false };
        // It may have been here meanwhile.
        if self.away.get(&pid).is_some_and(|away| away.since == since) {
            self.away.remove(&pid);
        }
        true
    }

    fn forget_first(&mut self) -> Option<Duration> {
        let stored = self.events.pop_front()?;
        self.first += 1;
        self.bytes -= stored.len();
        if let Some((server, number)) = stored.origin {
            self.forgotten.insert(server, number);
        }
        Some(stored.at)
    }
}

impl Stored {
    /// Bytes, about.
    fn len(&self) -> usize {
        let names = match &self.to {
            Audience::Socket(_) => 0,
            Audience::Selected(selection) => {
                let rooms = selection.rooms.iter().chain(&selection.except);
                rooms.map(|room| size_of::<String>() + room.len()).sum()
            }
        };
        size_of::<Self>() + names + self.event.len()
    }
}

impl Audience {
    /// Whether this socket, which was in these rooms, was meant.
    fn includes(&self, id: SocketId, was_in: impl Fn(&String) -> bool) -> bool {
        match self {
            Self::Socket(meant) => *meant == id,
            Self::Selected(selection) => {
                let Selection { rooms, except, .. } = &**selection;
                (rooms.is_empty() || rooms.iter().any(&was_in)) && !except.iter().any(&was_in)
            }
        }
    }
}

impl Membership {
    /// Of a socket that comes from another server: what it missed is here from here on.
    pub(super) fn moved(pid: Sid, since: Position) -> Self {
        Self { resumed: Some(since), ..Self::new(Some(pid), since) }
    }

    /// Of a socket that is connected from here on.
    pub(super) fn new(pid: Option<Sid>, since: Position) -> Self {
        Self { pid, since, resumed: None, left: Vec::new(), known: 0 }
    }

    /// It was in a room, and is not any more.
    pub(super) fn left(&mut self, room: Rc<str>, from: Position, memory: &Memory) {
        let to = memory.next();
        // Nothing was said there that still can be missed.
        if from.max(memory.first) == to {
            return;
        }
        if self.left.len() == MAX_LEFT {
            self.left.retain(|(.., to)| *to > memory.first);
        }
        if self.left.len() == MAX_LEFT {
            let (.., to) = self.left.remove(0);
            self.known = to;
        }
        self.left.push((room, from, to));
    }

    fn was_in(&self, room: &str, at: Position, rooms: &BTreeMap<Rc<str>, Position>) -> bool {
        let is_in = rooms.get(room).is_some_and(|from| *from <= at);
        is_in || self.left.iter().any(|(left, from, to)| **left == *room && (*from..*to).contains(&at))
    }
}

/// As clients know a position.
fn offset(at: Position) -> String {
    format!("{at:x}")
}

/// Rooms that a socket has left and that are remembered.
const MAX_LEFT: usize = 256;
/// Entries of `order` that mean nothing any more, beyond as many as mean something.
const MAX_BACK: usize = 1024;
const TICK: Duration = Duration::from_millis(1);
