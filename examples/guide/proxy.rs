//! Behind a proxy: whose pages may connect, from where, is it well, and how it ends.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io;
use std::time::{Duration, SystemTime};

use bowsprit::handshake::{OriginPolicy, Request, Response};
use bowsprit::net::{Bytes, Cause, Config, Handler, Peer, Peers, Policy, Responder, Sent, Server};
use bowsprit::{CloseCode, Message};

const ROOM: &str = "room";
/// To those who would only do it again (4000 to 4999 mean what we say they do).
const REFUSED: CloseCode = CloseCode::new(4000);
const ONLINE: &str = "online";
const KEPT: usize = 1000;
const CONNECTIONS_PER_ADDRESS: usize = 20;

/// For the first message.
const PATIENCE: Duration = Duration::from_secs(10);
/// What a message costs, and how much of that may be owed.
const PACE: Duration = Duration::from_millis(250);
const CREDIT: Duration = Duration::from_secs(5);

/// Numbers of timers.
const NAME_IS_DUE: u64 = 1;
const GO_ON: u64 = 2;

pub fn main() -> io::Result<()> {
    let started = SystemTime::UNIX_EPOCH.elapsed().map_err(io::Error::other)?;
    let server = Server::bind_with("127.0.0.1:9001", config())?;
    let remote = server.remote();
    ctrlc::set_handler(move || remote.stop()).map_err(io::Error::other)?;
    server.run(Chat::new(format!("{:x}", started.as_nanos())))
}

pub fn config() -> Config {
    let mut config = Config::default();
    config.limits.message = 4 << 10;
    config.ping_after = Duration::from_secs(15);
    config.pong_within = Duration::from_secs(10);
    config.origins = OriginPolicy::List(vec!["https://chat.example".into()]);
    config
}

pub struct Chat {
    /// Another one each time the server starts.
    epoch: String,
    /// The number of the latest message.
    last: u64,
    /// The latest messages, without gaps.
    history: VecDeque<Said>,
    online: BTreeMap<String, usize>,
    /// How many connections come from where.
    addresses: HashMap<String, usize>,
}

struct Said {
    seq: u64,
    name: String,
    /// Chosen by its author, who sends the same message with the same one.
    id: String,
    text: String,
}

#[derive(Default)]
pub struct Data {
    address: String,
    name: Option<String>,
    /// While it is sent the history: the number of the last message that was.
    behind: Option<u64>,
    /// When, by the loop's clock, all its messages will be paid for.
    paid: Duration,
}

type Visitor<'a> = Peer<'a, Data>;

impl Handler for Chat {
    type Data = Data;

    fn upgrade(&mut self, request: &Request<'_>) -> Response {
        if !matches!(request.path(), "/chat" | "/online") {
            return Response::new(404);
        }
        match self.addresses.get(address(request)) {
            Some(&connections) if connections >= CONNECTIONS_PER_ADDRESS => Response::new(429),
            _ => Response::accept(),
        }
    }

    fn http(&mut self, request: &Request<'_>, _: Bytes, responder: Responder, _: &mut Peers<'_, Data>) {
        responder.send(match request.path() {
            "/health" => Response::new(200).body("well\n"),
            _ => Response::new(404),
        });
    }

    fn open(&mut self, peer: &mut Visitor<'_>, request: &Request<'_>) {
        peer.data_mut().address = address(request).to_owned();
        *self.addresses.entry(peer.data().address.clone()).or_default() += 1;
        if request.path() == "/online" {
            peer.set_policy(Policy::KeepLatest);
            peer.subscribe(ONLINE);
            let _ = peer.send(self.online.len().to_string());
        } else {
            peer.set_timer(PATIENCE, NAME_IS_DUE);
        }
    }

    fn message(&mut self, peer: &mut Visitor<'_>, message: Message<'_>) {
        slow_down(peer);
        let Message::Text(text) = message else {
            return hang_up(peer, CloseCode::UNSUPPORTED_DATA, "text only");
        };
        if text.contains(char::is_control) {
            return hang_up(peer, REFUSED, "one line a message");
        }
        match peer.data().name.clone() {
            Some(name) => self.say(peer, &name, &text),
            None => self.enter(peer, &text),
        }
    }

    fn timer(&mut self, peer: &mut Visitor<'_>, timer: u64) {
        match timer {
            NAME_IS_DUE if peer.data().name.is_none() => hang_up(peer, REFUSED, "no name"),
            GO_ON => peer.resume(),
            _ => {}
        }
    }

    fn drain(&mut self, peer: &mut Visitor<'_>) {
        self.catch_up(peer);
    }

