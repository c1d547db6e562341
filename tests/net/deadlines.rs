//! Everything that takes too long, by the clock of a simulated world, with the settings that everybody has.

use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use bowsprit::handshake::Request;
use bowsprit::net::{Cause, Config, Handler, Peer, Peers};
use bowsprit::testing::{Heard, World};
use bowsprit::{CloseCode, Message};

use crate::server::{Call, Reporter, UPGRADE, masked};

const SECOND: Duration = Duration::from_secs(1);

fn world(config: Config) -> (World, Receiver<Call>) {
    let (world, (reporter, calls)) = (World::new(), Reporter::new());
    world.serve(config, reporter);
    (world, calls)
}

/// What was called, with the name of the cause alone.
fn seen(calls: &Receiver<Call>) -> Vec<String> {
    let name = |call| match call {
        Call::Close(cause) => cause,
        call => format!("{call:?}"),
    };
    calls.try_iter().map(name).collect()
}

#[test]
fn a_handshake_has_a_deadline_that_progress_does_not_move() {
    let (world, calls) = world(Config::default());
    let mut link = world.connect();
    link.write_all(b"GET / HTTP/1.1\r\nX: ").unwrap();
    for _ in 0..9 {
        world.advance(SECOND);
        link.write_all(b"x").unwrap();
        assert!(!link.is_over());
    }
    world.advance(SECOND);
    assert_eq!(link.read(), b"");
    assert!(link.is_over());
    assert_eq!(seen(&calls), [""; 0]);
}

#[test]
fn silence_is_asked_about_and_then_ended() {
    let (world, calls) = world(Config::default());
    let mut client = world.client();
    for _ in 0..3 {
        world.advance(24 * SECOND);
        assert_eq!(client.receive(), None);
        // At most two ticks of a second late.
        world.advance(3 * SECOND);
        assert_eq!(client.receive(), Some(Heard::Ping(Vec::new())));
        // The Pong leaves with it.
        world.run();
    }
    // Now it stops answering: it does not read.
    world.advance((24 + 20) * SECOND);
    assert_eq!(seen(&calls), ["Open"]);
    world.advance(5 * SECOND);
    assert_eq!(seen(&calls), ["Silent"]);
    assert_eq!(client.receive_all(), [Heard::Ping(Vec::new()), Heard::End]);
}

#[test]
fn a_message_that_never_ends_is_refused() {
    let (world, calls) = world(Config::default());
    let mut client = world.client();
    client.link().write_all(&masked(0x01, b"once upon a time")).unwrap();
    for _ in 0..3 {
        world.advance(19 * SECOND);
        client.link().write_all(&masked(0x00, b" and on")).unwrap();
        assert_eq!(client.receive_all(), []);
    }
    world.advance(6 * SECOND);
    let heard = client.receive_all();
    assert_eq!(heard[0], Heard::Close(CloseCode::POLICY_VIOLATION, "message took too long".into()));
    assert_eq!(heard[1..], [Heard::End]);
    assert_eq!(seen(&calls), ["Open", "MessageTooSlow"]);
}

#[test]
fn finished_messages_do_not_wear_out_the_next() {
    let (world, calls) = world(Config::default());
    let mut client = world.client();
    let frame = masked(0x81, b"echo this");
    client.link().write_all(&frame[..3]).unwrap();
    // Each read ends one and begins the next, for longer than one may take.
    for _ in 0..50 {
        world.advance(2 * SECOND);
        client.link().write_all(&[&frame[3..], &frame[..3]].concat()).unwrap();
        assert_eq!(client.receive_all(), [Heard::Text("this".into())]);
    }
    assert_eq!(seen(&calls).len(), 51);
}

#[test]
fn an_unanswered_close_is_ended() {
    let (world, calls) = world(Config::default());
    // No client that there is answers so badly.
    let mut link = world.connect();
    link.write_all(&[UPGRADE.as_bytes(), &masked(0x81, b"close me")].concat()).unwrap();
    assert!(link.read().ends_with(b"\x88\x04\x03\xe8me"));
    world.advance(5 * SECOND - Duration::from_millis(1));
    assert_eq!(seen(&calls), ["Open", "Message(\"close me\")"]);
    world.advance(Duration::from_millis(1));
    assert_eq!(seen(&calls), ["CloseUnanswered"]);
    link.read();
    assert!(link.is_over());
}

#[test]
fn a_peer_that_reads_nothing_is_ended() {
    let (world, calls) = world(Config::default());
    let mut client = world.client();
    client.link().incoming(|wire| wire.capacity = 1000);
    client.send(format!("echo {}", "x".repeat(10_000)).as_str());
    world.advance(59 * SECOND);
    assert_eq!(seen(&calls).len(), 2);
    world.advance(3 * SECOND);
    assert_eq!(seen(&calls), ["WriteStalled"]);
}

