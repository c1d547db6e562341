//! Notifications: sent with one POST, on every tab and device of the user at once, kept for those who are away.
//!
//!     cargo run --release --example notifications
//!     curl http://127.0.0.1:8081/notify --json '{"user":"ada","title":"Build 7 is green"}'
//!
//! Open the printed address in two windows and on a phone. `/?user=ada&device=laptop` says who one is: that is taken on
//! trust, here; put a login before it, and a secret before `POST /notify`, where others can reach it.
//!
//! `store.rs` knows users, devices and inboxes, and no sockets; `record.rs` is what the log holds of them,
//! `protocol.rs` the table of messages, and this file puts them on bowsprit: a user is a topic. What was answered is in
//! the log: it survives the server, and but for about the last second a power cut too (`../support/log.rs`).

#[path = "../chat/allowance.rs"]
mod allowance;
#[path = "../support/log.rs"]
mod log;
#[path = "../support/page.rs"]
mod page;
#[path = "../support/mod.rs"]
mod support;

mod clock;
mod protocol;
mod record;
mod refusal;
mod store;

use std::io::{self, BufRead};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use bowsprit::handshake::{Request, Response};
use bowsprit::net::{Bytes, Cause, Handler, Peer, Peers, Remote, Responder, Sent, Server};
use bowsprit::{CloseCode, Message};

use allowance::{Allowance, Verdict};
use clock::Clock;
use log::Log;
use page::{asset, page, random};
use protocol::{FromPage, Shown, Since, ToPage, ToSender, order};
use record::Record;
use refusal::Refusal;
use store::{Accepted, Delivery, Store};

const PAGE: &str = include_str!("page.html");

/// So often it is looked for what has lived long enough.
const TICK: Duration = Duration::from_secs(1);
/// The longest order in its most wasteful JSON spelling, and the rest.
const MAX_ORDER: usize = 12 * (store::MAX_TITLE + store::MAX_BODY) + 2048;
/// A page has nothing longer to say than numbers of all that it has.
const MAX_MESSAGE: usize = 24 * store::MAX_INBOX + 1024;

const OPTIONS: &[support::Own] = &[
    support::Own {
        name: "--log",
        value: "FILE",
        about: "what must not be forgotten; one server a log",
        default: "target/notifications.log",
    },
    support::Own {
        name: "--clock",
        value: "WHICH",
        about: "system, or stdin: milliseconds to add, a line each",
        default: "system",
    },
];

fn main() -> io::Result<()> {
    let args = support::Arguments::parse_with("notifications for tabs and devices", "127.0.0.1:8081", OPTIONS);
    let mut config = args.config();
    (config.limits.body, config.limits.message) = (MAX_ORDER, MAX_MESSAGE);
    let server = Server::bind_with(&args.listen, config)?;
    let clock = match args.own("--clock") {
        "system" => Clock::System,
        "stdin" => by_hand(server.remote()),
        other => support::wrong(&format!("there is no clock {other}")),
    };
    let (store, log) = restore(Path::new(args.own("--log")), &clock)?;
    support::run("http", server, Notifications { store, log, clock })
}

/// A clock that somebody moves by a line of milliseconds to the standard input.
fn by_hand(remote: Remote) -> Clock {
    let clock = Clock::by_hand(Clock::System.now());
    let moved = clock.clone();
    thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            let Ok(by) = line.trim().parse() else { continue };
            moved.advance(by);
            remote.wake();
        }
    });
    clock
}

/// What the servers before this one were told, in a log without what nobody needs any more.
fn restore(path: &Path, clock: &Clock) -> io::Result<(Store, Log)> {
    let mut store = Store::default();
    let (log, cut) = Log::open(path, |record| {
        store.apply(serde_json::from_slice(record)?);
        Ok(())
    })?;
    if cut > 0 {
        eprintln!("{}: {cut} bytes at the end were no whole record, and are cut off", path.display());
    }
    if store.id().is_empty() {
        store.apply(Record::Log { id: random(), seq: 0 });
    }
    store.expire(clock.now());
    let log = log.replace(store.records().iter().map(Record::to_json))?;
    Ok((store, log))
}

struct Notifications {
    store: Store,
    log: Log,
    clock: Clock,
}

#[derive(Default)]
struct Visitor {
    who: Option<Who>,
    allowance: Allowance,
}

#[derive(Clone)]
struct Who {
    user: String,
    device: String,
}

impl Handler for Notifications {
    type Data = Visitor;

    fn start(&mut self, peers: &mut Peers<'_, Visitor>) {
        peers.set_timer(TICK, 0);
    }

    fn upgrade(&mut self, request: &Request<'_>) -> Response {
        match request.path() {
            "/ws" => Response::accept(),
            _ => Response::new(404),
        }
    }

