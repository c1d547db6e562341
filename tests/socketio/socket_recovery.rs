//! Socket.IO: connection state recovery. What a client missed comes before it is welcome again.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use bowsprit::socketio::{Admission, Args, Config, Io, Recovery};
use bowsprit::testing::{Heard, TestClient, World};

use crate::house::{begin, finish, get, hears, is_closed, open, post};
use crate::stage::{Log, POLLING, enter, log, say, session, stage_with};

/// A client, and what it needs to come back.
struct Known {
    client: TestClient,
    sid: String,
    pid: String,
}

fn known(world: &World) -> Known {
    let mut client = session(world);
    client.send("40");
    let (sid, pid) = welcomed(&mut client);
    Known { client, sid, pid }
}

fn text(client: &mut TestClient) -> String {
    match client.receive() {
        Some(Heard::Text(text)) => text,
        other => panic!("{other:?}"),
    }
}

fn welcomed(client: &mut TestClient) -> (String, String) {
    ids(&text(client))
}

#[track_caller]
fn ids(welcome: &str) -> (String, String) {
    let json: serde_json::Value = serde_json::from_str(welcome.strip_prefix("40").expect(welcome)).unwrap();
    let id = |key: &str| json[key].as_str().expect(welcome).to_string();
    (id("sid"), id("pid"))
}

/// An event without its offset, and that.
#[track_caller]
fn parted(event: &str) -> (String, String) {
    let (event, offset) = event.strip_suffix("\"]").expect(event).rsplit_once(",\"").expect(event);
    (format!("{event}]"), offset.into())
}

/// Hears an event; returns its offset.
#[track_caller]
fn hears_with_offset(client: &mut TestClient, event: &str) -> String {
    let (heard, offset) = parted(&text(client));
    assert_eq!(heard, event);
    offset
}

/// The connection is gone, and the server knows.
fn lose(world: &World, client: TestClient) {
    drop(client);
    world.run();
}

fn come_back(world: &World, pid: &str, offset: Option<&str>) -> TestClient {
    let mut client = session(world);
    let offset = offset.map_or(String::new(), |offset| format!(",\"offset\":\"{offset}\""));
    client.send(format!("40{{\"pid\":\"{pid}\"{offset}}}"));
    client
}

fn server(io: &mut Io, told: &Log) {
    let (connects, leaves, guarded) = (told.clone(), told.clone(), told.clone());
    io.of("/")
        .guard(move |_| {
            guarded.borrow_mut().push("asked".into());
            Ok(())
        })
        .on_connect(move |socket| {
            let rooms = socket.rooms().join(" ");
            let data = socket.get::<String>().cloned().unwrap_or_default();
            connects.borrow_mut().push(format!("{} [{rooms}] {data}", socket.recovered()));
        })
        .on_disconnect(move |_, reason| leaves.borrow_mut().push(reason.to_string()))
        .on("join", |socket, event| {
            socket.join(event.arg(0).unwrap());
        })
        .on("leave", |socket, event| {
            socket.leave(event.arg(0).unwrap());
        })
        .on("set", |socket, event| {
            let data: String = event.arg(0).unwrap();
            socket.set(data);
        })
        .on("to", |socket, event| {
            let room: String = event.arg(0).unwrap();
            let _ = socket.everybody().to(room).emit("said", (event.raw(1),));
        })
        .on("but", |socket, event| {
            let room: String = event.arg(0).unwrap();
            let _ = socket.everybody().except(room).emit("said", (event.raw(1),));
        })
        .on("everybody", |socket, event| {
            let _ = socket.everybody().emit("said", event.args());
        })
        .on("bytes", |socket, _| {
            let _ = socket.everybody().emit("bytes", Args::new().binary(vec![1, 2, 3, 4]));
        })
        .on("volatile", |socket, event| {
            let _ = socket.everybody().volatile().emit("volatile", event.args());
        })
        .on("ask", |socket, _| {
            let _ = socket.emit_with_ack("question", ("?",), Duration::MAX, |_, _| {});
        })
        .on("me", |socket, event| {
            let _ = socket.emit("yours", event.args());
        })
        .on("out", |socket, _| socket.disconnect(false));
    io.of("/other");
}

fn stage() -> (World, Log) {
    stage_of(Recovery::default())
}

fn stage_of(recovery: Recovery) -> (World, Log) {
    let mut config = Config::default();
    config.recovery = Some(recovery);
    stage_with(config, server)
}

fn settings(change: impl FnOnce(&mut Recovery)) -> Recovery {
    let mut recovery = Recovery::default();
    change(&mut recovery);
    recovery
}

