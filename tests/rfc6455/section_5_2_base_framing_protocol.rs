//! RFC 6455 §5.2: the bits of a frame: reserved ones are zero, opcodes known, lengths in their shortest form and in
//! network byte order, the masking key there exactly if the mask bit says so.

use bowsprit::ProtocolError::{self, LengthNotMinimal, LengthTopBitSet, ReservedBitSet, UnknownOpcode};
use bowsprit::{Expected, FrameHeader, Limits, MaskingKey, Opcode, ReceiveBuffer, Role, Status};

use crate::support::*;

const UNMASKED: Expected = Expected { masked: false, rsv: 0 };
const MASKED: Expected = Expected { masked: true, rsv: 0 };

#[test]
fn r063_reserved_bits_are_zero_in_what_is_sent() {
    let (mut conn, mut output) = (connection(Role::Server), output(Role::Server));
    conn.send("a", &mut output).unwrap();
    conn.send(b"b", &mut output).unwrap();
    conn.ping(b"c", &mut output).unwrap();
    assert_eq!(output.pending(), b"\x81\x01a\x82\x01b\x89\x01c");
}

#[test]
fn r064_each_reserved_bit_fails() {
    server(b"\xc1\x80\0\0\0\0").fails(ReservedBitSet, 1002);
    server(b"\xa1\x80\0\0\0\0").fails(ReservedBitSet, 1002);
    server(b"\x91\x80\0\0\0\0").fails(ReservedBitSet, 1002);
    client(b"\xc1\x00").fails(ReservedBitSet, 1002);
    client(b"\xa1\x00").fails(ReservedBitSet, 1002);
    client(b"\x91\x00").fails(ReservedBitSet, 1002);
}

#[test]
fn r064_every_pattern_of_reserved_bits_fails_on_every_opcode() {
    for role in [Role::Server, Role::Client] {
        for rsv in 1..=7u8 {
            for opcode in [0x1, 0x2, 0x8, 0x9, 0xa] {
                let bytes = frame_to(role, 0x80 | rsv << 4 | opcode, b"");
                every_way(role, &Limits::default(), &bytes).fails(ReservedBitSet, 1002);
            }
            let bytes = [frame_to(role, 0x01, b"a"), frame_to(role, 0x80 | rsv << 4, b"b")].concat();
            every_way(role, &Limits::default(), &bytes).fails(ReservedBitSet, 1002);
        }
    }
}

#[test]
fn r064_reserved_bit_of_an_extension_passes_on_a_first_data_frame_only() {
    let expected = Expected { masked: false, rsv: 4 };
    assert!(matches!(FrameHeader::decode(b"\xc1\x00", expected), Ok(Status::Complete(_))));
    assert!(matches!(FrameHeader::decode(b"\x42\x00", expected), Ok(Status::Complete(_))));
    assert_eq!(FrameHeader::decode(b"\xc0\x00", expected), Err(ReservedBitSet.at(0)));
    assert_eq!(FrameHeader::decode(b"\xc8\x00", expected), Err(ReservedBitSet.at(0)));
    assert_eq!(FrameHeader::decode(b"\xc9\x00", expected), Err(ReservedBitSet.at(0)));
    assert_eq!(FrameHeader::decode(b"\xca\x00", expected), Err(ReservedBitSet.at(0)));
    assert_eq!(FrameHeader::decode(b"\xe1\x00", expected), Err(ReservedBitSet.at(0)));
}

#[test]
fn r065_unknown_opcode_fails() {
    for opcode in [0x3, 0x4, 0x5, 0x6, 0x7, 0xb, 0xc, 0xd, 0xe, 0xf] {
        server(&masked(0x80 | opcode, b"")).fails(UnknownOpcode(opcode), 1002);
        client(&unmasked(0x80 | opcode, b"x")).fails(UnknownOpcode(opcode), 1002);
    }
}

#[test]
fn r065_unknown_opcode_fails_on_its_first_byte() {
    server(b"\x83").fails(UnknownOpcode(3), 1002);
    client(b"\x0f").fails(UnknownOpcode(15), 1002);
    server(b"\x83\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0").fails(UnknownOpcode(3), 1002);
}

#[test]
fn r065_unknown_opcode_inside_a_message_fails() {
    server(b"\x01\x81\0\0\0\0a\x85\x80\0\0\0\0").fails(UnknownOpcode(5), 1002);
}

#[test]
fn r066_length_with_its_top_bit_set_fails() {
    server(b"\x82\xff\x80\0\0\0\0\0\0\0\0\0\0\0").fails(LengthTopBitSet, 1002);
    server(b"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0").fails(LengthTopBitSet, 1002);
    client(b"\x82\x7f\x80\0\0\0\0\0\0\0").fails(LengthTopBitSet, 1002);
    client(b"\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff").fails(LengthTopBitSet, 1002);
}

#[test]
fn r066_largest_length_of_all_is_only_too_big() {
    client(b"\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff").fails(ProtocolError::FrameTooBig, 1009);
}

