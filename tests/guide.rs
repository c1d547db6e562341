//! The programs of docs/guide.md do what it says, and it shows them as they are.
#![cfg(feature = "testing")]

#[allow(dead_code)]
#[path = "../examples/guide/main.rs"]
mod guide;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Duration;

use bowsprit::handshake::{ClientRequest, Uri};
use bowsprit::net::{Client, ClientError, Clients, Config, Handler, Peer, Policy, Remote, Sent, Server};
use bowsprit::testing::{Heard, TestClient, Wire, World};
use bowsprit::{CloseCode, Message};

use guide::{acks, backpressure, broadcast, client, echo, history, limits, names, proxy, text, workers};

const SECOND: Duration = Duration::from_secs(1);
/// A guard against hanging, not a measure.
const PATIENCE: Duration = Duration::from_secs(20);
const REFUSED: CloseCode = CloseCode::new(4000);

#[test]
fn echo_returns_text_and_bytes() {
    let world = serve(Config::default(), echo::echo);
    let mut client = world.client();
    client.send("hello");
    client.send(&[0xff]);
    assert_eq!(client.receive_all(), [line("hello"), Heard::Binary(vec![0xff])]);
}

#[test]
fn text_hangs_up_on_bytes_and_drops_what_is_said_behind_them() {
    let world = serve(Config::default(), text::TextOnly);
    let mut client = world.client();
    client.send("hello");
    client.send(&[0xff]);
    client.send("too late");
    let heard = [line("hello"), Heard::Close(CloseCode::UNSUPPORTED_DATA, "text only".into()), Heard::End];
    assert_eq!(client.receive_all(), heard);
}

#[test]
fn what_was_under_way_when_we_closed_still_comes() {
    let (told, heard) = mpsc::channel();
    let world = serve(Config::default(), move |peer: &mut Peer<'_, ()>, message: Message<'_>| {
        peer.close(CloseCode::NORMAL, "").unwrap();
        told.send((message.as_bytes().to_vec(), peer.send("dropped"))).unwrap();
    });
    let mut client = world.client();
    client.send("one");
    client.send("two");
    world.run();
    assert_eq!(
        heard.try_iter().collect::<Vec<_>>(),
        [(b"one".to_vec(), Sent::Dropped), (b"two".to_vec(), Sent::Dropped)]
    );
}

#[test]
fn broadcast_reaches_everybody_in_one_order() {
    let world = serve(Config::default(), broadcast::Broadcast);
    let (mut ada, mut bob) = (world.client(), world.client());
    assert_eq!(ada.receive_all(), [line("* somebody came")]);
    ada.send("one");
    bob.send("two");
    world.run();
    assert_eq!(texts(&mut ada), texts(&mut bob));
}

#[test]
fn names_are_here_as_long_as_one_of_their_connections() {
    let world = serve(Config::default(), names::Chat::default());
    let (mut ada, mut bob) = (enter(&world, "Ada"), enter(&world, "Bob"));
    assert_eq!(texts(&mut ada), ["* online: Ada", "* Bob is here"]);
    assert_eq!(texts(&mut bob), ["* online: Ada, Bob"]);
    let second = enter(&world, "Bob");
    bob.send("hello");
    drop(bob);
    world.run();
    assert_eq!(texts(&mut ada), ["Bob: hello"], "he is here by another connection");
    drop(second);
    assert_eq!(texts(&mut ada), ["* Bob has left"]);
}

#[test]
fn names_cannot_be_forged() {
    let world = serve(Config::default(), names::Chat::default());
    for hello in ["", "Ada: hello", "Ada\nBob", "Аda", "x".repeat(21).as_str()] {
        assert_eq!(refusal(&mut enter(&world, hello)), Some(REFUSED), "{hello:?}");
    }
    let mut ada = enter(&world, "Ada");
    ada.send("hello\nBob: I owe Ada a pound");
    assert_eq!(refusal(&mut ada), Some(REFUSED));
}

