//! Odd settings, odd moments, and calls that make no sense: nothing hangs, nothing is lost, nobody else notices.

use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use bowsprit::handshake::{Request, Response};
use bowsprit::net::{Bytes, Cause, Config, Handler, Peer, PeerId, Peers, Policy, Responder, Sent};
#[cfg(feature = "testing")]
use bowsprit::testing::World;
use bowsprit::{CloseCode, Message};

use crate::server::{Client, PATIENCE, Running, UPGRADE, masked, serve, serve_echo};

/// Does what a message says, to itself or to the first that connected, and tells what it heard.
struct Odd {
    first: Option<PeerId>,
    told: Sender<String>,
}

impl Handler for Odd {
    type Data = ();

    fn http(&mut self, _request: &Request<'_>, _: Bytes, responder: Responder, _: &mut Peers<'_, ()>) {
        responder.send(Response::new(200).body(vec![b'x'; 64 << 20]));
    }

    fn open(&mut self, peer: &mut Peer<'_, ()>, request: &Request<'_>) {
        self.first.get_or_insert(peer.id());
        match request.path() {
            "/paused" => peer.pause(),
            "/timer" => peer.set_timer(Duration::ZERO, 1),
            "/latest" => peer.set_policy(Policy::KeepLatest),
            _ => {}
        }
    }

    fn message(&mut self, peer: &mut Peer<'_, ()>, message: Message<'_>) {
        let text = String::from_utf8_lossy(message.as_bytes()).into_owned();
        let first = self.first;
        let other = |peer: &mut Peer<'_, ()>, f: fn(&mut Peer<'_, ()>)| {
            f(&mut first.and_then(|id| peer.other(id)).expect("the first is there"));
        };
        match text.as_str() {
            "begin parts" => drop(peer.send_part("a", false).unwrap()),
            "end parts" => drop(peer.send_part("b", true).unwrap()),
            "send 70 kB" => drop(peer.send(vec![b'x'; 70_000])),
            "flood" => {
                for _ in 0..10_000 {
                    let _ = peer.send([7; 1000].as_slice());
                }
            }
            "close, paused" => {
                peer.pause();
                peer.close(CloseCode::NORMAL, "").unwrap();
            }
            "bad ping to the first" => other(peer, |first| assert!(first.ping(&[0; 200]).is_err())),
            "pause the first" => other(peer, |first| first.pause()),
            "resume the first" => other(peer, |first| first.resume()),
            _ => {}
        }
        self.told.send(format!("{text}: {}", peer.queued())).unwrap();
        if text.ends_with("the first") {
            let _ = peer.send("done");
        }
    }

    fn timer(&mut self, peer: &mut Peer<'_, ()>, timer: u64) {
        peer.set_timer(Duration::ZERO, timer);
    }

    fn close(&mut self, peer: &mut Peer<'_, ()>, cause: &Cause<'_>) {
        assert_eq!(peer.send("too late"), Sent::Dropped);
        assert_eq!(peer.close(CloseCode::NORMAL, ""), Ok(()));
        assert!(!peer.subscribe("too late"));
        // A test that has seen enough does not listen any more.
        let _ = self.told.send(format!("{cause:?}"));
    }
}

fn odd(config: Config) -> (Running, Receiver<String>) {
    let (told, heard) = mpsc::channel();
    (serve(config, || Odd { first: None, told }), heard)
}

fn connect_at(server: &Running, path: &str) -> Client {
    let mut client = server.connect_tcp();
    client.upgrade_at(path);
    client
}

fn expect(heard: &Receiver<String>, start: &str) {
    let next = heard.recv_timeout(PATIENCE).unwrap();
    assert!(next.starts_with(start), "{next}");
}

#[test]
fn a_timer_that_is_always_due_holds_up_nobody() {
    let (server, heard) = odd(Config::default());
    let _busy = connect_at(&server, "/timer");
    server.connect().text("hello");
    expect(&heard, "hello");
}

#[test]
fn never_and_nothing_are_settings() {
    let mut config = Config::default();
    config.soft_queue = 0;
    for timeout in [&mut config.handshake_timeout, &mut config.close_timeout, &mut config.ping_after] {
        *timeout = Duration::MAX;
    }
    for timeout in [&mut config.pong_within, &mut config.message_timeout, &mut config.write_timeout] {
        *timeout = Duration::MAX;
    }
    let server = serve_echo(config);
    let mut client = server.connect();
    client.expect_echo("alive");
    client.frame(0x88, b"\x03\xe8");
    client.expect_close(1000);
}

