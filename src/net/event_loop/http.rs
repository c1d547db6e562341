//! Requests on a connection that is no WebSocket: their heads and bodies, the handler's answer, what comes behind.

use std::boxed::Box;
use std::format;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;

use super::hand_over::worker_for;
use super::{EventLoop, call, call_among};
use crate::buffer::SendBuffer;
use crate::connection::Connection;
use crate::error::HandshakeError;
use crate::frame::Status;
use crate::handshake::{BodyLength, BodyReader, Framing, Negotiated, Request, Response, ServerHandshake};
use crate::net::handler::Handler;
use crate::net::http::{Exchange, Piece, RequestId, Responder, Terms, Ticket, Unfinished};
use crate::net::hub::{Hub, Phase};
use crate::net::outbox::Unit;
use crate::net::slab::PeerId;
use crate::net::transport::Transport;
use crate::pubsub::LARGE;

impl<H: Handler, T: Transport> EventLoop<H, T> {
    /// Deals with the requests of a read, one after another, until one of them is held or makes a WebSocket of it.
    pub(super) fn requests(&mut self, index: u32) {
        let mut anew = matches!(self.hub.phase(index), Some(Phase::Handshake(None)));
        loop {
            match self.hub.phase(index) {
                Some(Phase::Open(_)) => return self.frames(index, false),
                Some(Phase::Handshake(_) | Phase::Body(_)) => {}
                // Answers go out in the order of the requests (RFC 9112 §9.3.2).
                Some(Phase::Http(_)) => return self.put_off(index),
                Some(Phase::Ending | Phase::Dial(_)) | None => return self.input.clear(),
            }
            if self.input.unread().is_empty() {
                break;
            }
            if self.hub.must_wait(index) {
                return self.put_off(index);
            }
            anew |= match self.hub.phase(index) {
                Some(Phase::Body(_)) => self.body(index),
                _ => self.head(index),
            };
        }
        let ticks = self.hub.ticks;
        let clock = self.hub.timers.clock(index);
        // The first request has a deadline of its own, from the accept on.
        if anew && clock.message_began != 0 {
            clock.message_began = ticks;
        }
    }

    /// Keeps what came behind a request that is not answered to the end; no more is read meanwhile.
    pub(super) fn put_off(&mut self, index: u32) {
        self.park(index);
        if self.hub.held > self.hub.config.memory {
            self.remove(index);
        }
    }

    /// Reads on in a request's head. Returns whether a request was dealt with; if not, the input is empty, or the body
    /// begins in it.
    fn head(&mut self, index: u32) -> bool {
        let Some(record) = self.hub.records.get_mut(index) else { return true };
        let Phase::Handshake(begun) = &mut record.phase else { return true };
        let mut handshake = begun.take().map_or_else(ServerHandshake::new, |begun| *begun);
        let request = match handshake.receive(&mut self.input) {
            Ok(Status::Complete(request)) => request,
            Ok(Status::Partial) => {
                *begun = Some(Box::new(handshake));
                if self.hub.recount(index) && self.hub.held > self.hub.config.memory {
                    self.hub.respond(index, Response::new(503), false);
                }
                return false;
            }
            Err(error) => {
                self.hub.respond(index, error.response(), false);
                return true;
            }
        };
        self.hub.recount(index);
        let (handler, hub) = (&mut self.handler, &mut self.hub);
        if let Some(worker) = worker_for(handler, hub, &request) {
            let head = request.head().to_vec();
            self.hand_over(index, worker, head);
            return true;
        }
        if request.is_upgrade() {
            match upgrade(handler, hub, &request) {
                Ok(negotiated) => {
                    if let Some(record) = hub.records.get_mut(index) {
                        record.phase = Phase::Open(Connection::server(negotiated));
                        record.position = hub.log.next();
                    }
                    // So far it told when the last request ended.
                    hub.timers.clock(index).message_began = 0;
                    call(handler, hub, index, |handler, peer| handler.open(peer, &request));
                }
                Err(response) => hub.respond(index, response, request.method() == "HEAD"),
            }
            return true;
        }
        let body = request.check_plain().and_then(|length| match length {
            BodyLength::Bytes(0) => Ok(None),
            length => BodyReader::new(length, &hub.config.limits).map(Some),
        });
        match body {
            Err(error) => {
                let is_about_its_body = matches!(error, HandshakeError::BodyTooLong);
                let id = is_about_its_body.then(|| begin(handler, hub, &request));
                hub.respond(index, error.response(), request.method() == "HEAD");
                hub.cut.extend(id);
            }
            Ok(None) => {
                let id = hub.next_request();
                ask(handler, hub, index, id, &request, Bytes::new());
            }
            Ok(Some(body)) => {
                let expected = request.expects_continue();
                let unfinished = Unfinished { id: begin(handler, hub, &request), head: request.head().to_vec(), body };
                if let Some(record) = hub.records.get_mut(index) {
                    record.phase = Phase::Body(Box::new(unfinished));
                }
                // RFC 9110 §10.1.1: not needed once some of the body is there.
                if expected && self.input.unread().is_empty() {
                    self.hub.output.cork.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
                }
                return false;
            }
        }
        true
    }

