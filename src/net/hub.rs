//! The connections of a loop and what waits to be written to them. No system calls: those are the event loop's.

mod classes;
mod output;
mod publish;

use core::ops::Range;
use core::time::Duration;
use std::boxed::Box;
use std::collections::vec_deque::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::vec::Vec;

pub(super) use self::classes::class_of;
pub(super) use self::output::{Offer, Output};
use super::client::ClientError;
use super::config::{Config, Policy};
use super::handler::Cause;
use super::http::{Exchange, RequestId, Unfinished};
use super::outbox::{Outbox, Unit};
use super::random::{self, masking_output};
use super::remote::Remote;
use super::slab::{self, PeerId, Slab};
use super::stats::{Counters, Now, Stats};
use super::timers::{Clock, Expired, Timers};
use super::turn::Turn;
use crate::buffer::SendBuffer;
use crate::close::CloseCode;
use crate::connection::{Connection, Role, State};
use crate::error::UsageError;
use crate::frame::FrameHeader;
use crate::handshake::{ClientHandshake, ClientRequest, ServerHandshake};
use crate::message::{MessageRef, SharedMessage};
use crate::pubsub::{LARGE, Place, PublishLog, Topics};

/// What became of a message that was sent.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// It leaves when the turn is over.
    Queued,
    /// It is queued, and the queue is above [`Config::soft_queue`](super::Config::soft_queue). Go easy until
    /// [`Handler::drain`](super::Handler::drain).
    Backlogged,
    /// It is not sent: the connection is closing, or its queue is full.
    Dropped,
}

/// All that handlers can reach.
#[derive(Debug)]
pub(super) struct Hub<D> {
    pub(super) records: Slab<Record<D>>,
    pub(super) topics: Topics,
    pub(super) log: PublishLog,
    pub(super) timers: Timers,
    pub(super) config: Config,
    pub(super) now: Duration,
    /// The same, for [`Timers::clock`].
    pub(super) ticks: u32,
    /// The turn of a connection, and what it has brought.
    pub(super) output: Output,
    /// Connections that something was queued for outside their turn.
    pub(super) touched: Vec<PeerId>,
    /// Connections that were ended outside the receive path, to be reported.
    pub(super) ended: Vec<(PeerId, Cause<'static>)>,
    /// Plain requests that did not come to their end, or whose answers did not, to be reported.
    pub(super) cut: Vec<RequestId>,
    /// Bytes held by all outboxes and unfinished messages, and by the windows of compression.
    pub(super) held: usize,
    /// The way in from other threads.
    pub(super) remote: Remote,
    /// Plain requests so far, with those whose bodies never came.
    pub(super) requests: u64,
    /// The server ends: no request follows another.
    pub(super) stopping: bool,
    /// What has happened so far.
    pub(super) stats: Counters,
    /// Frames on their way to an outbox.
    scratch: SendBuffer,
    places: Vec<Place>,
    /// What was published here, for the other loops.
    pub(super) elsewhere: Vec<(Box<str>, SharedMessage)>,
    /// A handler wants the loop to end.
    pub(super) stop: bool,
    /// The request that is next comes from another loop.
    pub(super) taken_over: bool,
}

/// A connection of the loop. An idle one holds nothing but this, and rows in tables by its index:
///
/// | bytes | where | what |
/// |---|---|---|
/// | 24 | `phase` | the `Connection`: 8 that point to what is unfinished, 8 of bytes received, 2 of the peer's close code, a byte each for role, state, the kind that is sent in parts, whether to receive in parts, how far back to compress; 1 unused. All other phases fit in it |
/// | 8 | `outbox` | points to a queue while there is one |
/// | 8 | `position` | in the publish log |
/// | 8 | `counted` | what `Hub::held` has of it |
/// | 8 | `policy` to `at_eof` | a byte each |
/// | 4 + 4 | the slot in the slab | its generation; unused |
/// | **64** | **in the slab** | in chunks of 256; a cache line, and the handler's `Data` beside it |
/// | 16 | `Timers::clocks` | four moments |
/// | 4 | `EventLoop::streams` | the descriptor |
/// | 0 to 4 | `Slab::unused` | 4 when it is gone |
/// | **84** | **in all** | |
/// | 4, and 20 each | `Topics` | if it ever subscribed; per subscription 12 for the pair and 8 in the topic's lists |
/// | 20, and its address's count | `Admission` | if `Config::connections_per_address` can bind |
///
/// The tables grow by doubling; what of them was never used is not resident. Nothing of the handshake is left: its bytes
/// lie in the loop's input, its fields in a table that lasts for the call, its deadline in a queue that forgets it.
#[derive(Debug)]
pub(super) struct Record<D> {
    pub(super) phase: Phase,
    /// What the socket would not take.
    pub(super) outbox: Option<Box<Outbox>>,
    /// How far in the log of published messages it is.
    pub(super) position: u64,
    /// Bytes of its unfinished message, and of its windows, that [`Hub::held`] counts.
    counted: usize,
    pub(super) policy: Policy,
    /// The socket is full; an event will tell when it is not.
    pub(super) blocked: bool,
    /// The application was told of a backlog and waits for `drain`.
    pub(super) backlogged: bool,
    /// The application does not want to hear of it for now.
    pub(super) paused: bool,
    /// There may be input that was put off, because it is paused or has a backlog.
    pub(super) unread: bool,
    /// What is known of more input, while it waits for its next turn.
    pub(super) again: Again,
    pub(super) our_end: OurEnd,
    /// The peer's end of the transport is closed.
    pub(super) at_eof: bool,
    pub(super) data: D,
}

const _: () = assert!(size_of::<Record<()>>() == 56 && Slab::<Record<()>>::SLOT == 64 && size_of::<Clock>() == 16);

impl<D> Record<D> {
    /// Open, and nothing is unfinished or waits: to be read, to be written, to be told. So it is most of the time.
    #[inline]
    pub(super) fn is_at_rest(&self) -> bool {
        let Phase::Open(conn) = &self.phase else { return false };
        let marked = self.blocked | self.backlogged | self.paused | self.unread;
        conn.is_at_rest() && self.outbox.is_none() && self.counted == 0 && !marked && self.again == Again::No
    }

