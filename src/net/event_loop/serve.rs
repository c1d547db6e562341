//! A connection's turn: what was read goes through the handshake, the protocol and the handler.

use std::boxed::Box;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::vec::Vec;

use super::{EventLoop, RECEIVE_CAPACITY, call, end};
use crate::connection::{Connection, State};
use crate::error::HandshakeError;
use crate::frame::Status;
use crate::handshake::{Negotiated, Request, Response, ServerHandshake};
use crate::message::Event;
use crate::net::client::ClientError;
use crate::net::handler::{Cause, Handler};
use crate::net::hub::{Again, Hub, Phase};
use crate::net::slab::PeerId;
use crate::net::transport::Transport;

impl<H: Handler, T: Transport> EventLoop<H, T> {
    /// Reads once and deals with it. `to_the_end`: no event will come, so that reading must go on by itself.
    pub(super) fn serve(&mut self, peer: PeerId, to_the_end: bool) {
        let index = peer.index();
        if !self.hub.records.contains(peer) {
            return;
        }
        let Some(record) = self.hub.records.get_mut(index) else { return };
        if matches!(record.phase, Phase::Open(_)) && (record.paused || record.has_backlog(self.hub.config.soft_queue)) {
            // Paused, or it does not take what it has: no more of its requests for now, and TCP tells it to wait.
            record.unread = true;
            return;
        }
        if !self.parked.is_empty() && self.serve_parked(peer) {
            return;
        }
        let Some(record) = self.hub.records.get_mut(index) else { return };
        let Some(stream) = &mut self.streams[index as usize] else { return };
        let spare = match &mut record.phase {
            Phase::Open(conn) => conn.spare(&mut self.input),
            _ => self.input.spare(),
        };
        // Room in a large message is cut to the same size: a fair share, which is still in the cache when it is unmasked.
        let share = spare.len().min(RECEIVE_CAPACITY);
        match self.transport.read(stream, &mut spare[..share]) {
            Ok(received) => {
                if received.len != 0 && (to_the_end || !received.drained) {
                    self.come_back(peer, if to_the_end { Again::ToTheEnd } else { Again::More });
                }
                self.hub.begin_turn(index);
                match received.len {
                    0 => self.eof(index),
                    len => self.received(index, len),
                }
                self.finish_turn(index);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => self.come_back(peer, Again::ToTheEnd),
            Err(error) => self.lost(index, error.kind()),
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
        let ticks = self.hub.timers.ticks(self.hub.now);
        let clock = self.hub.timers.clock(index);
        clock.heard = ticks;
        clock.pinged = 0;
        let Some(record) = self.hub.records.get_mut(index) else { return };
        match &mut record.phase {
            Phase::Open(conn) => {
                conn.filled(len, &mut self.input);
                self.frames(index);
            }
            Phase::Handshake(_) => {
                self.input.filled(len);
                self.handshake(index);
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
            Phase::Handshake(_) => self.remove(index),
            Phase::Dial(_) => self.not_connected(index, ClientError::Lost(io::ErrorKind::UnexpectedEof.into())),
            Phase::Ending => {}
        }
    }

    fn handshake(&mut self, index: u32) {
        let Some(record) = self.hub.records.get_mut(index) else { return };
        let Phase::Handshake(begun) = &mut record.phase else { return };
        let mut handshake = begun.take().map_or_else(ServerHandshake::new, |begun| *begun);
        let request = match handshake.receive(&mut self.input) {
            Ok(Status::Complete(request)) => request,
            Ok(Status::Partial) => {
                *begun = Some(Box::new(handshake));
                return;
            }
            Err(error) => return self.hub.respond(index, &error.response(), false),
        };
        let hub = &mut self.hub;
        match answer(&mut self.handler, hub, &request) {
            Ok(negotiated) => {
                if let Some(record) = hub.records.get_mut(index) {
                    record.phase = Phase::Open(Connection::server(negotiated));
                    record.position = hub.log.next();
                }
                call(&mut self.handler, hub, index, |handler, peer| handler.open(peer, &request));
                // What came behind the request belongs to the connection.
                self.frames(index);
            }
            Err(response) => hub.respond(index, &response, request.method() == "HEAD"),
        }
    }

    /// Deals with all frames of a read.
    pub(super) fn frames(&mut self, index: u32) {
        let mut completed = false;
        if self.hub.records.get(index).is_some_and(|record| record.paused) {
            self.park(index);
        }
        loop {
            let hub = &mut self.hub;
            let Some(record) = hub.records.get_mut(index) else { break };
            let Phase::Open(conn) = &mut record.phase else { break };
            let was_open = conn.state() == State::Open;
            let Some(event) = conn.receive(&mut self.input, &mut hub.cork) else { break };
            match event {
                Event::Message(message) => {
                    completed |= !conn.has_more_parts();
                    call(&mut self.handler, hub, index, |handler, peer| handler.message(peer, message));
                    if hub.must_wait(index) {
                        self.park(index);
                    }
                }
                Event::Ping(_) | Event::Pong(_) => {}
                Event::Close(frame) => {
                    let cause = Cause::Closed { by_peer: was_open, code: frame.reported_code(), reason: frame.reason };
                    end(&mut self.handler, hub, index, &cause);
                }
                Event::Failed(failure) => end(&mut self.handler, hub, index, &Cause::Failed(failure)),
            }
        }
        self.hub.account(index, completed);
    }

    /// Keeps what is left of a read for another turn.
    fn park(&mut self, index: u32) {
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
        self.frames(index);
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

/// Decides on a request: an opened connection, or a response that ends it.
fn answer<H: Handler>(handler: &mut H, hub: &mut Hub<H::Data>, request: &Request<'_>) -> Result<Negotiated, Response> {
    // A panic concerns this request alone.
    let mut guarded = |decide: fn(&mut H, &Request<'_>) -> Response| {
        catch_unwind(AssertUnwindSafe(|| decide(handler, request))).unwrap_or_else(|_| Response::new(500))
    };
    let refused = HandshakeError::response;
    if !request.is_upgrade() {
        request.check_plain().map_err(refused)?;
        return Err(match request.method() {
            "GET" | "HEAD" => guarded(H::http),
            _ => Response::new(405).header("Allow", "GET, HEAD"),
        });
    }
    let upgrade = request.check_upgrade().map_err(refused)?;
    hub.config.origins.check(request).map_err(refused)?;
    let response = guarded(H::upgrade);
    if response.status() != Response::accept().status() {
        return Err(response);
    }
    upgrade.accept(&response, &mut hub.cork).map_err(|_| Response::new(500))
}

impl<D> Hub<D> {
    /// Queues an answer that is not 101, and ends.
    pub(super) fn respond(&mut self, index: u32, response: &Response, head_only: bool) {
        let encode = if head_only { Response::encode_head } else { Response::encode };
        if encode(response, &mut self.cork).is_err() {
            // What cannot be encoded has queued nothing; this can.
            let _ = Response::new(500).encode(&mut self.cork);
        }
        if self.held + self.cork.pending().len() > self.config.memory {
            self.cork.consume(self.cork.pending().len());
            let _ = Response::new(503).encode(&mut self.cork);
        }
        self.begin_ending(index);
    }

    /// Keeps the books on the unfinished message. `completed`: this turn ended one, so that it is a new one.
    fn account(&mut self, index: u32, completed: bool) {
        let inside = match self.records.get(index).map(|record| &record.phase) {
            Some(Phase::Open(conn)) => conn.is_inside_message(),
            _ => false,
        };
        let ticks = self.timers.ticks(self.now);
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
