//! As `broadcast`, compressed for those who offer it. Needs the feature `deflate`.

use std::io;

use bowsprit::handshake::{Request, Response};
use bowsprit::net::{Bytes, Config, Handler, Peer, Peers, Responder, Server, Stats};
use bowsprit::{CloseCode, DeflateConfig, Message};

const ROOM: &str = "room";

pub fn main() -> io::Result<()> {
    Server::bind_with("127.0.0.1:9001", config())?.run(Broadcast)
}

pub fn config() -> Config {
    let mut config = Config::default();
    config.deflate = Some(DeflateConfig::default());
    config
}

pub struct Broadcast;

impl Handler for Broadcast {
    type Data = ();

    fn http(&mut self, _: &Request<'_>, _: Bytes, responder: Responder, peers: &mut Peers<'_, ()>) {
        let stats = peers.stats().to_string();
        responder.send(Response::new(200).header("Content-Type", Stats::CONTENT_TYPE).body(stats));
    }

    fn open(&mut self, peer: &mut Peer<'_, ()>, _request: &Request<'_>) {
        peer.subscribe(ROOM);
    }

    fn message(&mut self, peer: &mut Peer<'_, ()>, message: Message<'_>) {
        match message {
            Message::Text(text) => peer.publish(ROOM, text),
            Message::Binary(_) => hang_up(peer, CloseCode::UNSUPPORTED_DATA, "text only"),
        }
    }
}

fn hang_up(peer: &mut Peer<'_, ()>, code: CloseCode, reason: &str) {
    peer.close(code, reason).expect("a code that may be sent and a short reason");
}
