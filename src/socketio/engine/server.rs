//! The engine: a handler of the loop that turns requests and WebSockets into sessions.

use core::time::Duration;
use std::format;
use std::io;
use std::string::String;

use bytes::Bytes;

use super::Config;
use super::packet::Data;
use super::refusal;
use super::session::{Reason, Via};
use super::sessions::{Due, Place, SessionId, Sessions, Transport};
use crate::close::CloseCode;
use crate::handshake::{Request, Response};
use crate::message::Message;
use crate::net::{Cause, Handler, Peer, Peers, RequestId, Responder};

/// What to do with the messages of sessions.
///
/// Everything but [`message`](Self::message) has a default.
pub trait Application {
    /// The loop begins.
    fn start(&mut self, sessions: &mut Sessions) {
        let _ = sessions;
    }

    /// Whether a request may open a session; the text goes to the client.
    ///
    /// # Errors
    ///
    /// Why not: the answer is 403.
    fn allow(&mut self, request: &Request<'_>) -> Result<(), String> {
        let _ = request;
        Ok(())
    }

    /// A session is open.
    fn open(&mut self, sessions: &mut Sessions, id: SessionId, request: &Request<'_>) {
        let _ = (sessions, id, request);
    }

    /// A message arrived.
    fn message(&mut self, sessions: &mut Sessions, id: SessionId, data: Data<'_>);

    /// A session is over: exactly once for each that was opened. Nothing can be sent to it any more.
    fn close(&mut self, sessions: &mut Sessions, id: SessionId, reason: Reason) {
        let _ = (sessions, id, reason);
    }

    /// A timer set with [`Sessions::set_timer`] ran out.
    fn timer(&mut self, sessions: &mut Sessions, timer: u64) {
        let _ = (sessions, timer);
    }

    /// Another thread called [`Remote::wake`](crate::net::Remote::wake).
    fn wake(&mut self, sessions: &mut Sessions) {
        let _ = sessions;
    }

    /// A plain request for another path.
    fn http(&mut self, request: &Request<'_>, body: Bytes, responder: Responder) {
        let _ = (request, body);
        responder.send(Response::new(404));
    }
}

/// Engine.IO on the loop.
#[derive(Debug)]
pub struct Engine<A> {
    pub(super) sessions: Sessions,
    pub(super) app: A,
    /// The deadline that the loop knows of.
    armed: Duration,
}

/// What a WebSocket of an [`Engine`] carries.
#[derive(Clone, Copy, Debug, Default)]
pub struct Link(pub(super) To);

/// What a WebSocket is to the sessions.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum To {
    /// Nothing, any more.
    #[default]
    None,
    /// Its way.
    Session(SessionId),
    /// What may become its way.
    Candidate(SessionId),
}

/// Between two noops for a client that polls on while it upgrades.
pub(super) const BETWEEN_NOOPS: Duration = Duration::from_millis(100);

impl<A: Application> Engine<A> {
    /// An application's sessions, with these settings.
    pub fn new(config: Config, app: A) -> Self {
        Self { sessions: Sessions::new(config), app, armed: Duration::MAX }
    }

    /// Before anything else: what is due is over, however late the loop is.
    fn begin(&mut self, now: Duration) {
        self.sessions.now = now;
        while let Some((at, id, due)) = self.sessions.pop_due() {
            match due {
                Due::User(timer) => {
                    self.app.timer(&mut self.sessions, timer);
                    self.report();
                }
                _ => self.sessions.expired(at, id, due),
            }
        }
        self.report();
    }

    /// Tells the application which sessions are over.
    pub(super) fn report(&mut self) {
        while let Some((id, reason)) = self.sessions.ended.pop_front() {
            self.app.close(&mut self.sessions, id, reason);
        }
    }

