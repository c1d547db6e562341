//! Each system call that the loops make fails in turn, in each of several ways.

use std::cell::RefCell;
use std::io::ErrorKind;
use std::rc::Rc;
use std::time::Duration;

use bowsprit::CloseCode;
use bowsprit::testing::{Call, TestClient, World};

use crate::asker::{Asker, Manner};
use crate::ledger::{Book, Callers, Ledger, Outcomes, Talker, config};

struct Outcome {
    calls: [u64; 5],
    /// How many of the five connections did not do all that they were to do.
    harmed: usize,
    /// Whether each of the two loops ran until it was stopped.
    lasted: [bool; 2],
}

const CALLS: [Call; 5] = [Call::Read, Call::Write, Call::Accept, Call::Any, Call::Poll];

/// A server, two clients on a loop, and of the test two, one of which reads late, and one of plain HTTP; everything ends
/// in order unless a call fails.
fn scenario(fault: Option<(Call, u64, ErrorKind)>) -> Outcome {
    let world = World::new();
    if let Some((call, nth, kind)) = fault {
        world.fail(call, nth, kind);
    }
    let (ledger, outcomes) = (Rc::<RefCell<Ledger>>::default(), Rc::<RefCell<Outcomes>>::default());
    let server = world.serve(config(), Book { ledger: ledger.clone() });
    let callers = Callers { first: 100, count: 2, rounds: 3, outcomes: outcomes.clone() };
    let clients = world.clients(config(), callers);
    let mut talkers: Vec<_> = (0..2).filter_map(|number| Some(Talker::new(number, connect(&world, number)?))).collect();
    let mut asker = Asker::new(50, &world);
    for round in 0..4 {
        for talker in &mut talkers {
            talker.listen();
            if talker.is_open() {
                talker.say(round == 1, round * 3_000);
                talker.listen();
            }
        }
        asker.ask(Manner::ALL[round % 3], round * 500);
        asker.listen();
        // Of the last one nobody hears again.
        ledger.borrow_mut().answer(0);
    }
    if let Some(talker) = talkers.first_mut().filter(|talker| talker.is_open()) {
        talker.client.link().incoming(|wire| wire.capacity = 3_000);
        (0..3).for_each(|_| talker.say(false, 5_000));
        world.run();
    }
    (0..4).for_each(|_| ledger.borrow_mut().answer(0));
    world.advance(Duration::from_secs(1));
    talkers.iter_mut().for_each(Talker::listen);
    asker.listen();
    let well = talkers.iter().filter(|talker| talker.is_open() && talker.echoed == talker.asked).count();
    let well = well + usize::from(asker.is_content() && asker.answered == asker.asked);
    if let Some(talker) = talkers.pop().as_mut().filter(|talker| talker.is_open()) {
        talker.client.close(CloseCode::NORMAL, "").unwrap();
        talker.listen();
    }
    asker.ask(Manner::Later, 10);
    server.wake();
    world.run();
    let lasted = [world.is_running(0), world.is_running(1)];
    server.stop();
    clients.stop();
    world.run();
    talkers.iter_mut().for_each(Talker::listen);
    asker.listen();
    drop((talkers, asker));
    world.advance(Duration::from_secs(120));

    assert!(!world.is_running(0) && !world.is_running(1), "a loop does not end");
    ledger.borrow().check_ends();
    let outcomes = outcomes.borrow();
    outcomes.check();
    Outcome { calls: CALLS.map(|call| world.calls(call)), harmed: 5 - well - outcomes.finished, lasted }
}

/// Whom a failed call keeps from connecting tries again when the server has recovered from it, if it has.
fn connect(world: &World, number: usize) -> Option<TestClient> {
    world.client_with(&Talker::request(number)).ok().or_else(|| {
        world.advance(Duration::from_secs(1));
        let client = world.client_with(&Talker::request(number));
        assert!(client.is_ok() || !world.is_running(0), "{:?}", client.err());
        client.ok()
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
    let [_, _, _, calls, _] = scenario(None).calls;
    let mut harmed = 0;
    for kind in [ErrorKind::ConnectionReset, ErrorKind::OutOfMemory, ErrorKind::ConnectionAborted] {
        for nth in 1..=calls {
            let outcome = named(Call::Any, nth, kind);
            assert_eq!(outcome.lasted, [true; 2]);
            assert!(outcome.harmed <= 1, "call {nth}, {kind:?}: {} harmed", outcome.harmed);
            harmed += outcome.harmed;
        }
    }
    assert!(harmed > 20, "{harmed}: what fails must matter");
}

#[test]
fn a_call_that_must_be_made_again_harms_nobody() {
    let calls = scenario(None).calls;
    for (call, calls) in CALLS.into_iter().zip(calls).filter(|(call, _)| *call != Call::Any) {
        for kind in [ErrorKind::WouldBlock, ErrorKind::Interrupted] {
            if (call, kind) == (Call::Poll, ErrorKind::WouldBlock) {
                // There is nothing that it would wait for.
                continue;
            }
            for nth in 1..=calls {
                let outcome = named(call, nth, kind);
                assert_eq!(outcome.harmed, 0, "{call:?} {nth}, {kind:?}");
            }
        }
    }
}

#[test]
fn a_failed_wait_ends_its_loop_and_everybody_hears_of_it_once() {
    let [.., calls] = scenario(None).calls;
    let mut lost = [0; 2];
    for nth in 1..=calls {
        let outcome = named(Call::Poll, nth, ErrorKind::OutOfMemory);
        for (lost, lasted) in lost.iter_mut().zip(outcome.lasted) {
            *lost += usize::from(!lasted);
        }
    }
    assert!(lost.into_iter().all(|times| times > 20), "{lost:?} of {calls}");
}

fn named(call: Call, nth: u64, kind: ErrorKind) -> Outcome {
    let run = || scenario(Some((call, nth, kind)));
    std::panic::catch_unwind(run).unwrap_or_else(|panic| {
        eprintln!("{call:?}, the {nth}th, failed with {kind:?}");
        std::panic::resume_unwind(panic)
    })
}
