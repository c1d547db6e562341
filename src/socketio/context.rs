//! What can be done from a handler, a timer, or by way of another thread.

use core::fmt;
use core::time::Duration;
use std::boxed::Box;
use std::string::String;
use std::sync::mpsc::Sender;
use std::vec::Vec;

use super::args::{Args, EmitError};
use super::cast::Cast;
use super::engine::{Sessions, Sid};
use super::event::Ack;
use super::namespace::{Admission, Refusal};
use super::socket::Socket;
use super::state::{Happened, State, Timer};
use crate::net::{self, Sent};

/// All sockets of the loop.
#[derive(Debug)]
pub struct Context<'a> {
    pub(super) state: &'a mut State,
    pub(super) sessions: &'a mut Sessions,
}

pub(super) type RemoteJob = Box<dyn FnOnce(&mut Context<'_>) + Send>;

/// Names a timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimerId(pub(super) u64);

impl Context<'_> {
    /// All sockets of a namespace, to choose among.
    pub fn of(&mut self, namespace: &str) -> Cast<'_> {
        Cast::new(self.reborrow(), namespace, Vec::new())
    }

    /// A connected socket of a namespace, by its id.
    pub fn socket(&mut self, namespace: &str, id: &str) -> Option<Socket<'_>> {
        let space = self.state.by_name.get(namespace).and_then(|space| self.state.spaces.get(space))?;
        let key = *space.by_id.get(&Sid::parse(id)?).filter(|key| space.sockets.contains(key))?;
        Some(Socket { context: self.reborrow(), key })
    }

    /// Answers an event, with at most one answer for each.
    ///
    /// # Errors
    ///
    /// What is wrong with the arguments.
    pub fn reply(&mut self, ack: Ack, args: impl Into<Args>) -> Result<Sent, EmitError> {
        let socket = self.state.sockets.get(&ack.socket).filter(|socket| socket.connected);
        let space = socket.and_then(|socket| self.state.spaces.get(&socket.space));
        let (Some(socket), Some(space)) = (socket, space) else { return Ok(Sent::Dropped) };
        let message = args.into().ack(&space.name, ack.id, self.state.max_attachments)?;
        Ok(self.sessions.send(socket.session, &message))
    }

    /// Answers what a [guard](super::Namespace::guard_later) was asked.
    pub fn decide(&mut self, admission: Admission, verdict: Result<(), Refusal>) {
        self.state.happened.push_back(Happened::Decided(admission.socket, admission.guard, verdict));
    }

    /// Calls this after a time, on the loop.
    pub fn after(&mut self, after: Duration, job: impl FnOnce(&mut Context<'_>) + 'static) -> TimerId {
        self.set_timer(after, Timer::Job(Box::new(job)))
    }

    /// Forgets a timer; `false` if it has run out.
    pub fn cancel(&mut self, timer: TimerId) -> bool {
        self.state.timers.remove(&timer).is_some()
    }

    /// The loop's clock.
    pub fn now(&self) -> Duration {
        self.sessions.now()
    }

    /// How many sessions are open.
    pub fn sessions(&self) -> usize {
        self.sessions.len()
    }

    pub(super) fn set_timer(&mut self, after: Duration, timer: Timer) -> TimerId {
        let id = TimerId(self.state.number());
        self.state.timers.insert(id, timer);
        self.sessions.set_timer(after, id.0);
        id
    }

    pub(super) fn reborrow(&mut self) -> Context<'_> {
        Context { state: self.state, sessions: self.sessions }
    }

    /// The name of a socket's namespace.
    pub(super) fn name_of(&self, key: u64) -> String {
        let space = self.state.sockets.get(&key).and_then(|socket| self.state.spaces.get(&socket.space));
        space.map_or(String::new(), |space| (*space.name).into())
    }
}

/// A handle for other threads.
#[derive(Clone)]
pub struct Remote {
    pub(super) jobs: Sender<RemoteJob>,
    pub(super) net: net::Remote,
}

impl Remote {
    /// Calls this on the loop; `false` if that is over.
    pub fn call(&self, job: impl FnOnce(&mut Context<'_>) + Send + 'static) -> bool {
        let sent = self.jobs.send(Box::new(job)).is_ok();
        self.net.wake();
        sent
    }

    /// Ends the server, as [`net::Remote::stop`].
    pub fn stop(&self) {
        self.net.stop();
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").finish_non_exhaustive()
    }
}
