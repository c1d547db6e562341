//! Peers that do not read: bounded for the server, and nothing lost that the policy does not give up.

use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use bowsprit::handshake::Request;
use bowsprit::net::{Cause, Config, Handler, Peer, PeerId, Peers, Policy, Sent};
use bowsprit::{Message, SharedMessage};

use crate::server::{Client, PATIENCE, Running, serve, serve_echo};

/// Numbered messages of 100 KiB on request, until one is not sent.
struct Flood {
    policy: Policy,
    outcome: Sender<Outcome>,
    drained: Sender<usize>,
}

/// How many sends said `Backlogged`, how many `Dropped`, and the bytes that were queued behind them.
type Outcome = (usize, usize, usize);

const SIZE: usize = 100 << 10;

impl Handler for Flood {
    type Data = ();

    fn open(&mut self, peer: &mut Peer<'_, ()>, request: &Request<'_>) {
        peer.set_policy(self.policy);
        if request.path() == "/subscriber" {
            peer.subscribe("t");
        }
    }

    fn message(&mut self, peer: &mut Peer<'_, ()>, message: Message<'_>) {
        let rounds: usize = std::str::from_utf8(message.as_bytes()).unwrap().parse().unwrap();
        let (mut backlogged, mut dropped) = (0, 0);
        for n in 0..rounds {
            match peer.send(&numbered(n)) {
                Sent::Queued => {}
                Sent::Backlogged => backlogged += 1,
                Sent::Dropped => dropped += 1,
            }
        }
        self.outcome.send((backlogged, dropped, peer.queued())).unwrap();
    }

    fn drain(&mut self, peer: &mut Peer<'_, ()>) {
        let _ = self.drained.send(peer.queued());
    }

    fn close(&mut self, _peer: &mut Peer<'_, ()>, cause: &Cause<'_>) {
        if *cause == Cause::QueueFull {
            let _ = self.drained.send(usize::MAX);
        }
    }
}

fn numbered(n: usize) -> SharedMessage {
    let mut payload = vec![0; SIZE];
    payload[..8].copy_from_slice(&(n as u64).to_be_bytes());
    SharedMessage::binary(payload)
}

fn number(payload: &[u8]) -> usize {
    assert_eq!(payload.len(), SIZE);
    u64::from_be_bytes(*payload.first_chunk().unwrap()) as usize
}

fn flood(policy: Policy) -> (Running, Client, Receiver<Outcome>, Receiver<usize>) {
    let ((outcome, outcomes), (drained, drains)) = (mpsc::channel(), mpsc::channel());
    let server = serve(Config::default(), move || Flood { policy, outcome, drained });
    let client = server.connect();
    (server, client, outcomes, drains)
}

#[test]
fn drop_newest_keeps_what_was_queued_and_tells() {
    let (_server, mut client, outcomes, drains) = flood(Policy::DropNewest);
    client.text("100");
    let (backlogged, dropped, queued) = outcomes.recv_timeout(PATIENCE).unwrap();
    // Judged before a message is queued, so that one may overshoot.
    assert!((1 << 20..=(1 << 20) + SIZE + 20).contains(&queued), "{queued}");
    assert_eq!(backlogged + dropped, 100);
    for n in 0..backlogged {
        assert_eq!(number(&client.read_frame().unwrap().payload), n);
    }
    assert!(drains.recv_timeout(PATIENCE).unwrap() < 64 << 10);
    client.text("1");
    assert_eq!(number(&client.read_frame().unwrap().payload), 0);
}

#[test]
fn keep_latest_ends_with_the_latest() {
    let (_server, mut client, outcomes, _drains) = flood(Policy::KeepLatest);
    client.text("1000");
    let (_, dropped, queued) = outcomes.recv_timeout(PATIENCE).unwrap();
    assert!(dropped == 0 && queued <= (1 << 20) + SIZE + 20, "{dropped} {queued}");
    let (mut last, mut frames) = (None, 0);
    while last != Some(999) {
        let n = number(&client.read_frame().unwrap().payload);
        assert!(last < Some(n), "in order, whole, none twice");
        (last, frames) = (Some(n), frames + 1);
    }
    assert!(frames < 100, "{frames}");
}

