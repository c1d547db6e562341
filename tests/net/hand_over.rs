//! Connections that move to the loop that their request is for.

use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use bowsprit::Message;
use bowsprit::handshake::{Request, Response};
use bowsprit::net::{Bytes, Config, Handler, Peer, Peers, Remote, Responder, Server};

use crate::server::{Client, PATIENCE};

const WORKERS: usize = 3;

/// Is wanted at the worker that the path names, and says where it is and what it got.
struct Signpost {
    /// Nobody is where he should be.
    never_content: bool,
}

impl Handler for Signpost {
    type Data = ();

    fn worker_for(&mut self, request: &Request<'_>) -> Option<usize> {
        assert_ne!(request.path(), "/panic");
        let named = request.path().strip_prefix('/')?.parse().ok()?;
        Some(if self.never_content { named + 1 } else { named })
    }

    fn http(&mut self, request: &Request<'_>, body: Bytes, responder: Responder, peers: &mut Peers<'_, ()>) {
        let body = String::from_utf8_lossy(&body);
        let text = format!("{} at {} of {}: {body}\n", request.path(), peers.worker(), peers.remote().workers());
        responder.send(Response::new(200).body(text));
    }

    fn message(&mut self, peer: &mut Peer<'_, ()>, message: Message<'_>) {
        let at = peer.id().worker();
        let _ = peer.send(format!("{at}: {}", String::from_utf8_lossy(message.as_bytes())).as_str());
    }
}

struct Running {
    address: SocketAddr,
    remote: Remote,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    fn new(change: impl FnOnce(&mut Config), never_content: bool) -> Self {
        let mut config = Config::default();
        config.workers = WORKERS;
        change(&mut config);
        let server = Server::bind_with("127.0.0.1:0", config).unwrap();
        let (address, remote) = (server.local_addr().unwrap(), server.remote());
        let thread = thread::spawn(move || server.run_each(|| Signpost { never_content }).unwrap());
        Self { address, remote, thread: Some(thread) }
    }

    fn connect(&self) -> Client {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Client::new(stream)
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

fn expect(client: &mut Client, status: &str, body: &str) {
    let head = client.read_head();
    assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
    assert_eq!(String::from_utf8(client.read_exactly(body.len())).unwrap(), body);
}

#[test]
fn a_request_is_dealt_with_where_it_belongs_wherever_it_arrives() {
    let server = Running::new(|_| {}, false);
    // As the system shares them out, all but 1 in 2⁵⁰ runs have each request arrive on each loop.
    for n in 0..90 {
        let (mut client, worker) = (server.connect(), n % WORKERS);
        client.write(format!("GET /{worker} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
        expect(&mut client, "200", &format!("/{worker} at {worker} of 3: \n"));
        // It stays there.
        client.write(b"GET /else HTTP/1.1\r\nHost: a\r\n\r\n");
        expect(&mut client, "200", &format!("/else at {worker} of 3: \n"));
    }
}

#[test]
fn a_body_that_is_there_comes_along_and_one_that_is_not_is_read_there() {
    let server = Running::new(|_| {}, false);
    for n in 0..30 {
        let (mut client, worker) = (server.connect(), n % WORKERS);
        let head = format!("POST /{worker} HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n");
        client.write(&[head.as_bytes(), b"01234"].concat());
        client.write(b"56789");
        expect(&mut client, "200", &format!("/{worker} at {worker} of 3: 0123456789\n"));
        // RFC 9110 §10.1.1: the loop that reads the body asks for it.
        let worker = (n + 1) % WORKERS;
        let head = format!("POST /{worker} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
        client.write(head.as_bytes());
        assert_eq!(client.read_head(), "HTTP/1.1 100 Continue\r\n\r\n");
        client.write(b"ok");
        expect(&mut client, "200", &format!("/{worker} at {worker} of 3: ok\n"));
    }
}

#[test]
fn pipelined_requests_are_answered_in_their_order_by_many_loops() {
    let server = Running::new(|_| {}, false);
    let mut client = server.connect();
    let wanted: Vec<usize> = (0..40).map(|n| n * n % WORKERS).collect();
    let requests: String = wanted.iter().map(|worker| format!("GET /{worker} HTTP/1.1\r\nHost: a\r\n\r\n")).collect();
    client.write(requests.as_bytes());
    for worker in wanted {
        expect(&mut client, "200", &format!("/{worker} at {worker} of 3: \n"));
    }
}

#[test]
fn a_websocket_opens_where_it_belongs_with_what_came_behind_its_request() {
    let server = Running::new(|_| {}, false);
    for n in 0..30 {
        let (mut client, worker) = (server.connect(), n % WORKERS);
        let request = crate::server::UPGRADE.replacen('/', &format!("/{worker}"), 1);
        client.write(&[request.as_bytes(), &crate::server::masked(0x81, b"early")].concat());
        assert!(client.read_head().starts_with("HTTP/1.1 101 "));
        client.expect_text(&format!("{worker}: early"));
        client.text("late");
        client.expect_text(&format!("{worker}: late"));
        client.frame(0x88, b"\x03\xe8");
        client.expect_close(1000);
    }
}

#[test]
fn a_loop_that_is_not_there_is_nobodys_and_a_panic_moves_nothing() {
    let server = Running::new(|_| {}, false);
    let mut client = server.connect();
    for path in ["/3", "/999999", "/panic"] {
        client.write(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
        let head = client.read_head();
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        let body = String::from_utf8(client.read_exactly(path.len() + " at 0 of 3: \n".len())).unwrap();
        assert!(body.starts_with(&format!("{path} at ")), "{body}");
    }
}

#[test]
fn a_request_moves_once_whatever_the_others_say() {
    let server = Running::new(|_| {}, true);
    for n in 0..20 {
        let (mut client, worker) = (server.connect(), n % 2);
        client.write(format!("GET /{worker} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
        expect(&mut client, "200", &format!("/{worker} at {} of 3: \n", worker + 1));
    }
}

#[test]
fn a_loop_that_is_full_refuses_what_is_for_it() {
    let server = Running::new(|config| config.connections = 2, false);
    let mut guests: Vec<Client> = (0..2)
        .map(|_| {
            let mut client = server.connect();
            client.write(b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\n");
            expect(&mut client, "200", "/1 at 1 of 3: \n");
            client
        })
        .collect();
    // One that arrives at the full loop waits in its backlog; as long as they stay, another arrives elsewhere.
    let (told, refusals) = mpsc::channel();
    let waiting: Vec<TcpStream> = (0..40)
        .map(|_| {
            let mut client = server.connect();
            let stream = client.stream.try_clone().unwrap();
            client.write(b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\n");
            let told = told.clone();
            thread::spawn(move || told.send(client.read_head()));
            stream
        })
        .collect();
    let refusal = refusals.recv_timeout(PATIENCE).unwrap();
    assert!(refusal.starts_with("HTTP/1.1 503 "), "{refusal}");
    waiting.iter().for_each(|stream| stream.shutdown(Shutdown::Both).unwrap_or_default());
    for client in &mut guests {
        client.write(b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\n");
        expect(client, "200", "/1 at 1 of 3: \n");
    }
}