#[test]
fn history_resumes_where_somebody_was() {
    let world = serve(Config::default(), history::Chat::new("e1".into()));
    let mut bob = enter(&world, "Bob");
    let mut ada = enter(&world, "Ada");
    bob.send("one");
    assert_eq!(texts(&mut ada), ["* online: Ada, Bob", "epoch e1", "1 Bob: one"]);
    drop(ada);
    world.run();
    bob.send("two");
    let mut ada = enter(&world, "Ada e1 1");
    bob.send("three");
    assert_eq!(texts(&mut ada), ["* online: Ada, Bob", "epoch e1", "2 Bob: two", "3 Bob: three"]);
}

#[test]
fn history_of_another_epoch_is_sent_whole() {
    let world = serve(Config::default(), history::Chat::new("e2".into()));
    let mut bob = enter(&world, "Bob");
    bob.send("one");
    let mut ada = enter(&world, "Ada e1 7");
    assert_eq!(texts(&mut ada), ["* online: Ada, Bob", "epoch e2", "1 Bob: one"]);
}

#[test]
fn history_that_is_kept_no_more_leaves_a_gap_that_shows() {
    let world = serve(Config::default(), history::Chat::new("e1".into()));
    let mut bob = enter(&world, "Bob");
    for n in 1..=1005 {
        bob.send(format!("{n}"));
    }
    let mut ada = enter(&world, "Ada e1 3");
    let heard = texts(&mut ada);
    assert_eq!((heard[2].as_str(), heard.len()), ("6 Bob: 6", 2 + 1000));
}

#[test]
fn acks_of_the_same_message_are_the_same() {
    let world = serve(Config::default(), acks::Chat::new("e1".into()));
    let (mut ada, mut bob) = (enter(&world, "Ada"), enter(&world, "Bob"));
    ada.send("a hello");
    drop(ada);
    let mut ada = enter(&world, "Ada e1 0");
    ada.send("a hello");
    assert_eq!(texts(&mut ada)[2..], ["1 Ada: hello", "ok a 1"]);
    bob.send("a hello");
    let said: Vec<_> = texts(&mut bob).into_iter().filter(|line| line.contains(": hello")).collect();
    assert_eq!(said, ["1 Ada: hello", "2 Bob: hello"], "an id is its author's");
}

#[test]
fn client_says_and_hears_everything_once_whatever_is_cut() {
    for seed in 0..20 {
        let world = World::seeded(seed);
        world.serve(Config::default(), acks::Chat::new("e1".into()));
        let (ada, bob) = (Person::new(&world, "Ada"), Person::new(&world, "Bob"));
        for n in 1..=100 {
            // Each connection is cut after a few messages, in the middle of one.
            world.set_wire(cut_after(400 + 13 * n));
            ada.say(n);
            bob.say(n);
            world.advance(Duration::from_millis(300));
        }
        world.set_wire(Wire::default());
        world.advance(60 * SECOND);
        let numbers: Vec<u64> = ada.heard().map(|(seq, _)| seq).collect();
        assert_eq!(numbers, (1..=200).collect::<Vec<_>>(), "seed {seed}");
        for name in ["Ada", "Bob"] {
            let said: Vec<_> = ada.heard().filter_map(|(_, rest)| rest.strip_prefix(name).map(str::to_owned)).collect();
            let expected: Vec<_> = (1..=100).map(|n| format!(": {n}")).collect();
            assert_eq!(said, expected, "seed {seed}");
        }
        assert!(ada.heard().eq(bob.heard()));
        assert!(ada.cuts() > 5 && bob.cuts() > 5, "{} and {}", ada.cuts(), bob.cuts());
    }
}

#[test]
fn client_that_is_refused_does_not_come_back() {
    let world = serve(Config::default(), acks::Chat::new("e1".into()));
    let mallory = Person::new(&world, "Ada Lovelace\n");
    world.advance(60 * SECOND);
    assert!(!world.is_running(1));
    assert_eq!(mallory.cuts(), 1);
}

