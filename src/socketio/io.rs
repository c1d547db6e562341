//! Packets become calls of handlers.

use core::cell::Cell;
use core::fmt;
use core::time::Duration;
use std::borrow::ToOwned;
use std::boxed::Box;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::ToSocketAddrs;
use std::string::String;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::vec::Vec;

use bytes::Bytes;
use serde_json::value::RawValue;

use super::clients::{Client, Handshake, Unfinished};
use super::cluster::{Cluster, Seat};
use super::context::{Context, Remote, RemoteJob, TimerId};
use super::engine::{self, Application, Data, Engine, SessionId, Sessions, Sid};
use super::event::{Ack, Event, NoReply, Reply, Values};
use super::namespace::{Admission, Guard, Namespace, Refusal};
use super::packet::{Data as PacketData, Kind, Packet, check_placeholders, event_name};
use super::reason::Reason;
use super::recovery::{Membership, Memory, Recovery};
use super::socket::Socket;
use super::state::{Happened, Job, SocketId, SocketKey, SocketState, SpaceId, State, Timer};
use super::workers::Workers;
use crate::handshake::Request;
use crate::net::{self, Responder, Server};

/// The settings of an [`Io`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Of the sessions below. Its path is `/socket.io/` by default.
    pub engine: engine::Config,
    /// From the opening of a session to the first namespace that it enters. Default 45 s.
    pub connect_timeout: Duration,
    /// Attachments of a packet, in both directions: clients have the same limit. Default 10.
    pub max_attachments: usize,
    /// Bytes of the attachments of a packet that a client sends. Default 10,000,000.
    pub max_attachment_bytes: usize,
    /// Namespaces that a session may be in. Default 64.
    pub max_namespaces: usize,
    /// What clients find that lose their connection and come back. Default `None`: nothing.
    pub recovery: Option<Recovery>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            engine: engine::Config::new("/socket.io/"),
            connect_timeout: Duration::from_secs(45),
            max_attachments: 10,
            max_attachment_bytes: 10_000_000,
            max_namespaces: 64,
            recovery: None,
        }
    }
}