    fn http(&mut self, request: &Request<'_>, body: Bytes, responder: Responder, peers: &mut Peers<'_, Visitor>) {
        responder.send(match (request.path(), request.method()) {
            ("/notify", "POST") => self.notify(request, &body, peers),
            ("/notify", _) => Response::new(405).header("Allow", "POST"),
            ("/", _) => page(PAGE),
            ("/favicon.ico", _) => Response::new(204),
            (path, _) => asset(path).unwrap_or_else(|| support::metrics(request, peers)),
        });
    }

    fn message(&mut self, peer: &mut Peer<'_, Visitor>, message: Message<'_>) {
        let Message::Text(text) = message else {
            return hang_up(peer, CloseCode::UNSUPPORTED_DATA, "text messages only");
        };
        let Some(request) = FromPage::parse(&text) else {
            return hang_up(peer, CloseCode::POLICY_VIOLATION, "not a message of this server");
        };
        match peer.data_mut().allowance.ask(request.cost(), Instant::now()) {
            Verdict::Granted => self.serve(peer, request),
            Verdict::Wait(wait) => {
                let (text, retry) = ("That was a little fast.".to_owned(), Some(wait.as_millis() as u64 + 1));
                tell(peer, &ToPage::Error { code: "slow-down", text, retry });
            }
            Verdict::Enough => hang_up(peer, CloseCode::POLICY_VIOLATION, "too many messages"),
        }
    }

    fn loop_timer(&mut self, timer: u64, peers: &mut Peers<'_, Visitor>) {
        self.expire(peers);
        peers.set_timer(TICK, timer);
    }

    fn wake(&mut self, peers: &mut Peers<'_, Visitor>) {
        self.expire(peers);
        println!("clock {}", self.clock.now());
    }

    fn close(&mut self, peer: &mut Peer<'_, Visitor>, _cause: &Cause<'_>) {
        self.leave(peer);
    }
}

/// What senders ask for.
impl Notifications {
    fn notify(&mut self, request: &Request<'_>, body: &[u8], peers: &mut Peers<'_, Visitor>) -> Response {
        let (status, answer) = match self.send(request, body, peers) {
            Ok((true, done)) => (201, done),
            Ok((false, done)) => (200, done),
            Err(refusal) => (refusal.status(), ToSender::Refused { code: refusal.code(), text: refusal.to_string() }),
        };
        Response::new(status).header("Content-Type", "application/json").body(answer.to_json())
    }

    /// Whether it is new, and the answer.
    fn send(
        &mut self,
        request: &Request<'_>,
        body: &[u8],
        peers: &mut Peers<'_, Visitor>,
    ) -> Result<(bool, ToSender), Refusal> {
        let order = order(request.header("Content-Type"), body)?;
        self.expire(peers);
        let notification = match self.store.order(order, self.clock.now())? {
            Accepted::Known(seq) => return Ok((false, ToSender::Done { seq, users: 0, connections: 0 })),
            Accepted::New(notification) => notification,
        };
        let seq = notification.seq;
        let deliveries = self.commit(Record::Notification(notification))?;
        let connections = deliveries.iter().map(|delivery| self.deliver(seq, delivery, peers)).sum();
        Ok((true, ToSender::Done { seq, users: deliveries.len(), connections }))
    }

    /// Returns how many connections get it now.
    fn deliver(&self, seq: u64, Delivery { user, dropped }: &Delivery, peers: &mut Peers<'_, Visitor>) -> usize {
        let topic = topic(user);
        let connections = peers.subscribers(&topic);
        if connections > 0 {
            let unread = self.store.unread(user);
            if let Some(notification) = self.store.notification(seq) {
                let notification = Shown::new(notification);
                peers.publish(&topic, ToPage::Notification { notification, unread }.to_json());
            }
            if let Some(dropped) = dropped {
                peers.publish(&topic, ToPage::Gone { seqs: &[*dropped], unread }.to_json());
            }
        }
        connections
    }

    fn expire(&mut self, peers: &mut Peers<'_, Visitor>) {
        for (user, seqs) in self.store.expire(self.clock.now()) {
            let unread = self.store.unread(&user);
            peers.publish(&topic(&user), ToPage::Gone { seqs: &seqs, unread }.to_json());
        }
    }

    /// Nothing is done that is not written first.
    fn commit(&mut self, record: Record) -> Result<Vec<Delivery>, Refusal> {
        if let Err(error) = self.log.append(&record.to_json()) {
            eprintln!("cannot write to the log: {error}");
            return Err(Refusal::NotWritten);
        }
        Ok(self.store.apply(record))
    }
}