#[test]
fn client_whose_message_is_too_long_does_not_come_back() {
    let world = serve(limits::config(), limits::Chat::new("e1".into()));
    let ada = Person::new(&world, "Ada");
    ada.lines.send("x".repeat(4 << 10)).unwrap();
    ada.remote.wake();
    world.advance(60 * SECOND);
    assert!(!world.is_running(1));
    assert_eq!(ada.cuts(), 1);
}

#[test]
fn client_notices_that_the_server_has_started_anew() {
    let server = |address: SocketAddr, epoch: &str| {
        let server = Server::bind(address).unwrap();
        let (address, remote) = (server.local_addr().unwrap(), server.remote());
        let chat = acks::Chat::new(epoch.into());
        (address, remote, thread::spawn(move || server.run(chat)))
    };
    let (address, first, thread) = server("127.0.0.1:0".parse().unwrap(), "e1");

    let (printed, prints) = mpsc::channel();
    let printed = move |line: &str| printed.send(line.to_owned()).unwrap();
    let (sender, lines) = mpsc::channel();
    let clients = Clients::new().unwrap();
    let remote = clients.remote();
    let request = ClientRequest::new(Uri::parse(&format!("ws://{address}/")).unwrap());
    let ada =
        thread::spawn(move || clients.run(client::Client::new(request, "Ada".into(), "run".into(), lines, printed)));
    let expect = |wanted: &str| while prints.recv_timeout(PATIENCE).unwrap() != wanted {};

    for text in ["one", "two"] {
        sender.send(text.into()).unwrap();
    }
    remote.wake();
    expect("2 Ada: two");
    first.stop();
    thread.join().unwrap().unwrap();
    let (_, second, thread) = server(address, "e2");
    expect("- the server has started anew");
    sender.send("three".into()).unwrap();
    remote.wake();
    expect("1 Ada: three");

    remote.stop();
    ada.join().unwrap().unwrap();
    second.stop();
    thread.join().unwrap().unwrap();
}

#[test]
fn without_backpressure_a_long_history_shuts_newcomers_out() {
    let world = serve(Config::default(), acks::Chat::new("e1".into()));
    say_a_lot(&mut enter(&world, "Bob"));
    assert_eq!(refusal(&mut enter(&world, "Ada")), Some(CloseCode::POLICY_VIOLATION));
}

#[test]
fn backpressure_sends_a_long_history_by_and_by() {
    let world = serve(Config::default(), backpressure::Chat::new("e1".into()));
    let mut bob = enter(&world, "Bob");
    say_a_lot(&mut bob);
    let mut ada = enter(&world, "Ada");
    bob.send("last and least");
    assert_eq!(sequence(&mut ada), (1..=301).collect::<Vec<_>>());
    bob.send("live and last");
    assert_eq!(sequence(&mut ada), [302]);
}

#[test]
fn backpressure_ends_who_does_not_read_and_loses_nothing() {
    let world = serve(Config::default(), backpressure::Chat::new("e1".into()));
    let (mut ada, mut bob) = (enter(&world, "Ada"), enter(&world, "Bob"));
    ada.link().stall();
    say_a_lot(&mut bob);
    ada.link().resume();
    let heard = ada.receive_all();
    assert!(heard.contains(&Heard::Close(CloseCode::POLICY_VIOLATION, "reads too slowly".into())));
    let seen = heard.iter().filter_map(number).next_back().unwrap();
    let mut ada = enter(&world, &format!("Ada e1 {seen}"));
    assert_eq!(sequence(&mut ada), (seen + 1..=300).collect::<Vec<_>>());
}

