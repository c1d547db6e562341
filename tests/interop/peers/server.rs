//! Our server for the clients of other implementations; README.md has its paths.

use std::collections::VecDeque;
use std::io;

use bowsprit::handshake::{Request, Response};
use bowsprit::net::{Bytes, Cause, Config, Handler, Peer, PeerId, Peers, Responder, Server};
use bowsprit::{CloseCode, Message};

#[path = "cases.rs"]
mod cases;
use cases::{FRAGMENTS, reason};

fn main() -> io::Result<()> {
    let mut config = Config::default();
    config.limits.message = 16 << 20;
    config.limits.frame = 16 << 20;
    let server = Server::bind_with("127.0.0.1:0", config)?;
    println!("listening on ws://{}", server.local_addr()?);
    server.run(Paths::default())
}

#[derive(Default)]
struct Paths {
    /// What clients' Closes said, to be told at `/last`.
    closes: VecDeque<String>,
    /// Who waits for one.
    waiting: VecDeque<PeerId>,
}

impl Handler for Paths {
    /// Whether to answer in fragments.
    type Data = bool;

    fn upgrade(&mut self, request: &Request<'_>) -> Response {
        match request.subprotocols().any(|offered| offered == "chat.v2") {
            true => Response::accept().subprotocol("chat.v2"),
            false => Response::accept(),
        }
    }

    /// A page of our own origin, for the browser.
    fn http(&mut self, _: &Request<'_>, _: Bytes, responder: Responder, _: &mut Peers<'_, bool>) {
        responder.send(Response::new(200).header("Content-Type", "text/html").body("<title>peers</title>"));
    }

    fn open(&mut self, peer: &mut Peer<'_, bool>, request: &Request<'_>) {
        match request.path() {
            "/fragments" => *peer.data_mut() = true,
            "/last" => {
                self.waiting.push_back(peer.id());
                self.tell(peer);
            }
            path => {
                if let Some(code) = path.strip_prefix("/close/").and_then(|code| code.parse().ok()) {
                    peer.close(CloseCode::new(code), &reason(code)).expect("a code that may be sent");
                }
            }
        }
    }

    fn message(&mut self, peer: &mut Peer<'_, bool>, message: Message<'_>) {
        if !*peer.data() {
            let _ = peer.send(message);
            return;
        }
        for i in 0..FRAGMENTS {
            let last = i + 1 == FRAGMENTS;
            let _ = match &message {
                Message::Text(text) => peer.send_part(cases::fragment_of_text(text, i), last),
                Message::Binary(bytes) => peer.send_part(cases::fragment(bytes, i), last),
            };
            if !last {
                let _ = peer.ping(&[i as u8]);
            }
        }
    }

    fn close(&mut self, peer: &mut Peer<'_, bool>, cause: &Cause<'_>) {
        if let Cause::Closed { by_peer: true, code, reason } = cause
            && !reason.is_empty()
        {
            self.closes.push_back(format!("{code} {reason}"));
            self.tell(peer);
        }
    }
}

impl Paths {
    fn tell(&mut self, peer: &mut Peer<'_, bool>) {
        if self.closes.is_empty() || self.waiting.is_empty() {
            return;
        }
        let (close, id) = (self.closes.remove(0), self.waiting.remove(0));
        if let (Some(close), Some(mut waiting)) = (close, id.and_then(|id| peer.other(id))) {
            let _ = waiting.send(close);
        }
    }
}