#[test]
fn a_refused_call_on_another_leaves_it_well() {
    let (server, _heard) = odd(Config::default());
    let (mut first, mut second) = (server.connect(), server.connect());
    second.text("bad ping to the first");
    second.expect_text("done");
    first.frame(0x89, b"x");
    assert_eq!(first.read_frame().unwrap().first, 0x8a);
}

#[test]
fn pongs_go_between_parts() {
    let (server, _heard) = odd(Config::default());
    let mut client = server.connect();
    for text in ["begin parts", "send 70 kB"] {
        client.text(text);
    }
    assert_eq!(client.read_frame().unwrap().first, 0x01);
    client.frame(0x89, b"x");
    assert_eq!(client.read_frame().unwrap().first, 0x8a);
    // The 70 kB wait for the end of the parts, not for the socket: it is still listened to.
    client.text("end parts");
    assert_eq!(client.read_frame().unwrap().first, 0x80);
    assert_eq!(client.read_frame().unwrap().payload.len(), 70_000);
}

#[test]
fn keep_latest_is_bounded_within_one_call_and_behind_parts() {
    for begin in ["nothing", "begin parts"] {
        let (server, heard) = odd(Config::default());
        let mut client = connect_at(&server, "/latest");
        client.text(begin);
        expect(&heard, begin);
        client.text("flood");
        let queued: usize = heard.recv_timeout(PATIENCE).unwrap().strip_prefix("flood: ").unwrap().parse().unwrap();
        assert!(queued <= (1 << 20) + (64 << 10) + 2000, "{queued}");
    }
}

#[test]
fn who_is_paused_in_open_is_not_heard_until_it_is_resumed() {
    let (server, heard) = odd(Config::default());
    let mut paused = server.connect_tcp();
    let request = UPGRADE.replacen('/', "/paused", 1);
    paused.write(&[request.as_bytes(), &masked(0x81, b"hello")].concat());
    assert!(paused.read_head().starts_with("HTTP/1.1 101 "));
    let mut other = server.connect();
    other.text("not paused");
    expect(&heard, "not paused");
    other.text("resume the first");
    expect(&heard, "resume the first");
    expect(&heard, "hello");
}

#[cfg(feature = "testing")]
#[test]
fn a_pause_does_not_count_as_slowness() {
    let (world, (told, heard)) = (World::new(), mpsc::channel());
    world.serve(Config::default(), Odd { first: None, told });
    let (mut slow, mut other) = (world.client(), world.client());
    slow.link().write_all(&masked(0x01, b"once ")).unwrap();
    other.send("pause the first");
    world.run();
    expect(&heard, "pause the first");
    slow.link().write_all(&masked(0x80, b"upon a time")).unwrap();
    // Far more than the time that a message may take passes without a word.
    for _ in 0..10 {
        world.advance(Duration::from_secs(20));
        other.receive_all();
    }
    assert!(heard.try_recv().is_err());
    other.send("resume the first");
    world.run();
    expect(&heard, "resume the first");
    expect(&heard, "once upon a time");
}

#[test]
fn who_is_paused_still_hears_of_the_end() {
    let (server, heard) = odd(Config::default());
    let mut client = server.connect();
    client.text("close, paused");
    client.frame(0x88, b"\x03\xe8");
    client.expect_close(1000);
    expect(&heard, "close, paused");
    expect(&heard, "Closed { by_peer: false");

    let mut paused = connect_at(&server, "/paused");
    paused.text("unheard so far");
    server.remote.stop();
    assert_eq!(paused.read_frame().unwrap().payload, b"\x03\xe9");
    paused.frame(0x88, b"\x03\xe9");
    expect(&heard, "unheard so far");
    expect(&heard, "Closed { by_peer: false");
}

#[test]
fn in_close_nothing_can_be_sent() {
    let (server, heard) = odd(Config::default());
    drop(server.connect());
    // What `close` asserts would be a panic otherwise, and no report.
    expect(&heard, "Lost(UnexpectedEof)");
}

