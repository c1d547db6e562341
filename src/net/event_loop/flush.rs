//! Output: the cork at the end of a turn, queues when a socket has room again, and the log of published messages.

use std::io;
use std::vec::Vec;

use super::{EventLoop, call, end};
use crate::buffer::Traffic;
use crate::connection::{Role, State};
use crate::net::handler::Handler;
use crate::net::hub::{Again, Hub, OurEnd, Phase, Record, class_of};
use crate::net::slab::PeerId;
use crate::net::transport::Transport;
use crate::pubsub::{Class, Place, TopicId};

/// What the transport did with bytes that were offered to it.
enum Written {
    All,
    /// So many; the socket is full.
    Part(usize),
    Lost(io::ErrorKind),
}

impl Written {
    /// `None` if nothing happened yet.
    fn of(outcome: io::Result<usize>, len: usize) -> Option<Self> {
        Some(match outcome {
            Ok(n) if n == len => Self::All,
            Ok(0) => Self::Lost(io::ErrorKind::WriteZero),
            Ok(n) => Self::Part(n),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Self::Part(0),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return None,
            Err(error) => Self::Lost(error.kind()),
        })
    }
}

impl<H: Handler, T: Transport> EventLoop<H, T> {
    /// The turn of a connection is over: everything it queued leaves now.
    pub(super) fn finish_turn(&mut self, index: u32) {
        if self.hub.has_ended_some() {
            self.report_ended();
        }
        self.flush(index);
        if core::mem::take(&mut self.hub.output.leaves_received) {
            // The next read is near.
            if let Some(outbox) = self.hub.records.get_mut(index).and_then(|record| record.outbox.as_mut()) {
                outbox.keep(self.input.as_bytes());
            }
        }
        self.hub.end_turn();
        if self.hub.log.is_long() {
            self.flush_log();
        }
    }

    /// A socket has room again.
    pub(super) fn writable(&mut self, peer: PeerId) {
        if let Some(record) = self.hub.records.get_mut(peer.index()) {
            record.blocked = false;
        }
        self.flush_outside_turn(peer);
    }

    /// Everything that turns left behind.
    pub(super) fn settle(&mut self) {
        for peer in core::mem::take(&mut self.drained) {
            if !self.hub.records.contains(peer) {
                continue;
            }
            if self.hub.is_answering(peer.index()) {
                self.drained_http(peer.index());
            } else if self.hub.is_open(peer.index()) {
                self.hub.begin_turn(peer.index());
                call(&mut self.handler, &mut self.hub, peer.index(), |handler, peer| handler.drain(peer));
                self.finish_turn(peer.index());
                self.hub.recount(peer.index());
            }
        }
        if self.hub.has_ended_some() {
            self.report_ended();
        }
        self.flush_log();
        for peer in core::mem::take(&mut self.hub.touched) {
            self.flush_outside_turn(peer);
        }
    }

    #[cold]
    fn report_ended(&mut self) {
        for (peer, cause) in core::mem::take(&mut self.hub.ended) {
            if self.hub.records.contains(peer) {
                end(&mut self.handler, &mut self.hub, peer.index(), &cause);
            }
        }
        for request in core::mem::take(&mut self.hub.cut) {
            self.cancelled(request);
        }
    }

    fn flush_outside_turn(&mut self, peer: PeerId) {
        if self.hub.records.contains(peer) && self.hub.records.get(peer.index()).is_some_and(Record::wants_flush) {
            self.hub.begin_turn(peer.index());
            self.flush(peer.index());
            self.hub.end_turn();
            // What was sent may be referred to; only a turn with a read counts that by itself.
            self.hub.recount(peer.index());
        }
    }

    /// Writes what the connection whose turn it is has queued.
    fn flush(&mut self, index: u32) {
        loop {
            if let Err(kind) = self.write_output(index).and_then(|_| self.write_outbox(index)) {
                return self.lost(index, kind);
            }
            // A Pong that was kept back for want of room.
            let hub = &mut self.hub;
            let Some(record) = hub.records.get_mut(index) else { return };
            hub.output.cork.set_backed_up(record.is_backed_up());
            if let Phase::Open(conn) = &mut record.phase {
                conn.resume(&mut hub.output.cork);
            }
            if hub.output.cork.is_empty() {
                break;
            }
        }
        self.flushed(index);
    }

