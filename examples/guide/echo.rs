//! Every message goes back to who sent it.

use std::io;

use bowsprit::Message;
use bowsprit::net::{Peer, Server};

pub fn main() -> io::Result<()> {
    Server::bind("127.0.0.1:9001")?.run(echo)
}

pub fn echo(peer: &mut Peer<'_, ()>, message: Message<'_>) {
    let _ = peer.send(message);
}