#[test]
fn answers_to_plain_requests_count_towards_memory() {
    let mut config = Config::default();
    config.memory = 1 << 20;
    let (server, _heard) = odd(config);
    let mut client = server.connect_tcp();
    client.write(b"GET /64-MiB HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert!(client.read_response().starts_with("HTTP/1.1 503 "));
}

#[test]
fn stopping_waits_for_nobody_who_takes_a_little_now_and_then() {
    let mut config = Config::default();
    config.close_timeout = Duration::from_millis(200);
    let (server, _heard) = odd(config);
    let mut client = server.connect_tcp();
    client.write(b"GET /64-MiB HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert!(client.read_head().starts_with("HTTP/1.1 200 "));
    let (stopped, done) = mpsc::channel();
    std::thread::spawn(move || stopped.send(server.stop().is_ok()));
    let mut chunk = vec![0; 200 << 10];
    // 64 MiB in such pieces outlast anybody's patience.
    let outcome = loop {
        match done.recv_timeout(Duration::from_millis(50)) {
            Err(mpsc::RecvTimeoutError::Timeout) => drop(std::io::Read::read(&mut client.stream, &mut chunk)),
            outcome => break outcome,
        }
    };
    assert_eq!(outcome, Ok(true));
}

/// What is echoed leaves from where it was received, at the end of the turn; nothing may be read there before.
#[cfg(feature = "testing")]
#[test]
fn large_messages_of_one_read_come_back_as_they_were() {
    use bowsprit::testing::{Heard, Wire};

    for second in [130, 150, 180, 200, 300, 1000] {
        let world = World::new();
        let mut wire = Wire::default();
        wire.capacity = 4 << 20;
        world.set_wire(wire);
        world.serve(Config::default(), |peer: &mut Peer<'_, ()>, message: Message<'_>| {
            let _ = peer.send(message);
        });
        let mut client = world.client();
        let payloads: Vec<Vec<u8>> =
            [20, 100, second].iter().map(|kib| (0..kib << 10).map(|i| ((i + kib) % 251) as u8).collect()).collect();
        let frames: Vec<u8> = payloads.iter().flat_map(|payload| masked(0x82, payload)).collect();
        client.link().write_all(&frames).unwrap();
        for payload in payloads {
            let Some(Heard::Binary(echo)) = client.receive() else { panic!("no echo beside {second} KiB") };
            assert!(echo == payload, "{} KiB beside {second} KiB", payload.len() >> 10);
        }
    }
}

/// Answers with more than the socket takes.
#[cfg(feature = "testing")]
struct Generous {
    told: Sender<String>,
}

#[cfg(feature = "testing")]
impl Handler for Generous {
    type Data = ();

    fn http(&mut self, _request: &Request<'_>, _: Bytes, responder: Responder, _: &mut Peers<'_, ()>) {
        responder.send(Response::new(200).body(vec![b'x'; 1 << 20]));
    }

    fn message(&mut self, _: &mut Peer<'_, ()>, _: Message<'_>) {}

    fn close(&mut self, _: &mut Peer<'_, ()>, cause: &Cause<'_>) {
        self.told.send(format!("{cause:?}")).unwrap();
    }
}

#[cfg(feature = "testing")]
#[test]
fn a_stop_leaves_nobody_with_half_an_answer() {
    let world = World::new();
    let remote = world.serve(Config::default(), Generous { told: mpsc::channel().0 });
    // One asks for nothing more, one is in the middle of its next request.
    let mut clients = ["", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nbody"].map(|next| {
        let mut client = world.connect();
        client.write_all(format!("GET / HTTP/1.1\r\nHost: a\r\n\r\n{next}").as_bytes()).unwrap();
        client
    });
    remote.stop();
    world.run();
    for client in &mut clients {
        let answer = client.read();
        let end = answer.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
        assert_eq!(answer.len() - end, 1 << 20);
        assert!(client.is_over() && !client.is_reset());
    }
    drop(clients);
    world.run();
    assert!(!world.is_running(0));
}

#[cfg(feature = "testing")]
#[test]
fn the_time_between_requests_is_not_that_of_a_message() {
    let world = World::new();
    let (told, heard) = mpsc::channel();
    let mut config = Config::default();
    config.message_timeout = Duration::from_secs(20);
    config.keep_alive = Duration::from_secs(60);
    world.serve(config, Generous { told });
    let mut client = world.connect();
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert!(client.read().len() > 1 << 20);
    world.advance(Duration::from_secs(30));
    client.write_all(&[UPGRADE.as_bytes(), &masked(0x82, b"message")[..8]].concat()).unwrap();
    assert!(client.read().starts_with(b"HTTP/1.1 101 "));
    world.advance(Duration::from_secs(10));
    assert_eq!(heard.try_recv().ok(), None);
    world.advance(Duration::from_secs(15));
    assert!(heard.try_recv().unwrap().starts_with("MessageTooSlow"));
}
