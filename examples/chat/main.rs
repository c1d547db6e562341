//! A chat for the browser: rooms, names, typing, history, and pages that find back by themselves.
//!
//!     cargo run --release --example chat
//!     cargo run --release --example chat -- --listen 0.0.0.0:8080
//!     cargo run --release --features deflate --example chat -- --deflate
//!     cargo run --release --example chat -- --log /var/lib/chat/log
//!
//! Open the printed address in two windows. `/?room=design` opens a room of that name. Then kill the server, write
//! something, and start it again. A terminal takes part, too; `/help` tells how:
//!
//!     cargo run --release --example client -- 'ws://127.0.0.1:8080/lines?name=Ada'
//!
//! What was said is in the log, `target/chat.log` unless told otherwise, before its author gets the tick for it: no
//! SIGKILL loses it. A power cut can take what was said within about the last second; see `../support/log.rs`.
//!
//! `rooms.rs` knows the rooms and no sockets, `protocol.rs` is the table of messages, `lines.rs` makes lines of them for
//! terminals, `allowance.rs` slows down the hasty, and this file puts them on bowsprit: a room is a topic.

#[path = "../support/log.rs"]
mod log;
#[path = "../support/page.rs"]
mod page;
#[path = "../support/mod.rs"]
mod support;

mod allowance;
mod lines;
mod protocol;
mod rooms;

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bowsprit::handshake::{Request, Response};
use bowsprit::net::{Bytes, Cause, Handler, Peer, PeerId, Peers, Responder, Sent, Server};
use bowsprit::{CloseCode, Message};

use allowance::{Allowance, Verdict};
use lines::{Command, Terminal};
use log::Log;
use page::{asset, page, random};
use protocol::{FromPage, HistoryEntry, RoomEntry, ToPage, Trouble};
use rooms::{Change, Portion, Record, Refusal, Rooms, Since};

const PAGE: &str = include_str!("chat.html");

/// Numbers of people in all rooms; every page subscribes.
const DIRECTORY: &str = "directory";
const LISTED_ROOMS: usize = 100;
/// Who is back within this was never away.
const GRACE: Duration = Duration::from_secs(5);
const ROOMS_PER_CONNECTION: usize = 16;

const LOG: support::Own = support::Own {
    name: "--log",
    value: "FILE",
    about: "what must not be forgotten; one server a log",
    default: "target/chat.log",
};

fn main() -> io::Result<()> {
    let args = support::Arguments::parse_with("chat rooms for the browser", "127.0.0.1:8080", &[LOG]);
    let mut config = args.config();
    // The longest text in its most wasteful JSON spelling, and the rest.
    config.limits.message = 12 * rooms::MAX_TEXT + 1024;
    let server = Server::bind_with(&args.listen, config)?;
    let (rooms, log) = restore(Path::new(args.own("--log")))?;
    support::run("http", server, Chat { rooms, log, gone: VecDeque::new() })
}

/// The rooms as they were, and the log without what they have forgotten since.
fn restore(path: &Path) -> io::Result<(Rooms<PeerId>, Log)> {
    let mut rooms = Rooms::new(random());
    let (log, cut) = Log::open(path, |bytes| {
        let record: Record<'_> = serde_json::from_slice(bytes)?;
        rooms.replay(record)
    })?;
    if cut != 0 {
        eprintln!("the last {cut} bytes of {} were no whole record, and are gone", path.display());
    }
    let log = log.replace(rooms.records().map(|record| record.to_json()))?;
    Ok((rooms, log))
}

struct Chat {
    rooms: Rooms<PeerId>,
    log: Log,
    /// Who has lost the connection, in that order, and the rooms they were in.
    gone: VecDeque<(PeerId, Vec<String>)>,
}

#[derive(Default)]
struct Visitor {
    rooms: Vec<String>,
    allowance: Allowance,
    /// It is none of our pages, but somebody at a terminal.
    terminal: Option<Terminal>,
}

impl Handler for Chat {
    type Data = Visitor;

    fn upgrade(&mut self, request: &Request<'_>) -> Response {
        match request.path() {
            "/ws" | "/lines" => Response::accept(),
            _ => Response::new(404),
        }
    }

