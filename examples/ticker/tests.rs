//! What the policies do, in a world whose clock moves by hand.

use std::time::Duration;

use bowsprit::handshake::{ClientRequest, Uri};
use bowsprit::testing::{Heard, TestClient, World};
use serde_json::Value;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn world() -> World {
    let world = World::new();
    world.serve(settings(Config::default()), Ticker::new());
    world
}

fn connect(world: &World, path: &str, tab: &str) -> TestClient {
    world.client_with(&request(path, tab)).unwrap()
}

fn request(path: &str, tab: &str) -> ClientRequest {
    ClientRequest::new(Uri::parse(&format!("ws://127.0.0.1/{path}?tab={tab}")).unwrap())
}

/// The numbers of the ticks that have come, and how the connection ended, if it did.
fn ticks(client: &mut TestClient) -> (Vec<u64>, Option<Heard>) {
    let mut numbers = Vec::new();
    for heard in client.receive_all() {
        match heard {
            Heard::Text(text) => numbers.extend(serde_json::from_str::<Value>(&text).unwrap()["n"].as_u64()),
            Heard::Ping(_) => {}
            end => return (numbers, Some(end)),
        }
    }
    (numbers, None)
}

/// The last that a page was told of tab 1.
fn told(control: &mut TestClient) -> Value {
    let status = control.receive_all().into_iter().rev().find_map(|heard| match heard {
        Heard::Text(text) if text.contains(r#""type":"status""#) => Some(text),
        _ => None,
    });
    serde_json::from_str::<Value>(&status.unwrap()).unwrap()["tabs"][0].clone()
}

/// Tab 1 under a policy reads nothing for 10 s: its page, what it reads then, and how it ended. Tab 2 misses nothing.
fn slow(policy: &str) -> (Value, Vec<u64>, Option<Heard>) {
    let world = world();
    let mut control = connect(&world, "control", "slowslow");
    control.send(format!(r#"{{"type":"policy","policy":"{policy}"}}"#));
    let (mut slow, mut fast) = (connect(&world, "ticks", "slowslow"), connect(&world, "ticks", "fastfast"));
    let mut all = Vec::new();
    for _ in 0..100 {
        world.advance(SECOND / 10);
        all.extend(ticks(&mut fast).0);
    }
    assert!(all.len() > 1900, "{}", all.len());
    assert!(all.windows(2).all(|pair| pair[1] == pair[0] + 1), "the other misses nothing");
    let status = told(&mut control);
    let (read, end) = ticks(&mut slow);
    assert!(read.windows(2).all(|pair| pair[1] > pair[0]), "in order, and none twice");
    (status, read, end)
}

/// What a tab that keeps up reads in that time.
fn watch(world: &World, reader: &mut TestClient, time: Duration) -> Vec<u64> {
    let mut read = Vec::new();
    for _ in 0..time.as_millis() / 10 {
        world.advance(Duration::from_millis(10));
        let (ticks, end) = ticks(reader);
        assert_eq!(end, None);
        read.extend(ticks);
    }
    assert_eq!(gaps(&read), 0);
    read
}

fn gaps(read: &[u64]) -> usize {
    read.windows(2).filter(|pair| pair[1] != pair[0] + 1).count()
}

#[test]
fn drop_newest_keeps_the_oldest_until_there_is_room() {
    let (status, read, end) = slow("drop_newest");
    assert_eq!((gaps(&read), end), (0, None), "what was queued is one piece");
    assert!(status["queued"].as_u64().unwrap() >= QUEUE as u64);
    assert_eq!(status["kept"].as_u64().unwrap(), read.len() as u64);
    assert!(status["dropped"].as_u64().unwrap() > 1000, "{status}");
}

#[test]
fn keep_latest_ends_with_what_is_true_now() {
    let (status, read, end) = slow("keep_latest");
    assert_eq!((gaps(&read), end), (1, None), "what had left, and the latest");
    let (kept, dropped) = (status["kept"].as_u64().unwrap(), status["dropped"].as_u64().unwrap());
    assert_eq!(kept, read.len() as u64);
    assert!(dropped > 1000 && *read.last().unwrap() == kept + dropped, "{status}");
}

#[test]
fn close_says_why_to_the_tab_and_to_its_page() {
    let (status, read, end) = slow("close");
    assert_eq!((gaps(&read), end), (0, Some(Heard::Close(CloseCode::POLICY_VIOLATION, "reads too slowly".into()))));
    assert_eq!((status["open"].as_bool(), status["why"].as_str()), (Some(false), Some("the queue was full")));
}

#[test]
fn the_rate_is_what_was_asked_for_and_bounded() {
    let world = world();
    let (mut control, mut reader) = (connect(&world, "control", "readread"), connect(&world, "ticks", "readread"));
    for (asked, rate) in [(1, 1), (50, 50), (0, 1), (1_000_000, MAX_RATE as usize)] {
        control.send(format!(r#"{{"type":"rate","rate":{asked}}}"#));
        watch(&world, &mut reader, SECOND);
        let came = watch(&world, &mut reader, 2 * SECOND).len();
        assert!(came.abs_diff(2 * rate) <= 2 + rate / 20, "{asked}: {came} in 2 s");
    }
}

#[test]
fn a_tab_that_comes_again_takes_the_place_of_its_old_connection() {
    let world = world();
    let (mut old, mut new) = (connect(&world, "ticks", "samesame"), connect(&world, "ticks", "samesame"));
    assert!(watch(&world, &mut new, SECOND).len() > 100);
    assert_eq!(ticks(&mut old).1, Some(Heard::Close(CloseCode::POLICY_VIOLATION, "the tab has come again".into())));
    // The end of the old one is not taken for its own.
    assert!(watch(&world, &mut new, 10 * SECOND).len() > 1900);
}

#[test]
fn what_no_page_would_say_ends_that_connection_alone() {
    let world = world();
    let mut witness = connect(&world, "ticks", "witness0");
    for (said, told) in [
        ("", "not understood"),
        (r#"{"type":"rate","rate":-1}"#, "not understood"),
        (r#"{"type":"policy","policy":"none"}"#, "there is no such policy"),
    ] {
        let mut control = connect(&world, "control", "badtabs0");
        control.send(said);
        world.run();
        assert_eq!(ticks(&mut control).1, Some(Heard::Close(CloseCode::POLICY_VIOLATION, told.into())), "{said}");
    }
    world.advance(SECOND);
    assert_eq!(gaps(&ticks(&mut witness).0), 0);
}

#[test]
fn tabs_are_limited_and_leave_room_when_they_have_gone() {
    let world = world();
    let come = |tab: &str| world.client_with(&request("control", tab));
    let tabs: Vec<_> = (0..tabs::MOST).map(|n| come(&format!("tab{n:05}")).unwrap()).collect();
    for refused in ["onemore0", "short", "", "with/a/slash"] {
        assert!(come(refused).is_err(), "{refused}");
    }
    come("tab00007").expect("who is there may come again");
    for mut tab in tabs {
        tab.link().reset();
    }
    world.advance(20 * SECOND);
    come("onemore0").expect("there is room again");
}
