//! Clients on a loop, against our server and against listeners that misbehave.

use std::collections::BTreeSet;
use std::io::{ErrorKind, Read};
use std::net::{Shutdown, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bowsprit::handshake::{Answer, ClientRequest, Request, Uri};
use bowsprit::net::{
    Backoff, Cause, ClientError, Clients, Config, EventLoop, Handler, Peer, PeerId, Peers, Remote, Stage, Tcp,
};
use bowsprit::{CloseCode, HandshakeError, Message, SharedMessage, UsageError};

use crate::client::{Raw, SHORT, listen};
use crate::rules;
use crate::server::{PATIENCE, serve, serve_echo};
use crate::transport::{Hands, Watched};

/// What a [`Crowd`] was called for, and for which of its members.
#[derive(Debug)]
pub enum Told {
    Connected(u32, PeerId),
    NotConnected(ClientError),
    Message(u32, Vec<u8>),
    /// The cause, as its `Debug` has it.
    Closed(u32, String),
}

/// Clients that do what a test says when they are connected, and report.
struct Crowd<F> {
    requests: Vec<ClientRequest>,
    connected: F,
    told: Sender<Told>,
}

impl<F: FnMut(&mut Peer<'_, u32>)> Handler for Crowd<F> {
    type Data = u32;

    fn start(&mut self, peers: &mut Peers<'_, u32>) {
        for (number, request) in (0..).zip(&self.requests) {
            peers.connect(request, number).unwrap();
        }
    }

    fn connected(&mut self, peer: &mut Peer<'_, u32>, _answer: &Answer<'_>) {
        self.told.send(Told::Connected(*peer.data(), peer.id())).unwrap();
        (self.connected)(peer);
    }

    fn not_connected(&mut self, peer: &mut Peer<'_, u32>, error: &ClientError) {
        assert_eq!(peer.send("to nobody"), bowsprit::net::Sent::Dropped);
        let error = match error {
            ClientError::Refused(refusal) => ClientError::Refused(refusal.clone()),
            ClientError::Handshake(error) => ClientError::Handshake(*error),
            ClientError::TimedOut(stage) => ClientError::TimedOut(*stage),
            ClientError::Connect(error) => ClientError::Connect(error.kind().into()),
            ClientError::Resolve(error) => ClientError::Resolve(error.kind().into()),
            ClientError::Lost(error) => ClientError::Lost(error.kind().into()),
            ClientError::Stopped => ClientError::Stopped,
            other => panic!("{other} is known before"),
        };
        self.told.send(Told::NotConnected(error)).unwrap();
    }

    fn message(&mut self, peer: &mut Peer<'_, u32>, message: Message<'_>) {
        self.told.send(Told::Message(*peer.data(), message.as_bytes().to_vec())).unwrap();
    }

    fn close(&mut self, peer: &mut Peer<'_, u32>, cause: &Cause<'_>) {
        // A test that has seen enough does not listen any more.
        let _ = self.told.send(Told::Closed(*peer.data(), format!("{cause:?}")));
    }
}

/// A loop with clients, on a thread of its own until it is dropped.
pub struct Running {
    remote: Remote,
    told: Receiver<Told>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    pub fn next(&self) -> Told {
        self.told.recv_timeout(PATIENCE).unwrap()
    }

    fn expect_connected(&self) -> PeerId {
        match self.next() {
            Told::Connected(_, id) => id,
            other => panic!("{other:?}"),
        }
    }

    fn expect_not_connected(&self) -> ClientError {
        match self.next() {
            Told::NotConnected(error) => error,
            other => panic!("{other:?}"),
        }
    }

    fn expect_closed(&self, cause: &str) {
        match self.next() {
            Told::Closed(_, got) => assert!(got.starts_with(cause), "{got} is not {cause}"),
            other => panic!("{other:?}"),
        }
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

/// Settings that keep out of the other tests' way.
pub fn config() -> Config {
    let mut config = Config::default();
    config.one_at_a_time = false;
    config
}

pub fn request(uri: &str) -> ClientRequest {
    ClientRequest::new(Uri::parse(uri).unwrap())
}

pub fn run(
    config: Config,
    requests: Vec<ClientRequest>,
    connected: impl FnMut(&mut Peer<'_, u32>) + Send + 'static,
) -> Running {
    let clients = Clients::with(config).unwrap();
    let (remote, (sender, told)) = (clients.remote(), mpsc::channel());
    let crowd = Crowd { requests, connected, told: sender };
    Running { remote, told, thread: Some(thread::spawn(|| clients.run(crowd).unwrap())) }
}

/// One client in a world where something is wrong.
fn run_watched(config: Config, uri: &str, hands: Hands) -> Running {
    let tcp = Watched::new(Tcp::unbound().unwrap(), Arc::new(hands));
    let (remote, (sender, told)) = (Remote::new(&tcp), mpsc::channel());
    let crowd = Crowd { requests: vec![request(uri)], connected: |_: &mut Peer<'_, u32>| {}, told: sender };
    let clone = remote.clone();
    Running { remote, told, thread: Some(thread::spawn(|| EventLoop::new(tcp, config, crowd, clone).run().unwrap())) }
}

fn free_port() -> SocketAddr {
    // Bound and never listened on: a connection is refused as long as this process keeps it.
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).unwrap()
}

#[test]
fn many_at_once_talk_and_close() {
    const MANY: u32 = 300;
    let server = serve_echo(Config::default());
    // By name, so that the system looks it up, and one handshake after the other.
    let uri = format!("ws://localhost:{}/", server.address.port());
    let crowd = run(Config::default(), vec![request(&uri); MANY as usize], |peer| {
        let number = *peer.data();
        let _ = peer.send(vec![number as u8; (number * number) as usize]);
        let _ = peer.send_part("in ", false).unwrap();
        let _ = peer.send("behind it");
        let _ = peer.send_part("parts", true).unwrap();
        peer.close(CloseCode::NORMAL, "done").unwrap();
    });
    let (mut connected, mut closed) = (BTreeSet::new(), BTreeSet::new());
    let mut messages = vec![Vec::new(); MANY as usize];
    while closed.len() < MANY as usize {
        match crowd.next() {
            Told::Connected(number, _) => assert!(connected.insert(number)),
            Told::Message(number, message) => messages[number as usize].push(message),
            Told::Closed(number, cause) => {
                assert!(cause.starts_with("Closed { by_peer: false, code: CloseCode(1000)"), "{cause}");
                assert!(closed.insert(number));
            }
            Told::NotConnected(error) => panic!("{error}"),
        }
    }
    assert_eq!(connected.len(), MANY as usize);
    for (number, messages) in (0..).zip(&messages) {
        let first = vec![number as u8; (number * number) as usize];
        assert_eq!(messages, &[first, b"in parts".to_vec(), b"behind it".to_vec()], "{number}");
    }
}

#[test]
fn r074_every_frame_has_a_fresh_mask_whatever_sent_it() {
    let (uri, server) = listen(|mut raw| {
        raw.upgrade(b"");
        let mut keys = BTreeSet::new();
        let mut expect = |raw: &mut Raw, first: u8, payload: &[u8]| {
            let (got, key, bytes) = raw.read_frame();
            assert_eq!((got, &*bytes), (first, payload), "{:?}", String::from_utf8_lossy(&bytes));
            keys.insert(key);
        };
        expect(&mut raw, 0x81, b"sent");
        expect(&mut raw, 0x81, b"published");
        expect(&mut raw, 0x02, b"part");
        expect(&mut raw, 0x80, b"part");
        expect(&mut raw, 0x81, b"sent between");
        expect(&mut raw, 0x81, b"published between");
        raw.write(b"\x89\x04ping");
        expect(&mut raw, 0x8a, b"ping");
        raw.write(b"\x81\x01?");
        expect(&mut raw, 0x81, b"from another thread");
        expect(&mut raw, 0x88, b"\x03\xe8bye");
        assert_eq!(keys.len(), 9);
        raw.write(b"\x88\x02\x03\xe8");
    });
    let crowd = run(config(), vec![request(&uri)], |peer| {
        assert!(peer.subscribe("topic"));
        let _ = peer.send("sent");
        peer.publish("topic", "published");
        let _ = peer.send_part(b"part", false).unwrap();
        let _ = peer.send("sent between");
        peer.publish("topic", "published between");
        let _ = peer.send_part(b"part", true).unwrap();
    });
    let peer = crowd.expect_connected();
    assert!(matches!(crowd.next(), Told::Message(0, message) if message == b"?"));
    let _ = crowd.remote.publish("topic", SharedMessage::text("from another thread"));
    crowd.remote.close(peer, CloseCode::NORMAL, "bye");
    crowd.expect_closed("Closed { by_peer: false");
    server.join().unwrap();
}

#[test]
fn large_messages_are_masked_too() {
    let server = serve_echo(Config::default());
    let payload: Vec<u8> = (0..700_000).map(|i| (i % 253) as u8).collect();
    let (shared, expected) = (SharedMessage::binary(payload.clone()), payload);
    let crowd = run(config(), vec![request(&format!("ws://{}/", server.address))], move |peer| {
        peer.subscribe("topic");
        let _ = peer.send(&shared);
        peer.publish("topic", &shared);
    });
    crowd.expect_connected();
    for _ in 0..2 {
        assert!(matches!(crowd.next(), Told::Message(0, message) if message == expected));
    }
}

#[test]
fn r008_one_handshake_at_a_time_with_an_address_also_on_a_loop() {
    let listener = TcpListener::bind("127.0.0.2:0").unwrap();
    let uri = format!("ws://{}/", listener.local_addr().unwrap());
    let crowd = run(Config::default(), vec![request(&uri); 3], |_| {});
    let mut open = Vec::new();
    for _ in 0..3 {
        let mut raw = Raw(listener.accept().unwrap().0);
        let request = raw.read_head();
        // The first is in its handshake: nobody else has begun to connect.
        listener.set_nonblocking(true).unwrap();
        assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
        listener.set_nonblocking(false).unwrap();
        raw.answer(&request, "", b"");
        crowd.expect_connected();
        open.push(raw);
    }
}

#[test]
fn addresses_are_tried_in_turn() {
    let server = serve_echo(Config::default());
    let nobody = free_port();
    let hands = Hands { addresses: Some(vec![nobody, nobody, server.address]), ..Hands::default() };
    run_watched(config(), "ws://example.com/", hands).expect_connected();

    let hands = Hands { addresses: Some(vec![nobody, nobody]), ..Hands::default() };
    let error = run_watched(config(), "ws://example.com/", hands).expect_not_connected();
    assert!(matches!(&error, ClientError::Connect(error) if error.kind() == ErrorKind::ConnectionRefused), "{error}");

    let hands = Hands { addresses: Some(vec![]), ..Hands::default() };
    let error = run_watched(config(), "ws://example.com/", hands).expect_not_connected();
    assert!(matches!(&error, ClientError::Resolve(error) if error.kind() == ErrorKind::NotFound), "{error}");
}

#[test]
fn a_silent_address_leaves_time_for_the_next() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut config = config();
    config.connect_timeout = SHORT;
    let hands = Hands { addresses: Some(vec![address, address]), never_connected: true, ..Hands::default() };
    let crowd = run_watched(config, "ws://example.com/", hands);
    let error = crowd.expect_not_connected();
    assert!(matches!(error, ClientError::TimedOut(Stage::Connect)), "{error}");
    drop(crowd);
    // Both were tried.
    listener.accept().unwrap();
    listener.accept().unwrap();
    listener.set_nonblocking(true).unwrap();
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
fn the_handshake_has_a_deadline() {
    let (uri, server) = listen(|mut raw| {
        raw.read_head();
        raw.expect_eof();
    });
    let mut config = config();
    config.handshake_timeout = SHORT;
    let error = run(config, vec![request(&uri)], |_| {}).expect_not_connected();
    assert!(matches!(error, ClientError::TimedOut(Stage::Handshake)), "{error}");
    server.join().unwrap();
}

#[test]
fn a_handshake_of_ours_keeps_its_deadline_when_visitors_must_make_room() {
    struct Host {
        request: ClientRequest,
        failed: Sender<bool>,
    }
    impl Handler for Host {
        type Data = ();
        fn start(&mut self, peers: &mut Peers<'_, ()>) {
            peers.connect(&self.request, ()).unwrap();
        }
        fn message(&mut self, _: &mut Peer<'_, ()>, _: Message<'_>) {}
        fn not_connected(&mut self, _: &mut Peer<'_, ()>, error: &ClientError) {
            self.failed.send(matches!(error, ClientError::TimedOut(Stage::Handshake))).unwrap();
        }
    }
    let (asked, is_asked) = mpsc::channel();
    let (uri, server) = listen(move |mut raw| {
        raw.read_head();
        asked.send(()).unwrap();
        raw.expect_eof();
    });
    let mut config = config();
    config.handshakes = 1;
    config.handshake_timeout = Duration::from_millis(500);
    let (failed, failures) = mpsc::channel();
    let host = serve(config, move || Host { request: request(&uri), failed });
    is_asked.recv_timeout(PATIENCE).unwrap();
    let _visitors: Vec<_> = (0..3).map(|_| host.connect_tcp()).collect();
    assert!(failures.recv_timeout(PATIENCE).unwrap());
    server.join().unwrap();
}

#[test]
fn a_refusal_has_its_headers() {
    let (uri, server) = listen(|mut raw| {
        raw.read_head();
        raw.write(b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n");
        raw.expect_eof();
    });
    match run(config(), vec![request(&uri)], |_| {}).expect_not_connected() {
        ClientError::Refused(refusal) => {
            assert_eq!((refusal.status(), refusal.header("www-authenticate")), (401, Some("Basic")));
        }
        other => panic!("{other}"),
    }
    server.join().unwrap();
}

#[test]
fn a_wrong_answer_and_none_at_all() {
    let (uri, server) = listen(|mut raw| {
        raw.read_head();
        raw.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
              Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\x81\x05never",
        );
        raw.expect_eof();
    });
    let error = run(config(), vec![request(&uri)], |_| {}).expect_not_connected();
    assert!(matches!(error, ClientError::Handshake(HandshakeError::WrongAccept)), "{error}");
    server.join().unwrap();

    let (uri, server) = listen(|mut raw| drop(raw.read_head()));
    let error = run(config(), vec![request(&uri)], |_| {}).expect_not_connected();
    assert!(matches!(&error, ClientError::Lost(error) if error.kind() == ErrorKind::UnexpectedEof), "{error}");
    server.join().unwrap();
}

#[test]
fn what_comes_behind_the_answer_belongs_to_the_connection() {
    let (uri, server) = listen(|mut raw| {
        raw.upgrade(b"\x81\x05Hello\x88\x02\x03\xe8");
        raw.expect_frame(0x88, b"\x03\xe8");
        raw.0.shutdown(Shutdown::Write).unwrap();
        raw.expect_eof();
    });
    let crowd = run(config(), vec![request(&uri)], |_| {});
    crowd.expect_connected();
    assert!(matches!(crowd.next(), Told::Message(0, message) if message == b"Hello"));
    crowd.expect_closed("Closed { by_peer: true, code: CloseCode(1000)");
    server.join().unwrap();
}

#[test]
fn r110_a_client_of_a_loop_waits_for_the_server_to_close_tcp() {
    let (uri, server) = listen(|mut raw| {
        raw.upgrade(b"\x88\x02\x03\xe8 behind it nothing counts");
        raw.expect_frame(0x88, b"\x03\xe8");
        raw.0.set_read_timeout(Some(SHORT)).unwrap();
        let early = raw.0.read(&mut [0]).unwrap_err();
        assert!(matches!(early.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{early}");
        raw.0.set_read_timeout(Some(PATIENCE)).unwrap();
        raw.0.shutdown(Shutdown::Write).unwrap();
        raw.expect_eof();
    });
    let crowd = run(config(), vec![request(&uri)], |_| {});
    crowd.expect_connected();
    crowd.expect_closed("Closed { by_peer: true");
    server.join().unwrap();

    // But not for ever.
    let (uri, server) = listen(|mut raw| {
        raw.upgrade(b"\x88\x00");
        raw.expect_frame(0x88, b"");
        raw.expect_eof();
    });
    let mut config = config();
    config.close_timeout = SHORT;
    let crowd = run(config, vec![request(&uri)], |_| {});
    crowd.expect_connected();
    server.join().unwrap();
}

#[test]
fn r062_a_server_that_masks_is_told_so() {
    let (uri, server) = listen(|mut raw| {
        raw.upgrade(b"\x81\x81\x01\x02\x03\x04\x40");
        let (first, _, payload) = raw.read_frame();
        assert_eq!((first, payload.get(..2)), (0x88, Some(b"\x03\xea".as_slice())));
    });
    let crowd = run(config(), vec![request(&uri)], |_| {});
    crowd.expect_connected();
    crowd.expect_closed("Failed(Failure { error: Masked, at: 1 })");
    server.join().unwrap();
}

#[test]
fn each_rule_reaches_the_handler_of_a_client_with_its_byte() {
    for rule in rules::table() {
        let Some((bytes, at)) = rule.to_client else { continue };
        let body = [&rule.code.to_be_bytes(), rule.error.rule().as_bytes()].concat();
        let (uri, server) = listen(move |mut raw| {
            raw.upgrade(&bytes);
            let frames = std::iter::from_fn(|| Some(raw.read_frame()));
            let close = frames.take(3).find(|(first, ..)| *first == 0x88);
            assert_eq!(close.map(|(.., payload)| payload), Some(body));
        });
        let mut config = config();
        config.limits = rules::limits();
        let crowd = run(config, vec![request(&uri)], |_| {});
        crowd.expect_connected();
        crowd.expect_closed(&format!("{:?}", Cause::Failed(rule.error.at(at))));
        server.join().unwrap();
    }
}

#[test]
fn a_silent_server_is_pinged_and_then_given_up() {
    let (uri, server) = listen(|mut raw| {
        raw.upgrade(b"");
        raw.expect_frame(0x89, b"");
        raw.expect_eof();
    });
    let mut config = config();
    config.ping_after = SHORT;
    config.pong_within = SHORT;
    let crowd = run(config, vec![request(&uri)], |_| {});
    crowd.expect_connected();
    crowd.expect_closed("Silent");
    server.join().unwrap();
}

#[test]
fn a_stop_is_reported_by_those_that_are_not_open_yet() {
    let (uri, server) = listen(|mut raw| {
        raw.read_head();
        raw.expect_eof();
    });
    let crowd = run(config(), vec![request(&uri)], |_| {});
    crowd.remote.stop();
    let error = crowd.expect_not_connected();
    assert!(matches!(error, ClientError::Stopped), "{error}");
    drop(crowd);
    // It may have been stopped before it got that far.
    drop(std::net::TcpStream::connect(uri.trim_start_matches("ws://").trim_end_matches('/')));
    drop(server);
}

#[test]
fn mistakes_are_told_at_once() {
    struct Mistaken;
    impl Handler for Mistaken {
        type Data = ();
        fn start(&mut self, peers: &mut Peers<'_, ()>) {
            let secure = request("wss://127.0.0.1/");
            assert!(matches!(peers.connect(&secure, ()), Err(ClientError::TlsUnsupported)));
            let mistaken = request("ws://127.0.0.1/").header("Bad Name", "");
            let error = peers.connect(&mistaken, ()).unwrap_err();
            assert!(matches!(error, ClientError::Usage(UsageError::InvalidHeaderName)));
            peers.stop();
        }
        fn message(&mut self, _: &mut Peer<'_, ()>, _: Message<'_>) {}
        fn not_connected(&mut self, _: &mut Peer<'_, ()>, error: &ClientError) {
            panic!("{error}: was told before");
        }
    }
    Clients::new().unwrap().run(Mistaken).unwrap();
}

/// Tries again until there is a server.
struct Persistent {
    request: ClientRequest,
    backoff: Backoff,
    failed: Sender<()>,
}

impl Handler for Persistent {
    type Data = ();

    fn start(&mut self, peers: &mut Peers<'_, ()>) {
        peers.connect(&self.request, ()).unwrap();
    }

    fn connected(&mut self, peer: &mut Peer<'_, ()>, _: &Answer<'_>) {
        let _ = peer.send("at last");
        peer.peers().stop();
    }

    fn not_connected(&mut self, peer: &mut Peer<'_, ()>, error: &ClientError) {
        assert!(matches!(error, ClientError::Connect(_)), "{error}");
        // The test may have heard enough.
        let _ = self.failed.send(());
        peer.peers().connect_after(self.backoff.next_delay(), &self.request, ()).unwrap();
    }

    fn message(&mut self, _: &mut Peer<'_, ()>, _: Message<'_>) {}
}

#[test]
fn a_client_tries_again_until_there_is_a_server() {
    let address = free_port();
    let (failed, failures) = mpsc::channel();
    let request = request(&format!("ws://{address}/"));
    let mut config = config();
    config.close_timeout = SHORT;
    let client = thread::spawn(move || {
        let backoff = Backoff::new(Duration::from_millis(1), Duration::from_millis(20));
        Clients::with(config).unwrap().run(Persistent { request, backoff, failed }).unwrap();
    });
    for _ in 0..3 {
        failures.recv_timeout(PATIENCE).unwrap();
    }
    let listener = TcpListener::bind(address).unwrap();
    let mut raw = Raw(listener.accept().unwrap().0);
    raw.upgrade(b"");
    raw.expect_frame(0x81, b"at last");
    raw.expect_frame(0x88, b"\x03\xe9");
    client.join().unwrap();
}

/// A handler that never gives up has an end all the same.
#[cfg(feature = "testing")]
#[test]
fn who_connects_again_at_once_holds_up_no_stop() {
    use std::cell::RefCell;
    use std::rc::Rc;

    use bowsprit::testing::{Call, World};

    struct Stubborn {
        failures: Rc<RefCell<Vec<String>>>,
    }
    impl Handler for Stubborn {
        type Data = ();
        fn start(&mut self, peers: &mut Peers<'_, ()>) {
            peers.connect(&request("ws://10.0.0.1/"), ()).unwrap();
        }
        fn message(&mut self, _: &mut Peer<'_, ()>, _: Message<'_>) {}
        fn not_connected(&mut self, peer: &mut Peer<'_, ()>, error: &ClientError) {
            self.failures.borrow_mut().push(error.to_string());
            peer.peers().stop();
            if let Err(error) = peer.peers().connect(&request("ws://10.0.0.1/"), ()) {
                self.failures.borrow_mut().push(format!("at once: {error}"));
            }
        }
    }
    let world = World::new();
    for nth in 1..=100 {
        world.fail(Call::Connect, nth, ErrorKind::NetworkUnreachable);
    }
    let failures = Rc::new(RefCell::new(Vec::new()));
    world.clients(config(), Stubborn { failures: failures.clone() });
    assert!(world.calls(Call::Connect) < 5, "{failures:?}");
    let stopped = ClientError::Stopped;
    assert!(failures.borrow().ends_with(&[stopped.to_string(), format!("at once: {stopped}")]), "{failures:?}");
    assert!(!world.is_running(0));
}

/// Passes on what its visitors say to another server, and what that answers to them.
struct Relay {
    request: ClientRequest,
}

impl Handler for Relay {
    /// The other end: the visitor of a client, the client of a visitor.
    type Data = Option<PeerId>;

    fn open(&mut self, peer: &mut Peer<'_, Self::Data>, _: &Request<'_>) {
        let visitor = peer.id();
        let client = peer.peers().connect(&self.request, Some(visitor)).unwrap();
        *peer.data_mut() = Some(client);
        peer.pause();
    }

    fn connected(&mut self, peer: &mut Peer<'_, Self::Data>, _: &Answer<'_>) {
        let visitor = peer.data().unwrap();
        peer.other(visitor).unwrap().resume();
    }

    fn message(&mut self, peer: &mut Peer<'_, Self::Data>, message: Message<'_>) {
        let other = peer.data().unwrap();
        let _ = peer.other(other).unwrap().send(message);
    }
}

#[test]
fn a_server_has_clients_on_its_loop() {
    let server = serve_echo(Config::default());
    let request = request(&format!("ws://{}/", server.address));
    let relay = serve(config(), || Relay { request });
    let mut visitors: Vec<_> = (0..10).map(|_| relay.connect()).collect();
    for (n, visitor) in visitors.iter_mut().enumerate() {
        visitor.expect_echo(&format!("visitor {n}"));
        visitor.frame(0x82, &vec![n as u8; 100_000]);
    }
    for (n, visitor) in visitors.iter_mut().enumerate() {
        assert_eq!(visitor.read_frame().unwrap().payload, vec![n as u8; 100_000]);
    }
}

#[test]
fn a_panic_when_connected_ends_that_connection_alone() {
    let server = serve_echo(Config::default());
    let requests = vec![request(&format!("ws://{}/", server.address)); 2];
    let crowd = run(config(), requests, |peer| {
        assert_eq!(*peer.data(), 0, "panics, as the test wants");
        let _ = peer.send("fine");
    });
    let mut told = BTreeSet::new();
    for _ in 0..4 {
        told.insert(match crowd.next() {
            Told::Connected(number, _) => format!("{number} connected"),
            Told::Closed(number, cause) => format!("{number} {cause}"),
            Told::Message(number, message) => format!("{number} {}", String::from_utf8(message).unwrap()),
            Told::NotConnected(error) => panic!("{error}"),
        });
    }
    assert!(told.iter().eq(["0 connected", "0 fine", "1 Panicked", "1 connected"]), "{told:?}");
}
