//! The loop: waits, reads, calls the handler, writes. One thread, all its connections.
//!
//! A *turn* is what one connection does between two waits: one read, its messages, the handler's calls, one write of
//! all replies. What was published goes out when all turns of the iteration are over.

mod accept;
mod deadlines;
mod dial;
mod flush;
mod hand_over;
mod http;
mod leave;
mod remote;
mod serve;

use std::collections::HashMap;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::vec::Vec;

use super::client::ClientError;
use super::config::Config;
use super::handler::{Cause, Handler};
use super::hub::{Again, Hub, Phase, Record};
use super::peer::{Peer, Peers};
use super::remote::{Command, Remote};
use super::slab::PeerId;
use super::transport::{Ready, Transport};
use crate::buffer::ReceiveBuffer;
use crate::close::CloseCode;
use accept::Admission;
use leave::Leaving;

/// An event loop in a world of its own: real TCP, or whatever else is a [`Transport`].
///
/// [`Server`](super::Server) is this with TCP, and what one usually wants.
#[derive(Debug)]
pub struct EventLoop<H: Handler, T: Transport> {
    transport: T,
    handler: H,
    hub: Hub<H::Data>,
    /// By index of the connection, beside the hub: handlers do not know about transports.
    streams: Vec<Option<T::Stream>>,
    input: ReceiveBuffer,
    ready: Vec<Ready>,
    /// Connections with more to read: edges tell of news only. Each is served once per iteration, however much it has.
    again: Vec<PeerId>,
    /// By index of the connection: what was read and must wait, because it is paused or does not take its replies.
    parked: HashMap<u32, Vec<u8>>,
    /// Connections to call [`Handler::drain`] for.
    drained: Vec<PeerId>,
    admission: Admission,
    /// No connections any more.
    leaving: Leaving<T::Stream>,
    /// Scratch for what other threads ask for.
    commands: Vec<Command>,
    started: bool,
    /// The last turn that was not a short one was of a large message.
    after_large: bool,
}

/// Room for a read: 512 KiB, a second-level cache, and the headers of the messages in it. A batch of 16 KiB each that
/// misses its last bytes for want of the headers' room costs a read and a write more. Also what one connection may bring
/// in a turn, before it is the next one's.
const RECEIVE_CAPACITY: usize = 520 << 10;
/// The same behind a large message, which the next may be, too: less of it is out of the cache when it is unmasked. A
/// quarter of 1 MiB, so that it may take the memory.
const LARGE_READ: usize = 264 << 10;
/// A message that is read on without waiting for the other connections, once so much of it has arrived …
const LARGE_MESSAGE: usize = 128 << 10;
/// … up to this much a turn: one of 1 MiB is not put off near its end.
const LARGE_TURN: usize = (1 << 20) + RECEIVE_CAPACITY;

/// Peers are named by 64-bit tokens.
const _: () = assert!(usize::BITS >= 64, "the feature `net` needs a 64-bit target");

impl<H: Handler, T: Transport> EventLoop<H, T> {
    /// A loop in this world, which does what `remote` and its clones ask for.
    pub fn new(transport: T, config: Config, handler: H, remote: Remote) -> Self {
        let now = transport.now();
        Self {
            input: ReceiveBuffer::with_capacity(config.limits.clone(), RECEIVE_CAPACITY),
            admission: Admission::new(&config),
            leaving: Leaving::new(),
            hub: Hub::new(config, now, remote),
            transport,
            handler,
            streams: Vec::new(),
            ready: Vec::new(),
            again: Vec::new(),
            parked: HashMap::new(),
            drained: Vec::new(),
            commands: Vec::new(),
            started: false,
            after_large: false,
        }
    }

    /// Serves until it is stopped and the last connection is closed.
    ///
    /// # Errors
    ///
    /// What [`Transport::poll`] fails with. Everybody is told before: the peers 1001 or 503, as far as their sockets take
    /// it at once, and the handler of the end of each connection and request, as [`Cause::Lost`] if it was open.
    pub fn run(&mut self) -> io::Result<()> {
        while self.turn()? {}
        Ok(())
    }