#[test]
fn r067_lengths_are_sent_in_their_shortest_form() {
    assert_eq!(&*FrameHeader::new(Opcode::Binary, 0).encode(), b"\x82\x00");
    assert_eq!(&*FrameHeader::new(Opcode::Binary, 125).encode(), b"\x82\x7d");
    assert_eq!(&*FrameHeader::new(Opcode::Binary, 126).encode(), b"\x82\x7e\x00\x7e");
    assert_eq!(&*FrameHeader::new(Opcode::Binary, 127).encode(), b"\x82\x7e\x00\x7f");
    assert_eq!(&*FrameHeader::new(Opcode::Binary, 65_535).encode(), b"\x82\x7e\xff\xff");
    assert_eq!(&*FrameHeader::new(Opcode::Binary, 65_536).encode(), b"\x82\x7f\0\0\0\0\0\x01\0\0");
    assert_eq!(&*FrameHeader::new(Opcode::Binary, (1 << 63) - 1).encode(), b"\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff");
}

#[test]
fn r067_messages_at_the_borders_are_sent_in_the_shortest_form() {
    let (mut conn, mut output) = (connection(Role::Server), output(Role::Server));
    for (len, header) in [
        (125, &b"\x82\x7d"[..]),
        (126, b"\x82\x7e\x00\x7e"),
        (65_535, b"\x82\x7e\xff\xff"),
        (65_536, b"\x82\x7f\0\0\0\0\0\x01\0\0"),
    ] {
        conn.send(vec![7; len], &mut output).unwrap();
        assert_eq!(output.pending(), [header, &vec![7; len]].concat());
        output.consume(output.pending().len());
    }
}

#[test]
fn r068_length_of_16_bits_that_7_could_carry_fails() {
    server(b"\x82\xfe\x00\x00\0\0\0\0").fails(LengthNotMinimal, 1002);
    server(b"\x82\xfe\x00\x7d\0\0\0\0").fails(LengthNotMinimal, 1002);
    client(b"\x82\x7e\x00\x05Hello").fails(LengthNotMinimal, 1002);
}

#[test]
fn r068_length_of_64_bits_that_16_could_carry_fails() {
    server(b"\x82\xff\0\0\0\0\0\0\0\0\0\0\0\0").fails(LengthNotMinimal, 1002);
    server(b"\x82\xff\0\0\0\0\0\0\0\x7e\0\0\0\0").fails(LengthNotMinimal, 1002);
    client(b"\x82\x7f\0\0\0\0\0\0\xff\xff").fails(LengthNotMinimal, 1002);
}

#[test]
fn r068_all_lengths_of_16_bits() {
    for len in 0..=u16::MAX {
        let [high, low] = len.to_be_bytes();
        let decoded = FrameHeader::decode(&[0x82, 126, high, low], UNMASKED);
        match len {
            0..=125 => assert_eq!(decoded, Err(LengthNotMinimal.at(3)), "{len}"),
            _ => assert_eq!(decoded, Ok(Status::Complete((FrameHeader::new(Opcode::Binary, len.into()), 4))), "{len}"),
        }
    }
}

#[test]
fn r068_lengths_of_64_bits_around_every_power_of_two() {
    for power in (0..64).map(|k| 1u64 << k) {
        for len in [power - 1, power, power + 1, power.wrapping_neg()] {
            let bytes = [&[0x82, 127][..], &len.to_be_bytes()].concat();
            let decoded = FrameHeader::decode(&bytes, UNMASKED);
            match len {
                0..=0xffff => assert_eq!(decoded, Err(LengthNotMinimal.at(7)), "{len}"),
                0x1_0000..=0x7fff_ffff_ffff_ffff => {
                    assert_eq!(decoded, Ok(Status::Complete((FrameHeader::new(Opcode::Binary, len), 10))), "{len}");
                }
                _ => assert_eq!(decoded, Err(LengthTopBitSet.at(2)), "{len}"),
            }
        }
    }
}

#[test]
fn r069_length_is_in_network_byte_order_and_counts_the_payload_only() {
    let mut frame = b"\x82\xfe\x01\x00\x01\x02\x03\x04".to_vec();
    frame.extend([[1, 2, 3, 4]; 64].as_flattened());
    server(&frame).sees(&[binary(&[0; 256])]);

    let mut frame = b"\x82\x7f\0\0\0\0\0\x01\0\x01".to_vec();
    frame.resize(frame.len() + 65_537, b'x');
    client(&frame).sees(&[binary(&[b'x'; 65_537])]);
}

#[test]
fn r070_masking_key_is_there_exactly_if_the_mask_bit_is_set() {
    let plain = FrameHeader::new(Opcode::Text, 5);
    assert_eq!(FrameHeader::decode(b"\x81\x05\x37\xfa\x21\x3d", UNMASKED), Ok(Status::Complete((plain, 2))));
    let masked = FrameHeader { masking_key: Some(MaskingKey::new(KEY)), ..plain };
    assert_eq!(FrameHeader::decode(b"\x81\x85\x37\xfa\x21\x3d", MASKED), Ok(Status::Complete((masked, 6))));
    assert_eq!(FrameHeader::decode(b"\x81\x85\x37\xfa\x21", MASKED), Ok(Status::Partial));
    assert_eq!(&*masked.encode(), b"\x81\x85\x37\xfa\x21\x3d");
}

