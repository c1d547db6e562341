//! RFC 7692 §7.2.2: decompression, and its bounds.

use bowsprit::{DeflateParams, Limits, ProtocolError, ReceiveBuffer, Role, SendBuffer};
use proptest::prelude::*;

use crate::messages::{
    BINARY, Sender, TEXT, bytes, client_with, config, connection, fails, json, no_takeover, params, server, server_with,
};
use crate::support::inflate::inflate;
use crate::support::{Seen, binary, drain, failed, frame_to, limits, ping, text};

const HELLO: &[u8] = &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];

#[test]
fn r176_what_does_not_inflate_fails() {
    for payload in [
        &b"\xff"[..],                     // a block of the reserved type
        b"\x06",                          // the same, not final
        &HELLO[..6],                      // ends inside a block
        &HELLO[..3],                      //
        b"\x00\x05\x00\xfa\xffHell",      // a stored block that is longer
        b"\x00\x05\x00\xfa\xfeHello\x00", // whose length is not confirmed
        b"\xf3\x48\xcd\xc9\xc9\x07\x00",  // a final block, and nothing behind it
        b"plain text",
    ] {
        fails(&server(&[(TEXT, payload)]), ProtocolError::InvalidDeflate, 1007);
        assert_eq!(inflate(payload, &[], 1 << 15), None, "{payload:02x?}");
    }
}

#[test]
fn r176_the_tail_is_not_sent() {
    let whole = [HELLO, &[0x00, 0x00, 0xff, 0xff]].concat();
    fails(&server(&[(TEXT, &whole)]), ProtocolError::InvalidDeflate, 1007);
    let with_another_block = [HELLO, &[0x00, 0x00, 0xff, 0xff, 0x00]].concat();
    assert_eq!(server(&[(TEXT, &with_another_block)]), [text("Hello")]);
}

#[test]
fn r177_the_window_of_the_last_compressed_message_stays() {
    let mut sender = Sender::new(Role::Client, params(|_| {}), &config(|config| config.level = 9));
    let (mut wire, mut expected) = (Vec::new(), Vec::new());
    for i in 0..60 {
        let sent = json(i % 7 * 31, 997);
        let frame = sender.send(&sent);
        wire.extend(bytes(&[(frame.first, &frame.payload)]));
        expected.push(text(&sent));
    }
    assert!(wire.len() < 60 * 997 / 10);
    assert_eq!(server_with(DeflateParams::default(), &Limits::default(), &wire), expected);
}

#[test]
fn r177_a_client_keeps_the_servers_window() {
    let repeated: &[u8] = &[0xf2, 0x00, 0x11, 0x00, 0x00];
    let frames = [frame_to(Role::Client, TEXT, HELLO), frame_to(Role::Client, TEXT, repeated)].concat();
    for takes_over in [true, false] {
        // What the client does itself is of no matter.
        let params = params(|params| {
            params.server_no_context_takeover = !takes_over;
            params.client_no_context_takeover = takes_over;
        });
        // The second frame ends at byte 16.
        let second = if takes_over { text("Hello") } else { failed(ProtocolError::InvalidDeflate.at(15)) };
        assert_eq!(client_with(params, &Limits::default(), &frames), [text("Hello"), second]);
    }
}

#[test]
fn r198_without_takeover_a_message_is_read_with_an_empty_window() {
    let near = crate::messages::noise(1000);
    let mut sender = Sender::new(Role::Client, params(|_| {}), &config(|config| config.threshold = 0));
    let payloads = [sender.send(&near).payload, sender.send(&near).payload];
    assert_eq!(sender.inflated(&payloads[0]).0, near);
    assert_eq!(sender.inflated(&payloads[1]), (near.clone(), 1000));
    let frames = bytes(&[(BINARY, &payloads[0]), (BINARY, &payloads[1])]);
    let end = frames.len() as u64 - 1;
    let refused = failed(ProtocolError::InvalidDeflate.at(end));
    for (server_alone, second) in [(true, binary(&near)), (false, refused)] {
        let params = params(|params| {
            params.server_no_context_takeover = server_alone;
            params.client_no_context_takeover = !server_alone;
        });
        let events = server_with(params, &Limits::default(), &frames);
        assert_eq!(events, [binary(&near), second]);
    }
}

