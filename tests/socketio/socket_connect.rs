//! Socket.IO: entering namespaces and leaving them.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use bowsprit::socketio::{Admission, Io, Refusal};
use bowsprit::testing::Heard;

use crate::house::{begin, finish, get, hears, is_closed, open, post};
use crate::stage::{Log, POLLING, enter, join, log, say, session, stage};

fn reporting(io: &mut Io, name: &str, log: &Log) {
    let (connects, disconnects) = (log.clone(), log.clone());
    io.of(name)
        .on_connect(move |socket| connects.borrow_mut().push(format!("connect {}", socket.namespace())))
        .on_disconnect(move |socket, reason| {
            let rooms: Vec<_> = socket.rooms().iter().map(ToString::to_string).collect();
            disconnects.borrow_mut().push(format!("{reason} {rooms:?}"));
        })
        .on("join", |socket, event| {
            socket.join(event.arg(0).unwrap());
        })
        .on("out", |socket, _| socket.disconnect(false))
        .on("out and away", |socket, _| socket.disconnect(true));
}

#[test]
fn a_namespace_is_entered_and_the_answer_has_only_the_sid() {
    let (world, told) = stage(|io, log| {
        reporting(io, "/", log);
        reporting(io, "/admin", log);
    });
    let (mut client, id) = enter(&world, "/");
    assert_eq!(id.len(), 20);
    assert_ne!(join(&mut client, "/admin"), id);
    assert_eq!(log(&told), ["connect /", "connect /admin"]);
}

