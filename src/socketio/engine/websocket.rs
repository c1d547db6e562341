//! Sessions over a WebSocket, and on their way to one.

use super::outgoing::as_base64;
use super::packet::{Data, Packet};
use super::server::{Application, Engine, Link, To};
use super::session::{Candidate, Item, Life, Reason, Session, Via};
use super::sessions::{Due, SessionId, Sessions};
use crate::close::CloseCode;
use crate::message::{Kind, Message, MessageRef};
use crate::net::{Peer, PeerId, Peers, Sent};

impl Sessions {
    /// A WebSocket wants to take over; `false` if the session is not for that.
    pub(super) fn attach(&mut self, id: SessionId, peer: PeerId, base64: bool) -> bool {
        let deadline = self.now.saturating_add(self.config.upgrade_timeout);
        let upgrades = self.config.upgrades && self.config.websocket;
        let next_noop = self.now;
        let Some(session) = self.open_session(id).filter(|_| upgrades) else { return false };
        if session.candidate.is_some() || matches!(session.via, Via::WebSocket(_)) {
            return false;
        }
        session.candidate = Some(Candidate { peer, probed: false, base64, deadline, next_noop });
        self.await_at(deadline, id, Due::Upgrade);
        true
    }

    /// The client has left polling: from here on everything takes the WebSocket.
    fn upgrade(&mut self, id: SessionId) {
        let pong_by = self.now.saturating_add(self.config.ping_timeout);
        let Some(session) = self.open_session(id) else { return };
        let Some(candidate) = session.candidate.take() else { return };
        // A body that is still on its way is of no concern any more.
        let (poll, post) = (session.take_poll(), session.post.take());
        session.via = Via::WebSocket(Some(candidate.peer));
        session.base64 = candidate.base64;
        let awaits_pong = session.awaits_pong;
        if awaits_pong {
            // The ping may have been lost between the two.
            session.heartbeat = pong_by;
        }
        post.map(|post| self.requests.remove(&post));
        if let Some(poll) = poll {
            self.requests.remove(&poll.responder.id());
            poll.responder.send(poll.response.body("1"));
        }
        if awaits_pong {
            self.await_at(pong_by, id, Due::Heartbeat);
        }
        self.touch(id);
    }

    /// Writes what is queued, and closes the WebSocket of a session that is over.
    pub(super) fn flush_websocket(&mut self, id: SessionId, peers: &mut Peers<'_, Link>) {
        let Some(session) = self.session_mut(id) else { return };
        let Via::WebSocket(peer_id) = session.via else { return };
        let over = !session.is_open();
        if let Some(mut peer) = peer_id.and_then(|peer| peers.peer(peer)) {
            write(session, &mut peer);
            if over {
                // It can be sent, and it has no reason.
                let _ = peer.close(CloseCode::NORMAL, "");
                peer.data_mut().0 = To::None;
            }
        }
        if over {
            self.remove(id);
        }
    }
}

fn write(session: &mut Session, peer: &mut Peer<'_, Link>) {
    let is_free = peer.queued() == 0;
    session.queued = 0;
    for item in session.queue.drain(..) {
        let message = match item {
            Item::Ping => {
                session.backlogged |= peer.send("2") == Sent::Backlogged;
                continue;
            }
            Item::Volatile(_) if !is_free => continue,
            Item::Message(message) | Item::Volatile(message) => message,
        };
        let compress = message.is_compressible();
        for message in message.messages() {
            let text = (session.base64 && message.kind() == Kind::Binary).then(|| as_base64(message));
            let message = text.map_or_else(|| MessageRef::from(message), MessageRef::from);
            let sent = peer.send(if compress { message } else { message.plain() });
            session.backlogged |= sent == Sent::Backlogged;
        }
    }
}

impl<A: Application> Engine<A> {
    /// A message on the WebSocket of a session.
    pub(super) fn received(&mut self, id: SessionId, message: Message<'_>) {
        if !self.sessions.is_open(id) {
            return;
        }
        let outcome = match message {
            Message::Binary(binary) => {
                let bytes = Message::Binary(binary).into_bytes();
                self.heard(id, Packet::Message(Data::Binary(bytes)))
            }
            Message::Text(text) => match Packet::decode(&text) {
                Ok(packet) => self.heard(id, packet),
                Err(_) => Err(Reason::ParseError),
            },
        };
        if let Err(reason) = outcome {
            self.sessions.end_as(id, reason, Life::Ending(reason));
        }
    }

    /// A message on a WebSocket that a session may move to. Whatever goes wrong here is of no concern to the session.
    pub(super) fn probed(&mut self, id: SessionId, peer: &mut Peer<'_, Link>, message: &Message<'_>) {
        let text = match message {
            Message::Text(text) => &**text,
            Message::Binary(_) => "",
        };
        let candidate = self.sessions.open_session(id).and_then(|session| session.candidate.as_mut());
        let Some(candidate) = candidate.filter(|candidate| candidate.peer == peer.id()) else { return };
        match Packet::decode(text) {
            Ok(Packet::Ping("probe")) if !candidate.probed => {
                candidate.probed = true;
                let _ = peer.send("3probe");
                // A poll is released by a noop, so that the client can pause polling.
                self.sessions.touch(id);
            }
            Ok(Packet::Upgrade) if candidate.probed => {
                peer.data_mut().0 = To::Session(id);
                self.sessions.upgrade(id);
            }
            _ => self.sessions.drop_candidate(id),
        }
    }
}
