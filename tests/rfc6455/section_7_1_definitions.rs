//! RFC 6455 §7.1: starting, finishing and failing: what is sent, what is discarded, and what is reported afterwards.

use bowsprit::ProtocolError::{ReservedBitSet, UnknownOpcode};
use bowsprit::{CloseCode, Limits, ReceiveBuffer, Role, State, UsageError};

use crate::support::*;

#[test]
fn r109_data_behind_a_close_is_discarded() {
    server(b"\x88\x82\0\0\0\0\x03\xe8\x81\x81\0\0\0\0a\xff\xff\xff\xff")
        .sees(&[close(1000, "")])
        .sends(b"\x88\x02\x03\xe8");
}

#[test]
fn r109_endless_data_behind_a_close_is_not_kept() {
    let (mut conn, mut output) = (connection(Role::Server), output(Role::Server));
    let mut input = ReceiveBuffer::new(Limits::default());
    feed(&mut conn, &mut input, &mut output, b"\x88\x80\0\0\0\0", Feed::Extend);
    for _ in 0..100 {
        assert_eq!(feed(&mut conn, &mut input, &mut output, &[0x82; 10_000], Feed::Spare), []);
    }
    assert!(!conn.is_inside_message());
    assert_eq!(output.pending(), b"\x88\x00");
}

#[test]
fn r111_failing_for_a_reason_of_ours_sends_a_close_and_discards_the_rest() {
    let (mut conn, mut output) = (connection(Role::Server), output(Role::Server));
    let mut input = ReceiveBuffer::new(Limits::default());
    conn.fail(CloseCode::POLICY_VIOLATION, "too slow", &mut output).unwrap();
    assert!(conn.is_finished());
    assert_eq!(feed(&mut conn, &mut input, &mut output, b"\x81\x81\0\0\0\0a", Feed::Extend), []);
    assert_eq!(output.pending(), b"\x88\x0a\x03\xf0too slow");
    assert_eq!(conn.fail(CloseCode::POLICY_VIOLATION, "", &mut output), Err(UsageError::NotOpen));
    assert!(!conn.receive_eof());
}

#[test]
fn r111_failing_while_closing_sends_no_second_close() {
    let (mut conn, mut output) = (connection(Role::Server), output(Role::Server));
    conn.close(CloseCode::NORMAL, "", &mut output).unwrap();
    conn.fail(CloseCode::POLICY_VIOLATION, "too slow", &mut output).unwrap();
    assert!(conn.is_finished());
    assert_eq!(output.pending(), b"\x88\x02\x03\xe8");
}

#[test]
fn r112_closing_sends_code_and_reason() {
    let (mut conn, mut output) = (connection(Role::Server), output(Role::Server));
    conn.close(CloseCode::GOING_AWAY, "à demain", &mut output).unwrap();
    assert_eq!(output.pending(), b"\x88\x0b\x03\xe9\xc3\xa0 demain");
}

#[test]
fn r112_close_that_must_not_be_sent_is_an_error_and_changes_nothing() {
    let (mut conn, mut output) = (connection(Role::Server), output(Role::Server));
    let code = CloseCode::NO_STATUS;
    assert_eq!(conn.close(code, "", &mut output), Err(UsageError::InvalidCloseCode(code)));
    assert_eq!(conn.fail(code, "", &mut output), Err(UsageError::InvalidCloseCode(code)));
    assert_eq!(conn.close(CloseCode::NORMAL, &"é".repeat(62), &mut output), Err(UsageError::CloseReasonTooLong));
    assert_eq!(conn.state(), State::Open);
    assert!(output.is_empty());
    conn.close(CloseCode::NORMAL, &"é".repeat(61), &mut output).unwrap();
}

#[test]
fn r113_r114_states_on_the_way_to_closed_when_we_close() {
    let (mut conn, mut output) = (connection(Role::Server), output(Role::Server));
    let mut input = ReceiveBuffer::new(Limits::default());
    assert_eq!((conn.state(), conn.is_finished()), (State::Open, false));
    conn.close(CloseCode::NORMAL, "", &mut output).unwrap();
    assert_eq!((conn.state(), conn.is_finished()), (State::Closing, false));
    feed(&mut conn, &mut input, &mut output, b"\x88\x80\0\0\0\0", Feed::Extend);
    assert_eq!((conn.state(), conn.is_finished()), (State::Closing, true));
    conn.receive_eof();
    assert_eq!((conn.state(), conn.is_finished()), (State::Closed, true));
}

#[test]
fn r113_r114_states_on_the_way_to_closed_when_the_peer_closes() {
    let outcome = server(b"\x88\x80\0\0\0\0");
    assert_eq!((outcome.state, outcome.finished), (State::Closing, true));
    let outcome = client(b"\x88\x00");
    assert_eq!((outcome.state, outcome.finished), (State::Closing, true));
    let outcome = client(b"\x81\x00");
    assert_eq!((outcome.state, outcome.finished), (State::Open, false));
}

/// Whether end of input is clean behind these bytes, and the code reported then.
fn ends(role: Role, closes_first: bool, bytes: &[u8]) -> (bool, u16) {
    let (mut conn, mut output) = (connection(role), output(role));
    let mut input = ReceiveBuffer::new(Limits::default());
    if closes_first {
        conn.close(CloseCode::NORMAL, "", &mut output).unwrap();
    }
    feed(&mut conn, &mut input, &mut output, bytes, Feed::Extend);
    let clean = conn.receive_eof();
    assert_eq!(conn.state(), State::Closed);
    assert!(conn.is_finished());
    assert_eq!(drain(&mut conn, &mut input, &mut output), []);
    (clean, conn.close_code().as_u16())
}

