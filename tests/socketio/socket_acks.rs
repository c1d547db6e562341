//! Socket.IO: answers to events, both ways.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use bowsprit::socketio::{Ack, Args, EmitError, Io};
use bowsprit::testing::Heard;

use crate::house::hears;
use crate::stage::{Log, enter, log, say, stage};

fn server(io: &mut Io, log: &Log) {
    let kept: Rc<RefCell<Option<Ack>>> = Rc::default();
    let keep = kept.clone();
    let log = log.clone();
    io.of("/")
        .on("ask", |socket, event| {
            let ack = event.ack().unwrap();
            assert!(event.ack().is_none());
            let _ = socket.reply(ack, event.args());
        })
        .on("bytes", |socket, event| {
            let _ = socket.reply(event.ack().unwrap(), Args::new().json("a").binary(vec![7]));
        })
        .on("keep", move |_, event| *keep.borrow_mut() = event.ack())
        .on("now", move |socket, _| {
            let _ = socket.reply(kept.borrow_mut().take().unwrap(), ("late",));
        })
        .on("be asked", move |socket, _| {
            let log = log.clone();
            let asked = socket.emit_with_ack("question", (1,), Duration::from_secs(2), move |_, reply| {
                log.borrow_mut().push(match reply {
                    Ok(reply) => format!("{} {}", reply.len(), reply.arg::<String>(0).unwrap()),
                    Err(error) => error.to_string(),
                });
            });
            assert!(asked.is_ok());
        });
}

