//! The world itself: its clock, its links and their faults.

use std::cell::RefCell;
use std::io::ErrorKind;
use std::rc::Rc;
use std::time::Duration;

use bowsprit::handshake::{ClientRequest, Request, Response, Uri};
use bowsprit::net::{Cause, ClientError, Config, Handler, Peer};
use bowsprit::testing::{Call, Heard, Wire, World};
use bowsprit::{CloseCode, Message};

fn echo(peer: &mut Peer<'_, ()>, message: Message<'_>) {
    let _ = peer.send(message);
}

fn world_of_echoes() -> World {
    let world = World::new();
    world.serve(Config::default(), echo);
    world
}

#[test]
fn a_delay_takes_its_time_both_ways() {
    let world = world_of_echoes();
    let mut client = world.client();
    client.link().outgoing(|wire| wire.delay = Duration::from_millis(30));
    client.link().incoming(|wire| wire.delay = Duration::from_millis(20));
    client.send("hello");
    world.advance(Duration::from_millis(49));
    assert_eq!(client.receive(), None);
    world.advance(Duration::from_millis(1));
    assert_eq!(client.receive(), Some(Heard::Text("hello".into())));
    let before = world.now();
    client.send("again");
    assert_eq!(client.receive_within(Duration::from_secs(9)), Some(Heard::Text("again".into())));
    assert_eq!(world.now() - before, Duration::from_millis(50));
    assert_eq!(client.receive_within(Duration::from_secs(2)), None);
    assert_eq!(world.now() - before, Duration::from_millis(2050));
}

#[test]
fn a_narrow_link_holds_what_it_can() {
    let world = world_of_echoes();
    let mut link = world.connect();
    link.outgoing(|wire| wire.capacity = 10);
    link.stall();
    assert_eq!(link.write(&[b'x'; 30]).unwrap(), 10);
    assert_eq!(link.write(b"x").unwrap(), 0);
    assert_eq!(link.write_all(b"x").unwrap_err().kind(), ErrorKind::WouldBlock);
    link.resume();
    world.run();
    assert_eq!(link.write(&[b'x'; 30]).unwrap(), 10);
}

#[test]
fn a_cut_resets_both_ends_behind_the_last_byte() {
    let world = World::new();
    let causes = Rc::<RefCell<Vec<String>>>::default();
    struct Causes(Rc<RefCell<Vec<String>>>);
    impl Handler for Causes {
        type Data = ();
        fn message(&mut self, peer: &mut Peer<'_, ()>, message: Message<'_>) {
            echo(peer, message);
        }
        fn close(&mut self, _peer: &mut Peer<'_, ()>, cause: &Cause<'_>) {
            self.0.borrow_mut().push(format!("{cause:?}"));
        }
    }
    world.serve(Config::default(), Causes(causes.clone()));
    let mut client = world.client();
    client.send("a");
    assert_eq!(client.receive(), Some(Heard::Text("a".into())));
    // The handshake was 101 and some bytes, the echo 3: cut in the middle of the next.
    let mut taken = 0;
    client.link().incoming(|wire| {
        taken = wire.capacity;
        wire.cut_after = Some(0);
    });
    assert_eq!(taken, Wire::default().capacity);
    client.send("b");
    assert_eq!(client.receive(), Some(Heard::Reset));
    assert_eq!(client.receive(), None);
    assert_eq!(*causes.borrow(), ["Lost(ConnectionReset)"]);
}

#[test]
fn small_reads_and_writes_make_no_difference() {
    for n in [1, 2, 3, 7] {
        let world = world_of_echoes();
        let mut wire = Wire::default();
        (wire.read_at_most, wire.write_at_most, wire.capacity) = (n, n, n);
        world.set_wire(wire);
        let mut client = world.client();
        for len in [0, 1, 125, 126, 1000] {
            client.send(vec![7; len].as_slice());
            assert_eq!(client.receive(), Some(Heard::Binary(vec![7; len])), "{n} at a time");
        }
    }
}

#[test]
fn a_failed_call_is_the_one_that_was_named() {
    let world = world_of_echoes();
    let (mut first, mut second) = (world.client(), world.client());
    let reads = world.calls(Call::Read);
    world.fail(Call::Read, 2, ErrorKind::ConnectionReset);
    first.send("first");
    assert_eq!(first.receive(), Some(Heard::Text("first".into())));
    second.send("second");
    // What the server did not read makes its leaving a reset.
    assert_eq!(second.receive(), Some(Heard::Reset));
    assert_eq!(world.calls(Call::Read) - reads, 2);
    first.send("unharmed");
    assert_eq!(first.receive(), Some(Heard::Text("unharmed".into())));
}

#[test]
fn a_refusal_tells_its_status() {
    struct Closed;
    impl Handler for Closed {
        type Data = ();
        fn upgrade(&mut self, _request: &Request<'_>) -> Response {
            Response::new(403)
        }
        fn message(&mut self, _peer: &mut Peer<'_, ()>, _message: Message<'_>) {}
    }
    let world = World::new();
    world.serve(Config::default(), Closed);
    let request = ClientRequest::new(Uri::parse("ws://server/").unwrap());
    match world.client_with(&request) {
        Err(ClientError::Refused(refusal)) => assert_eq!(refusal.status(), 403),
        other => panic!("{other:?}"),
    }
}

#[test]
fn nobody_listens_in_an_empty_world() {
    let world = World::new();
    let mut link = world.connect();
    assert!(link.is_reset());
    assert_eq!(link.write(b"x").unwrap_err().kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn a_stopped_server_ends_when_its_connections_have() {
    let world = World::new();
    let server = world.serve(Config::default(), echo);
    let mut client = world.client();
    server.stop();
    world.run();
    assert!(world.is_running(0));
    assert_eq!(client.receive(), Some(Heard::Close(CloseCode::GOING_AWAY, String::new())));
    assert_eq!(client.receive(), Some(Heard::End));
    drop(client);
    world.run();
    assert!(!world.is_running(0));
    assert!(world.connect().is_reset());
}

#[test]
fn the_same_seed_is_the_same_world() {
    let run = |seed| {
        let world = World::seeded(seed);
        let mut wire = Wire::default();
        (wire.read_at_most, wire.write_at_most) = (50, 50);
        world.set_wire(wire);
        world.serve(Config::default(), echo);
        let mut client = world.client();
        client.send([1; 500].as_slice());
        assert_eq!(client.receive(), Some(Heard::Binary(vec![1; 500])));
        (world.calls(Call::Read), world.calls(Call::Write))
    };
    assert_eq!(run(1), run(1));
    let all: std::collections::BTreeSet<_> = (0..20).map(run).collect();
    assert!(all.len() > 5, "{all:?}");
}