    fn http(&mut self, request: &Request<'_>, _: Bytes, responder: Responder, peers: &mut Peers<'_, Visitor>) {
        responder.send(match request.path() {
            "/" => page(PAGE),
            "/favicon.ico" => Response::new(204),
            path => asset(path).unwrap_or_else(|| support::metrics(request, peers)),
        });
    }

    fn open(&mut self, peer: &mut Peer<'_, Visitor>, request: &Request<'_>) {
        if request.path() == "/lines" {
            return self.open_terminal(peer, request);
        }
        peer.subscribe(DIRECTORY);
        let rooms = self.busiest();
        tell(peer, &ToPage::Rooms { rooms });
    }

    fn message(&mut self, peer: &mut Peer<'_, Visitor>, message: Message<'_>) {
        let Message::Text(text) = message else {
            return hang_up(peer, CloseCode::UNSUPPORTED_DATA, "text messages only");
        };
        if peer.data().terminal.is_some() {
            return self.line(peer, &text);
        }
        let Some(request) = FromPage::parse(&text) else {
            return hang_up(peer, CloseCode::POLICY_VIOLATION, "not a message of the chat");
        };
        self.request(peer, request);
    }

    fn close(&mut self, peer: &mut Peer<'_, Visitor>, _cause: &Cause<'_>) {
        let (id, rooms) = (peer.id(), std::mem::take(&mut peer.data_mut().rooms));
        self.gone.push_back((id, rooms));
        peer.peers().set_timer(GRACE, 0);
    }

    fn loop_timer(&mut self, _: u64, peers: &mut Peers<'_, Visitor>) {
        // One for each, in the same order.
        let Some((peer, rooms)) = self.gone.pop_front() else { return };
        for room in rooms {
            self.leave(peers, peer, &room);
        }
    }
}

impl Chat {
    fn request(&mut self, peer: &mut Peer<'_, Visitor>, request: FromPage) {
        match peer.data_mut().allowance.ask(request.cost(), Instant::now()) {
            Verdict::Granted => self.serve(peer, request),
            Verdict::Wait(wait) => hold_back(peer, &request, wait),
            Verdict::Enough => hang_up(peer, CloseCode::POLICY_VIOLATION, "too many messages"),
        }
    }

    fn open_terminal(&mut self, peer: &mut Peer<'_, Visitor>, request: &Request<'_>) {
        let mut terminal = Terminal::new(random());
        let name = request.query().and_then(|query| query.strip_prefix("name=")).unwrap_or_default();
        let first = match name {
            "" => Command::Answer("Welcome. Who are you? /nick NAME, and /help for the rest.".into()),
            name => terminal.join(name.replace('+', " ").replace("%20", " "), terminal.room.clone()),
        };
        peer.data_mut().terminal = Some(terminal);
        self.obey(peer, first);
    }

    /// What somebody typed at a terminal.
    fn line(&mut self, peer: &mut Peer<'_, Visitor>, line: &str) {
        if let Some(terminal) = peer.data_mut().terminal.as_mut().filter(|_| !line.trim().is_empty()) {
            let command = terminal.read(line);
            self.obey(peer, command);
        }
    }

    fn obey(&mut self, peer: &mut Peer<'_, Visitor>, command: Command) {
        let text = match command {
            Command::Requests(requests) => return requests.into_iter().for_each(|request| self.request(peer, request)),
            Command::Quit => return hang_up(peer, CloseCode::NORMAL, "good-bye"),
            Command::Answer(text) => text,
            Command::Who => {
                let room = peer.data().terminal.as_ref().map_or("", |terminal| &terminal.room);
                let people: Vec<_> = self.rooms.people(room).collect();
                let idle: Vec<_> = people.iter().filter(|(_, idle)| *idle).map(|(name, _)| *name).collect();
                let members: Vec<_> = people.iter().map(|(name, _)| *name).collect();
                format!("In #{room}: {}", lines::people(&members, &idle))
            }
            Command::Rooms => {
                let rooms: Vec<_> =
                    self.busiest().iter().map(|entry| format!("#{} ({})", entry.room, entry.online)).collect();
                if rooms.is_empty() { "Nobody is anywhere.".into() } else { rooms.join("\n") }
            }
        };
        deliver(peer, text);
    }