#[test]
fn backpressure_keeps_the_latest_number_of_people() {
    let mut config = Config::default();
    // A number is short: with room for a few only, to see it at work.
    (config.soft_queue, config.hard_queue) = (10, 20);
    config.policy = Policy::DropNewest;
    let world = serve(config, backpressure::Chat::new("e1".into()));
    let mut badge = world.client_with(&request("/online")).unwrap();
    badge.link().incoming(|wire| wire.stalled = true);
    badge.link().incoming(|wire| wire.capacity = 1);
    let people: Vec<_> = (1..=50).map(|n| enter(&world, &format!("Person{n}"))).collect();
    badge.link().incoming(|wire| (wire.stalled, wire.capacity) = (false, 1000));
    let numbers = texts(&mut badge);
    assert!(numbers.len() < 20 && numbers.last().is_some_and(|last| last == "50"), "{numbers:?}");
    drop(people);
}

#[test]
fn limits_ask_for_a_name_within_ten_seconds() {
    let world = serve(limits::config(), limits::Chat::new("e1".into()));
    let (mut nobody, mut ada) = (world.client(), enter(&world, "Ada"));
    world.advance(10 * SECOND);
    assert_eq!(refusal(&mut nobody), Some(REFUSED));
    assert_eq!(refusal(&mut ada), None);
}

#[test]
fn limits_end_what_is_too_long() {
    let world = serve(limits::config(), limits::Chat::new("e1".into()));
    let mut ada = enter(&world, "Ada");
    ada.send(format!("a {}", "x".repeat(4 << 10)));
    assert_eq!(refusal(&mut ada), Some(CloseCode::MESSAGE_TOO_BIG));
}

#[test]
fn limits_slow_a_flood_down_and_lose_nothing_of_it() {
    let world = serve(limits::config(), limits::Chat::new("e1".into()));
    let mut ada = enter(&world, "Ada");
    for n in 1..=60 {
        ada.send(format!("{n} flood"));
    }
    assert_eq!(sequence(&mut ada), (1..=20).collect::<Vec<_>>());
    world.advance(2 * SECOND);
    assert_eq!(sequence(&mut ada), (21..=28).collect::<Vec<_>>());
    world.advance(8 * SECOND);
    assert_eq!(sequence(&mut ada), (29..=60).collect::<Vec<_>>());
}

#[test]
fn limits_find_out_who_is_gone_without_a_word() {
    let world = serve(limits::config(), limits::Chat::new("e1".into()));
    let (mut ada, mut bob) = (enter(&world, "Ada"), enter(&world, "Bob"));
    assert_eq!(texts(&mut bob).len(), 2);
    ada.link().stall();
    let mut heard = Vec::new();
    for _ in 0..30 {
        world.advance(SECOND);
        heard.extend(texts(&mut bob));
    }
    assert_eq!(heard, ["* Ada has left"]);
}

#[test]
fn proxy_lets_in_whom_it_should() {
    let world = serve(proxy::config(), proxy::Chat::new("e1".into()));
    let from = |origin: &str, path: &str, address: &str| {
        let request = request(path).origin(origin).header("X-Real-IP", address);
        world.client_with(&request).map_err(|error| match error {
            ClientError::Refused(refusal) => refusal.status(),
            error => panic!("{error}"),
        })
    };
    let ours = "https://chat.example";
    assert_eq!(from("https://evil.example", "/chat", "192.0.2.7").err(), Some(403));
    assert_eq!(from(ours, "/", "192.0.2.7").err(), Some(404));
    let mut twenty: Vec<_> = (0..20).map(|_| from(ours, "/chat", "192.0.2.7").unwrap()).collect();
    assert_eq!(from(ours, "/chat", "192.0.2.7").err(), Some(429));
    assert!(from(ours, "/chat", "192.0.2.8").is_ok());
    twenty.pop();
    world.run();
    assert!(from(ours, "/chat", "192.0.2.7").is_ok());
}

