//! Who gets in, and what happens when descriptors run out.

use core::time::Duration;
use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::vec::Vec;

use super::EventLoop;
use crate::handshake::Response;
use crate::net::config::Config;
use crate::net::handler::Handler;
use crate::net::hub::Phase;
use crate::net::slab::PeerId;
use crate::net::transport::Transport;

/// The bounds on connections, and when to try to accept again.
#[derive(Debug)]
pub(super) struct Admission {
    /// Set while the listener may have more: edges tell of news only.
    retry_at: Option<Duration>,
    per_address: Option<PerAddress>,
}

/// Kept only if it can bind.
#[derive(Debug)]
struct PerAddress {
    limit: usize,
    counts: HashMap<IpAddr, usize>,
    /// By index of the connection.
    addresses: Vec<Option<IpAddr>>,
}

/// Accepts per iteration, so that a storm of connections does not starve those that are open.
const BUDGET: usize = 64;
/// How long to wait for a descriptor, if none comes free before.
const PAUSE: Duration = Duration::from_millis(500);

impl Admission {
    pub(super) fn new(config: &Config) -> Self {
        let limit = config.connections_per_address;
        let per_address =
            (limit < config.connections).then(|| PerAddress { limit, counts: HashMap::new(), addresses: Vec::new() });
        Self { retry_at: None, per_address }
    }

    pub(super) fn wait(&self, now: Duration) -> Option<Duration> {
        self.retry_at.map(|at| at.saturating_sub(now))
    }

    /// Counts a connection; `false` if its address has too many.
    fn enter(&mut self, index: u32, address: IpAddr) -> bool {
        let Some(per) = &mut self.per_address else { return true };
        let row = index as usize;
        if per.addresses.len() <= row {
            per.addresses.resize(row + 1, None);
        }
        per.addresses[row] = Some(address);
        let count = per.counts.entry(address).or_default();
        *count += 1;
        *count <= per.limit
    }

    /// The address that a connection is counted for.
    pub(super) fn address(&self, index: u32) -> Option<IpAddr> {
        *self.per_address.as_ref()?.addresses.get(index as usize)?
    }

    /// A connection is gone, and its descriptor is free.
    pub(super) fn left(&mut self, index: u32, now: Duration) {
        if self.retry_at.is_some() {
            self.retry_at = Some(now);
        }
        let Some(per) = &mut self.per_address else { return };
        let Some(address) = per.addresses.get_mut(index as usize).and_then(Option::take) else { return };
        if let Some(count) = per.counts.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                per.counts.remove(&address);
            }
        }
    }
}

impl<H: Handler, T: Transport> EventLoop<H, T> {
    /// Accepts again if there may be more and it is time.
    pub(super) fn retry_accept(&mut self) {
        if self.admission.retry_at.is_some_and(|at| at <= self.hub.now) {
            self.accept();
        }
    }

    pub(super) fn accept(&mut self) {
        self.admission.retry_at = None;
        for _ in 0..BUDGET {
            if self.hub.stopping {
                return;
            }
            if self.hub.records.len() >= self.hub.config.connections {
                // Until one leaves; the others wait in the backlog.
                self.admission.retry_at = Some(self.hub.now + PAUSE);
                return;
            }
            match self.transport.accept() {
                Ok((stream, address)) => {
                    self.hub.stats.accepted += 1;
                    self.admit(stream, Some(address.ip()));
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => return,
                    // That one gave up before it was accepted.
                    io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted => {}
                    // Out of descriptors or memory: those that are open keep theirs.
                    _ if self.leaving.give_up() => {}
                    _ => {
                        self.admission.retry_at = Some(self.hub.now + PAUSE);
                        return;
                    }
                },
            }
        }
        self.admission.retry_at = Some(self.hub.now);
    }

    /// A new connection, from outside or from another loop. Returns its index, unless it is one too many.
    pub(super) fn admit(&mut self, mut stream: T::Stream, address: Option<IpAddr>) -> Option<u32> {
        let id = self.hub.insert(Phase::Handshake(None), H::Data::default());
        let index = id.index();
        let in_bounds = self.hub.records.len() <= self.hub.config.connections;
        let welcome = address.is_none_or(|address| self.admission.enter(index, address)) && in_bounds;
        let registered = self.transport.register(&mut stream, id.as_u64() as usize);
        self.seat(index, Some(stream));
        if registered.is_err() {
            self.remove(index);
            return None;
        }
        if welcome {
            self.forget_ended_handshakes();
            self.make_room_for_a_handshake();
            self.hub.timers.await_handshake(id, self.hub.now);
            Some(index)
        } else {
            self.hub.begin_turn(index);
            self.hub.respond(index, Response::new(503).header("Retry-After", "10"), false);
            self.finish_turn(index);
            None
        }
    }

    /// Most have ended their handshake by the time of the next, in the order they came: the queue of deadlines stays
    /// short, and idle connections have no place in it.
    fn forget_ended_handshakes(&mut self) {
        while let Some(&(_, peer)) = self.hub.timers.handshakes().front() {
            if self.is_at_first_request(peer) {
                return;
            }
            self.hub.timers.handshakes().pop_front();
        }
    }

    /// Closes the oldest of those that do not come to the end of their handshake, if there are too many.
    fn make_room_for_a_handshake(&mut self) {
        let limit = self.hub.config.handshakes.max(1);
        if self.hub.timers.handshakes().len() < limit {
            return;
        }
        // Most have ended it by now. An eighth is free afterwards, so that this is seldom done.
        let mut waiting = core::mem::take(self.hub.timers.handshakes());
        waiting.retain(|&(_, peer)| self.is_at_first_request(peer));
        let keep = limit - limit.div_ceil(8);
        for (_, peer) in waiting.drain(..waiting.len().saturating_sub(keep)) {
            self.remove(peer.index());
        }
        *self.hub.timers.handshakes() = waiting;
    }

    /// Whether a connection has not come to the end of its first request; the later ones have a clock of their own.
    pub(super) fn is_at_first_request(&mut self, peer: PeerId) -> bool {
        self.hub.records.contains(peer)
            && matches!(self.hub.phase(peer.index()), Some(Phase::Handshake(_) | Phase::Body(_)))
            && self.hub.timers.clock(peer.index()).message_began == 0
    }
}
