//! Reaching a loop from other threads.

use core::any::Any;
use core::fmt;
use std::boxed::Box;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::string::String;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::vec::Vec;

use super::config::Config;
use super::http::RequestId;
use super::hub::Sent;
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
    /// One for each loop of the server.
    inboxes: Arc<[Inbox]>,
    /// Whose handle it is, within a loop.
    worker: usize,
}

/// What a loop is told by others.
pub(super) struct Inbox {
    waiting: Mutex<Waiting>,
    attention: AtomicU8,
    bounds: OnceLock<Bounds>,
    wake: Arc<dyn Fn() + Send + Sync>,
}

/// The loop waits for events: it must be woken.
const ASLEEP: u8 = 0;
/// It is at work, and looks into the inbox before it waits again.
const AWAKE: u8 = 1;
/// There is something for it.
const TOLD: u8 = 2;

#[derive(Default)]
struct Waiting {
    commands: Vec<Command>,
    /// What `commands` hold, in bytes.
    held: usize,
    /// A wake-up is among them.
    wake: bool,
    /// The loop is.
    over: bool,
}

/// The loop's settings that other threads need.
#[derive(Clone, Copy)]
struct Bounds {
    soft_queue: usize,
    hard_queue: usize,
    inbox: usize,
}

/// What a loop is asked to do.
#[derive(Debug)]
pub(super) enum Command {
    Publish(Box<str>, SharedMessage),
    /// What was published on another loop.
    Published(Arc<[(Box<str>, SharedMessage)]>),
    Send(PeerId, SharedMessage),
    Close(PeerId, CloseCode, String),
    /// The addresses of the host that a connection is to be opened with.
    Resolved(PeerId, io::Result<Vec<SocketAddr>>),
    /// It is the turn of this attempt to open a connection.
    Connect(PeerId, u32, SocketAddr, Turn),
    /// There are pieces of an answer to this request.
    Answer(PeerId, RequestId),
    /// A connection whose request is for this loop.
    TakeOver(Handed),
    Wake,
    Stop,
}

/// A connection on its way to another loop.
#[derive(Debug)]
pub(super) struct Handed {
    /// What the transport made of it.
    pub(super) stream: Box<dyn Any + Send>,
    /// Whose it is, where that is counted.
    pub(super) address: Option<IpAddr>,
    /// The request that is for the other loop, and what came behind it.
    pub(super) bytes: Vec<u8>,
}

impl Remote {
    /// A handle for the loop that will run on this transport.
    pub fn new(transport: &impl Transport) -> Self {
        Self::of([transport])
    }

    /// A handle for loops that work together.
    pub(super) fn of<'t, T: Transport + 't>(transports: impl IntoIterator<Item = &'t T>) -> Self {
        Self { inboxes: transports.into_iter().map(Inbox::new).collect(), worker: 0 }
    }

    /// The same, in the hands of one of the loops.
    pub(super) fn of_worker(&self, worker: usize) -> Self {
        Self { inboxes: self.inboxes.clone(), worker }
    }

    pub(super) fn worker(&self) -> usize {
        self.worker
    }

    /// How many loops the server has.
    pub fn workers(&self) -> usize {
        self.inboxes.len()
    }

    /// Whether there is one loop only.
    pub(super) fn is_alone(&self) -> bool {
        self.workers() == 1
    }

    /// Sends a message to all subscribers of a topic, on all loops. [`Sent::Dropped`] if the loop has not come round to
    /// [`Config::inbox`] bytes before it.
    pub fn publish(&self, topic: &str, message: SharedMessage) -> Sent {
        let len = topic.len() + message.as_bytes().len();
        let sent =
            self.inboxes.iter().map(|inbox| inbox.offer(len, || Command::Publish(topic.into(), message.clone())));
        sent.max_by_key(|sent| *sent as u8).unwrap_or(Sent::Dropped)
    }

    /// Sends a message to a connection, if it is still open and its queue not full. [`Sent::Dropped`] if the loop has
    /// not come round to [`Config::inbox`] bytes before it; what became of it at the connection is not known here.
    pub fn send(&self, peer: PeerId, message: SharedMessage) -> Sent {
        match self.inboxes.get(peer.worker()) {
            Some(inbox) => inbox.offer(message.as_bytes().len(), || Command::Send(peer, message)),
            None => Sent::Dropped,
        }
    }

    /// Starts the closing handshake with a connection, if it is still open (RFC 6455 §7.1.2). A code that must not be
    /// sent, or a reason over 123 bytes, becomes 1000 without a reason.
    pub fn close(&self, peer: PeerId, code: CloseCode, reason: &str) {
        self.tell(peer, Command::Close(peer, code, reason.into()));
    }

    /// Calls [`Handler::wake`](super::Handler::wake) on the thread of each loop: with a channel of your own beside it, anything
    /// can be done there. Calls that come before the loop got round to it may be joined into one.
    pub fn wake(&self) {
        self.tell_all(|| Command::Wake);
    }

    /// As [`wake`](Self::wake), on one loop: the one whose connections have this
    /// [`PeerId::worker`].
    pub fn wake_worker(&self, worker: usize) {
        if let Some(inbox) = self.inboxes.get(worker) {
            // Nobody is left to do it.
            let _ = inbox.try_tell(Command::Wake);
        }
    }

    /// Gives a connection to the loop that its request is for. If that is over, the connection is, too.
    pub(super) fn hand_over(&self, worker: usize, handed: Handed) {
        if let Some(inbox) = self.inboxes.get(worker) {
            drop(inbox.try_tell(Command::TakeOver(handed)));
        }
    }

