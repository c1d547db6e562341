//! Frames that are all allowed, and too many of them.

use std::io::Write;

use socket2::{Domain, Socket, Type};

use crate::server::{Client, masked};
use crate::target::{End, SHORT, Target};

/// `Limits::control_replies`.
const REPLIES: usize = 4 << 10;

#[test]
fn a32_empty_messages_are_served_and_starve_nobody() {
    let mut target = Target::with(|_| {});
    target.within(1 << 20, |target| {
        let mut client = target.connect();
        for _ in 0..20 {
            client.write(&masked(0x82, b"").repeat(500));
            target.bystander_echoes();
            for _ in 0..500 {
                assert_eq!(client.read_frame().unwrap().payload, b"");
            }
        }
    });
}

#[test]
fn a33_pings_of_a_peer_that_reads_get_one_pong_each() {
    let mut target = Target::with(|_| {});
    target.within(REPLIES, |target| {
        let mut client = target.connect();
        for round in 0..500u32 {
            let payload = |n: u32| [&(round * 20 + n).to_be_bytes()[..], &[7; 121]].concat();
            let pings: Vec<u8> = (0..20).flat_map(|n| masked(0x89, &payload(n))).collect();
            client.write(&pings);
            for n in 0..20 {
                let pong = client.read_frame().unwrap();
                assert_eq!((pong.first, pong.payload), (0x8a, payload(n)));
            }
        }
    });
}

#[test]
fn a34_pings_of_a_peer_that_does_not_read_are_bounded_and_then_cut_off() {
    let mut target = Target::with(|config| config.write_timeout = SHORT);
    target.within(REPLIES, |target| {
        // With little room for what it does not read; set before TCP is open, so that it is told of.
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(64 << 10).unwrap();
        socket.connect(&target.server.address.into()).unwrap();
        let mut client = Client::new(socket.into());
        client.upgrade();
        let pings = masked(0x89, &[7; 125]).repeat(100);
        while client.stream.write_all(&pings).is_ok() {}
        target.expect_end(End::WriteStalled);
    });
}

#[test]
fn a35_pongs_cost_nothing() {
    let mut target = Target::with(|_| {});
    target.within(0, |target| {
        let mut client = target.connect();
        client.write(&masked(0x8a, &[7; 125]).repeat(20_000));
        client.expect_echo("still welcome");
    });
}

#[test]
fn a53_endless_data_leaves_others_their_turn() {
    let mut target = Target::with(|config| (config.limits.message, config.limits.frame) = (64 << 20, 64 << 20));
    let mut client = target.connect();
    let mut greedy = client.stream.try_clone().unwrap();
    let writer = std::thread::spawn(move || {
        let frame = masked(0x8a, &[7; 125]).repeat(8000);
        // 100 MB, or what there is time for.
        (0..100).try_for_each(|_| greedy.write_all(&frame))
    });
    let mut echoes = 0;
    while !writer.is_finished() {
        target.bystander_echoes();
        echoes += 1;
    }
    writer.join().unwrap().unwrap();
    // One turn is at most 256 KiB: in 100 MB there are hundreds, and others between them.
    assert!(echoes >= 10, "{echoes}");
    client.expect_echo("nothing was lost");
}
