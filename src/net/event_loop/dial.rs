//! Connections of ours, up to the moment they are open: the host's addresses in turn, TCP, the handshake.

use std::boxed::Box;
use std::collections::vec_deque::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::vec::Vec;

use super::{EventLoop, call};
use crate::connection::Connection;
use crate::error::HandshakeError;
use crate::frame::Status;
use crate::net::client::{ClientError, Refusal, Stage};
use crate::net::handler::Handler;
use crate::net::hub::{Dial, OurEnd, Phase, Progress, Record};
use crate::net::remote::Command;
use crate::net::slab::PeerId;
use crate::net::timers::Expired;
use crate::net::transport::Transport;
use crate::net::turn::Turn;

impl<H: Handler, T: Transport> EventLoop<H, T> {
    /// It is time to connect.
    pub(super) fn dial(&mut self, peer: PeerId) {
        let index = peer.index();
        if self.hub.stopping {
            return self.not_connected(index, ClientError::Stopped);
        }
        let deadline = self.hub.now.saturating_add(self.hub.config.connect_timeout);
        let Some(dial) = self.dialed(index) else { return };
        dial.deadline = deadline;
        let (host, port) = (dial.request.host(), dial.request.port());
        match host.parse::<IpAddr>() {
            Ok(address) => self.resolved(peer, Ok([SocketAddr::new(address, port)].into())),
            Err(_) => {
                let (host, remote) = (Box::<str>::from(host), self.hub.remote.clone());
                self.hub.timers.await_at(deadline, peer, Expired::Attempt(0));
                let answer = move |addresses| remote.tell(peer, Command::Resolved(peer, addresses));
                self.transport.resolve(&host, port, Box::new(answer));
            }
        }
    }

    /// The host's addresses are known, or known not to be.
    pub(super) fn resolved(&mut self, peer: PeerId, addresses: io::Result<Vec<SocketAddr>>) {
        let Some(dial) = self.dialed_by(peer) else { return };
        match addresses {
            Ok(addresses) => dial.addresses = VecDeque::from(addresses),
            Err(error) => dial.failure = ClientError::Resolve(error),
        }
        self.try_next_address(peer);
    }

    /// Tries the addresses in turn. They share the time, so that a silent one leaves some for the next.
    fn try_next_address(&mut self, peer: PeerId) {
        let (index, now) = (peer.index(), self.hub.now);
        loop {
            self.seat(index, None);
            let Some(dial) = self.dialed(index) else { return };
            dial.turn = None;
            dial.attempt += 1;
            let shares = u32::try_from(dial.addresses.len()).unwrap_or(u32::MAX);
            let Some(address) = dial.addresses.pop_front() else {
                let failure = core::mem::replace(&mut dial.failure, ClientError::TimedOut(Stage::Connect));
                return self.not_connected(index, failure);
            };
            let at = now.saturating_add(dial.deadline.saturating_sub(now) / shares);
            let attempt = dial.attempt;
            self.hub.timers.await_at(at, peer, Expired::Attempt(attempt));
            if self.hub.config.one_at_a_time {
                let remote = self.hub.remote.clone();
                return Turn::wait(address.ip(), move |turn| {
                    match remote.try_tell(peer, Command::Connect(peer, attempt, address, turn)) {
                        Err(Command::Connect(.., turn)) => Err(turn),
                        _ => Ok(()),
                    }
                });
            }
            if self.connect_to(peer, address) {
                return;
            }
        }
    }

    /// It is the turn of an attempt.
    pub(super) fn turn_came(&mut self, peer: PeerId, attempt: u32, address: SocketAddr, turn: Turn) {
        let Some(dial) = self.dialed_by(peer).filter(|dial| dial.attempt == attempt) else { return };
        dial.turn = Some(turn);
        if !self.connect_to(peer, address) {
            self.try_next_address(peer);
        }
    }

    /// Whether TCP is on its way, so that an event or the deadline will tell.
    fn connect_to(&mut self, peer: PeerId, address: SocketAddr) -> bool {
        let index = peer.index();
        let begun = self.transport.connect(address).and_then(|mut stream| {
            self.transport.register(&mut stream, peer.as_u64() as usize)?;
            Ok(stream)
        });
        let Some(dial) = self.dialed(index) else { return false };
        match begun {
            Ok(stream) => {
                dial.progress = Progress::Connecting;
                self.seat(index, Some(stream));
                true
            }
            Err(error) => {
                dial.failure = ClientError::Connect(error);
                false
            }
        }
    }

