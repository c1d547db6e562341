//! RFC 6455 §5.5.3: a Pong carries the Ping's payload; of several unanswered Pings the latest may be answered alone; a
//! Pong that nobody asked for is no fault.

use bowsprit::{CloseCode, Connection, Limits, ReceiveBuffer, Role, SendBuffer};

use crate::support::*;

#[test]
fn r098_pong_carries_the_pings_payload() {
    for len in 0..=125u8 {
        let payload: Vec<u8> = (0..len).map(|i| i.wrapping_mul(7)).collect();
        server(&masked(0x89, &payload)).sees(&[ping(&payload)]).sends(&unmasked(0x8a, &payload));
    }
}

#[test]
fn r100_pong_that_nobody_asked_for_is_not_answered() {
    server(b"\x8a\x80\0\0\0\0\x8a\x81\0\0\0\0q\x81\x81\0\0\0\0a").sees(&[pong(b""), pong(b"q"), text("a")]).sends(b"");
}

#[test]
fn r100_a_thousand_pongs_that_nobody_asked_for() {
    let outcome = run(Role::Client, &Limits::default(), &[&b"\x8a\x02hi".repeat(1000)], Feed::Spare);
    outcome.sees(&vec![pong(b"hi"); 1000]).sends(b"");
}

/// Pings of 6 + 2 bytes, numbered from `from`.
fn pings(from: u16, to: u16) -> Vec<u8> {
    (from..to).flat_map(|i| masked(0x89, &i.to_be_bytes())).collect()
}

/// The Pongs to them.
fn pongs(from: u16, to: u16) -> Vec<u8> {
    (from..to).flat_map(|i| unmasked(0x8a, &i.to_be_bytes())).collect()
}

fn flooded(count: u16) -> (Connection, ReceiveBuffer, SendBuffer) {
    let (mut conn, mut output) = (connection(Role::Server), output(Role::Server));
    let mut input = ReceiveBuffer::new(Limits::default());
    feed(&mut conn, &mut input, &mut output, &pings(0, count), Feed::Spare);
    (conn, input, output)
}

#[test]
fn r099_pings_are_all_answered_up_to_4_kib_of_pongs() {
    let (_, _, output) = flooded(1024);
    assert_eq!(output.pending(), pongs(0, 1024));
    assert_eq!(output.pending().len(), 4096);
}

#[test]
fn r099_beyond_4_kib_only_the_latest_ping_is_answered_once_the_output_is_drained() {
    let (mut conn, mut input, mut output) = flooded(5000);
    assert_eq!(output.pending(), pongs(0, 1024));
    output.consume(4095);
    conn.resume(&mut output);
    assert_eq!(output.pending().len(), 1);
    output.consume(1);
    conn.resume(&mut output);
    assert_eq!(output.pending(), pongs(4999, 5000));
    conn.resume(&mut output);
    assert_eq!(output.pending(), pongs(4999, 5000));
    output.consume(4);
    feed(&mut conn, &mut input, &mut output, &pings(5000, 5002), Feed::Extend);
    assert_eq!(output.pending(), pongs(5000, 5002));
}

#[test]
fn r099_receiving_answers_the_latest_ping_first_if_the_output_is_drained() {
    let (mut conn, mut input, mut output) = flooded(1026);
    output.consume(4096);
    feed(&mut conn, &mut input, &mut output, &pings(1026, 1028), Feed::Extend);
    assert_eq!(output.pending(), pongs(1025, 1028));
}

#[test]
fn r099_a_pong_given_later_counts_as_well() {
    let (mut conn, mut input, mut output) = flooded(1026);
    output.consume(4096);
    feed(&mut conn, &mut input, &mut output, &pings(2000, 5000), Feed::Extend);
    assert_eq!(output.pending().len(), 4096);
}

#[test]
fn r099_small_ping_that_still_fits_replaces_the_large_one_that_did_not() {
    let limits = limits(|limits| limits.control_replies = 10);
    let bytes = [masked(0x89, b"123456"), masked(0x89, b"7890"), masked(0x89, b"")].concat();
    every_way(Role::Server, &limits, &bytes)
        .sees(&[ping(b"123456"), ping(b"7890"), ping(b"")])
        .sends(b"\x8a\x06123456\x8a\x00");
}

#[test]
fn r099_ping_kept_back_is_forgotten_once_a_later_one_is_answered() {
    let (mut conn, mut output) = (connection(Role::Server), output(Role::Server));
    let mut input = ReceiveBuffer::new(limits(|limits| limits.control_replies = 10));
    let bytes = [masked(0x89, b"123456"), masked(0x89, b"7890"), masked(0x89, b"")].concat();
    feed(&mut conn, &mut input, &mut output, &bytes, Feed::Extend);
    assert_eq!(output.pending(), b"\x8a\x06123456\x8a\x00");
    output.consume(10);
    conn.resume(&mut output);
    assert!(output.is_empty());
}

#[test]
fn r099_while_the_transport_is_backed_up_only_the_latest_ping_is_kept() {
    let (mut conn, mut output) = (connection(Role::Server), output(Role::Server));
    let mut input = ReceiveBuffer::new(Limits::default());
    output.set_backed_up(true);
    feed(&mut conn, &mut input, &mut output, &pings(0, 3), Feed::Extend);
    conn.resume(&mut output);
    assert!(output.is_empty());
    output.set_backed_up(false);
    conn.resume(&mut output);
    assert_eq!(output.pending(), pongs(2, 3));
}

#[test]
fn r099_pong_kept_back_is_not_sent_behind_the_peers_close() {
    let (mut conn, mut output) = (connection(Role::Server), output(Role::Server));
    let mut input = ReceiveBuffer::new(Limits::default());
    output.set_backed_up(true);
    feed(&mut conn, &mut input, &mut output, &pings(0, 3), Feed::Extend);
    feed(&mut conn, &mut input, &mut output, b"\x88\x80\0\0\0\0", Feed::Extend);
    output.set_backed_up(false);
    conn.resume(&mut output);
    assert_eq!(output.pending(), b"\x88\x00");
}

#[test]
fn r099_pong_kept_back_outlives_messages_and_cuts() {
    let (mut conn, mut output) = (connection(Role::Server), output(Role::Server));
    let mut input = ReceiveBuffer::new(Limits::default());
    output.set_backed_up(true);
    feed(&mut conn, &mut input, &mut output, b"\x89\x81\0\0\0\0p\x01\x81\0\0\0\0a\x80", Feed::Extend);
    let seen = feed(&mut conn, &mut input, &mut output, b"\x81\0\0\0\0b\x8a", Feed::Extend);
    assert_eq!(seen, [text("ab")]);
    output.set_backed_up(false);
    assert_eq!(feed(&mut conn, &mut input, &mut output, b"\x80\0\0\0\0", Feed::Extend), [pong(b"")]);
    assert_eq!(output.pending(), b"\x8a\x01p");
}

#[test]
fn r099_pings_are_answered_after_a_close_of_ours() {
    let (mut conn, mut input, mut output) = flooded(1030);
    conn.close(CloseCode::NORMAL, "", &mut output).unwrap();
    output.consume(output.pending().len());
    feed(&mut conn, &mut input, &mut output, b"", Feed::Extend);
    assert_eq!(output.pending(), pongs(1029, 1030));
}
