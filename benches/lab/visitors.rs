//! The clients of `benches/lab/stalls`: `lab_visitors PORT LIVE STALLED MESSAGES`. All subscribe to a broadcast, and the
//! stalled ones read nothing.
//!
//! It fills the queues of the stalled ones and connects the live ones, says `ready`, and waits for a line; has so many
//! messages of 1 KiB broadcast, says how many the live ones received, and waits for a line again before all leave.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;

use bowsprit::Message;
use bowsprit::handshake::{Answer, ClientRequest, Uri};
use bowsprit::net::{Cause, Client, ClientError, Clients, Config, EndedBy, Handler, Peer, PeerId, Peers};
use socket2::{Domain, Socket, Type};

/// Messages that are on their way to everybody at a time.
const AT_ONCE: usize = 4;
/// Connections that are opened at a time.
const BATCH: usize = 256;
const LEN: usize = 1 << 10;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let numbers: Vec<usize> = std::env::args().skip(1).map(|text| text.parse()).collect::<Result<_, _>>()?;
    let [port, live, stalled, messages] = numbers[..] else { return Err("PORT LIVE STALLED MESSAGES".into()) };
    let address = SocketAddr::from(([127, 0, 0, 1], u16::try_from(port)?));
    let request = ClientRequest::new(Uri::parse(&format!("ws://{address}/"))?);

    let stalled: Vec<_> = (0..stalled).map(|_| stall(address)).collect::<io::Result<_>>()?;
    fill(address, stalled.len())?;

    let mut config = Config::default();
    config.one_at_a_time = false;
    (config.ping_after, config.write_timeout) = (std::time::Duration::MAX, std::time::Duration::MAX);
    let clients = Clients::with(config)?;
    let remote = clients.remote();
    thread::spawn(move || {
        // A line begins, another ends; and so does whoever should have written them.
        for line in io::stdin().lines() {
            match line.as_deref() {
                Ok("go") => remote.wake(),
                _ => break,
            }
        }
        remote.stop();
    });
    clients.run(Crowd { request, live, messages, asked: 0, open: 0, received: 0, speaker: None })?;
    drop(stalled);
    Ok(())
}

/// A subscriber that reads nothing but the answer to its handshake.
fn stall(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_recv_buffer_size(4 << 10)?;
    socket.connect(&address.into())?;
    let mut stream = TcpStream::from(socket);
    stream.write_all(
        b"GET / HTTP/1.1\r\nHost: lab\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
          Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
    )?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(stream)
}

/// Broadcasts until the queues hold no more.
fn fill(address: SocketAddr, stalled: usize) -> Result<(), Box<dyn std::error::Error>> {
    const PIECE: usize = 16 << 10;
    if stalled == 0 {
        return Ok(());
    }
    let mut client = Client::connect(&format!("ws://{address}/"))?;
    let (mut before, mut same) = (0, 0);
    // What sockets take differs, and they take more from time to time.
    for _ in 0..2_000 {
        client.send(&[0; PIECE][..])?;
        client.receive()?;
        let held = metric(address, "bowsprit_held_bytes")?;
        same = if held == before && held > 0 { same + 1 } else { 0 };
        before = held;
        if same == 16 {
            return Ok(());
        }
    }
    Err("the queues of those who read nothing never fill".into())
}

fn metric(address: SocketAddr, name: &str) -> Result<u64, Box<dyn std::error::Error>> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n")?;
    let mut page = String::new();
    stream.read_to_string(&mut page)?;
    let line = page.lines().find_map(|line| line.strip_prefix(name)).ok_or("no such number")?;
    Ok(line.trim().parse()?)
}

struct Crowd {
    request: ClientRequest,
    live: usize,
    messages: usize,
    asked: usize,
    open: usize,
    received: usize,
    /// The one whose messages are broadcast.
    speaker: Option<PeerId>,
}

impl Crowd {
    fn connect_more(&mut self, peers: &mut Peers<'_, ()>) {
        for _ in self.asked..self.live.min(self.asked + BATCH) {
            peers.connect(&self.request, ()).expect("a request without a mistake");
            self.asked += 1;
        }
    }

    fn speak(&self, peers: &mut Peers<'_, ()>) {
        let speaker = self.speaker.and_then(|id| peers.peer(id));
        let mut speaker = speaker.expect("the first connection lasts");
        for _ in 0..AT_ONCE {
            let _ = speaker.send(&[0; LEN][..]);
        }
    }
}

impl Handler for Crowd {
    type Data = ();

    fn start(&mut self, peers: &mut Peers<'_, ()>) {
        self.connect_more(peers);
    }

    fn connected(&mut self, peer: &mut Peer<'_, ()>, _: &Answer<'_>) {
        self.speaker.get_or_insert(peer.id());
        self.open += 1;
        if self.open == self.live {
            println!("ready");
        } else if self.open == self.asked {
            self.connect_more(&mut peer.peers());
        }
    }

    fn not_connected(&mut self, _: &mut Peer<'_, ()>, error: &ClientError) {
        fail(&error.to_string());
    }

    fn wake(&mut self, peers: &mut Peers<'_, ()>) {
        self.speak(peers);
    }

    fn message(&mut self, peer: &mut Peer<'_, ()>, message: Message<'_>) {
        if message.as_bytes() != [0; LEN] {
            fail("a message that was never sent");
        }
        self.received += 1;
        if self.received == self.messages * self.live {
            println!("{}", self.received);
        } else if self.received.is_multiple_of(AT_ONCE * self.live) {
            self.speak(&mut peer.peers());
        }
    }

    fn close(&mut self, _: &mut Peer<'_, ()>, cause: &Cause<'_>) {
        if cause.ended_by() == EndedBy::Transport {
            fail(&cause.to_string());
        }
    }
}

fn fail(what: &str) -> ! {
    eprintln!("{what}");
    std::process::exit(1);
}
