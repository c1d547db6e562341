//! A connection, as its handler sees it during a call.

use core::fmt;
use core::time::Duration;

use super::client::ClientError;
use super::config::Policy;
use super::hub::{Hub, Phase, Sent};
use super::outbox::Unit;
use super::remote::Remote;
use super::slab::PeerId;
use super::stats::Stats;
use super::timers::Expired;
use crate::close::CloseCode;
use crate::error::UsageError;
use crate::handshake::ClientRequest;
use crate::message::MessageRef;

/// A connection, and through it the others of its loop.
///
/// Nothing is written during a call: everything leaves when the turn is over. One peer sees what is sent and published
/// to it in the order of the calls.
pub struct Peer<'a, D> {
    hub: &'a mut Hub<D>,
    index: u32,
}

impl<'a, D> Peer<'a, D> {
    pub(super) fn new(hub: &'a mut Hub<D>, index: u32) -> Self {
        Self { hub, index }
    }

    /// The hub, for what may change more than the output of this turn.
    fn act(&mut self) -> (&mut Hub<D>, u32) {
        self.hub.output.disturb();
        (self.hub, self.index)
    }

    /// The connection's name: two connections of a loop never share one.
    pub fn id(&self) -> PeerId {
        self.hub.records.id(self.index)
    }

    /// What the application keeps for this connection.
    pub fn data(&self) -> &D {
        self.hub.data(self.index)
    }

    /// What the application keeps for this connection, to change it.
    pub fn data_mut(&mut self) -> &mut D {
        self.hub.data_mut(self.index)
    }

    /// Sends a message. One that goes back as it came, whole in a read, is not copied on its way.
    #[inline]
    pub fn send<'m>(&mut self, message: impl Into<MessageRef<'m>>) -> Sent {
        let message = message.into();
        if self.hub.output.send_back(&message) { Sent::Queued } else { self.hub.send(self.index, message) }
    }

    /// Sends a part of a message; `last` ends it (RFC 6455 §5.4). What is sent or published in between comes behind it.
    ///
    /// # Errors
    ///
    /// [`UsageError::PartOfOtherKind`] for text within a binary message and the reverse.
    pub fn send_part<'m>(&mut self, part: impl Into<MessageRef<'m>>, last: bool) -> Result<Sent, UsageError> {
        let (hub, index) = self.act();
        hub.send_part(index, part.into(), last)
    }

    /// From the next message on, [`Handler::message`](super::Handler::message) is called for each part of a message as
    /// it arrives, and [`has_more_parts`](Self::has_more_parts) tells whether it goes on; or for whole messages again.
    pub fn receive_parts(&mut self, in_parts: bool) {
        let (hub, index) = self.act();
        if let Some(Phase::Open(conn)) = hub.records.get_mut(index).map(|record| &mut record.phase) {
            conn.receive_parts(in_parts);
        }
    }

    /// Whether the message that the last part belonged to goes on.
    pub fn has_more_parts(&self) -> bool {
        match self.hub.records.get(self.index).map(|record| &record.phase) {
            Some(Phase::Open(conn)) => conn.has_more_parts(),
            _ => false,
        }
    }

    /// Sends a Ping; one is sent anyway when the connection is silent for long.
    ///
    /// # Errors
    ///
    /// A payload over 125 bytes; the connection is closing (RFC 6455 §5.5).
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), UsageError> {
        let (hub, index) = self.act();
        hub.emit(index, Unit::Fixed, |conn, output| conn.ping(payload, output))
    }

    /// Starts the closing handshake, unless it has begun (RFC 6455 §7.1.2). [`Handler::close`](super::Handler::close) is
    /// called when it is over.
    ///
    /// # Errors
    ///
    /// A code that must not be sent; a reason over 123 bytes. The connection stays open.
    pub fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), UsageError> {
        let (hub, index) = self.act();
        match hub.close(index, code, reason) {
            Err(UsageError::NotOpen) => Ok(()),
            result => result,
        }
    }

    /// Subscribes to a topic: what is published to it from now on is sent here. Returns whether it is subscribed now:
    /// not if the connection is closing, nor beyond [`Config::topics_per_connection`](super::Config::topics_per_connection),
    /// [`topics`](super::Config::topics) or [`topic_name`](super::Config::topic_name).
    pub fn subscribe(&mut self, topic: &str) -> bool {
        let (hub, index) = self.act();
        hub.subscribe(index, topic)
    }

    /// Unsubscribes from a topic; `false` if it was not subscribed. A connection that ends is unsubscribed from all.
    pub fn unsubscribe(&mut self, topic: &str) -> bool {
        let (hub, index) = self.act();
        hub.unsubscribe(index, topic)
    }

    /// Sends a message to all subscribers of a topic, this connection included if it is one.
    pub fn publish<'m>(&mut self, topic: &str, message: impl Into<MessageRef<'m>>) {
        self.act().0.publish(topic, message.into());
    }

    /// Sends a message to all subscribers of a topic but this connection.
    pub fn publish_to_others<'m>(&mut self, topic: &str, message: impl Into<MessageRef<'m>>) {
        let (hub, index) = self.act();
        hub.publish_to_others(index, topic, message.into());
    }

    /// How many connections subscribe to a topic.
    pub fn subscribers(&self, topic: &str) -> usize {
        self.hub.topics.subscribers(topic).len()
    }

    /// Calls [`Handler::timer`](super::Handler::timer) with this number after this time, unless the connection is over by
    /// then.
    pub fn set_timer(&mut self, after: Duration, timer: u64) {
        // Never due in the iteration that sets it: one that is set again and again would hold up the others.
        let at = self.hub.now.saturating_add(after.max(Duration::from_nanos(1)));
        self.hub.timers.await_at(at, self.id(), Expired::User(timer));
    }

    /// Reads nothing more from this connection until [`resume`](Self::resume), so that TCP tells its peer to wait. Call
    /// it in [`Handler::message`](super::Handler::message), and that message is the last for now.
    ///
    /// A paused connection is not pinged either: that it is gone shows when it is resumed, or when it is written to.
    pub fn pause(&mut self) {
        let (hub, index) = self.act();
        hub.pause(index, true);
    }

    /// Reads on after [`pause`](Self::pause). Nothing was lost.
    pub fn resume(&mut self) {
        let (hub, index) = self.act();
        hub.pause(index, false);
    }

    /// Bytes queued for this connection; shared memory that the queue keeps alive counts in full.
    pub fn queued(&self) -> usize {
        self.hub.queued(self.index)
    }

    /// What happens when its queue is full, in place of [`Config::policy`](super::Config::policy).
    pub fn set_policy(&mut self, policy: Policy) {
        let (hub, index) = self.act();
        if let Some(record) = hub.records.get_mut(index) {
            record.policy = policy;
        }
    }

    /// All connections of the loop.
    pub fn peers(&mut self) -> Peers<'_, D> {
        Peers::new(self.act().0)
    }

    /// What the loop has done so far.
    pub fn stats(&self) -> Stats {
        self.hub.stats()
    }

    /// Another connection of the loop, if it is still open.
    pub fn other(&mut self, id: PeerId) -> Option<Peer<'_, D>> {
        let hub = self.act().0;
        hub.is_there(id).then(|| Peer { hub, index: id.index() })
    }
}