#[test]
fn close_ends_the_connection_and_no_other() {
    let (server, mut client, outcomes, drains) = flood(Policy::Close);
    let mut bystander = server.connect();
    client.text("100");
    let (_, dropped, _) = outcomes.recv_timeout(PATIENCE).unwrap();
    assert!(dropped > 0);
    assert_eq!(drains.recv_timeout(PATIENCE), Ok(usize::MAX), "the cause is QueueFull");
    client.expect_close(1008);
    bystander.text("1");
    assert_eq!(number(&bystander.read_frame().unwrap().payload), 0);
}

#[test]
fn the_system_holds_what_it_may_and_the_queue_the_rest() {
    // What has left the queue while the peer reads nothing.
    let taken = |send_buffer| {
        let ((outcome, outcomes), (drained, _drains)) = (mpsc::channel(), mpsc::channel());
        let mut config = Config::default();
        // A peer with a backlog would not be listened to.
        (config.soft_queue, config.hard_queue, config.send_buffer) = (64 << 20, 64 << 20, send_buffer);
        let server = serve(config, move || Flood { policy: Policy::Close, outcome, drained });
        let mut client = server.connect();
        client.text("100");
        let (_, _, queued) = outcomes.recv_timeout(PATIENCE).unwrap();
        client.text("0");
        queued - outcomes.recv_timeout(PATIENCE).unwrap().2
    };
    let (bounded, unbounded) = (taken(16 << 10), taken(usize::MAX));
    assert!(bounded > 0 && 2 * bounded < unbounded, "{bounded} {unbounded}");
}

#[test]
fn a_flood_of_requests_is_held_back_by_tcp_and_nothing_is_lost() {
    let server = serve_echo(Config::default());
    let mut client = server.connect();
    let mut writer = client.stream.try_clone().unwrap();
    const MESSAGES: usize = 400;
    // 40 MiB, while at first nobody reads the echoes.
    let sender = std::thread::spawn(move || {
        use std::io::Write;
        for n in 0..MESSAGES {
            writer.write_all(&crate::server::masked(0x82, numbered(n).as_bytes())).unwrap();
        }
    });
    let mut bystander = server.connect();
    bystander.expect_echo("one flood is nobody else's");
    for n in 0..MESSAGES {
        assert_eq!(number(&client.read_frame().unwrap().payload), n);
    }
    sender.join().unwrap();
}

#[test]
fn a_flood_of_pings_is_answered_within_bounds_and_the_last_one_always() {
    let server = serve_echo(Config::default());
    let mut client = server.connect();
    let pings: Vec<u8> =
        (0..2000u32).flat_map(|n| crate::server::masked(0x89, &[&n.to_be_bytes()[..], &[0; 121]].concat())).collect();
    client.write(&pings);
    let (mut last, mut pongs) = (None, 0);
    while last != Some(1999) {
        let frame = client.read_frame().unwrap();
        assert_eq!(frame.first, 0x8a);
        let n = u32::from_be_bytes(*frame.payload.first_chunk().unwrap());
        assert!(last < Some(n), "in order");
        (last, pongs) = (Some(n), pongs + 1);
    }
    assert!(pongs >= 10, "{pongs}");
    client.expect_echo("alive");
}

#[test]
fn a_subscriber_that_reads_nothing_harms_only_itself() {
    struct Fan;
    impl Handler for Fan {
        type Data = ();
        fn open(&mut self, peer: &mut Peer<'_, ()>, _request: &Request<'_>) {
            peer.subscribe("t");
        }
        fn message(&mut self, peer: &mut Peer<'_, ()>, message: Message<'_>) {
            peer.publish("t", message);
        }
    }
    let server = serve(Config::default(), || Fan);
    let mut stalled = server.connect();
    let mut live = server.connect();
    for n in 0..200 {
        live.frame(0x82, numbered(n).as_bytes());
        assert_eq!(number(&live.read_frame().unwrap().payload), n);
    }
    // It was cut off, with everything before the cut intact.
    let mut n = 0;
    loop {
        let frame = stalled.read_frame().expect("a Close before the end of file");
        if frame.first == 0x88 {
            assert_eq!(frame.payload[..2], 1008u16.to_be_bytes());
            break;
        }
        assert_eq!(number(&frame.payload), n);
        n += 1;
    }
    assert!(n < 200);
}