    fn close(&mut self, peer: &mut Visitor<'_>, _cause: &Cause<'_>) {
        if let Some(name) = peer.data_mut().name.take() {
            self.leave(peer, &name);
        }
        let address = std::mem::take(&mut peer.data_mut().address);
        if let Entry::Occupied(mut connections) = self.addresses.entry(address) {
            *connections.get_mut() -= 1;
            if *connections.get() == 0 {
                connections.remove();
            }
        }
    }
}

impl Chat {
    pub fn new(epoch: String) -> Self {
        Self { epoch, last: 0, history: VecDeque::new(), online: BTreeMap::new(), addresses: HashMap::new() }
    }

    /// `hello` is a name, or `NAME EPOCH SEEN` of one that comes back.
    fn enter(&mut self, peer: &mut Visitor<'_>, hello: &str) {
        let mut words = hello.split(' ');
        let name = words.next().unwrap_or_default();
        if !is_name(name) {
            return hang_up(peer, REFUSED, "a name has 1 to 20 letters and digits");
        }
        let seen = match (words.next(), words.next().map(str::parse)) {
            (Some(epoch), Some(Ok(seen))) if epoch == self.epoch => seen,
            _ => 0,
        };
        self.arrive(peer, name);
        let _ = peer.send(format!("epoch {}", self.epoch));
        peer.data_mut().behind = Some(seen);
        self.catch_up(peer);
    }

    /// Sends of the history what the queue takes; behind the end of it, the room.
    fn catch_up(&mut self, peer: &mut Visitor<'_>) {
        let Some(seen) = peer.data().behind else { return };
        for said in self.history.iter().filter(|said| said.seq > seen) {
            let sent = peer.send(said.line());
            peer.data_mut().behind = Some(said.seq);
            if sent != Sent::Queued {
                return;
            }
        }
        peer.data_mut().behind = None;
        peer.subscribe(ROOM);
    }

    /// `message` is `ID TEXT`.
    fn say(&mut self, peer: &mut Visitor<'_>, name: &str, message: &str) {
        let Some((id, text)) = message.split_once(' ') else {
            return hang_up(peer, REFUSED, "an id, a blank and a text");
        };
        let known = self.history.iter().rev().find(|said| said.name == name && said.id == id);
        let seq = match known {
            // It had arrived; the answer had not.
            Some(said) => said.seq,
            None => self.keep(peer, name, id, text),
        };
        let _ = peer.send(format!("ok {id} {seq}"));
    }

    fn keep(&mut self, peer: &mut Visitor<'_>, name: &str, id: &str, text: &str) -> u64 {
        self.last += 1;
        let said = Said { seq: self.last, name: name.into(), id: id.into(), text: text.into() };
        peer.publish(ROOM, said.line());
        self.history.push_back(said);
        if self.history.len() > KEPT {
            self.history.pop_front();
        }
        self.last
    }

    fn arrive(&mut self, peer: &mut Visitor<'_>, name: &str) {
        peer.data_mut().name = Some(name.to_owned());
        let connections = self.online.entry(name.to_owned()).or_default();
        *connections += 1;
        if *connections == 1 {
            peer.publish(ROOM, format!("* {name} is here"));
            peer.publish(ONLINE, self.online.len().to_string());
        }
        let online: Vec<_> = self.online.keys().map(String::as_str).collect();
        let _ = peer.send(format!("* online: {}", online.join(", ")));
    }

    fn leave(&mut self, peer: &mut Visitor<'_>, name: &str) {
        let Some(connections) = self.online.get_mut(name) else { return };
        *connections -= 1;
        if *connections == 0 {
            self.online.remove(name);
            peer.publish(ROOM, format!("* {name} has left"));
            peer.publish(ONLINE, self.online.len().to_string());
        }
    }
}

impl Said {
    fn line(&self) -> String {
        format!("{} {}: {}", self.seq, self.name, self.text)
    }
}

/// Who says too much at once is not listened to for a while.
fn slow_down(peer: &mut Visitor<'_>) {
    let now = peer.peers().now();
    let paid = peer.data().paid.max(now) + PACE;
    peer.data_mut().paid = paid;
    let owed = paid - now;
    if owed > CREDIT {
        peer.pause();
        peer.set_timer(owed - CREDIT, GO_ON);
    }
}

/// Where a client is, as the proxy says.
fn address<'h>(request: &Request<'h>) -> &'h str {
    request.header("X-Real-IP").unwrap_or_default()
}

/// Nothing that could be taken for another name, or for more than a name.
fn is_name(name: &str) -> bool {
    (1..=20).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn hang_up(peer: &mut Visitor<'_>, code: CloseCode, reason: &str) {
    peer.close(code, reason).expect("a code that may be sent and a short reason");
}
