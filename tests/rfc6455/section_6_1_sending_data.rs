//! RFC 6455 §6.1: data is sent only while OPEN, in frames as §5.2 defines them.

use bowsprit::{
    CloseCode, Connection, Event, Kind, Limits, ReceiveBuffer, Role, SendBuffer, SharedMessage, State, UsageError,
};

use crate::support::*;

/// Every operation that sends, and what it answers.
fn all_operations(conn: &mut Connection, output: &mut SendBuffer) -> [Result<(), UsageError>; 6] {
    [
        conn.send("a", output),
        conn.send(b"b", output),
        conn.send_header(Kind::Text, 0, output).map(|_| ()),
        conn.ping(b"c", output),
        conn.pong(b"d", output),
        conn.close(CloseCode::NORMAL, "", output),
    ]
}

#[test]
fn r103_open_sends_everything() {
    let (mut conn, mut output) = (connection(Role::Server), output(Role::Server));
    assert_eq!(conn.state(), State::Open);
    assert_eq!(all_operations(&mut conn, &mut output), [Ok(()); 6]);
    assert_eq!(output.pending(), b"\x81\x01a\x82\x01b\x81\x00\x89\x01c\x8a\x01d\x88\x02\x03\xe8");
}

#[test]
fn r103_closing_by_us_sends_nothing() {
    let (mut conn, mut output) = (connection(Role::Server), output(Role::Server));
    conn.close(CloseCode::NORMAL, "", &mut output).unwrap();
    assert_eq!(conn.state(), State::Closing);
    assert_eq!(all_operations(&mut conn, &mut output), [Err(UsageError::NotOpen); 6]);
    assert_eq!(output.pending(), b"\x88\x02\x03\xe8");
}

#[test]
fn r103_closing_by_the_peer_sends_nothing() {
    let (mut conn, mut output) = (connection(Role::Server), output(Role::Server));
    let mut input = ReceiveBuffer::new(Limits::default());
    feed(&mut conn, &mut input, &mut output, b"\x88\x82\0\0\0\0\x03\xe8", Feed::Extend);
    assert_eq!(conn.state(), State::Closing);
    assert_eq!(all_operations(&mut conn, &mut output), [Err(UsageError::NotOpen); 6]);
    assert_eq!(output.pending(), b"\x88\x02\x03\xe8");
}

#[test]
fn r103_failed_sends_nothing() {
    let (mut conn, mut output) = (connection(Role::Server), output(Role::Server));
    conn.fail(CloseCode::POLICY_VIOLATION, "", &mut output).unwrap();
    assert_eq!(conn.state(), State::Closing);
    assert_eq!(all_operations(&mut conn, &mut output), [Err(UsageError::NotOpen); 6]);
    assert_eq!(output.pending(), b"\x88\x02\x03\xf0");
}

#[test]
fn r103_closed_sends_nothing() {
    let (mut conn, mut output) = (connection(Role::Server), output(Role::Server));
    conn.receive_eof();
    assert_eq!(conn.state(), State::Closed);
    assert_eq!(all_operations(&mut conn, &mut output), [Err(UsageError::NotOpen); 6]);
    assert_eq!(conn.fail(CloseCode::NORMAL, "", &mut output), Err(UsageError::NotOpen));
    assert!(output.is_empty());
}

#[test]
fn r104_opcode_and_fin_fit_the_kind_of_message() {
    let (mut conn, mut output) = (connection(Role::Server), output(Role::Server));
    conn.send("é", &mut output).unwrap();
    conn.send(String::from("s"), &mut output).unwrap();
    conn.send(&[1u8, 2][..], &mut output).unwrap();
    conn.send(vec![3u8], &mut output).unwrap();
    conn.send(&SharedMessage::text("t"), &mut output).unwrap();
    conn.send(&SharedMessage::binary(vec![4u8]), &mut output).unwrap();
    assert_eq!(output.pending(), b"\x81\x02\xc3\xa9\x81\x01s\x82\x02\x01\x02\x82\x01\x03\x81\x01t\x82\x01\x04");
}

#[test]
fn r104_header_alone_is_that_of_the_whole_message() {
    let (mut conn, mut output) = (connection(Role::Server), output(Role::Server));
    assert_eq!(conn.send_header(Kind::Text, 5, &mut output), Ok(None));
    assert_eq!(conn.send_header(Kind::Binary, 65_536, &mut output), Ok(None));
    assert_eq!(output.pending(), b"\x81\x05\x82\x7f\0\0\0\0\0\x01\0\0");
}

#[test]
fn r104_a_received_message_can_be_sent_while_it_is_borrowed() {
    let (mut conn, mut output) = (connection(Role::Server), output(Role::Server));
    let mut input = ReceiveBuffer::new(Limits::default());
    input.extend_from_slice(b"\x81\x82\0\0\0\0Hi\x02\x81\0\0\0\0a\x80\x81\0\0\0\0b\x01\x80\0\0\0\0\x80\x81\0\0\0\0c");
    while let Some(event) = conn.receive(&mut input, &mut output) {
        let Event::Message(message) = event else { panic!("{event:?}") };
        conn.send(&message, &mut output).unwrap();
        conn.send(message, &mut output).unwrap();
    }
    assert_eq!(output.pending(), b"\x81\x02Hi\x81\x02Hi\x82\x02ab\x82\x02ab\x81\x01c\x81\x01c");
}

#[test]
fn r105_output_is_consumed_in_any_steps() {
    for step in 1..=25 {
        let (mut conn, mut output) = (connection(Role::Server), output(Role::Server));
        let mut written = Vec::new();
        for round in 0..4 {
            conn.send("Hello", &mut output).unwrap();
            conn.send(b"\x01\x02\x03", &mut output).unwrap();
            let n = step.min(output.pending().len());
            written.extend_from_slice(&output.pending()[..n]);
            output.consume(n);
            assert_eq!(output.is_empty(), written.len() == (round + 1) * 12);
        }
        written.extend_from_slice(output.pending());
        assert_eq!(written, b"\x81\x05Hello\x82\x03\x01\x02\x03".repeat(4), "step {step}");
    }
}
