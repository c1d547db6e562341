//! The clients of `benches/lab/socketio`: `lab_socketio_crowd PORT CLIENTS WORKLOAD`, each a WebSocket that speaks the packets
//! of Engine.IO v4 and Socket.IO v5. WORKLOAD is `echo`: each has one event on its way and back; `all`: the first has one
//! on its way to everybody; or `idle`.
//!
//! It says `ready` when all are connected, begins at the first line, and says at each after it how many events arrived.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use bowsprit::Message;
use bowsprit::handshake::{Answer, ClientRequest, Uri};
use bowsprit::net::{Cause, ClientError, Clients, Config, EndedBy, Handler, Peer, PeerId, Peers};

/// As in a chat: 100 bytes and their names.
const TEXT: &str =
    "Fair winds and following seas to all who are on board, and to those on shore who wait for them to be back";
/// Connections that are opened at a time.
const BATCH: usize = 64;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [port, clients, workload] = &arguments[..] else { return Err("PORT CLIENTS WORKLOAD".into()) };
    let address = SocketAddr::from(([127, 0, 0, 1], port.parse()?));
    let request = ClientRequest::new(Uri::parse(&format!("ws://{address}/socket.io/?EIO=4&transport=websocket"))?);
    let event = (workload != "idle").then(|| format!("42[\"{workload}\",{{\"from\":\"ada\",\"text\":\"{TEXT}\"}}]"));

    let mut config = Config::default();
    config.one_at_a_time = false;
    let loop_of_clients = Clients::with(config)?;
    let remote = loop_of_clients.remote();
    let heard = Arc::new(AtomicU64::new(0));
    let crowd = Crowd {
        request,
        clients: clients.parse()?,
        event,
        everybody_speaks: workload == "echo",
        asked: 0,
        here: Vec::new(),
        heard: heard.clone(),
    };
    thread::spawn(move || {
        for (n, line) in io::stdin().lines().enumerate() {
            match line {
                Ok(_) if n == 0 => remote.wake(),
                Ok(_) => println!("{}", heard.load(Ordering::Relaxed)),
                Err(_) => break,
            }
        }
        // Whoever asked is gone.
        remote.stop();
    });
    loop_of_clients.run(crowd)?;
    Ok(())
}

struct Crowd {
    request: ClientRequest,
    clients: usize,
    event: Option<String>,
    everybody_speaks: bool,
    asked: usize,
    here: Vec<PeerId>,
    heard: Arc<AtomicU64>,
}

impl Crowd {
    fn connect_more(&mut self, peers: &mut Peers<'_, ()>) {
        for _ in self.asked..self.clients.min(self.asked + BATCH) {
            peers.connect(&self.request, ()).expect("a request without a mistake");
            self.asked += 1;
        }
    }

    fn entered(&mut self, peer: &mut Peer<'_, ()>) {
        self.here.push(peer.id());
        if self.here.len() == self.clients {
            println!("ready");
        } else if self.here.len() == self.asked {
            self.connect_more(&mut peer.peers());
        }
    }

    fn heard(&mut self, peer: &mut Peer<'_, ()>) {
        let heard = self.heard.fetch_add(1, Ordering::Relaxed) + 1;
        let Some(event) = &self.event else { return };
        if self.everybody_speaks {
            send(peer, event);
        } else if heard.is_multiple_of(self.clients as u64)
            && let Some(mut speaker) = peer.peers().peer(self.here[0])
        {
            send(&mut speaker, event);
        }
    }
}

impl Handler for Crowd {
    type Data = ();

    fn start(&mut self, peers: &mut Peers<'_, ()>) {
        self.connect_more(peers);
    }

    fn connected(&mut self, _: &mut Peer<'_, ()>, _: &Answer<'_>) {}

    fn not_connected(&mut self, _: &mut Peer<'_, ()>, error: &ClientError) {
        fail(&error.to_string());
    }

    fn wake(&mut self, peers: &mut Peers<'_, ()>) {
        let Some(event) = &self.event else { return };
        let speakers = if self.everybody_speaks { self.here.len() } else { 1 };
        for &id in &self.here[..speakers] {
            if let Some(mut peer) = peers.peer(id) {
                send(&mut peer, event);
            }
        }
    }

    fn message(&mut self, peer: &mut Peer<'_, ()>, message: Message<'_>) {
        let packet = message.as_bytes();
        match packet {
            [b'0', ..] => send(peer, "40"),
            [b'2'] => send(peer, "3"),
            [b'4', b'0', ..] => self.entered(peer),
            _ if self.event.as_ref().is_some_and(|event| event.as_bytes() == packet) => self.heard(peer),
            _ => fail("a packet that nobody has sent"),
        }
    }

    fn close(&mut self, _: &mut Peer<'_, ()>, cause: &Cause<'_>) {
        if cause.ended_by() != EndedBy::Us {
            fail(&cause.to_string());
        }
    }
}

fn send(peer: &mut Peer<'_, ()>, packet: &str) {
    let _ = peer.send(packet);
}

fn fail(what: &str) -> ! {
    eprintln!("{what}");
    std::process::exit(1);
}
