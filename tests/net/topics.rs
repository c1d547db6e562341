//! Bounds on subscriptions, each at the value and one past it.

use bowsprit::Message;
use bowsprit::net::{Config, Peer};

use crate::server::{Client, Running, serve};

/// `+topic` and `-topic` subscribe and unsubscribe; the answer is what that returned.
fn serve_topics(config: Config) -> Running {
    serve(config, || {
        |peer: &mut Peer<'_, ()>, message: Message<'_>| {
            let Message::Text(text) = message else { return };
            let did = match text.split_at(1) {
                ("+", topic) => peer.subscribe(topic),
                (_, topic) => peer.unsubscribe(topic),
            };
            let _ = peer.send(if did { "yes" } else { "no" });
        }
    })
}

fn expect(client: &mut Client, command: &str, answer: &str) {
    client.text(command);
    client.expect_text(answer);
}

#[test]
fn topics_of_a_connection_are_bounded() {
    let mut config = Config::default();
    config.topics_per_connection = 2;
    let server = serve_topics(config);
    let (mut client, mut other) = (server.connect(), server.connect());
    for (command, answer) in [("+a", "yes"), ("+b", "yes"), ("+b", "yes"), ("+c", "no"), ("-a", "yes"), ("+c", "yes")] {
        expect(&mut client, command, answer);
    }
    expect(&mut other, "+d", "yes");
}

#[test]
fn topics_of_the_loop_are_bounded() {
    let mut config = Config::default();
    config.topics = 2;
    let server = serve_topics(config);
    let (mut client, mut other) = (server.connect(), server.connect());
    expect(&mut client, "+a", "yes");
    expect(&mut other, "+b", "yes");
    expect(&mut client, "+c", "no");
    // Those that are there can have more subscribers.
    expect(&mut client, "+b", "yes");
    expect(&mut client, "-a", "yes");
    expect(&mut other, "+c", "yes");
}

#[test]
fn the_name_of_a_topic_is_bounded() {
    let mut config = Config::default();
    config.topic_name = 10;
    let server = serve_topics(config);
    let mut client = server.connect();
    expect(&mut client, "+0123456789", "yes");
    expect(&mut client, "+0123456789a", "no");
}