#[test]
fn r199_no_more_is_kept_than_the_window_that_was_agreed_on_but_a_message_may_refer_further_within() {
    let near = crate::messages::noise(1 << 9);
    let stored = [&[0x00, 0x00, 0x02, 0xff, 0xfd], &near[..]].concat();
    let first = [&stored[..], &[0x00]].concat();
    for (bits, distance, kept) in [(8, 256, true), (8, 257, false), (9, 257, true), (9, 512, true), (9, 513, false)] {
        let params = params(|params| params.client_max_window_bits = bits);
        let back = near_reference(distance);
        let frames = bytes(&[(BINARY, &first), (BINARY, &back)]);
        let end = frames.len() as u64 - 1;
        let at = near.len().wrapping_sub(distance);
        let second = if kept { binary(&near[at..at + 3]) } else { failed(ProtocolError::InvalidDeflate.at(end)) };
        let events = server_with(params, &Limits::default(), &frames);
        assert_eq!(events, [binary(&near), second], "{bits} bits, {distance} back");
        if distance <= near.len() {
            // The window is the decompressor's then, which is never smaller than 32 KiB.
            let frames = bytes(&[(BINARY, &[&stored[..], &back].concat())]);
            let events = server_with(params, &Limits::default(), &frames);
            assert_eq!(events, [binary(&[&near[..], &near[at..at + 3]].concat())]);
        }
    }
}

/// As [`far_reference`], from 129 to 768.
fn near_reference(distance: usize) -> Vec<u8> {
    let (code, first, extra_bits) = match distance {
        129..=192 => (14, 129, 6),
        193..=256 => (15, 193, 6),
        257..=384 => (16, 257, 7),
        385..=512 => (17, 385, 7),
        _ => (18, 513, 8),
    };
    let mut bits = format!("0100000001{code:05b}");
    bits.extend((0..extra_bits).map(|i| if (distance - first) >> i & 1 == 1 { '1' } else { '0' }));
    packed(&(bits + "0000000000"))
}

#[test]
fn r178_without_agreement_the_window_is_32_kib() {
    // 32768 bytes in a stored block, then three from 32768 back in a fixed one.
    let near = crate::messages::noise(32_768);
    let payload = [&[0x00, 0x00, 0x80, 0xff, 0x7f], &near[..]].concat();
    let reference = inflate(&[&payload[..], &far_reference(32_768)].concat(), &[], 1 << 15).unwrap();
    assert_eq!(reference.reach, 32_768);
    let events = server(&[(BINARY, &[&payload[..], &far_reference(32_768)].concat())]);
    assert_eq!(events, [binary(&reference.bytes)]);
    // The same across messages.
    let first = [&payload[..], &[0x00]].concat();
    let events = server(&[(BINARY, &first), (BINARY, &far_reference(32_768))]);
    assert_eq!(events, [binary(&near), binary(&reference.bytes[32_768..])]);
}

/// A fixed block with three bytes from `distance` back, 24577 to 32768, and an empty stored block without its tail.
fn far_reference(distance: usize) -> Vec<u8> {
    let mut bits = String::new();
    bits += "010"; // not final, fixed: the type's lower bit first
    bits += "0000001"; // length 3
    bits += "11101"; // distances from 24577 on, 13 bits more
    let extra = distance - 24_577;
    bits.extend((0..13).map(|i| if extra >> i & 1 == 1 { '1' } else { '0' }));
    bits += "0000000"; // end of block
    bits += "000"; // stored
    packed(&bits)
}

/// Octets of bits in the order in which they are sent.
fn packed(bits: &str) -> Vec<u8> {
    let bits: Vec<u8> = bits.bytes().map(|bit| bit - b'0').collect();
    bits.chunks(8).map(|bits| bits.iter().enumerate().fold(0, |octet, (i, bit)| octet | bit << i)).collect()
}

/// Says the same of a payload of these bits as the slow twin: that it inflates to nothing, or that it does not inflate.
#[track_caller]
fn judged(bits: &str, sound: bool) {
    let payload = packed(bits);
    let events = server(&[(BINARY, &payload)]);
    if sound {
        assert_eq!(events, [binary(b"")]);
    } else {
        fails(&events, ProtocolError::InvalidDeflate, 1007);
    }
    assert_eq!(inflate(&payload, &[], 1 << 15).is_some(), sound);
}

