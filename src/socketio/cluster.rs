//! What happens together with other servers: events and changes that reach their sockets, questions to them, and
//! sockets that move from one to another.
//!
//! Who comes back is asked for everywhere. The server that waits for it gives it away with the events that it missed,
//! and with the number of the last broadcast that it has seen of each server. The one that it moves to goes on once it
//! has seen as much itself, and adds what it has seen more: so nothing is missing and nothing comes twice.

use core::time::Duration;
use std::boxed::Box;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::string::String;
use std::sync::{Arc, Mutex};
use std::vec::Vec;

use super::adapter::{Adapter, Message, Moved, Selection, ServerId};
use super::answers::{Answers, Gathering};
use super::args::EventData;
use super::cast::Flags;
use super::clients::Handshake;
use super::context::Context;
use super::engine::{Place, Sessions, Sid};
use super::io::Io;
use super::recovery::{Audience, Membership, Origin, Seen};
use super::state::{Happened, SocketId, SocketKey, SocketState, State};

/// A socket, here or on another server.
#[derive(Clone, Debug)]
pub struct Member {
    id: SocketId,
    rooms: Vec<String>,
    handshake: Arc<Handshake>,
}

impl Member {
    pub(super) fn new(socket: &SocketState) -> Self {
        let rooms = socket.rooms.keys().map(|room| String::from(&**room)).collect();
        Self { id: socket.id, rooms, handshake: socket.handshake.clone() }
    }

    /// Its id.
    pub fn id(&self) -> SocketId {
        self.id
    }

    /// The rooms that it joined.
    pub fn rooms(&self) -> &[String] {
        &self.rooms
    }

    /// Whether it joined a room.
    pub fn is_in(&self, room: &str) -> bool {
        self.rooms.iter().any(|joined| joined == room)
    }

    /// The request that opened its session.
    pub fn handshake(&self) -> &Handshake {
        &self.handshake
    }
}

/// What servers know of each other.
pub(super) struct Cluster {
    adapter: Box<dyn Adapter>,
    /// Broadcasts of this server.
    published: u64,
    /// Of each other.
    seen: Seen,
    /// By the number of the request.
    awaited: HashMap<u64, Awaited>,
    /// Sockets that wait until this server has seen as much as the one that they come from.
    arriving: Vec<(Seat, Arc<Moved>)>,
}

/// What other servers were asked, and how many have not answered.
enum Awaited {
    Members(usize, Vec<Member>, OnMembers),
    Answers(usize, Gathering),
    Socket(usize, Seat),
}

