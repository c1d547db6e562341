//! Several loops behind one port, and one order for all of them: a thread of its own numbers what is said.

use std::io;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;

use bowsprit::handshake::Request;
use bowsprit::net::{Config, Handler, Peer, PeerId, Remote, Server};
use bowsprit::{CloseCode, Message, SharedMessage};

const ROOM: &str = "room";

pub fn main() -> io::Result<()> {
    let mut config = Config::default();
    config.workers = thread::available_parallelism()?.get();
    serve(Server::bind_with("127.0.0.1:9001", config)?)
}

pub fn serve(server: Server) -> io::Result<()> {
    let (remote, (said, hears)) = (server.remote(), mpsc::sync_channel(1024));
    thread::spawn(move || clerk(&hears, &remote));
    server.run_each(|| Worker { said: said.clone() })
}

struct Worker {
    said: SyncSender<(PeerId, String)>,
}

impl Handler for Worker {
    type Data = ();

    fn open(&mut self, peer: &mut Peer<'_, ()>, _request: &Request<'_>) {
        peer.subscribe(ROOM);
    }

    fn message(&mut self, peer: &mut Peer<'_, ()>, message: Message<'_>) {
        let Message::Text(text) = message else {
            return hang_up(peer, CloseCode::UNSUPPORTED_DATA, "text only");
        };
        // A loop never waits: that would be waiting for all its connections.
        if self.said.try_send((peer.id(), text.into_string())).is_err() {
            hang_up(peer, CloseCode::TRY_AGAIN_LATER, "too much at once");
        }
    }
}

/// The one place where messages get their order. It ends with the server.
fn clerk(hears: &Receiver<(PeerId, String)>, remote: &Remote) {
    for (seq, (author, text)) in (1..).zip(hears) {
        // A loop that is 64 MiB behind misses it, and its people see a gap in the numbers.
        let _ = remote.publish(ROOM, SharedMessage::text(format!("{seq} {text}")));
        let _ = remote.send(author, SharedMessage::text(format!("ok {seq}")));
    }
}

fn hang_up(peer: &mut Peer<'_, ()>, code: CloseCode, reason: &str) {
    peer.close(code, reason).expect("a code that may be sent and a short reason");
}
