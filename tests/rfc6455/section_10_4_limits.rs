//! RFC 6455 §10.4: limits on frames, on messages put together from many, and on how many; each holds at its value and
//! fails one past it.

use bowsprit::ProtocolError::{FrameTooBig, MessageTooBig, TooManyEmptyFragments, TooManyFragments};
use bowsprit::{Limits, Role};

use crate::support::*;

#[test]
fn r138_frame_at_its_limit_passes() {
    server_with(|limits| limits.frame = 5, &masked(0x82, b"12345")).sees(&[binary(b"12345")]);
}

#[test]
fn r138_frame_past_its_limit_fails() {
    server_with(|limits| limits.frame = 5, &masked(0x82, b"123456")).fails(FrameTooBig, 1009);
    server_with(|limits| limits.frame = 5, &masked(0x02, b"123456")).fails(FrameTooBig, 1009);
    server_with(|limits| limits.frame = 5, &[masked(0x02, b"1"), masked(0x80, b"234567")].concat())
        .fails(FrameTooBig, 1009);
}

#[test]
fn r138_frame_past_its_limit_fails_on_its_header() {
    server_with(|limits| limits.frame = 200, b"\x82\xfe\x00\xc9\0\0\0\0").fails(FrameTooBig, 1009);
    server_with(|limits| limits.frame = 200, b"\x82\xfe\x00\xc8\0\0\0\0").sees(&[]);
}

#[test]
fn r138_message_at_its_limit_passes() {
    server_with(|limits| limits.message = 5, &masked(0x81, b"12345")).sees(&[text("12345")]);
    server_with(|limits| limits.message = 5, &[masked(0x01, b"12"), masked(0x80, b"345")].concat())
        .sees(&[text("12345")]);
    server_with(|limits| limits.message = 5, &[masked(0x01, b"12345"), masked(0x80, b"")].concat())
        .sees(&[text("12345")]);
}

#[test]
fn r138_message_past_its_limit_fails() {
    server_with(|limits| limits.message = 5, &masked(0x81, b"123456")).fails(MessageTooBig, 1009);
    server_with(|limits| limits.message = 5, &[masked(0x01, b"12"), masked(0x80, b"3456")].concat())
        .fails(MessageTooBig, 1009);
    server_with(|limits| limits.message = 5, &[masked(0x01, b"12345"), masked(0x00, b"6")].concat())
        .fails(MessageTooBig, 1009);
}

#[test]
fn r138_message_past_its_limit_fails_on_the_header_that_takes_it_there() {
    server_with(|limits| limits.message = 5, b"\x02\x83\0\0\0\x00abc\x80\x83\0\0\0\0").fails(MessageTooBig, 1009);
}

#[test]
fn r138_each_message_has_the_whole_limit() {
    server_with(
        |limits| limits.message = 3,
        &[masked(0x02, b"12"), masked(0x80, b"3"), masked(0x82, b"456"), masked(0x02, b"78"), masked(0x80, b"9")]
            .concat(),
    )
    .sees(&[binary(b"123"), binary(b"456"), binary(b"789")]);
}

#[test]
fn r138_a_limit_of_zero_lets_empty_messages_pass() {
    server_with(|limits| limits.message = 0, &masked(0x81, b"")).sees(&[text("")]);
    server_with(|limits| limits.message = 0, &masked(0x81, b"a")).fails(MessageTooBig, 1009);
}

#[test]
fn r138_default_limit_of_a_message_is_one_mib() {
    let limits = Limits::default();
    let megabyte = vec![b'x'; 1 << 20];
    let frame = unmasked(0x82, &megabyte);
    run(Role::Client, &limits, &[&frame], Feed::Spare).sees(&[binary(&megabyte)]);
    client(b"\x82\x7f\0\0\0\0\0\x10\0\x01").fails(FrameTooBig, 1009);
}

#[test]
fn r138_no_length_is_too_long_to_be_compared() {
    for k in 21..63 {
        let header = [&b"\x82\x7f"[..], &(1u64 << k).to_be_bytes()].concat();
        run(Role::Client, &Limits::default(), &[&header], Feed::Extend).fails(FrameTooBig, 1009);
        let unlimited = limits(|limits| (limits.frame, limits.message) = (usize::MAX, usize::MAX));
        run(Role::Client, &unlimited, &[&header], Feed::Spare).sees(&[]);
    }
}