#[test]
fn r176_each_code_of_a_block_is_complete_or_of_a_single_bit_or_empty() {
    let literals = |count: usize, lengths: &[(usize, usize)]| {
        let mut all = vec![0; count];
        lengths.iter().for_each(|&(symbol, len)| all[symbol] = len);
        all
    };
    let good = literals(257, &[(0, 1), (256, 1)]);
    for (sound, literals, distances, end) in [
        (true, good.clone(), vec![0], "1"),
        (true, good.clone(), vec![1], "1"),
        (true, good.clone(), vec![0, 1], "1"),
        (true, good.clone(), vec![1, 1], "1"),
        (true, literals(257, &[(256, 1)]), vec![0], "0"),
        (true, literals(286, &[(0, 1), (285, 2), (256, 2)]), vec![0; 30], "10"),
        // More symbols than there are codes.
        (false, literals(257, &[(0, 1), (1, 1), (256, 1)]), vec![0], "1"),
        (false, literals(257, &[(0, 1), (1, 2), (2, 2), (256, 15)]), vec![0], "1"),
        (false, good.clone(), vec![1, 1, 1], "1"),
        (false, good.clone(), vec![1, 2, 2, 15], "1"),
        // Codes that stand for nothing.
        (false, literals(257, &[(0, 1), (256, 2)]), vec![0], "10"),
        (false, literals(257, &[(256, 2)]), vec![0], "00"),
        (false, good.clone(), vec![2], "1"),
        (false, good.clone(), vec![1, 2], "1"),
        (false, good.clone(), vec![15], "1"),
        // Without a code for the end of the block.
        (false, literals(257, &[(0, 1), (1, 1)]), vec![0], "1"),
        (false, literals(257, &[]), vec![0], ""),
        // Symbols beyond the alphabets.
        (false, literals(287, &[(0, 1), (256, 1)]), vec![0], "1"),
        (false, good.clone(), vec![0; 31], "1"),
    ] {
        println!("{:?}, {distances:?}", literals.iter().enumerate().filter(|(_, len)| **len > 0).collect::<Vec<_>>());
        judged(&(dynamic_block(&literals, &distances) + end + "000"), sound);
    }
}

/// A dynamic block up to its first symbol. The lengths are written with a code of four bits for each of 0 to 15.
fn dynamic_block(literals: &[usize], distances: &[usize]) -> String {
    let lowest_first = |n: usize, len: usize| format!("{n:0len$b}").chars().rev().collect::<String>();
    let mut bits = String::from("001"); // not final, dynamic
    bits += &(lowest_first(literals.len() - 257, 5) + &lowest_first(distances.len() - 1, 5) + "1111");
    bits += &("000".repeat(3) + &"001".repeat(16));
    bits.extend(literals.iter().chain(distances).map(|len| format!("{len:04b}")));
    bits
}

#[test]
fn r176_the_code_of_the_codes_is_complete() {
    // 257 literals and a distance; 19 lengths of one bit, and then four of which one is not zero.
    judged(&("001".to_owned() + "0000000000" + "1111" + &"100".repeat(19) + "000"), false);
    judged(&("001".to_owned() + "0000000000" + "0000" + "100000000000" + "000"), false);
}

#[test]
fn a_message_of_the_limit_passes_and_a_byte_more_fails() {
    let limits = limits(|limits| limits.message = 100_000);
    for (len, passes) in [(99_999, true), (100_000, true), (100_001, false), (1_000_000, false)] {
        let sent = "a".repeat(len);
        let mut sender = Sender::new(Role::Client, no_takeover(), &config(|_| {}));
        let mut conn = connection(Role::Server, no_takeover());
        let (mut input, mut output) = (ReceiveBuffer::new(limits.clone()), SendBuffer::new());
        let frame = bytes(&[(TEXT, &sender.send(&sent).payload)]);
        input.extend_from_slice(&frame);
        let events = drain(&mut conn, &mut input, &mut output);
        let too_big = ProtocolError::MessageTooBig.at(frame.len() as u64 - 1);
        let expected = if passes { text(&sent) } else { Seen::Failed(too_big) };
        assert!(events == [expected], "{len}");
    }
}

#[test]
fn a_failure_is_at_the_last_byte_of_the_frame_that_ends_the_message() {
    let events = server(&[(0x41, b"\xff"), (0x89, b"ping"), (0x00, b"\xff"), (0x80, b"\xff\xff")]);
    // Frames of 7, 10, 7 and 8 bytes.
    assert_eq!(events, [ping(b"ping"), failed(ProtocolError::InvalidDeflate.at(31))]);
}

