//! Publish and subscribe: who gets what, and in which order.

use bowsprit::handshake::Request;
use bowsprit::net::{Cause, Config, Handler, Peer, PeerId};
use bowsprit::{Kind, Message, SharedMessage};

use crate::server::{Running, serve};

/// Does what the text says, word by word: `send:x`, `publish:topic:x`, `others:topic:x`, `join:topic`, `leave:topic`.
#[derive(Default)]
struct Script {
    everybody: Vec<PeerId>,
}

impl Handler for Script {
    type Data = ();

    fn open(&mut self, peer: &mut Peer<'_, ()>, _request: &Request<'_>) {
        self.everybody.push(peer.id());
    }

    fn message(&mut self, peer: &mut Peer<'_, ()>, message: Message<'_>) {
        let Message::Text(text) = &message else {
            return peer.publish("binary", message);
        };
        for word in text.split(' ') {
            match word.split(':').collect::<Vec<_>>()[..] {
                ["send", text] => drop(peer.send(text)),
                ["publish", topic, text] => peer.publish(topic, text),
                ["others", topic, text] => peer.publish_to_others(topic, text),
                ["large", topic] => {
                    peer.publish(topic, &SharedMessage::binary(vec![b'L'; 100_000]));
                }
                ["join", topic] => drop(peer.subscribe(topic)),
                ["leave", topic] => drop(peer.unsubscribe(topic)),
                ["tell", text] => {
                    for id in &self.everybody {
                        if let Some(mut other) = peer.other(*id) {
                            let _ = other.send(text);
                        }
                    }
                }
                ["part", text] => drop(peer.send_part(text, false).unwrap()),
                ["last", text] => drop(peer.send_part(text, true).unwrap()),
                ["members", topic] => drop(peer.send(peer.subscribers(topic).to_string())),
                _ => panic!("{word}"),
            }
        }
    }

    fn close(&mut self, peer: &mut Peer<'_, ()>, _cause: &Cause<'_>) {
        self.everybody.retain(|id| *id != peer.id());
        peer.publish("leaving", "somebody left");
    }
}

fn script() -> Running {
    serve(Config::default(), Script::default)
}

fn expect(client: &mut crate::server::Client, texts: &str) {
    for text in texts.split(' ') {
        client.expect_text(text);
    }
}

#[test]
fn one_peer_sees_sends_and_publishes_in_the_order_of_the_calls() {
    let server = script();
    let mut client = server.connect();
    client.text("join:t send:1 publish:t:2 send:3 publish:t:4 publish:t:5 send:6 send:7 publish:t:8");
    expect(&mut client, "1 2 3 4 5 6 7 8");
}

#[test]
fn order_holds_across_topics_and_large_messages() {
    let server = script();
    let mut client = server.connect();
    client.text("join:a join:b publish:a:1 publish:b:2 large:a publish:b:3 send:4 large:b send:5 publish:a:6");
    expect(&mut client, "1 2");
    assert_eq!(client.read_frame().unwrap().payload, [b'L'; 100_000]);
    expect(&mut client, "3 4");
    assert_eq!(client.read_frame().unwrap().payload, [b'L'; 100_000]);
    expect(&mut client, "5 6");
}

#[test]
fn the_publisher_is_a_subscriber_or_left_out() {
    let server = script();
    let (mut a, mut b) = (server.connect(), server.connect());
    a.text("join:t send:joined");
    expect(&mut a, "joined");
    b.text("join:t publish:t:1 others:t:2 publish:t:3 send:end");
    expect(&mut b, "1 3 end");
    expect(&mut a, "1 2 3");
}

#[test]
fn subscriptions_count_from_the_call_on() {
    let server = script();
    let mut client = server.connect();
    client.text("publish:t:no join:t publish:t:1 leave:t publish:t:no join:t publish:t:2 send:3");
    expect(&mut client, "1 2 3");
    client.text("leave:t publish:t:no send:4 members:t");
    expect(&mut client, "4 0");
}

