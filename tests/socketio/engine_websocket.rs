//! Engine.IO: sessions over a WebSocket.

use bowsprit::CloseCode;
use bowsprit::testing::{Heard, TestClient};

use crate::house::{House, WEBSOCKET, as_websocket, hears, is_closed, sid, websocket};

fn session(house: &House) -> TestClient {
    let mut client = websocket(&house.world, WEBSOCKET).unwrap();
    let Some(Heard::Text(open)) = client.receive() else { panic!("no open packet") };
    assert!(open.contains(r#""upgrades":[]"#), "{open}");
    assert_eq!(sid(&open).len(), 20);
    client
}

#[test]
fn text_and_binary_pass() {
    let house = House::new();
    let mut client = session(&house);
    client.send("4é");
    client.send(b"\x01\x02");
    client.send("bAQIDBA==");
    hears(&mut client, "4é");
    assert_eq!(client.receive(), Some(Heard::Binary(vec![1, 2])));
    assert_eq!(client.receive(), Some(Heard::Binary(vec![1, 2, 3, 4])));
}

#[test]
fn binary_goes_as_text_where_that_was_asked_for() {
    let house = House::new();
    let mut client = websocket(&house.world, &format!("{WEBSOCKET}&b64=1")).unwrap();
    client.receive();
    client.send(b"\x01\x02\x03\x04");
    hears(&mut client, "bAQIDBA==");
}

#[test]
fn what_is_no_packet_ends_the_session() {
    for text in ["", "abc", "7", "b%"] {
        let house = House::new();
        let mut client = session(&house);
        client.send(text);
        is_closed(&mut client);
        assert_eq!(house.log(), ["open", "parse error"], "{text:?}");
    }
}

#[test]
fn a_close_packet_is_heeded() {
    let house = House::new();
    let mut client = session(&house);
    client.send("1");
    is_closed(&mut client);
    assert_eq!(house.log(), ["open", "transport close"]);
}

#[test]
fn a_close_frame_and_an_end_of_file_close_the_transport() {
    let house = House::new();
    let mut client = session(&house);
    client.close(CloseCode::NORMAL, "").unwrap();
    house.world.run();
    assert_eq!(house.log(), ["open", "transport close"]);
    let mut client = session(&house);
    client.link().shut_down();
    house.world.run();
    assert_eq!(house.log()[2..], ["open", "transport close"]);
}

#[test]
fn a_reset_is_an_error_of_the_transport() {
    let house = House::new();
    let mut client = session(&house);
    client.link().reset();
    house.world.run();
    assert_eq!(house.log(), ["open", "transport error"]);
}

#[test]
fn packets_without_a_meaning_here_are_ignored() {
    let house = House::new();
    let mut client = session(&house);
    for text in ["0{}", "5", "6", "4a"] {
        client.send(text);
    }
    hears(&mut client, "4a");
}

#[test]
fn a_message_at_the_limit_passes_and_one_byte_more_ends_the_session() {
    let house = House::with(|config| config.max_payload = 10);
    let mut client = session(&house);
    client.send("4123456789");
    hears(&mut client, "4123456789");
    client.send("41234567890");
    assert!(matches!(client.receive(), Some(Heard::Close(CloseCode::MESSAGE_TOO_BIG, _))));
    assert_eq!(house.log(), ["open", "transport error"]);
}

#[test]
fn what_was_sent_before_a_close_arrives_before_it() {
    let house = House::new();
    let mut client = session(&house);
    client.send("4late close");
    hears(&mut client, "4bye");
    is_closed(&mut client);
    assert_eq!(house.log(), ["open", "forced close"]);
}

#[test]
fn of_two_volatile_messages_one_passes() {
    let house = House::new();
    let mut client = session(&house);
    client.send("4volatile");
    hears(&mut client, "4v1");
    hears(&mut client, "4regular");
    assert_eq!(client.receive(), None);
}

#[test]
fn a_session_that_was_born_on_a_websocket_takes_no_second_one() {
    let house = House::new();
    let mut client = websocket(&house.world, WEBSOCKET).unwrap();
    let Some(Heard::Text(open)) = client.receive() else { panic!("no open packet") };
    let mut second = websocket(&house.world, &as_websocket(&format!("{WEBSOCKET}&sid={}", sid(&open)))).unwrap();
    is_closed(&mut second);
    client.send("4a");
    hears(&mut client, "4a");
}