/// All connections of a loop, where none of them is the one that it is about.
pub struct Peers<'a, D> {
    hub: &'a mut Hub<D>,
}

impl<'a, D> Peers<'a, D> {
    pub(super) fn new(hub: &'a mut Hub<D>) -> Self {
        Self { hub }
    }

    /// What the loop has done so far.
    pub fn stats(&self) -> Stats {
        self.hub.stats()
    }

    /// Which of the server's loops this is, from 0: the [`PeerId::worker`] of its connections.
    pub fn worker(&self) -> usize {
        self.hub.remote.worker()
    }

    /// A handle for other threads, and other loops.
    pub fn remote(&self) -> Remote {
        self.hub.remote.clone()
    }

    /// A connection, if it is still open.
    pub fn peer(&mut self, id: PeerId) -> Option<Peer<'_, D>> {
        let there = self.hub.is_there(id);
        there.then(|| Peer { hub: &mut *self.hub, index: id.index() })
    }

    /// Sends a message to all subscribers of a topic.
    pub fn publish<'m>(&mut self, topic: &str, message: impl Into<MessageRef<'m>>) {
        self.hub.publish(topic, message.into());
    }

    /// How many connections subscribe to a topic.
    pub fn subscribers(&self, topic: &str) -> usize {
        self.hub.topics.subscribers(topic).len()
    }

    /// Opens a connection to a `ws://` URI, as its client. [`Handler::connected`](super::Handler::connected) or
    /// [`not_connected`](super::Handler::not_connected) is called once.
    ///
    /// Pings are answered, silence is pinged, and after both Close frames the server is waited for to close TCP
    /// (RFC 6455 §7.1.1).
    ///
    /// # Errors
    ///
    /// What can be known at once: a mistake in the request, `wss`, no random bytes, a loop that was stopped.
    pub fn connect(&mut self, request: &ClientRequest, data: D) -> Result<PeerId, ClientError> {
        self.connect_after(Duration::ZERO, request, data)
    }

    /// As [`connect`](Self::connect), after a while: see [`Backoff`](super::Backoff).
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    pub fn connect_after(&mut self, after: Duration, request: &ClientRequest, data: D) -> Result<PeerId, ClientError> {
        self.hub.connect(after, request, data)
    }

    /// The loop's clock: when this iteration began.
    pub fn now(&self) -> Duration {
        self.hub.now
    }

    /// Calls [`Handler::loop_timer`](super::Handler::loop_timer) with this number after this time: for what concerns no
    /// connection. [`Peer::set_timer`] is for what does.
    pub fn set_timer(&mut self, after: Duration, timer: u64) {
        // As for a connection: never due in the iteration that sets it.
        let at = self.hub.now.saturating_add(after.max(Duration::from_nanos(1)));
        self.hub.timers.await_loop(at, timer);
    }

    /// Ends the loop, as [`Remote::stop`](super::Remote::stop).
    pub fn stop(&mut self) {
        self.hub.stop = true;
    }
}

impl<D> fmt::Debug for Peers<'_, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peers").finish_non_exhaustive()
    }
}

impl<D> fmt::Debug for Peer<'_, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer").field("id", &self.id()).field("queued", &self.queued()).finish_non_exhaustive()
    }
}
