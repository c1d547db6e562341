//! Attacks on the end of a connection.

use std::time::Duration;

use crate::server::masked;
use crate::target::{End, SHORT, Target, write_until_closed};

#[test]
fn a36_the_first_close_is_answered_and_what_follows_is_discarded() {
    let mut target = Target::with(|config| config.close_timeout = SHORT);
    target.within(0, |target| {
        let mut client = target.connect();
        client.write(&masked(0x88, b"\x03\xe8").repeat(1000));
        client.expect_close(1000);
        target.expect_end(End::Closed);
        // For ever, or until the wait for the end of file is over.
        write_until_closed(&mut client, &masked(0x82, &[7; 10_000]));
    });
    assert!(target.unexpected_ends().is_empty(), "one end is reported once");
}

#[test]
fn a37_a_close_without_an_answer_ends_at_the_deadline() {
    let mut target = Target::with(|config| config.close_timeout = SHORT);
    target.within(0, |target| {
        // No answer at all.
        let mut silent = target.connect();
        silent.text("close");
        silent.expect_close(1000);
        target.expect_end(End::CloseUnanswered);
        // An answer, and then the end of TCP never comes.
        let mut open = target.connect();
        open.text("close");
        assert_eq!(open.read_frame().unwrap().first, 0x88);
        open.frame(0x88, b"\x03\xe8");
        assert_eq!(open.read_frame(), None);
        target.expect_end(End::Closed);
        write_until_closed(&mut open, b"x");
    });
    assert!(target.unexpected_ends().is_empty());
}

#[test]
fn a49_a_peer_that_is_gone_without_a_word_is_found() {
    let mut target = Target::with(|config| (config.ping_after, config.pong_within) = (SHORT, Duration::from_secs(1)));
    // It is there for TCP, and for nobody else.
    let gone = target.connect();
    target.expect_end_beside_echoes(End::Silent);
    drop(gone);
}

#[test]
fn a63_a_panic_ends_one_connection() {
    let mut target = Target::with(|_| {});
    let mut client = target.connect();
    client.text("panic");
    client.expect_close(1011);
    target.expect_end(End::Panicked);
    target.bystander_echoes();
    let mut client = target.connect_at("/panic");
    client.expect_close(1011);
    target.expect_end(End::Panicked);
    target.bystander_echoes();
}

#[test]
fn a64_a_stop_under_load_tells_all_and_ends() {
    let target = Target::with(|_| {});
    let mut clients: Vec<_> = (0..50).map(|_| target.connect()).collect();
    for client in &mut clients {
        client.write(&masked(0x81, b"busy").repeat(100));
    }
    target.server.remote.stop();
    for client in &mut clients {
        loop {
            let frame = client.read_frame().expect("a Close");
            if frame.first == 0x88 {
                assert_eq!(frame.payload, b"\x03\xe9");
                break;
            }
            assert_eq!(frame.payload, b"busy");
        }
        client.frame(0x88, b"\x03\xe9");
        assert_eq!(client.read_frame(), None);
    }
    for _ in &clients {
        target.expect_end(End::Closed);
    }
    target.stop();
}