    /// After everything else: what was sent leaves.
    fn settle(&mut self, peers: &mut Peers<'_, Link>) {
        self.report();
        let mut touched = core::mem::take(&mut self.sessions.touched);
        for id in touched.drain(..) {
            let Some(session) = self.sessions.session_mut(id) else { continue };
            session.touched = false;
            match session.via {
                Via::Polling(_) => self.sessions.flush_polling(id),
                Via::WebSocket(_) => self.sessions.flush_websocket(id, peers),
            }
        }
        // Its room is for the next call.
        touched.append(&mut self.sessions.touched);
        self.sessions.touched = touched;
        for id in core::mem::take(&mut self.sessions.to_close) {
            if let Some(mut peer) = peers.peer(id) {
                peer.data_mut().0 = To::None;
                // It can be sent, and it has no reason.
                let _ = peer.close(CloseCode::NORMAL, "");
            }
        }
        let now = peers.now();
        let fired = self.armed <= now;
        match self.sessions.next_deadline() {
            Some(next) if fired || next < self.armed => {
                self.armed = next;
                peers.set_timer(next.saturating_sub(now), 0);
            }
            None if fired => self.armed = Duration::MAX,
            _ => {}
        }
    }

    /// The answer that opens a session, without its body.
    fn opening(&self, request: &Request<'_>, sid: &str) -> Response {
        let config = &self.sessions.config;
        let mut response =
            Response::new(200).header("Content-Type", "text/plain; charset=UTF-8").header("Cache-Control", "no-store");
        if let Some(cookie) = &config.cookie {
            response = response.header("Set-Cookie", &cookie.header(sid));
        }
        self.with_cors(request, response)
    }

    fn with_cors(&self, request: &Request<'_>, response: Response) -> Response {
        match &self.sessions.config.cors {
            Some(cors) => cors.apply(request, response),
            None => response,
        }
    }

    /// The open packet of a session.
    fn open_packet(&self, id: SessionId) -> Option<(String, String)> {
        let (config, session) = (&self.sessions.config, self.sessions.session(id)?);
        let upgrades = config.upgrades && config.websocket && session.transport() == Transport::Polling;
        let packet = format!(
            "0{{\"sid\":\"{sid}\",\"upgrades\":[{upgrades}],\"pingInterval\":{interval},\"pingTimeout\":{timeout},\
             \"maxPayload\":{max}}}",
            sid = session.sid.as_str(),
            upgrades = if upgrades { "\"websocket\"" } else { "" },
            interval = config.ping_interval.as_millis(),
            timeout = config.ping_timeout.as_millis(),
            max = config.max_payload,
        );
        Some((packet, session.sid.as_str().into()))
    }

    /// A request for the sessions.
    fn asked(&mut self, request: &Request<'_>, body: &Bytes, responder: Responder) {
        if let Some(cors) = self.sessions.config.cors.as_ref().filter(|_| request.method() == "OPTIONS") {
            return responder.send(cors.preflight(request));
        }
        let app = &mut self.app;
        let asked = match refusal::check(request, false, &self.sessions, || app.allow(request)) {
            Ok(asked) => asked,
            Err(refusal) => return responder.send(self.with_cors(request, refusal.response())),
        };
        if let Some(id) = asked.session {
            return self.polled(id, request, body, responder);
        }
        let id = self.sessions.add(Via::Polling(None), asked.base64);
        let Some((id, (packet, sid))) = id.and_then(|id| Some((id, self.open_packet(id)?))) else {
            return responder.send(Response::new(503));
        };
        responder.send(self.opening(request, &sid).body(packet));
        self.app.open(&mut self.sessions, id, request);
    }
}

impl<A: Application> Handler for Engine<A> {
    type Data = Link;

    fn start(&mut self, peers: &mut Peers<'_, Link>) {
        self.sessions.begin(Place { worker: peers.worker(), remote: peers.remote() });
        self.begin(peers.now());
        self.app.start(&mut self.sessions);
        self.settle(peers);
    }

    fn worker_for(&mut self, request: &Request<'_>) -> Option<usize> {
        refusal::sid(&self.sessions.config, request)?.worker()
    }