    /// Whether a connection waits for its TCP; looks at it if so.
    pub(super) fn is_connecting(&mut self, peer: PeerId) -> bool {
        let index = peer.index();
        let Some(Progress::Connecting) = self.dialed(index).map(|dial| &dial.progress) else { return false };
        let Some(Some(stream)) = self.streams.get_mut(index as usize) else { return true };
        match self.transport.is_connected(stream) {
            Ok(false) => return true,
            Ok(true) => {}
            Err(error) => {
                if let Some(dial) = self.dialed(index) {
                    dial.failure = ClientError::Connect(error);
                }
                self.try_next_address(peer);
                return true;
            }
        }
        self.hub.begin_turn(index);
        let started = self.hub.start_handshake(index);
        // Not among the visitors' deadlines: those make room for one another.
        let deadline = self.hub.now.saturating_add(self.hub.config.handshake_timeout);
        self.hub.timers.await_at(deadline, peer, Expired::Handshake);
        self.finish_turn(index);
        if let Err(error) = started {
            self.not_connected(index, error.into());
        }
        !self.hub.records.contains(peer)
    }

    /// An attempt took too long.
    pub(super) fn attempt_expired(&mut self, peer: PeerId, attempt: u32) {
        let Some(dial) = self.dialed_by(peer) else { return };
        if dial.attempt == attempt && !matches!(dial.progress, Progress::Handshake(_)) {
            dial.failure = ClientError::TimedOut(Stage::Connect);
            self.try_next_address(peer);
        }
    }

    /// Takes what was read of the server's answer.
    pub(super) fn answered(&mut self, index: u32) {
        let Some(dial) = self.dialed(index) else { return };
        let Progress::Handshake(handshake) = core::mem::take(&mut dial.progress) else { return };
        let mut handshake = handshake;
        let outcome = match handshake.receive(&mut self.input) {
            Ok(Status::Complete(answer)) => match answer.check_upgrade() {
                Ok(negotiated) => Ok((answer, negotiated)),
                Err(HandshakeError::NotSwitched) => Err(ClientError::Refused(Refusal::new(&answer))),
                Err(error) => Err(error.into()),
            },
            Ok(Status::Partial) => {
                if let Some(Record { phase: Phase::Dial(dial), .. }) = self.hub.records.get_mut(index) {
                    dial.progress = Progress::Handshake(handshake);
                }
                return;
            }
            Err(error) => Err(error.into()),
        };
        let (answer, negotiated) = match outcome {
            Ok(opened) => opened,
            Err(error) => return self.not_connected(index, error),
        };
        let hub = &mut self.hub;
        if let Some(record) = hub.records.get_mut(index) {
            record.phase = Phase::Open(Connection::client(negotiated));
            hub.stats.opened += 1;
            record.position = hub.log.next();
            record.our_end = OurEnd::ClosesLast;
        }
        call(&mut self.handler, hub, index, |handler, peer| handler.connected(peer, &answer));
        // What came behind the answer belongs to the connection.
        self.frames(index, false);
    }

    /// Reports that a connection could not be opened.
    pub(super) fn not_connected(&mut self, index: u32, error: ClientError) {
        if let Some(dial) = self.dialed(index) {
            // It is the next one's turn already when the handler asks for another connection.
            dial.turn = None;
            call(&mut self.handler, &mut self.hub, index, |handler, peer| handler.not_connected(peer, &error));
            self.remove(index);
        }
    }

    /// Keeps the stream of a connection, or drops it.
    pub(super) fn seat(&mut self, index: u32, stream: Option<T::Stream>) {
        let row = index as usize;
        if self.streams.len() <= row {
            self.streams.resize_with(row + 1, || None);
        }
        self.streams[row] = stream;
    }

    fn dialed_by(&mut self, peer: PeerId) -> Option<&mut Dial> {
        if self.hub.records.contains(peer) { self.dialed(peer.index()) } else { None }
    }

    fn dialed(&mut self, index: u32) -> Option<&mut Dial> {
        match self.hub.records.get_mut(index).map(|record| &mut record.phase) {
            Some(Phase::Dial(dial)) => Some(dial),
            _ => None,
        }
    }
}
