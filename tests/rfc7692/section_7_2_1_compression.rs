//! RFC 7692 §7.2.1: compression.

use bowsprit::{DeflateParams, Limits, ProtocolError, Role};
use proptest::prelude::*;

use crate::messages::{
    BINARY, Sender, TEXT, bytes, config, fails, json, no_takeover, noise, params, server, server_with,
};
use crate::support::inflate::inflate;
use crate::support::{binary, text};

const HELLO: &[u8] = &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
/// The same in a final block, as §7.2.3.4 has it.
const FINAL: &[u8] = &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00];

#[test]
fn r170_the_tail_of_the_flush_is_cut_off() {
    for level in 1..=9 {
        let mut sender = Sender::new(Role::Server, params(|_| {}), &config(|config| config.level = level));
        for len in [4, 100, 1000, 70_000] {
            let sent = json(len, len);
            let frame = sender.send(&sent);
            assert!(!frame.payload.ends_with(&[0x00, 0x00, 0xff, 0xff]), "level {level}, {len} bytes");
            if frame.first == TEXT {
                assert_eq!(sender.inflated(&frame.payload).0, sent.as_bytes(), "level {level}, {len} bytes");
            }
        }
    }
}

#[test]
fn r171_a_final_block_does_not_end_the_stream() {
    let repeated: &[u8] = &[0xf2, 0x00, 0x11, 0x00, 0x00];
    assert_eq!(server(&[(TEXT, FINAL), (TEXT, FINAL)]), [text("Hello"), text("Hello")]);
    // The next message still refers to it.
    assert_eq!(server(&[(TEXT, FINAL), (TEXT, repeated)]), [text("Hello"), text("Hello")]);
    // And so does the next block of the same message.
    let twice = [&FINAL[..7], repeated].concat();
    assert_eq!(server(&[(TEXT, &twice)]), [text("HelloHello")]);
    let thrice = [&FINAL[..7], &FINAL[..7], FINAL].concat();
    assert_eq!(server(&[(TEXT, &thrice)]), [text("HelloHelloHello")]);
}

#[test]
fn r171_a_final_block_sees_the_window_of_the_messages_before() {
    let first = noise(20_000);
    let mut sender = Sender::new(Role::Client, params(|_| {}), &config(|_| {}));
    // A final empty block, and then what refers to the message before.
    sender.conn.send_part(&first, true, &mut sender.output).unwrap();
    let first_payload = sender.frames().remove(0).payload;
    sender.inflated(&first_payload);
    let second_payload = sender.send(&first).payload;
    let (again, reach) = sender.inflated(&second_payload);
    assert_eq!((again, reach), (first.clone(), 20_000));
    let behind = [&[0x03, 0x00][..], &second_payload].concat();
    let frames = bytes(&[(BINARY, &first_payload), (BINARY, &behind)]);
    let events = server_with(DeflateParams::default(), &Limits::default(), &frames);
    assert_eq!(events, [binary(&first), binary(&first)]);
}

#[test]
fn r171_too_many_final_blocks_fail() {
    // Each is two bytes, and costs more than any block that is not final.
    let flood = [&[0x03, 0x00].repeat(100_000)[..], HELLO].concat();
    fails(&server(&[(TEXT, &flood)]), ProtocolError::TooManyFinalBlocks, 1008);
    let few = [&[0x03, 0x00].repeat(100)[..], HELLO].concat();
    assert_eq!(server(&[(TEXT, &few)]), [text("Hello")]);
}

#[test]
fn r171_many_empty_blocks_are_one_empty_message() {
    let stored = [0x00, 0x00, 0x00, 0xff, 0xff].repeat(20_000);
    assert_eq!(server(&[(TEXT, &[&stored[..], HELLO].concat())]), [text("Hello")]);
    assert_eq!(server(&[(TEXT, &[&stored[..], &[0x00]].concat())]), [text("")]);
}

