//! What only the transport seam can show: system calls, faults, and where bytes lie.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::thread::JoinHandle;

use bowsprit::handshake::{Request, Response};
use bowsprit::net::{Bytes, Config, EventLoop, Handler, Peer, Peers, Remote, RequestId, Responder, Sent, Tcp};
use bowsprit::{Message, SharedMessage};

use crate::server::{Client, PATIENCE, masked};
use crate::transport::{Hands, Watched};

pub struct Seam {
    address: std::net::SocketAddr,
    pub hands: Arc<Hands>,
    remote: Remote,
    thread: Option<JoinHandle<io::Result<()>>>,
}

pub fn serve<H: Handler>(hands: Hands, handler: impl FnOnce() -> H + Send + 'static) -> Seam {
    serve_with(hands, Config::default(), handler)
}

pub fn serve_with<H: Handler>(hands: Hands, config: Config, handler: impl FnOnce() -> H + Send + 'static) -> Seam {
    let tcp = Tcp::bind("127.0.0.1:0").unwrap();
    let (hands, address) = (Arc::new(hands), tcp.local_addr().unwrap());
    let watched = Watched::new(tcp, hands.clone());
    let remote = Remote::new(&watched);
    let told = remote.clone();
    let thread = std::thread::spawn(move || EventLoop::new(watched, config, handler(), told).run());
    Seam { address, hands, remote, thread: Some(thread) }
}

impl Seam {
    pub fn connect(&self) -> Client {
        let mut client = self.connect_tcp();
        client.upgrade();
        client
    }

    fn connect_tcp(&self) -> Client {
        let stream = std::net::TcpStream::connect(self.address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Client::new(stream)
    }
}

impl Drop for Seam {
    fn drop(&mut self) {
        self.remote.stop();
        let Some(thread) = self.thread.take() else { return };
        let result = thread.join();
        if !std::thread::panicking() {
            result.unwrap().unwrap();
        }
    }
}

fn echo() -> impl FnMut(&mut Peer<'_, ()>, Message<'_>) {
    |peer: &mut Peer<'_, ()>, message: Message<'_>| {
        let _ = peer.send(message);
    }
}

#[test]
fn one_read_and_one_write_an_echo() {
    let seam = serve(Hands::default(), echo);
    let mut client = seam.connect();
    client.expect_echo("warm");
    let count = |seam: &Seam| (seam.hands.reads.load(Ordering::SeqCst), seam.hands.writes.load(Ordering::SeqCst));
    let before = count(&seam);
    for _ in 0..100 {
        client.expect_echo("one message at a time");
    }
    let after = count(&seam);
    assert_eq!((after.0 - before.0, after.1 - before.1), (100, 100));
    assert_eq!(seam.hands.registrations.load(Ordering::SeqCst), 1, "one connection is registered once");
}

#[test]
fn what_comes_behind_a_close_is_not_answered_with_a_reset() {
    let seam = serve(Hands::default(), echo);
    let (close, late) = (masked(0x88, &1000u16.to_be_bytes()), masked(0x81, b"too late"));
    let deregistrations = || seam.hands.deregistrations.load(Ordering::SeqCst);

    let mut client = seam.connect();
    client.write(&[&close[..], &late].concat());
    client.expect_close(1000);
    client.write(&late);
    client.write(&late);
    assert_eq!(deregistrations(), 0, "there is more to discard: an event tells of it");

    let mut client = seam.connect();
    client.write(&close);
    client.expect_close(1000);
    // The second would fail behind a reset.
    client.write(&late);
    client.write(&late);
    assert_eq!(deregistrations(), 1, "nothing is expected: no event need tell of it");
}

#[test]
fn what_came_while_it_was_paused_does_not_reset_a_connection_that_closes() {
    let seam = serve(Hands::default(), || {
        let mut paused = None;
        move |peer: &mut Peer<'_, ()>, message: Message<'_>| match paused.take() {
            None => {
                paused = Some(peer.id());
                peer.pause();
                let _ = peer.send(message);
            }
            Some(id) => peer.other(id).expect("the paused one").resume(),
        }
    });
    let (mut paused, mut other) = (seam.connect(), seam.connect());
    paused.write(&[masked(0x81, b"pause"), masked(0x88, &1000u16.to_be_bytes())].concat());
    paused.expect_text("pause");
    // Not read before the Close, which waits with the rest of its read.
    paused.write(&masked(0x81, b"too late"));
    other.text("resume");
    paused.expect_close(1000);
    assert_eq!(seam.hands.shut_downs.load(Ordering::SeqCst), 1);
}

/// Echoes bodies at once, or from another thread; releases a request that is held by a message or another request.
#[derive(Default)]
struct Web {
    held: Option<Responder>,
}

impl Handler for Web {
    type Data = ();

