//! Sends every message back to who sent it.
//!
//! ```text
//! cargo run --release --example echo
//! cargo run --release --example echo -- --listen 127.0.0.1:0 --workers 4
//! cargo run --release --features deflate --example echo -- --deflate
//! ```
//!
//! Takes messages of up to 16 MiB, so that Autobahn's limits cases can be run against it.

#[path = "support/mod.rs"]
mod support;

use bowsprit::Message;
use bowsprit::handshake::Request;
use bowsprit::net::{Bytes, Handler, Peer, Peers, Responder, Server};

struct Echo;

impl Handler for Echo {
    type Data = ();

    fn http(&mut self, request: &Request<'_>, _: Bytes, responder: Responder, peers: &mut Peers<'_, ()>) {
        responder.send(support::metrics(request, peers));
    }

    fn message(&mut self, peer: &mut Peer<'_, ()>, message: Message<'_>) {
        // A queue that stays full closes the connection, so nothing is lost in silence.
        let _ = peer.send(message);
    }
}

fn main() -> std::io::Result<()> {
    let arguments = support::Arguments::parse("Sends every message back to who sent it.", "127.0.0.1:9001");
    let mut config = arguments.config();
    config.limits.message = 16 << 20;
    config.limits.frame = 16 << 20;
    // Every message goes through the compressor, so that the checker sees it at work.
    #[cfg(feature = "deflate")]
    if let Some(deflate) = &mut config.deflate {
        deflate.threshold = 0;
    }
    support::run_each("ws", Server::bind_with(arguments.listen, config)?, || Echo)
}
