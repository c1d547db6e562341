//! Each deadline a millisecond before its time and behind it, each budget at its value and one byte past it, by the clock
//! of a simulated world.

use std::io::ErrorKind;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use bowsprit::Message;
use bowsprit::handshake::{ClientRequest, Request, Uri};
use bowsprit::net::{Bytes, Cause, ClientError, Config, Handler, Peer, Peers, Remote, Responder, Sent};
use bowsprit::testing::{Call, Link, Wire, World};

use crate::server::{UPGRADE, masked};

const MILLI: Duration = Duration::from_millis(1);
/// How late a sweep over all connections may come: two ticks, each of a second with the default settings.
const SWEEP: Duration = Duration::from_secs(2);
/// How often those that have closed are looked at.
const LOOK: Duration = Duration::from_millis(100);
const EXACTLY: Duration = Duration::ZERO;

#[derive(Debug, PartialEq)]
enum Told {
    Held(usize),
    Sent(Sent),
    Closed(String),
    NotConnected(String),
}

/// Tells what it is asked for, and keeps requests without an answer.
struct Watch {
    told: Sender<Told>,
    dial: Option<ClientRequest>,
    kept: Vec<Responder>,
}

impl Handler for Watch {
    type Data = ();

    fn start(&mut self, peers: &mut Peers<'_, ()>) {
        if let Some(request) = &self.dial {
            peers.connect(request, ()).unwrap();
        }
    }

    fn not_connected(&mut self, _: &mut Peer<'_, ()>, error: &ClientError) {
        self.told.send(Told::NotConnected(error.to_string())).unwrap();
    }

    fn http(&mut self, request: &Request<'_>, _: Bytes, responder: Responder, _: &mut Peers<'_, ()>) {
        if request.path() == "/keep" {
            self.kept.push(responder);
        }
    }

    fn message(&mut self, peer: &mut Peer<'_, ()>, message: Message<'_>) {
        let sent = peer.send(message);
        self.told.send(Told::Sent(sent)).unwrap();
    }

    fn wake(&mut self, peers: &mut Peers<'_, ()>) {
        self.told.send(Told::Held(peers.stats().held)).unwrap();
    }

    fn close(&mut self, _: &mut Peer<'_, ()>, cause: &Cause<'_>) {
        let _ = self.told.send(Told::Closed(format!("{cause:?}")));
    }
}

struct Scene {
    world: World,
    remote: Remote,
    told: Receiver<Told>,
}

impl Scene {
    fn new(configure: impl FnOnce(&mut Config)) -> Self {
        let (world, (told, receiver)) = (World::new(), mpsc::channel());
        let mut config = Config::default();
        configure(&mut config);
        let remote = world.serve(config, Watch { told, dial: None, kept: Vec::new() });
        // No multiple of anything.
        world.advance(Duration::from_millis(321));
        Self { world, remote, told: receiver }
    }

    fn upgraded(&self) -> Link {
        let mut link = self.world.connect();
        link.write_all(UPGRADE.as_bytes()).unwrap();
        assert!(link.read().starts_with(b"HTTP/1.1 101 "));
        link
    }

    /// One with both Close frames exchanged.
    fn closed(&self) -> Link {
        let mut link = self.upgraded();
        link.write_all(&masked(0x88, &1000u16.to_be_bytes())).unwrap();
        assert_eq!(link.read(), b"\x88\x02\x03\xe8");
        assert!(link.is_over() && !link.is_reset(), "the server closes first");
        link
    }

    /// Where nobody reads any more, a byte is answered by a reset.
    fn is_reset_by_a_byte(&self, link: &mut Link) -> bool {
        let _ = link.write(b"x");
        self.world.run();
        link.is_reset()
    }

    /// It has not happened a millisecond before its time, and has when it may be so late.
    fn happens(&self, after: Duration, late: Duration, mut has_happened: impl FnMut() -> bool) {
        self.world.advance(after - MILLI);
        assert!(!has_happened(), "too early");
        self.world.advance(MILLI + late);
        assert!(has_happened(), "too late");
    }