type Matcher = Box<dyn FnMut(&str, Option<&RawValue>) -> bool>;
type OnAllow = Box<dyn FnMut(&Request<'_>) -> Result<(), String>>;
type OnHttp = Box<dyn FnMut(&Request<'_>, Bytes, Responder)>;

/// A Socket.IO server: namespaces and what happens in them.
pub struct Io {
    config: Config,
    pub(super) state: State,
    handlers: Vec<Namespace>,
    static_names: HashMap<String, usize>,
    matchers: Vec<(Matcher, usize)>,
    allow: Option<OnAllow>,
    http: Option<OnHttp>,
    start: Option<Job>,
    jobs: (Sender<RemoteJob>, Receiver<RemoteJob>),
}

impl Default for Io {
    fn default() -> Self {
        Self::new(Config::default())
    }
}

impl Io {
    /// A server with these settings.
    pub fn new(config: Config) -> Self {
        let mut state = State::default();
        state.max_attachments = config.max_attachments;
        // An upgrade gives a pong its time again.
        let silence = config.engine.ping_interval.saturating_add(config.engine.ping_timeout.saturating_mul(2));
        state.memory = config.recovery.clone().map(|recovery| Memory::new(recovery, silence));
        Self {
            config,
            state,
            handlers: Vec::new(),
            static_names: HashMap::new(),
            matchers: Vec::new(),
            allow: None,
            http: None,
            start: None,
            jobs: channel(),
        }
    }

    /// A namespace, `/` or one of its own name; new or known.
    pub fn of(&mut self, name: &str) -> &mut Namespace {
        let next = self.handlers.len();
        let index = *self.static_names.entry(name.into()).or_insert(next);
        if index == next {
            self.handlers.push(Namespace::default());
            self.state.add_space(name, index, false);
        }
        &mut self.handlers[index]
    }

    /// The namespaces that this accepts by name and `auth`, if no other is of that name. Each is there as long as
    /// somebody is in it.
    pub fn of_matching(&mut self, matches: impl FnMut(&str, Option<&RawValue>) -> bool + 'static) -> &mut Namespace {
        let index = self.handlers.len();
        self.matchers.push((Box::new(matches), index));
        self.handlers.push(Namespace::default());
        &mut self.handlers[index]
    }

    /// Asks this whether a request may open a session; the text of a refusal goes to the client, with 403.
    pub fn allow(&mut self, allow: impl FnMut(&Request<'_>) -> Result<(), String> + 'static) {
        self.allow = Some(Box::new(allow));
    }

    /// Answers requests for other paths by this, instead of by 404.
    pub fn on_http(&mut self, handler: impl FnMut(&Request<'_>, Bytes, Responder) + 'static) {
        self.http = Some(Box::new(handler));
    }

    /// Calls this when the loop begins.
    pub fn on_start(&mut self, handler: impl FnOnce(&mut Context<'_>) + 'static) {
        self.start = Some(Box::new(handler));
    }

    /// A handle for other threads, given the one of the server that this will run on.
    pub fn remote(&self, net: net::Remote) -> Remote {
        Remote { jobs: self.jobs.0.clone(), net }
    }

    /// Settings of the loop that go with ours: see [`engine::Config::net`].
    pub fn net(&self) -> net::Config {
        self.config.engine.net()
    }

    /// Serves on this address and thread, until the server is stopped.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn serve(self, addresses: impl ToSocketAddrs) -> io::Result<()> {
        Server::bind_with(addresses, self.net())?.run(self.into_handler())
    }

    /// Serves on this address with so many loops, each on a thread of its own with a server of its own, which `setup` is
    /// called for. They are one to their clients: sessions are found, whichever loop a request arrives at; rooms and what
    /// is sent to them span all loops, and so does [`Recovery`]. Handlers, timers and what they share are those of a loop.
    ///
    /// ```no_run
    /// use bowsprit::socketio::{Config, Io};
    ///
    /// fn main() -> std::io::Result<()> {
    ///     let workers = std::thread::available_parallelism()?.get();
    ///     Io::serve_each("127.0.0.1:3000", workers, &Config::default(), |io| {
    ///         io.of("/").on("chat message", |socket, event| {
    ///             let _ = socket.everybody().emit("chat message", event.args());
    ///         });
    ///     })
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn serve_each(
        addresses: impl ToSocketAddrs,
        workers: usize,
        config: &Config,
        setup: impl Fn(&mut Self) + Sync,
    ) -> io::Result<()> {
        let mut net = config.engine.net();
        net.workers = workers;
        Self::run_each(Server::bind_with(addresses, net)?, config, setup)
    }

    /// As [`serve_each`](Self::serve_each), on a server that is bound already.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn run_each(server: Server, config: &Config, setup: impl Fn(&mut Self) + Sync) -> io::Result<()> {
        let workers = Workers::new(server.remote().workers());
        server.run_each(|| {
            let mut io = Self::new(config.clone());
            io.state.cluster = Some(Cluster::new(Box::new(workers.clone())));
            setup(&mut io);
            io.into_handler()
        })
    }

    /// The handler to run a [`Server`] with.
    pub fn into_handler(self) -> Engine<Self> {
        Engine::new(self.config.engine.clone(), self)
    }

    /// Tells handlers what has happened while others were at work.
    pub(super) fn settle(&mut self, sessions: &mut Sessions) {
        while let Some(happened) = self.state.happened.pop_front() {
            match happened {
                Happened::Call(job) => job(&mut self.context(sessions)),
                Happened::Parted(key) => self.state.part(sessions, key),
                Happened::Decided(key, guard, verdict) => self.decided(sessions, key, guard, verdict),
                Happened::Sought(seat, moved) => self.sought(sessions, &seat, moved),
                Happened::Disconnected(key, reason) => {
                    if let Some(handlers) = self.handlers_of(key) {
                        for n in 0..self.handlers[handlers].disconnect.len() {
                            let handler = &mut self.handlers[handlers].disconnect[n];
                            handler(&mut Socket { context: Context { state: &mut self.state, sessions }, key }, reason);
                        }
                    }
                    self.state.part(sessions, key);
                }
            }
        }
    }

    pub(super) fn context<'a>(&'a mut self, sessions: &'a mut Sessions) -> Context<'a> {
        Context { state: &mut self.state, sessions }
    }

    fn handlers_of(&self, key: SocketKey) -> Option<usize> {
        let socket = self.state.sockets.get(&key)?;
        self.state.spaces.get(&socket.space).map(|space| space.handlers)
    }

    /// The client did what is not allowed at this point.
    fn violated(&mut self, sessions: &mut Sessions, session: SessionId) {
        if let Some(client) = self.state.clients.get_mut(&session) {
            client.reason = Some(Reason::ForcedServerClose);
        }
        sessions.close(session);
    }

    fn text(&mut self, sessions: &mut Sessions, session: SessionId, text: &str) {
        let Some(client) = self.state.clients.get_mut(&session) else { return };
        let packet = match Packet::decode(text, self.config.max_attachments) {
            // The attachments of the one before are missing.
            Ok(_) if client.unfinished.is_some() => return sessions.close(session),
            Ok(packet) if check_placeholders(&packet).is_ok() => packet,
            _ => return sessions.close(session),
        };
        match packet.attachments {
            None | Some(0) => self.packet(sessions, session, &packet, &[]),
            Some(missing) => {
                // Nothing is kept for who is not in there.
                if self.find(sessions, session, packet.namespace).is_some()
                    && let Some(client) = self.state.clients.get_mut(&session)
                {
                    let attachments = Vec::with_capacity(missing);
                    client.unfinished = Some(Unfinished { text: text.into(), attachments, missing, len: 0 });
                }
            }
        }
    }

    fn attachment(&mut self, sessions: &mut Sessions, session: SessionId, bytes: Bytes) {
        let max = self.config.max_attachment_bytes;
        let Some(client) = self.state.clients.get_mut(&session) else { return };
        let Some(mut unfinished) = client.unfinished.take() else { return sessions.close(session) };
        unfinished.len += bytes.len();
        unfinished.missing -= 1;
        unfinished.attachments.push(bytes);
        if unfinished.len > max {
            return sessions.close(session);
        }
        if unfinished.missing > 0 {
            client.unfinished = Some(unfinished);
        } else if let Ok(packet) = Packet::decode(&unfinished.text, self.config.max_attachments) {
            self.packet(sessions, session, &packet, &unfinished.attachments);
        }
    }

    fn packet(&mut self, sessions: &mut Sessions, session: SessionId, packet: &Packet<'_>, attachments: &[Bytes]) {
        match packet.kind {
            Kind::Connect => return self.connect(sessions, session, packet),
            Kind::ConnectError => return self.violated(sessions, session),
            Kind::Event | Kind::Ack | Kind::Disconnect => {}
        }
        let Some(key) = self.find(sessions, session, packet.namespace) else { return };
        match packet.kind {
            Kind::Event => self.event(sessions, key, packet, attachments),
            Kind::Ack => {
                let values = Values { values: packet.arguments(), attachments };
                self.replied(sessions, key, packet.id, values);
            }
            _ => self.state.leave(key, Reason::ClientNamespaceDisconnect),
        }
    }

    /// The session's socket in a namespace. It is a violation if there is none, unless it was put out just now.
    fn find(&mut self, sessions: &mut Sessions, session: SessionId, namespace: &str) -> Option<SocketKey> {
        let space = self.state.by_name.get(namespace).copied();
        let key = space.and_then(|space| self.state.socket_of(session, space));
        let key = key.filter(|key| self.state.is_connected(*key));
        if key.is_none() {
            let now = sessions.now();
            let client = self.state.clients.get(&session)?;
            if !client.left.iter().any(|(name, until)| &**name == namespace && *until > now) {
                self.violated(sessions, session);
            }
        }
        key
    }

    fn connect(&mut self, sessions: &mut Sessions, session: SessionId, packet: &Packet<'_>) {
        let auth = match &packet.data {
            PacketData::One(auth) => Some(*auth),
            _ => None,
        };
        let claim = auth.filter(|_| self.state.memory.is_some()).and_then(claim);
        if let Some((pid, _)) = &claim {
            self.replace(sessions, Some(session), *pid, packet.namespace);
        }
        let Some(space) = self.space(packet.namespace, auth) else {
            let json = r#"{"message":"Invalid namespace"}"#;
            return self.state.send(sessions, session, Kind::ConnectError, packet.namespace, json);
        };
        let entered = self.state.clients.get(&session).map_or(usize::MAX, |client| client.sockets.len());
        if self.state.socket_of(session, space).is_some() || entered >= self.config.max_namespaces {
            self.state.tidy(space);
            return self.violated(sessions, session);
        }
        let here = claim.as_ref().map(|(pid, offset)| (*pid, offset.as_deref()));
        let restored = here.and_then(|claim| self.restore(sessions, session, space, claim));
        let Some(key) = restored.or_else(|| self.add_socket(sessions, session, space)) else {
            self.state.tidy(space);
            return sessions.close(session);
        };
        if let Some(socket) = self.state.sockets.get_mut(&key) {
            socket.auth = auth.map(ToOwned::to_owned);
        }
        match claim.filter(|_| restored.is_none() && self.state.has_others()) {
            Some((pid, offset)) => {
                let namespace = packet.namespace.into();
                self.seek(sessions, Seat { key, namespace }, pid, offset);
            }
            None => self.ask_guards(sessions, key, restored.is_some()),
        }
    }

    /// Asks all guards, unless who comes back need not be asked.
    pub(super) fn ask_guards(&mut self, sessions: &mut Sessions, key: SocketKey, is_back: bool) {
        let skips = is_back && self.config.recovery.as_ref().is_some_and(|recovery| recovery.skip_guards);
        self.ask(sessions, key, if skips { usize::MAX } else { 0 });
    }

    /// Asks the guards from this one on; the socket enters when none is left.
    fn ask(&mut self, sessions: &mut Sessions, key: SocketKey, from: usize) {
        let Some(handlers) = self.handlers_of(key) else { return };
        for n in from..self.handlers[handlers].guards.len() {
            let mut socket = Socket { context: Context { state: &mut self.state, sessions }, key };
            match &mut self.handlers[handlers].guards[n] {
                Guard::Now(guard) => {
                    if let Err(refusal) = guard(&mut socket) {
                        return self.refuse(sessions, key, &refusal);
                    }
                }
                Guard::Later(guard) => {
                    let admission = move || Admission { socket: key, guard: n };
                    let late =
                        move |context: &mut Context<'_>| context.decide(admission(), Err(Refusal::new("timeout")));
                    let timer = socket.context.after(self.config.connect_timeout, late);
                    if let Some(socket) = socket.context.state.sockets.get_mut(&key) {
                        socket.waits = Some((n, timer));
                    }
                    return guard(&mut socket, admission());
                }
            }
        }
        self.welcome(sessions, key);
        for handler in &mut self.handlers[handlers].connect {
            // A guard or a handler may have put it out.
            if !self.state.is_connected(key) {
                return;
            }
            handler(&mut Socket { context: Context { state: &mut self.state, sessions }, key });
        }
    }

    /// A guard that was asked has answered.
    fn decided(&mut self, sessions: &mut Sessions, key: SocketKey, guard: usize, verdict: Result<(), Refusal>) {
        let Some(socket) = self.state.sockets.get_mut(&key) else { return };
        let Some((_, timer)) = socket.waits.take_if(|(n, _)| *n == guard) else { return };
        self.state.timers.remove(&timer);
        match verdict {
            Ok(()) => self.ask(sessions, key, guard + 1),
            Err(refusal) => self.refuse(sessions, key, &refusal),
        }
    }

    fn refuse(&mut self, sessions: &mut Sessions, key: SocketKey, refusal: &Refusal) {
        let name = self.context(sessions).name_of(key);
        let session = self.state.sockets.get(&key).map(|socket| socket.session);
        self.state.leave(key, Reason::ServerNamespaceDisconnect);
        if let Some(session) = session {
            self.state.send(sessions, session, Kind::ConnectError, &name, &refusal.json());
        }
    }

    /// From here on the socket is connected, and its client will know.
    fn welcome(&mut self, sessions: &mut Sessions, key: SocketKey) {
        let State { sockets, memory, spaces, .. } = &mut self.state;
        let (Some(socket), now) = (sockets.get_mut(&key), sessions.now()) else { return };
        let Some(space) = spaces.get_mut(&socket.space) else { return };
        let (session, name) = (socket.session, space.name.clone());
        if !sessions.is_open(session) {
            // A guard has closed it; that will be told in a moment.
            return;
        }
        let mut json = std::format!("{{\"sid\":\"{}\"", socket.id);
        if let Some(memory) = memory {
            // What it missed comes first.
            match memory.missed(now, socket, &name) {
                Some(missed) => {
                    for (offset, event) in missed {
                        let _ = sessions.send(session, &event.encode(&name, None, Some(&offset)));
                    }
                }
                // It was forgotten while the guards were asked.
                None => return sessions.close(session),
            }
            if socket.membership.resumed.is_none() {
                socket.membership = Membership::new(sessions.draw.next(), memory.next());
            }
            if let Some(pid) = socket.membership.pid {
                memory.enter(pid, key);
                json.push_str(&std::format!(",\"pid\":\"{}\"", pid.as_str()));
            }
        }
        json.push('}');
        socket.connected = true;
        space.sockets.insert(key);
        let timer = self.state.clients.get_mut(&session).and_then(|client| client.connect_by.take());
        timer.map(|timer| self.state.timers.remove(&timer));
        self.state.send(sessions, session, Kind::Connect, &name, &json);
    }

    /// Ends the session of a client that came back before that was noticed to be gone.
    pub(super) fn replace(&mut self, sessions: &mut Sessions, session: Option<SessionId>, pid: Sid, namespace: &str) {
        let key = self.state.memory.as_ref().and_then(|memory| memory.still_here(pid));
        let Some(socket) = key.and_then(|key| self.state.sockets.get(&key)) else { return };
        let (old, space) = (socket.session, self.state.by_name.get(namespace));
        if session == Some(old) || space != Some(&socket.space) {
            return;
        }
        sessions.end(old, engine::Reason::TransportClose);
        self.gone(old, engine::Reason::TransportClose);
        self.settle(sessions);
    }

    /// Puts the socket of a client that comes back into its namespace.
    fn restore(
        &mut self,
        sessions: &Sessions,
        session: SessionId,
        space: SpaceId,
        claim: (Sid, Option<&str>),
    ) -> Option<SocketKey> {
        let key = self.state.number();
        let State { memory, spaces, clients, sockets, .. } = &mut self.state;
        let (space_state, client) = (spaces.get_mut(&space)?, clients.get_mut(&session)?);
        // Half of what may wait for a poll.
        let max = sessions.config.max_queue / 2;
        let mut socket = memory.as_mut()?.restore(sessions.now(), claim, &space_state.name, max)?;
        socket.handshake = client.handshake.clone();
        (socket.session, socket.space) = (session, space);
        client.sockets.push((space, key));
        space_state.restore(key, &socket);
        sockets.insert(key, socket);
        Some(key)
    }

    /// A session is over.
    fn gone(&mut self, id: SessionId, reason: engine::Reason) {
        if let Some(client) = self.state.clients.get_mut(&id) {
            let reason = client.reason.unwrap_or(Reason::Session(reason));
            for (_, key) in core::mem::take(&mut client.sockets) {
                self.state.leave(key, reason);
            }
        }
    }

    /// The namespace of this name; made, if somebody wants it.
    fn space(&mut self, name: &str, auth: Option<&RawValue>) -> Option<SpaceId> {
        if let Some(space) = self.state.by_name.get(name) {
            return Some(*space);
        }
        let mut matchers = self.matchers.iter_mut();
        let handlers = matchers.find_map(|(matches, handlers)| matches(name, auth).then_some(*handlers))?;
        Some(self.state.add_space(name, handlers, true))
    }

    fn add_socket(&mut self, sessions: &mut Sessions, session: SessionId, space: SpaceId) -> Option<SocketKey> {
        let id = SocketId(sessions.draw.next()?);
        let key = self.state.number();
        let client = self.state.clients.get_mut(&session)?;
        client.sockets.push((space, key));
        let socket = SocketState { session, space, ..SocketState::new(id, client.handshake.clone()) };
        self.state.sockets.insert(key, socket);
        self.state.spaces.get_mut(&space)?.by_id.insert(id.0, key);
        Some(key)
    }

    fn event(&mut self, sessions: &mut Sessions, key: SocketKey, packet: &Packet<'_>, attachments: &[Bytes]) {
        let Some((name, values)) = packet.arguments().split_first() else { return };
        let (Some(name), Some(handlers)) = (event_name(name.get()), self.handlers_of(key)) else { return };
        let event = Event {
            name,
            values: Values { values, attachments },
            ack: Cell::new(packet.id.map(|id| Ack { socket: key, id })),
        };
        let Namespace { any, events, .. } = &mut self.handlers[handlers];
        let named = events.get_mut(event.name()).into_iter().flatten();
        for handler in any.iter_mut().chain(named) {
            if !self.state.is_connected(key) {
                // A handler put it out.
                return;
            }
            handler(&mut Socket { context: Context { state: &mut self.state, sessions }, key }, &event);
        }
    }

    fn replied(&mut self, sessions: &mut Sessions, key: SocketKey, id: Option<u64>, values: Values<'_>) {
        let Some(socket) = self.state.sockets.get_mut(&key) else { return };
        // One that nobody waits for is ignored.
        let Some((callback, timer)) = id.and_then(|id| socket.replies.remove(&id)) else { return };
        timer.map(|timer| self.state.timers.remove(&timer));
        callback(&mut self.context(sessions), Ok(Reply(values)));
    }

    fn timer_is_due(&mut self, sessions: &mut Sessions, timer: Timer) {
        match timer {
            Timer::Job(job) => job(&mut self.context(sessions)),
            Timer::Connect(session) => self.violated(sessions, session),
            Timer::Sweep => self.state.sweep(sessions),
            Timer::Reply(key, id) => {
                let socket = self.state.sockets.get_mut(&key);
                if let Some((callback, _)) = socket.and_then(|socket| socket.replies.remove(&id)) {
                    callback(&mut self.context(sessions), Err(NoReply::TimedOut));
                }
            }
        }
    }
}

/// Who a client says it was, and what it has heard.
fn claim(auth: &RawValue) -> Option<(Sid, Option<String>)> {
    let auth: BTreeMap<String, &RawValue> = serde_json::from_str(auth.get()).ok()?;
    let text = |key| serde_json::from_str::<String>(auth.get(key)?.get()).ok();
    Some((Sid::parse(&text("pid")?)?, text("offset")))
}

impl Application for Io {
    fn start(&mut self, sessions: &mut Sessions) {
        if let (Some(cluster), Some(place)) = (&mut self.state.cluster, &sessions.place) {
            cluster.start(place);
        }
        if let Some(start) = self.start.take() {
            start(&mut self.context(sessions));
        }
        self.settle(sessions);
    }

    fn allow(&mut self, request: &Request<'_>) -> Result<(), String> {
        self.allow.as_mut().map_or(Ok(()), |allow| allow(request))
    }

    fn open(&mut self, sessions: &mut Sessions, id: SessionId, request: &Request<'_>) {
        let handshake = Handshake::new(request, sessions.now()).into();
        let timeout = self.config.connect_timeout;
        let connect_by = Some(self.context(sessions).set_timer(timeout, Timer::Connect(id)));
        let (sockets, left) = (Vec::new(), Vec::new());
        let client = Client { handshake, sockets, connect_by, unfinished: None, left, reason: None };
        self.state.clients.insert(id, client);
    }

    fn message(&mut self, sessions: &mut Sessions, id: SessionId, data: Data<'_>) {
        match data {
            Data::Text(text) => self.text(sessions, id, text),
            Data::Binary(bytes) => self.attachment(sessions, id, bytes),
        }
        self.settle(sessions);
    }

    fn close(&mut self, sessions: &mut Sessions, id: SessionId, reason: engine::Reason) {
        self.gone(id, reason);
        if let Some(timer) = self.state.clients.remove(&id).and_then(|client| client.connect_by) {
            self.state.timers.remove(&timer);
        }
        self.settle(sessions);
    }

    fn timer(&mut self, sessions: &mut Sessions, timer: u64) {
        if let Some(timer) = self.state.timers.remove(&TimerId(timer)) {
            self.timer_is_due(sessions, timer);
        }
        self.settle(sessions);
    }

    fn wake(&mut self, sessions: &mut Sessions) {
        while let Ok(job) = self.jobs.1.try_recv() {
            job(&mut self.context(sessions));
        }
        self.settle(sessions);
        self.hear_others(sessions);
    }

    fn http(&mut self, request: &Request<'_>, body: Bytes, responder: Responder) {
        match &mut self.http {
            Some(http) => http(request, body, responder),
            None => responder.send(crate::handshake::Response::new(404)),
        }
    }
}

impl fmt::Debug for Io {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Io").field("namespaces", &self.static_names.keys()).finish_non_exhaustive()
    }
}