    /// Whether something waits to be written; not so what waits for the end of a message in parts.
    pub(super) fn is_backed_up(&self) -> bool {
        self.outbox.as_ref().is_some_and(|outbox| !outbox.is_empty())
    }

    /// Whether a flush could do something for it.
    pub(super) fn wants_flush(&self) -> bool {
        self.outbox.is_some() || self.unread || matches!(self.phase, Phase::Ending)
    }

    /// Whether its queue is so long that it is not listened to.
    pub(super) fn has_backlog(&self, soft: usize) -> bool {
        self.is_backed_up() && self.outbox.as_ref().is_some_and(|outbox| outbox.held() >= soft)
    }
}

#[derive(Debug)]
pub(super) enum Phase {
    /// Before a request, which may be one for a 101; with a part of it, if it came in parts.
    Handshake(Option<Box<ServerHandshake>>),
    /// A plain request's head is read, its body is not.
    Body(Box<Unfinished>),
    /// A plain request that is not answered, or not to the end.
    Http(Exchange),
    /// A connection of ours that is not open yet.
    Dial(Box<Dial>),
    Open(Connection),
    /// Over: what is queued is written, then our end is closed, then input is discarded until the peer's is.
    Ending,
}

/// Opening a connection.
#[derive(Debug)]
pub(super) struct Dial {
    pub(super) request: ClientRequest,
    nonce: [u8; 16],
    pub(super) progress: Progress,
    /// Those that are left to be tried.
    pub(super) addresses: VecDeque<SocketAddr>,
    /// How many were tried, which names the one that is being tried.
    pub(super) attempt: u32,
    /// For TCP.
    pub(super) deadline: Duration,
    /// The right to shake hands with the address.
    pub(super) turn: Option<Turn>,
    /// What to report when no address is left.
    pub(super) failure: ClientError,
}

#[derive(Debug, Default)]
pub(super) enum Progress {
    /// For the time to begin, for an address, or for its turn.
    #[default]
    Waiting,
    Connecting,
    Handshake(ClientHandshake),
}

/// Who closes TCP first, once a connection is over (RFC 6455 §7.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OurEnd {
    /// A server: our end is closed, then the peer's is waited for.
    ClosesFirst,
    /// The same, but the connection is over: both Close frames are exchanged, and nothing stood behind the peer's.
    Leaves,
    /// A client, unless the server takes too long.
    ClosesLast,
    /// It is closed for writing.
    Closed,
}

/// Whether a connection has another turn without an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Again {
    No,
    /// The last read did not empty the socket.
    More,
    /// No event will tell of more: read to the end.
    ToTheEnd,
}