#[test]
fn proxy_that_forwards_another_host_needs_the_list() {
    // As proxies do unless told otherwise: Host names the server behind them.
    let page = request("/").origin("https://chat.example");
    let world = serve(Config::default(), echo::echo);
    match world.client_with(&page) {
        Err(ClientError::Refused(refusal)) => assert_eq!(refusal.status(), 403),
        outcome => panic!("{outcome:?}"),
    }
}

#[test]
fn proxy_is_told_that_all_is_well_and_everybody_that_it_ends() {
    let world = World::new();
    let remote = world.serve(proxy::config(), proxy::Chat::new("e1".into()));
    let mut link = world.connect();
    link.write_all(b"GET /health HTTP/1.1\r\nHost: chat.example\r\n\r\n").unwrap();
    assert!(link.read().starts_with(b"HTTP/1.1 200 "));
    let mut ada = world.client_with(&request("/chat")).unwrap();
    remote.stop();
    world.run();
    assert_eq!(refusal(&mut ada), Some(CloseCode::GOING_AWAY));
}

#[test]
fn workers_have_one_order() {
    const PEOPLE: usize = 4;
    const EACH: usize = 100;
    let mut config = Config::default();
    config.workers = 3;
    let server = Server::bind_with("127.0.0.1:0", config).unwrap();
    let (address, remote) = (server.local_addr().unwrap(), server.remote());
    let thread = thread::spawn(move || workers::serve(server));
    let uri = format!("ws://{address}/");
    let mut people: Vec<_> = (0..PEOPLE).map(|_| Client::connect(&uri).unwrap()).collect();
    for n in 0..EACH {
        for (person, client) in people.iter_mut().enumerate() {
            client.send(format!("{person}: {n}")).unwrap();
        }
    }
    let mut rooms = Vec::new();
    for client in &mut people {
        let (mut room, mut answers) = (Vec::new(), 0);
        while room.len() < PEOPLE * EACH || answers < EACH {
            match client.receive().unwrap() {
                Some(Message::Text(text)) if text.starts_with("ok ") => answers += 1,
                Some(Message::Text(text)) => room.push(text.into_string()),
                other => panic!("{other:?}"),
            }
        }
        rooms.push(room);
    }
    for room in &rooms {
        assert_eq!(*room, rooms[0]);
    }
    for (n, line) in rooms[0].iter().enumerate() {
        assert!(line.starts_with(&format!("{} ", n + 1)), "{line}");
    }
    drop(people);
    remote.stop();
    thread.join().unwrap().unwrap();
}

