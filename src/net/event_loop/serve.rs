//! A connection's turn: what was read goes through the handshake, the protocol and the handler.

use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::vec::Vec;

use super::{EventLoop, LARGE_MESSAGE, LARGE_TURN, RECEIVE_CAPACITY, call, end};
use crate::connection::{Found, State};
use crate::message::{Binary, Event, Message, Text};
use crate::net::client::ClientError;
use crate::net::handler::{Cause, Handler};
use crate::net::hub::{Again, Hub, OurEnd, Phase, Record};
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
        self.take_turn(peer, to_the_end);
    }

    /// The turn of a connection that may read.
    pub(super) fn take_turn(&mut self, peer: PeerId, to_the_end: bool) {
        let index = peer.index();
        self.hub.begin_turn(index);
        let (mut again, mut read) = (Again::No, 0);
        while read < LARGE_TURN {
            again = match self.read(index) {
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
            if again == Again::No || self.hub.leaves_received || !self.is_inside_large_message(index) {
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
        // Room in a large message is cut to the same size, which is still in the cache when it is unmasked.
        let share = spare.len().min(RECEIVE_CAPACITY);
        self.transport.read(stream, &mut spare[..share])
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
        let ticks = self.hub.ticks;
        let clock = self.hub.timers.clock(index);
        clock.heard = ticks;
        clock.pinged = 0;
        let Some(record) = self.hub.records.get_mut(index) else { return };
        match &mut record.phase {
            Phase::Open(conn) => {
                conn.filled(len, &mut self.input);
                self.frames(index);
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

    /// Deals with all frames of a read.
    pub(super) fn frames(&mut self, index: u32) {
        let mut completed = false;
        let input = self.input.as_bytes().as_ptr_range();
        self.hub.input = input.start as usize..input.end as usize;
        let (enough, mut delivered, mut parked) = (self.hub.enough(), false, false);
        loop {
            let usual = self.usual_messages(index, enough);
            delivered |= usual;
            completed |= usual;
            if self.input.unread().is_empty() && self.hub.records.get(index).is_some_and(Record::is_at_rest) {
                // All of it was understood: `account` would find nothing.
                self.hub.timers.clock(index).message_began = 0;
                return;
            }

            let hub = &mut self.hub;
            let Some(record) = hub.records.get_mut(index) else { break };
            let queued = hub.cork.pending().len() + record.outbox.as_ref().map_or(0, |outbox| outbox.held());
            // As `must_wait`, but a turn brings the handler one message at least: what it is full of may wait for that.
            if (record.paused || (delivered && queued >= enough)) && !self.input.unread().is_empty() {
                self.park(index);
                parked = true;
                continue;
            }
            let Phase::Open(conn) = &mut record.phase else { break };
            let was_open = conn.state() == State::Open;
            let Some(event) = conn.receive(&mut self.input, &mut hub.cork) else { break };
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
    fn usual_messages(&mut self, index: u32, enough: usize) -> bool {
        let (handler, hub, input) = (&mut self.handler, &mut self.hub, &mut self.input);
        let (mut any, mut failed) = (false, None);
        // One guard for all: a panic ends the connection, and with it what it would have said next.
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| {
            while let Some(Record { phase: Phase::Open(conn), outbox: None, paused: false, .. }) =
                hub.records.get_mut(index)
            {
                if hub.cork.pending().len() >= enough {
                    break;
                }
                input.recycle();
                // Made here and handed on in registers, not by way of an `Event`.
                let message = match conn.find_whole(input) {
                    Some(Found::Binary(range)) => Message::Binary(Binary::whole(input.bytes_mut(range))),
                    Some(Found::Text(range, key, frame_len)) => {
                        match conn.text(range, key, frame_len, input, &mut hub.cork) {
                            Ok(text) => Message::Text(Text::whole(text)),
                            Err(failure) => return failed = Some(failure),
                        }
                    }
                    _ => break,
                };
                any = true;
                handler.message(&mut Peer::new(hub, index), message);
            }
        }));
        if outcome.is_err() {
            hub.panicked(index);
        }
        if let Some(failure) = failed {
            end(handler, hub, index, &Cause::Failed(failure));
        }
        any
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

impl<D> Hub<D> {
    /// Ends a connection the one way in place of the other.
    fn trade_end(&mut self, index: u32, one: OurEnd, other: OurEnd) {
        if let Some(record) = self.records.get_mut(index) {
            if record.our_end == one {
                record.our_end = other;
            }
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