impl<D: Default> Hub<D> {
    pub(super) fn new(mut config: Config, now: Duration, remote: Remote) -> Self {
        // An empty queue is no backlog.
        config.soft_queue = config.soft_queue.max(1);
        config.connections = config.connections.min(slab::MOST);
        remote.inbox().begin(&config);
        let timers = Timers::new(&config, now);
        #[cfg_attr(not(feature = "deflate"), allow(unused_mut))]
        let mut cork = masking_output();
        #[cfg(feature = "deflate")]
        if let Some(deflate) = &config.deflate {
            cork.set_deflate(deflate);
        }
        Self {
            records: Slab::new(remote.worker() as u8),
            topics: Topics::new(),
            log: PublishLog::default(),
            output: Output::new(cork, config.soft_queue),
            ticks: timers.ticks(now),
            timers,
            config,
            now,
            touched: Vec::new(),
            ended: Vec::new(),
            cut: Vec::new(),
            held: 0,
            remote,
            requests: 0,
            stopping: false,
            stats: Counters::default(),
            scratch: masking_output(),
            places: Vec::new(),
            elsewhere: Vec::new(),
            stop: false,
            taken_over: false,
        }
    }
}

impl<D> Hub<D> {
    pub(super) fn insert(&mut self, phase: Phase, data: D) -> PeerId {
        let peer = self.records.insert(Record {
            phase,
            outbox: None,
            position: self.log.next(),
            counted: 0,
            policy: self.config.policy,
            blocked: false,
            backlogged: false,
            paused: false,
            unread: false,
            again: Again::No,
            our_end: OurEnd::ClosesFirst,
            at_eof: false,
            data,
        });
        *self.timers.clock(peer.index()) = Default::default();
        peer
    }

    /// Begins to open a connection after a while.
    pub(super) fn connect(&mut self, after: Duration, request: &ClientRequest, data: D) -> Result<PeerId, ClientError> {
        if request.is_secure() {
            return Err(ClientError::TlsUnsupported);
        }
        request.check()?;
        if self.stopping {
            return Err(ClientError::Stopped);
        }
        let dial = Dial {
            request: request.clone(),
            nonce: random::nonce().map_err(ClientError::Random)?,
            progress: Progress::Waiting,
            addresses: VecDeque::new(),
            attempt: 0,
            deadline: Duration::ZERO,
            turn: None,
            failure: ClientError::Resolve(io::Error::new(io::ErrorKind::NotFound, "the host has no address")),
        };
        let peer = self.insert(Phase::Dial(Box::new(dial)), data);
        self.timers.await_at(self.now.saturating_add(after), peer, Expired::Dial);
        Ok(peer)
    }

    /// TCP is open: asks for the connection.
    pub(super) fn start_handshake(&mut self, index: u32) -> Result<(), UsageError> {
        if let Some(Phase::Dial(dial)) = self.records.get_mut(index).map(|record| &mut record.phase) {
            let handshake = dial.request.start(dial.nonce, &mut self.output.cork)?;
            dial.progress = Progress::Handshake(handshake);
        }
        Ok(())
    }

    pub(super) fn set_now(&mut self, now: Duration) {
        self.now = now;
        self.ticks = self.timers.ticks(now);
    }

    /// Whether the connection's turn without an event has to read to the end; it is having it now.
    pub(super) fn take_again(&mut self, index: u32) -> Again {
        self.records.get_mut(index).map_or(Again::No, |record| core::mem::replace(&mut record.again, Again::No))
    }

    /// Whether there is more to do at the end of a turn than to write.
    #[inline]
    pub(super) fn has_more_to_do(&self) -> bool {
        self.has_ended_some() || self.log.is_long()
    }

    /// Whether handlers are to be told of ends.
    pub(super) fn has_ended_some(&self) -> bool {
        !self.ended.is_empty() || !self.cut.is_empty()
    }

    /// Whether there is something to do that no event will tell of.
    pub(super) fn has_work(&self) -> bool {
        self.stop
            || !self.elsewhere.is_empty()
            || !self.log.is_empty()
            || !self.touched.is_empty()
            || !self.ended.is_empty()
    }

