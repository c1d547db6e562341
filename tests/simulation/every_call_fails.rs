//! Each system call that the loops make fails in turn, in each of several ways.

use std::cell::RefCell;
use std::io::ErrorKind;
use std::rc::Rc;
use std::time::Duration;

use bowsprit::CloseCode;
use bowsprit::testing::{Call, TestClient, World};

use crate::ledger::{Book, Callers, Ledger, Outcomes, Talker, config};

struct Outcome {
    calls: [u64; 4],
    /// How many of the four connections did not do all that they were to do.
    harmed: usize,
}

const CALLS: [Call; 4] = [Call::Read, Call::Write, Call::Accept, Call::Any];

/// A server, two clients on a loop and two of the test, one of which reads late; everything ends in order unless a call
/// fails.
fn scenario(fault: Option<(Call, u64, ErrorKind)>) -> Outcome {
    let world = World::new();
    if let Some((call, nth, kind)) = fault {
        world.fail(call, nth, kind);
    }
    let (ledger, outcomes) = (Rc::<RefCell<Ledger>>::default(), Rc::<RefCell<Outcomes>>::default());
    let server = world.serve(config(), Book { ledger: ledger.clone() });
    let callers = Callers { first: 100, count: 2, rounds: 3, outcomes: outcomes.clone() };
    let clients = world.clients(config(), callers);
    let mut talkers: Vec<_> = (0..2).map(|number| Talker::new(number, connect(&world, number))).collect();
    for round in 0..4 {
        for talker in &mut talkers {
            if talker.is_open() {
                talker.say(round == 1, round * 3_000);
                talker.listen();
            }
        }
    }
    if talkers[0].is_open() {
        talkers[0].client.link().incoming(|wire| wire.capacity = 3_000);
        (0..3).for_each(|_| talkers[0].say(false, 5_000));
        world.run();
    }
    world.advance(Duration::from_secs(1));
    talkers.iter_mut().for_each(Talker::listen);
    let well = talkers.iter().filter(|talker| talker.is_open() && talker.echoed == talker.asked).count();
    if let Some(talker) = talkers.pop().as_mut().filter(|talker| talker.is_open()) {
        talker.client.close(CloseCode::NORMAL, "").unwrap();
        talker.listen();
    }
    server.stop();
    clients.stop();
    world.run();
    talkers.iter_mut().for_each(Talker::listen);
    drop(talkers);
    world.advance(Duration::from_secs(120));

    assert!(!world.is_running(0) && !world.is_running(1), "a loop does not end");
    ledger.borrow().check_ends();
    let outcomes = outcomes.borrow();
    outcomes.check();
    Outcome { calls: CALLS.map(|call| world.calls(call)), harmed: 4 - well - outcomes.finished }
}

/// Whom a failed call keeps from connecting tries again when the server has recovered from it.
fn connect(world: &World, number: usize) -> TestClient {
    world.client_with(&Talker::request(number)).unwrap_or_else(|_| {
        world.advance(Duration::from_secs(1));
        world.client_with(&Talker::request(number)).unwrap()
    })
}

#[test]
fn without_a_fault_all_is_well() {
    let outcome = scenario(None);
    assert_eq!(outcome.harmed, 0);
    assert!(outcome.calls.iter().all(|calls| *calls >= 4), "{:?} calls", outcome.calls);
}

#[test]
fn a_failed_call_harms_at_most_one_connection() {
    let [.., calls] = scenario(None).calls;
    let mut harmed = 0;
    for kind in [ErrorKind::ConnectionReset, ErrorKind::OutOfMemory, ErrorKind::ConnectionAborted] {
        for nth in 1..=calls {
            let outcome = named(Call::Any, nth, kind);
            assert!(outcome.harmed <= 1, "call {nth}, {kind:?}: {} harmed", outcome.harmed);
            harmed += outcome.harmed;
        }
    }
    assert!(harmed > 20, "{harmed}: what fails must matter");
}

#[test]
fn a_call_that_must_be_made_again_harms_nobody() {
    let calls = scenario(None).calls;
    for (call, calls) in CALLS.into_iter().zip(calls).take(3) {
        for kind in [ErrorKind::WouldBlock, ErrorKind::Interrupted] {
            for nth in 1..=calls {
                let outcome = named(call, nth, kind);
                assert_eq!(outcome.harmed, 0, "{call:?} {nth}, {kind:?}");
            }
        }
    }
}

fn named(call: Call, nth: u64, kind: ErrorKind) -> Outcome {
    let run = || scenario(Some((call, nth, kind)));
    std::panic::catch_unwind(run).unwrap_or_else(|panic| {
        eprintln!("{call:?}, the {nth}th, failed with {kind:?}");
        std::panic::resume_unwind(panic)
    })
}
