//! All kinds of clients at once, good and bad, on a server that is stopped in the middle of it and started anew: in the end
//! every connection was told of, and memory and descriptors are what they were.
//!
//! ```text
//! BOWSPRIT_SOAK=600 cargo test --release --all-features --test soak -- --nocapture
//! ```
//!
//! runs for that many seconds; without the variable it is a few.
#![cfg(all(feature = "net", feature = "deflate", target_os = "linux"))]

#[path = "support/counting.rs"]
mod counting;
#[path = "support/server.rs"]
mod server;

use std::error::Error;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use bowsprit::handshake::{ClientRequest, Request, Uri};
use bowsprit::net::{Cause, Client, ClientConfig, Config, Handler, Peer, Server};
use bowsprit::{CloseCode, DeflateConfig, Message};

use server::{UPGRADE, masked};

/// Of each kind.
const CLIENTS: u64 = 3;
const WORKERS: usize = 2;
/// A server's life, in seconds.
const ROUND: f32 = 5.0;
/// Tables that have once doubled stay so.
const SLACK: isize = 256 << 10;
/// What the allocator keeps of what it was given back, in each of its threads' arenas: KiB that are resident.
const RESIDENT_SLACK: usize = 32 << 10;

#[test]
fn whatever_clients_do_memory_and_descriptors_return() {
    let seconds: f32 = std::env::var("BOWSPRIT_SOAK").map_or(6.0, |text| text.parse().expect("seconds"));
    let rounds = (seconds / ROUND).ceil().max(3.0) as u64;
    let round = Duration::from_secs_f32(seconds / rounds as f32);
    let mut address = "127.0.0.1:0".parse().unwrap();
    // What the first round leaves behind is what a process keeps: names, time zones, the harness's own.
    let (mut settled, mut warm) = (None, None);
    for n in 0..rounds {
        let (descriptors_before, resident_before) = (descriptors(), resident());
        let told = live(&mut address, round, n);
        let (bytes, resident) = (counting::bytes_of_all(), resident());
        let first = *settled.get_or_insert(bytes);
        println!(
            "round {n}: {told}; {bytes} bytes, {resident_before} to {resident} KiB resident, {descriptors_before} descriptors"
        );
        assert!(bytes <= first + SLACK, "round {n} leaves {bytes} bytes, the first {first}");
        // The second has met all arenas.
        if n > 0 {
            let warm = *warm.get_or_insert(resident);
            assert!(resident <= warm + RESIDENT_SLACK, "round {n} leaves {resident} KiB resident, the second {warm}");
        }
        assert_eq!(descriptors(), descriptors_before, "round {n}");
    }
}

/// One life of the server, in which it is stopped under load.
fn live(address: &mut SocketAddr, length: Duration, round: u64) -> String {
    let server = Server::bind_with(*address, config()).unwrap();
    *address = server.local_addr().unwrap();
    let (remote, told) = (server.remote(), Arc::<Told>::default());
    let running = thread::spawn({
        let told = Arc::clone(&told);
        move || server.run_each(|| Room(Arc::clone(&told)))
    });

    let over = Arc::<Over>::default();
    let clients: Vec<_> = KINDS
        .into_iter()
        .flat_map(|kind| (0..CLIENTS).map(move |nth| (kind, nth)))
        .enumerate()
        .map(|(seed, (kind, nth))| {
            let visit = Visit { address: *address, over: Arc::clone(&over), nth, dice: (round << 32) + seed as u64 };
            thread::spawn(move || visit.again_and_again(kind))
        })
        .collect();
    thread::sleep(length);
    remote.stop();
    running.join().unwrap().unwrap();
    over.come();
    let visits: u64 = clients.into_iter().map(|client| client.join().unwrap()).sum();

    let [opened, closed, messages] = [&told.opened, &told.closed, &told.messages].map(|n| n.load(Ordering::Relaxed));
    assert_eq!(opened, closed, "each connection ends once");
    assert!(opened > 0 && messages > 0);
    format!("{visits} visits, {opened} connections, {messages} messages")
}