#[test]
fn a_topic_is_only_for_its_subscribers() {
    let server = script();
    let (mut a, mut b) = (server.connect(), server.connect());
    a.text("join:a send:ready");
    b.text("join:b send:ready");
    expect(&mut a, "ready");
    expect(&mut b, "ready");
    a.text("publish:b:1 publish:a:2 publish:b:3 publish:nobody:4 send:end");
    expect(&mut a, "2 end");
    expect(&mut b, "1 3");
}

#[test]
fn a_subscriber_that_goes_is_unsubscribed_and_the_others_are_told() {
    let server = script();
    let (mut a, mut b) = (server.connect(), server.connect());
    a.text("join:leaving members:leaving");
    expect(&mut a, "1");
    b.text("join:leaving members:leaving");
    expect(&mut b, "2");
    b.frame(0x88, b"\x03\xe8");
    b.expect_close(1000);
    a.expect_text("somebody left");
    a.text("members:leaving");
    expect(&mut a, "1");
}

#[test]
fn a_peer_reaches_the_others() {
    let server = script();
    let (mut a, mut b) = (server.connect(), server.connect());
    b.text("send:ready");
    expect(&mut b, "ready");
    a.text("send:1 tell:2 send:3");
    expect(&mut a, "1 2 3");
    expect(&mut b, "2");
}

#[test]
fn nothing_enters_a_message_that_is_sent_in_parts() {
    let server = script();
    let (mut a, mut b) = (server.connect(), server.connect());
    a.text("join:t send:1 part:a");
    a.expect_text("1");
    assert_eq!(a.read_frame().unwrap().first, 0x01);
    b.text("publish:t:2 publish:t:3 send:done");
    expect(&mut b, "done");
    a.text("part:b send:4 large:t publish:t:5 last:c send:6");
    for (first, payload) in [(0x00, "b"), (0x80, "c"), (0x81, "2"), (0x81, "3"), (0x81, "4")] {
        let frame = a.read_frame().unwrap();
        assert_eq!((frame.first, frame.payload.as_slice()), (first, payload.as_bytes()));
    }
    assert_eq!(a.read_frame().unwrap().payload, [b'L'; 100_000]);
    expect(&mut a, "5 6");
}

#[test]
fn a_message_that_is_never_ended_does_not_keep_the_connection() {
    let server = script();
    let mut client = server.connect();
    client.text("part:a send:waits");
    assert_eq!(client.read_frame().unwrap().first, 0x01);
    client.frame(0x88, b"\x03\xe8");
    client.expect_close(1000);
}

#[test]
fn many_publishes_of_many_peers_arrive_in_each_publishers_order() {
    let server = script();
    let mut clients: Vec<_> = (0..20).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.text("join:t send:ready");
        expect(client, "ready");
    }
    for round in 0..50 {
        for (n, client) in clients.iter_mut().enumerate() {
            client.text(&format!("publish:t:{n}/{round}"));
        }
    }
    for client in &mut clients {
        let mut next = [0; 20];
        for _ in 0..20 * 50 {
            let text = String::from_utf8(client.read_frame().unwrap().payload).unwrap();
            let (n, round) = text.split_once('/').unwrap();
            let n: usize = n.parse().unwrap();
            assert_eq!(round.parse(), Ok(next[n]), "of publisher {n}");
            next[n] += 1;
        }
    }
}

#[test]
fn a_published_message_keeps_its_kind() {
    let server = script();
    let mut client = server.connect();
    client.text("join:binary send:ready");
    expect(&mut client, "ready");
    client.frame(0x82, b"\x00\xff");
    let frame = client.read_frame().unwrap();
    assert_eq!((frame.first, frame.payload.as_slice()), (0x82, b"\x00\xff".as_slice()));
    assert_eq!(SharedMessage::text("x").kind(), Kind::Text);
}
