//! How connections end, and what the application is told: exactly once.

use std::io::ErrorKind;

use bowsprit::net::Config;

use crate::server::{Call, Reporter, expect_call, expect_closed, serve, serve_echo};

fn reporting(config: Config) -> (crate::server::Running, std::sync::mpsc::Receiver<Call>) {
    let (reporter, calls) = Reporter::new();
    (serve(config, || reporter), calls)
}

#[test]
fn the_peer_closes() {
    let (server, calls) = reporting(Config::default());
    let mut client = server.connect();
    expect_call(&calls, &Call::Open);
    client.frame(0x88, b"\x0f\xa1bye");
    client.expect_close(4001);
    expect_closed(&calls, "Closed { by_peer: true, code: CloseCode(4001), reason: \"bye\" }");
    drop((client, server));
    assert!(calls.recv().is_err(), "reported once");
}

#[test]
fn the_application_closes() {
    let (server, calls) = reporting(Config::default());
    let mut client = server.connect();
    client.text("close enough");
    let frame = client.read_frame().unwrap();
    assert_eq!((frame.first, frame.payload.as_slice()), (0x88, b"\x03\xe8enough".as_slice()));
    client.frame(0x88, b"\x03\xe8");
    assert_eq!(client.read_frame(), None);
    expect_call(&calls, &Call::Open);
    expect_call(&calls, &Call::Message("close enough".into()));
    expect_closed(&calls, "Closed { by_peer: false, code: CloseCode(1000)");
}

#[test]
fn an_empty_close_is_answered_with_an_empty_one() {
    let (server, calls) = reporting(Config::default());
    let mut client = server.connect();
    client.frame(0x88, b"");
    assert_eq!(client.read_frame().unwrap().payload, b"");
    assert_eq!(client.read_frame(), None);
    expect_call(&calls, &Call::Open);
    expect_closed(&calls, "Closed { by_peer: true, code: CloseCode(1005)");
}

#[test]
fn the_peer_disappears() {
    let (server, calls) = reporting(Config::default());
    drop(server.connect());
    expect_call(&calls, &Call::Open);
    expect_closed(&calls, &format!("Lost({:?})", ErrorKind::UnexpectedEof));
}

#[test]
fn the_peer_breaks_a_rule() {
    let (server, calls) = reporting(Config::default());
    let mut client = server.connect();
    client.text("twelve bytes");
    client.frame(0x83, b"");
    client.expect_close(1002);
    expect_call(&calls, &Call::Open);
    expect_call(&calls, &Call::Message("twelve bytes".into()));
    expect_closed(&calls, "Failed(Failure { error: UnknownOpcode(3), at: 18 })");
}

#[test]
fn the_handler_panics_and_the_others_go_on() {
    let (server, calls) = reporting(Config::default());
    let mut bystander = server.connect();
    expect_call(&calls, &Call::Open);
    let mut client = server.connect();
    expect_call(&calls, &Call::Open);
    client.text("panic now");
    client.expect_close(1011);
    expect_call(&calls, &Call::Message("panic now".into()));
    expect_closed(&calls, "Panicked");
    bystander.text("echo hello");
    bystander.expect_text("hello");
}

#[test]
fn the_server_stops() {
    let (server, calls) = reporting(Config::default());
    let (mut polite, mut silent) = (server.connect(), server.connect());
    let half_open = server.connect_tcp();
    server.remote.stop();
    for client in [&mut polite, &mut silent] {
        assert_eq!(client.read_frame().unwrap().payload, b"\x03\xe9");
    }
    polite.frame(0x88, b"\x03\xe9");
    assert_eq!(polite.read_frame(), None);
    drop((polite, silent, half_open));
    server.stop().unwrap();
    expect_call(&calls, &Call::Open);
    expect_call(&calls, &Call::Open);
    expect_closed(&calls, "Closed { by_peer: false, code: CloseCode(1001)");
    expect_closed(&calls, "Lost");
}

#[test]
fn what_was_sent_before_the_stop_arrives() {
    let server = serve_echo(Config::default());
    let mut client = server.connect();
    let payload = vec![7; 1 << 20];
    client.frame(0x82, &payload);
    // The first bytes are on their way: the echo is queued.
    assert_eq!(client.stream.peek(&mut [0]).unwrap(), 1);
    server.remote.stop();
    assert_eq!(client.read_frame().unwrap().payload, payload);
    client.frame(0x88, b"\x03\xe9");
    client.expect_close(1001);
}