/// Patience is short, so that all deadlines are met; queues are, so that a client that does not read is cut off.
fn config() -> Config {
    let mut config = Config::default();
    config.workers = WORKERS;
    config.deflate = Some(DeflateConfig::default());
    config.handshake_timeout = Duration::from_millis(200);
    config.ping_after = Duration::from_millis(300);
    config.pong_within = Duration::from_millis(300);
    config.write_timeout = Duration::from_millis(500);
    config.close_timeout = Duration::from_millis(200);
    config.hard_queue = 256 << 10;
    config.memory = 16 << 20;
    config
}

/// What the handlers of all loops were told.
#[derive(Default)]
struct Told {
    opened: AtomicU64,
    closed: AtomicU64,
    messages: AtomicU64,
}

struct Room(Arc<Told>);

impl Handler for Room {
    type Data = ();

    fn open(&mut self, peer: &mut Peer<'_, ()>, request: &Request<'_>) {
        self.0.opened.fetch_add(1, Ordering::Relaxed);
        if request.path() == "/news" {
            peer.subscribe("news");
        }
    }

    fn message(&mut self, peer: &mut Peer<'_, ()>, message: Message<'_>) {
        self.0.messages.fetch_add(1, Ordering::Relaxed);
        if message.as_bytes().starts_with(b"news ") {
            peer.publish("news", message);
        } else {
            let _ = peer.send(message);
        }
    }

    fn close(&mut self, _: &mut Peer<'_, ()>, _: &Cause<'_>) {
        self.0.closed.fetch_add(1, Ordering::Relaxed);
    }
}

/// The end of a round, for who waits for it.
#[derive(Default)]
struct Over(Mutex<bool>, Condvar);

impl Over {
    fn come(&self) {
        *self.0.lock().unwrap() = true;
        self.1.notify_all();
    }

    fn has_come(&self) -> bool {
        *self.0.lock().unwrap()
    }

    fn wait(&self, at_most: Duration) {
        drop(self.1.wait_timeout_while(self.0.lock().unwrap(), at_most, |over| !*over).unwrap());
    }
}

/// What a client does until it has had enough, or was thrown out.
type Kind = fn(&mut Visit) -> Result<(), Box<dyn Error>>;

const KINDS: [Kind; 8] = [talk, publish, listen, stall, flood, dawdle, babble, browse];

struct Visit {
    address: SocketAddr,
    over: Arc<Over>,
    nth: u64,
    dice: u64,
}

impl Visit {
    /// Returns how often it went well. A server that has gone, or that throws a client out, is no fault here.
    fn again_and_again(mut self, kind: Kind) -> u64 {
        let mut visits = 0;
        while !self.over.has_come() {
            match kind(&mut self) {
                Ok(()) => visits += 1,
                Err(_) => self.over.wait(Duration::from_millis(1)),
            }
        }
        visits
    }

    /// Below `n`, by SplitMix64.
    fn below(&mut self, n: u64) -> u64 {
        self.dice = self.dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.dice ^ self.dice >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ z >> 31) % n
    }

    fn client(&self, path: &str) -> Result<Client, Box<dyn Error>> {
        let mut config = ClientConfig::default();
        config.one_at_a_time = false;
        config.read_timeout = Some(Duration::from_secs(5));
        config.write_timeout = Duration::from_secs(5);
        config.close_timeout = Duration::from_millis(500);
        config.deflate = self.nth.is_multiple_of(2).then(DeflateConfig::default);
        Ok(Client::connect_with(&ClientRequest::new(Uri::parse(&format!("ws://{}{path}", self.address))?), &config)?)
    }

    fn socket(&self) -> Result<TcpStream, Box<dyn Error>> {
        let stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.set_write_timeout(Some(Duration::from_millis(500)))?;
        Ok(stream)
    }

    fn upgraded(&self, path: &str) -> Result<TcpStream, Box<dyn Error>> {
        let mut stream = self.socket()?;
        stream.write_all(UPGRADE.replacen('/', path, 1).as_bytes())?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        Ok(stream)
    }
}