    /// What is queued is written, then our end is closed; for the peer's there is a deadline.
    pub(super) fn begin_ending(&mut self, index: u32) {
        let id = self.records.id(index);
        if let Some(record) = self.records.get_mut(index) {
            match &record.phase {
                Phase::Http(_) => self.stats.http_waiting -= 1,
                Phase::Body(unfinished) => self.cut.push(unfinished.id),
                _ => {}
            }
            record.phase = Phase::Ending;
            self.timers.await_close(id, self.now);
            if let Some(outbox) = &mut record.outbox {
                let before = outbox.held();
                outbox.drop_aside();
                self.held -= before - outbox.held();
                if outbox.is_over() {
                    record.outbox = None;
                }
            }
        }
        self.recount(index);
    }

    /// Bytes that wait to be written to a connection.
    pub(super) fn queued(&self, index: u32) -> usize {
        let corked = if index == self.output.index { self.output.len() } else { 0 };
        corked + self.records.get(index).and_then(|record| record.outbox.as_ref()).map_or(0, |outbox| outbox.held())
    }

    /// Sends a message, behind everything that was sent or published to the connection before.
    pub(super) fn send(&mut self, index: u32, message: MessageRef<'_>) -> Sent {
        if let Some(sent) = self.send_calmly(index, &message) {
            return sent;
        }
        let large = message.as_bytes().len() >= LARGE
            && (message.is_shareable() || self.place_of(index, &message).is_some())
            && !self.rewrites(index);
        if self.open_connection(index).is_none() {
            return Sent::Dropped;
        }
        self.catch_up(index);
        if !self.admit(index) {
            return Sent::Dropped;
        }
        let unit = self.unit(index);
        let sent = if self.is_sending_parts(index) {
            self.send_aside(index, message, unit);
            Ok(())
        } else if large {
            self.send_shared(index, message, unit)
        } else {
            self.emit(index, unit, |conn, output| conn.send(message, output))
        };
        if sent.is_err() {
            return Sent::Dropped;
        }
        self.judge(index)
    }

    /// Sends a part of a message. Once the first is admitted the others are: half a message is of no use.
    pub(super) fn send_part(&mut self, index: u32, part: MessageRef<'_>, last: bool) -> Result<Sent, UsageError> {
        if self.open_connection(index).is_none() {
            return Ok(Sent::Dropped);
        }
        if !self.is_sending_parts(index) {
            self.catch_up(index);
            if !self.admit(index) {
                return Ok(Sent::Dropped);
            }
        }
        self.emit(index, Unit::Fixed, |conn, output| conn.send_part(part, last, output))?;
        if last && self.records.get(index).is_some_and(|record| record.outbox.is_some()) {
            self.queue(index, Outbox::release);
            self.forget_sent(index);
        }
        Ok(self.judge(index))
    }

    /// Tells whether to go easy.
    fn judge(&mut self, index: u32) -> Sent {
        if self.queued(index) < self.config.soft_queue {
            return Sent::Queued;
        }
        if let Some(record) = self.records.get_mut(index) {
            record.backlogged = true;
        }
        Sent::Backlogged
    }

    /// Queues a whole message behind the one that is being sent in parts.
    fn send_aside(&mut self, index: u32, message: MessageRef<'_>, unit: Unit) {
        let len = message.as_bytes().len();
        let header = FrameHeader::new(message.kind().opcode(), len as u64);
        if self.masks(index) {
            return self.queue_masked(index, header, message.as_bytes(), unit);
        }
        self.output.cork.count(&header);
        let header = header.encode();
        let payload = message.into_bytes();
        self.queue(index, |outbox| {
            outbox.put_aside(|outbox| {
                outbox.push_copy(&header, unit);
                outbox.push_shared(payload, len, if unit == Unit::Message { Unit::Rest } else { unit });
            });
        });
    }

    /// Queues what `write` makes of the connection, behind everything queued for it before.
    pub(super) fn emit(
        &mut self,
        index: u32,
        unit: Unit,
        write: impl FnOnce(&mut Connection, &mut SendBuffer) -> Result<(), UsageError>,
    ) -> Result<(), UsageError> {
        let turn_len = self.output.len();
        let Some(record) = self.records.get_mut(index) else { return Err(UsageError::NotOpen) };
        let Phase::Open(conn) = &mut record.phase else { return Err(UsageError::NotOpen) };
        if index == self.output.index && record.outbox.is_none() {
            // What is in the cork can be dropped no more.
            if unit == Unit::Fixed || turn_len < self.config.soft_queue {
                return write(conn, &mut self.output.cork);
            }
        }
        self.scratch.swap_compressors(&mut self.output.cork);
        let written = write(conn, &mut self.scratch);
        self.scratch.swap_compressors(&mut self.output.cork);
        if unit != Unit::Fixed {
            // It may be dropped yet, and then nothing may refer to it.
            conn.forget_sent();
        }
        let frames = core::mem::take(&mut self.scratch);
        self.queue(index, |outbox| outbox.push_copy(frames.pending(), unit));
        self.scratch = frames;
        self.scratch.consume(self.scratch.pending().len());
        written
    }

