//! Deadlines. Those of a fixed length stand in queues, in the order they were set; the others in a heap; and silence
//! is found by a sweep over an array.

use core::cmp::Reverse;
use core::time::Duration;
use std::collections::{BinaryHeap, VecDeque};
use std::vec::Vec;

use super::config::Config;
use super::slab::PeerId;

/// The deadlines of a loop.
#[derive(Debug)]
pub(super) struct Timers {
    handshakes: Queue,
    closes: Queue,
    /// Those of any other length.
    others: BinaryHeap<Reverse<(Duration, PeerId, Expired)>>,
    /// By index of the connection.
    clocks: Vec<Clock>,
    tick: Duration,
    tick_micros: u64,
    next_sweep: Duration,
}

/// What ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Expired {
    Handshake,
    /// The closing handshake, or the wait for the peer's end of file.
    Close,
    User(u64),
    /// A timer of the loop, of no connection.
    Loop(u64),
    /// It is time to connect.
    Dial,
    /// This attempt to connect, counted from 0.
    Attempt(u32),
}

/// Moments in the life of a connection, in ticks; 0 is never.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Clock {
    /// Of the last read.
    pub(super) heard: u32,
    /// Of the Ping that nothing was heard after.
    pub(super) pinged: u32,
    /// Of the first byte of the unfinished message.
    pub(super) message_began: u32,
    /// Of the last write that the socket took a part of, while there is a queue; or of closing our end.
    pub(super) stalled: u32,
}

/// Deadlines that are all equally far ahead when they are set.
#[derive(Debug)]
struct Queue {
    after: Duration,
    waiting: VecDeque<(Duration, PeerId)>,
}

impl Timers {
    pub(super) fn new(config: &Config, now: Duration) -> Self {
        let idle = config.ping_after.min(config.pong_within).min(config.keep_alive);
        let stuck = config.message_timeout.min(config.write_timeout).min(config.handshake_timeout);
        let shortest = idle.min(stuck);
        let tick = (shortest / 8).clamp(Duration::from_millis(5), Duration::from_secs(1));
        Self {
            handshakes: Queue { after: config.handshake_timeout, waiting: VecDeque::new() },
            closes: Queue { after: config.close_timeout, waiting: VecDeque::new() },
            others: BinaryHeap::new(),
            clocks: Vec::new(),
            tick,
            tick_micros: tick.as_micros() as u64,
            next_sweep: now + tick,
        }
    }

    pub(super) fn await_handshake(&mut self, peer: PeerId, now: Duration) {
        self.handshakes.push(peer, now);
    }

    /// Those that a handshake was awaited of, the oldest first; of some it may be no more.
    pub(super) fn handshakes(&mut self) -> &mut VecDeque<(Duration, PeerId)> {
        &mut self.handshakes.waiting
    }

    pub(super) fn await_close(&mut self, peer: PeerId, now: Duration) {
        self.closes.push(peer, now);
    }

    pub(super) fn await_at(&mut self, at: Duration, peer: PeerId, what: Expired) {
        self.others.push(Reverse((at, peer, what)));
    }

    /// For the loop as a whole.
    pub(super) fn await_loop(&mut self, at: Duration, timer: u64) {
        self.await_at(at, PeerId::from_u64(0), Expired::Loop(timer));
    }

    /// The next deadline that has passed. It may be of a connection that is gone, or that no longer waits.
    pub(super) fn pop(&mut self, now: Duration) -> Option<(PeerId, Expired)> {
        if let Some(peer) = self.handshakes.pop(now) {
            return Some((peer, Expired::Handshake));
        }
        if let Some(peer) = self.closes.pop(now) {
            return Some((peer, Expired::Close));
        }
        self.others.peek().filter(|Reverse((at, ..))| *at <= now)?;
        self.others.pop().map(|Reverse((_, peer, what))| (peer, what))
    }

    /// How long nothing can run out.
    pub(super) fn wait(&self, now: Duration, any_connections: bool) -> Option<Duration> {
        let mut next = if any_connections { self.next_sweep } else { Duration::MAX };
        // Most of the time there are none.
        if let Some(at) = self.handshakes.next() {
            next = next.min(at);
        }
        if let Some(at) = self.closes.next() {
            next = next.min(at);
        }
        if let Some(Reverse((at, ..))) = self.others.peek() {
            next = next.min(*at);
        }
        (next != Duration::MAX).then(|| next.saturating_sub(now))
    }

    /// Whether it is time to look at every connection's clock.
    pub(super) fn sweep_is_due(&mut self, now: Duration) -> bool {
        let due = now >= self.next_sweep;
        if due {
            self.next_sweep = now + self.tick;
        }
        due
    }

    /// This moment in ticks, never 0.
    pub(super) fn ticks(&self, now: Duration) -> u32 {
        // No division of 128 bits in every turn.
        (now.as_micros() as u64 / self.tick_micros) as u32 + 1
    }

    /// Whether `limit` has passed since a moment that a clock holds; at most two ticks late, never early.
    pub(super) fn is_over(&self, since: u32, limit: Duration, now: Duration) -> bool {
        since != 0 && self.tick * self.ticks(now).saturating_sub(since + 1) >= limit
    }

    /// As [`is_over`](Self::is_over), but at most two ticks early and never late.
    pub(super) fn is_nearly_over(&self, since: u32, limit: Duration, now: Duration) -> bool {
        self.is_over(since, limit.saturating_sub(2 * self.tick), now)
    }

    pub(super) fn clock(&mut self, index: u32) -> &mut Clock {
        let row = index as usize;
        if row >= self.clocks.len() {
            self.add_clocks(row);
        }
        &mut self.clocks[row]
    }

    #[cold]
    fn add_clocks(&mut self, row: usize) {
        self.clocks.resize(row + 1, Clock::default());
    }
}

impl Queue {
    fn push(&mut self, peer: PeerId, now: Duration) {
        self.waiting.push_back((now.saturating_add(self.after), peer));
    }

    fn pop(&mut self, now: Duration) -> Option<PeerId> {
        self.next().filter(|at| *at <= now)?;
        self.waiting.pop_front().map(|(_, peer)| peer)
    }

    fn next(&self) -> Option<Duration> {
        self.waiting.front().map(|(at, _)| *at)
    }
}