pub(super) type OnMembers = Box<dyn FnOnce(&mut Context<'_>, Vec<Member>)>;

/// A socket's place, for who comes back.
#[derive(Clone, Debug)]
pub(super) struct Seat {
    pub(super) key: SocketKey,
    pub(super) namespace: Arc<str>,
}

/// How long another server may take to answer. One of the same process that takes so long is stuck.
const PATIENCE: Duration = Duration::from_secs(5);
/// The guard that a socket waits for while it is asked for elsewhere.
pub(super) const ELSEWHERE: usize = usize::MAX;

impl Cluster {
    pub(super) fn new(adapter: Box<dyn Adapter>) -> Self {
        let (awaited, arriving) = Default::default();
        Self { adapter, published: 0, seen: Seen::new(), awaited, arriving }
    }

    /// The loop begins.
    pub(super) fn start(&mut self, place: &Place) {
        self.adapter.start(place);
    }

    /// Notes a broadcast of another server; `false` if some before it did not come.
    fn saw(&mut self, (server, number): Origin) -> bool {
        let last = self.seen.insert(server, number).unwrap_or(0);
        last + 1 == number
    }

    /// What this server has seen, its own broadcasts included.
    fn seen(&self) -> Seen {
        let mut seen = self.seen.clone();
        seen.insert(self.adapter.id(), self.published);
        seen
    }

    fn has_seen(&self, seen: &Seen) -> bool {
        let all = self.seen();
        seen.iter().all(|(server, number)| all.get(server).copied().unwrap_or(0) >= *number)
    }
}

impl State {
    /// Whether there are other servers.
    pub(super) fn has_others(&self) -> bool {
        self.cluster.as_ref().is_some_and(|cluster| cluster.adapter.others() > 0)
    }

    /// Tells all other servers.
    pub(super) fn tell_others(&mut self, message: impl FnOnce() -> Message) {
        if let Some(cluster) = self.cluster.as_mut().filter(|cluster| cluster.adapter.others() > 0) {
            cluster.adapter.send(None, message());
        }
    }

    /// Hands an event to all other servers. Returns what they will know it by.
    pub(super) fn publish(
        &mut self,
        to: &Arc<Selection>,
        event: &Arc<EventData>,
        flags: Flags,
        ack: Option<(u64, Duration)>,
    ) -> Option<Origin> {
        let cluster = self.cluster.as_mut().filter(|cluster| cluster.adapter.others() > 0)?;
        cluster.published += 1;
        let number = cluster.published;
        let (to, event) = (to.clone(), event.clone());
        cluster.adapter.send(None, Message::Broadcast { number, to, event, flags, ack });
        Some((cluster.adapter.id(), number))
    }

    fn answer(&mut self, to: ServerId, message: Message) {
        if let Some(cluster) = &mut self.cluster {
            cluster.adapter.send(Some(to), message);
        }
    }

    /// Waits for as many answers as there are other servers.
    fn await_answers(&mut self, awaited: impl FnOnce(usize) -> Awaited) -> Option<u64> {
        let request = self.number();
        let cluster = self.cluster.as_mut()?;
        cluster.awaited.insert(request, awaited(cluster.adapter.others()));
        Some(request)
    }

    fn awaited(&mut self, request: u64) -> Option<Awaited> {
        self.cluster.as_mut()?.awaited.remove(&request)
    }
}

impl Context<'_> {
    /// Asks all servers who they are.
    pub(super) fn fetch(&mut self, of: Arc<Selection>, timeout: Duration, then: OnMembers) {
        let here = self.state.members(&of);
        if !self.state.has_others() {
            return self.state.call(|context| then(context, here));
        }
        let Some(request) = self.state.await_answers(|others| Awaited::Members(others, here, then)) else { return };
        self.state.tell_others(|| Message::Fetch { request, of });
        self.give_up_after(timeout, request);
    }

    /// Asks for the answers of other servers' sockets, too.
    pub(super) fn gather_elsewhere(
        &mut self,
        to: &Arc<Selection>,
        event: &Arc<EventData>,
        flags: Flags,
        timeout: Duration,
        gathering: &Gathering,
    ) {
        let Some(request) = self.state.await_answers(|others| Awaited::Answers(others, gathering.clone())) else {
            return;
        };
        let _ = self.state.publish(to, event, flags, Some((request, timeout)));
        // They end by themselves in this time.
        self.give_up_after(timeout.saturating_add(PATIENCE), request);
    }

    /// How many others will answer.
    pub(super) fn others(&self) -> usize {
        self.state.cluster.as_ref().map_or(0, |cluster| cluster.adapter.others())
    }

    fn give_up_after(&mut self, timeout: Duration, request: u64) {
        if timeout == Duration::MAX {
            return;
        }
        self.after(timeout, move |context| match context.state.awaited(request) {
            Some(Awaited::Members(_, members, then)) => then(context, members),
            Some(Awaited::Answers(missing, gathering)) => {
                (0..missing).for_each(|_| gathering.take_all(context, Answers::default()));
            }
            Some(Awaited::Socket(_, seat)) => context.state.happened.push_back(Happened::Sought(seat, None)),
            None => {}
        });
    }

    /// An answer of another server.
    fn answered(&mut self, request: u64, message: Message) {
        let Some(awaited) = self.state.awaited(request) else { return };
        let awaited = match (awaited, message) {
            (Awaited::Members(missing, mut members, then), Message::Fetched { members: more, .. }) => {
                members.extend(more);
                if missing == 1 {
                    return then(self, members);
                }
                Awaited::Members(missing - 1, members, then)
            }
            (Awaited::Answers(missing, gathering), Message::Answered { answers, .. }) => {
                gathering.take_all(self, answers);
                if missing == 1 {
                    return;
                }
                Awaited::Answers(missing - 1, gathering)
            }
            (Awaited::Socket(_, seat), Message::Claimed { found: Some(moved), .. }) => {
                if let Some(cluster) = &mut self.state.cluster {
                    cluster.arriving.push((seat, moved));
                }
                return;
            }
            (Awaited::Socket(1, seat), _) => return self.state.happened.push_back(Happened::Sought(seat, None)),
            (Awaited::Socket(missing, seat), _) => Awaited::Socket(missing - 1, seat),
            (awaited, _) => awaited,
        };
        if let Some(cluster) = &mut self.state.cluster {
            cluster.awaited.insert(request, awaited);
        }
    }
}

