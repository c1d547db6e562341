//! Many connections, and some that take nothing.

use crate::target::{End, SHORT, Target};

#[test]
fn a46_a_subscriber_that_reads_nothing_is_cut_off_alone() {
    const LEN: usize = 100 << 10;
    let mut target = Target::with(|_| {});
    let mut stalled = target.connect_at("/topic");
    let mut live: Vec<_> = (0..10).map(|_| target.connect_at("/topic")).collect();
    // The hard limit, one message that overshoots, and one that is being made and framed.
    target.within((1 << 20) + 3 * LEN, |target| {
        for _ in 0..200 {
            target.publish(LEN);
            for client in &mut live {
                assert_eq!(client.read_frame().unwrap().payload.len(), LEN);
            }
        }
    });
    target.expect_end(End::QueueFull);
    // It gets what was queued for it, and is told.
    stalled.expect_close(1008);
    assert!(target.unexpected_ends().is_empty());
}

#[test]
fn a46_many_subscribers_that_read_nothing_cost_their_queues_and_nobody_else() {
    const LEN: usize = 20 << 10;
    const STALLED: usize = 50;
    let mut target = Target::with(|config| (config.hard_queue, config.memory) = (64 << 10, STALLED * (90 << 10)));
    let mut stalled: Vec<_> = (0..STALLED).map(|_| target.connect_at("/topic")).collect();
    let mut live: Vec<_> = (0..10).map(|_| target.connect_at("/topic")).collect();
    // As much as the budget, and messages that are being made and framed.
    target.within(STALLED * (90 << 10) + 3 * LEN, |target| {
        // More than their sockets take, so that all queues overflow.
        for _ in 0..500 {
            target.publish(LEN);
            for client in &mut live {
                assert_eq!(client.read_frame().unwrap().payload.len(), LEN);
            }
        }
    });
    for _ in 0..STALLED {
        target.expect_end(End::QueueFull);
    }
    for client in &mut stalled {
        client.expect_close(1008);
    }
    assert!(target.unexpected_ends().is_empty());
}

#[test]
fn a47_a_peer_that_takes_nothing_any_more_is_cut_off() {
    const LEN: usize = 12 << 20;
    let mut target = Target::with(|config| {
        config.write_timeout = SHORT;
        (config.limits.message, config.limits.frame) = (LEN, LEN);
    });
    // What was received is what is queued: it is there once.
    target.within(LEN + LEN / 2, |target| {
        let mut client = target.connect();
        client.frame(0x82, &vec![7; LEN]);
        target.expect_end(End::WriteStalled);
    });
}

#[test]
fn a48_waves_of_connections_leave_nothing_behind() {
    const WAVE: usize = 200;
    let mut target = Target::with(|config| config.close_timeout = SHORT);
    let mut after = Vec::new();
    for _ in 0..4 {
        target.within(WAVE * 160, |target| {
            let mut clients: Vec<_> = (0..WAVE).map(|_| target.connect()).collect();
            for client in &mut clients {
                client.expect_echo("used once");
            }
            drop(clients);
            for _ in 0..WAVE {
                target.expect_end(End::Lost);
            }
        });
        after.push(target.memory().0);
    }
    // The queue of handshake deadlines forgets after ten seconds, and doubles when it grows.
    assert!(after[3] - after[1] <= (4 * WAVE * 24) as isize, "{after:?}");
}

#[test]
fn a60_a_storm_of_connections_gets_in_and_starves_nobody() {
    const STORM: usize = 500;
    let mut target = Target::with(|_| {});
    // All at once: accepted in portions, and others have their turn between them.
    let storm: Vec<_> = (0..STORM).map(|_| target.server.connect_tcp()).collect();
    target.bystander_echoes();
    for mut client in storm {
        client.upgrade();
        client.expect_echo("in");
    }
    target.bystander_echoes();
}
