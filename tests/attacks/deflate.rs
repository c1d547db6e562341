//! Compressed messages that want to cost more than they weigh (RFC 7692 §8, RFC 6455 §10.4).

use bowsprit::DeflateConfig;

use crate::server::{Client, masked};
use crate::target::{Target, upgrade_and};

/// A dynamic block whose two bits, all zero, stand for 258 zeros: what follows it is 1,032 times as long inflated.
const ZEROS: &[u8] = b"\xec\xc1\x01\x01\x00\x00\x00\x80\x90\xfe\xaf\xee\x08\x0a";
const MIB: usize = 1 << 20;

/// 1 MiB, the limit of a frame, for 1 GiB.
fn bomb() -> Vec<u8> {
    let mut bomb = ZEROS.to_vec();
    bomb.resize(MIB, 0);
    bomb
}

fn target() -> Target {
    Target::with(|config| {
        let mut deflate = DeflateConfig::default();
        deflate.receive_takeover = true;
        config.deflate = Some(deflate);
    })
}

fn connect(target: &Target) -> Client {
    let mut client = target.server.connect_tcp();
    client.write(upgrade_and("Sec-WebSocket-Extensions: permessage-deflate").as_bytes());
    let head = client.read_head();
    assert!(head.contains("\r\nSec-WebSocket-Extensions: permessage-deflate"), "{head}");
    client
}

fn fails(target: &mut Target, frames: &[u8], code: u16) {
    let client = connect(target);
    target.fails_on(client, frames, code);
}

#[test]
fn a40_a_bomb_costs_the_limit_of_a_message_and_is_1009() {
    let mut target = target();
    // The frame as it arrives and what it is inflated to, each of which may have doubled on its way.
    target.within(4 * MIB, |target| {
        for _ in 0..3 {
            fails(target, &masked(0xc2, &bomb()), 1009);
        }
        // A few bytes more than the limit, in a thousandth of them.
        fails(target, &masked(0xc2, &bomb()[..1100]), 1009);
    });
}

#[test]
fn a41_a_bomb_in_fragments_is_counted_as_one_message() {
    let mut target = target();
    target.within(4 * MIB, |target| {
        for size in [1, 17, 100] {
            let bomb = &bomb()[..1100];
            let mut frames: Vec<u8> = Vec::new();
            for (i, part) in bomb.chunks(size).enumerate() {
                frames.extend(masked(if i == 0 { 0x42 } else { 0x00 }, part));
            }
            frames.extend(masked(0x80, &[]));
            fails(target, &frames, 1009);
        }
    });
}

#[test]
fn a41_what_came_before_is_no_part_of_the_count() {
    let mut target = target();
    let mut client = connect(&target);
    // 900 KiB each, of which each may refer to the one before.
    let message = [b"\xec\xc1\x81\0\0\0\0\xc3\xa0\xf9\x53\x5f\xe0\x08\x55\x01", &[0; 892][..], b"\x7c\x03"].concat();
    for _ in 0..3 {
        client.frame(0xc2, &message);
        let echo = client.read_frame().expect("an echo");
        assert_eq!(echo.first, 0xc2);
    }
    target.bystander_echoes();
    assert_eq!(target.unexpected_ends(), []);
}

#[test]
fn a42_blocks_of_nothing_cost_what_they_weigh() {
    let mut target = target();
    target.within(4 * MIB, |target| {
        // Empty stored blocks: read once, and an empty message.
        let mut client = connect(target);
        client.frame(0xc1, &[b"\x00\x00\x00\xff\xff".repeat(200_000), vec![0x00]].concat());
        client.expect_text("");
        drop(client);
        target.expect_end(crate::target::End::Lost);
        // Final blocks, each of which begins the decompressor anew.
        fails(target, &masked(0xc1, &b"\x03\x00".repeat(MIB / 2)), 1008);
        fails(target, &masked(0xc1, &b"\x01\x00\x00\xff\xff".repeat(200_000)), 1008);
    });
}

#[test]
fn a43_broken_blocks_are_refused() {
    let mut target = target();
    target.within(MIB, |target| {
        let broken: [&[u8]; 8] = [
            b"\x07",                         // a type of block that does not exist
            b"\x00\x05\x00\x00\x00",         // a length whose complement is another's
            b"\x00\xff\x00\x00\xff",         // a stored block that does not arrive
            b"\xf2",                         // the middle of a block
            b"\x4a\x04\x10\x00",             // refers to what was before the first message
            b"\xfd\xff\xff\xff\xff\xff",     // more symbols than there are
            b"\x04\x00\xfe\xff\xff\xff\xff", // lengths of codes that no code can have
            b"\xff\xff\xff\xff\xff\xff\xff\xff",
        ];
        for payload in broken {
            fails(target, &masked(0xc2, payload), 1007);
        }
    });
}
