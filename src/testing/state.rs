//! What a world consists of: a clock, connections, and the event queue of each loop.

use core::time::Duration;
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::vec::Vec;

use super::Call;
use super::wire::{Item, Pipe, Wire};
use crate::net::{Ready, Received, Token};

#[derive(Debug)]
pub(super) struct State {
    pub(super) now: Duration,
    /// Grows with everything that happens.
    pub(super) events: u64,
    pub(super) wire: Wire,
    pub(super) nodes: Vec<Node>,
    /// Of the listeners.
    pub(super) ip: IpAddr,
    dice: Option<u64>,
    connections: Vec<Option<Connection>>,
    faults: Vec<Fault>,
    calls: [u64; Call::COUNT],
}

/// A loop's view of the world.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) listening: Option<SocketAddr>,
    pub(super) woken: Arc<AtomicBool>,
    /// When it wants to be called though nothing happens.
    pub(super) deadline: Option<Duration>,
    /// It had nothing to do the last time.
    pub(super) idle: bool,
    backlog: VecDeque<(End, SocketAddr)>,
    /// There is news of the backlog.
    news: bool,
}

/// One end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    connection: usize,
    side: usize,
}

#[derive(Debug)]
struct Connection {
    /// By the side that writes.
    pipes: [Pipe; 2],
    ends: [Side; 2],
    /// When it will be known whether the listener is there, and which it is.
    opening: Option<(Duration, SocketAddr)>,
    from: SocketAddr,
}

#[derive(Debug, Default)]
struct Side {
    watcher: Option<(usize, Token)>,
    /// There is news for the watcher.
    news: bool,
    closed: bool,
    shut: bool,
    reset: bool,
    /// Told once.
    error: Option<ErrorKind>,
}

#[derive(Debug)]
struct Fault {
    call: Call,
    left: u64,
    kind: ErrorKind,
}

/// The side that connected.
const NEAR: usize = 0;
/// The side that was accepted.
const FAR: usize = 1;

impl State {
    pub(super) fn new(seed: Option<u64>, ip: IpAddr) -> Self {
        Self {
            now: Duration::ZERO,
            events: 0,
            wire: Wire::default(),
            nodes: Vec::new(),
            ip,
            dice: seed,
            connections: Vec::new(),
            faults: Vec::new(),
            calls: [0; Call::COUNT],
        }
    }

    pub(super) fn add_node(&mut self, listens: bool) -> usize {
        let number = self.nodes.len();
        let port = 80 + u16::try_from(number).expect("fewer loops than ports");
        let listening = listens.then_some(SocketAddr::new(self.ip, port));
        self.nodes.push(Node {
            listening,
            woken: Arc::default(),
            deadline: None,
            idle: false,
            backlog: VecDeque::new(),
            news: false,
        });
        number
    }

    /// Nobody listens there any more; who waits to be accepted is reset.
    pub(super) fn stop_listening(&mut self, node: usize) {
        self.nodes[node].listening = None;
        for (end, _) in core::mem::take(&mut self.nodes[node].backlog) {
            self.reset(end);
            self.close(end);
        }
    }

    /// A connection on its way to a listener. `None` of them is refused when it gets there.
    pub(super) fn connect(&mut self, from: SocketAddr, to: SocketAddr) -> End {
        let mut connection = Connection {
            pipes: [Pipe::new(self.wire.clone()), Pipe::new(self.wire.clone())],
            ends: Default::default(),
            opening: Some((self.now.saturating_add(self.wire.delay), to)),
            from,
        };
        let row = self.connections.iter().position(Option::is_none).unwrap_or(self.connections.len());
        if row == self.connections.len() {
            self.connections.push(None);
        }
        if self.wire.cut_after == Some(0) {
            connection.cut(self.now);
        }
        self.connections[row] = Some(connection);
        self.happen();
        End { connection: row, side: NEAR }
    }

    pub(super) fn is_connected(&mut self, end: End) -> io::Result<bool> {
        let Some(connection) = self.connection(end) else { return Err(ErrorKind::NotConnected.into()) };
        match connection.ends[end.side].error.take() {
            Some(kind) => Err(kind.into()),
            None => Ok(connection.opening.is_none()),
        }
    }