    /// Waits once, does what there is to do, and tells whether there will be more: what [`run`](Self::run) does again
    /// and again.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn turn(&mut self) -> io::Result<bool> {
        if !core::mem::replace(&mut self.started, true) {
            self.start();
        }
        if !self.is_over() {
            self.iterate().inspect_err(|error| self.give_up(error.kind()))?;
        }
        Ok(!self.is_over())
    }

    fn is_over(&self) -> bool {
        self.hub.stopping && self.hub.records.len() == 0
    }

    fn start(&mut self) {
        call_among(&mut self.handler, &mut self.hub, |handler, peers| handler.start(peers));
    }

    fn iterate(&mut self) -> io::Result<()> {
        let mut ready = core::mem::take(&mut self.ready);
        let timeout = self.timeout();
        match self.transport.poll(&mut ready, timeout) {
            // A signal.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            waited => waited?,
        }
        self.hub.remote.inbox().wake_up();
        self.hub.set_now(self.transport.now());
        self.hub.stats.received = *self.input.traffic();

        // First those with something left over, lest new events starve them.
        for peer in core::mem::take(&mut self.again) {
            if self.hub.records.contains(peer) {
                let again = self.hub.take_again(peer.index());
                self.serve(peer, again == Again::ToTheEnd);
            }
        }
        for &event in &ready {
            match event.token {
                Ready::LISTENER => self.accept(),
                Ready::WAKER => {}
                token => self.happened(PeerId::from_u64(token as u64), event),
            }
        }
        ready.clear();
        self.ready = ready;

        self.obey();
        if core::mem::take(&mut self.hub.stop) {
            // The other loops, and this one in its next iteration.
            self.hub.remote.stop();
        }
        self.expire();
        self.settle();
        Ok(())
    }

    fn timeout(&self) -> Option<core::time::Duration> {
        if !self.again.is_empty() || !self.drained.is_empty() || self.hub.has_work() {
            return Some(core::time::Duration::ZERO);
        }
        if !self.hub.remote.inbox().fall_asleep() {
            return Some(core::time::Duration::ZERO);
        }
        let now = self.hub.now;
        let timers = self.hub.timers.wait(now, self.hub.records.len() != 0);
        // Most of the time there is nothing else.
        let others = [self.admission.wait(now), self.leaving.wait(now)];
        others.into_iter().flatten().fold(timers, |next, wait| Some(next.map_or(wait, |next| next.min(wait))))
    }

    fn happened(&mut self, peer: PeerId, event: Ready) {
        let Some(record) = self.hub.records.find(peer) else { return };
        if record.is_at_rest() && !event.closed {
            if event.readable {
                self.quick_turn(peer);
            }
            return;
        }
        if self.is_connecting(peer) {
            return;
        }
        if event.writable {
            self.writable(peer);
        }
        if event.closed && self.cancel_if_held(peer) {
            return;
        }
        if event.readable || event.closed {
            self.serve(peer, event.closed);
        }
        if event.closed {
            self.cancel_if_held(peer);
        }
    }

    /// No new connections; 1001 to those that are open (RFC 6455 §7.4.1).
    fn begin_stop(&mut self) {
        if core::mem::replace(&mut self.hub.stopping, true) {
            return;
        }
        self.transport.stop_accepting();
        self.flush_log();
        for index in 0..self.hub.records.bound() {
            let backed_up = self.hub.records.get(index).is_some_and(Record::is_backed_up);
            match self.hub.phase(index) {
                // What was answered leaves first.
                Some(Phase::Handshake(_) | Phase::Body(_)) if backed_up => self.hub.begin_ending(index),
                Some(Phase::Handshake(_) | Phase::Body(_)) => self.remove(index),
                Some(Phase::Http(_)) => self.stop_http(self.hub.records.id(index)),
                Some(Phase::Dial(_)) => self.not_connected(index, ClientError::Stopped),
                Some(Phase::Open(_)) => {
                    // One that is closing already goes on doing so.
                    let _ = self.hub.close(index, CloseCode::GOING_AWAY, "");
                }
                Some(Phase::Ending) => self.hub.timers.await_close(self.hub.records.id(index), self.hub.now),
                None => {}
            }
        }
    }

    /// Nothing will tell of events any more, so that all ends here.
    fn give_up(&mut self, error: io::ErrorKind) {
        self.begin_stop();
        self.settle();
        for index in 0..self.hub.records.bound() {
            self.lost(index, error);
        }
        // What was published in reply to that, for the other loops.
        self.settle();
        self.hub.remote.inbox().abandon();
    }

    /// The transport is gone.
    fn lost(&mut self, index: u32, error: io::ErrorKind) {
        if let Some(Phase::Dial(_)) = self.hub.records.get(index).map(|record| &record.phase) {
            return self.not_connected(index, ClientError::Lost(error.into()));
        }
        self.over(index, &Cause::Lost(error));
    }

    /// Nothing more can be done for a connection.
    fn over(&mut self, index: u32, cause: &Cause<'_>) {
        end(&mut self.handler, &mut self.hub, index, cause);
        self.remove(index);
    }

    fn remove(&mut self, index: u32) {
        let request = match self.hub.phase(index) {
            Some(Phase::Http(exchange)) => Some(exchange.ticket.id()),
            Some(Phase::Body(unfinished)) => Some(unfinished.id),
            _ => None,
        };
        if self.hub.remove(index) {
            self.unpark(index);
            self.seat(index, None);
            self.admission.left(index, self.hub.now);
        }
        if let Some(request) = request {
            self.cancelled(request);
        }
    }
}

impl<H: Handler, T: Transport> Drop for EventLoop<H, T> {
    fn drop(&mut self) {
        self.hub.remote.inbox().abandon();
    }
}

/// Calls the handler; a panic ends that connection and no other.
fn call<H: Handler>(
    handler: &mut H,
    hub: &mut Hub<H::Data>,
    index: u32,
    f: impl FnOnce(&mut H, &mut Peer<'_, H::Data>),
) {
    let outcome = panic::catch_unwind(AssertUnwindSafe(|| f(handler, &mut Peer::new(hub, index))));
    if outcome.is_err() {
        hub.panicked(index);
    }
}

/// Calls the handler about no open connection, so that a panic costs none.
fn call_among<H: Handler>(handler: &mut H, hub: &mut Hub<H::Data>, f: impl FnOnce(&mut H, &mut Peers<'_, H::Data>)) {
    if panic::catch_unwind(AssertUnwindSafe(|| f(handler, &mut Peers::new(hub)))).is_err() {
        hub.stats.panics += 1;
    }
}

/// Reports the end of a connection, if it was open and not reported. What is left of it says good-bye.
fn end<H: Handler>(handler: &mut H, hub: &mut Hub<H::Data>, index: u32, cause: &Cause<'_>) {
    if !matches!(hub.records.get(index).map(|record| &record.phase), Some(Phase::Open(_))) {
        return;
    }
    hub.stats.count_close(cause);
    hub.topics.remove(index);
    hub.begin_ending(index);
    call(handler, hub, index, |handler, peer| handler.close(peer, cause));
}