#[test]
fn an_event_is_answered_with_its_id() {
    let (world, _) = stage(server);
    let (mut client, _) = enter(&world, "/");
    client.send(r#"4212["ask","x",{"b":1,"a":2}]"#);
    hears(&mut client, r#"4312["x",{"b":1,"a":2}]"#);
    client.send(r#"4213["ask"]"#);
    hears(&mut client, "4313[]");
    client.send(r#"4214["bytes"]"#);
    hears(&mut client, r#"461-14["a",{"_placeholder":true,"num":0}]"#);
    assert_eq!(client.receive(), Some(Heard::Binary(vec![7])));
}

#[test]
fn an_answer_may_come_later() {
    let (world, _) = stage(server);
    let (mut client, _) = enter(&world, "/");
    client.send(r#"427["keep"]"#);
    client.send(r#"42["now"]"#);
    hears(&mut client, r#"437["late"]"#);
}

#[test]
fn an_answer_to_who_has_left_goes_nowhere() {
    let (world, _) = stage(server);
    let (mut ada, _) = enter(&world, "/");
    let (mut bob, _) = enter(&world, "/");
    say(&world, &mut ada, r#"427["keep"]"#);
    say(&world, &mut ada, "41");
    say(&world, &mut bob, r#"42["now"]"#);
    assert_eq!((ada.receive(), bob.receive()), (None, None));
}

#[test]
fn the_client_answers() {
    let (world, told) = stage(server);
    let (mut client, _) = enter(&world, "/");
    client.send(r#"42["be asked"]"#);
    hears(&mut client, r#"420["question",1]"#);
    client.send(r#"430["yes",2]"#);
    // At most once.
    client.send(r#"430["no"]"#);
    client.send("4399[]");
    client.send("43[]");
    world.advance(Duration::from_secs(3));
    assert_eq!(log(&told), ["2 yes"]);
}

#[test]
fn the_client_answers_with_bytes() {
    let (world, told) = stage(server);
    let (mut client, _) = enter(&world, "/");
    client.send(r#"42["be asked"]"#);
    client.send(r#"461-0["bytes",{"_placeholder":true,"num":0}]"#);
    client.send(b"\x01");
    world.run();
    assert_eq!(log(&told), ["2 bytes"]);
}

#[test]
fn no_answer_in_time_is_told_to_the_millisecond() {
    let (world, told) = stage(server);
    let (mut client, _) = enter(&world, "/");
    client.send(r#"42["be asked"]"#);
    world.advance(Duration::from_millis(1_999));
    assert_eq!(log(&told), [""; 0]);
    world.advance(Duration::from_millis(1));
    client.send(r#"430["late"]"#);
    world.run();
    assert_eq!(log(&told), ["operation has timed out"]);
}

#[test]
fn nobody_is_left_waiting_for_who_has_left() {
    let (world, told) = stage(server);
    let (mut client, _) = enter(&world, "/");
    client.send(r#"42["be asked"]"#);
    client.send("1");
    world.advance(Duration::from_secs(3));
    assert_eq!(log(&told), ["socket has been disconnected"]);
}

fn asks_all(io: &mut Io, log: &Log) {
    let log = log.clone();
    io.of("/").on("ask all", move |socket, event| {
        let (log, timeout) = (log.clone(), event.arg(0).map_or(Duration::MAX, Duration::from_millis));
        let asked = socket.broadcast().emit_with_ack("question", ("?",), timeout, move |context, answers| {
            let said = answers.answers.iter().map(|answer| match answer.binary(1) {
                Some(bytes) => format!("{} {bytes:?}", answer.raw(0).unwrap()),
                None => answer.arg::<String>(0).unwrap_or_default(),
            });
            let missing = answers.missing.iter().map(|(_, why)| why.to_string());
            log.borrow_mut().push(said.chain(missing).collect::<Vec<_>>().join(", "));
            let known = answers.answers.iter().filter(|answer| context.socket("/", answer.socket().as_str()).is_some());
            assert_eq!(known.count(), answers.answers.len());
        });
        let _ = socket.emit("asked", (asked.unwrap(),));
    });
    io.of("/").on("refused", |socket, _| {
        let asked = socket.everybody().emit_with_ack("connect", (), Duration::MAX, |_, _| panic!("called"));
        assert_eq!(asked, Err(EmitError::ReservedName));
    });
}

#[test]
fn a_broadcast_is_answered_by_all_at_once() {
    let (world, told) = stage(asks_all);
    let (mut ada, _) = enter(&world, "/");
    let (mut bob, _) = enter(&world, "/");
    let (mut cyd, _) = enter(&world, "/");
    say(&world, &mut ada, r#"42["ask all"]"#);
    hears(&mut ada, r#"42["asked",2]"#);
    hears(&mut bob, r#"420["question","?"]"#);
    hears(&mut cyd, r#"420["question","?"]"#);
    say(&world, &mut cyd, r#"430["cyd"]"#);
    assert!(log(&told).is_empty());
    // The second answer of one is no answer of another.
    say(&world, &mut cyd, r#"430["cyd again"]"#);
    assert!(log(&told).is_empty());
    bob.send(r#"461-0[ 1 ,{"_placeholder":true,"num":0}]"#);
    bob.send(&[7u8][..]);
    world.run();
    assert_eq!(log(&told), [r#"cyd, 1 b"\x07""#]);
}

#[test]
fn who_does_not_answer_a_broadcast_is_named_with_the_reason() {
    let (world, told) = stage(asks_all);
    let (mut ada, _) = enter(&world, "/");
    let (mut bob, _) = enter(&world, "/");
    let (cyd, _) = enter(&world, "/");
    let (_dan, _) = enter(&world, "/");
    say(&world, &mut ada, r#"42["ask all",1000]"#);
    hears(&mut ada, r#"42["asked",3]"#);
    say(&world, &mut bob, r#"430["bob"]"#);
    drop(cyd);
    world.advance(Duration::from_millis(999));
    assert!(log(&told).is_empty());
    world.advance(Duration::from_millis(1));
    assert_eq!(log(&told), ["bob, socket has been disconnected, operation has timed out"]);
    world.advance(Duration::from_secs(5));
    assert_eq!(log(&told).len(), 1);
}

#[test]
fn a_broadcast_to_nobody_is_answered_at_once_and_a_mistake_is_not_sent() {
    let (world, told) = stage(asks_all);
    let (mut ada, _) = enter(&world, "/");
    say(&world, &mut ada, r#"42["ask all"]"#);
    hears(&mut ada, r#"42["asked",0]"#);
    assert_eq!(log(&told), [""]);
    say(&world, &mut ada, r#"42["refused"]"#);
    assert_eq!(ada.receive(), None);
}
