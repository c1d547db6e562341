//! As `acks`, with a page that does what `client` does.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::time::SystemTime;

use bowsprit::handshake::{Request, Response};
use bowsprit::net::{Bytes, Cause, Handler, Peer, Peers, Responder, Server};
use bowsprit::{CloseCode, Message};

const ROOM: &str = "room";
/// To those who would only do it again (4000 to 4999 mean what we say they do).
const REFUSED: CloseCode = CloseCode::new(4000);
const KEPT: usize = 1000;

pub fn main() -> io::Result<()> {
    let started = SystemTime::UNIX_EPOCH.elapsed().map_err(io::Error::other)?;
    // The second argument, behind the name of the step.
    let server = Server::bind(std::env::args().nth(2).as_deref().unwrap_or("127.0.0.1:9001"))?;
    println!("open http://{}/?name=Ada", server.local_addr()?);
    server.run(Chat::new(format!("{:x}", started.as_nanos())))
}

pub struct Chat {
    /// Another one each time the server starts.
    epoch: String,
    /// The number of the latest message.
    last: u64,
    /// The latest messages, without gaps.
    history: VecDeque<Said>,
    online: BTreeMap<String, usize>,
}

struct Said {
    seq: u64,
    name: String,
    /// Chosen by its author, who sends the same message with the same one.
    id: String,
    text: String,
}

type Visitor<'a> = Peer<'a, Option<String>>;

impl Handler for Chat {
    type Data = Option<String>;

    fn http(&mut self, request: &Request<'_>, _: Bytes, responder: Responder, _: &mut Peers<'_, Self::Data>) {
        responder.send(match request.path() {
            "/" => file("text/html", include_str!("page.html")),
            "/page.css" => file("text/css", include_str!("page.css")),
            "/page.js" => file("text/javascript", include_str!("page.js")),
            "/favicon.ico" => Response::new(204),
            _ => Response::new(404),
        });
    }

    fn message(&mut self, peer: &mut Visitor<'_>, message: Message<'_>) {
        let Message::Text(text) = message else {
            return hang_up(peer, CloseCode::UNSUPPORTED_DATA, "text only");
        };
        if text.contains(char::is_control) {
            return hang_up(peer, REFUSED, "one line a message");
        }
        match peer.data().clone() {
            Some(name) => self.say(peer, &name, &text),
            None => self.enter(peer, &text),
        }
    }

    fn close(&mut self, peer: &mut Visitor<'_>, _cause: &Cause<'_>) {
        if let Some(name) = peer.data_mut().take() {
            self.leave(peer, &name);
        }
    }
}

impl Chat {
    pub fn new(epoch: String) -> Self {
        Self { epoch, last: 0, history: VecDeque::new(), online: BTreeMap::new() }
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
        for said in self.history.iter().filter(|said| said.seq > seen) {
            let _ = peer.send(said.line());
        }
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
        *peer.data_mut() = Some(name.to_owned());
        let connections = self.online.entry(name.to_owned()).or_default();
        *connections += 1;
        if *connections == 1 {
            peer.publish(ROOM, format!("* {name} is here"));
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
        }
    }
}

impl Said {
    fn line(&self) -> String {
        format!("{} {}: {}", self.seq, self.name, self.text)
    }
}

/// Of a page that may run its own script, talk to its own server, and nothing else.
fn file(kind: &str, content: &'static str) -> Response {
    Response::new(200)
        .header("Content-Type", &format!("{kind}; charset=utf-8"))
        .header("Content-Security-Policy", "default-src 'self'")
        .header("X-Content-Type-Options", "nosniff")
        .header("Cache-Control", "no-cache")
        .body(content)
}

/// Nothing that could be taken for another name, or for more than a name.
fn is_name(name: &str) -> bool {
    (1..=20).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn hang_up(peer: &mut Visitor<'_>, code: CloseCode, reason: &str) {
    peer.close(code, reason).expect("a code that may be sent and a short reason");
}