/// Whatever it says comes back.
fn talk(visit: &mut Visit) -> Result<(), Box<dyn Error>> {
    let mut client = visit.client("/")?;
    for _ in 0..visit.below(20) {
        let most = [1, 200, 5_000, 100_000][visit.below(4) as usize];
        let len = visit.below(most);
        let sent: Vec<u8> = (0..len).map(|i| (i % 251) as u8).collect();
        client.send(&*sent)?;
        match client.receive()? {
            Some(message) => assert!(message.as_bytes() == sent, "an echo of {len} bytes is another"),
            None => return Ok(()),
        }
    }
    match visit.below(2) {
        0 => Ok(client.close(CloseCode::NORMAL, "")?),
        // Without a word.
        _ => Ok(()),
    }
}

/// Numbered, so that listeners see whether anything is out of order.
fn publish(visit: &mut Visit) -> Result<(), Box<dyn Error>> {
    let mut client = visit.client("/")?;
    let publisher = visit.below(u64::MAX);
    for n in 0..visit.below(300) {
        let padding = "x".repeat(visit.below(2_000) as usize);
        client.send(&*format!("news {publisher} {n} {padding}"))?;
    }
    // Not before it was all heard: an echo comes behind it.
    client.send("done")?;
    client.receive()?;
    Ok(())
}

fn listen(visit: &mut Visit) -> Result<(), Box<dyn Error>> {
    let mut client = visit.client("/news")?;
    let mut last = std::collections::HashMap::new();
    for _ in 0..visit.below(2_000) {
        let Some(Message::Text(text)) = client.receive()? else { return Ok(()) };
        let words: Vec<&str> = text.split(' ').collect();
        let (publisher, n): (u64, u64) = (words[1].parse().unwrap(), words[2].parse().unwrap());
        let before = last.insert(publisher, n);
        assert!(before.is_none_or(|before| before < n), "{n} of {publisher} comes behind {before:?}");
    }
    Ok(())
}

/// Subscribes and reads nothing.
fn stall(visit: &mut Visit) -> Result<(), Box<dyn Error>> {
    let _stream = visit.upgraded("/news")?;
    visit.over.wait(Duration::from_millis(1500));
    Ok(())
}

/// Says a lot and reads nothing.
fn flood(visit: &mut Visit) -> Result<(), Box<dyn Error>> {
    let mut stream = visit.upgraded("/")?;
    let frame = match visit.below(3) {
        0 => masked(0x89, b"ping"),
        1 => masked(0x82, &[7; 60_000]),
        _ => masked(0x02, b""),
    };
    let many = frame.repeat(64);
    for _ in 0..64 {
        stream.write_all(&many)?;
    }
    Ok(())
}

/// Half a request, or half a message.
fn dawdle(visit: &mut Visit) -> Result<(), Box<dyn Error>> {
    let mut stream = match visit.below(2) {
        0 => {
            let mut stream = visit.socket()?;
            stream.write_all(&UPGRADE.as_bytes()[..visit.below(UPGRADE.len() as u64) as usize])?;
            stream
        }
        _ => {
            let mut stream = visit.upgraded("/")?;
            stream.write_all(b"\x82\xff\0\0\0\0\0\x08\0\0abcdhalf of it")?;
            stream
        }
    };
    stream.set_read_timeout(Some(Duration::from_millis(400)))?;
    stream.read_to_end(&mut Vec::new())?;
    Ok(())
}

/// Anything but frames.
fn babble(visit: &mut Visit) -> Result<(), Box<dyn Error>> {
    let mut stream = visit.upgraded("/")?;
    let noise: Vec<u8> = (0..visit.below(3_000)).map(|_| visit.below(256) as u8).collect();
    stream.write_all(&noise)?;
    stream.shutdown(std::net::Shutdown::Write)?;
    stream.read_to_end(&mut Vec::new())?;
    Ok(())
}

/// Requests of HTTP, one behind another.
fn browse(visit: &mut Visit) -> Result<(), Box<dyn Error>> {
    let mut stream = visit.socket()?;
    let many = 1 + visit.below(5) as usize;
    stream.write_all("GET / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(many).as_bytes())?;
    stream.shutdown(std::net::Shutdown::Write)?;
    let mut answers = String::new();
    stream.read_to_string(&mut answers)?;
    assert!(answers.matches("HTTP/1.1 ").count() <= many, "{answers}");
    Ok(())
}

/// What of the process is in memory, in KiB.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let (_, rest) = status.split_once("VmRSS:").unwrap();
    rest.split_whitespace().next().unwrap().parse().unwrap()
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}