#[test]
fn r197_blocks_of_every_type_are_sent_and_none_is_final() {
    let mut types = std::collections::BTreeSet::new();
    let mut most = 0;
    for takes_over in [true, false] {
        let params = if takes_over { params(|_| {}) } else { no_takeover() };
        for level in 1..=9 {
            let settings = config(|config| (config.level, config.threshold) = (level, 0));
            for sent in [noise(3000), b"short".to_vec(), json(0, 3000).into_bytes(), json(0, 200_000).into_bytes()] {
                let mut sender = Sender::new(Role::Server, params, &settings);
                let payload = sender.send(&sent).payload;
                let inflated = inflate(&payload, &[], 1 << 15).unwrap();
                assert_eq!((inflated.bytes, inflated.finals), (sent, 0), "level {level}");
                most = most.max(inflated.blocks.len());
                types.extend(inflated.blocks);
            }
        }
    }
    assert_eq!(types.into_iter().collect::<Vec<_>>(), [0, 1, 2]);
    assert!(most > 2, "{most}");
}

#[test]
fn r172_inner_fragments_keep_the_tail() {
    let mut sender = Sender::new(Role::Server, no_takeover(), &config(|_| {}));
    let parts = [json(0, 900), json(3, 70_000), json(9, 20)];
    for (i, part) in parts.iter().enumerate() {
        sender.conn.send_part(part, i == 2, &mut sender.output).unwrap();
        if i < 2 {
            assert!(sender.output.pending().ends_with(&[0x00, 0x00, 0xff, 0xff]));
        }
    }
    let payload: Vec<u8> = sender.frames().into_iter().flat_map(|frame| frame.payload).collect();
    assert_eq!(sender.inflated(&payload).0, parts.concat().as_bytes());
}

#[test]
fn r173_nothing_refers_back_more_than_32_kib() {
    // A byte, 32768 zeros, and that byte from 32769 back, if that could be said.
    let mut sender = Sender::new(Role::Server, params(|_| {}), &config(|config| config.level = 9));
    for _ in 0..4 {
        let frame = sender.send(noise(32_769 + 300));
        assert_eq!(frame.first, 0x82, "it is out of reach");
    }
    let near = noise(32_000);
    sender.conn.send_part(&near, true, &mut sender.output).unwrap();
    let payload = sender.frames().remove(0).payload;
    sender.inflated(&payload);
    let payload = sender.send(&near).payload;
    assert_eq!(sender.inflated(&payload), (near, 32_000));
}

#[test]
fn r174_without_takeover_each_message_stands_alone() {
    for role in [Role::Server, Role::Client] {
        let mut sender = Sender::new(role, no_takeover(), &config(|_| {}));
        let (first, second) = (sender.send(json(0, 1000)), sender.send(json(0, 1000)));
        assert_eq!(first, second, "{role:?}");
        assert_eq!(inflate(&second.payload, &[], 1 << 15).unwrap().bytes, json(0, 1000).as_bytes());
    }
}

#[test]
fn r174_with_takeover_the_second_is_smaller() {
    for role in [Role::Server, Role::Client] {
        let mut sender = Sender::new(role, params(|_| {}), &config(|_| {}));
        let (first, second) = (sender.send(json(0, 1000)), sender.send(json(0, 1000)));
        assert!(second.payload.len() * 5 < first.payload.len(), "{role:?}: {}", second.payload.len());
        for frame in [first, second] {
            assert_eq!(sender.inflated(&frame.payload).0, json(0, 1000).as_bytes());
        }
    }
}

#[test]
fn r175_no_distance_beyond_the_window_that_was_agreed_on() {
    for bits in 8..=15 {
        for no_takeover in [true, false] {
            for level in [1, 2, 4, 9] {
                let params = params(|params| {
                    params.server_max_window_bits = bits;
                    params.server_no_context_takeover = no_takeover;
                });
                let mut sender = Sender::new(Role::Server, params, &config(|config| config.level = level));
                let window = 1usize << bits;
                let mut reach = 0;
                // Periods around the window's size, so that references are as long as they may be.
                for period in [200, window.saturating_sub(262).max(1), window - 1, window, window + 1] {
                    let sent = noise(period).repeat(2 + 600 / period);
                    let frame = sender.send(&sent);
                    if frame.first == BINARY {
                        let (received, far) = sender.inflated(&frame.payload);
                        assert_eq!(received, sent, "{bits} bits, level {level}, period {period}");
                        reach = reach.max(far);
                    }
                }
                assert!(reach > 0 && reach <= window, "{bits} bits, level {level}: {reach}");
            }
        }
    }
}

