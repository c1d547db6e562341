//! The end of TCP behind a clean close: ours is closed, the peer's is waited for.
//!
//! Closed altogether, what a peer sends behind its Close would be answered with a reset, which can overtake our Close.
//! So its end of file is waited for, but without an event: the connection is over, and to be woken for the end of each
//! costs more than all the rest of a closing handshake.

use core::time::Duration;
use std::collections::VecDeque;
use std::io;

use super::EventLoop;
use crate::net::handler::Handler;
use crate::net::transport::Transport;

/// Streams of which only the end of file matters, by the time of the next look.
#[derive(Debug)]
pub(super) struct Leaving<S>(VecDeque<Stream<S>>);

#[derive(Debug)]
struct Stream<S> {
    stream: S,
    next_look: Duration,
    /// From then on it is closed as it is.
    deadline: Duration,
}

/// So many wait without a look; when so many others have come after it, a stream has most likely come to its end.
const SOME: usize = 64;
/// More are not waited for.
const MANY: usize = 1024;
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);
/// What a look discards at most.
const DISCARDED: usize = 1024;

impl<S> Leaving<S> {
    pub(super) const fn new() -> Self {
        Self(VecDeque::new())
    }

    /// How long there is nothing to look at.
    #[inline]
    pub(super) fn wait(&self, now: Duration) -> Option<Duration> {
        self.0.front().map(|next| next.next_look.saturating_sub(now))
    }

    /// Closes all as they are, for their descriptors; `false` if there were none.
    pub(super) fn give_up(&mut self) -> bool {
        let any = !self.0.is_empty();
        self.0.clear();
        any
    }
}

impl<H: Handler, T: Transport> EventLoop<H, T> {
    /// A connection is over, and its stream will be.
    pub(super) fn leave(&mut self, index: u32) {
        let stream = self.streams.get_mut(index as usize).and_then(Option::take);
        self.remove(index);
        let Some(mut stream) = stream else { return };
        let deregistered = self.transport.deregister(&mut stream);
        if deregistered.and_then(|()| self.transport.shut_down(&mut stream)).is_err() {
            return;
        }
        let now = self.hub.now;
        let deadline = now.saturating_add(self.hub.config.close_timeout);
        self.leaving.0.push_back(Stream { stream, next_look: now + BETWEEN_LOOKS, deadline });
        if self.leaving.0.len() > SOME {
            self.look_at_next();
        }
    }

    /// Looks at those whose time has come.
    #[inline]
    pub(super) fn look_at_leaving(&mut self) {
        while self.leaving.wait(self.hub.now) == Some(Duration::ZERO) {
            self.look_at_next();
        }
    }

    #[cold]
    fn look_at_next(&mut self) {
        let Some(mut next) = self.leaving.0.pop_front() else { return };
        let now = self.hub.now;
        let ended = match self.transport.read(&mut next.stream, &mut [0; DISCARDED]) {
            Ok(received) => received.len == 0,
            Err(error) => !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted),
        };
        if !ended && now < next.deadline && self.leaving.0.len() < MANY {
            next.next_look = now + BETWEEN_LOOKS;
            self.leaving.0.push_back(next);
        }
    }
}
