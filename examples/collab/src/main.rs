//! Documents that many edit at once, by unmodified `yjs` 13 and `y-websocket` 3.
//!
//!     examples/collab/run
//!     examples/collab/run --listen 0.0.0.0:8082 --log /var/lib/collab/log
//!
//! Open the printed address in two windows; `/?doc=minutes` opens a document of that name. The second half of the page
//! shows the version of the textbooks, which sends the whole text, and what it loses.
//!
//! An edit is in the log, `target/collab.log` unless told otherwise, before anybody else hears of it: no SIGKILL loses
//! it. A power cut can take about the last second; see `../support/log.rs`. And who was connected still has it.
//!
//! `wire.rs` is the protocol of y-websocket, `document.rs` what is kept of a document, `awareness.rs` who is there and
//! where their cursors are; this file puts them on bowsprit: a document is a topic.

mod awareness;
mod document;
#[path = "../../support/log.rs"]
mod log;
#[path = "../../support/page.rs"]
mod page;
#[path = "../../support/mod.rs"]
mod support;
mod wire;

use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::time::Duration;
use std::{fs, io};

use bowsprit::handshake::{Request, Response};
use bowsprit::net::{Bytes, Cause, Handler, Peer, PeerId, Peers, Responder, Server};
use bowsprit::{CloseCode, Message};

use document::{Document, MAX_BYTES, Trouble};
use log::Log;
use page::{asset, page_with};
use wire::FromClient;

const PAGE: &str = include_str!("page.html");

/// Who comes back within this was never away: nobody's cursor flickers.
const GRACE: Duration = Duration::from_secs(4);
const MAX_DOCUMENTS: usize = 1000;
const MAX_NAME: usize = 64;

const OWN: [support::Own; 2] = [
    support::Own {
        name: "--log",
        value: "FILE",
        about: "what must not be forgotten; one server a log",
        default: "target/collab.log",
    },
    support::Own {
        name: "--bundle",
        value: "FILE",
        about: "Yjs, the editor and the page's script, as `examples/collab/run` makes it",
        default: "examples/collab/page/bundle.js",
    },
];

fn main() -> io::Result<()> {
    let args = support::Arguments::parse_with("documents that many edit at once", "127.0.0.1:8082", &OWN);
    let bundle = args.own("--bundle");
    let bundle = fs::read(bundle)
        .unwrap_or_else(|error| support::wrong(&format!("{bundle}: {error}; examples/collab/run makes it")));
    let mut config = args.config();
    // A whole document, when somebody comes with what was written offline.
    config.limits.message = MAX_BYTES + 1024;
    config.limits.frame = config.limits.message;
    let server = Server::bind_with(&args.listen, config)?;
    let (documents, log) = restore(Path::new(args.own("--log")))?;
    let (bundle, naive, gone) = (Bytes::from(bundle), String::new(), VecDeque::new());
    support::run("http", server, Collab { documents, log, bundle, naive, gone })
}

/// The documents as they were, and a log with one record for each.
fn restore(path: &Path) -> io::Result<(HashMap<String, Document>, Log)> {
    let mut documents: HashMap<String, Document> = HashMap::new();
    let broken = || io::Error::new(io::ErrorKind::InvalidData, "a record of the log is not an edit of a document");
    let (log, cut) = Log::open(path, |record| {
        let (name, update) = unpack(record).ok_or_else(broken)?;
        documents.entry(name.to_owned()).or_default().apply(update).map(drop).map_err(|_| broken())
    })?;
    if cut != 0 {
        eprintln!("the last {cut} bytes of {} were no whole record, and are gone", path.display());
    }
    let log = log.replace(documents.iter().map(|(name, document)| pack(name, &document.whole())))?;
    Ok((documents, log))
}

struct Collab {
    documents: HashMap<String, Document>,
    log: Log,
    bundle: Bytes,
    /// What the textbook version keeps: one text.
    naive: String,
    /// Who has gone, in that order: when their time is up, so do their cursors.
    gone: VecDeque<(String, PeerId)>,
}

/// What a connection is for.
#[derive(Default)]
enum Purpose {
    #[default]
    None,
    Document(String),
    Naive,
}

impl Handler for Collab {
    type Data = Purpose;

    fn upgrade(&mut self, request: &Request<'_>) -> Response {
        match request.path().strip_prefix("/collab/") {
            None if request.path() == "/naive" => Response::accept(),
            Some(name) if is_name(name) => {
                match self.documents.len() < MAX_DOCUMENTS || self.documents.contains_key(name) {
                    true => Response::accept(),
                    false => Response::new(503).body("There are as many documents as there can be.\n"),
                }
            }
            _ => Response::new(404),
        }
    }

    fn http(&mut self, request: &Request<'_>, _: Bytes, responder: Responder, peers: &mut Peers<'_, Purpose>) {
        responder.send(match request.path() {
            // The editor colours cursors by attributes.
            "/" => page_with(PAGE, "; style-src-attr 'unsafe-inline'"),
            "/bundle.js" => Response::new(200)
                .header("Content-Type", "text/javascript; charset=utf-8")
                .header("X-Content-Type-Options", "nosniff")
                .header("Cache-Control", "no-cache")
                .body(self.bundle.clone()),
            "/favicon.ico" => Response::new(204),
            path => asset(path).unwrap_or_else(|| support::metrics(request, peers)),
        });
    }