#[test]
fn r138_fragments_at_their_limit_pass() {
    let bytes = [&b"\x01\x01a"[..], &b"\x00\x01a".repeat(2), b"\x80\x01a"].concat();
    every_way(Role::Client, &limits(|limits| limits.fragments = 4), &bytes).sees(&[text("aaaa")]);
}

#[test]
fn r138_fragments_past_their_limit_fail() {
    let bytes = [&b"\x01\x01a"[..], &b"\x00\x01a".repeat(3), b"\x80\x01a"].concat();
    every_way(Role::Client, &limits(|limits| limits.fragments = 4), &bytes).fails(TooManyFragments, 1008);
}

#[test]
fn r138_no_limit_of_fragments_forbids_a_message_in_one_frame() {
    let bytes = [masked(0x82, b"abc"), masked(0x02, b""), masked(0x80, b"")].concat();
    server_with(|limits| limits.fragments = 0, &bytes).sees_then_fails(&[binary(b"abc")], TooManyFragments, 1008);
}

#[test]
fn r138_default_limit_of_fragments_is_65536() {
    let most = [&b"\x02\x01a"[..], &b"\x00\x01a".repeat(65_534)].concat();
    run(Role::Client, &Limits::default(), &[&most, b"\x80\x01a"], Feed::Spare).sees(&[binary(&[b'a'; 65_536])]);
    run(Role::Client, &Limits::default(), &[&most, b"\x00\x01a\x80\x01a"], Feed::Spare).fails(TooManyFragments, 1008);
}

#[test]
fn r138_empty_fragments_at_their_limit_pass() {
    let bytes =
        [&b"\x02\x01a"[..], &b"\x00\x00".repeat(64), b"\x00\x01b", &b"\x00\x00".repeat(63), b"\x80\x00"].concat();
    client(&bytes).sees(&[binary(b"ab")]);
}

#[test]
fn r138_empty_fragments_past_their_limit_fail() {
    let bytes = [&b"\x02\x01a"[..], &b"\x00\x00".repeat(65)].concat();
    client(&bytes).fails(TooManyEmptyFragments, 1008);
    let bytes = [&b"\x02\x00"[..], &b"\x00\x00".repeat(64)].concat();
    client(&bytes).fails(TooManyEmptyFragments, 1008);
    let bytes = [&b"\x02\x00"[..], &b"\x00\x00".repeat(63), b"\x80\x00"].concat();
    client(&bytes).fails(TooManyEmptyFragments, 1008);
}

#[test]
fn r138_a_row_of_empty_fragments_ends_with_its_message() {
    let two = limits(|limits| limits.empty_fragments = 2);
    every_way(Role::Client, &two, b"\x02\x01a\x00\x00\x80\x00\x02\x00\x00\x00\x80\x01b")
        .sees(&[binary(b"a"), binary(b"b")]);
}

#[test]
fn r138_control_frames_do_not_interrupt_a_row_of_empty_fragments() {
    let bytes = [&b"\x02\x01a"[..], &b"\x00\x00\x8a\x00".repeat(64), b"\x00\x00"].concat();
    client(&bytes).sees_then_fails(&vec![pong(b""); 64], TooManyEmptyFragments, 1008);
}

#[test]
fn r138_empty_messages_are_no_empty_fragments() {
    run(Role::Client, &Limits::default(), &[&b"\x82\x00".repeat(200)], Feed::Spare).sees(&vec![binary(b""); 200]);
}

#[test]
fn r138_control_replies_at_their_limit_and_past_it() {
    let bytes = [masked(0x89, b"12"), masked(0x89, b"")].concat();
    server_with(|limits| limits.control_replies = 6, &bytes).sends(b"\x8a\x0212\x8a\x00");
    server_with(|limits| limits.control_replies = 5, &bytes).sends(b"\x8a\x0212");
    let fourteen = limits(|limits| limits.control_replies = 14);
    every_way(Role::Client, &fourteen, b"\x89\x0212\x89\x00").sends(b"\x8a\x82\0\0\0\x0012\x8a\x80\0\0\0\0");
    let thirteen = limits(|limits| limits.control_replies = 13);
    every_way(Role::Client, &thirteen, b"\x89\x0212\x89\x00").sends(b"\x8a\x82\0\0\0\x0012");
}

#[test]
fn r139_there_are_finite_limits_by_default() {
    let limits = Limits::default();
    assert_eq!((limits.message, limits.frame), (1 << 20, 1 << 20));
    assert_eq!((limits.fragments, limits.empty_fragments, limits.control_replies), (65_536, 64, 4096));
}
