//! RFC 6455 §5.5.1: a Close may carry a code and a UTF-8 reason; it is answered once; no data follows it.

use bowsprit::ProtocolError::{CloseBodyTruncated, CloseReasonNotUtf8, InvalidUtf8, ReservedBitSet};
use bowsprit::{CloseCode, CloseFrame, Kind, Limits, ReceiveBuffer, Role, SendBuffer, State, UsageError};

use crate::support::*;

#[test]
fn r087_close_body_of_one_byte_fails() {
    server(b"\x88\x81\0\0\0\0\x03").fails(CloseBodyTruncated, 1002);
    client(b"\x88\x01\x03").fails(CloseBodyTruncated, 1002);
}

#[test]
fn r087_close_without_a_body_is_answered_without_a_body() {
    server(b"\x88\x80\0\0\0\0").sees(&[close(1005, "")]).sends(b"\x88\x00");
    client(b"\x88\x00").sees(&[close(1005, "")]).sends(b"\x88\x80\0\0\0\0");
}

#[test]
fn r087_a_reason_without_a_code_cannot_be_sent() {
    let frame = CloseFrame { code: None, reason: "why" };
    assert_eq!(frame.check(), Err(UsageError::CloseReasonWithoutCode));
    assert_eq!(CloseFrame { code: None, reason: "" }.check(), Ok(()));
}

#[test]
fn r088_close_reason_that_is_not_utf8_fails() {
    server(b"\x88\x83\0\0\0\0\x03\xe8\xff").fails(CloseReasonNotUtf8, 1007);
    client(b"\x88\x05\x03\xe8\xed\xa0\x80").fails(CloseReasonNotUtf8, 1007);
}

#[test]
fn r088_close_reason_that_ends_inside_a_code_point_fails() {
    client(b"\x88\x03\x03\xe8\xc3").fails(CloseReasonNotUtf8, 1007);
}

#[test]
fn r088_close_reason_is_reported() {
    client(b"\x88\x06\x03\xe8d\xc3\xa9j").sees(&[close(1000, "déj")]).sends(b"\x88\x82\0\0\0\0\x03\xe8");
}

#[test]
fn r090_close_from_a_client_is_masked() {
    client(b"\x88\x00").sends(b"\x88\x80\0\0\0\0");
    client(b"\x88\x02\x0f\xa0").sends(b"\x88\x82\0\0\0\0\x0f\xa0");
}

#[test]
fn r091_nothing_is_sent_behind_our_close() {
    let (mut conn, mut output) = (connection(Role::Server), output(Role::Server));
    conn.close(CloseCode::NORMAL, "", &mut output).unwrap();
    assert_eq!(conn.send("late", &mut output), Err(UsageError::NotOpen));
    assert_eq!(conn.send_header(Kind::Binary, 1, &mut output), Err(UsageError::NotOpen));
    assert_eq!(conn.ping(b"", &mut output), Err(UsageError::NotOpen));
    assert_eq!(conn.pong(b"", &mut output), Err(UsageError::NotOpen));
    assert_eq!(conn.close(CloseCode::NORMAL, "", &mut output), Err(UsageError::NotOpen));
    assert_eq!(output.pending(), b"\x88\x02\x03\xe8");
}

#[test]
fn r091_nothing_is_sent_behind_the_answer_to_a_close() {
    let (mut conn, mut output) = (connection(Role::Server), output(Role::Server));
    let mut input = ReceiveBuffer::new(Limits::default());
    feed(&mut conn, &mut input, &mut output, b"\x88\x80\0\0\0\0", Feed::Extend);
    assert_eq!(conn.send("late", &mut output), Err(UsageError::NotOpen));
    assert_eq!(conn.close(CloseCode::NORMAL, "", &mut output), Err(UsageError::NotOpen));
    assert_eq!(conn.fail(CloseCode::POLICY_VIOLATION, "", &mut output), Err(UsageError::NotOpen));
    assert_eq!(output.pending(), b"\x88\x00");
}

#[test]
fn r092_close_is_answered_with_its_own_code() {
    server(b"\x88\x82\0\0\0\0\x03\xe8").sees(&[close(1000, "")]).sends(b"\x88\x02\x03\xe8");
    server(b"\x88\x82\0\0\0\0\x03\xe9").sees(&[close(1001, "")]).sends(b"\x88\x02\x03\xe9");
    server(b"\x88\x85\0\0\0\0\x0f\xa0bye").sees(&[close(4000, "bye")]).sends(b"\x88\x02\x0f\xa0");
}

#[test]
fn r092_close_is_answered_once() {
    server(b"\x88\x80\0\0\0\0\x88\x80\0\0\0\0\x88\x80\0\0\0\0").sees(&[close(1005, "")]).sends(b"\x88\x00");
}