    pub(super) fn accept(&mut self, node: usize) -> io::Result<(End, SocketAddr)> {
        self.nodes[node].backlog.pop_front().ok_or_else(|| ErrorKind::WouldBlock.into())
    }

    /// There may be more to accept.
    pub(super) fn renew(&mut self, node: usize) {
        self.nodes[node].news = true;
    }

    pub(super) fn watch(&mut self, end: End, node: usize, token: Token) {
        if let Some(connection) = self.connection(end) {
            connection.ends[end.side].watcher = Some((node, token));
            connection.ends[end.side].news = true;
        }
    }

    pub(super) fn read(&mut self, end: End, into: &mut [u8]) -> io::Result<Received> {
        self.happen();
        let at_most = self.connection(end).map_or(1, |connection| connection.pipes[1 - end.side].wire.read_at_most);
        let at_most = self.draw_at_most(at_most);
        let Some(connection) = self.connection(end) else { return Err(ErrorKind::NotConnected.into()) };
        let (pipe, side) = (&mut connection.pipes[1 - end.side], &mut connection.ends[end.side]);
        if pipe.unread() == 0 {
            return match side.error.take() {
                Some(kind) => Err(kind.into()),
                None if pipe.ended || side.reset => Ok(Received { len: 0, drained: true }),
                None => Err(ErrorKind::WouldBlock.into()),
            };
        }
        let len = into.len().min(at_most);
        let len = pipe.read(&mut into[..len]);
        let drained = len < into.len() && pipe.unread() == 0;
        if pipe.awaited && pipe.is_writable() {
            pipe.awaited = false;
            connection.ends[1 - end.side].news = true;
        }
        Ok(Received { len, drained })
    }

