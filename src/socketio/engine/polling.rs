//! Sessions over plain requests.

use bytes::Bytes;

use super::compress::Coding;
use super::packet::{Packet, Payload};
use super::server::{Application, Engine};
use super::session::{Life, Poll, Reason, Session, Via};
use super::sessions::{Due, SessionId, Sessions};
use super::sid::Sid;
use super::{Data, server};
use crate::handshake::{Request, Response};
use crate::net::{RequestId, Responder};

/// What became of a body.
enum Read {
    Taken,
    /// It says that the session is over.
    Closed,
    Wrong(Reason),
}

impl Sessions {
    /// A client waits for something to say.
    pub(super) fn poll(&mut self, id: SessionId, responder: Responder, response: Response, coding: Option<Coding>) {
        let Some(Session { via: Via::Polling(poll), .. }) = self.session_mut(id) else {
            return responder.send(Response::new(400));
        };
        if poll.is_some() {
            // Two at a time: whose would the next message be?
            responder.send(Response::new(400));
            return self.end(id, Reason::TransportError);
        }
        let request = responder.id();
        *poll = Some(Poll { responder, response, coding });
        self.requests.insert(request, id);
        self.touch(id);
    }

    /// A body is on its way to a session.
    pub(super) fn posts(&mut self, sid: &Sid, request: RequestId) {
        let Some(id) = self.id(sid) else { return };
        match self.open_session(id).filter(|session| matches!(session.via, Via::Polling(_))) {
            // Which of the two would be first?
            Some(Session { post: Some(_), .. }) => self.end(id, Reason::TransportError),
            Some(session) => {
                session.post = Some(request);
                self.requests.insert(request, id);
            }
            None => {}
        }
    }

    /// A body has come.
    fn posted(&mut self, id: SessionId) {
        if let Some(request) = self.session_mut(id).and_then(|session| session.post.take()) {
            self.requests.remove(&request);
        }
    }

    /// A client is gone that waited for something to say, or said something.
    pub(super) fn cancelled(&mut self, request: RequestId) {
        let Some(id) = self.requests.remove(&request) else { return };
        if let Some(session) = self.session_mut(id) {
            // Nobody would read the answer.
            drop(session.take_poll_of(request));
        }
        self.end(id, Reason::TransportError);
    }

    /// Answers a poll, if there is one and something to say.
    pub(super) fn flush_polling(&mut self, id: SessionId) {
        let now = self.now;
        let Some(session) = self.session_mut(id) else { return };
        let has_poll = matches!(session.via, Via::Polling(Some(_)));
        let mut over = !session.is_open();
        let tail = match session.life {
            Life::Open if !has_poll => return,
            Life::Open if !session.queue.is_empty() => None,
            Life::Open => match &mut session.candidate {
                Some(candidate) if candidate.probed => {
                    if now < candidate.next_noop {
                        let at = candidate.next_noop;
                        return self.await_at(at, id, Due::Noop);
                    }
                    candidate.next_noop = now.saturating_add(server::BETWEEN_NOOPS);
                    Some("6")
                }
                _ => return,
            },
            Life::Lingering(_) if !has_poll => return,
            Life::Lingering(_) if !session.queue.is_empty() => {
                over = false;
                None
            }
            Life::Lingering(_) => Some("6\u{1e}1"),
            Life::EndedByClient => Some("6"),
            Life::Ending(_) => Some("1"),
        };
        let (mut payload, is_compressible) = session.take_payload();
        if let Some(tail) = tail {
            if !payload.is_empty() {
                payload.push(super::packet::SEPARATOR);
            }
            payload.push_str(tail);
        }
        if let Some(poll) = session.take_poll() {
            self.requests.remove(&poll.responder.id());
            let from = self.config.compress_polls.filter(|_| is_compressible);
            let coding = poll.coding.filter(|_| from.is_some_and(|from| payload.len() >= from));
            let packed = coding.and_then(|coding| Some((coding, self.compressor.pack(payload.as_bytes(), coding)?)));
            poll.responder.send(match packed {
                Some((coding, packed)) => poll.response.header("Content-Encoding", coding.name()).body(packed),
                None => poll.response.body(payload),
            });
        }
        if over {
            self.remove(id);
        }
    }
}

impl<A: Application> Engine<A> {
    /// A request of a session that lives by polling.
    pub(super) fn polled(&mut self, id: SessionId, request: &Request<'_>, body: &Bytes, responder: Responder) {
        let cors = self.sessions.config.cors.clone();
        let answer = |status, kind| {
            let response = Response::new(status).header("Content-Type", kind).header("Cache-Control", "no-store");
            cors.iter().fold(response, |response, cors| cors.apply(request, response))
        };
        match request.method() {
            "GET" => {
                let response = answer(200, "text/plain; charset=UTF-8");
                return self.sessions.poll(id, responder, response, Coding::wanted(request));
            }
            "POST" => self.sessions.posted(id),
            _ => return responder.send(answer(400, "text/html")),
        }
        let read = if is_binary(request) { Read::Wrong(Reason::TransportError) } else { self.read(id, body) };
        match read {
            Read::Taken => {}
            Read::Closed => self.sessions.end_as(id, Reason::TransportClose, Life::EndedByClient),
            Read::Wrong(reason) => {
                self.sessions.end(id, reason);
                return responder.send(answer(400, "text/html"));
            }
        }
        // Not before all of it was heard: an upgrade counts on that.
        responder.send(answer(200, "text/html").body("ok"));
    }

    /// Hears what a body says.
    fn read(&mut self, id: SessionId, body: &[u8]) -> Read {
        let Ok(payload) = Payload::new(body) else { return Read::Wrong(Reason::ParseError) };
        for packet in payload {
            if !self.sessions.is_open(id) {
                // It was closed by the application, or waits for its last poll.
                return Read::Taken;
            }
            match packet {
                Ok(Packet::Close) => return Read::Closed,
                Ok(packet) => {
                    if let Err(reason) = self.heard(id, packet) {
                        return Read::Wrong(reason);
                    }
                }
                Err(_) => return Read::Wrong(Reason::ParseError),
            }
        }
        Read::Taken
    }

    /// A packet of an open session, by whatever way.
    pub(super) fn heard(&mut self, id: SessionId, packet: Packet<'_>) -> Result<(), Reason> {
        match packet {
            Packet::Message(data) => self.message_of(id, data),
            Packet::Pong(_) => self.sessions.pong(id),
            // Only the server asks.
            Packet::Ping(_) => return Err(Reason::TransportError),
            Packet::Close => return Err(Reason::TransportClose),
            Packet::Open(_) | Packet::Upgrade | Packet::Noop => {}
        }
        Ok(())
    }

    pub(super) fn message_of(&mut self, id: SessionId, data: Data<'_>) {
        self.app.message(&mut self.sessions, id, data);
        self.report();
    }
}

fn is_binary(request: &Request<'_>) -> bool {
    let kind = request.header("Content-Type").unwrap_or_default();
    kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/octet-stream"))
}