#[test]
fn r093_answer_comes_behind_what_was_sent_before() {
    let (mut conn, mut output) = (connection(Role::Server), output(Role::Server));
    let mut input = ReceiveBuffer::new(Limits::default());
    conn.send("first", &mut output).unwrap();
    feed(&mut conn, &mut input, &mut output, b"\x89\x80\0\0\0\0\x88\x80\0\0\0\0", Feed::Extend);
    assert_eq!(output.pending(), b"\x81\x05first\x8a\x00\x88\x00");
}

#[test]
fn r094_both_closes_exchanged_is_finished() {
    let (mut conn, mut output) = (connection(Role::Client), output(Role::Client));
    let mut input = ReceiveBuffer::new(Limits::default());
    conn.close(CloseCode::NORMAL, "", &mut output).unwrap();
    assert!(!conn.is_finished());
    assert_eq!(feed(&mut conn, &mut input, &mut output, b"\x88\x02\x03\xe8", Feed::Extend), [close(1000, "")]);
    assert!(conn.is_finished());
    assert_eq!(conn.state(), State::Closing);
    assert_eq!(output.pending(), b"\x88\x82\0\0\0\0\x03\xe8");
    assert!(conn.receive_eof());
    assert_eq!(conn.state(), State::Closed);
}

#[test]
fn r095_closes_that_cross_end_cleanly() {
    let (mut server, mut server_output) = (connection(Role::Server), output(Role::Server));
    let (mut client, mut client_output) = (connection(Role::Client), output(Role::Client));
    let mut input = ReceiveBuffer::new(Limits::default());
    server.close(CloseCode::GOING_AWAY, "s", &mut server_output).unwrap();
    client.close(CloseCode::NORMAL, "c", &mut client_output).unwrap();
    let seen = feed(&mut server, &mut input, &mut SendBuffer::new(), client_output.pending(), Feed::Extend);
    assert_eq!(seen, [close(1000, "c")]);
    let seen = feed(&mut client, &mut input, &mut client_output, b"\x88\x03\x03\xe9s", Feed::Extend);
    assert_eq!(seen, [close(1001, "s")]);
    assert_eq!(server_output.pending(), b"\x88\x03\x03\xe9s");
    assert_eq!(client_output.pending(), b"\x88\x83\0\0\0\0\x03\xe8c");
    assert!(server.receive_eof());
    assert!(client.receive_eof());
}

#[test]
fn r095_messages_are_received_until_the_peers_close() {
    let (mut conn, mut output) = (connection(Role::Server), output(Role::Server));
    let mut input = ReceiveBuffer::new(Limits::default());
    conn.close(CloseCode::NORMAL, "", &mut output).unwrap();
    let bytes = b"\x81\x81\0\0\0\0a\x02\x81\0\0\0\0b\x80\x81\0\0\0\0c\x88\x82\0\0\0\0\x03\xe8\x81\x81\0\0\0\0d";
    let seen = feed(&mut conn, &mut input, &mut output, bytes, Feed::Extend);
    assert_eq!(seen, [text("a"), binary(b"bc"), close(1000, "")]);
    assert_eq!(output.pending(), b"\x88\x02\x03\xe8");
}

#[test]
fn r095_a_broken_rule_behind_our_close_fails_without_a_second_close() {
    let (mut conn, mut output) = (connection(Role::Server), output(Role::Server));
    let mut input = ReceiveBuffer::new(Limits::default());
    conn.close(CloseCode::NORMAL, "", &mut output).unwrap();
    let seen = feed(&mut conn, &mut input, &mut output, b"\xf1\x80\0\0\0\0\x88\x80\0\0\0\0", Feed::Extend);
    assert_eq!(seen, [failed(ReservedBitSet.at(0))]);
    assert_eq!(output.pending(), b"\x88\x02\x03\xe8");
    assert!(conn.is_finished());
    assert!(!conn.receive_eof());
}

#[test]
fn r087_r088_where_a_bad_close_begins_is_known() {
    let outcome = server(b"\x81\x81\0\0\0\0a\x88\x81\0\0\0\0\x03");
    assert_eq!(outcome.bytes_received, 7);
    let outcome = server(b"\x81\x81\0\0\0\0a\x81\x81\0\0\0\0\xff").sees_then_fails(&[text("a")], InvalidUtf8, 1007);
    assert_eq!(outcome.bytes_received, 7);
    let outcome = server(b"\x81\x81\0\0\0\0a\x01\x81\0\0\0\0b\x80\x81\0\0\0\0\xff");
    assert_eq!(outcome.bytes_received, 14);
}