    /// Starts the closing handshake.
    pub(super) fn close(&mut self, index: u32, code: CloseCode, reason: &str) -> Result<(), UsageError> {
        self.catch_up(index);
        self.emit(index, Unit::Fixed, |conn, output| conn.close(code, reason, output))?;
        self.timers.await_close(self.records.id(index), self.now);
        // The peer's Close must be heard.
        self.pause(index, false);
        Ok(())
    }

    /// Its handler did.
    #[cold]
    pub(super) fn panicked(&mut self, index: u32) {
        self.stats.panics += 1;
        self.fail(index, Cause::Panicked);
    }

    /// Fails a connection for a reason of ours: its peer is told, and its handler will be.
    pub(super) fn fail(&mut self, index: u32, cause: Cause<'static>) {
        let Some((code, reason)) = cause.told() else { return };
        if self.emit(index, Unit::Fixed, |conn, output| conn.fail(code, reason, output)).is_ok() {
            self.ended.push((self.records.id(index), cause));
        }
        self.recount(index);
    }

    /// Brings [`held`](Self::held) up to date with a connection's unfinished message or request, and its windows. Returns
    /// whether that grew.
    pub(super) fn recount(&mut self, index: u32) -> bool {
        let Some(record) = self.records.get_mut(index) else { return false };
        let now = match &record.phase {
            Phase::Open(conn) => conn.held(),
            Phase::Handshake(Some(unfinished)) => unfinished.assembled_len(),
            Phase::Body(unfinished) => unfinished.len(),
            _ => 0,
        };
        let before = core::mem::replace(&mut record.counted, now);
        self.held = self.held - before + now;
        now > before
    }

    /// Takes a connection out of the table; `false` if it was not there.
    pub(super) fn remove(&mut self, index: u32) -> bool {
        let Some(record) = self.records.remove(index) else { return false };
        self.stats.http_waiting -= usize::from(matches!(record.phase, Phase::Http(_)));
        self.held -= record.counted + record.outbox.map_or(0, |outbox| outbox.held());
        self.topics.remove(index);
        true
    }

    pub(super) fn stats(&self) -> Stats {
        let mut sent = self.output.traffic();
        sent.add(self.scratch.traffic());
        let now = Now {
            connections: self.records.len(),
            held: self.held,
            inbox: self.remote.inbox().held(),
            topics: self.topics.len(),
            subscriptions: self.topics.subscriptions(),
        };
        Stats::new(&self.stats, sent, &now)
    }

    /// Header by copy, payload by reference.
    fn send_shared(&mut self, index: u32, message: MessageRef<'_>, unit: Unit) -> Result<(), UsageError> {
        self.spill(index);
        let (kind, len) = (message.kind(), message.as_bytes().len());
        self.emit(index, unit, |conn, output| conn.send_header(kind, len as u64, output).map(drop))?;
        let unit = if unit == Unit::Message { Unit::Rest } else { unit };
        if let Some(place) = self.place_of(index, &message) {
            self.output.leaves_received = true;
            self.queue(index, |outbox| outbox.push_received(place, unit));
        } else {
            self.queue(index, |outbox| match message.into_assembled() {
                Ok(message) => outbox.push_assembled(Box::new(message), unit),
                Err(message) => outbox.push_shared(message.into_bytes(), len, unit),
            });
        }
        Ok(())
    }

    /// Where in the loop's input the payload lies, if it can leave from there at the end of the turn.
    fn place_of(&self, index: u32, message: &MessageRef<'_>) -> Option<Range<usize>> {
        if index == self.output.index { message.received_in(&self.output.input) } else { None }
    }

    /// Appends to a connection's outbox, behind what its cork holds.
    pub(super) fn queue(&mut self, index: u32, push: impl FnOnce(&mut Outbox)) {
        self.spill(index);
        let Some(record) = self.records.get_mut(index) else { return };
        let outbox = record.outbox.get_or_insert_default();
        let before = outbox.held();
        push(outbox);
        self.held += outbox.held() - before;
        if index != self.output.index {
            self.touched.push(self.records.id(index));
        }
    }