    /// Rooms with people in them, most first.
    fn busiest(&self) -> Vec<RoomEntry<'_>> {
        let mut rooms: Vec<_> = self.rooms.list().map(|(room, online)| RoomEntry { room, online }).collect();
        rooms.sort_by(|a, b| b.online.cmp(&a.online).then(a.room.cmp(b.room)));
        rooms.truncate(LISTED_ROOMS);
        rooms
    }

    fn serve(&mut self, peer: &mut Peer<'_, Visitor>, request: FromPage) {
        match request {
            FromPage::Join { room, name, key, since } => self.join(peer, &room, &name, &key, since.as_ref()),
            FromPage::Leave { room } => {
                self.part(peer, &room);
            }
            FromPage::Earlier { room, before } => self.earlier(peer, &room, before),
            FromPage::Say { room, id, text } => self.say(peer, &room, &id, &text),
            FromPage::Typing { room, on } => {
                if let Some(name) = self.rooms.member(&room, peer.id()) {
                    publish_to_others(peer, &room, &ToPage::Typing { room: &room, name, on });
                }
            }
            FromPage::Idle { on } => {
                for room in peer.data().rooms.clone() {
                    if let Some(Change::Idle(name, on)) = self.rooms.set_idle(&room, peer.id(), on) {
                        publish_to_others(peer, &room, &ToPage::Idle { room: &room, name: &name, on });
                    }
                }
            }
            FromPage::Ping {} => tell(peer, &ToPage::Pong),
        }
    }

    fn join(&mut self, peer: &mut Peer<'_, Visitor>, room: &str, name: &str, key: &str, since: Option<&Since>) {
        let known = peer.data().rooms.iter().any(|joined| joined == room);
        if !known && peer.data().rooms.len() >= ROOMS_PER_CONNECTION {
            let text = format!("You are in {ROOMS_PER_CONNECTION} rooms; leave one first.");
            return tell(
                peer,
                &ToPage::Error(Trouble { code: "too-many-rooms", text, room: Some(room), ..Trouble::default() }),
            );
        }
        let now = now();
        let joined = match self.rooms.join(room, name, key, peer.id(), since) {
            Ok(joined) => joined,
            Err(refusal) => return refuse(peer, &refusal, room, None),
        };
        let answer = ToPage::Joined {
            room,
            name: &joined.name,
            epoch: joined.epoch,
            seq: joined.seq,
            members: &joined.members,
            idle: &joined.idle,
            messages: entries(&joined.portion),
            more: joined.portion.more,
            missed: joined.missed,
        };
        tell(peer, &answer);

        if let Some(old) = &joined.left {
            publish_to_others(peer, room, &ToPage::Left { room, name: old, at: now });
        }
        if joined.arrived {
            publish_to_others(peer, room, &ToPage::Entered { room, name: &joined.name, at: now });
        }
        if joined.awake {
            publish_to_others(peer, room, &ToPage::Idle { room, name: &joined.name, on: false });
        }
        let changed = joined.arrived || joined.left.is_some();
        if !known {
            // A terminal is in one room at a time.
            if peer.data().terminal.is_some() {
                for other in peer.data().rooms.clone() {
                    self.part(peer, &other);
                }
            }
            peer.subscribe(&topic_of(peer, room));
            peer.data_mut().rooms.push(room.to_owned());
        }
        if changed {
            self.announce(&mut peer.peers(), room);
        }
    }

    /// Somebody goes who stays connected.
    fn part(&mut self, peer: &mut Peer<'_, Visitor>, room: &str) {
        peer.data_mut().rooms.retain(|joined| joined != room);
        peer.unsubscribe(&topic_of(peer, room));
        let id = peer.id();
        self.leave(&mut peer.peers(), id, room);
    }

    fn leave(&mut self, peers: &mut Peers<'_, Visitor>, peer: PeerId, room: &str) {
        match self.rooms.leave(room, peer) {
            Some(Change::Left(name)) => {
                publish(peers, room, &ToPage::Left { room, name: &name, at: now() });
                self.announce(peers, room);
            }
            Some(Change::Idle(name, on)) => publish(peers, room, &ToPage::Idle { room, name: &name, on }),
            None => {}
        }
    }

    fn earlier(&mut self, peer: &mut Peer<'_, Visitor>, room: &str, before: u64) {
        match self.rooms.earlier(room, peer.id(), before) {
            Ok(portion) => tell(peer, &ToPage::Earlier { room, messages: entries(&portion), more: portion.more }),
            Err(refusal) => refuse(peer, &refusal, room, None),
        }
    }

    fn say(&mut self, peer: &mut Peer<'_, Visitor>, room: &str, id: &str, text: &str) {
        let log = &mut self.log;
        match self.rooms.say(room, peer.id(), id, text, now(), |record| log.append(&record.to_json())) {
            Ok(said) => {
                let message = said.message;
                if said.new {
                    publish_to_others(peer, room, &ToPage::Message { room, message });
                }
                tell(peer, &ToPage::Sent { room, seq: message.seq, id, at: message.at });
            }
            Err(refusal) => refuse(peer, &refusal, room, Some(id)),
        }
    }

    fn announce(&self, peers: &mut Peers<'_, Visitor>, room: &str) {
        peers.publish(DIRECTORY, ToPage::Room { room, online: self.rooms.online(room) }.to_json());
    }
}

