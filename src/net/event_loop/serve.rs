//! A connection's turn: what was read goes through the handshake, the protocol and the handler.

use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::vec::Vec;

use super::{EventLoop, LARGE_MESSAGE, LARGE_READ, LARGE_TURN, RECEIVE_CAPACITY, call, end};
use crate::buffer::Returned;
use crate::connection::State;
use crate::message::{Event, InvalidText};
use crate::net::client::ClientError;
use crate::net::handler::{Cause, Handler};
use crate::net::hub::{Again, Hub, Offer, OurEnd, Phase, Record};
use crate::net::peer::Peer;
use crate::net::slab::PeerId;
use crate::net::transport::{Received, Transport};

impl<H: Handler, T: Transport> EventLoop<H, T> {
    /// Reads, once unless it is a large message, and deals with it. `to_the_end`: no event will come, so that reading must go on by itself.
    pub(super) fn serve(&mut self, peer: PeerId, to_the_end: bool) {
        let index = peer.index();
        let Some(record) = self.hub.records.find(peer) else { return };
        let ending = matches!(record.phase, Phase::Ending);
        let backlog = record.paused || record.has_backlog(self.hub.config.soft_queue);
        let held = matches!(record.phase, Phase::Http(_));
        // Nobody may tell of the end of file behind what was read: one more look.
        let looks = to_the_end && !self.parked.contains_key(&index);
        if (held && !looks) || (!ending && !held && backlog) {
            // Paused, or it waits for an answer, or does not take what it has: no more of its requests for now, and TCP
            // tells it to wait.
            record.unread = true;
            return;
        }
        if !self.parked.is_empty() && self.serve_parked(peer) {
            return;
        }
        self.hub.begin_turn(index);
        let first = self.read(index);
        self.take_turn(peer, first, to_the_end);
    }

    /// The turn of a connection at rest, which is nearly every turn: a read that brings whole messages, and a write of what
    /// is said to them. All else goes the longer way, from where it stands.
    pub(super) fn quick_turn(&mut self, peer: PeerId) {
        let index = peer.index();
        let Some(stream) = &mut self.streams[index as usize] else { return };
        self.hub.begin_turn_at_rest(index);
        let first = self.transport.read(stream, share(self.input.spare(), self.after_large));
        let len = match first {
            Ok(Received { len, drained: true }) if len != 0 => len,
            _ => return self.take_turn(peer, first, false),
        };
        self.hub.heard(index);
        self.input.filled(len);
        let delivered = self.usual_messages(index);
        if self.is_over_so_far(index) && !self.hub.has_more_to_do() {
            match self.write_output(index) {
                Ok(true) => return self.hub.end_turn(),
                Ok(false) => {}
                Err(kind) => self.lost(index, kind),
            }
        } else {
            self.frames(index, delivered);
            self.input.clear();
        }
        self.finish_turn(index);
    }

    /// Whether all that was read is understood, and nothing else came of it than output.
    #[inline]
    fn is_over_so_far(&self, index: u32) -> bool {
        self.input.unread().is_empty() && self.hub.records.get(index).is_some_and(Record::is_at_rest)
    }