#[test]
fn r115_r116_end_of_input_behind_both_closes_is_clean() {
    assert_eq!(ends(Role::Server, false, b"\x88\x82\0\0\0\0\x03\xe9"), (true, 1001));
    assert_eq!(ends(Role::Server, true, b"\x88\x82\0\0\0\0\x03\xe9"), (true, 1001));
    assert_eq!(ends(Role::Client, false, b"\x88\x02\x0f\xa0"), (true, 4000));
    assert_eq!(ends(Role::Client, true, b"\x88\x02\x0f\xa0"), (true, 4000));
}

#[test]
fn r115_r116_close_without_a_code_is_clean_and_reported_as_1005() {
    assert_eq!(ends(Role::Server, false, b"\x88\x80\0\0\0\0"), (true, 1005));
    assert_eq!(ends(Role::Client, true, b"\x88\x00"), (true, 1005));
}

#[test]
fn r115_r116_end_of_input_without_a_close_is_unclean_and_reported_as_1006() {
    assert_eq!(ends(Role::Server, false, b""), (false, 1006));
    assert_eq!(ends(Role::Server, true, b""), (false, 1006));
    assert_eq!(ends(Role::Server, false, b"\x81\x81\0\0\0\0a"), (false, 1006));
    assert_eq!(ends(Role::Client, true, b"\x81\x01a"), (false, 1006));
}

#[test]
fn r115_r116_end_of_input_inside_a_frame_is_unclean() {
    assert_eq!(ends(Role::Server, false, b"\x81"), (false, 1006));
    assert_eq!(ends(Role::Server, false, b"\x81\x85\0\0\0\0He"), (false, 1006));
    assert_eq!(ends(Role::Server, false, b"\x01\x81\0\0\0\0a"), (false, 1006));
    assert_eq!(ends(Role::Server, true, b"\x88\x82\0\0\0\0\x03"), (false, 1006));
}

#[test]
fn r115_r116_end_of_input_behind_a_failure_is_unclean() {
    assert_eq!(ends(Role::Server, false, b"\xf1"), (false, 1006));
    assert_eq!(ends(Role::Server, true, b"\xf1"), (false, 1006));
    assert_eq!(ends(Role::Server, false, b"\x88\x81\0\0\0\0\x03"), (false, 1006));
}

#[test]
fn r116_first_close_received_is_the_one_reported() {
    assert_eq!(ends(Role::Client, false, b"\x88\x02\x03\xe9\x88\x02\x0f\xa0"), (true, 1001));
    assert_eq!(client(b"\x88\x02\x03\xe9\x88\x02\x0f\xa0").close_code, 1001);
}

#[test]
fn r116_no_close_yet_is_reported_as_1006() {
    assert_eq!(server(b"\x81\x80\0\0\0\0").close_code, 1006);
}

#[test]
fn r117_reason_is_that_of_the_first_close() {
    client(b"\x88\x05\x03\xe8one\x88\x05\x03\xe8two").sees(&[close(1000, "one")]);
}

#[test]
fn r118_failure_is_one_event() {
    server(b"\xf1\xf1\xf1\x83\x83").fails(ReservedBitSet, 1002);
}

#[test]
fn r119_failure_sends_a_close_with_code_and_rule() {
    server(b"\x83").fails(UnknownOpcode(3), 1002).sends(b"\x88\x10\x03\xeaunknown opcode");
    client(b"\x83").fails(UnknownOpcode(3), 1002).sends(b"\x88\x90\0\0\0\0\x03\xeaunknown opcode");
}

#[test]
fn r120_good_frames_behind_a_failure_give_no_event() {
    server(b"\x83\x80\0\0\0\0\x81\x81\0\0\0\0a\x89\x80\0\0\0\0\x88\x80\0\0\0\0").fails(UnknownOpcode(3), 1002);
}

#[test]
fn r120_good_frames_before_a_failure_are_delivered_and_answered() {
    server(b"\x81\x81\0\0\0\0a\x89\x81\0\0\0\0p\x83\x80\0\0\0\0")
        .sees_then_fails(&[text("a"), ping(b"p")], UnknownOpcode(3), 1002)
        .sends(b"\x8a\x01p\x88\x10\x03\xeaunknown opcode");
}

#[test]
fn r120_frames_read_later_than_a_failure_give_no_event() {
    let (mut conn, mut output) = (connection(Role::Server), output(Role::Server));
    let mut input = ReceiveBuffer::new(Limits::default());
    assert_eq!(feed(&mut conn, &mut input, &mut output, b"\x83", Feed::Extend), [failed(UnknownOpcode(3).at(0))]);
    assert_eq!(feed(&mut conn, &mut input, &mut output, b"\x81\x81\0\0\0\0a", Feed::Extend), []);
    assert_eq!(feed(&mut conn, &mut input, &mut output, b"\x88\x80\0\0\0\0", Feed::Extend), []);
    assert_eq!(conn.close_code(), CloseCode::ABNORMAL);
}

#[test]
fn r121_client_stays_open_as_long_as_nothing_ends_it() {
    let outcome = client(b"\x81\x00\x89\x00\x8a\x00\x82\x00");
    assert_eq!((outcome.state, outcome.finished), (State::Open, false));
}