impl Io {
    /// Asks the other servers for a socket that a client says it was. Its place is kept meanwhile.
    pub(super) fn seek(&mut self, sessions: &mut Sessions, seat: Seat, pid: Sid, offset: Option<String>) {
        // Half of what may wait for a poll.
        let max = sessions.config.max_queue / 2;
        let Some(request) = self.state.await_answers(|others| Awaited::Socket(others, seat.clone())) else { return };
        let (namespace, offset) = (seat.namespace.clone(), offset.map(Arc::from));
        self.state.tell_others(|| Message::Claim { request, namespace, pid, offset, max });
        let mut context = self.context(sessions);
        context.give_up_after(PATIENCE, request);
        let timer = context.after(PATIENCE.saturating_mul(2), {
            let seat = seat.clone();
            move |context| context.state.happened.push_back(Happened::Sought(seat, None))
        });
        if let Some(socket) = self.state.sockets.get_mut(&seat.key) {
            socket.waits = Some((ELSEWHERE, timer));
        }
    }

    /// Takes what the other servers say.
    pub(super) fn hear_others(&mut self, sessions: &mut Sessions) {
        let Some(cluster) = &mut self.state.cluster else { return };
        for (from, message) in cluster.adapter.receive() {
            self.hear(sessions, from, message);
            self.settle(sessions);
        }
        self.seat_arrivals(sessions);
    }

    fn hear(&mut self, sessions: &mut Sessions, from: ServerId, message: Message) {
        match message {
            Message::Broadcast { number, to, event, flags, ack } => {
                let now = sessions.now();
                let State { cluster, memory, .. } = &mut self.state;
                let is_next = cluster.as_mut().is_none_or(|cluster| cluster.saw((from, number)));
                if let Some(memory) = memory.as_mut().filter(|_| !is_next) {
                    memory.lose(now);
                }
                let mut context = self.context(sessions);
                let Some((request, timeout)) = ack else {
                    let _ = context.broadcast(&to, &event, flags, Some((from, number)));
                    return;
                };
                let then = move |context: &mut Context<'_>, answers| {
                    context.state.answer(from, Message::Answered { request, answers });
                };
                let _ = context.gather(&to, &event, flags, timeout, Box::new(then), true);
            }
            Message::Join(to, room) => self.state.each(&to, |state, key| _ = state.join(key, &room)),
            Message::Leave(to, room) => self.state.each(&to, |state, key| _ = state.leave_room(key, &room)),
            Message::Disconnect { to, close } => self.context(sessions).put_out(&to, close),
            Message::Fetch { request, of } => {
                let members = self.state.members(&of);
                self.state.answer(from, Message::Fetched { request, members });
            }
            Message::Claim { request, namespace, pid, offset, max } => {
                self.replace(sessions, None, pid, &namespace);
                let found = self.state.give_away(sessions.now(), (pid, offset.as_deref()), &namespace, max);
                self.state.answer(from, Message::Claimed { request, found: found.map(Arc::new) });
            }
            Message::Answered { request, .. } | Message::Fetched { request, .. } | Message::Claimed { request, .. } => {
                self.context(sessions).answered(request, message);
            }
        }
    }

    /// Goes on with those that this server has caught up with.
    fn seat_arrivals(&mut self, sessions: &mut Sessions) {
        let Some(cluster) = &mut self.state.cluster else { return };
        for (seat, moved) in core::mem::take(&mut cluster.arriving) {
            let Some(cluster) = &mut self.state.cluster else { return };
            if cluster.has_seen(&moved.seen) {
                self.state.happened.push_back(Happened::Sought(seat, Some(moved)));
            } else {
                cluster.arriving.push((seat, moved));
            }
        }
        self.settle(sessions);
    }

    /// The other servers were asked for a socket.
    pub(super) fn sought(&mut self, sessions: &mut Sessions, seat: &Seat, moved: Option<Arc<Moved>>) {
        let is_waiting = |socket: &mut SocketState| socket.waits.take_if(|(guard, _)| *guard == ELSEWHERE);
        let Some((_, timer)) = self.state.sockets.get_mut(&seat.key).and_then(is_waiting) else {
            // It went again, and may come again.
            if let Some(moved) = moved {
                self.state.wait_for(sessions, seat, &moved);
            }
            return;
        };
        self.state.timers.remove(&timer);
        let max = sessions.config.max_queue / 2;
        let is_back = moved.is_some_and(|moved| self.state.move_in(sessions.now(), seat.key, &moved, max));
        self.ask_guards(sessions, seat.key, is_back);
    }
}