    fn upgrade(&mut self, request: &Request<'_>) -> Response {
        if !refusal::is_for(&self.sessions.config, request) {
            return Response::new(404);
        }
        let app = &mut self.app;
        match refusal::check(request, true, &self.sessions, || app.allow(request)) {
            Ok(_) => self.with_cors(request, Response::accept()),
            Err(refusal) => self.with_cors(request, refusal.upgrade_response()),
        }
    }

    fn http(&mut self, request: &Request<'_>, body: Bytes, responder: Responder, peers: &mut Peers<'_, Link>) {
        self.begin(peers.now());
        if refusal::is_for(&self.sessions.config, request) {
            self.asked(request, &body, responder);
        } else {
            self.app.http(request, body, responder);
        }
        self.settle(peers);
    }

    fn http_cancelled(&mut self, request: RequestId, peers: &mut Peers<'_, Link>) {
        self.begin(peers.now());
        self.sessions.cancelled(request);
        self.settle(peers);
    }

    fn http_begins(&mut self, request: &Request<'_>, id: RequestId, peers: &mut Peers<'_, Link>) {
        self.begin(peers.now());
        if let Some(session) = refusal::sid(&self.sessions.config, request).filter(|_| request.method() == "POST") {
            self.sessions.posts(&session, id);
        }
        self.settle(peers);
    }

    fn open(&mut self, peer: &mut Peer<'_, Link>, request: &Request<'_>) {
        let (name, now) = (peer.id(), peer.peers().now());
        self.begin(now);
        // It was allowed already, but what it was about may be over by now.
        match refusal::check(request, true, &self.sessions, || Ok(())) {
            Ok(refusal::Asked { session: Some(id), base64, .. }) if self.sessions.attach(id, name, base64) => {
                peer.data_mut().0 = To::Candidate(id);
            }
            Ok(refusal::Asked { session: None, base64, .. }) => {
                let id = self.sessions.add(Via::WebSocket(Some(name)), base64);
                match id.and_then(|id| Some((id, self.open_packet(id)?))) {
                    Some((id, (packet, _))) => {
                        peer.data_mut().0 = To::Session(id);
                        let _ = peer.send(packet);
                        self.app.open(&mut self.sessions, id, request);
                    }
                    None => self.sessions.to_close.push(name),
                }
            }
            Ok(_) | Err(_) => self.sessions.to_close.push(name),
        }
        self.settle(&mut peer.peers());
    }

    fn message(&mut self, peer: &mut Peer<'_, Link>, message: Message<'_>) {
        let now = peer.peers().now();
        self.begin(now);
        match peer.data().0 {
            To::Session(id) => self.received(id, message),
            To::Candidate(id) => self.probed(id, peer, &message),
            To::None => {}
        }
        self.settle(&mut peer.peers());
    }

    fn drain(&mut self, peer: &mut Peer<'_, Link>) {
        if let To::Session(id) = peer.data().0
            && let Some(session) = self.sessions.session_mut(id)
        {
            session.backlogged = false;
        }
    }

    fn close(&mut self, peer: &mut Peer<'_, Link>, cause: &Cause<'_>) {
        let now = peer.peers().now();
        self.begin(now);
        match peer.data().0 {
            To::Session(id) => {
                if let Some(session) = self.sessions.session_mut(id) {
                    session.via = Via::WebSocket(None);
                    self.sessions.end(id, reason(cause));
                }
            }
            To::Candidate(id) => {
                if let Some(session) = self.sessions.session_mut(id) {
                    session.candidate = None;
                }
            }
            To::None => {}
        }
        self.settle(&mut peer.peers());
    }

    fn loop_timer(&mut self, _: u64, peers: &mut Peers<'_, Link>) {
        self.begin(peers.now());
        self.settle(peers);
    }

    fn wake(&mut self, peers: &mut Peers<'_, Link>) {
        self.begin(peers.now());
        self.app.wake(&mut self.sessions);
        self.settle(peers);
    }
}

fn reason(cause: &Cause<'_>) -> Reason {
    match cause {
        Cause::Closed { .. } | Cause::Lost(io::ErrorKind::UnexpectedEof) => Reason::TransportClose,
        Cause::Silent => Reason::PingTimeout,
        _ => Reason::TransportError,
    }
}