    /// Writes what the turn has brought. Returns whether that is all; if not, the rest is in the outbox.
    pub(super) fn write_output(&mut self, index: u32) -> Result<bool, io::ErrorKind> {
        let hub = &mut self.hub;
        let turn_len = hub.output.len();
        let Some(record) = hub.records.get_mut(index) else { return Ok(true) };
        if turn_len == 0 {
            return Ok(true);
        }
        if record.outbox.is_none() {
            let Some(stream) = &mut self.streams[index as usize] else { return Ok(true) };
            let is_last = matches!(record.phase, Phase::Ending) && record.our_end != OurEnd::ClosesLast;
            let how = if is_last { T::write_last } else { T::write };
            let (replies, corked) = (hub.output.replies_in(self.input.as_bytes()), hub.output.cork.pending());
            let written = match (replies, corked) {
                (bytes, []) | ([], bytes) => write(&mut self.transport, stream, bytes, how),
                _ => write_vectored(&mut self.transport, stream, &[replies, corked].map(io::IoSlice::new)),
            };
            match written {
                Written::All => {
                    hub.output.written(turn_len);
                    return Ok(true);
                }
                Written::Part(n) => {
                    record.blocked = true;
                    hub.output.written(n);
                }
                Written::Lost(kind) => return Err(kind),
            }
        }
        hub.spill(index);
        Ok(false)
    }

    fn write_outbox(&mut self, index: u32) -> Result<(), io::ErrorKind> {
        let hub = &mut self.hub;
        let ticks = hub.ticks;
        let clock = hub.timers.clock(index);
        let Some(record) = hub.records.get_mut(index) else { return Ok(()) };
        let Some(outbox) = &mut record.outbox else { return Ok(()) };
        if outbox.is_empty() {
            if outbox.is_over() {
                record.outbox = None;
            }
            clock.stalled = 0;
            return Ok(());
        }
        if clock.stalled == 0 {
            clock.stalled = ticks;
        }
        if record.blocked {
            return Ok(());
        }
        let Some(stream) = &mut self.streams[index as usize] else { return Ok(()) };
        let (transport, before) = (&mut self.transport, outbox.held());
        let mut progress = false;
        let outcome = outbox.write(self.input.as_bytes(), |slices| {
            let written = match slices {
                [slice] => transport.write(stream, slice),
                slices => transport.write_vectored(stream, slices),
            };
            progress |= written.is_ok();
            written
        });
        hub.held -= before - outbox.held();
        if let Some(message) = outbox.take_spent() {
            self.input.keep(message);
        }
        if progress {
            clock.stalled = ticks;
        }
        match outcome {
            Ok(true) => {
                if outbox.is_over() {
                    record.outbox = None;
                }
                clock.stalled = 0;
            }
            Ok(false) => record.blocked = true,
            Err(error) => return Err(error.kind()),
        }
        Ok(())
    }

    /// What becomes possible once a queue has shrunk.
    fn flushed(&mut self, index: u32) {
        let peer = self.hub.records.id(index);
        let soft = self.hub.config.soft_queue;
        self.hub.tell_unwritten(index);
        let Some(record) = self.hub.records.get_mut(index) else { return };
        if !record.has_backlog(soft) {
            if core::mem::take(&mut record.backlogged) {
                self.drained.push(peer);
            }
            let listens = !record.paused && !matches!(record.phase, Phase::Http(_));
            if listens && core::mem::take(&mut record.unread) {
                self.come_back(peer, Again::ToTheEnd);
            }
        }
        if !matches!(self.hub.phase(index), Some(Phase::Ending)) {
            return;
        }
        // Nobody comes back to it.
        self.unpark(index);
        let Some(record) = self.hub.records.get_mut(index) else { return };
        if record.outbox.is_some() {
            return;
        }
        if record.our_end == OurEnd::Leaves {
            return self.leave(index);
        }
        if record.our_end == OurEnd::ClosesFirst {
            record.our_end = OurEnd::Closed;
            let ticks = self.hub.ticks;
            self.hub.timers.clock(index).stalled = ticks;
            if let Some(stream) = &mut self.streams[index as usize]
                && self.transport.shut_down(stream).is_err()
            {
                return self.remove(index);
            }
        }
        if record.at_eof {
            self.remove(index);
        }
    }

