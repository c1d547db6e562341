//! Reaching a loop from other threads.

use core::fmt;
use std::boxed::Box;
use std::io;
use std::net::SocketAddr;
use std::string::String;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::vec::Vec;

use super::slab::PeerId;
use super::transport::Transport;
use super::turn::Turn;
use crate::close::CloseCode;
use crate::message::SharedMessage;

/// A handle on a running server, for any thread. What it is told is done by the loop, in that order; wake-ups come
/// behind the rest.
///
/// ```no_run
/// use bowsprit::{Message, SharedMessage};
/// use bowsprit::net::{Peer, Server};
///
/// # fn main() -> std::io::Result<()> {
/// let server = Server::bind("127.0.0.1:9001")?;
/// let remote = server.remote();
/// std::thread::spawn(move || remote.publish("news", SharedMessage::text("from another thread")));
/// server.run(|peer: &mut Peer<'_, ()>, _: Message<'_>| {
///     peer.subscribe("news");
/// })
/// # }
/// ```
#[derive(Clone)]
pub struct Remote {
    inbox: Arc<Inbox>,
}

struct Inbox {
    /// `None` once the loop is over.
    commands: Mutex<Option<Vec<Command>>>,
    /// Set from the first command until the loop has looked, so that a burst wakes it once.
    woken: AtomicBool,
    wake: Arc<dyn Fn() + Send + Sync>,
}

/// What a loop is asked to do.
#[derive(Debug)]
pub(super) enum Command {
    Publish(Box<str>, SharedMessage),
    Send(PeerId, SharedMessage),
    Close(PeerId, CloseCode, String),
    /// The addresses of the host that a connection is to be opened with.
    Resolved(PeerId, io::Result<Vec<SocketAddr>>),
    /// It is the turn of this attempt to open a connection.
    Connect(PeerId, u32, SocketAddr, Turn),
    Wake,
    Stop,
}

impl Remote {
    /// A handle for the loop that will run on this transport.
    pub fn new(transport: &impl Transport) -> Self {
        let inbox =
            Inbox { commands: Mutex::new(Some(Vec::new())), woken: AtomicBool::new(false), wake: transport.waker() };
        Self { inbox: Arc::new(inbox) }
    }

    /// Sends a message to all subscribers of a topic.
    pub fn publish(&self, topic: &str, message: SharedMessage) {
        self.tell(Command::Publish(topic.into(), message));
    }

    /// Sends a message to a connection, if it is still open and its queue not full.
    pub fn send(&self, peer: PeerId, message: SharedMessage) {
        self.tell(Command::Send(peer, message));
    }

    /// Starts the closing handshake with a connection, if it is still open (RFC 6455 §7.1.2). A code that must not be
    /// sent, or a reason over 123 bytes, becomes 1000 without a reason.
    pub fn close(&self, peer: PeerId, code: CloseCode, reason: &str) {
        self.tell(Command::Close(peer, code, reason.into()));
    }

    /// Calls [`Handler::wake`](super::Handler::wake) on the loop's thread: with a channel of your own beside it, anything
    /// can be done there. Calls that come before the loop got round to it may be joined into one.
    pub fn wake(&self) {
        self.tell(Command::Wake);
    }

    /// Ends the server: it stops accepting, sends every connection a Close with 1001, writes what is queued, and
    /// returns from [`Server::run`](super::Server::run) when all are closed, at the latest after
    /// [`Config::close_timeout`](super::Config::close_timeout).
    pub fn stop(&self) {
        self.tell(Command::Stop);
    }

    pub(super) fn tell(&self, command: Command) {
        // Nobody is left to do it.
        let _ = self.try_tell(command);
    }

    /// Gives the command back if the loop is over.
    pub(super) fn try_tell(&self, command: Command) -> Result<(), Command> {
        match &mut *self.commands() {
            Some(commands) => commands.push(command),
            None => return Err(command),
        }
        if !self.inbox.woken.swap(true, Ordering::AcqRel) {
            (self.inbox.wake)();
        }
        Ok(())
    }

    /// Takes what the loop was asked to do.
    pub(super) fn take(&self, into: &mut Vec<Command>) {
        // Before the look: whatever comes behind it wakes again.
        if self.inbox.woken.load(Ordering::Relaxed) && self.inbox.woken.swap(false, Ordering::AcqRel) {
            if let Some(commands) = &mut *self.commands() {
                core::mem::swap(commands, into);
            }
        }
    }

    /// The loop is over: whatever else it is told is forgotten.
    pub(super) fn abandon(&self) {
        let unheard = self.commands().take();
        // Out of the lock: a turn among them is passed on to somebody who may wait in here.
        drop(unheard);
    }

    fn commands(&self) -> MutexGuard<'_, Option<Vec<Command>>> {
        // Nothing in here can panic half-way.
        self.inbox.commands.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").finish_non_exhaustive()
    }
}