#[test]
fn a_limit_that_the_very_last_block_passes_fails() {
    let limits = limits(|limits| limits.message = 5);
    let payload = b"\x00\x05\x00\xfa\xffHello\x00\x01\x00\xfe\xff!\x00";
    assert_eq!(inflate(payload, &[], 256).unwrap().bytes, b"Hello!");
    let frame = bytes(&[(TEXT, payload)]);
    fails(&server_with(params(|_| {}), &limits, &frame), ProtocolError::MessageTooBig, 1009);
    // Seen in the block that the tail completes.
    let frame = bytes(&[(TEXT, b"\x00\x06\x00\xf9\xffHello!\x00")]);
    fails(&server_with(params(|_| {}), &limits, &frame), ProtocolError::MessageTooBig, 1009);
}

#[test]
fn a_bomb_costs_no_more_than_the_limit() {
    // A frame of a MiB, which is the limit, for almost 1 GiB.
    let bomb = bomb();
    assert!(bomb.len() > 1_000_000 && bomb.len() <= 1 << 20, "{}", bomb.len());
    let mut conn = connection(Role::Server, params(|_| {}));
    let (mut input, mut output) = (ReceiveBuffer::new(Limits::default()), SendBuffer::new());
    input.extend_from_slice(&bytes(&[(BINARY, &bomb)]));
    let events = drain(&mut conn, &mut input, &mut output);
    fails(&events, ProtocolError::MessageTooBig, 1009);
}

/// Blocks of zeros, as many as a frame holds.
fn bomb() -> Vec<u8> {
    let mut sender = Sender::new(Role::Client, params(|_| {}), &config(|config| config.level = 9));
    sender.conn.send_part(vec![0; 16 << 20], false, &mut sender.output).unwrap();
    let zeros = sender.frames().remove(0).payload;
    [zeros.repeat(((1 << 20) - 1) / zeros.len()), vec![0x00]].concat()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn r176_any_bytes_are_what_the_slow_twin_says(payload in prop::collection::vec(any::<u8>(), 0..60)) {
        let frames = bytes(&[(BINARY, &payload)]);
        let mut conn = connection(Role::Server, DeflateParams::default());
        let (mut input, mut output) = (ReceiveBuffer::new(Limits::default()), SendBuffer::new());
        input.extend_from_slice(&frames);
        let events = drain(&mut conn, &mut input, &mut output);
        let expected = match inflate(&payload, &[], 1 << 15) {
            Some(inflated) => binary(&inflated.bytes),
            None => Seen::Failed(ProtocolError::InvalidDeflate.at(frames.len() as u64 - 1)),
        };
        prop_assert_eq!(events, [expected]);
    }

    #[test]
    fn r155_whatever_one_end_sends_the_other_reads(
        server_bits in 8..=15u8,
        client_bits in 8..=15u8,
        takeovers in any::<(bool, bool)>(),
        level in 1..=9u8,
        messages in prop::collection::vec((any::<bool>(), 0..2000usize, 0..40usize, 1..4usize), 1..12),
    ) {
        let params = params(|params| {
            params.server_max_window_bits = server_bits;
            params.client_max_window_bits = client_bits;
            params.server_no_context_takeover = takeovers.0;
            params.client_no_context_takeover = takeovers.1;
        });
        for role in [Role::Server, Role::Client] {
            let mut sender = Sender::new(role, params, &config(|config| config.level = level));
            let peer = if role == Role::Server { Role::Client } else { Role::Server };
            let mut receiver = connection(peer, params);
            let (mut input, mut output) = (ReceiveBuffer::new(Limits::default()), crate::support::output(peer));
            for &(random, len, seed, parts) in &messages {
                let sent = if random { crate::messages::noise(len) } else { json(seed, len).into_bytes() };
                let size = len.div_ceil(parts).max(1);
                let count = sent.chunks(size).count().max(1);
                if parts == 1 {
                    sender.conn.send(&sent, &mut sender.output).unwrap();
                } else {
                    for i in 0..count {
                        let part = &sent[i * size..sent.len().min((i + 1) * size)];
                        sender.conn.send_part(part, i + 1 == count, &mut sender.output).unwrap();
                    }
                }
                input.extend_from_slice(sender.output.pending());
                let n = sender.output.pending().len();
                sender.output.consume(n);
                prop_assert_eq!(drain(&mut receiver, &mut input, &mut output), [binary(&sent)]);
            }
        }
    }
}
