//! Sockets that fail, and events that lie: behind the transport seam where TCP cannot be made to.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use bowsprit::net::{Config, EventLoop, Peer, PeerId, Remote, Tcp};
use bowsprit::{CloseCode, Message, SharedMessage};
use socket2::SockRef;

use crate::server::{Client, PATIENCE, UPGRADE, masked, serve};
use crate::target::{End, Target};
use crate::transport::{Hands, Watched};

/// An echo server on a transport with a hand in it, stopped at the end.
fn with_hands(hands: Hands, attack: impl FnOnce(&Hands, &dyn Fn() -> Client)) {
    let tcp = Tcp::bind("127.0.0.1:0").unwrap();
    let (hands, remote, address) = (Arc::new(hands), Remote::new(&tcp), tcp.local_addr().unwrap());
    let (watched, told) = (hands.clone(), remote.clone());
    let thread = std::thread::spawn(move || {
        let echo = |peer: &mut Peer<'_, ()>, message: Message<'_>| {
            let _ = peer.send(message);
        };
        EventLoop::new(Watched::new(tcp, watched), Config::default(), echo, told).run()
    });
    let connect = || {
        let stream = std::net::TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Client::new(stream)
    };
    attack(&hands, &connect);
    remote.stop();
    thread.join().unwrap().unwrap();
}

#[test]
fn a50_accept_that_fails_is_tried_again_and_does_not_spin() {
    for (errno, name) in [(24, "EMFILE"), (23, "ENFILE"), (105, "ENOBUFS"), (12, "ENOMEM")] {
        with_hands(Hands { accept_error: errno, ..Hands::default() }, |hands, connect| {
            let mut established = connect();
            established.upgrade();
            established.expect_echo("all is well");
            let (before, since) = (hands.accepts.load(Ordering::SeqCst), Instant::now());
            hands.accepts_to_fail.store(usize::MAX, Ordering::SeqCst);
            let mut waiting = connect();
            waiting.write(UPGRADE.as_bytes());
            for _ in 0..300 {
                established.expect_echo("not starved");
            }
            // However long that took: once at first, then twice a second.
            let accepts = hands.accepts.load(Ordering::SeqCst) - before;
            let most = 1 + since.elapsed().as_millis() / 500;
            assert!(accepts as u128 <= most, "{name}: {accepts} calls to accept");
            // While nothing else happens it waits for these attempts, and to look at its connections' clocks once a second.
            let polls = || hands.polls.load(Ordering::SeqCst);
            let (polls_before, target) = (polls(), hands.accepts.load(Ordering::SeqCst) + 2);
            while hands.accepts.load(Ordering::SeqCst) < target {
                std::thread::sleep(Duration::from_millis(10));
            }
            let woken = polls() - polls_before;
            assert!(woken <= 8, "{name}: woken {woken} times for two attempts");
            hands.accepts_to_fail.store(0, Ordering::SeqCst);
            assert!(waiting.read_head().starts_with("HTTP/1.1 101 "), "{name}");
            waiting.expect_echo("let in at last");
        });
    }
    // One that gave up says nothing about the next.
    const ECONNABORTED: i32 = 103;
    with_hands(Hands { accept_error: ECONNABORTED, ..Hands::default() }, |hands, connect| {
        hands.accepts_to_fail.store(3, Ordering::SeqCst);
        connect().upgrade();
    });
}

#[test]
fn a51_resets_at_any_moment_end_one_connection_once() {
    let mut target = Target::with(|_| {});
    let reset = |client: Client| {
        SockRef::from(&client.stream).set_linger(Some(Duration::ZERO)).unwrap();
        drop(client);
    };
    target.within(2 << 20, |target| {
        for _ in 0..20 {
            reset(target.server.connect_tcp());
            let mut client = target.server.connect_tcp();
            client.write(&UPGRADE.as_bytes()[..UPGRADE.len() / 2]);
            reset(client);
            // With an echo on its way.
            let mut client = target.connect();
            client.write(&masked(0x82, &vec![7; 500 << 10]));
            reset(client);
            target.expect_end(End::Lost);
            // Inside a frame.
            let mut client = target.connect();
            client.write(&masked(0x82, &[7; 1000])[..500]);
            reset(client);
            target.expect_end(End::Lost);
            // While the server closes.
            let mut client = target.connect();
            client.text("close");
            assert_eq!(client.read_frame().unwrap().first, 0x88);
            reset(client);
            target.expect_end(End::Lost);
            target.bystander_echoes();
        }
    });
    assert!(target.unexpected_ends().is_empty());
}

#[test]
fn a52_events_of_connections_that_are_gone_reach_nobody() {
    with_hands(Hands { haunted: true, ..Hands::default() }, |hands, connect| {
        let mut bystander = connect();
        bystander.upgrade();
        // Each takes the place of the one before, whose events go on coming.
        for n in 0..20 {
            let mut client = connect();
            client.upgrade();
            client.expect_echo("first");
            bystander.expect_echo("still here");
            client.expect_echo("second");
            client.frame(0x88, b"\x03\xe8");
            client.expect_close(1000);
            assert_eq!(hands.registrations.load(Ordering::SeqCst), n + 2);
        }
    });
}

#[test]
fn a52_words_for_a_connection_that_is_gone_reach_nobody() {
    let (told, ids) = mpsc::channel();
    let server = serve(Config::default(), || {
        move |peer: &mut Peer<'_, ()>, message: Message<'_>| {
            told.send(peer.id()).unwrap();
            let _ = peer.send(message);
        }
    });
    let mut first = server.connect();
    first.expect_echo("first");
    let gone = ids.recv().unwrap();
    first.frame(0x88, b"\x03\xe8");
    first.expect_close(1000);
    drop(first);
    // Its place is free once the server has seen the end of it; until somebody has it, they stay.
    let place = |id: PeerId| format!("{id:?}").split_once('.').unwrap().0.to_owned();
    let mut others = Vec::new();
    let mut second = loop {
        let mut next = server.connect();
        next.expect_echo("who am I?");
        let id = ids.recv().unwrap();
        assert_ne!(id, gone);
        if place(id) == place(gone) {
            break next;
        }
        others.push(next);
    };
    let _ = server.remote.send(gone, SharedMessage::text("for the first"));
    server.remote.close(gone, CloseCode::NORMAL, "");
    second.expect_echo("nothing came before this");
}