    fn held(&self) -> usize {
        self.remote.wake();
        self.world.run();
        match self.told.try_iter().last() {
            Some(Told::Held(held)) => held,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn the_first_request_has_its_time_from_the_accept_on() {
    let scene = Scene::new(|_| {});
    let mut link = scene.world.connect();
    link.write_all(b"GET / HTTP/1.1\r\n").unwrap();
    scene.happens(Duration::from_secs(10), EXACTLY, || link.is_over());
}

#[test]
fn a_later_request_has_its_time_from_its_first_byte_on() {
    let scene = Scene::new(|_| {});
    let mut link = scene.world.connect();
    link.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert!(link.read().starts_with(b"HTTP/1.1 500 "));
    scene.world.advance(Duration::from_secs(3));
    link.write_all(b"GET").unwrap();
    scene.happens(Duration::from_secs(10), SWEEP, || link.is_over());
}

#[test]
fn a_connection_is_kept_alive_from_its_last_answer_on() {
    let scene = Scene::new(|_| {});
    let mut link = scene.world.connect();
    link.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert!(link.read().starts_with(b"HTTP/1.1 500 "));
    scene.happens(Duration::from_secs(10), SWEEP, || link.is_over());
}

#[test]
fn what_follows_an_error_is_discarded_for_a_while() {
    let scene = Scene::new(|_| {});
    let mut link = scene.world.connect();
    link.write_all(b"NONSENSE\r\n\r\n").unwrap();
    assert!(link.read().starts_with(b"HTTP/1.1 400 "));
    scene.happens(Duration::from_secs(5), EXACTLY, || scene.is_reset_by_a_byte(&mut link));
}

#[test]
fn what_follows_a_clean_close_is_discarded_for_a_while() {
    let scene = Scene::new(|_| {});
    let mut link = scene.closed();
    scene.happens(Duration::from_secs(5), LOOK, || scene.is_reset_by_a_byte(&mut link));
}

#[test]
fn of_those_that_closed_so_many_are_waited_for() {
    let scene = Scene::new(|_| {});
    let mut links: Vec<_> = (0..1024).map(|_| scene.closed()).collect();
    assert!(links.iter_mut().all(|link| !scene.is_reset_by_a_byte(link)));
    links.push(scene.closed());
    let reset = links.iter_mut().filter_map(|link| scene.is_reset_by_a_byte(link).then_some(())).count();
    assert_eq!(reset, 1);
}

#[test]
fn those_that_closed_are_not_waited_for_while_descriptors_are_wanted() {
    let scene = Scene::new(|_| {});
    let mut link = scene.closed();
    scene.world.fail(Call::Accept, 1, ErrorKind::OutOfMemory);
    let before = scene.world.now();
    scene.upgraded();
    assert_eq!(scene.world.now(), before, "it was accepted at once");
    assert!(scene.is_reset_by_a_byte(&mut link));
}

#[test]
fn our_close_is_waited_for() {
    let scene = Scene::new(|_| {});
    let mut link = scene.upgraded();
    scene.remote.stop();
    assert_eq!(link.read(), b"\x88\x02\x03\xe9");
    scene.happens(Duration::from_secs(5), EXACTLY, || {
        scene.told.try_iter().any(|told| told == Told::Closed("CloseUnanswered".into()))
    });
}

#[test]
fn silence_is_asked_about_in_time_and_ends_in_time() {
    let scene = Scene::new(|_| {});
    let mut link = scene.upgraded();
    link.write_all(&masked(0x89, b"")).unwrap();
    assert_eq!(link.read(), b"\x8a\0");
    scene.happens(Duration::from_secs(25), SWEEP, || !link.read().is_empty());

    link.write_all(&masked(0x8a, b"")).unwrap();
    while link.read() != b"\x89\0" {
        scene.world.advance(MILLI);
    }
    scene.happens(Duration::from_secs(20), SWEEP, || {
        scene.told.try_iter().any(|told| told == Told::Closed("Silent".into()))
    });
}

#[test]
fn a_message_has_its_time_from_its_first_byte_on() {
    let scene = Scene::new(|config| config.ping_after = Duration::MAX);
    let mut link = scene.upgraded();
    link.write_all(&masked(0x02, b"the beginning")).unwrap();
    scene.happens(Duration::from_secs(60), SWEEP, || link.read().starts_with(b"\x88"));
}

#[test]
fn a_queue_has_its_time_from_the_last_byte_that_was_taken_on() {
    let scene = Scene::new(|_| {});
    let mut link = scene.upgraded();
    link.incoming(|wire| wire.capacity = 1000);
    link.write_all(&masked(0x82, &[7; 3000])).unwrap();
    scene.world.advance(Duration::from_secs(30));
    assert_eq!(link.read().len(), 3004, "what was taken so late counts from here");
    link.write_all(&masked(0x82, &[7; 3000])).unwrap();
    scene.happens(Duration::from_secs(60), SWEEP, || {
        scene.told.try_iter().any(|told| told == Told::Closed("WriteStalled".into()))
    });
}

/// A connection of ours to a server that is so far away.
fn dial(delay: Duration) -> Scene {
    let scene = Scene::new(|config| config.handshake_timeout = Duration::MAX);
    let mut wire = Wire::default();
    wire.delay = delay;
    scene.world.set_wire(wire);
    let (told, receiver) = mpsc::channel();
    let dial = Some(ClientRequest::new(Uri::parse("ws://server/").unwrap()));
    let remote = scene.world.clients(Config::default(), Watch { told, dial, kept: Vec::new() });
    Scene { world: scene.world, remote, told: receiver }
}

#[test]
fn a_connection_of_ours_has_its_time_to_be_opened() {
    let scene = dial(Duration::from_secs(11));
    scene.happens(Duration::from_secs(10), EXACTLY, || {
        matches!(scene.told.try_iter().last(), Some(Told::NotConnected(_)))
    });
}

#[test]
fn and_its_time_to_be_answered() {
    // TCP is open at once as far as we know: after 6 s; the answer would be there after 18.
    let scene = dial(Duration::from_secs(6));
    scene.happens(Duration::from_secs(6 + 10), EXACTLY, || {
        matches!(scene.told.try_iter().last(), Some(Told::NotConnected(_)))
    });
}

/// What a peer hears of these bytes, sent to a server with so much memory; and what that holds then.
fn judged(memory: usize, opened: bool, bytes: &[u8]) -> (Vec<u8>, usize) {
    let scene = Scene::new(|config| config.memory = memory);
    let mut link = if opened { scene.upgraded() } else { scene.world.connect() };
    link.write_all(bytes).unwrap();
    let heard = link.read();
    (heard, scene.held())
}

#[test]
fn unfinished_requests_and_messages_fill_the_memory_to_the_last_byte() {
    let body = [b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 900\r\n\r\n".as_slice(), &[b'x'; 500]].concat();
    let held_back = b"GET /keep HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n";
    for (what, opened, bytes, refused) in [
        ("a head", false, b"GET / HTTP/1.1\r\nX: half of it".as_slice(), b"HTTP/1.1 503 ".as_slice()),
        ("a body", false, &body, b"HTTP/1.1 503 "),
        // Without a word: an answer is owed before.
        ("a request that waits", false, held_back, b""),
        ("a message", true, &masked(0x02, &[7; 1000]), b"\x88"),
    ] {
        let (heard, held) = judged(usize::MAX, opened, bytes);
        assert!(heard.is_empty() && held > 10, "{what}: {held} held, {heard:?}");
        assert_eq!(judged(held, opened, bytes), (Vec::new(), held), "{what}");
        let (heard, left) = judged(held - 1, opened, bytes);
        assert!(heard.starts_with(refused) && left == 0, "{what}: {left} left, {heard:?}");
        assert!(refused.is_empty() == heard.is_empty(), "{what}");
    }
}

/// Two messages to a peer that takes next to nothing: what became of the second.
fn second(memory: usize) -> (Sent, usize) {
    let scene = Scene::new(|config| config.memory = memory);
    let mut link = scene.upgraded();
    link.incoming(|wire| wire.capacity = 1);
    link.write_all(&masked(0x82, &[7; 3000])).unwrap();
    let held = scene.held();
    link.write_all(&masked(0x82, &[7; 3000])).unwrap();
    match scene.told.try_iter().next() {
        Some(Told::Sent(sent)) => (sent, held),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_message_is_queued_as_long_as_a_byte_of_memory_is_free() {
    let (sent, held) = second(usize::MAX);
    assert_eq!(sent, Sent::Queued);
    assert_eq!(second(held + 1), (Sent::Queued, held));
    assert_eq!(second(held), (Sent::Dropped, held));
}