    /// Ends the server: it stops accepting, sends every connection a Close with 1001 and every held HTTP request a 503,
    /// writes what is queued, and returns from [`Server::run`](super::Server::run) when all are closed, at the latest
    /// after [`Config::close_timeout`].
    pub fn stop(&self) {
        self.tell_all(|| Command::Stop);
    }

    /// Tells the loop of a connection something about it.
    pub(super) fn tell(&self, peer: PeerId, command: Command) {
        // Nobody is left to do it.
        let _ = self.try_tell(peer, command);
    }

    /// As [`tell`](Self::tell); gives the command back if the loop is over.
    pub(super) fn try_tell(&self, peer: PeerId, command: Command) -> Result<(), Command> {
        match self.inboxes.get(peer.worker()) {
            Some(inbox) => inbox.try_tell(command),
            None => Err(command),
        }
    }

    /// Hands what was published on this loop to the others. Returns how many of them had no room for it.
    pub(super) fn publish_elsewhere(&self, published: Vec<(Box<str>, SharedMessage)>) -> usize {
        let len = published.iter().map(|(topic, message)| topic.len() + message.as_bytes().len()).sum();
        let published: Arc<[_]> = published.into();
        let others = self.inboxes.iter().enumerate().filter(|(worker, _)| *worker != self.worker);
        others.filter(|(_, inbox)| inbox.offer(len, || Command::Published(published.clone())) == Sent::Dropped).count()
    }

    fn tell_all(&self, command: impl Fn() -> Command) {
        for inbox in &*self.inboxes {
            // Nobody is left to do it.
            let _ = inbox.try_tell(command());
        }
    }

    /// That of the loop whose handle it is.
    pub(super) fn inbox(&self) -> &Inbox {
        &self.inboxes[self.worker]
    }
}

impl Inbox {
    fn new(transport: &impl Transport) -> Self {
        Self {
            waiting: Mutex::default(),
            attention: AtomicU8::new(ASLEEP),
            bounds: OnceLock::new(),
            wake: transport.waker(),
        }
    }

    fn try_tell(&self, command: Command) -> Result<(), Command> {
        let mut waiting = self.waiting();
        if waiting.over {
            return Err(command);
        }
        if matches!(command, Command::Wake) && core::mem::replace(&mut waiting.wake, true) {
            return Ok(());
        }
        waiting.commands.push(command);
        drop(waiting);
        self.call_attention();
        Ok(())
    }

    /// As [`try_tell`](Self::try_tell), if there is room for a payload of this length.
    fn offer(&self, len: usize, command: impl FnOnce() -> Command) -> Sent {
        let bound = self.bounds().inbox;
        let mut waiting = self.waiting();
        // Judged before, so that one may overshoot.
        if waiting.over || waiting.held >= bound {
            return Sent::Dropped;
        }
        waiting.held += size_of::<Command>() + len;
        let backlogged = waiting.held >= bound / 2;
        waiting.commands.push(command());
        drop(waiting);
        self.call_attention();
        if backlogged { Sent::Backlogged } else { Sent::Queued }
    }

    fn call_attention(&self) {
        if self.attention.swap(TOLD, Ordering::AcqRel) == ASLEEP {
            (self.wake)();
        }
    }

    /// The loop begins with these settings.
    pub(super) fn begin(&self, config: &Config) {
        let _ = self.bounds.set(Bounds::of(config));
    }

    /// The loop is about to wait; `false` if it must look into the inbox first. What comes behind this wakes it.
    pub(super) fn fall_asleep(&self) -> bool {
        let attention = &self.attention;
        attention.compare_exchange(AWAKE, ASLEEP, Ordering::AcqRel, Ordering::Acquire) != Err(TOLD)
    }

    /// The loop is at work, and will look into the inbox at the end: nobody needs to wake it.
    pub(super) fn wake_up(&self) {
        let attention = &self.attention;
        let _ = attention.compare_exchange(ASLEEP, AWAKE, Ordering::AcqRel, Ordering::Acquire);
    }

    /// Takes what the loop was asked to do.
    pub(super) fn take(&self, into: &mut Vec<Command>) {
        let attention = &self.attention;
        // Before the look: whatever comes behind it calls again.
        if attention.compare_exchange(TOLD, AWAKE, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
            let mut waiting = self.waiting();
            core::mem::swap(&mut waiting.commands, into);
            (waiting.held, waiting.wake) = (0, false);
        }
    }

    /// The loop is over: whatever else it is told is forgotten.
    pub(super) fn abandon(&self) {
        let mut waiting = self.waiting();
        waiting.over = true;
        let unheard = core::mem::take(&mut waiting.commands);
        // Out of the lock: a turn among them is passed on to somebody who may wait in here.
        drop(waiting);
        drop(unheard);
    }

    /// Bytes of what the loop was asked to do and has not.
    pub(super) fn held(&self) -> usize {
        self.waiting().held
    }

    /// The soft and the hard bound of a queue.
    pub(super) fn queue_bounds(&self) -> (usize, usize) {
        let bounds = self.bounds();
        (bounds.soft_queue, bounds.hard_queue)
    }

    fn bounds(&self) -> Bounds {
        // A loop that is not there yet has the default settings.
        self.bounds.get().copied().unwrap_or_else(|| Bounds::of(&Config::default()))
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // Nothing in here can panic half-way.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bounds {
    fn of(config: &Config) -> Self {
        Self { soft_queue: config.soft_queue, hard_queue: config.hard_queue, inbox: config.inbox }
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").finish_non_exhaustive()
    }
}
