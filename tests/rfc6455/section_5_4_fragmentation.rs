//! RFC 6455 §5.4: a message is one frame, or a first one, continuations and a last one, in order; control frames may
//! stand between them, other messages not.

use bowsprit::ProtocolError::{MessageInterleaved, NothingToContinue};
use bowsprit::Role;

use crate::support::*;

#[test]
fn r077_continuation_of_nothing_fails() {
    server(b"\x80\x81\0\0\0\0x").fails(NothingToContinue, 1002);
    server(b"\x00\x81\0\0\0\0x").fails(NothingToContinue, 1002);
    client(b"\x80\x00").fails(NothingToContinue, 1002);
}

#[test]
fn r077_continuation_behind_a_whole_message_fails() {
    server(b"\x81\x81\0\0\0\0a\x80\x81\0\0\0\0x").sees_then_fails(&[text("a")], NothingToContinue, 1002);
    client(b"\x01\x01a\x80\x01b\x80\x01c").sees_then_fails(&[text("ab")], NothingToContinue, 1002);
}

#[test]
fn r077_empty_fragments_make_an_empty_message() {
    server(b"\x01\x80\0\0\0\0\x00\x80\0\0\0\0\x80\x80\0\0\0\0").sees(&[text("")]);
    client(b"\x02\x00\x80\x00").sees(&[binary(b"")]);
}

#[test]
fn r077_last_fragment_may_be_empty() {
    client(b"\x01\x02Hi\x80\x00").sees(&[text("Hi")]);
    client(b"\x01\x00\x80\x02Hi").sees(&[text("Hi")]);
}

#[test]
fn r079_fragments_are_joined_in_order() {
    server(b"\x01\x81\0\0\0\0a\x00\x82\0\0\0\0bc\x00\x81\0\0\0\0d\x80\x83\0\0\0\0efg").sees(&[text("abcdefg")]);
    client(b"\x02\x01a\x00\x02bc\x00\x01d\x80\x03efg\x02\x01h\x80\x01i").sees(&[binary(b"abcdefg"), binary(b"hi")]);
}

#[test]
fn r080_new_message_inside_a_fragmented_one_fails() {
    server(b"\x01\x81\0\0\0\0a\x81\x81\0\0\0\0b").fails(MessageInterleaved, 1002);
    server(b"\x01\x81\0\0\0\0a\x02\x81\0\0\0\0b").fails(MessageInterleaved, 1002);
    client(b"\x02\x01a\x00\x01b\x82\x01c").fails(MessageInterleaved, 1002);
    client(b"\x02\x00\x01\x00").fails(MessageInterleaved, 1002);
}

#[test]
fn r081_control_frames_between_fragments_come_first() {
    server(b"\x01\x81\0\0\0\0a\x89\x81\0\0\0\0p\x8a\x81\0\0\0\0q\x80\x81\0\0\0\0b")
        .sees(&[ping(b"p"), pong(b"q"), text("ab")])
        .sends(b"\x8a\x01p");
}

#[test]
fn r081_control_frames_inside_a_cut_code_point() {
    server(b"\x01\x81\0\0\0\0\xc3\x89\x80\0\0\0\0\x80\x81\0\0\0\0\xa9")
        .sees(&[ping(b""), text("é")])
        .sends(b"\x8a\x00");
}

#[test]
fn r081_close_between_fragments_ends_the_connection() {
    server(b"\x01\x81\0\0\0\0a\x88\x82\0\0\0\0\x03\xe8\x80\x81\0\0\0\0b")
        .sees(&[close(1000, "")])
        .sends(b"\x88\x02\x03\xe8");
}

#[test]
fn r082_fragmented_and_whole_messages_take_turns() {
    server(b"\x81\x81\0\0\0\0a\x02\x81\0\0\0\0b\x80\x81\0\0\0\0c\x82\x81\0\0\0\0d").sees(&[
        text("a"),
        binary(b"bc"),
        binary(b"d"),
    ]);
}

#[test]
fn r082_long_fragments() {
    let (a, b, c) = (vec![b'a'; 70_000], vec![b'b'; 140_000], vec![b'c'; 200]);
    let bytes = [masked(0x02, &a), masked(0x00, &b), masked(0x80, &c)].concat();
    server(&bytes).sees(&[binary(&[a, b, c].concat())]);
}

#[test]
fn r084_type_is_that_of_the_first_fragment() {
    client(b"\x01\x01\x61\x80\x01\x62").sees(&[text("ab")]);
    client(b"\x02\x01\xff\x80\x01\xfe").sees(&[binary(b"\xff\xfe")]);
}

#[test]
fn r085_a_message_is_the_same_however_it_is_fragmented() {
    for at in 0..=8 {
        let (first, last) = "naïve 𝄞".as_bytes().split_at(at);
        let bytes = [masked(0x01, first), masked(0x80, last)].concat();
        server(&bytes).sees(&[text("naïve 𝄞")]);
    }
}

#[test]
fn r085_the_library_sends_a_message_as_one_frame() {
    let (mut conn, mut output) = (connection(Role::Server), output(Role::Server));
    conn.send(vec![1; 100_000], &mut output).unwrap();
    assert_eq!(output.pending()[..10], *b"\x82\x7f\0\0\0\0\0\x01\x86\xa0");
    assert_eq!(output.pending().len(), 10 + 100_000);
}
