//! Socket.IO: events, both ways.

use std::time::Duration;

use bowsprit::socketio::{Args, EmitError, Io};
use bowsprit::testing::Heard;

use crate::house::{get, hears, open, post};
use crate::stage::{Log, POLLING, enter, log, stage};

fn echo(io: &mut Io, _: &Log) {
    io.of("/").on("message", |socket, event| {
        let _ = socket.emit("message-back", event.args());
    });
}

#[test]
fn arguments_come_back_as_they_were_written() {
    let (world, _) = stage(echo);
    let (mut client, _) = enter(&world, "/");
    client.send(r#"42["message",1.0,"2é",{"b":[ true ],"a":1e400}]"#);
    hears(&mut client, r#"42["message-back",1.0,"2é",{"b":[ true ],"a":1e400}]"#);
    client.send(r#"42["message"]"#);
    hears(&mut client, r#"42["message-back"]"#);
}

#[test]
fn bytes_come_back_with_their_text() {
    let (world, _) = stage(echo);
    let (mut client, _) = enter(&world, "/");
    client.send(r#"452-["message",{"_placeholder":true,"num":0},[{"_placeholder":true,"num":1}]]"#);
    client.send(b"\x01\x02\x03");
    assert_eq!(client.receive(), None);
    client.send(b"\x04");
    hears(&mut client, r#"452-["message-back",{"_placeholder":true,"num":0},[{"_placeholder":true,"num":1}]]"#);
    assert_eq!(client.receive(), Some(Heard::Binary(vec![1, 2, 3])));
    assert_eq!(client.receive(), Some(Heard::Binary(vec![4])));
}

#[test]
fn over_polling_bytes_are_base64_behind_their_text() {
    let (world, _) = stage(echo);
    let session = open(&world, POLLING);
    post(&world, &session, "40").is(200, "ok");
    get(&world, &session);
    let body = |name: &str| format!("451-[\"{name}\",{{\"_placeholder\":true,\"num\":0}}]\u{1e}bAQIDBA==");
    post(&world, &session, &body("message")).is(200, "ok");
    get(&world, &session).is(200, &body("message-back"));
}

#[test]
fn a_count_of_no_attachments_is_an_event() {
    let (world, _) = stage(echo);
    let (mut client, _) = enter(&world, "/");
    client.send(r#"450-["message",1]"#);
    hears(&mut client, r#"42["message-back",1]"#);
}

#[test]
fn arguments_have_types() {
    let (world, told) = stage(|io, log| {
        let log = log.clone();
        io.of("/").on("x", move |_, event| {
            let mut log = log.borrow_mut();
            log.push(format!("{:?}", event.arg::<(u8, String)>(0).unwrap()));
            log.push(format!("{:?}", event.arg::<&str>(1).unwrap()));
            log.push(event.raw(2).unwrap().get().into());
            log.push(format!("{:?}", event.binary(3).unwrap()));
            log.push(format!("{:?} {:?}", event.binary(0), event.len()));
            log.push(event.arg::<u8>(4).unwrap_err().to_string());
            log.push(event.arg::<u8>(1).unwrap_err().to_string());
        });
    });
    let (mut client, _) = enter(&world, "/");
    client.send(r#"451-["x",[7,"a\n"],"b",1.50,{"num":0,"_placeholder":true}]"#);
    client.send(b"hi");
    world.run();
    assert_eq!(
        log(&told),
        [
            r#"(7, "a\n")"#,
            r#""b""#,
            "1.50",
            r#"b"hi""#,
            "None 4",
            "there is no such argument",
            r#"invalid type: string "b", expected u8 at line 1 column 3"#
        ]
    );
}

#[test]
fn names_may_be_numbers_or_escaped() {
    let (world, told) = stage(|io, log| {
        let (one, two) = (log.clone(), log.clone());
        io.of("/")
            .on("7", move |_, event| one.borrow_mut().push(event.name().into()))
            .on("é", move |_, event| two.borrow_mut().push(event.name().into()));
    });
    let (mut client, _) = enter(&world, "/");
    client.send("42[7]");
    client.send(r#"42["\u00e9"]"#);
    world.run();
    assert_eq!(log(&told), ["7", "é"]);
}

#[test]
fn whoever_hears_everything_hears_it_first() {
    let (world, told) = stage(|io, log| {
        let (any, named) = (log.clone(), log.clone());
        io.of("/")
            .on("x", move |_, event| named.borrow_mut().push(event.name().into()))
            .on_any(move |_, event| any.borrow_mut().push(format!("any {}", event.name())));
    });
    let (mut client, _) = enter(&world, "/");
    client.send(r#"42["x"]"#);
    client.send(r#"42["y"]"#);
    world.run();
    assert_eq!(log(&told), ["any x", "x", "any y"]);
}

#[test]
fn what_the_protocol_does_not_allow_is_not_sent() {
    let (world, told) = stage(|io, log| {
        let log = log.clone();
        io.of("/").on("x", move |socket, _| {
            let many = (0..11).fold(Args::new(), |args, _| args.binary(vec![0]));
            let mut log = log.borrow_mut();
            log.push(socket.emit("disconnect", ()).unwrap_err().to_string());
            log.push(socket.emit("y", many).unwrap_err().to_string());
            log.push(socket.everybody().emit("connect", ()).unwrap_err().to_string());
            assert_eq!(socket.emit("y", (Unspeakable,)), Err(EmitError::Json));
            assert!(socket.emit("last", ("a", 1, Some(2.5), [0; 2])).is_ok());
        });
    });
    let (mut client, _) = enter(&world, "/");
    client.send(r#"42["x"]"#);
    hears(&mut client, r#"42["last","a",1,2.5,[0,0]]"#);
    assert_eq!(log(&told), ["a reserved event name", "too many attachments", "a reserved event name"]);
}

struct Unspeakable;

impl serde::Serialize for Unspeakable {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("never"))
    }
}

#[test]
fn what_is_volatile_is_dropped_behind_something_else() {
    let (world, _) = stage(|io, _| {
        io.of("/").on("x", |socket, _| {
            let _ = socket.volatile().emit("v", (1,));
            let _ = socket.volatile().emit("v", (2,));
            let _ = socket.emit("regular", ());
            let _ = socket.volatile().emit("v", (3,));
        });
    });
    let (mut client, _) = enter(&world, "/");
    client.send(r#"42["x"]"#);
    hears(&mut client, r#"42["v",1]"#);
    hears(&mut client, r#"42["regular"]"#);
    assert_eq!(client.receive(), None);
}

#[test]
fn a_timer_of_a_socket_goes_with_it() {
    let (world, _) = stage(|io, _| {
        io.of("/").on("later", |socket, _| {
            socket.after(Duration::from_secs(3), |socket| {
                let id = socket.id().to_string();
                let _ = socket.everybody().emit("now", (id,));
            });
        });
    });
    let (mut ada, id) = enter(&world, "/");
    let (mut bob, _) = enter(&world, "/");
    ada.send(r#"42["later"]"#);
    bob.send(r#"42["later"]"#);
    bob.send("41");
    world.advance(Duration::from_secs(3));
    hears(&mut ada, &format!(r#"42["now","{id}"]"#));
    assert_eq!(ada.receive(), None);
}

#[test]
fn the_server_may_begin_something_of_its_own() {
    let (world, _) = stage(|io, _| {
        io.of("/");
        io.on_start(|context| {
            context.after(Duration::from_secs(5), |context| {
                let _ = context.of("/").emit("news", ());
            });
        });
    });
    let (mut client, _) = enter(&world, "/");
    world.advance(Duration::from_secs(5));
    hears(&mut client, r#"42["news"]"#);
}
