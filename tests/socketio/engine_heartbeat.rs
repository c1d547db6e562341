//! Engine.IO: pings from the server, to the millisecond.

use std::time::Duration;

use crate::house::{House, POLLING, WEBSOCKET, begin, finish, get, hears, is_closed, open, post, websocket};

fn quick() -> House {
    House::with(|config| {
        config.ping_interval = Duration::from_millis(300);
        config.ping_timeout = Duration::from_millis(200);
    })
}

#[test]
fn a_ping_releases_the_poll() {
    let house = quick();
    let session = open(&house.world, POLLING);
    let mut held = begin(&house.world, "GET", &session, "", "");
    house.world.advance(Duration::from_millis(299));
    assert_eq!(held.read(), b"");
    house.world.advance(Duration::from_millis(1));
    finish(&mut held).is(200, "2");
}

#[test]
fn a_session_without_a_pong_is_over_to_the_millisecond() {
    let house = quick();
    let session = open(&house.world, POLLING);
    house.world.advance(Duration::from_millis(499));
    get(&house.world, &session).is(200, "2");
    house.world.advance(Duration::from_millis(1));
    assert_eq!(house.log(), ["open", "ping timeout"]);
    assert_eq!(get(&house.world, &session).status, 400);
}

#[test]
fn a_held_poll_hears_that_the_session_is_over() {
    let house = quick();
    let session = open(&house.world, POLLING);
    house.world.advance(Duration::from_millis(300));
    get(&house.world, &session).is(200, "2");
    let mut held = begin(&house.world, "GET", &session, "", "");
    house.world.advance(Duration::from_millis(200));
    finish(&mut held).is(200, "1");
}

#[test]
fn a_pong_counts_from_its_arrival() {
    let house = quick();
    let session = open(&house.world, POLLING);
    house.world.advance(Duration::from_millis(400));
    get(&house.world, &session).is(200, "2");
    post(&house.world, &session, "3").is(200, "ok");
    let mut held = begin(&house.world, "GET", &session, "", "");
    house.world.advance(Duration::from_millis(299));
    assert_eq!(held.read(), b"");
    house.world.advance(Duration::from_millis(1));
    finish(&mut held).is(200, "2");
}

#[test]
fn nothing_but_a_pong_is_an_answer() {
    let house = quick();
    let session = open(&house.world, POLLING);
    house.world.advance(Duration::from_millis(300));
    post(&house.world, &session, "4a").is(200, "ok");
    house.world.advance(Duration::from_millis(200));
    assert_eq!(house.log(), ["open", "ping timeout"]);
}

#[test]
fn a_pong_that_nobody_asked_for_puts_nothing_off() {
    let house = quick();
    let session = open(&house.world, POLLING);
    house.world.advance(Duration::from_millis(299));
    post(&house.world, &session, "3").is(200, "ok");
    house.world.advance(Duration::from_millis(1));
    get(&house.world, &session).is(200, "2");
}

#[test]
fn a_ping_from_the_client_ends_the_session() {
    let house = quick();
    let session = open(&house.world, POLLING);
    post(&house.world, &session, "2").is(400, "");
    assert_eq!(house.log(), ["open", "transport error"]);
}

#[test]
fn a_websocket_is_pinged_and_closed_in_the_same_way() {
    let house = quick();
    let mut client = websocket(&house.world, WEBSOCKET).unwrap();
    client.receive();
    house.world.advance(Duration::from_millis(300));
    hears(&mut client, "2");
    client.send("3");
    house.world.advance(Duration::from_millis(300));
    hears(&mut client, "2");
    house.world.advance(Duration::from_millis(199));
    assert_eq!(client.receive(), None);
    house.world.advance(Duration::from_millis(1));
    is_closed(&mut client);
    assert_eq!(house.log(), ["open", "ping timeout"]);
}

#[test]
fn a_pong_that_is_late_because_of_an_upgrade_has_its_time_again() {
    let house = quick();
    let session = open(&house.world, POLLING);
    let mut client = websocket(&house.world, &crate::house::as_websocket(&session)).unwrap();
    client.send("2probe");
    hears(&mut client, "3probe");
    house.world.advance(Duration::from_millis(400));
    client.send("5");
    hears(&mut client, "2");
    house.world.advance(Duration::from_millis(199));
    assert_eq!(client.receive(), None);
    house.world.advance(Duration::from_millis(1));
    is_closed(&mut client);
    assert_eq!(house.log(), ["open", "ping timeout"]);
}