/// What pages ask for.
impl Notifications {
    fn serve(&mut self, peer: &mut Peer<'_, Visitor>, request: FromPage) {
        let served = match (request, peer.data().who.clone()) {
            (FromPage::Ping {}, _) => {
                tell(peer, &ToPage::Pong);
                Ok(())
            }
            (FromPage::Hello { user, device, since }, _) => self.hello(peer, Who { user, device }, since.as_ref()),
            (FromPage::Ack { seq }, Some(who)) => self.acknowledge(peer, &who, seq),
            (FromPage::Read { seqs }, Some(who)) => self.read(peer, &who, &seqs),
            (FromPage::Topics { topics }, Some(who)) => self.subscribe(peer, &who, &topics),
            (_, None) => {
                hang_up(peer, CloseCode::POLICY_VIOLATION, "say hello first");
                Ok(())
            }
        };
        match served {
            Ok(()) => {}
            // It comes back, and finds everything as it was.
            Err(Refusal::NotWritten) => hang_up(peer, CloseCode::TRY_AGAIN_LATER, "the log cannot be written"),
            Err(refusal) => {
                tell(peer, &ToPage::Error { code: refusal.code(), text: refusal.to_string(), retry: None });
            }
        }
    }

    fn hello(&mut self, peer: &mut Peer<'_, Visitor>, who: Who, since: Option<&Since>) -> Result<(), Refusal> {
        let records = self.store.arrival(&who.user, &who.device)?;
        self.leave(peer);
        for record in records {
            self.commit(record)?;
        }
        self.expire(&mut peer.peers());
        self.store.connect(&who.user, &who.device);

        let (Who { user, device }, store) = (&who, &self.store);
        let inbox = store.inbox(user, device, since.map(|since| (since.log.as_str(), since.seq)));
        let welcome = ToPage::Welcome {
            user,
            device,
            log: store.id(),
            seq: store.seq(),
            since: inbox.since,
            now: self.clock.now(),
            unread: store.unread(user),
            kept: &inbox.kept,
            notifications: inbox.missed.iter().map(Shown::of).collect(),
            topics: store.topics(user),
            devices: store.devices(user).into_iter().map(Into::into).collect(),
        };
        tell(peer, &welcome);
        peer.subscribe(&topic(user));
        peer.publish_to_others(&topic(user), self.devices(user));
        peer.data_mut().who = Some(who);
        Ok(())
    }

    fn leave(&mut self, peer: &mut Peer<'_, Visitor>) {
        if let Some(Who { user, device }) = peer.data_mut().who.take() {
            peer.unsubscribe(&topic(&user));
            self.store.disconnect(&user, &device);
            peer.publish_to_others(&topic(&user), self.devices(&user));
        }
    }

    fn acknowledge(&mut self, peer: &mut Peer<'_, Visitor>, who: &Who, seq: u64) -> Result<(), Refusal> {
        if let Some(record) = self.store.acknowledgement(&who.user, &who.device, seq) {
            self.commit(record)?;
            peer.publish(&topic(&who.user), self.devices(&who.user));
        }
        Ok(())
    }

    fn read(&mut self, peer: &mut Peer<'_, Visitor>, who: &Who, seqs: &[u64]) -> Result<(), Refusal> {
        if let Some(record) = self.store.reading(&who.user, seqs) {
            self.commit(record)?;
        }
        // Also where nothing changed: the page waits for it.
        let unread = self.store.unread(&who.user);
        peer.publish(&topic(&who.user), ToPage::Read { seqs, unread }.to_json());
        Ok(())
    }

    fn subscribe(&mut self, peer: &mut Peer<'_, Visitor>, who: &Who, topics: &[String]) -> Result<(), Refusal> {
        if let Some(record) = self.store.subscription(&who.user, topics)? {
            self.commit(record)?;
        }
        peer.publish(&topic(&who.user), ToPage::Topics { topics: self.store.topics(&who.user) }.to_json());
        Ok(())
    }

    fn devices(&self, user: &str) -> String {
        ToPage::Devices { devices: self.store.devices(user).into_iter().map(Into::into).collect() }.to_json()
    }
}

/// Of bowsprit's: what is published there reaches all connections of the user.
fn topic(user: &str) -> String {
    format!("user:{user}")
}

fn tell(peer: &mut Peer<'_, Visitor>, message: &ToPage<'_>) {
    match peer.send(message.to_json()) {
        Sent::Queued | Sent::Backlogged => {}
        // It does not read. When it comes back, it gets what it missed.
        Sent::Dropped => hang_up(peer, CloseCode::TRY_AGAIN_LATER, "too slow"),
    }
}

fn hang_up(peer: &mut Peer<'_, Visitor>, code: CloseCode, reason: &str) {
    // It can only be that this was done before.
    let _ = peer.close(code, reason);
}