#[test]
fn over_polling_it_is_the_same() {
    let (world, told) = stage(|io, log| reporting(io, "/", log));
    let session = open(&world, POLLING);
    post(&world, &session, "40").is(200, "ok");
    assert!(get(&world, &session).body.starts_with(r#"40{"sid":""#));
    post(&world, &session, "41").is(200, "ok");
    assert_eq!(log(&told), ["connect /", "client namespace disconnect []"]);
}

#[test]
fn an_unknown_namespace_is_refused_and_the_session_goes_on() {
    let (world, _) = stage(|io, log| reporting(io, "/", log));
    let mut client = session(&world);
    client.send("40/random");
    hears(&mut client, r#"44/random,{"message":"Invalid namespace"}"#);
    join(&mut client, "/");
}

#[test]
fn a_namespace_may_be_there_by_its_name_and_auth() {
    let (world, _) = stage(|io, _| {
        io.of_matching(|name, auth| name.starts_with("/room-") && auth.is_some_and(|auth| auth.get() == r#"{"k":1}"#))
            .on("who", |socket, _| {
                let count = socket.everybody().count();
                let name = socket.namespace();
                let _ = socket.emit("here", (name, count));
            });
    });
    let mut client = session(&world);
    client.send("40/room-1,");
    hears(&mut client, r#"44/room-1,{"message":"Invalid namespace"}"#);
    for _ in 0..2 {
        client.send(r#"40/room-1,{"k":1}"#);
        client.receive();
        client.send(r#"42/room-1,["who"]"#);
        hears(&mut client, r#"42/room-1,["here","/room-1",1]"#);
        client.send("41/room-1");
    }
}

#[test]
fn a_guard_hears_the_auth_and_may_refuse() {
    let (world, told) = stage(|io, log| {
        reporting(io, "/", log);
        io.of("/").guard(|socket| {
            #[derive(serde::Deserialize)]
            struct Auth {
                name: String,
            }
            let name = socket.auth::<Auth>().map_err(|_| Refusal::new("name required").data(7))?.name;
            let _ = socket.emit("too early", ());
            socket.join("guarded");
            socket.set(name);
            Ok(())
        });
        io.of("/").on("name", |socket, _| {
            let name = socket.get::<String>().unwrap().clone();
            let _ = socket.emit("name", (name,));
        });
    });
    let mut client = session(&world);
    client.send("40");
    hears(&mut client, r#"44{"message":"name required","data":7}"#);
    client.send(r#"40{"name":"ada"}"#);
    client.receive();
    client.send(r#"42["name"]"#);
    hears(&mut client, r#"42["name","ada"]"#);
    client.send("41");
    world.run();
    assert_eq!(log(&told), ["connect /", r#"client namespace disconnect ["guarded"]"#]);
}

#[test]
fn who_leaves_may_come_back_and_the_session_stays() {
    let (world, told) = stage(|io, log| reporting(io, "/", log));
    let (mut client, first) = enter(&world, "/");
    client.send("41");
    let second = join(&mut client, "/");
    assert_ne!(first, second);
    assert_eq!(log(&told), ["connect /", "client namespace disconnect []", "connect /"]);
}

#[test]
fn a_session_that_ends_takes_its_sockets_along() {
    let (world, told) = stage(|io, log| {
        reporting(io, "/", log);
        reporting(io, "/a", log);
    });
    let (mut client, _) = enter(&world, "/");
    join(&mut client, "/a");
    client.send(r#"42/a,["join","red"]"#);
    client.send("1");
    world.run();
    assert_eq!(log(&told)[2..], ["transport close []", r#"transport close ["red"]"#]);
}

#[test]
fn the_server_puts_a_socket_out_and_what_is_in_flight_does_no_harm() {
    let (world, told) = stage(|io, log| {
        reporting(io, "/", log);
        reporting(io, "/a", log);
    });
    let (mut client, _) = enter(&world, "/a");
    client.send(r#"42/a,["out"]"#);
    hears(&mut client, "41/a,");
    client.send(r#"42/a,["late"]"#);
    client.send("43/a,1[]");
    join(&mut client, "/");
    assert_eq!(log(&told), ["connect /a", "server namespace disconnect []", "connect /"]);
    world.advance(Duration::from_secs(5));
    client.send(r#"42/a,["much too late"]"#);
    is_closed(&mut client);
}

#[test]
fn the_server_ends_a_session_with_all_of_its_sockets() {
    let (world, told) = stage(|io, log| {
        reporting(io, "/", log);
        reporting(io, "/a", log);
    });
    let (mut client, _) = enter(&world, "/");
    join(&mut client, "/a");
    client.send(r#"42["out and away"]"#);
    hears(&mut client, "41");
    hears(&mut client, "41/a,");
    is_closed(&mut client);
    assert_eq!(log(&told)[2..], ["server namespace disconnect []", "server namespace disconnect []"]);
}

#[test]
fn over_polling_the_end_of_a_session_comes_behind_the_packet_that_says_so() {
    let (world, _) = stage(|io, log| reporting(io, "/", log));
    let session = open(&world, POLLING);
    post(&world, &session, "40").is(200, "ok");
    get(&world, &session);
    let mut held = begin(&world, "GET", &session, "", "");
    post(&world, &session, r#"42["out and away"]"#).is(200, "ok");
    finish(&mut held).is(200, "41");
    get(&world, &session).is(200, "6\u{1e}1");
}

#[test]
fn who_enters_nothing_in_time_is_closed() {
    let (world, _) = stage(|io, log| reporting(io, "/", log));
    let mut idle = session(&world);
    world.advance(Duration::from_secs(25));
    hears(&mut idle, "2");
    idle.send("3");
    world.advance(Duration::from_millis(19_999));
    assert_eq!(idle.receive(), None);
    world.advance(Duration::from_millis(1));
    is_closed(&mut idle);
}

#[test]
fn who_enters_in_time_stays() {
    let (world, _) = stage(|io, log| reporting(io, "/", log));
    let (mut client, _) = enter(&world, "/");
    client.send("41");
    world.advance(Duration::from_secs(25));
    hears(&mut client, "2");
    client.send("3");
    world.advance(Duration::from_secs(24));
    assert_eq!(client.receive(), None);
}

/// Guards that keep what they were asked until somebody decides.
fn asks_later(io: &mut Io, log: &Log) {
    let waiting: Rc<RefCell<Vec<Admission>>> = Rc::default();
    let (asked, told) = (waiting.clone(), log.clone());
    let later = io.of("/later");
    later.guard_later(move |socket, admission| {
        socket.join("early");
        asked.borrow_mut().push(admission);
    });
    later.guard(move |socket| {
        told.borrow_mut().push(format!("next guard, {:?}", socket.rooms()));
        Ok(())
    });
    let told = log.clone();
    later.on_connect(move |_| told.borrow_mut().push("connected".into()));
    let told = log.clone();
    later.on_disconnect(move |_, reason| told.borrow_mut().push(reason.to_string()));
    io.of("/").on("decide", move |socket, event| {
        // It could have been to another thread and back.
        fn travels<T: Send>(value: T) -> T {
            value
        }
        let admission = travels(waiting.borrow_mut().remove(0));
        let verdict = event.arg::<bool>(0).unwrap().then_some(()).ok_or(Refusal::new("no"));
        socket.decide(admission, verdict);
    });
}

#[test]
fn a_guard_may_decide_later() {
    for (verdict, answer, logged) in [
        (true, "40/later,{\"sid\":", &["next guard, [\"early\"]", "connected"][..]),
        (false, "44/later,{\"message\":\"no\"}", &[]),
    ] {
        let (world, told) = stage(asks_later);
        let (mut judge, _) = enter(&world, "/");
        let mut client = session(&world);
        say(&world, &mut client, "40/later,");
        assert_eq!((client.receive(), log(&told).len()), (None, 0));
        say(&world, &mut judge, &format!("42[\"decide\",{verdict}]"));
        assert!(matches!(client.receive(), Some(Heard::Text(text)) if text.starts_with(answer)));
        assert_eq!(log(&told), logged);
        // The deadline means nothing any more.
        world.advance(Duration::from_secs(1));
        assert_eq!(log(&told), logged);
    }
}

#[test]
fn a_guard_that_never_decides_refuses_at_the_deadline() {
    let (world, told) = stage(asks_later);
    let (mut client, _) = enter(&world, "/");
    say(&world, &mut client, "40/later,");
    world.advance(Duration::from_secs(25));
    hears(&mut client, "2");
    say(&world, &mut client, "3");
    world.advance(Duration::from_millis(19_999));
    assert_eq!(client.receive(), None);
    world.advance(Duration::from_millis(1));
    hears(&mut client, "44/later,{\"message\":\"timeout\"}");
    // Too late, and of no consequence.
    say(&world, &mut client, "42[\"decide\",true]");
    assert_eq!((client.receive(), log(&told).len()), (None, 0));
}

#[test]
fn who_waits_for_a_guard_can_neither_speak_nor_ask_again() {
    for text in ["42/later,[\"hi\"]", "40/later,"] {
        let (world, told) = stage(asks_later);
        let (mut client, _) = enter(&world, "/");
        say(&world, &mut client, "40/later,");
        say(&world, &mut client, text);
        is_closed(&mut client);
        assert!(log(&told).is_empty());
    }
}

#[test]
fn who_is_gone_before_the_guard_decides_was_never_there() {
    let (world, told) = stage(asks_later);
    let (mut judge, _) = enter(&world, "/");
    let mut client = session(&world);
    say(&world, &mut client, "40/later,");
    drop(client);
    world.run();
    say(&world, &mut judge, "42[\"decide\",true]");
    assert_eq!((judge.receive(), log(&told).len()), (None, 0));
}
