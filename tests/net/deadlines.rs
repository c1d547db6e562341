//! Everything that takes too long, with settings that make it short.

use std::time::Duration;

use bowsprit::net::Config;

use crate::server::{Call, Reporter, expect_call, expect_closed, serve};

const SHORT: Duration = Duration::from_millis(60);

#[test]
fn a_handshake_has_a_deadline_that_progress_does_not_move() {
    let mut config = Config::default();
    config.handshake_timeout = SHORT;
    let server = serve(config, || Reporter::new().0);
    let mut client = server.connect_tcp();
    client.write(b"GET / HTTP/1.1\r\nX: ");
    // A byte at a time until the server has had enough: writing fails, or the end of file is there to read.
    let mut chunk = [0];
    client.stream.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
    loop {
        use std::io::{ErrorKind, Read, Write};
        if client.stream.write_all(b"x").is_err() {
            break;
        }
        match client.stream.read(&mut chunk) {
            Ok(0) => break,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => break,
            Ok(_) => panic!("nothing is sent before the request is whole"),
        }
    }
}

#[test]
fn silence_is_asked_about_and_then_ended() {
    let mut config = Config::default();
    // Long enough for the answers of a busy machine.
    (config.ping_after, config.pong_within) = (SHORT, Duration::from_secs(1));
    let (reporter, calls) = Reporter::new();
    let server = serve(config, || reporter);
    let mut client = server.connect();
    for _ in 0..3 {
        assert_eq!(client.read_frame().unwrap().first, 0x89, "a Ping");
        client.frame(0x8a, b"");
    }
    // Now it stops answering.
    while client.read_frame().is_some() {}
    expect_call(&calls, &Call::Open);
    expect_closed(&calls, "Silent");
}

#[test]
fn a_message_that_never_ends_is_refused() {
    let mut config = Config::default();
    config.message_timeout = SHORT;
    let (reporter, calls) = Reporter::new();
    let server = serve(config, || reporter);
    let mut client = server.connect();
    client.frame(0x01, b"once upon a time");
    client.expect_close(1008);
    expect_call(&calls, &Call::Open);
    expect_closed(&calls, "MessageTooSlow");
}

#[test]
fn finished_messages_do_not_wear_out_the_next() {
    let mut config = Config::default();
    config.message_timeout = Duration::from_secs(3600);
    let server = serve(config, || Reporter::new().0);
    let mut client = server.connect();
    for n in 0..50 {
        let text = format!("echo {n}");
        let frame = crate::server::masked(0x81, text.as_bytes());
        client.write(&frame[..3]);
        client.write(&frame[3..]);
        client.expect_text(&n.to_string());
    }
}

#[test]
fn an_unanswered_close_is_ended() {
    let mut config = Config::default();
    config.close_timeout = SHORT;
    let (reporter, calls) = Reporter::new();
    let server = serve(config, || reporter);
    let mut client = server.connect();
    client.text("close me");
    client.expect_close(1000);
    expect_call(&calls, &Call::Open);
    expect_call(&calls, &Call::Message("close me".into()));
    expect_closed(&calls, "CloseUnanswered");
}

#[test]
fn a_peer_that_reads_nothing_is_ended() {
    let mut config = Config::default();
    config.write_timeout = SHORT;
    config.limits.message = 16 << 20;
    config.limits.frame = 16 << 20;
    let (reporter, calls) = Reporter::new();
    let server = serve(config, || reporter);
    let mut client = server.connect();
    client.text(&format!("echo {}", "x".repeat(12 << 20)));
    expect_call(&calls, &Call::Open);
    assert!(matches!(calls.recv(), Ok(Call::Message(_))));
    expect_closed(&calls, "WriteStalled");
}

#[test]
fn timers_of_the_application_run_out() {
    let (reporter, calls) = Reporter::new();
    let server = serve(Config::default(), || reporter);
    let mut client = server.connect();
    client.text("timer 20");
    client.expect_text("timer ran out");
    expect_call(&calls, &Call::Open);
    expect_call(&calls, &Call::Message("timer 20".into()));
    expect_call(&calls, &Call::Timer(7));
}
