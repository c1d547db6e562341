//! Engine.IO: from polling to a WebSocket.

use std::time::Duration;

use bowsprit::CloseCode;
use bowsprit::testing::TestClient;

use crate::house::{House, POLLING, as_websocket, begin, finish, get, hears, is_closed, open, post, websocket};

fn candidate(house: &House, session: &str) -> TestClient {
    websocket(&house.world, &as_websocket(session)).unwrap()
}

#[test]
fn a_session_moves_and_loses_nothing() {
    let house = House::new();
    let session = open(&house.world, POLLING);
    let mut client = candidate(&house, &session);
    client.send("2probe");
    hears(&mut client, "3probe");
    get(&house.world, &session).is(200, "6");
    post(&house.world, &session, "4queued").is(200, "ok");
    client.send("5");
    client.send("4hello");
    hears(&mut client, "4queued");
    hears(&mut client, "4hello");
    assert_eq!(house.log(), ["open"]);
}

#[test]
fn until_the_upgrade_everything_takes_the_polls() {
    let house = House::new();
    let session = open(&house.world, POLLING);
    let mut client = candidate(&house, &session);
    post(&house.world, &session, "4a").is(200, "ok");
    get(&house.world, &session).is(200, "4a");
    client.send("2probe");
    hears(&mut client, "3probe");
    post(&house.world, &session, "4b").is(200, "ok");
    get(&house.world, &session).is(200, "4b");
    assert_eq!(client.receive(), None);
}

#[test]
fn a_body_that_is_on_its_way_at_the_upgrade_is_of_no_concern() {
    let house = House::new();
    let session = open(&house.world, POLLING);
    let body = begin(&house.world, "POST", &session, "Content-Length: 10\r\n", "");
    let mut client = candidate(&house, &session);
    client.send("2probe");
    hears(&mut client, "3probe");
    client.send("5");
    client.send("4hello");
    hears(&mut client, "4hello");
    drop(body);
    house.world.run();
    client.send("4still here");
    hears(&mut client, "4still here");
    assert_eq!(house.log(), ["open"]);
}

#[test]
fn a_probe_releases_the_held_poll() {
    let house = House::new();
    let session = open(&house.world, POLLING);
    let mut held = begin(&house.world, "GET", &session, "", "");
    let mut client = candidate(&house, &session);
    assert_eq!(held.read(), b"");
    client.send("2probe");
    finish(&mut held).is(200, "6");
}

#[test]
fn every_poll_is_released_while_the_upgrade_lasts() {
    let house = House::new();
    let session = open(&house.world, POLLING);
    let mut client = candidate(&house, &session);
    client.send("2probe");
    get(&house.world, &session).is(200, "6");
    for _ in 0..3 {
        // Not at once, lest a client that does not pause spins.
        let mut held = begin(&house.world, "GET", &session, "", "");
        assert_eq!(held.read(), b"");
        house.world.advance(Duration::from_millis(100));
        finish(&mut held).is(200, "6");
    }
}

#[test]
fn a_poll_that_is_held_at_the_upgrade_hears_that_polling_is_over() {
    let house = House::new();
    let session = open(&house.world, POLLING);
    let mut client = candidate(&house, &session);
    client.send("2probe");
    get(&house.world, &session).is(200, "6");
    let mut held = begin(&house.world, "GET", &session, "", "");
    client.send("5");
    finish(&mut held).is(200, "1");
    client.send("4a");
    hears(&mut client, "3probe");
    hears(&mut client, "4a");
}

#[test]
fn a_second_candidate_is_closed_alone() {
    let house = House::new();
    let session = open(&house.world, POLLING);
    let mut first = candidate(&house, &session);
    let mut second = candidate(&house, &session);
    is_closed(&mut second);
    first.send("2probe");
    hears(&mut first, "3probe");
    first.send("5");
    let mut third = candidate(&house, &session);
    is_closed(&mut third);
    first.send("4a");
    hears(&mut first, "4a");
    assert_eq!(house.log(), ["open"]);
}

#[test]
fn a_candidate_that_says_anything_else_is_closed_alone() {
    for text in ["4hello", "5", "2", "2prob", "", "abc"] {
        let house = House::new();
        let session = open(&house.world, POLLING);
        let mut client = candidate(&house, &session);
        client.send(text);
        is_closed(&mut client);
        post(&house.world, &session, "4a").is(200, "ok");
        let mut again = candidate(&house, &session);
        again.send("2probe");
        hears(&mut again, "3probe");
        assert_eq!(house.log(), ["open"], "{text}");
    }
}

#[test]
fn a_candidate_that_leaves_costs_nothing() {
    let house = House::new();
    let session = open(&house.world, POLLING);
    let mut client = candidate(&house, &session);
    client.send("2probe");
    client.close(CloseCode::NORMAL, "").unwrap();
    house.world.run();
    drop(client);
    drop(candidate(&house, &session));
    house.world.run();
    post(&house.world, &session, "4a").is(200, "ok");
    get(&house.world, &session).is(200, "4a");
    assert_eq!(house.log(), ["open"]);
}

#[test]
fn an_upgrade_has_its_time_and_no_more() {
    let house = House::new();
    let session = open(&house.world, POLLING);
    let mut client = candidate(&house, &session);
    client.send("2probe");
    hears(&mut client, "3probe");
    house.world.advance(Duration::from_millis(9_999));
    assert_eq!(client.receive(), None);
    house.world.advance(Duration::from_millis(1));
    is_closed(&mut client);
    post(&house.world, &session, "4a").is(200, "ok");
    assert_eq!(house.log(), ["open"]);
}

#[test]
fn a_session_that_ends_takes_its_candidate_along() {
    let house = House::new();
    let session = open(&house.world, POLLING);
    let mut client = candidate(&house, &session);
    post(&house.world, &session, "1").is(200, "ok");
    is_closed(&mut client);
}

#[test]
fn the_heartbeat_goes_on_during_an_upgrade() {
    let house = House::with(|config| config.upgrade_timeout = Duration::from_secs(3600));
    let session = open(&house.world, POLLING);
    let mut client = candidate(&house, &session);
    client.send("2probe");
    hears(&mut client, "3probe");
    house.world.advance(Duration::from_secs(45));
    is_closed(&mut client);
    assert_eq!(house.log(), ["open", "ping timeout"]);
}

#[test]
fn polling_after_the_upgrade_is_refused_and_the_session_goes_on() {
    let house = House::new();
    let session = open(&house.world, POLLING);
    let mut client = candidate(&house, &session);
    client.send("2probe");
    client.send("5");
    hears(&mut client, "3probe");
    get(&house.world, &session).is(400, r#"{"code":3,"message":"Bad request"}"#);
    post(&house.world, &session, "4a").is(400, r#"{"code":3,"message":"Bad request"}"#);
    client.send("4a");
    hears(&mut client, "4a");
}