fn entries<'r>(portion: &Portion<'r>) -> Vec<HistoryEntry<'r>> {
    portion.messages.iter().map(|&(message, own)| HistoryEntry { message, own }).collect()
}

fn topic(room: &str) -> String {
    format!("room:{room}")
}

/// On what a connection hears of a room.
fn topic_of(peer: &Peer<'_, Visitor>, room: &str) -> String {
    if peer.data().terminal.is_some() { lines::topic(room) } else { topic(room) }
}

/// Tells a room what has happened: its pages, and its terminals.
fn publish(peers: &mut Peers<'_, Visitor>, room: &str, event: &ToPage<'_>) {
    peers.publish(&topic(room), event.to_json());
    if let Some(line) = lines::news(event) {
        peers.publish(&lines::topic(room), line);
    }
}

/// The same, for all but one.
fn publish_to_others(peer: &mut Peer<'_, Visitor>, room: &str, event: &ToPage<'_>) {
    peer.publish_to_others(&topic(room), event.to_json());
    if let Some(line) = lines::news(event) {
        peer.publish_to_others(&lines::topic(room), line);
    }
}

fn tell(peer: &mut Peer<'_, Visitor>, message: &ToPage<'_>) {
    let text = match &mut peer.data_mut().terminal {
        Some(terminal) => terminal.answer(message),
        None => Some(message.to_json()),
    };
    if let Some(text) = text {
        deliver(peer, text);
    }
}

fn deliver(peer: &mut Peer<'_, Visitor>, text: String) {
    match peer.send(text) {
        Sent::Queued | Sent::Backlogged => {}
        // It does not read. When it comes back, it gets what it missed.
        Sent::Dropped => hang_up(peer, CloseCode::TRY_AGAIN_LATER, "too slow"),
    }
}

fn hang_up(peer: &mut Peer<'_, Visitor>, code: CloseCode, reason: &str) {
    // It can only be that this was done before.
    let _ = peer.close(code, reason);
}

fn refuse(peer: &mut Peer<'_, Visitor>, refusal: &Refusal, room: &str, id: Option<&str>) {
    let suggestion = match refusal {
        Refusal::NameTaken { suggestion } => Some(suggestion.as_str()),
        _ => None,
    };
    let trouble =
        Trouble { code: refusal.code(), text: refusal.to_string(), room: Some(room), id, suggestion, retry: None };
    tell(peer, &ToPage::Error(trouble));
}

fn hold_back(peer: &mut Peer<'_, Visitor>, request: &FromPage, wait: Duration) {
    let (room, id) = match request {
        FromPage::Say { room, id, .. } => (Some(room.as_str()), Some(id.as_str())),
        FromPage::Join { room, .. } | FromPage::Earlier { room, .. } | FromPage::Leave { room } => {
            (Some(room.as_str()), None)
        }
        FromPage::Ping {} => (None, None),
        // Nobody misses it.
        FromPage::Typing { .. } | FromPage::Idle { .. } => return,
    };
    let retry = Some(wait.as_millis() as u64 + 1);
    let text = "That was a little fast.".to_owned();
    tell(peer, &ToPage::Error(Trouble { code: "slow-down", text, room, id, retry, ..Trouble::default() }));
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
