//! What happens when time is up.

use core::time::Duration;
use std::vec::Vec;

use super::{EventLoop, call, call_among};
use crate::connection::State;
use crate::net::client::{ClientError, Stage};
use crate::net::handler::{Cause, Handler};
use crate::net::hub::Phase;
use crate::net::outbox::Unit;
use crate::net::slab::PeerId;
use crate::net::timers::Expired;
use crate::net::transport::Transport;

impl<H: Handler, T: Transport> EventLoop<H, T> {
    pub(super) fn expire(&mut self) {
        self.retry_accept();
        self.look_at_leaving();
        let now = self.hub.now;
        // Not what is set meanwhile: a handler that is called at once again would hold up the others.
        let due: Vec<_> = core::iter::from_fn(|| self.hub.timers.pop(now)).collect();
        for (peer, expired) in due {
            if let Expired::Loop(timer) = expired {
                call_among(&mut self.handler, &mut self.hub, |handler, peers| handler.loop_timer(timer, peers));
            } else if self.hub.records.contains(peer) {
                self.expired(peer, expired);
            }
        }
        if self.hub.timers.sweep_is_due(now) {
            for index in 0..self.hub.records.bound() {
                self.look_at_clock(index);
            }
        }
    }

    fn expired(&mut self, peer: PeerId, expired: Expired) {
        let index = peer.index();
        let still_taking = self.is_still_taking(index);
        let at_first_request = self.is_at_first_request(peer);
        let Some(record) = self.hub.records.get(index) else { return };
        match (expired, &record.phase) {
            (Expired::Handshake, _) if at_first_request => self.remove(index),
            (Expired::Handshake, Phase::Dial(_)) => {
                self.not_connected(index, ClientError::TimedOut(Stage::Handshake));
            }
            (Expired::Dial, _) => self.dial(peer),
            (Expired::Attempt(attempt), _) => self.attempt_expired(peer, attempt),
            (Expired::Close, Phase::Handshake(_) | Phase::Body(_) | Phase::Dial(_)) => {}
            (Expired::Close, Phase::Open(conn)) if conn.state() == State::Open => {}
            (Expired::Close, _) if still_taking => self.hub.timers.await_close(peer, self.hub.now),
            (Expired::Close, _) => self.over(index, &Cause::CloseUnanswered),
            (Expired::User(timer), Phase::Open(conn)) if conn.state() == State::Open => {
                self.hub.begin_turn(index);
                call(&mut self.handler, &mut self.hub, index, |handler, peer| handler.timer(peer, timer));
                self.finish_turn(index);
                self.hub.recount(index);
            }
            // Set for something that has happened since.
            _ => {}
        }
    }

    /// Whether a connection that ends took some of its queue lately, or our end was closed only now.
    fn is_still_taking(&mut self, index: u32) -> bool {
        let stalled = self.hub.timers.clock(index).stalled;
        let (timeout, now) = (self.hub.config.close_timeout, self.hub.now);
        !self.hub.stopping && stalled != 0 && !self.hub.timers.is_nearly_over(stalled, timeout, now)
    }

    /// Plain HTTP: answers that are not taken, requests that do not come to an end, connections that nobody uses.
    fn look_at_http(&mut self, index: u32) {
        let hub = &mut self.hub;
        let timeout = match hub.phase(index) {
            Some(Phase::Handshake(None)) => hub.config.keep_alive,
            Some(Phase::Handshake(Some(_)) | Phase::Body(_)) => hub.config.handshake_timeout,
            Some(Phase::Http(_)) => Duration::MAX,
            _ => return,
        };
        let clock = *hub.timers.clock(index);
        if hub.timers.is_over(clock.stalled, hub.config.write_timeout, hub.now) {
            self.over(index, &Cause::WriteStalled);
        } else if clock.stalled != 0 && clock.message_began != 0 {
            // It is still busy with the last answer.
            hub.timers.clock(index).message_began = hub.ticks;
        } else if hub.timers.is_over(clock.message_began, timeout, hub.now) {
            self.remove(index);
        }
    }

    fn look_at_clock(&mut self, index: u32) {
        let hub = &mut self.hub;
        let Some(record) = hub.records.get(index) else { return };
        let Phase::Open(conn) = &record.phase else { return self.look_at_http(index) };
        let (open, put_off) = (conn.state() == State::Open, record.paused || record.unread);
        let clock = *hub.timers.clock(index);
        let (timers, config, now) = (&hub.timers, &hub.config, hub.now);
        if timers.is_over(clock.stalled, config.write_timeout, now) {
            // It reads nothing, so there is nothing to tell it.
            return self.over(index, &Cause::WriteStalled);
        }
        if put_off {
            // What it has to say is not listened to.
            return;
        }
        if timers.is_over(clock.message_began, config.message_timeout, now) && open {
            return hub.fail(index, Cause::MessageTooSlow);
        }
        if clock.stalled != 0 {
            // Behind a queue a Ping would wait, and while it is long the Pong is not read.
            return;
        }
        if timers.is_over(clock.pinged, config.pong_within, now) {
            return self.over(index, &Cause::Silent);
        }
        if clock.pinged == 0 && open && timers.is_over(clock.heard, config.ping_after, now) {
            hub.timers.clock(index).pinged = hub.ticks;
            hub.begin_turn(index);
            // Cannot fail: the connection is open and the payload short.
            let _ = hub.emit(index, Unit::Fixed, |conn, output| conn.ping(b"", output));
            self.finish_turn(index);
        }
    }
}
