//! Several loops behind one port.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle, ThreadId};

use bowsprit::handshake::{Request, Response};
use bowsprit::net::{Bytes, Cause, Config, Handler, Peer, PeerId, Peers, Remote, Responder, Server};
use bowsprit::{CloseCode, Message, SharedMessage};

use crate::server::{Client, PATIENCE, UPGRADE};

const WORKERS: usize = 3;

#[derive(Debug, PartialEq)]
enum Told {
    Open(PeerId, ThreadId),
    Woken(ThreadId),
    Closed(PeerId),
}

/// Publishes what it is sent, and reports.
struct Publisher {
    told: Sender<Told>,
}

impl Handler for Publisher {
    type Data = ();

    fn http(&mut self, _: &Request<'_>, _: Bytes, responder: Responder, _: &mut Peers<'_, ()>) {
        thread::spawn(move || responder.send(Response::new(200).body("from another thread")));
    }

    fn open(&mut self, peer: &mut Peer<'_, ()>, _: &Request<'_>) {
        assert!(peer.subscribe("all"));
        self.told.send(Told::Open(peer.id(), thread::current().id())).unwrap();
    }

    fn message(&mut self, peer: &mut Peer<'_, ()>, message: Message<'_>) {
        match message.as_bytes().first() {
            Some(b'!') => peer.publish_to_others("all", message),
            Some(b'.') => peer.peers().stop(),
            _ => peer.publish("all", message),
        }
    }

    fn wake(&mut self, _: &mut Peers<'_, ()>) {
        self.told.send(Told::Woken(thread::current().id())).unwrap();
    }

    fn close(&mut self, peer: &mut Peer<'_, ()>, _: &Cause<'_>) {
        // A test that has seen enough does not listen any more.
        let _ = self.told.send(Told::Closed(peer.id()));
    }
}

struct Running {
    address: std::net::SocketAddr,
    remote: Remote,
    told: Receiver<Told>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    fn new() -> Self {
        Self::with(Config::default())
    }

    fn with(mut config: Config) -> Self {
        config.workers = WORKERS;
        let server = Server::bind_with("127.0.0.1:0", config).unwrap();
        let (address, remote, (sender, told)) = (server.local_addr().unwrap(), server.remote(), mpsc::channel());
        // A sender can be cloned on one thread at a time only.
        let sender = std::sync::Mutex::new(sender);
        let make = move || Publisher { told: sender.lock().unwrap().clone() };
        let thread = thread::spawn(move || server.run_each(make).unwrap());
        Self { address, remote, told, thread: Some(thread) }
    }