    /// The rest of a turn that has begun with this read.
    fn take_turn(&mut self, peer: PeerId, first: io::Result<Received>, to_the_end: bool) {
        let index = peer.index();
        let (mut first, mut again, mut read) = (Some(first), Again::No, 0);
        self.after_large = false;
        while read < LARGE_TURN {
            again = match first.take().unwrap_or_else(|| self.read(index)) {
                Ok(Received { len: 0, .. }) => {
                    self.eof(index);
                    Again::No
                }
                Ok(received) => {
                    read += received.len;
                    self.received(index, received.len);
                    if !received.drained {
                        self.hub.trade_end(index, OurEnd::Leaves, OurEnd::ClosesFirst);
                    }
                    match received.drained {
                        _ if to_the_end => Again::ToTheEnd,
                        true => Again::No,
                        false => Again::More,
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Again::No,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => Again::ToTheEnd,
                Err(error) => {
                    self.lost(index, error.kind());
                    Again::No
                }
            };
            // The rest of a large message follows at once, while its beginning is in the cache; unless what is to be
            // written lies where it would be read to.
            let large = self.is_inside_large_message(index);
            self.after_large |= large;
            if again == Again::No || self.hub.output.lies_in_input() || !large {
                break;
            }
        }
        if again != Again::No {
            self.come_back(peer, again);
        }
        self.finish_turn(index);
    }

    fn read(&mut self, index: u32) -> io::Result<Received> {
        let record = self.hub.records.get_mut(index).ok_or(io::ErrorKind::WouldBlock)?;
        let stream = self.streams[index as usize].as_mut().ok_or(io::ErrorKind::WouldBlock)?;
        let spare = match &mut record.phase {
            Phase::Open(conn) => conn.spare(&mut self.input),
            _ => self.input.spare(),
        };
        self.transport.read(stream, share(spare, self.after_large))
    }

    fn is_inside_large_message(&self, index: u32) -> bool {
        match self.hub.records.get(index) {
            Some(Record { phase: Phase::Open(conn), unread: false, .. }) => conn.assembled_len() >= LARGE_MESSAGE,
            _ => false,
        }
    }

    /// Serves a connection in the next iteration, once.
    pub(super) fn come_back(&mut self, peer: PeerId, again: Again) {
        let Some(record) = self.hub.records.get_mut(peer.index()) else { return };
        if record.again == Again::No {
            self.again.push(peer);
        }
        record.again = record.again.max(again);
    }

    fn received(&mut self, index: u32, len: usize) {
        self.hub.heard(index);
        let Some(record) = self.hub.records.get_mut(index) else { return };
        match &mut record.phase {
            Phase::Open(conn) => {
                conn.filled(len, &mut self.input);
                self.frames(index, false);
            }
            Phase::Handshake(_) | Phase::Body(_) | Phase::Http(_) => {
                self.input.filled(len);
                self.requests(index);
            }
            Phase::Dial(_) => {
                self.input.filled(len);
                self.answered(index);
            }
            // Discarded: only the end of file matters.
            Phase::Ending => {}
        }
        self.input.clear();
    }

    fn eof(&mut self, index: u32) {
        let Some(record) = self.hub.records.get_mut(index) else { return };
        record.at_eof = true;
        match record.phase {
            Phase::Open(_) => self.lost(index, io::ErrorKind::UnexpectedEof),
            // What was answered may still be on its way to a client that has closed its end alone.
            Phase::Handshake(_) | Phase::Body(_) if record.is_backed_up() => {
                self.hub.begin_ending(index);
            }
            Phase::Handshake(_) | Phase::Body(_) | Phase::Http(_) => self.remove(index),
            Phase::Dial(_) => self.not_connected(index, ClientError::Lost(io::ErrorKind::UnexpectedEof.into())),
            Phase::Ending => {}
        }
    }

    /// Deals with all frames of a read. `delivered`: some were messages already.
    pub(super) fn frames(&mut self, index: u32, mut delivered: bool) {
        let mut completed = delivered;
        let (enough, mut parked) = (self.hub.enough(), false);
        loop {
            let usual = self.usual_messages(index);
            delivered |= usual;
            completed |= usual;

            let hub = &mut self.hub;
            let turn_len = hub.output.len();
            let Some(record) = hub.records.get_mut(index) else { break };
            let queued = turn_len + record.outbox.as_ref().map_or(0, |outbox| outbox.held());
            // As `must_wait`, but a turn brings the handler one message at least: what it is full of may wait for that.
            if (record.paused || (delivered && queued >= enough)) && !self.input.unread().is_empty() {
                self.park(index);
                parked = true;
                continue;
            }
            let Phase::Open(conn) = &mut record.phase else { break };
            let was_open = conn.state() == State::Open;
            let Some(event) = conn.receive(&mut self.input, &mut hub.output.cork) else { break };
            match event {
                Event::Message(message) => {
                    completed |= !conn.has_more_parts();
                    delivered = true;
                    call(&mut self.handler, hub, index, |handler, peer| handler.message(peer, message));
                }
                Event::Ping(_) | Event::Pong(_) => {}
                Event::Close(frame) => {
                    let cause = Cause::Closed { by_peer: was_open, code: frame.reported_code(), reason: frame.reason };
                    end(&mut self.handler, hub, index, &cause);
                    if self.input.unread().is_empty() {
                        self.hub.trade_end(index, OurEnd::ClosesFirst, OurEnd::Leaves);
                    }
                }
                Event::Failed(failure) => end(&mut self.handler, hub, index, &Cause::Failed(failure)),
            }
        }
        let open = self.hub.is_open(index);
        self.hub.account(index, completed);
        if parked && self.hub.held > self.hub.config.memory {
            if open {
                self.hub.fail(index, Cause::OutOfMemory);
            } else {
                // It has been told that it ends.
                self.over(index, &Cause::OutOfMemory);
            }
        }
    }

    /// Hands on message after message while there is nothing else to think of: nothing is queued, nothing unfinished, no
    /// rule broken. Returns whether there was one.
    fn usual_messages(&mut self, index: u32) -> bool {
        let (before, enough) = (self.input.next(), self.hub.enough());
        self.hub.output.input = self.input.addresses();
        // One guard for all: a panic ends the connection, and with it what it would have said next.
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| self.run_of_messages(index, enough)));
        self.hub.output.disturb();
        let read = self.input.next() - before;
        if let Some(Record { phase: Phase::Open(conn), .. }) = self.hub.records.get_mut(index) {
            conn.count_received(read);
            match outcome {
                Ok(Ok(())) => {}
                Ok(Err(invalid)) => {
                    let failure = conn.text_failed(invalid, &mut self.hub.output.cork);
                    end(&mut self.handler, &mut self.hub, index, &Cause::Failed(failure));
                }
                Err(_) => self.hub.panicked(index),
            }
        }
        read != 0
    }

