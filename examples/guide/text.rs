//! As `echo`, for text alone; and it says why a connection ended.

use std::io;

use bowsprit::net::{Cause, Handler, Peer, Server};
use bowsprit::{CloseCode, Message};

pub fn main() -> io::Result<()> {
    Server::bind("127.0.0.1:9001")?.run(TextOnly)
}

pub struct TextOnly;

impl Handler for TextOnly {
    type Data = ();

    fn message(&mut self, peer: &mut Peer<'_, ()>, message: Message<'_>) {
        match message {
            Message::Text(text) => {
                let _ = peer.send(text);
            }
            Message::Binary(_) => hang_up(peer, CloseCode::UNSUPPORTED_DATA, "text only"),
        }
    }

    fn close(&mut self, _peer: &mut Peer<'_, ()>, cause: &Cause<'_>) {
        println!("{:?}, {}: {cause}", cause.ended_by(), cause.code());
    }
}

fn hang_up(peer: &mut Peer<'_, ()>, code: CloseCode, reason: &str) {
    peer.close(code, reason).expect("a code that may be sent and a short reason");
}