    fn http(&mut self, request: &Request<'_>, body: Bytes, responder: Responder, _: &mut Peers<'_, ()>) {
        let response = Response::new(200).body(body);
        match request.path() {
            "/hold" => self.held = Some(responder),
            "/is-held" => responder.send(Response::new(if self.held.is_some() { 200 } else { 404 })),
            "/thread" => drop(std::thread::spawn(move || responder.send(response))),
            _ => {
                if let Some(held) = self.held.take() {
                    held.send(Response::new(204));
                }
                responder.send(response);
            }
        }
    }

    fn message(&mut self, _: &mut Peer<'_, ()>, _: Message<'_>) {
        if let Some(held) = self.held.take() {
            held.send(Response::new(204));
        }
    }
}

fn post(path: &str, body: &[u8]) -> Vec<u8> {
    [format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes(), body].concat()
}

#[test]
fn one_read_and_one_write_an_http_request() {
    let seam = serve(Hands::default(), Web::default);
    let mut client = seam.connect_tcp();
    let ask = |client: &mut Client, path: &str| {
        client.write(&post(path, b"Hello"));
        assert_eq!(client.read_head(), "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
        assert_eq!(client.read_exactly(5), b"Hello");
    };
    let count = || [&seam.hands.reads, &seam.hands.writes, &seam.hands.wakes].map(|n| n.load(Ordering::SeqCst));
    ask(&mut client, "/warm");
    let before = count();
    for _ in 0..100 {
        ask(&mut client, "/");
    }
    let after = count();
    assert_eq!([after[0] - before[0], after[1] - before[1], after[2] - before[2]], [100, 100, 0]);
    for _ in 0..100 {
        ask(&mut client, "/thread");
    }
    let threads = count();
    assert_eq!([threads[0] - after[0], threads[1] - after[1]], [100, 100]);
    assert!(threads[2] - after[2] <= 100, "at most one wake-up an answer");
}

#[test]
fn a_held_request_released_on_the_loop_takes_no_wake_up() {
    let seam = serve(Hands::default(), Web::default);
    let (mut held, mut other, mut socket) = (seam.connect_tcp(), seam.connect_tcp(), seam.connect());
    for by_message in [false, true, false, true] {
        held.write(&post("/hold", b""));
        let mut is_held = false;
        while !is_held {
            other.write(&post("/is-held", b""));
            is_held = other.read_head().starts_with("HTTP/1.1 200 ");
        }
        if by_message {
            socket.text("release");
        } else {
            other.write(&post("/", b"x"));
            assert!(other.read_head().starts_with("HTTP/1.1 200 "));
            other.read_exactly(1);
        }
        assert_eq!(held.read_head(), "HTTP/1.1 204 No Content\r\n\r\n");
    }
    assert_eq!(seam.hands.wakes.load(Ordering::SeqCst), 0);
}

/// Holds every request; tells of them, and of those that are cancelled.
struct Holder {
    held: Vec<Responder>,
    told: mpsc::Sender<(RequestId, bool)>,
}

impl Handler for Holder {
    type Data = ();

    fn http(&mut self, _: &Request<'_>, _: Bytes, responder: Responder, _: &mut Peers<'_, ()>) {
        self.told.send((responder.id(), false)).unwrap();
        self.held.push(responder);
    }

    fn http_cancelled(&mut self, request: RequestId, _: &mut Peers<'_, ()>) {
        self.told.send((request, true)).unwrap();
    }

    fn message(&mut self, _: &mut Peer<'_, ()>, _: Message<'_>) {}
}

#[test]
fn a_client_that_is_gone_before_its_request_is_read_is_noticed() {
    for limit in [None, Some((1, 1)), Some((7, 7)), Some((1, 4096))] {
        let (told, heard) = mpsc::channel();
        let hands = Hands { read_at_most: limit, ..Hands::default() };
        let seam = serve(hands, || Holder { held: Vec::new(), told });
        for body in [0, 1, 10_000] {
            let mut client = seam.connect_tcp();
            client.write(&post("/", &vec![b'x'; body]));
            drop(client);
            let (request, _) = heard.recv_timeout(PATIENCE).unwrap();
            assert_eq!(heard.recv_timeout(PATIENCE), Ok((request, true)), "{limit:?} {body}");
        }
    }
}

#[test]
fn http_bodies_arrive_whole_by_reads_of_any_size() {
    let body: Vec<u8> = (0..6000).map(|i| (i * 31) as u8).collect();
    let chunks: Vec<u8> = body
        .chunks(1400)
        .flat_map(|chunk| [format!("{:x};ext\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat())
        .chain(*b"0\r\nTrailer: x\r\n\r\n")
        .collect();
    let chunked = [b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", &*chunks].concat();
    for limit in [(1, 1), (2, 3), (1, 20), (1, 4096)] {
        let seam = serve(Hands { read_at_most: Some(limit), ..Hands::default() }, Web::default);
        let mut client = seam.connect_tcp();
        client.write(&[&*chunked, &post("/", &body), &chunked].concat());
        for _ in 0..3 {
            assert_eq!(client.read_head(), "HTTP/1.1 200 OK\r\nContent-Length: 6000\r\n\r\n");
            assert!(client.read_exactly(6000) == body, "{limit:?}");
        }
    }
}

#[test]
fn a_large_http_body_is_sent_from_where_it_lies() {
    const LEN: usize = 1 << 20;
    let body = Bytes::from(vec![7; LEN]);
    let start = body.as_ptr() as usize;
    let seam = serve(Hands::default(), move || Page(body));
    let mut client = seam.connect_tcp();
    client.write(&post("/", b""));
    assert!(client.read_head().starts_with("HTTP/1.1 200 "));
    assert_eq!(client.read_exactly(LEN), vec![7; LEN]);
    let slices = seam.hands.large_slices.lock().unwrap();
    assert!(!slices.is_empty() && slices.iter().all(|(at, len)| start <= *at && at + len <= start + LEN));
}

/// The same answer to everything.
struct Page(Bytes);

impl Handler for Page {
    type Data = ();

    fn http(&mut self, _: &Request<'_>, _: Bytes, responder: Responder, _: &mut Peers<'_, ()>) {
        responder.send(Response::new(200).body(self.0.clone()));
    }

    fn message(&mut self, _: &mut Peer<'_, ()>, _: Message<'_>) {}
}

#[test]
fn a_batch_leaves_in_one_write() {
    let seam = serve(Hands::default(), echo);
    let mut client = seam.connect();
    client.expect_echo("warm");
    let before = seam.hands.writes.load(Ordering::SeqCst);
    // One segment on loopback, so one read.
    let batch: Vec<u8> = (0..64).flat_map(|n: u32| masked(0x81, format!("message {n}").as_bytes())).collect();
    client.write(&batch);
    for n in 0..64 {
        client.expect_text(&format!("message {n}"));
    }
    assert_eq!(seam.hands.writes.load(Ordering::SeqCst) - before, 1);
}

#[test]
fn reads_of_any_size_make_no_difference() {
    for limit in [(1, 1), (2, 2), (3, 3), (1, 20), (1, 4096)] {
        let seam = serve(Hands { read_at_most: Some(limit), ..Hands::default() }, echo);
        let mut client = seam.connect();
        for len in [0usize, 1, 125, 126, 1000, 65_535, 70_000] {
            let payload: Vec<u8> = (0..len).map(|i| (i * 31) as u8).collect();
            client.frame(0x02, &payload[..len / 2]);
            client.frame(0x89, b"between");
            client.frame(0x80, &payload[len / 2..]);
            assert_eq!(client.read_frame().unwrap().first, 0x8a);
            assert_eq!(client.read_frame().unwrap().payload, payload, "{limit:?} {len}");
        }
    }
}

#[test]
fn an_event_queue_that_fails_ends_the_loop_and_everybody_is_told() {
    let mut seam = serve(Hands::default(), Web::default);
    let mut client = seam.connect();
    let mut asker = seam.connect_tcp();
    asker.write(&post("/hold", b""));
    let mut other = seam.connect_tcp();
    let mut held = String::new();
    while !held.starts_with("HTTP/1.1 200 ") {
        other.write(&post("/is-held", b""));
        held = other.read_head();
    }
    seam.hands.polls_fail.store(true, Ordering::SeqCst);
    seam.remote.wake();
    client.expect_close(1001);
    assert!(asker.read_response().starts_with("HTTP/1.1 503 "));
    let outcome = seam.thread.take().unwrap().join().unwrap();
    assert_eq!(outcome.unwrap_err().kind(), io::ErrorKind::OutOfMemory);
    assert_eq!(seam.remote.publish("anything", SharedMessage::text("heard by nobody")), Sent::Dropped);
}

#[test]
fn running_out_of_descriptors_pauses_accepting_and_nothing_else() {
    let hands = Hands::default();
    let seam = serve(hands, echo);
    let mut established = seam.connect();
    let before = seam.hands.accepts.load(Ordering::SeqCst);
    seam.hands.accepts_to_fail.store(2, Ordering::SeqCst);
    let waiting = std::thread::spawn({
        let address = seam.address;
        move || {
            let mut client = Client::new(std::net::TcpStream::connect(address).unwrap());
            client.stream.set_read_timeout(Some(PATIENCE)).unwrap();
            client.upgrade();
            client.expect_echo("let in at last");
        }
    });
    let mut echoes = 0;
    while !waiting.is_finished() {
        established.expect_echo("not starved");
        echoes += 1;
    }
    waiting.join().unwrap();
    assert!(echoes > 0);
    // Two that fail, one that succeeds, and the one after each success that finds nothing: it does not spin.
    let accepts = seam.hands.accepts.load(Ordering::SeqCst) - before;
    assert!(accepts <= 5, "{accepts} calls to accept");
}

#[test]
fn a_large_message_reaches_a_hundred_subscribers_from_where_it_was_received() {
    struct Fan(mpsc::Sender<(usize, usize)>);
    impl Handler for Fan {
        type Data = ();
        fn open(&mut self, peer: &mut Peer<'_, ()>, _request: &Request<'_>) {
            peer.subscribe("t");
        }
        fn message(&mut self, peer: &mut Peer<'_, ()>, message: Message<'_>) {
            let bytes = message.as_bytes();
            self.0.send((bytes.as_ptr() as usize, bytes.len())).unwrap();
            peer.publish("t", message);
        }
    }
    const LEN: usize = 1 << 20;
    let (sender, received) = mpsc::channel();
    let seam = serve(Hands::default(), || Fan(sender));
    let mut subscribers: Vec<_> = (0..100).map(|_| seam.connect()).collect();
    let payload: Vec<u8> = (0..LEN).map(|i| ((i * 131) >> 7) as u8).collect();
    subscribers[0].frame(0x82, &payload);
    for subscriber in &mut subscribers {
        assert!(subscriber.read_frame().unwrap().payload == payload);
    }
    let (start, len) = received.recv().unwrap();
    assert_eq!(len, LEN);
    // Whatever was written of it, also by those that were backed up, lies where the handler saw it.
    let slices = seam.hands.large_slices.lock().unwrap();
    assert!(slices.len() >= 100, "{} large slices", slices.len());
    for (at, len) in slices.iter() {
        assert!(start <= *at && at + len <= start + LEN, "a copy was written");
    }
}