    pub(super) fn write(&mut self, end: End, bytes: &[u8]) -> io::Result<usize> {
        let at_most = self.connection(end).map_or(1, |connection| connection.pipes[end.side].wire.write_at_most);
        let (at_most, now) = (self.draw_at_most(at_most), self.now);
        let Some(connection) = self.connection(end) else { return Err(ErrorKind::NotConnected.into()) };
        let (pipe, side) = (&mut connection.pipes[end.side], &mut connection.ends[end.side]);
        if let Some(kind) = side.error.take() {
            return Err(kind.into());
        }
        if side.reset || side.shut {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let (room, until_cut) = (pipe.room(), pipe.until_cut());
        let len = bytes.len().min(room).min(at_most).min(until_cut);
        if len < bytes.len() {
            // A short write is a promise to tell of more room, which there may be already.
            pipe.awaited = true;
            side.news |= len < room.min(until_cut);
        }
        if len != 0 {
            pipe.push(now, Item::Bytes(bytes[..len].to_vec()));
        }
        if len == until_cut && len != 0 {
            connection.cut(now);
        }
        self.happen();
        if len == 0 && !bytes.is_empty() { Err(ErrorKind::WouldBlock.into()) } else { Ok(len) }
    }

    pub(super) fn shut_down(&mut self, end: End) -> io::Result<()> {
        let now = self.now;
        let Some(connection) = self.connection(end) else { return Err(ErrorKind::NotConnected.into()) };
        let side = &mut connection.ends[end.side];
        if side.reset {
            return Err(ErrorKind::NotConnected.into());
        }
        if !core::mem::replace(&mut side.shut, true) {
            connection.pipes[end.side].push(now, Item::End);
        }
        self.happen();
        Ok(())
    }

    /// Ends a connection the rude way: the other end hears of it behind what is under way.
    pub(super) fn reset(&mut self, end: End) {
        let now = self.now;
        if let Some(connection) = self.connection(end) {
            let side = &mut connection.ends[end.side];
            (side.reset, side.shut) = (true, true);
            connection.pipes[end.side].push(now, Item::Reset);
            self.happen();
        }
    }

    pub(super) fn close(&mut self, end: End) {
        let now = self.now;
        let Some(connection) = self.connection(end) else { return };
        let unread = connection.pipes[1 - end.side].unread();
        let side = &mut connection.ends[end.side];
        (side.closed, side.watcher) = (true, None);
        if !side.reset {
            if unread != 0 {
                // As TCP has it: what was not read cannot have been understood.
                connection.pipes[end.side].push(now, Item::Reset);
            } else if !side.shut {
                connection.pipes[end.side].push(now, Item::End);
            }
        }
        if connection.ends[1 - end.side].closed {
            self.connections[end.connection] = None;
        }
        self.happen();
    }

    /// Whether there is nothing more to read, and whether that is because of a reset.
    pub(super) fn is_over(&mut self, end: End) -> (bool, bool) {
        let Some(connection) = self.connection(end) else { return (true, true) };
        let incoming = &connection.pipes[1 - end.side];
        (incoming.ended && incoming.unread() == 0, connection.ends[end.side].reset)
    }

    /// Changes what the direction from this end, or the one to it, is like.
    pub(super) fn rewire(&mut self, end: End, outgoing: bool, change: impl FnOnce(&mut Wire)) {
        let now = self.now;
        let Some(connection) = self.connection(end) else { return };
        let from = if outgoing { end.side } else { 1 - end.side };
        change(&mut connection.pipes[from].wire);
        if connection.pipes[from].until_cut() == 0 {
            connection.cut(now);
        }
        // There may be more room now.
        connection.ends[from].news = true;
        self.happen();
    }

    /// Lets arrive whatever is due.
    pub(super) fn deliver(&mut self) {
        let now = self.now;
        if self.next_arrival().is_none_or(|at| at > now) {
            return;
        }
        for row in 0..self.connections.len() {
            self.open(row);
            let Some(connection) = &mut self.connections[row] else { continue };
            let mut arrived = 0;
            for from in [NEAR, FAR] {
                while let Some(item) = connection.pipes[from].pop(now) {
                    arrived += 1;
                    connection.arrive(from, item, now);
                }
            }
            self.events += arrived;
        }
    }

    /// When the next thing arrives.
    pub(super) fn next_arrival(&self) -> Option<Duration> {
        let connections = self.connections.iter().flatten();
        connections
            .flat_map(|connection| {
                let opening = connection.opening.map(|(at, _)| at);
                connection.pipes.iter().map(Pipe::next_arrival).chain([opening])
            })
            .flatten()
            .min()
    }

    /// The SYN has got where it was going.
    fn open(&mut self, row: usize) {
        let now = self.now;
        let Some(connection) = &mut self.connections[row] else { return };
        let Some((_, to)) = connection.opening.filter(|(at, _)| *at <= now) else { return };
        connection.opening = None;
        connection.ends[NEAR].news = true;
        self.events += 1;
        match self.nodes.iter_mut().find(|node| node.listening == Some(to)) {
            Some(node) => {
                node.backlog.push_back((End { connection: row, side: FAR }, connection.from));
                node.news = true;
            }
            None => {
                let near = &mut connection.ends[NEAR];
                (near.error, near.reset) = (Some(ErrorKind::ConnectionRefused), true);
                connection.ends[FAR].closed = true;
            }
        }
    }

    /// Tells a loop what happened to its streams.
    pub(super) fn tell(&mut self, node: usize, ready: &mut Vec<Ready>) {
        let before = ready.len();
        let mut dice = self.dice;
        let mut roll = |sides: u64| dice.as_mut().map_or(1, |dice| draw(dice) % sides);
        let plain = Ready { token: 0, readable: false, writable: false, closed: false };
        if self.nodes[node].woken.swap(false, Ordering::AcqRel) {
            ready.push(Ready { token: Ready::WAKER, readable: true, ..plain });
        }
        if core::mem::take(&mut self.nodes[node].news) {
            ready.push(Ready { token: Ready::LISTENER, readable: true, ..plain });
        }
        for connection in self.connections.iter_mut().flatten() {
            for side in [NEAR, FAR] {
                let Some((_, token)) = connection.ends[side].watcher.filter(|(watcher, _)| *watcher == node) else {
                    continue;
                };
                // A system may keep news for the next time.
                if connection.opening.is_none() && connection.ends[side].news && roll(4) != 0 {
                    connection.ends[side].news = false;
                    ready.push(connection.readiness(side, token));
                }
            }
        }
        if self.dice.is_some() {
            self.dice = dice;
            for i in (before + 1..ready.len()).rev() {
                let j = before + self.roll(i - before + 1);
                ready.swap(i, j);
            }
            // A system may tell of nothing at all.
            if ready.len() > before && self.roll(8) == 0 {
                let token = ready[before].token;
                ready.push(Ready { token, readable: true, writable: true, closed: false });
            }
        }
        self.events += (ready.len() - before) as u64;
    }

    /// Whether there is news that [`tell`](Self::tell) kept.
    pub(super) fn has_news(&self, node: usize) -> bool {
        self.nodes[node].news
            || self.connections.iter().flatten().any(|connection| {
                connection.opening.is_none()
                    && connection
                        .ends
                        .iter()
                        .any(|end| end.news && end.watcher.is_some_and(|(watcher, _)| watcher == node))
            })
    }

    /// Counts a call, and fails it if that was asked for. `end`: the stream it is made on.
    pub(super) fn call(&mut self, call: Call, end: Option<End>) -> io::Result<()> {
        self.calls[call as usize] += 1;
        self.calls[Call::Any as usize] += u64::from(call != Call::Poll);
        let mut failed = None;
        for fault in &mut self.faults {
            if fault.call == call || (fault.call == Call::Any && call != Call::Poll) {
                fault.left -= 1;
                if fault.left == 0 {
                    failed = Some(fault.kind);
                }
            }
        }
        self.faults.retain(|fault| fault.left != 0);
        let Some(kind) = failed else { return Ok(()) };
        if kind == ErrorKind::WouldBlock {
            // No lie: there will be news when it is possible. Of an interrupted call there is none.
            if let Some((end, connection)) = end.and_then(|end| Some((end, self.connection(end)?))) {
                connection.pipes[end.side].awaited = true;
                connection.ends[end.side].news = true;
            }
        }
        Err(kind.into())
    }

    pub(super) fn fail(&mut self, call: Call, nth: u64, kind: ErrorKind) {
        self.faults.push(Fault { call, left: nth.max(1), kind });
    }

    pub(super) fn calls(&self, call: Call) -> u64 {
        self.calls[call as usize]
    }

    /// A number below `bound`; always the greatest in a world without a seed.
    pub(super) fn roll(&mut self, bound: usize) -> usize {
        let bound = bound.max(1);
        self.dice.as_mut().map_or(bound - 1, |dice| (draw(dice) % bound as u64) as usize)
    }

    fn draw_at_most(&mut self, most: usize) -> usize {
        if most == usize::MAX { most } else { 1 + self.roll(most) }
    }

    fn happen(&mut self) {
        self.events += 1;
    }

    fn connection(&mut self, end: End) -> Option<&mut Connection> {
        self.connections.get_mut(end.connection)?.as_mut()
    }
}

impl Connection {
    /// Takes what `from` sent.
    fn arrive(&mut self, from: usize, item: Item, now: Duration) {
        let (writer, reader) = (from, 1 - from);
        self.ends[reader].news = true;
        match item {
            Item::Bytes(_) if self.ends[reader].closed => {
                // Nobody is there: as TCP answers.
                self.pipes[reader].push(now, Item::Reset);
            }
            Item::Bytes(bytes) => self.pipes[writer].arrive(&bytes),
            Item::End => self.pipes[writer].ended = true,
            Item::Reset => {
                let end = &mut self.ends[reader];
                if !core::mem::replace(&mut end.reset, true) {
                    end.error = Some(ErrorKind::ConnectionReset);
                }
            }
        }
    }

    fn cut(&mut self, now: Duration) {
        for pipe in &mut self.pipes {
            pipe.push(now, Item::Reset);
        }
    }

    /// What epoll says: not only what is new, but all there is.
    fn readiness(&self, side: usize, token: Token) -> Ready {
        let (incoming, end) = (&self.pipes[1 - side], &self.ends[side]);
        let over = incoming.ended || end.reset;
        Ready {
            token,
            readable: over || incoming.unread() != 0,
            writable: end.reset || end.shut || self.pipes[side].is_writable(),
            closed: over,
        }
    }
}

/// SplitMix64.
pub(super) fn draw(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