#[cfg(feature = "deflate")]
#[test]
fn compression_makes_a_line_that_repeats_itself_short() {
    use guide::compression;
    let world = serve(compression::config(), compression::Broadcast);
    let request = request("/").deflate(&bowsprit::DeflateConfig::default());
    let (mut packed, mut plain) = (world.client_with(&request).unwrap(), world.client());
    let line = "Ada: hello hello hello ".repeat(50);
    packed.send(&line);
    assert_eq!(texts(&mut plain), [&*line], "who does not offer it is sent the same uncompressed");
    assert_eq!(texts(&mut packed), [&*line]);
    let mut metrics = world.connect();
    metrics.write_all(b"GET /metrics HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    let stats = String::from_utf8(metrics.read()).unwrap();
    let sent =
        stats.lines().find(|line| line.starts_with("bowsprit_sent_payload_bytes_total{opcode=\"text\"}")).unwrap();
    let sent: usize = sent.rsplit(' ').next().unwrap().parse().unwrap();
    assert!((line.len()..line.len() + 100).contains(&sent), "{sent}: once as it is, once compressed");
}

#[test]
fn the_guide_shows_the_programs_as_they_are() {
    let guide = include_str!("../docs/guide.md");
    let mut linked = BTreeSet::new();
    for step in guide.split("\n## ") {
        let links = step.split("](../").skip(1).map(|link| link.split(')').next().unwrap());
        let files: Vec<_> = links.map(|path| (path, std::fs::read_to_string(path).expect(path))).collect();
        for language in ["```rust\n", "```js\n"] {
            for code in step.split(language).skip(1) {
                let code = flush_left(code.split("```").next().unwrap());
                let shown = files.iter().any(|(_, file)| flush_left(file).contains(&code));
                assert!(shown, "{:?} have no such lines:\n{code}", files.iter().map(|file| file.0).collect::<Vec<_>>());
            }
        }
        linked.extend(files.iter().map(|(path, _)| (*path).to_owned()));
    }
    let programs = std::fs::read_dir("examples/guide").unwrap().map(|file| file.unwrap().path().display().to_string());
    let missing: Vec<_> = programs.filter(|path| !linked.contains(path) && path != "examples/guide/main.rs").collect();
    assert_eq!(missing, [""; 0]);
}

fn flush_left(code: &str) -> String {
    code.lines().map(|line| format!("{}\n", line.trim_start())).collect()
}

/// Somebody with the guide's client.
struct Person {
    lines: Sender<String>,
    remote: Remote,
    printed: Rc<RefCell<Vec<String>>>,
}

impl Person {
    fn new(world: &World, name: &str) -> Self {
        let (lines, receiver) = mpsc::channel();
        let printed = Rc::new(RefCell::new(Vec::new()));
        let print = {
            let printed = printed.clone();
            move |line: &str| printed.borrow_mut().push(line.to_owned())
        };
        let client = client::Client::new(request("/"), name.into(), "run".into(), receiver, print);
        Self { lines, remote: world.clients(Config::default(), client), printed }
    }

    fn say(&self, n: u64) {
        self.lines.send(n.to_string()).unwrap();
        self.remote.wake();
    }

    /// Numbers and what is behind them.
    fn heard(&self) -> impl Iterator<Item = (u64, String)> {
        let printed = self.printed.borrow().clone();
        printed.into_iter().filter_map(|line| {
            let (seq, rest) = line.split_once(' ')?;
            Some((seq.parse().ok()?, rest.to_owned()))
        })
    }

    fn cuts(&self) -> usize {
        self.printed.borrow().iter().filter(|line| line.starts_with("- ")).count()
    }
}

fn serve<H: Handler<Data: 'static> + 'static>(config: Config, handler: H) -> World {
    let world = World::new();
    world.serve(config, handler);
    world
}

fn request(path: &str) -> ClientRequest {
    ClientRequest::new(Uri::parse(&format!("ws://test{path}")).unwrap())
}

/// A client that has said who it is; at `/chat`, which is any path to those that do not ask.
fn enter(world: &World, hello: &str) -> TestClient {
    let mut client = world.client_with(&request("/chat")).unwrap();
    client.send(hello);
    world.run();
    client
}

/// 300 messages of 10 KB.
fn say_a_lot(author: &mut TestClient) {
    for n in 1..=300 {
        author.send(format!("{n} {}", "x".repeat(10_000)));
        author.receive_all();
    }
}

fn cut_after(bytes: u64) -> Wire {
    let mut wire = Wire::default();
    wire.cut_after = Some(bytes);
    wire
}

fn line(text: &str) -> Heard {
    Heard::Text(text.into())
}

fn texts(client: &mut TestClient) -> Vec<String> {
    let text = |heard| match heard {
        Heard::Text(text) => Some(text),
        _ => None,
    };
    client.receive_all().into_iter().filter_map(text).collect()
}

/// The number of a message of the room.
fn number(heard: &Heard) -> Option<u64> {
    match heard {
        Heard::Text(text) => text.split(' ').next()?.parse().ok(),
        _ => None,
    }
}

fn sequence(client: &mut TestClient) -> Vec<u64> {
    client.receive_all().iter().filter_map(number).collect()
}

/// The code that it was hung up with.
fn refusal(client: &mut TestClient) -> Option<CloseCode> {
    client.receive_all().into_iter().find_map(|heard| match heard {
        Heard::Close(code, _) => Some(code),
        _ => None,
    })
}