    fn open(&mut self, peer: &mut Peer<'_, Purpose>, request: &Request<'_>) {
        let Some(name) = request.path().strip_prefix("/collab/") else {
            *peer.data_mut() = Purpose::Naive;
            peer.subscribe("naive");
            let _ = peer.send(self.naive.as_str());
            return;
        };
        *peer.data_mut() = Purpose::Document(name.to_owned());
        peer.subscribe(&topic(name));
        let document = self.documents.entry(name.to_owned()).or_default();
        // Each in a message of its own: y-websocket 3 reads no further than the first of a frame.
        let _ = peer.send(wire::ask(&document.state_vector()).as_slice());
        if let Some(present) = document.present.everybody() {
            let _ = peer.send(present.as_slice());
        }
    }

    fn message(&mut self, peer: &mut Peer<'_, Purpose>, message: Message<'_>) {
        match (std::mem::take(peer.data_mut()), message) {
            (Purpose::Document(name), Message::Binary(bytes)) => {
                if let Err(trouble) = self.hear(peer, &name, &bytes) {
                    hang_up(peer, &trouble);
                }
                *peer.data_mut() = Purpose::Document(name);
            }
            // The version of the textbooks: the last writer wins.
            (Purpose::Naive, Message::Text(text)) => {
                self.naive = text.to_string();
                peer.publish_to_others("naive", self.naive.as_str());
                *peer.data_mut() = Purpose::Naive;
            }
            (purpose, _) => {
                hang_up(peer, &Trouble::NotYjs);
                *peer.data_mut() = purpose;
            }
        }
    }

    fn close(&mut self, peer: &mut Peer<'_, Purpose>, _: &Cause<'_>) {
        if let Purpose::Document(name) = std::mem::take(peer.data_mut()) {
            self.gone.push_back((name, peer.id()));
            peer.peers().set_timer(GRACE, 0);
        }
    }

    fn loop_timer(&mut self, _: u64, peers: &mut Peers<'_, Purpose>) {
        // One for each, in the same order.
        let Some((name, peer)) = self.gone.pop_front() else { return };
        let left = self.documents.get_mut(&name).and_then(|document| document.present.leave(peer));
        if let Some(left) = left {
            peers.publish(&topic(&name), left.as_slice());
        }
    }
}

impl Collab {
    fn hear(&mut self, peer: &mut Peer<'_, Purpose>, name: &str, bytes: &[u8]) -> Result<(), Trouble> {
        let document = self.documents.get_mut(name).ok_or(Trouble::NotYjs)?;
        match FromClient::decode(bytes).ok_or(Trouble::NotYjs)? {
            FromClient::Ask(state_vector) => {
                let missing = document.behind(state_vector)?;
                let _ = peer.send(wire::answer(&missing).as_slice());
            }
            FromClient::Update(update) => {
                let Some(news) = document.apply(update)? else { return Ok(()) };
                if self.log.append(&pack(name, &news)).is_err() {
                    document.forget_last();
                    return Err(Trouble::NotStored);
                }
                // To its author, too: y-websocket hangs up on a server that it hears nothing of for 30 s.
                peer.publish(&topic(name), wire::update(&news).as_slice());
            }
            FromClient::Presence(entries) => {
                let news = document.present.update(&entries, peer.id()).ok_or(Trouble::TooMany)?;
                if let Some(news) = news {
                    peer.publish(&topic(name), news.as_slice());
                }
            }
            FromClient::WhoIsThere => {
                let present = document.present.everybody().unwrap_or_else(|| wire::presence(&[]));
                let _ = peer.send(present.as_slice());
            }
            FromClient::Unknown => {}
        }
        Ok(())
    }
}

/// 4400 to 4499 tell y-websocket that it need not come back.
fn hang_up(peer: &mut Peer<'_, Purpose>, trouble: &Trouble) {
    let (code, reason) = match trouble {
        Trouble::NotYjs => (CloseCode::new(4400), "not a message of y-websocket"),
        Trouble::Full => (CloseCode::new(4413), "the document is full"),
        Trouble::TooMany => (CloseCode::new(4429), "too many people"),
        Trouble::NotStored => (CloseCode::INTERNAL_ERROR, "the edit cannot be stored"),
    };
    // It can only be that this was done before.
    let _ = peer.close(code, reason);
}

fn is_name(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

fn topic(name: &str) -> String {
    format!("document:{name}")
}

/// A record of the log: the length of the name, the name, the edit.
fn pack(name: &str, update: &[u8]) -> Vec<u8> {
    [&[name.len() as u8], name.as_bytes(), update].concat()
}

fn unpack(record: &[u8]) -> Option<(&str, &[u8])> {
    let (len, rest) = record.split_first()?;
    let (name, update) = rest.split_at_checked(usize::from(*len))?;
    Some((std::str::from_utf8(name).ok().filter(|name| is_name(name))?, update))
}