    /// Gives every subscriber its share of what was published.
    pub(super) fn flush_log(&mut self) {
        if !self.hub.elsewhere.is_empty() {
            // First, so that the other loops write at the same time.
            let published = core::mem::take(&mut self.hub.elsewhere);
            let (many, deaf) = (published.len() as u64, self.hub.remote.publish_elsewhere(published) as u64);
            self.hub.stats.dropped += many * deaf;
        }
        if self.hub.log.is_empty() {
            return;
        }
        let topics = self.hub.log.topics();
        // All that was published went to one topic: the same bytes for all its subscribers.
        let only = self.hub.log.only_topic();
        let mut common =
            Common { shares: only.map(|_| Vec::new()), start: self.hub.log.start(), end: self.hub.log.next() };
        let mut lost = Vec::new();
        for &topic in &topics {
            let mut nth = 0;
            let mut batch = Batch::default();
            while let Some(&index) = self.hub.topics.subscribers_of(topic).get(nth) {
                if nth == batch.end {
                    self.write_batch(topic, nth, &mut common, &mut batch);
                }
                nth += 1;
                let written = batch.written_to(index);
                if let Err(kind) = self.deliver(index, &mut common, written) {
                    lost.push((self.hub.records.id(index), kind));
                }
            }
            batch.debug_assert_told();
        }
        self.hub.log.clear();
        for share in common.shares.iter().flatten() {
            self.hub.stats.published.add_times(&share.traffic, share.taken);
        }
        for (peer, kind) in lost {
            if self.hub.records.contains(peer) {
                self.lost(peer.index(), kind);
            }
        }
    }

    /// Writes to the next subscribers of a topic at once, as far as they get the same bytes and nothing lies before these;
    /// the others are left to [`deliver`](Self::deliver).
    fn write_batch(&mut self, topic: TopicId, nth: usize, common: &mut Common, batch: &mut Batch) {
        let hub = &mut self.hub;
        let subscribers = hub.topics.subscribers_of(topic);
        let many = self.transport.batch(subscribers.len());
        let rest = &subscribers[nth..];
        batch.debug_assert_told();
        batch.writes.clear();
        batch.met = 0;
        batch.end = usize::MAX;
        let Some(shares) = &mut common.shares else { return };
        if many == 0 {
            return;
        }
        let next = &rest[..rest.len().min(many)];
        batch.end = nth + next.len();
        let mut class = None;
        for &index in next {
            let Some(record) = hub.records.get(index) else { continue };
            let is_due = record.position <= common.start && !hub.log.is_at_end(record.position);
            let takes_it =
                record.outbox.is_none() && hub.is_open(index) && !hub.masks(index) && !hub.is_sending_parts(index);
            if is_due && takes_it && *class.get_or_insert(hub.class(index)) == hub.class(index) {
                batch.writes.push((index, Err(io::ErrorKind::Interrupted.into())));
            }
        }
        let Some(class) = class else { return };
        let share = Common::share_of(shares, hub, class);
        match &share.places[..] {
            [place] => {
                let piece = hub.log.piece(place);
                batch.len = piece.bytes().len();
                self.transport.write_each(&mut self.streams, &mut batch.writes, piece.bytes());
            }
            _ => batch.writes.clear(),
        }
    }

    /// Writes to one subscriber what it has not had of the log, and queues what its socket does not take. `tried` is what
    /// came of it if that was written already.
    fn deliver(&mut self, index: u32, common: &mut Common, tried: Option<Written>) -> Result<(), io::ErrorKind> {
        let hub = &mut self.hub;
        // In the usual case the one look at the record.
        let Some(record) = hub.records.get_mut(index) else { return Ok(()) };
        let position = core::mem::replace(&mut record.position, common.end);
        let Phase::Open(conn) = &mut record.phase else { return Ok(()) };
        if position >= common.end || conn.state() != State::Open {
            return Ok(());
        }
        conn.forget_sent();
        let class = class_of(conn);
        // The log's frames have no mask, and must not come between the parts of a message.
        let as_it_is = conn.role() == Role::Server && !conn.is_sending_parts();
        let direct = as_it_is && record.outbox.is_none();
        let mut own;
        let (share, is_common) = match &mut common.shares {
            Some(shares) if position <= common.start => (Common::share_of(shares, hub, class), true),
            _ => {
                own = Share::new(class);
                own.traffic = hub.collect(index, position, &mut own.places);
                (&mut own, false)
            }
        };
        let mut written = 0;
        if direct {
            let Some(stream) = &mut self.streams[index as usize] else { return Ok(()) };
            let outcome = match &share.places[..] {
                [place] => {
                    let piece = hub.log.piece(place);
                    tried.unwrap_or_else(|| write(&mut self.transport, stream, piece.bytes(), T::write))
                }
                places => {
                    let pieces: Vec<_> = places.iter().map(|place| hub.log.piece(place)).collect();
                    let slices: Vec<_> = pieces.iter().map(|piece| io::IoSlice::new(piece.bytes())).collect();
                    write_vectored(&mut self.transport, stream, &slices)
                }
            };
            match outcome {
                Written::All if is_common => {
                    // Counted once for all who took it.
                    share.taken += 1;
                    return Ok(());
                }
                Written::All => {
                    hub.stats.published.add(&share.traffic);
                    return Ok(());
                }
                Written::Part(0) if hub.is_out_of_memory() => {
                    if let Some(record) = hub.records.get_mut(index) {
                        record.blocked = true;
                    }
                    // Which it is not: the policy decides.
                    hub.admit(index);
                    return Ok(());
                }
                // The rest of it cannot be kept.
                Written::Part(_) if hub.is_out_of_memory() => return Err(io::ErrorKind::OutOfMemory),
                Written::Part(n) => written = n,
                Written::Lost(kind) => return Err(kind),
            }
            if let Some(record) = hub.records.get_mut(index) {
                record.blocked = true;
            }
        } else if !hub.admit(index) {
            return Ok(());
        }
        hub.count_published(index, &share.traffic);
        hub.queue_places(index, &share.places, written);
        Ok(())
    }
}

