//! Frames that break a rule.

use crate::server::masked;
use crate::target::{End, Target};

/// The first bytes of a masked frame: of this length, which 7, 16 or 64 bits announce.
fn header(first: u8, len: &[u8]) -> Vec<u8> {
    let short = match len.len() {
        1 => 0x80 | len[0],
        2 => 0x80 | 126,
        _ => 0x80 | 127,
    };
    let extended = if len.len() == 1 { &[] } else { len };
    [&[first, short], extended, &[0; 4]].concat()
}

#[test]
fn a23_an_unmasked_frame_is_1002_and_nobody_hears_of_it() {
    let mut target = Target::with(|_| {});
    target.within(0, |target| {
        for first in [0x81, 0x82, 0x80, 0x88, 0x89, 0x8a, 0x01] {
            target.fails([first, 0], 1002);
            target.fails([first, 5, b'H', b'e', b'l', b'l', b'o'], 1002);
        }
    });
}

#[test]
fn a24_impossible_lengths_are_refused_and_nothing_is_allocated() {
    let mut target = Target::with(|_| {});
    target.within(0, |target| {
        for (len, code) in [
            (1 << 63, 1002),
            (u64::MAX, 1002),
            (u64::MAX - 9, 1002),
            ((1 << 63) - 1, 1009),
            (u64::from(u32::MAX), 1009),
            ((1 << 20) + 1, 1009),
        ] {
            target.fails(header(0x82, &len.to_be_bytes()), code);
            target.fails(header(0x02, &len.to_be_bytes()), code);
        }
    });
}

#[test]
fn a25_memory_follows_what_arrived_and_not_what_was_announced() {
    const MANY: usize = 300;
    let mut target = Target::with(|_| {});
    // The byte itself and a small allocation: 300 MiB were announced.
    let clients: Vec<_> = target.within(MANY << 10, |target| {
        (0..MANY)
            .map(|_| {
                let mut client = target.connect();
                client.write(&[header(0x82, &(1u64 << 20).to_be_bytes()), vec![7]].concat());
                client
            })
            .collect()
    });
    drop(clients);
    for _ in 0..MANY {
        target.expect_end(End::Lost);
    }
}

#[test]
fn a26_an_unknown_opcode_is_refused_on_two_bytes() {
    let mut target = Target::with(|_| {});
    target.within(0, |target| {
        for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
            target.fails([0x80 | opcode, 0xff], 1002);
            target.fails([opcode, 0xff], 1002);
        }
    });
}

#[test]
fn a27_lengths_that_are_longer_than_they_need_to_be_are_1002() {
    let mut target = Target::with(|_| {});
    target.within(0, |target| {
        for len in [0u16, 1, 125] {
            target.fails(header(0x82, &len.to_be_bytes()), 1002);
        }
        for len in [0u64, 125, 126, 65_535] {
            target.fails(header(0x82, &len.to_be_bytes()), 1002);
        }
    });
}

#[test]
fn a28_control_frames_that_are_long_or_in_fragments_or_reserved_are_1002() {
    let mut target = Target::with(|_| {});
    target.within(125, |target| {
        for opcode in [8, 9, 10] {
            target.fails(header(0x80 | opcode, &126u16.to_be_bytes()), 1002);
            target.fails(header(0x80 | opcode, &65_536u64.to_be_bytes()), 1002);
            target.fails(header(opcode, &[0]), 1002);
            for rsv in [0x40, 0x20, 0x10, 0x70] {
                target.fails(header(0x80 | rsv | opcode, &[0]), 1002);
            }
        }
    });
}

#[test]
fn a29_a_continuation_of_nothing_and_a_message_in_a_message_are_1002() {
    let mut target = Target::with(|_| {});
    target.within(0, |target| {
        for first in [0x00, 0x80] {
            target.fails(masked(first, b"of nothing"), 1002);
        }
        for first in [0x01, 0x81, 0x02, 0x82] {
            target.fails([masked(0x01, b"one "), masked(first, b"two")].concat(), 1002);
        }
    });
}

#[test]
fn a30_fragments_without_end_are_1008_by_count_and_1009_by_size() {
    let mut target = Target::with(|_| {});
    // Of one byte each: no more than the bytes themselves are held, in a buffer that grows by doubling.
    target.within(2 * 65_536, |target| {
        let frames = [masked(0x02, b"x"), masked(0x00, b"x").repeat(65_536)].concat();
        target.fails(frames, 1008);
    });
    target.within(2 << 20, |target| {
        let frames = [masked(0x02, &[7; 65_536]), masked(0x00, &[7; 65_536]).repeat(16)].concat();
        target.fails(frames, 1009);
    });
}

#[test]
fn a31_empty_fragments_in_a_row_are_1008() {
    let mut target = Target::with(|_| {});
    target.within(0, |target| {
        target.fails([masked(0x02, b""), masked(0x00, b"").repeat(64)].concat(), 1008);
        target.fails([masked(0x01, b"x"), masked(0x00, b"").repeat(65)].concat(), 1008);
    });
}

#[test]
fn a38_bad_bodies_of_a_close_are_refused() {
    let mut target = Target::with(|_| {});
    target.within(125, |target| {
        target.fails(masked(0x88, b"\x03"), 1002);
        for code in [0u16, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535] {
            target.fails(masked(0x88, &code.to_be_bytes()), 1002);
        }
        target.fails(masked(0x88, b"\x03\xe8\xff"), 1007);
        target.fails(masked(0x88, b"\x03\xe8\xf0\x9f"), 1007);
        target.fails(masked(0x88, &[3; 126]), 1002);
    });
}

#[test]
fn a39_text_is_refused_at_the_first_byte_that_is_not_utf_8() {
    let mut target = Target::with(|_| {});
    let bad: [&[u8]; 8] =
        [b"\xff", b"\x80", b"\xc0\xaf", b"\xe0\x80", b"\xed\xa0", b"\xf0\x80", b"\xf4\x90", b"\xf0\x9f\x98x"];
    target.within(1 << 10, |target| {
        for bad in bad {
            for cut in 0..bad.len() {
                // In two fragments, and the second one never ends.
                let second = [header(0x80, &[100]), bad[cut..].to_vec()].concat();
                target.fails([masked(0x01, &bad[..cut]), second].concat(), 1007);
                // In two segments of one frame that never ends.
                let mut client = target.connect();
                client.write(&[header(0x81, &[100]), bad[..cut].to_vec()].concat());
                client.write(&bad[cut..]);
                client.expect_close(1007);
                target.expect_end(End::Failed);
            }
        }
        // Truncated, and that is the end of it.
        target.fails(masked(0x81, b"\xf0\x9f\x98"), 1007);
    });
}

#[test]
fn a44_compression_that_was_not_agreed_on_is_1002() {
    let mut target = Target::with(|_| {});
    target.within(0, |target| {
        for first in [0xc1, 0xc2, 0x41, 0xc0] {
            target.fails(masked(first, b"\xf2\x48\xcd\xc9\xc9\x07\0"), 1002);
        }
    });
}
