//! Socket.IO: what is compressed, and what is not because the application says so.
#![cfg(feature = "deflate")]

use bowsprit::socketio::{Config, Io};
use bowsprit::testing::{Link, World};

use crate::house::{begin, open, post, serve};
use crate::stage::{POLLING, WEBSOCKET};

fn stage() -> World {
    let mut config = Config::default();
    config.engine.compress_polls = Some(200);
    let mut io = Io::new(config);
    let long = "x".repeat(500);
    io.of("/")
        .on("usual", {
            let long = long.clone();
            move |socket, _| _ = socket.everybody().emit("said", (&long,))
        })
        .on("plain", {
            let long = long.clone();
            move |socket, _| _ = socket.everybody().compress(false).emit("said", (&long,))
        })
        .on("plain for me", move |socket, _| _ = socket.itself().compress(false).emit("said", (&long,)));
    let mut net = io.net();
    net.deflate = Some(Default::default());
    serve(net, io.into_handler())
}

/// A short text of a client, masked by zeros.
fn say(world: &World, link: &mut Link, text: &str) {
    let head = [0x81, 0x80 | text.len() as u8, 0, 0, 0, 0];
    link.write_all(&[&head, text.as_bytes()].concat()).unwrap();
    world.run();
}

#[test]
fn a_frame_is_compressed_unless_the_event_must_not_be() {
    let world = stage();
    let mut link = world.connect();
    let request = format!(
        "GET {WEBSOCKET} HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
    );
    link.write_all(request.as_bytes()).unwrap();
    world.run();
    let head = String::from_utf8_lossy(&link.read()).into_owned();
    assert!(head.contains("Sec-WebSocket-Extensions: permessage-deflate"), "{head}");
    say(&world, &mut link, "40");
    link.read();
    // RFC 7692 §6: RSV1 says that a message is compressed.
    for (event, first) in [("usual", 0xc1), ("plain", 0x81), ("usual", 0xc1), ("plain for me", 0x81)] {
        say(&world, &mut link, &format!("42[\"{event}\"]"));
        let frame = link.read();
        assert_eq!((frame[0], frame.len() > 500), (first, first == 0x81), "{event}");
    }
}

#[test]
fn a_poll_is_compressed_if_some_of_it_may_be() {
    let world = stage();
    let session = open(&world, POLLING);
    post(&world, &session, "40").is(200, "ok");
    begin(&world, "GET", &session, "", "").read();
    for (events, is_packed) in [
        (r#"42["plain"]"#, false),
        (r#"42["usual"]"#, true),
        ("42[\"plain for me\"]\u{1e}42[\"plain\"]", false),
        ("42[\"plain\"]\u{1e}42[\"usual\"]", true),
    ] {
        post(&world, &session, events).is(200, "ok");
        let answer = begin(&world, "GET", &session, "Accept-Encoding: gzip\r\n", "").read();
        let head = String::from_utf8_lossy(&answer);
        assert_eq!(head.contains("Content-Encoding: gzip"), is_packed, "{events}");
    }
}