/// The whole log, for those who have had nothing of it: by class of subscribers, once somebody of it is met. `None` if not
/// all of it is for all of them.
struct Common {
    shares: Option<Vec<Share>>,
    start: u64,
    /// Where everybody is afterwards.
    end: u64,
}

/// What one call wrote to many subscribers.
#[derive(Default)]
struct Batch {
    /// In the order of the subscribers, without those that get something else.
    writes: Vec<(u32, io::Result<usize>)>,
    /// How many bytes each was to get.
    len: usize,
    /// How many of them were asked for.
    met: usize,
    /// The subscriber that the next batch begins with.
    end: usize,
}

impl Batch {
    /// What came of it for the subscriber that is next; `None` if it is not in the batch, or must be written to again.
    #[inline]
    fn written_to(&mut self, index: u32) -> Option<Written> {
        let (_, outcome) = self.writes.get_mut(self.met).filter(|(of, _)| *of == index)?;
        self.met += 1;
        Written::of(core::mem::replace(outcome, Ok(0)), self.len)
    }

    /// Who is left out here would get the same bytes again.
    fn debug_assert_told(&self) {
        debug_assert_eq!(self.met, self.writes.len());
    }
}

/// What subscribers of a class get.
struct Share {
    class: Class,
    places: Vec<Place>,
    traffic: Traffic,
    /// How many took all of it at once.
    taken: u64,
}

impl Common {
    #[inline]
    fn share_of<'c, D>(shares: &'c mut Vec<Share>, hub: &mut Hub<D>, class: Class) -> &'c mut Share {
        let at = match shares.iter().position(|share| share.class == class) {
            Some(at) => at,
            None => {
                let mut share = Share::new(class);
                share.traffic = hub.collect_for(class, 0, |_| true, &mut share.places);
                shares.push(share);
                shares.len() - 1
            }
        };
        &mut shares[at]
    }
}

impl Share {
    const fn new(class: Class) -> Self {
        Self { class, places: Vec::new(), traffic: Traffic::NONE, taken: 0 }
    }
}

#[inline]
fn write<T: Transport>(
    transport: &mut T,
    stream: &mut T::Stream,
    bytes: &[u8],
    how: impl Fn(&mut T, &mut T::Stream, &[u8]) -> io::Result<usize>,
) -> Written {
    loop {
        if let Some(written) = Written::of(how(transport, stream, bytes), bytes.len()) {
            return written;
        }
    }
}

fn write_vectored<T: Transport>(transport: &mut T, stream: &mut T::Stream, slices: &[io::IoSlice<'_>]) -> Written {
    /// What the system takes in one call.
    const IOV_MAX: usize = 1024;
    let mut total = 0;
    for batch in slices.chunks(IOV_MAX) {
        let len: usize = batch.iter().map(|slice| slice.len()).sum();
        let n = loop {
            match transport.write_vectored(stream, batch) {
                Ok(0) => return Written::Lost(io::ErrorKind::WriteZero),
                Ok(n) => break n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break 0,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Written::Lost(error.kind()),
            }
        };
        total += n;
        if n < len {
            return Written::Part(total);
        }
    }
    Written::All
}
