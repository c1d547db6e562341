//! Every message goes to everybody.

use std::io;

use bowsprit::handshake::Request;
use bowsprit::net::{Handler, Peer, Server};
use bowsprit::{CloseCode, Message};

const ROOM: &str = "room";

pub fn main() -> io::Result<()> {
    Server::bind("127.0.0.1:9001")?.run(Broadcast)
}

pub struct Broadcast;

impl Handler for Broadcast {
    type Data = ();

    fn open(&mut self, peer: &mut Peer<'_, ()>, _request: &Request<'_>) {
        peer.subscribe(ROOM);
        peer.publish_to_others(ROOM, "* somebody came");
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