    #[inline(always)]
    fn run_of_messages(&mut self, index: u32, enough: usize) -> Result<(), InvalidText> {
        let (handler, hub, input) = (&mut self.handler, &mut self.hub, &mut self.input);
        'runs: while hub.begin_run(index, enough, input.next()) {
            input.recycle();
            let mut run = input.run();
            // Made there and handed on in registers, not by way of an `Event`.
            while let Some(returned) = run.next(hub.output.replies.end) {
                hand_on(handler, hub, index, returned?);
                if !hub.output.calm {
                    continue 'runs;
                }
            }
            let Some(next) = run.rest() else { break };
            let Some(returned) = run.next_long(hub.output.long_reply_at(next)) else { break };
            hand_on(handler, hub, index, returned?);
        }
        Ok(())
    }

    /// Keeps what is left of a read for another turn.
    pub(super) fn park(&mut self, index: u32) {
        let rest = self.input.unread();
        if let (Some(record), false) = (self.hub.records.get_mut(index), rest.is_empty()) {
            record.unread = true;
            self.hub.held += rest.len();
            self.parked.insert(index, rest.to_vec());
            self.input.clear();
        }
    }

    /// Goes on with what was read before, if there is some of this connection.
    fn serve_parked(&mut self, peer: PeerId) -> bool {
        let index = peer.index();
        let Some(rest) = self.unpark(index) else { return false };
        self.input.extend_from_slice(&rest);
        // No event will tell of what came meanwhile.
        self.come_back(peer, Again::ToTheEnd);
        self.hub.begin_turn(index);
        self.requests(index);
        // Nor is it known whether there is more to read.
        self.hub.trade_end(index, OurEnd::Leaves, OurEnd::ClosesFirst);
        self.input.clear();
        self.finish_turn(index);
        true
    }

    pub(super) fn unpark(&mut self, index: u32) -> Option<Vec<u8>> {
        let rest = self.parked.remove(&index)?;
        self.hub.held -= rest.len();
        Some(rest)
    }
}

/// A message that can go back from where it lies.
#[inline(always)]
fn hand_on<H: Handler>(handler: &mut H, hub: &mut Hub<H::Data>, index: u32, returned: Returned<'_>) {
    let Returned { message, end } = returned;
    hub.output.offer = Offer { payload: message.as_bytes().as_ptr().addr(), end };
    handler.message(&mut Peer::new(hub, index), message);
}

/// How much of the room is read to.
#[inline]
fn share(spare: &mut [u8], after_large: bool) -> &mut [u8] {
    let most = if after_large { LARGE_READ } else { RECEIVE_CAPACITY };
    let share = spare.len().min(most);
    &mut spare[..share]
}

impl<D> Hub<D> {
    /// Something came, and so the connection is there.
    fn heard(&mut self, index: u32) {
        let ticks = self.ticks;
        let clock = self.timers.clock(index);
        clock.heard = ticks;
        clock.pinged = 0;
    }

    /// Ends a connection the one way in place of the other.
    fn trade_end(&mut self, index: u32, one: OurEnd, other: OurEnd) {
        if let Some(record) = self.records.get_mut(index)
            && record.our_end == one
        {
            record.our_end = other;
        }
    }

    /// Keeps the books on the unfinished message. `completed`: this turn ended one, so that it is a new one.
    fn account(&mut self, index: u32, completed: bool) {
        let inside = match self.records.get(index).map(|record| &record.phase) {
            Some(Phase::Open(conn)) => conn.is_inside_message(),
            _ => false,
        };
        let ticks = self.ticks;
        let clock = self.timers.clock(index);
        if !inside {
            clock.message_began = 0;
        } else if completed || clock.message_began == 0 {
            clock.message_began = ticks;
        }
        if self.recount(index) && self.held > self.config.memory {
            self.fail(index, Cause::OutOfMemory);
        }
    }
}