#[test]
fn a_burst_of_requests_with_large_answers_is_served_in_portions() {
    let (_server, mut client, outcomes, drains) = flood(Policy::Close);
    // Each asks for 100 KiB, all in one segment: ten times what may be queued.
    client.write(&crate::server::masked(0x81, b"1").repeat(100));
    for _ in 0..100 {
        assert_eq!(number(&client.read_frame().unwrap().payload), 0);
        let (_, dropped, queued) = outcomes.recv_timeout(PATIENCE).unwrap();
        assert!(dropped == 0 && queued <= (512 << 10) + SIZE + 20, "{queued} queued");
    }
    assert!(drains.try_iter().all(|queued| queued != usize::MAX));
}

/// Reports each message, and pauses behind the first until it is woken.
struct Pausing {
    seen: Sender<String>,
    paused: Option<PeerId>,
}

impl Handler for Pausing {
    type Data = ();

    fn message(&mut self, peer: &mut Peer<'_, ()>, message: Message<'_>) {
        let text = String::from_utf8_lossy(message.as_bytes());
        self.seen.send(text.chars().take(8).collect()).unwrap();
        if text == "pause" {
            peer.pause();
            self.paused = Some(peer.id());
        }
    }

    fn wake(&mut self, peers: &mut Peers<'_, ()>) {
        if let Some(mut peer) = self.paused.take().and_then(|id| peers.peer(id)) {
            peer.resume();
        }
    }
}

#[test]
fn pause_stops_a_flood_and_resume_loses_nothing_of_it() {
    let (seen, messages) = mpsc::channel();
    let mut config = Config::default();
    // Shorter than the pause: a paused connection is not silent of its own will.
    (config.ping_after, config.pong_within) = (PAUSE / 3, PAUSE / 3);
    let server = serve(config, || Pausing { seen, paused: None });
    let client = server.connect();
    let mut writer = client.stream.try_clone().unwrap();
    let flood = std::thread::spawn(move || {
        use std::io::Write;
        writer.write_all(&crate::server::masked(0x81, b"pause")).unwrap();
        for n in 0..40_000 {
            writer.write_all(&crate::server::masked(0x81, n.to_string().as_bytes())).unwrap();
            writer.write_all(&crate::server::masked(0x82, &[b'x'; 1000])).unwrap();
        }
    });
    assert_eq!(messages.recv_timeout(PATIENCE).unwrap(), "pause");
    // 40 MB do not fit into the socket's buffers: the writer stands still, and nothing more comes.
    assert_eq!(messages.recv_timeout(PAUSE), Err(mpsc::RecvTimeoutError::Timeout));
    assert!(!flood.is_finished());
    server.remote.wake();
    for n in 0..40_000 {
        assert_eq!(messages.recv_timeout(PATIENCE).unwrap(), n.to_string());
        assert_eq!(messages.recv_timeout(PATIENCE).unwrap(), "xxxxxxxx");
    }
    flood.join().unwrap();
}

/// How long nothing must happen.
const PAUSE: Duration = Duration::from_millis(1500);

#[test]
fn a_paused_connection_can_end() {
    let (seen, messages) = mpsc::channel();
    let server = serve(Config::default(), || Pausing { seen, paused: None });
    let mut client = server.connect();
    client.write(&[crate::server::masked(0x81, b"pause"), crate::server::masked(0x81, b"more")].concat());
    assert_eq!(messages.recv_timeout(PATIENCE).unwrap(), "pause");
    drop(client);
    server.remote.wake();
    assert_eq!(messages.recv_timeout(PATIENCE).unwrap(), "more", "what it said before it went");
    server.stop().unwrap();
}