    /// Reads on in a request's body. Returns whether a request was dealt with; if not, the input is empty.
    fn body(&mut self, index: u32) -> bool {
        let Some(record) = self.hub.records.get_mut(index) else { return true };
        let Phase::Body(unfinished) = &mut record.phase else { return true };
        match unfinished.body.receive(&mut self.input) {
            Ok(Status::Partial) => {
                if self.hub.recount(index) && self.hub.held > self.hub.config.memory {
                    self.hub.respond(index, Response::new(503), false);
                }
                false
            }
            Ok(Status::Complete(())) => {
                let phase = core::mem::replace(&mut record.phase, Phase::Handshake(None));
                self.hub.recount(index);
                let Phase::Body(unfinished) = phase else { return true };
                let Unfinished { id, head, body } = *unfinished;
                match Request::parse(&head, &self.hub.config.limits) {
                    Ok(Status::Complete((request, _))) => {
                        let body = body.into_bytes();
                        ask(&mut self.handler, &mut self.hub, index, id, &request, body);
                    }
                    // It was read before, so that this cannot be.
                    _ => self.hub.respond(index, Response::new(500), false),
                }
                true
            }
            Err(error) => {
                self.hub.respond(index, error.response(), false);
                true
            }
        }
    }

    /// Somebody has put pieces of an answer there, outside the request's turn.
    pub(super) fn answer_came(&mut self, peer: PeerId, request: RequestId) {
        let index = peer.index();
        let waits = matches!(self.hub.phase(index), Some(Phase::Http(exchange)) if exchange.ticket.id() == request);
        if waits && self.hub.records.contains(peer) {
            self.hub.begin_turn(index);
            self.hub.answer(index);
            self.finish_turn(index);
        }
    }

    /// A client that closes its end does not wait for an answer any more (also one that would still read it).
    pub(super) fn cancel_if_held(&mut self, peer: PeerId) -> bool {
        let held = self.hub.records.contains(peer) && self.hub.is_answering(peer.index());
        if held {
            self.lost(peer.index(), io::ErrorKind::UnexpectedEof);
        }
        held
    }

    /// The server stops: what is held is told so; what is being streamed may finish.
    pub(super) fn stop_http(&mut self, peer: PeerId) {
        let index = peer.index();
        let Some(Phase::Http(exchange)) = self.hub.phase(index) else { return };
        let (request, streaming, head_only) =
            (exchange.ticket.id(), exchange.terms.streaming, exchange.terms.head_only);
        self.hub.timers.await_close(peer, self.hub.now);
        if !streaming {
            self.hub.begin_turn(index);
            self.hub.respond(index, Response::new(503), head_only);
            self.finish_turn(index);
            self.cancelled(request);
        }
    }