    /// Moves what the turn has brought behind the outbox, if it is this connection's.
    pub(super) fn spill(&mut self, index: u32) {
        if index != self.output.index || self.output.len() == 0 {
            return;
        }
        if let Some(record) = self.records.get_mut(index) {
            let outbox = record.outbox.get_or_insert_default();
            let before = outbox.held();
            if !self.output.replies.is_empty() {
                self.output.leaves_received = true;
                outbox.push_received(self.output.replies.clone(), Unit::Fixed);
            }
            outbox.push_copy(self.output.cork.pending(), Unit::Fixed);
            self.held += outbox.held() - before;
        }
        self.output.written(self.output.len());
        self.output.cork.set_backed_up(true);
    }

    /// Whether a message may be queued; does what the policy says if not.
    pub(super) fn admit(&mut self, index: u32) -> bool {
        let out_of_memory = self.is_out_of_memory();
        if self.queued(index) < self.config.hard_queue && !out_of_memory {
            return true;
        }
        let Some(record) = self.records.get_mut(index) else { return false };
        match record.policy {
            Policy::KeepLatest => {
                if let Some(outbox) = &mut record.outbox {
                    let before = outbox.held();
                    self.stats.dropped += outbox.drop_messages() as u64;
                    self.held -= before - outbox.held();
                }
                let room = !self.is_out_of_memory();
                self.stats.dropped += u64::from(!room);
                room
            }
            Policy::DropNewest => {
                self.stats.dropped += 1;
                false
            }
            Policy::Close if out_of_memory => {
                self.fail(index, Cause::OutOfMemory);
                false
            }
            Policy::Close => {
                self.fail(index, Cause::QueueFull);
                false
            }
        }
    }

    /// Whether nothing more may be held.
    pub(super) fn is_out_of_memory(&self) -> bool {
        self.held >= self.config.memory
    }

    /// What the application keeps for a connection that is in the table, as that of every [`Peer`](super::Peer) is.
    pub(super) fn data(&self, index: u32) -> &D {
        &self.records.get(index).expect("a peer's record").data
    }

    pub(super) fn data_mut(&mut self, index: u32) -> &mut D {
        &mut self.records.get_mut(index).expect("a peer's record").data
    }

    pub(super) fn is_open(&self, index: u32) -> bool {
        self.open_connection(index).is_some()
    }

    /// Whether the rest of what a connection asked for must wait: it is paused, or half its queue is full of replies.
    pub(super) fn must_wait(&self, index: u32) -> bool {
        self.records.get(index).is_some_and(|record| record.paused) || self.queued(index) >= self.enough()
    }

    /// With so much queued, half of what may be, a connection is not listened to.
    pub(super) fn enough(&self) -> usize {
        (self.config.hard_queue / 2).max(self.config.soft_queue)
    }

    pub(super) fn pause(&mut self, index: u32, paused: bool) {
        let paused = paused && self.is_open(index);
        let ticks = self.ticks;
        let clock = self.timers.clock(index);
        clock.heard = ticks;
        // The time it was not listened to is not the peer's.
        if clock.message_began != 0 {
            clock.message_began = ticks;
        }
        if let Some(record) = self.records.get_mut(index) {
            record.paused = paused;
            self.touched.push(self.records.id(index));
        }
    }

    /// Whether that very connection is still there, and open.
    pub(super) fn is_there(&self, peer: PeerId) -> bool {
        self.records.contains(peer) && self.is_open(peer.index())
    }

    /// Whether a message is being sent in parts, so that no other may begin.
    pub(super) fn is_sending_parts(&self, index: u32) -> bool {
        self.open_connection(index).is_some_and(Connection::is_sending_parts)
    }

    /// Whether this is a client's end, which masks what it sends.
    pub(super) fn masks(&self, index: u32) -> bool {
        self.open_connection(index).is_some_and(|conn| conn.role() == Role::Client)
    }

    fn open_connection(&self, index: u32) -> Option<&Connection> {
        match self.records.get(index).map(|record| &record.phase) {
            Some(Phase::Open(conn)) if conn.state() == State::Open => Some(conn),
            _ => None,
        }
    }

    fn unit(&self, index: u32) -> Unit {
        match self.records.get(index).map(|record| record.policy) {
            Some(Policy::KeepLatest) => Unit::Message,
            _ => Unit::Fixed,
        }
    }
}