    fn connect(&self) -> (Client, PeerId, ThreadId) {
        let stream = std::net::TcpStream::connect(self.address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        let mut client = Client::new(stream);
        client.write(UPGRADE.as_bytes());
        assert!(client.read_head().starts_with("HTTP/1.1 101 "));
        match self.told.recv_timeout(PATIENCE).unwrap() {
            Told::Open(peer, thread) => (client, peer, thread),
            other => panic!("{other:?}"),
        }
    }

    /// At least one client on each loop, and so many in all.
    fn connect_to_all(&self, many: usize) -> Vec<(Client, PeerId)> {
        let (mut clients, mut threads) = (Vec::new(), BTreeMap::new());
        while clients.len() < many || threads.len() < WORKERS {
            let (client, peer, thread) = self.connect();
            // A loop is a thread, and a name tells which.
            assert_eq!(threads.entry(peer.worker()).or_insert(thread), &thread);
            clients.push((client, peer));
        }
        clients
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.remote.stop();
        let result = self.thread.take().unwrap().join();
        if !thread::panicking() {
            result.unwrap();
        }
    }
}

#[test]
fn what_each_publisher_says_arrives_everywhere_in_its_order() {
    const EACH: usize = 300;
    let server = Running::new();
    let mut clients = server.connect_to_all(12);
    let many = clients.len();
    for n in 0..EACH {
        for (who, (client, _)) in clients.iter_mut().enumerate() {
            // Some longer than what is copied.
            let padding = if (n + who) % 50 == 0 { 20_000 } else { 3 };
            client.text(&format!("{who} {n} {}", "x".repeat(padding)));
        }
    }
    for (client, _) in &mut clients {
        let mut next = vec![0; many];
        for _ in 0..many * EACH {
            let payload = String::from_utf8(client.read_frame().unwrap().payload).unwrap();
            let mut words = payload.split(' ').map(str::parse::<usize>);
            let (who, n) = (words.next().unwrap().unwrap(), words.next().unwrap().unwrap());
            assert_eq!(n, next[who], "of {who}");
            next[who] += 1;
        }
        assert!(next.iter().all(|n| *n == EACH));
    }
}

#[test]
fn others_are_those_of_all_loops() {
    let server = Running::new();
    let mut clients = server.connect_to_all(6);
    clients[0].0.text("!hello");
    clients[0].0.text("everybody");
    for (n, (client, _)) in clients.iter_mut().enumerate() {
        if n != 0 {
            client.expect_text("!hello");
        }
        client.expect_text("everybody");
    }
}

#[test]
fn a_remote_reaches_every_loop_and_every_connection() {
    let server = Running::new();
    let mut clients = server.connect_to_all(6);
    let _ = server.remote.publish("all", SharedMessage::text("to all"));
    for (client, peer) in &mut clients {
        client.expect_text("to all");
        let _ = server.remote.send(*peer, SharedMessage::text(format!("to {peer}")));
        client.expect_text(&format!("to {peer}"));
    }
    server.remote.wake();
    let woken: BTreeSet<_> = (0..WORKERS)
        .map(|_| match server.told.recv_timeout(PATIENCE).unwrap() {
            Told::Woken(thread) => format!("{thread:?}"),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(woken.len(), WORKERS);
    for (client, peer) in &mut clients {
        server.remote.close(*peer, CloseCode::NORMAL, "");
        client.frame(0x88, b"\x03\xe8");
        client.expect_close(1000);
        assert_eq!(server.told.recv_timeout(PATIENCE), Ok(Told::Closed(*peer)));
    }
}

#[test]
fn http_is_answered_on_every_loop() {
    let server = Running::new();
    // Until each has had one, as the system shares them out: 1 in 2⁵⁰ runs leaves one out.
    for _ in 0..100 {
        let mut client = Client::new(std::net::TcpStream::connect(server.address).unwrap());
        client.write(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        assert!(client.read_response().ends_with("from another thread"));
    }
}

#[test]
fn a_handler_stops_all_loops() {
    let mut server = Running::new();
    let mut clients = server.connect_to_all(6);
    clients[0].0.text(".");
    for (client, _) in &mut clients {
        client.frame(0x88, b"\x03\xe9");
        client.expect_close(1001);
    }
    drop(clients);
    server.thread.take().unwrap().join().unwrap();
    server.thread = Some(thread::spawn(|| {}));
}

#[test]
fn one_handler_is_not_enough_for_several_loops() {
    let mut config = Config::default();
    config.workers = 2;
    let server = Server::bind_with("127.0.0.1:0", config).unwrap();
    let error = server.run(|_: &mut Peer<'_, ()>, _: Message<'_>| {}).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[test]
fn each_loop_has_its_share_of_the_memory() {
    let mut config = Config::default();
    config.memory = WORKERS * (600 << 10);
    let server = Running::with(config);
    let mut clients = server.connect_to_all(WORKERS);
    // One a loop.
    let mut seen = BTreeSet::new();
    clients.retain(|(_, peer)| seen.insert(peer.worker()));
    assert_eq!(clients.len(), WORKERS);
    for (client, _) in &mut clients {
        client.frame(0x02, &vec![0; 500 << 10]);
        client.frame(0x89, b"is there room for that?");
        assert_eq!(client.read_frame().unwrap().first, 0x8a);
    }
    for (client, _) in &mut clients {
        client.frame(0x00, &vec![0; 200 << 10]);
        client.expect_close(1013);
    }
}