impl State {
    /// The socket of who comes back elsewhere, and what it has not heard.
    fn give_away(&mut self, now: Duration, claim: (Sid, Option<&str>), namespace: &str, max: usize) -> Option<Moved> {
        let (socket, missed) = self.memory.as_mut()?.give_away(now, claim, namespace, max)?;
        Some(Moved {
            id: socket.id,
            pid: claim.0,
            rooms: socket.rooms.keys().map(|room| String::from(&**room)).collect(),
            data: Mutex::new(socket.data),
            handshake: socket.handshake,
            missed,
            seen: self.cluster.as_ref()?.seen(),
        })
    }

    /// Makes a socket the one that moved here; `false` if too much of what it missed is not known, or it is too much.
    fn move_in(&mut self, now: Duration, key: SocketKey, moved: &Moved, max: usize) -> bool {
        let Self { sockets, spaces, memory, .. } = self;
        let (Some(memory), Some(socket)) = (memory, sockets.get_mut(&key)) else { return false };
        let Some(space) = spaces.get_mut(&socket.space) else { return false };
        let Some(news) = memory.behind(&moved.seen, &space.name, moved.id, &moved.rooms) else { return false };
        let missed = moved.missed.iter().chain(&news);
        if missed.clone().map(|event| event.len()).sum::<usize>() > max {
            return false;
        }
        space.by_id.remove(&socket.id.0);
        moved.take_place_of(socket, memory.next());
        space.restore(key, socket);
        for event in missed {
            memory.store(now, space.name.clone(), Audience::Socket(moved.id), event.clone(), None);
        }
        true
    }

    /// Waits for who came here from elsewhere and went before it was let in.
    fn wait_for(&mut self, sessions: &mut Sessions, seat: &Seat, moved: &Moved) {
        let (now, max) = (sessions.now(), sessions.config.max_queue / 2);
        let Some(memory) = &mut self.memory else { return };
        let Some(news) = memory.behind(&moved.seen, &seat.namespace, moved.id, &moved.rooms) else { return };
        let missed = moved.missed.iter().chain(&news);
        if missed.clone().map(|event| event.len()).sum::<usize>() > max {
            return;
        }
        let mut socket = SocketState::new(moved.id, moved.handshake.clone());
        moved.take_place_of(&mut socket, memory.next());
        for event in missed {
            memory.store(now, seat.namespace.clone(), Audience::Socket(moved.id), event.clone(), None);
        }
        memory.keep(now, moved.pid, seat.namespace.clone(), socket);
        self.sweep_later(sessions);
    }
}

impl Moved {
    /// What it missed will be at this position and behind it.
    fn take_place_of(&self, socket: &mut SocketState, since: u64) {
        socket.id = self.id;
        socket.rooms = self.rooms.iter().map(|room| (Rc::from(room.as_str()), since)).collect::<BTreeMap<_, _>>();
        socket.data = self.data.lock().ok().and_then(|mut data| data.take());
        socket.membership = Membership::moved(self.pid, since);
    }
}
