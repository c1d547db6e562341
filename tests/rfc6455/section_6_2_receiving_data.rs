//! RFC 6455 §6.2: incoming bytes are read as frames; the first frame gives a message its type; masking is removed.

use bowsprit::{Limits, ReceiveBuffer, Role};

use crate::support::*;

#[test]
fn r106_every_kind_of_frame_in_one_read() {
    client(b"\x81\x01a\x82\x01b\x89\x01c\x8a\x01d\x01\x01e\x80\x01f\x88\x03\x03\xe8g")
        .sees(&[text("a"), binary(b"b"), ping(b"c"), pong(b"d"), text("ef"), close(1000, "g")])
        .sends(b"\x8a\x81\0\0\0\0c\x88\x82\0\0\0\0\x03\xe8");
}

#[test]
fn r106_not_enough_bytes_is_no_event_and_no_fault() {
    server(b"").sees(&[]).sends(b"");
    server(b"\x81").sees(&[]).sends(b"");
    server(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51").sees(&[]).sends(b"");
    server(b"\x88\x82\0\0\0\0\x03").sees(&[]).sends(b"");
    server(b"\x82\xff\0\0\0\0\0\x01\0\0\0\0\0").sees(&[]).sends(b"");
}

#[test]
fn r106_empty_reads_change_nothing() {
    let (mut conn, mut output) = (connection(Role::Server), output(Role::Server));
    let mut input = ReceiveBuffer::new(Limits::default());
    for byte in b"\x01\x81\0\0\0\0a\x80\x81\0\0\0" {
        assert_eq!(feed(&mut conn, &mut input, &mut output, &[*byte], Feed::Extend), []);
        assert_eq!(drain(&mut conn, &mut input, &mut output), []);
        conn.spare(&mut input);
        conn.filled(0, &mut input);
        assert_eq!(drain(&mut conn, &mut input, &mut output), []);
    }
    assert_eq!(feed(&mut conn, &mut input, &mut output, b"\0b", Feed::Extend), [text("ab")]);
}

#[test]
fn r107_a_new_message_has_its_own_type() {
    client(b"\x02\x01\xff\x80\x00\x01\x01a\x80\x00\x82\x01\xff\x81\x01b").sees(&[
        binary(b"\xff"),
        text("a"),
        binary(b"\xff"),
        text("b"),
    ]);
}

#[test]
fn r108_masking_is_removed_from_every_frame() {
    server(b"\x82\x82\xff\xff\xff\xff\x00\x01\x89\x81\x0f\0\0\0\x7f\x88\x83\x01\x02\x03\x04\x02\xea\x62").sees(&[
        binary(b"\xff\xfe"),
        ping(b"p"),
        close(1000, "a"),
    ]);
}

#[test]
fn r108_masking_is_removed_from_long_frames_read_to_their_place() {
    let payload: Vec<u8> = (0..200_001u32).map(|i| (i * 7 + i / 251) as u8).collect();
    server(&masked(0x82, &payload)).sees(&[binary(&payload)]);
    let parts = [&masked(0x02, &payload[..90_003])[..], &masked(0x80, &payload[90_003..])].concat();
    server(&parts).sees(&[binary(&payload)]);
}

#[test]
fn r106_two_reads_before_a_receive_keep_their_order() {
    let payload: Vec<u8> = (0..400_000u32).map(|i| (i / 100) as u8).collect();
    let bytes = [masked(0x82, &payload), masked(0x81, b"next")].concat();
    let (mut conn, mut output) = (connection(Role::Server), output(Role::Server));
    let mut input = ReceiveBuffer::new(Limits::default());
    let mut events = Vec::new();
    let mut rest = &bytes[..];
    while !rest.is_empty() {
        for _ in 0..2 {
            let room = conn.spare(&mut input);
            let n = room.len().min(rest.len());
            room[..n].copy_from_slice(&rest[..n]);
            conn.filled(n, &mut input);
            rest = &rest[n..];
        }
        events.extend(drain(&mut conn, &mut input, &mut output));
    }
    assert_eq!(events, [binary(&payload), text("next")]);
}

#[test]
fn r106_a_full_buffer_has_room_again_when_an_event_was_taken() {
    let (mut conn, mut output) = (connection(Role::Server), output(Role::Server));
    let mut input = ReceiveBuffer::with_capacity(Limits::default(), 16);
    input.spare().copy_from_slice(b"\x81\x81\0\0\0\0a\x81\x81\0\0\0\0b\x81\x81");
    input.filled(16);
    assert!(input.spare().is_empty());
    assert_eq!(conn.receive(&mut input, &mut output).map(Seen::from), Some(text("a")));
    assert_eq!(input.spare().len(), 7);
    input.spare()[..5].copy_from_slice(b"\0\0\0\0c");
    input.filled(5);
    assert_eq!(drain(&mut conn, &mut input, &mut output), [text("b"), text("c")]);
}
