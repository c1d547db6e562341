//! Socket.IO: rooms and broadcasts.

use bowsprit::socketio::{Args, Io};
use bowsprit::testing::Heard;

use crate::house::{as_websocket, begin, finish, get, hears, open, post, websocket};
use crate::stage::{Log, POLLING, enter, log, say, stage};

fn server(io: &mut Io, log: &Log) {
    let log = log.clone();
    io.of("/")
        .on("join", |socket, event| {
            socket.join(event.arg(0).unwrap());
        })
        .on("leave", |socket, event| {
            socket.leave(event.arg(0).unwrap());
        })
        .on("to", |socket, event| {
            let room: String = event.arg(0).unwrap();
            let _ = socket.to(room).emit("said", (event.raw(1),));
        })
        .on("everybody", |socket, event| {
            let _ = socket.everybody().emit("said", event.args());
        })
        .on("others", |socket, event| {
            let _ = socket.broadcast().emit("said", event.args());
        })
        .on("either", |socket, _| {
            let _ = socket.everybody().to("red").to("blue").except("green").emit("said", ());
        })
        .on("bytes", |socket, _| {
            let _ = socket.everybody().emit("bytes", Args::new().binary(vec![1, 2, 3, 4]));
        })
        .on("move", move |socket, _| {
            socket.everybody().to("red").join("blue");
            socket.everybody().to("red").leave("red");
            let counts = (socket.everybody().to("red").count(), socket.everybody().to("blue").ids().len());
            log.borrow_mut().push(format!("{counts:?}"));
        })
        .on("out", |socket, _| socket.everybody().to("red").disconnect(true));
    io.of("/other");
}

#[test]
fn everybody_and_the_others() {
    let (world, _) = stage(server);
    let (mut ada, _) = enter(&world, "/");
    let (mut bob, _) = enter(&world, "/");
    let (mut other, _) = enter(&world, "/other");
    say(&world, &mut ada, r#"42["everybody",1]"#);
    hears(&mut ada, r#"42["said",1]"#);
    hears(&mut bob, r#"42["said",1]"#);
    say(&world, &mut ada, r#"42["others",2]"#);
    hears(&mut bob, r#"42["said",2]"#);
    assert_eq!((ada.receive(), other.receive()), (None, None));
}

#[test]
fn a_room_hears_but_who_speaks() {
    let (world, _) = stage(server);
    let (mut ada, _) = enter(&world, "/");
    let (mut bob, _) = enter(&world, "/");
    let (mut cyd, _) = enter(&world, "/");
    say(&world, &mut ada, r#"42["join","red"]"#);
    say(&world, &mut bob, r#"42["join","red"]"#);
    say(&world, &mut ada, r#"42["to","red","hi"]"#);
    hears(&mut bob, r#"42["said","hi"]"#);
    say(&world, &mut bob, r#"42["leave","red"]"#);
    say(&world, &mut ada, r#"42["to","red","hi"]"#);
    assert_eq!((ada.receive(), bob.receive(), cyd.receive()), (None, None, None));
}

#[test]
fn a_socket_is_a_room_of_its_own() {
    let (world, _) = stage(server);
    let (mut ada, _) = enter(&world, "/");
    let (mut bob, id) = enter(&world, "/");
    say(&world, &mut ada, &format!(r#"42["to","{id}","psst"]"#));
    hears(&mut bob, r#"42["said","psst"]"#);
    assert_eq!(ada.receive(), None);
}

#[test]
fn who_is_in_several_rooms_hears_it_once_and_exceptions_hold() {
    let (world, _) = stage(server);
    let (mut ada, _) = enter(&world, "/");
    let (mut bob, _) = enter(&world, "/");
    for room in ["red", "blue"] {
        say(&world, &mut ada, &format!(r#"42["join","{room}"]"#));
        say(&world, &mut bob, &format!(r#"42["join","{room}"]"#));
    }
    say(&world, &mut bob, r#"42["join","green"]"#);
    say(&world, &mut ada, r#"42["either"]"#);
    hears(&mut ada, r#"42["said"]"#);
    assert_eq!((ada.receive(), bob.receive()), (None, None));
}

#[test]
fn who_has_left_is_in_no_room() {
    let (world, _) = stage(server);
    let (mut ada, _) = enter(&world, "/");
    let (mut bob, _) = enter(&world, "/");
    say(&world, &mut bob, r#"42["join","red"]"#);
    say(&world, &mut bob, "41");
    say(&world, &mut ada, r#"42["to","red",1]"#);
    assert_eq!(bob.receive(), None);
}

#[test]
fn a_selection_moves_and_is_put_out() {
    let (world, told) = stage(server);
    let (mut ada, _) = enter(&world, "/");
    let (mut bob, _) = enter(&world, "/");
    say(&world, &mut ada, r#"42["join","red"]"#);
    say(&world, &mut bob, r#"42["join","red"]"#);
    say(&world, &mut bob, r#"42["move"]"#);
    say(&world, &mut bob, r#"42["join","red"]"#);
    say(&world, &mut bob, r#"42["out"]"#);
    hears(&mut bob, "41");
    assert!(matches!(bob.receive(), Some(Heard::Close(..))));
    assert_eq!(ada.receive(), None);
    assert_eq!(log(&told), ["(0, 2)"]);
}

#[test]
fn a_broadcast_reaches_every_kind_of_client() {
    let (world, _) = stage(server);
    let (mut direct, _) = enter(&world, "/");
    let mut text = websocket(&world, &format!("{}&b64=1", as_websocket(POLLING))).unwrap();
    text.receive();
    say(&world, &mut text, "40");
    text.receive();
    let polling = open(&world, POLLING);
    post(&world, &polling, "40").is(200, "ok");
    get(&world, &polling);
    let mut held = begin(&world, "GET", &polling, "", "");
    say(&world, &mut direct, r#"42["bytes"]"#);
    let event = r#"451-["bytes",{"_placeholder":true,"num":0}]"#;
    hears(&mut direct, event);
    assert_eq!(direct.receive(), Some(Heard::Binary(vec![1, 2, 3, 4])));
    hears(&mut text, event);
    hears(&mut text, "bAQIDBA==");
    finish(&mut held).is(200, &format!("{event}\u{1e}bAQIDBA=="));
}