    /// Tells the handler that an answer is not waited for.
    pub(super) fn cancelled(&mut self, request: RequestId) {
        self.hub.stats.http_cancelled += 1;
        call_among(&mut self.handler, &mut self.hub, |handler, peers| handler.http_cancelled(request, peers));
    }

    /// The queue of a streamed answer has room again.
    pub(super) fn drained_http(&mut self, index: u32) {
        let Some(Phase::Http(exchange)) = self.hub.phase(index) else { return };
        let request = exchange.ticket.id();
        call_among(&mut self.handler, &mut self.hub, |handler, peers| handler.http_drain(request, peers));
    }
}

/// Decides on an upgrade: an opened connection, or a response that refuses it.
fn upgrade<H: Handler>(handler: &mut H, hub: &mut Hub<H::Data>, request: &Request<'_>) -> Result<Negotiated, Response> {
    let refused = HandshakeError::response;
    let upgrade = request.check_upgrade().map_err(refused)?;
    hub.config.origins.check(request).map_err(refused)?;
    // A panic concerns this request alone.
    let response = catch_unwind(AssertUnwindSafe(|| handler.upgrade(request))).unwrap_or_else(|_| {
        hub.stats.panics += 1;
        Response::new(500)
    });
    if response.status() != Response::accept().status() {
        return Err(response);
    }
    #[cfg(feature = "deflate")]
    let response = match &hub.config.deflate {
        Some(config) => response.deflate(config),
        None => response,
    };
    let negotiated = upgrade.accept(&response, &mut hub.output.cork).map_err(|_| Response::new(500))?;
    hub.stats.opened += 1;
    Ok(negotiated)
}

/// Tells the handler of a request whose body is still to be read.
fn begin<H: Handler>(handler: &mut H, hub: &mut Hub<H::Data>, request: &Request<'_>) -> RequestId {
    let id = hub.next_request();
    call_among(handler, hub, |handler, peers| handler.http_begins(request, id, peers));
    id
}

/// Asks the handler, and takes what it answers at once.
fn ask<H: Handler>(
    handler: &mut H,
    hub: &mut Hub<H::Data>,
    index: u32,
    id: RequestId,
    request: &Request<'_>,
    body: Bytes,
) {
    hub.stats.http_requests += 1;
    let ticket = Ticket::new(id, hub.records.id(index), hub.remote.clone());
    let terms = Terms {
        persistent: request.is_persistent(),
        head_only: request.method() == "HEAD",
        old: request.minor_version() == 0,
        streaming: false,
    };
    hub.stats.http_waiting += 1;
    let responder = Responder::new(ticket.clone());
    if let Some(record) = hub.records.get_mut(index) {
        record.phase = Phase::Http(Exchange { ticket, terms });
    }
    // Unwinding drops the responder, which answers 500; unless another thread has it, and then that answers.
    call_among(handler, hub, |handler, peers| handler.http(request, body, responder, peers));
    hub.answer(index);
}

impl<D> Hub<D> {
    /// The name of a plain request.
    fn next_request(&mut self) -> RequestId {
        self.requests += 1;
        RequestId::new(self.requests)
    }

    pub(super) fn phase(&self, index: u32) -> Option<&Phase> {
        self.records.get(index).map(|record| &record.phase)
    }

    /// Whether a plain request is waiting for its answer, or for the rest of it.
    pub(super) fn is_answering(&self, index: u32) -> bool {
        matches!(self.phase(index), Some(Phase::Http(_)))
    }

    /// Queues a response that ends the connection.
    pub(super) fn respond(&mut self, index: u32, response: Response, head_only: bool) {
        self.stats.refused += 1;
        self.push_response(index, response, head_only, false);
        self.begin_ending(index);
    }

