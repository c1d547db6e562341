//! Sends every message to every connection, the sender's included.
//!
//! ```text
//! cargo run --release --example broadcast
//! cargo run --release --features deflate --example broadcast -- --deflate
//! ```

#[path = "support/mod.rs"]
mod support;

use bowsprit::Message;
use bowsprit::handshake::Request;
use bowsprit::net::{Bytes, Handler, Peer, Peers, Responder, Server};

struct Broadcast;

impl Handler for Broadcast {
    type Data = ();

    fn http(&mut self, request: &Request<'_>, _: Bytes, responder: Responder, peers: &mut Peers<'_, ()>) {
        responder.send(support::metrics(request, peers));
    }

    fn open(&mut self, peer: &mut Peer<'_, ()>, _request: &Request<'_>) {
        peer.subscribe("all");
    }

    fn message(&mut self, peer: &mut Peer<'_, ()>, message: Message<'_>) {
        peer.publish("all", message);
    }
}

fn main() -> std::io::Result<()> {
    let arguments = support::Arguments::parse("Sends every message to every connection.", "127.0.0.1:9002");
    support::run_each("ws", Server::bind_with(&arguments.listen, arguments.config())?, || Broadcast)
}
