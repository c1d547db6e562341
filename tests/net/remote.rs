//! Other threads reach the loop.

use std::sync::mpsc::{self, Receiver, Sender};

use bowsprit::handshake::Request;
use bowsprit::net::{Config, Handler, Peer, PeerId, Peers, Sent};
use bowsprit::{CloseCode, Message, SharedMessage};

use crate::server::{PATIENCE, serve};

/// Tells who connects, and sends what comes through a channel.
struct Desk {
    opened: Sender<PeerId>,
    work: Receiver<(PeerId, String)>,
}

impl Handler for Desk {
    type Data = ();

    fn open(&mut self, peer: &mut Peer<'_, ()>, _request: &Request<'_>) {
        peer.subscribe("all");
        self.opened.send(peer.id()).unwrap();
    }

    fn message(&mut self, peer: &mut Peer<'_, ()>, message: Message<'_>) {
        let _ = peer.send(message);
    }

    fn wake(&mut self, peers: &mut Peers<'_, ()>) {
        for (id, text) in self.work.try_iter() {
            match peers.peer(id) {
                Some(mut peer) => drop(peer.send(text)),
                None => peers.publish("all", "somebody is gone"),
            }
        }
    }
}

fn desk() -> (crate::server::Running, Receiver<PeerId>, Sender<(PeerId, String)>) {
    let ((opened, ids), (sender, work)) = (mpsc::channel(), mpsc::channel());
    (serve(Config::default(), || Desk { opened, work }), ids, sender)
}

#[test]
fn a_remote_publishes_sends_and_closes_in_order() {
    let (server, ids, _work) = desk();
    let (mut a, mut b) = (server.connect(), server.connect());
    let id_of_a = ids.recv_timeout(PATIENCE).unwrap();
    let remote = server.remote.clone();
    std::thread::spawn(move || {
        let _ = remote.publish("all", SharedMessage::text("1"));
        let _ = remote.send(id_of_a, SharedMessage::text("2"));
        let _ = remote.publish("all", SharedMessage::text("3"));
        remote.close(id_of_a, CloseCode::new(4000), "enough");
        let _ = remote.send(id_of_a, SharedMessage::text("too late"));
        let _ = remote.publish("all", SharedMessage::text("4"));
    })
    .join()
    .unwrap();
    for text in ["1", "2", "3"] {
        a.expect_text(text);
    }
    a.frame(0x88, b"\x0f\xa0");
    a.expect_close(4000);
    for text in ["1", "3", "4"] {
        b.expect_text(text);
    }
}

#[test]
fn a_wake_up_does_anything() {
    let (server, ids, work) = desk();
    let (mut a, b) = (server.connect(), server.connect());
    let (id_of_a, id_of_b) = (ids.recv_timeout(PATIENCE).unwrap(), ids.recv_timeout(PATIENCE).unwrap());
    work.send((id_of_a, "for you".into())).unwrap();
    server.remote.wake();
    a.expect_text("for you");
    drop(b);
    // Until the loop has seen that b is gone, its message goes nowhere.
    loop {
        work.send((id_of_b, "lost".into())).unwrap();
        server.remote.wake();
        a.text("next");
        if a.read_frame().unwrap().payload == b"somebody is gone" {
            break;
        }
    }
}

#[test]
fn many_threads_lose_nothing_and_keep_their_order() {
    let (server, _ids, _work) = desk();
    let mut client = server.connect();
    client.expect_echo("subscribed");
    let threads: Vec<_> = (0..8)
        .map(|thread| {
            let remote = server.remote.clone();
            std::thread::spawn(move || {
                for n in 0..200 {
                    let _ = remote.publish("all", SharedMessage::text(format!("{thread} {n}")));
                }
            })
        })
        .collect();
    let mut next = [0; 8];
    for _ in 0..8 * 200 {
        let text = String::from_utf8(client.read_frame().unwrap().payload).unwrap();
        let (thread, n) = text.split_once(' ').unwrap();
        let thread: usize = thread.parse().unwrap();
        assert_eq!(n.parse(), Ok(next[thread]));
        next[thread] += 1;
    }
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn what_other_threads_send_is_bounded_until_the_loop_comes_round() {
    let mut config = Config::default();
    config.inbox = 100_000;
    let ((busy, is_busy), (go_on, goes_on)) = (mpsc::channel(), mpsc::channel::<()>());
    let server = serve(config, move || {
        move |peer: &mut Peer<'_, ()>, message: Message<'_>| {
            peer.subscribe("all");
            if message.as_bytes() == b"stand still" {
                busy.send(()).unwrap();
                goes_on.recv_timeout(PATIENCE).unwrap();
            }
            let _ = peer.send(message);
        }
    });
    let mut client = server.connect();
    client.text("stand still");
    is_busy.recv_timeout(PATIENCE).unwrap();
    let mut sent = Vec::new();
    for n in 0..20u8 {
        match server.remote.publish("all", SharedMessage::binary(vec![n; 10_000])) {
            Sent::Dropped => {}
            outcome => sent.push((n, outcome)),
        }
    }
    // Judged before, so that the tenth overshoots; half of it is a backlog.
    assert_eq!(sent.len(), 10);
    assert_eq!(sent.iter().filter(|(_, outcome)| *outcome == Sent::Queued).count(), 4);
    go_on.send(()).unwrap();
    client.expect_text("stand still");
    for (n, _) in sent {
        assert_eq!(client.read_frame().unwrap().payload, vec![n; 10_000]);
    }
    client.expect_echo("and on");
    assert_eq!(server.remote.publish("all", SharedMessage::text("room again")), Sent::Queued);
    client.expect_text("room again");
}