#[test]
fn r070_decoding_gives_back_what_was_encoded() {
    let lens = (0..63).flat_map(|k| [(1u64 << k) - 1, 1 << k, (1 << k) + 1]);
    for payload_len in lens.chain([(1 << 63) - 1]) {
        for (fin, opcode) in [(true, Opcode::Text), (false, Opcode::Binary), (false, Opcode::Continuation)] {
            for masking_key in [None, Some(MaskingKey::new(KEY))] {
                let header = FrameHeader { fin, rsv: 0, opcode, masking_key, payload_len };
                let bytes = header.encode();
                let expected = Expected { masked: masking_key.is_some(), rsv: 0 };
                assert_eq!(FrameHeader::decode(&bytes, expected), Ok(Status::Complete((header, bytes.len()))));
                for end in 0..bytes.len() {
                    assert_eq!(FrameHeader::decode(&bytes[..end], expected), Ok(Status::Partial), "cut at {end}");
                }
            }
        }
    }
}

/// What the two bytes break, read off §5.1, §5.2, §5.4 and §5.5.
fn broken_rules(first: u8, second: u8, role: Role, message_open: bool) -> Vec<ProtocolError> {
    let (fin, rsv, opcode) = (first >= 128, first / 16 % 8, first % 16);
    let (masked, len) = (second >= 128, second % 128);
    let control = opcode >= 8;
    let mut broken = Vec::new();
    if rsv != 0 {
        broken.push(ProtocolError::ReservedBitSet);
    }
    if ![0, 1, 2, 8, 9, 10].contains(&opcode) {
        broken.push(ProtocolError::UnknownOpcode(opcode));
    }
    if role == Role::Server && !masked {
        broken.push(ProtocolError::Unmasked);
    }
    if role == Role::Client && masked {
        broken.push(ProtocolError::Masked);
    }
    if control && !fin {
        broken.push(ProtocolError::ControlFragmented);
    }
    if control && len >= 126 {
        broken.push(ProtocolError::ControlTooLong);
    }
    if opcode == 0 && !message_open {
        broken.push(ProtocolError::NothingToContinue);
    }
    if (opcode == 1 || opcode == 2) && message_open {
        broken.push(ProtocolError::MessageInterleaved);
    }
    // With a payload of zeros a Close has half a code, or the code 0.
    if opcode == 8 && len == 1 {
        broken.push(ProtocolError::CloseBodyTruncated);
    }
    if opcode == 8 && len > 1 {
        broken.push(ProtocolError::InvalidCloseCode(bowsprit::CloseCode::new(0)));
    }
    broken
}

#[test]
fn r070_all_values_of_the_first_two_bytes() {
    let mut input = ReceiveBuffer::with_capacity(Limits::default(), 70_000);
    let zeros = [0; 65_536];
    for role in [Role::Server, Role::Client] {
        for message_open in [false, true] {
            for (first, second) in (0..=u16::MAX).map(|both| (both.to_be_bytes()[0], both.to_be_bytes()[1])) {
                let (mut conn, mut output) = (connection(role), output(role));
                if message_open {
                    feed(&mut conn, &mut input, &mut output, &frame_to(role, 0x01, b""), Feed::Extend);
                }
                // The two bytes, then the rest of the frame they promise, all zeros.
                let mut events = feed(&mut conn, &mut input, &mut output, &[first, second], Feed::Extend);
                let (extended, len) = match second % 128 {
                    126 => (&b"\0\x7e"[..], 126),
                    127 => (&b"\0\0\0\0\0\x01\0\0"[..], 65_536),
                    len => (&b""[..], usize::from(len)),
                };
                let key = if second >= 128 { &b"\0\0\0\0"[..] } else { b"" };
                for part in [extended, key, &zeros[..len]] {
                    events.extend(feed(&mut conn, &mut input, &mut output, part, Feed::Extend));
                }

                let broken = broken_rules(first, second, role, message_open);
                let expected = match (first % 16, first >= 128) {
                    _ if !broken.is_empty() => match events[..] {
                        [Seen::Failed(failure)] if broken.contains(&failure.error) => continue,
                        _ => panic!("{first:#x} {second:#x} {role:?} {message_open}: {events:?} instead of {broken:?}"),
                    },
                    (_, false) => vec![],
                    (0 | 1, true) => vec![Seen::Text("\0".repeat(len))],
                    (2, true) => vec![binary(&zeros[..len])],
                    (8, true) => vec![close(1005, "")],
                    (9, true) => vec![ping(&zeros[..len])],
                    (_, true) => vec![pong(&zeros[..len])],
                };
                assert_eq!(events, expected, "{first:#x} {second:#x} {role:?} {message_open}");
            }
        }
    }
}