#[test]
fn r175_the_window_of_256_bytes_in_parts_and_in_both_roles() {
    let params = params(|params| {
        params.server_max_window_bits = 8;
        params.client_max_window_bits = 8;
    });
    for role in [Role::Server, Role::Client] {
        let mut sender = Sender::new(role, params, &config(|_| {}));
        for round in 0..20 {
            let sent = json(round, 700 + 13 * round);
            let (first, second) = sent.split_at(301 + round);
            sender.conn.send_part(first, false, &mut sender.output).unwrap();
            sender.conn.send_part(second, true, &mut sender.output).unwrap();
            let payload: Vec<u8> = sender.frames().into_iter().flat_map(|frame| frame.payload).collect();
            let (received, reach) = sender.inflated(&payload);
            assert_eq!(received, sent.as_bytes());
            assert!(reach <= 250, "{reach}");
        }
    }
}

/// What a peer may ask for with 8 bits, which few compressors can keep to; in windows of their own and of our client's.
fn eight() -> impl Strategy<Value = DeflateParams> {
    any::<(bool, bool)>().prop_map(|(server, client)| {
        params(|params| {
            (params.server_max_window_bits, params.client_max_window_bits) = (8, 8);
            (params.server_no_context_takeover, params.client_no_context_takeover) = (server, client);
        })
    })
}

/// Bytes that repeat from any distance, most of them about as far as 256 back; and some that do not repeat.
fn repeating() -> impl Strategy<Value = Vec<u8>> {
    let period = prop_oneof![1..600usize, 240..270usize, Just(255), Just(256), Just(257)];
    let piece = (period, 1..=255u8, any::<u64>()).prop_map(|(len, most, seed)| {
        let mut state = seed | 1;
        let next = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            ((state >> 33) % (u64::from(most) + 1)) as u8
        };
        std::iter::repeat_with(next).take(len).collect::<Vec<u8>>()
    });
    prop::collection::vec((piece, 1..8usize), 0..6)
        .prop_map(|pieces| pieces.into_iter().flat_map(|(piece, times)| piece.repeat(times)).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]

    #[test]
    fn r175_with_8_bits_nothing_is_further_back_than_256(
        params in eight(),
        level in 0..=10u8,
        threshold in 0..2usize,
        messages in prop::collection::vec((repeating(), 1..4usize), 1..6),
    ) {
        for role in [Role::Server, Role::Client] {
            let settings = config(|config| (config.level, config.threshold) = (level, threshold));
            let mut sender = Sender::new(role, params, &settings);
            for (message, parts) in &messages {
                let size = message.len().div_ceil(*parts).max(1);
                let count = message.len().div_ceil(size).max(1);
                if *parts == 1 {
                    sender.conn.send(message, &mut sender.output).unwrap();
                } else {
                    for i in 0..count {
                        let part = &message[i * size..message.len().min((i + 1) * size)];
                        sender.conn.send_part(part, i + 1 == count, &mut sender.output).unwrap();
                    }
                }
                let frames = sender.frames();
                let is_compressed = frames[0].first & 0x40 != 0;
                let payload: Vec<u8> = frames.into_iter().flat_map(|frame| frame.payload).collect();
                if is_compressed {
                    let (received, reach) = sender.inflated(&payload);
                    prop_assert_eq!(&received, message);
                    prop_assert!(reach <= 256, "{}", reach);
                } else {
                    prop_assert_eq!(&payload, message);
                }
            }
        }
    }
}

#[test]
fn r182_the_default_window_is_32_kib() {
    let period = noise(31_000);
    let mut sender = Sender::new(Role::Server, DeflateParams::default(), &config(|_| {}));
    let frame = sender.send(period.repeat(2));
    assert_eq!(sender.inflated(&frame.payload).1, 31_000);
}
