//! Socket.IO: what ends a session, and with which reason.

use bowsprit::socketio::{Config, Io};

use crate::house::{get, is_closed, open, post};
use crate::stage::{Log, POLLING, enter, log, session, stage, stage_with};

fn server(io: &mut Io, log: &Log) {
    let told = log.clone();
    io.of("/").on_disconnect(move |_, reason| told.borrow_mut().push(reason.to_string()));
    io.of("/a");
}

#[track_caller]
fn ends(packets: &[&str], reason: &str) {
    let (world, told) = stage(server);
    let (mut client, _) = enter(&world, "/");
    for packet in packets {
        client.send(*packet);
    }
    is_closed(&mut client);
    assert_eq!(log(&told), [reason], "{packets:?}");
}

#[test]
fn a_packet_that_cannot_be_read_ends_the_session() {
    for packet in ["4", "4abc", "4999", "42abc[]", "42{}", "42", "41{}", "40[]", r#"42["connect"]"#, "451-"] {
        ends(&[packet], "forced close");
    }
}

#[test]
fn a_text_where_attachments_are_missing_ends_the_session() {
    ends(&[r#"451-["x",{"_placeholder":true,"num":0}]"#, r#"42["y"]"#], "forced close");
}

#[test]
fn a_placeholder_for_nothing_ends_the_session() {
    ends(&[r#"451-["x",{"_placeholder":true,"num":1}]"#], "forced close");
}

#[test]
fn bytes_that_nobody_expects_end_the_session() {
    let (world, told) = stage(server);
    let (mut client, _) = enter(&world, "/");
    client.send(b"\x01");
    is_closed(&mut client);
    assert_eq!(log(&told), ["forced close"]);
}

#[test]
fn entering_twice_ends_the_session() {
    ends(&["40"], "forced server close");
}

#[test]
fn packets_for_a_namespace_that_was_not_entered_end_the_session() {
    for packet in [r#"42/a,["x"]"#, "43/a,1[]", "41/a,", r#"42/b,["x"]"#, r#"451-/a,["x"]"#] {
        ends(&[packet], "forced server close");
    }
}

#[test]
fn a_clients_connect_error_ends_the_session() {
    ends(&[r#"44{"message":"x"}"#], "forced server close");
}

#[test]
fn over_polling_the_next_poll_hears_it() {
    let (world, _) = stage(server);
    let session = open(&world, POLLING);
    post(&world, &session, r#"42["too early"]"#).is(200, "ok");
    get(&world, &session).is(200, "6\u{1e}1");
}

#[test]
fn attachments_at_the_limit_of_bytes_pass_and_one_more_ends_the_session() {
    let mut config = Config::default();
    config.max_attachment_bytes = 4;
    let (world, told) = stage_with(config, server);
    let (mut client, _) = enter(&world, "/");
    client.send(r#"452-["x"]"#);
    client.send(b"ab");
    client.send(b"cd");
    client.send(r#"452-["x"]"#);
    client.send(b"ab");
    assert_eq!(client.receive(), None);
    client.send(b"cde");
    is_closed(&mut client);
    assert_eq!(log(&told), ["forced close"]);
}

#[test]
fn one_namespace_more_than_allowed_ends_the_session() {
    let mut config = Config::default();
    config.max_namespaces = 1;
    let (world, told) = stage_with(config, server);
    let (mut client, _) = enter(&world, "/");
    client.send("40/a,");
    is_closed(&mut client);
    assert_eq!(log(&told), ["forced server close"]);
}

#[test]
fn a_session_that_has_entered_nothing_is_checked_too() {
    let (world, _) = stage(server);
    let mut client = session(&world);
    client.send(r#"42["x"]"#);
    is_closed(&mut client);
}