#[test]
fn a_peer_that_reads_a_little_now_and_then_is_not() {
    let (world, calls) = world(Config::default());
    let mut client = world.client();
    client.link().incoming(|wire| (wire.capacity, wire.delay) = (1000, 15 * SECOND));
    client.send(format!("echo {}", "x".repeat(10_000)).as_str());
    let heard = client.receive_within(12 * 15 * SECOND);
    assert_eq!(heard, Some(Heard::Text("x".repeat(10_000))));
    assert!(world.now() > 2 * 60 * SECOND);
    assert_eq!(seen(&calls).len(), 2, "it was not ended");
}

#[test]
fn timers_of_the_application_run_out() {
    let (world, calls) = world(Config::default());
    let mut client = world.client();
    client.send("timer 20");
    world.advance(Duration::from_millis(19));
    assert_eq!(client.receive(), None);
    world.advance(Duration::from_millis(1));
    assert_eq!(client.receive(), Some(Heard::Text("timer ran out".into())));
    assert_eq!(seen(&calls), ["Open", "Message(\"timer 20\")", "Timer(7)"]);
}

#[test]
fn running_out_of_descriptors_is_tried_again_after_half_a_second() {
    use bowsprit::testing::Call;
    use std::io::ErrorKind;
    let world = World::new();
    world.serve(Config::default(), |peer: &mut bowsprit::net::Peer<'_, ()>, message: Message<'_>| {
        let _ = peer.send(message);
    });
    let mut established = world.client();
    let before = world.calls(Call::Accept);
    world.fail(Call::Accept, 1, ErrorKind::OutOfMemory);
    let mut waiting = world.connect();
    waiting.write_all(UPGRADE.as_bytes()).unwrap();
    world.advance(Duration::from_millis(499));
    assert_eq!(world.calls(Call::Accept) - before, 1, "it does not spin");
    established.send("not starved");
    assert_eq!(established.receive(), Some(Heard::Text("not starved".into())));
    assert_eq!(waiting.read(), b"");
    world.advance(Duration::from_millis(1));
    assert!(waiting.read().starts_with(b"HTTP/1.1 101 "));
}

#[test]
fn what_full_sockets_do_not_take_of_a_publish_is_within_the_budget() {
    const SUBSCRIBERS: usize = 30;
    const LEN: usize = 5_000;
    struct Topic(Sender<usize>);
    impl Handler for Topic {
        type Data = ();
        fn open(&mut self, peer: &mut Peer<'_, ()>, _request: &Request<'_>) {
            peer.subscribe("topic");
        }
        fn message(&mut self, peer: &mut Peer<'_, ()>, message: Message<'_>) {
            peer.publish("topic", message);
        }
        fn close(&mut self, peer: &mut Peer<'_, ()>, _cause: &Cause<'_>) {
            let _ = self.0.send(peer.peers().stats().held);
        }
        fn wake(&mut self, peers: &mut Peers<'_, ()>) {
            let _ = self.0.send(peers.stats().held);
        }
    }
    let mut config = Config::default();
    config.memory = 10_000;
    let (world, (held, seen)) = (World::new(), mpsc::channel());
    let remote = world.serve(config, Topic(held));
    let mut reader = world.client();
    // Half of them take the beginning of it, the others nothing.
    let mut stalled: Vec<_> = (0..SUBSCRIBERS).map(|_| world.client()).collect();
    for (n, client) in stalled.iter_mut().enumerate() {
        client.link().incoming(|wire| (wire.stalled, wire.capacity) = (true, if n % 2 == 0 { 100 } else { 1 }));
        if n % 2 != 0 {
            client.ping(b"").unwrap();
        }
    }
    world.run();
    reader.send(vec![7; LEN].as_slice());
    assert_eq!(reader.receive(), Some(Heard::Binary(vec![7; LEN])), "one who reads is not harmed");
    remote.wake();
    world.run();
    let most = seen.try_iter().max().unwrap();
    // One may overshoot, and each is told so much as that it ends.
    assert!((LEN..=10_000 + LEN + 40 * SUBSCRIBERS).contains(&most), "{most} held");
    for client in &mut stalled {
        client.link().incoming(|wire| (wire.stalled, wire.capacity) = (false, 100_000));
    }
    let (mut whole, mut told, mut cut) = (0, 0, 0);
    for client in &mut stalled {
        let heard = client.receive_all();
        whole += usize::from(heard.contains(&Heard::Binary(vec![7; LEN])));
        told += usize::from(heard.contains(&Heard::Close(CloseCode::TRY_AGAIN_LATER, "out of memory".into())));
        cut += usize::from(heard.last() == Some(&Heard::Reset) || heard == [Heard::End]);
    }
    assert_eq!((whole, whole + told + cut), (whole.clamp(1, 3), SUBSCRIBERS), "{told} told, {cut} cut");
    drop((stalled, reader));
    world.advance(Duration::from_secs(60));
    remote.wake();
    world.run();
    assert_eq!(seen.try_iter().last(), Some(0));
}