#[test]
fn who_comes_back_finds_id_rooms_data_and_what_it_missed_in_order() {
    let (world, told) = stage();
    let mut ada = known(&world);
    let mut bob = known(&world);
    say(&world, &mut ada.client, r#"42["join","red"]"#);
    say(&world, &mut ada.client, r#"42["set","dear"]"#);
    say(&world, &mut bob.client, r#"42["everybody",0]"#);
    let offset = hears_with_offset(&mut ada.client, r#"42["said",0]"#);
    lose(&world, ada.client);
    say(&world, &mut bob.client, r#"42["everybody",1]"#);
    say(&world, &mut bob.client, r#"42["to","red",2]"#);
    say(&world, &mut bob.client, r#"42["to","blue",3]"#);
    say(&world, &mut bob.client, r#"42["bytes"]"#);
    say(&world, &mut bob.client, &format!(r#"42["to","{}",4]"#, ada.sid));
    let mut again = come_back(&world, &ada.pid, Some(&offset));
    hears_with_offset(&mut again, r#"42["said",1]"#);
    hears_with_offset(&mut again, r#"42["said",2]"#);
    hears_with_offset(&mut again, r#"451-["bytes",{"_placeholder":true,"num":0}]"#);
    assert_eq!(again.receive(), Some(Heard::Binary(vec![1, 2, 3, 4])));
    hears_with_offset(&mut again, r#"42["said",4]"#);
    assert_eq!(welcomed(&mut again), (ada.sid, ada.pid));
    say(&world, &mut bob.client, r#"42["to","red",5]"#);
    hears_with_offset(&mut again, r#"42["said",5]"#);
    assert_eq!(again.receive(), None);
    assert_eq!(log(&told), ["asked", "false [] ", "asked", "false [] ", "transport close", "true [red] dear"]);
}

#[test]
fn who_has_heard_nothing_yet_comes_back_too() {
    let (world, _) = stage();
    let mut bob = known(&world);
    say(&world, &mut bob.client, r#"42["everybody","before"]"#);
    let ada = known(&world);
    lose(&world, ada.client);
    say(&world, &mut bob.client, r#"42["everybody","meanwhile"]"#);
    let mut again = come_back(&world, &ada.pid, None);
    hears_with_offset(&mut again, r#"42["said","meanwhile"]"#);
    assert_eq!(welcomed(&mut again), (ada.sid, ada.pid));
}

#[test]
fn a_long_quiet_time_is_no_hindrance() {
    let (world, _) = stage();
    let (mut ada, mut bob) = (known(&world), known(&world));
    say(&world, &mut bob.client, r#"42["to","nobody else",0]"#);
    say(&world, &mut bob.client, r#"42["everybody",1]"#);
    let offset = hears_with_offset(&mut ada.client, r#"42["said",1]"#);
    for _ in 0..40 {
        world.advance(Duration::from_secs(25));
        for client in [&mut ada.client, &mut bob.client] {
            while client.receive().is_some() {}
            client.send("3");
        }
        world.run();
    }
    lose(&world, ada.client);
    say(&world, &mut bob.client, r#"42["everybody",2]"#);
    let mut again = come_back(&world, &ada.pid, Some(&offset));
    hears_with_offset(&mut again, r#"42["said",2]"#);
    assert_eq!(welcomed(&mut again), (ada.sid, ada.pid));
}

#[test]
fn volatile_events_have_an_offset_and_are_not_kept() {
    let (world, _) = stage();
    let (mut ada, mut bob) = (known(&world), known(&world));
    say(&world, &mut bob.client, r#"42["everybody",1]"#);
    let first = hears_with_offset(&mut ada.client, r#"42["said",1]"#);
    say(&world, &mut bob.client, r#"42["volatile","text"]"#);
    let offset = hears_with_offset(&mut ada.client, r#"42["volatile","text"]"#);
    assert_eq!(offset, first);
    lose(&world, ada.client);
    say(&world, &mut bob.client, r#"42["volatile","gone"]"#);
    say(&world, &mut bob.client, r#"42["everybody",2]"#);
    let mut again = come_back(&world, &ada.pid, Some(&offset));
    hears_with_offset(&mut again, r#"42["said",2]"#);
    assert_eq!(welcomed(&mut again), (ada.sid, ada.pid));
}

#[test]
fn an_event_that_asks_has_no_offset() {
    let (world, _) = stage();
    let mut ada = known(&world);
    say(&world, &mut ada.client, r#"42["ask"]"#);
    hears(&mut ada.client, r#"420["question","?"]"#);
}

#[test]
fn a_connection_that_nobody_knows_is_gone_gives_way() {
    let (world, told) = stage();
    let (mut ada, mut bob) = (known(&world), known(&world));
    ada.client.link().stall();
    say(&world, &mut bob.client, r#"42["everybody",1]"#);
    let mut again = come_back(&world, &ada.pid, None);
    hears_with_offset(&mut again, r#"42["said",1]"#);
    assert_eq!(welcomed(&mut again), (ada.sid.clone(), ada.pid.clone()));
    assert_eq!(log(&told)[4..], ["transport close", "true [] "]);
    // And again, as often as it likes.
    again.link().stall();
    say(&world, &mut bob.client, r#"42["everybody",2]"#);
    let mut third = come_back(&world, &ada.pid, None);
    hears_with_offset(&mut third, r#"42["said",1]"#);
    hears_with_offset(&mut third, r#"42["said",2]"#);
    assert_eq!(welcomed(&mut third), (ada.sid, ada.pid));
    ada.client.link().resume();
    while ada.client.receive().is_some_and(|heard| !matches!(heard, Heard::Close(..))) {}
    assert_eq!(log(&told).len(), 8);
}

#[test]
fn only_what_it_was_in_the_room_for_is_missed() {
    let (world, _) = stage();
    let (mut ada, mut bob) = (known(&world), known(&world));
    say(&world, &mut ada.client, r#"42["join","left"]"#);
    say(&world, &mut bob.client, r#"42["to","late","too early"]"#);
    say(&world, &mut bob.client, r#"42["to","left","lost on the way"]"#);
    say(&world, &mut ada.client, r#"42["leave","left"]"#);
    say(&world, &mut ada.client, r#"42["join","late"]"#);
    say(&world, &mut bob.client, r#"42["to","left","too late"]"#);
    say(&world, &mut bob.client, r#"42["to","late","now"]"#);
    lose(&world, ada.client);
    say(&world, &mut bob.client, r#"42["but","late","not for it"]"#);
    say(&world, &mut bob.client, r#"42["but","left","for it"]"#);
    let mut again = come_back(&world, &ada.pid, None);
    hears_with_offset(&mut again, r#"42["said","lost on the way"]"#);
    hears_with_offset(&mut again, r#"42["said","now"]"#);
    hears_with_offset(&mut again, r#"42["said","for it"]"#);
    assert_eq!(welcomed(&mut again), (ada.sid, ada.pid));
}

#[test]
fn the_window_is_kept_to_the_instant() {
    for (late, recovers) in [(Duration::ZERO, true), (Duration::from_millis(1), false)] {
        let (world, _) = stage();
        let ada = known(&world);
        let at = world.now();
        lose(&world, ada.client);
        world.advance(at + Duration::from_secs(120) + late - world.now());
        let mut again = come_back(&world, &ada.pid, None);
        assert_eq!(welcomed(&mut again) == (ada.sid, ada.pid), recovers, "{late:?}");
    }
}

#[test]
fn an_event_sent_to_a_connection_that_was_gone_already_is_still_there() {
    let (world, _) = stage();
    let (mut ada, mut bob) = (known(&world), known(&world));
    ada.client.link().stall();
    say(&world, &mut bob.client, r#"42["everybody",1]"#);
    // The ping goes out after 25 s, and 20 s later the session is over.
    world.advance(Duration::from_secs(25));
    while bob.client.receive().is_some() {}
    bob.client.send("3");
    world.advance(Duration::from_secs(20));
    world.advance(Duration::from_secs(119));
    let mut again = come_back(&world, &ada.pid, None);
    hears_with_offset(&mut again, r#"42["said",1]"#);
    assert_eq!(welcomed(&mut again), (ada.sid, ada.pid));
}

#[test]
fn who_is_unknown_or_elsewhere_is_somebody_new() {
    let (world, _) = stage();
    let ada = known(&world);
    lose(&world, ada.client);
    let mut client = come_back(&world, "foo", Some("bar"));
    assert_ne!(welcomed(&mut client), (ada.sid.clone(), ada.pid.clone()));
    client.send(format!("40/other,{{\"pid\":\"{}\"}}", ada.pid));
    let other = text(&mut client);
    assert!(other.starts_with("40/other,") && !other.contains(&ada.sid), "{other}");
    for auth in [format!("{{\"pid\":[\"{}\"]}}", ada.pid), "{\"pid\":null}".into(), "{}".into()] {
        let mut client = session(&world);
        client.send(format!("40{auth}"));
        assert_ne!(welcomed(&mut client).0, ada.sid, "{auth}");
    }
    // None of that has taken its place.
    let mut again = come_back(&world, &ada.pid, None);
    assert_eq!(welcomed(&mut again), (ada.sid, ada.pid));
}

#[test]
fn who_was_put_out_or_left_is_not_waited_for() {
    for text in ["41", r#"42["out"]"#] {
        let (world, _) = stage();
        let mut ada = known(&world);
        say(&world, &mut ada.client, text);
        lose(&world, ada.client);
        let mut again = come_back(&world, &ada.pid, None);
        assert_ne!(welcomed(&mut again).0, ada.sid);
    }
}

#[test]
fn an_offset_that_is_none_stands_for_nothing_heard() {
    let (world, _) = stage();
    for offset in ["", "an application's own", "ffffffffffffffff", "1", "-1", "é"] {
        let (mut ada, mut bob) = (known(&world), known(&world));
        say(&world, &mut bob.client, r#"42["everybody",1]"#);
        hears_with_offset(&mut ada.client, r#"42["said",1]"#);
        lose(&world, ada.client);
        let mut again = come_back(&world, &ada.pid, Some(offset));
        hears_with_offset(&mut again, r#"42["said",1]"#);
        assert_eq!(welcomed(&mut again), (ada.sid, ada.pid), "{offset}");
    }
}

#[test]
fn events_at_the_limit_are_kept_and_one_more_makes_a_stranger() {
    for (events, recovers) in [(3, true), (4, false)] {
        let (world, _) = stage_of(settings(|recovery| recovery.max_events = 3));
        let (ada, mut bob) = (known(&world), known(&world));
        lose(&world, ada.client);
        for n in 0..events {
            say(&world, &mut bob.client, &format!(r#"42["everybody",{n}]"#));
        }
        let mut again = come_back(&world, &ada.pid, None);
        if recovers {
            for n in 0..events {
                hears_with_offset(&mut again, &format!(r#"42["said",{n}]"#));
            }
        }
        assert_eq!(welcomed(&mut again) == (ada.sid, ada.pid), recovers, "{events}");
    }
}

#[test]
fn what_was_forgotten_early_hinders_nobody_for_ever() {
    let (world, _) = stage_of(settings(|recovery| recovery.max_bytes = 0));
    let (mut ada, mut bob) = (known(&world), known(&world));
    say(&world, &mut bob.client, r#"42["everybody",1]"#);
    let heard = |client: &mut TestClient| while client.receive().is_some() {};
    for _ in 0..9 {
        world.advance(Duration::from_secs(25));
        for client in [&mut ada.client, &mut bob.client] {
            heard(client);
            client.send("3");
        }
        world.run();
    }
    // Ada would have been missed long ago, had that been on its way.
    lose(&world, ada.client);
    let mut again = come_back(&world, &ada.pid, None);
    assert_eq!(welcomed(&mut again), (ada.sid, ada.pid));
}

#[test]
fn who_is_gone_for_longest_is_given_up_first() {
    let (world, _) = stage_of(settings(|recovery| recovery.max_sockets = 2));
    let gone: Vec<_> = (0..3)
        .map(|_| {
            let Known { client, sid, pid } = known(&world);
            lose(&world, client);
            (sid, pid)
        })
        .collect();
    let mut again: Vec<_> = gone.iter().map(|(_, pid)| come_back(&world, pid, None)).collect();
    let is_back = |(client, (sid, _)): (&mut TestClient, &(String, String))| welcomed(client).0 == *sid;
    assert_eq!(again.iter_mut().zip(&gone).map(is_back).collect::<Vec<_>>(), [false, true, true]);
}

#[test]
fn more_than_can_be_sent_at_once_is_not_sent_at_all() {
    let (world, _) = stage();
    let (ada, mut bob) = (known(&world), known(&world));
    lose(&world, ada.client);
    for _ in 0..6 {
        say(&world, &mut bob.client, &format!(r#"42["everybody","{}"]"#, "x".repeat(90_000)));
        assert!(bob.client.receive().is_some());
    }
    let mut again = come_back(&world, &ada.pid, None);
    assert_ne!(welcomed(&mut again).0, ada.sid);
}

#[test]
fn guards_are_asked_again_if_that_is_wished() {
    let (world, told) = stage_of(settings(|recovery| recovery.skip_guards = false));
    let ada = known(&world);
    lose(&world, ada.client);
    let mut again = come_back(&world, &ada.pid, None);
    assert_eq!(welcomed(&mut again), (ada.sid, ada.pid));
    assert_eq!(log(&told), ["asked", "false [] ", "transport close", "asked", "true [] "]);
}

#[test]
fn all_namespaces_of_a_session_come_back_and_one_that_was_made_for_it_too() {
    let mut config = Config::default();
    config.recovery = Some(Recovery::default());
    let (world, _) = stage_with(config, |io, _| {
        io.of("/").on("dynamic", |socket, _| {
            let _ = socket.of("/dynamic").emit("said", ());
        });
        io.of_matching(|name, _| name == "/dynamic");
    });
    let mut ada = known(&world);
    let bob = known(&world);
    ada.client.send("40/dynamic,");
    let (sid, pid) = ids(&text(&mut ada.client).replace("/dynamic,", ""));
    lose(&world, ada.client);
    let mut again = come_back(&world, &ada.pid, None);
    assert_eq!(welcomed(&mut again), (ada.sid, ada.pid));
    again.send(format!("40/dynamic,{{\"pid\":\"{pid}\"}}"));
    assert_eq!(ids(&text(&mut again).replace("/dynamic,", "")), (sid, pid));
    let mut bob = bob.client;
    say(&world, &mut bob, r#"42["dynamic"]"#);
    assert_eq!(parted(&text(&mut again)).0, r#"42/dynamic,["said"]"#);
}

#[test]
fn by_polling_what_was_missed_and_the_welcome_are_one_payload() {
    let (world, _) = stage();
    let mut bob = known(&world);
    let polling = open(&world, POLLING);
    post(&world, &polling, "40").is(200, "ok");
    let (sid, pid) = ids(&get(&world, &polling).body);
    drop(begin(&world, "GET", &polling, "", ""));
    world.run();
    say(&world, &mut bob.client, r#"42["bytes"]"#);
    say(&world, &mut bob.client, &format!(r#"42["to","{sid}","hi"]"#));
    let polling = open(&world, POLLING);
    let mut held = begin(&world, "GET", &polling, "", "");
    post(&world, &polling, &format!("40{{\"pid\":\"{pid}\"}}")).is(200, "ok");
    let payload = finish(&mut held).body;
    let packets: Vec<_> = payload.split('\u{1e}').collect();
    assert_eq!(parted(packets[0]).0, r#"451-["bytes",{"_placeholder":true,"num":0}]"#);
    assert_eq!((packets[1], parted(packets[2]).0.as_str()), ("bAQIDBA==", r#"42["said","hi"]"#));
    assert_eq!(ids(packets[3]), (sid, pid));
}

#[test]
fn off_unless_asked_for() {
    let (world, _) = stage_with(Config::default(), server);
    let (mut ada, _) = enter(&world, "/");
    say(&world, &mut ada, r#"42["me",1]"#);
    hears(&mut ada, r#"42["yours",1]"#);
    let mut client = come_back(&world, "AAAAAAAAAAAAAAAAAAAA", None);
    assert!(!text(&mut client).contains("pid"));
    say(&world, &mut client, "4");
    is_closed(&mut client);
}

#[test]
fn who_is_lost_again_while_a_guard_takes_its_time_is_still_known() {
    let mut config = Config::default();
    config.recovery = Some(settings(|recovery| recovery.skip_guards = false));
    let waiting: Rc<RefCell<Vec<Admission>>> = Rc::default();
    let (world, _) = stage_with(config, |io, _| {
        let asked = waiting.clone();
        io.of("/").guard_later(move |_, admission| asked.borrow_mut().push(admission));
        let decides = waiting.clone();
        io.of("/judge").on("decide", move |socket, _| {
            for admission in decides.take() {
                socket.decide(admission, Ok(()));
            }
            let _ = socket.of("/").emit("said", ("after",));
        });
    });
    let mut judge = session(&world);
    judge.send("40/judge,");
    assert!(text(&mut judge).starts_with("40/judge,"));
    let decide = |judge: &mut TestClient| say(&world, judge, r#"42/judge,["decide"]"#);
    let mut ada = session(&world);
    say(&world, &mut ada, "40");
    decide(&mut judge);
    let (sid, pid) = welcomed(&mut ada);
    lose(&world, ada);
    let twice = come_back(&world, &pid, None);
    world.run();
    lose(&world, twice);
    let mut again = come_back(&world, &pid, None);
    world.run();
    assert_eq!(again.receive(), None);
    decide(&mut judge);
    hears_with_offset(&mut again, r#"42["said","after"]"#);
    assert_eq!(welcomed(&mut again), (sid, pid));
}