    /// Queues what there is of an answer. It is the request's turn.
    fn answer(&mut self, index: u32) {
        let Some(record) = self.records.get_mut(index) else { return };
        let Phase::Http(exchange) = &record.phase else { return };
        let (pieces, backlogged) = exchange.ticket.take();
        record.backlogged |= backlogged;
        for piece in pieces {
            let Some(Phase::Http(exchange)) = self.phase(index) else { return };
            let terms = exchange.terms;
            match piece {
                Piece::Whole(response) => self.answer_whole(index, response, terms),
                Piece::Head(response) => self.begin_stream(index, response, terms),
                Piece::Data(data) => self.stream(data, index, terms),
                Piece::End => {
                    if !terms.head_only && !terms.old {
                        self.output.cork.extend_from_slice(b"0\r\n\r\n");
                    }
                    self.end_exchange(index, terms.persistent && !terms.old);
                }
                Piece::Cut => self.begin_ending(index),
            }
        }
    }

    fn answer_whole(&mut self, index: u32, response: Response, terms: Terms) {
        let persistent = terms.persistent && !self.stopping;
        self.push_response(index, response, terms.head_only, persistent);
        self.end_exchange(index, persistent);
    }

    fn push_response(&mut self, index: u32, response: Response, head_only: bool, persistent: bool) {
        let has_room = self.held + self.output.cork.pending().len() + response.body_len() <= self.config.memory;
        let encode = |response: &Response, cork: &mut SendBuffer| response.encode_as(Framing::Length, persistent, cork);
        if !has_room {
            let _ = encode(&Response::new(503), &mut self.output.cork);
        } else if encode(&response, &mut self.output.cork).is_err() {
            // What cannot be encoded has queued nothing; this can.
            let _ = encode(&Response::new(500), &mut self.output.cork);
        } else if !head_only {
            self.push_body(index, response.into_body());
        }
    }

    fn begin_stream(&mut self, index: u32, response: Response, mut terms: Terms) {
        let framing = if terms.old { Framing::ToTheEnd } else { Framing::Chunked };
        if response.encode_as(framing, terms.persistent && !terms.old, &mut self.output.cork).is_err() {
            return self.answer_whole(index, Response::new(500), terms);
        }
        terms.streaming = true;
        if let Some(Phase::Http(exchange)) = self.records.get_mut(index).map(|record| &mut record.phase) {
            exchange.terms = terms;
        }
        self.stream(response.into_body(), index, terms);
    }

    fn stream(&mut self, data: Bytes, index: u32, terms: Terms) {
        if terms.head_only || data.is_empty() {
            return;
        }
        if self.held > self.config.memory {
            if let Some(Phase::Http(exchange)) = self.phase(index) {
                self.cut.push(exchange.ticket.id());
            }
            return self.begin_ending(index);
        }
        if terms.old {
            return self.push_body(index, data);
        }
        self.output.cork.extend_from_slice(format!("{:x}\r\n", data.len()).as_bytes());
        self.push_body(index, data);
        self.output.cork.extend_from_slice(b"\r\n");
    }

    /// Bytes of a body: large ones go from where they lie.
    fn push_body(&mut self, index: u32, body: Bytes) {
        if body.len() < LARGE {
            return self.output.cork.extend_from_slice(&body);
        }
        let len = body.len();
        self.queue(index, |outbox| outbox.push_shared(body, len, Unit::Fixed));
    }

    /// The answer is whole: the next request, or the end.
    fn end_exchange(&mut self, index: u32, persistent: bool) {
        if !persistent || self.stopping {
            return self.begin_ending(index);
        }
        self.stats.http_waiting -= 1;
        if let Some(record) = self.records.get_mut(index) {
            record.phase = Phase::Handshake(None);
        }
        let ticks = self.ticks;
        // From here on it is idle, and the accept is no longer what its deadline counts from.
        self.timers.clock(index).message_began = ticks;
    }

    /// Frees a streamed answer's writer to write on.
    pub(super) fn tell_unwritten(&self, index: u32) {
        let Some(record) = self.records.get(index) else { return };
        if let Phase::Http(exchange) = &record.phase
            && exchange.terms.streaming
        {
            exchange.ticket.set_unwritten(record.outbox.as_ref().map_or(0, |outbox| outbox.held()));
        }
    }
}
