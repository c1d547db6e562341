//! Chance: whoever talks, stalls, leaves or is cut off, and in whichever order things happen.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::env;
use std::io::ErrorKind;
use std::panic::{self, AssertUnwindSafe};
use std::rc::Rc;
use std::time::Duration;

use bowsprit::CloseCode;
use bowsprit::testing::{Call, Wire, World};

use crate::asker::{Asker, Manner};
use crate::ledger::{Book, Callers, Ledger, Outcomes, Talker, WINDOWS, config};

const SEEDS: u64 = 200;
const STEPS: usize = 60;
const LONGEST: usize = 6_000;
/// Of those that are published.
const LONGEST_PUBLISHED: usize = 2_000;
const TALKERS: usize = 10;
/// How many ask, and the number of the first.
const ASKERS: usize = 4;
const AT_ONCE: usize = 6;
const STEPS_AT_ONCE: usize = 4;

#[test]
fn whatever_happens_nothing_is_lost_doubled_or_out_of_order() {
    let number = |name| env::var(name).ok().map(|value| value.parse::<u64>().expect("a number"));
    let seeds = match number("BOWSPRIT_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("BOWSPRIT_SEEDS").unwrap_or(SEEDS),
    };
    let mut causes = BTreeSet::new();
    let count = seeds.end - seeds.start;
    for seed in seeds {
        match panic::catch_unwind(AssertUnwindSafe(|| story(seed))) {
            Ok(seen) => causes.extend(seen),
            Err(panic) => {
                eprintln!("replay: BOWSPRIT_SEED={seed} cargo test --features testing --test simulation seeds");
                panic::resume_unwind(panic);
            }
        }
    }
    // Seeds that make nothing happen prove nothing.
    if count >= SEEDS {
        for cause in ["Closed", "Lost(ConnectionReset)", "Lost(UnexpectedEof)", "QueueFull", "Silent", "OutOfMemory"] {
            assert!(causes.iter().any(|seen| seen.starts_with(cause)), "no {cause} in {causes:?}");
        }
    }
}

struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 16) % bound as u64) as usize
    }
}

/// Runs a seed, and returns the causes of what ended.
fn story(seed: u64) -> Vec<String> {
    let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let world = World::seeded(seed);
    let (ledger, outcomes) = (Rc::<RefCell<Ledger>>::default(), Rc::<RefCell<Outcomes>>::default());
    // In a quarter of the worlds memory runs out.
    let mut settings = config();
    if seed % 4 == 1 {
        settings.memory = [3 << 10, 10 << 10, 30 << 10][chance.below(3)];
    }
    ledger.borrow_mut().budget = settings.memory;
    let server = world.serve(settings, Book { ledger: ledger.clone() });
    world.set_wire(draw_wire(&mut chance));
    let callers = Callers { first: 100, count: 3, rounds: 5, outcomes: outcomes.clone() };
    let clients = world.clients(config(), callers);

    // In half of the worlds calls fail, too, and then nobody is safe.
    let harmless = seed.is_multiple_of(2);
    let mut wide = Wire::default();
    wide.capacity = 2 << 20;
    world.set_wire(wide);
    let steady: Vec<_> = (0..2).collect();
    let mut talkers: Vec<Option<Talker>> = Vec::new();
    for &number in &steady {
        talkers.push(Some(Talker::new(number, world.client_with(&Talker::request(number)).unwrap())));
    }
    let mut askers = vec![Some(Asker::new(ASKERS, &world))];
    // The first request has a deadline.
    askers.iter_mut().flatten().for_each(|asker| asker.ask(Manner::AtOnce, 0));
    for n in 0..STEPS {
        step(&mut chance, &world, &mut talkers, steady.len(), harmless);
        ask(&mut chance, &world, &mut askers, &ledger);
        if n % STEPS_AT_ONCE == 0 || chance.below(4) != 0 {
            world.run();
            server.wake();
            world.run();
        }
        // The steady ones read whatever the others do.
        for talker in talkers[..steady.len()].iter_mut().flatten() {
            talker.listen();
            assert!(!harmless || talker.is_open(), "{} was harmed: {:?}", talker.number, ledger.borrow().causes);
        }
        assert!(!harmless || askers[0].as_mut().is_some_and(|asker| asker.is_content()), "an asker was harmed");
        assert_eq!(ledger.borrow().complaints, Vec::<String>::new());
    }

    // Whoever is left hears the rest of it.
    for talker in talkers.iter_mut().flatten() {
        talker.client.link().resume();
    }
    for asker in askers.iter_mut().flatten() {
        asker.link.resume();
    }
    let (mut heard, mut quiet) = (0, 0);
    while quiet < 5 {
        world.advance(Duration::from_millis(200));
        talkers.iter_mut().flatten().for_each(Talker::listen);
        answer_all(&mut askers, &ledger);
        let answered: usize = askers.iter().flatten().map(|asker| asker.answered).sum();
        let before =
            std::mem::replace(&mut heard, answered + talkers.iter().flatten().map(Talker::heard).sum::<usize>());
        quiet = if heard == before { quiet + 1 } else { 0 };
    }
    for talker in talkers.iter().flatten().filter(|talker| talker.is_open()) {
        check_complete(talker, &ledger.borrow());
    }
    for asker in askers.iter().flatten().filter(|asker| asker.is_content()) {
        assert_eq!(asker.answered, asker.asked, "an asker was owed more");
    }
    // Nothing is under way, and who left without a word is found out: nothing is held.
    for _ in 0..4 {
        world.advance(Duration::from_secs(4));
        talkers.iter_mut().flatten().for_each(Talker::listen);
        answer_all(&mut askers, &ledger);
    }
    server.wake();
    world.run();
    let ledger_now = ledger.borrow();
    let stats = ledger_now.stats.as_ref().unwrap();
    assert_eq!((stats.inbox, stats.http_waiting), (0, 0));
    assert!(stats.held <= stats.subscriptions * WINDOWS, "{stats:?}");
    drop(ledger_now);
    server.stop();
    clients.stop();
    world.run();
    talkers.iter_mut().flatten().for_each(Talker::listen);
    askers.iter_mut().flatten().for_each(Asker::listen);
    talkers.clear();
    askers.clear();
    world.advance(Duration::from_secs(300));

    assert!(!world.is_running(0) && !world.is_running(1), "a loop does not end");
    outcomes.borrow().check();
    let ledger = ledger.borrow();
    ledger.check_ends();
    // Judged before a message is queued, so that one may overshoot, or all that is published in one iteration: as much
    // as there are talkers who say so much before the world is run. Headers come on top.
    let bound = config().hard_queue + LONGEST + STEPS_AT_ONCE * AT_ONCE * (LONGEST_PUBLISHED + 20);
    assert!(ledger.most_queued <= bound, "{} queued", ledger.most_queued);
    assert!(ledger.most_queued_in_all <= bound * ledger.open.len(), "{} queued", ledger.most_queued_in_all);
    ledger.causes.iter().filter_map(|cause| Some(cause.split_once(": ")?.1.into())).collect()
}

/// One who is still connected has heard everything that it was owed.
fn check_complete(talker: &Talker, ledger: &Ledger) {
    let number = talker.number;
    assert_eq!(talker.echoed, talker.asked, "{number} was owed more");
    assert_eq!(ledger.next.get(&number).copied().unwrap_or(0), talker.sent, "the server heard less of {number}");
    for (publisher, heard) in &talker.heard_of {
        let before = ledger.published_before[&number].get(publisher).copied().unwrap_or(0);
        let until = ledger.next_published[publisher];
        assert!(heard.first() >= Some(&before) && heard.last() == Some(&(until - 1)), "{number} of {publisher}");
        let all = &ledger.published[publisher];
        let owed: Vec<_> = all.iter().copied().filter(|n| *n >= before).collect();
        assert_eq!(*heard, owed, "{number} of {publisher}");
    }
    let heard_of = talker.heard_of.len();
    let published = &ledger.published_before[&number];
    let owed = ledger.next_published.iter().filter(|(publisher, next)| published.get(publisher) != Some(next)).count();
    assert_eq!(heard_of, owed, "{number} has not heard of everybody");
}

/// Answers whatever is asked, also what waited behind it.
fn answer_all(askers: &mut [Option<Asker>], ledger: &RefCell<Ledger>) {
    loop {
        askers.iter_mut().flatten().for_each(Asker::listen);
        if ledger.borrow().waiting.is_empty() {
            return;
        }
        ledger.borrow_mut().answer(0);
    }
}

/// What plain HTTP does meanwhile, and whoever answers it.
fn ask(chance: &mut Chance, world: &World, askers: &mut Vec<Option<Asker>>, ledger: &RefCell<Ledger>) {
    let row = chance.below(askers.len());
    match chance.below(8) {
        0 if askers.len() < ASKERS => {
            world.set_wire(draw_wire(chance));
            askers.push(Some(Asker::new(ASKERS + askers.len(), world)));
            world.set_wire(Wire::default());
        }
        1 if row != 0 => askers[row] = None,
        2 if row != 0 => askers[row].iter_mut().for_each(|asker| asker.link.stall()),
        3 => askers[row].iter_mut().for_each(|asker| asker.link.resume()),
        4 | 5 => {
            let waiting = ledger.borrow().waiting.len();
            ledger.borrow_mut().answer(chance.below(waiting.max(1)));
        }
        _ => {
            for asker in askers[row].iter_mut().filter(|asker| asker.is_content()) {
                for _ in 0..=chance.below(3) {
                    let manner = Manner::ALL[chance.below(3)];
                    asker.ask(manner, [0, 100, LONGEST_PUBLISHED][chance.below(3)]);
                }
            }
        }
    }
    askers.iter_mut().take(1).flatten().for_each(Asker::listen);
}

fn step(chance: &mut Chance, world: &World, talkers: &mut Vec<Option<Talker>>, steady: usize, harmless: bool) {
    let row = chance.below(talkers.len());
    match chance.below(12) {
        0 if talkers.len() < TALKERS => {
            world.set_wire(draw_wire(chance));
            let number = talkers.len();
            // A cut or a fault may come before it is open.
            let client = world.client_with(&Talker::request(number)).ok();
            talkers.push(client.map(|client| Talker::new(number, client)));
            world.set_wire(Wire::default());
        }
        1 if row >= steady => talkers[row] = None,
        2 => world.advance(Duration::from_millis(chance.below(6_000) as u64)),
        3 if !harmless => {
            let calls = [Call::Any, Call::Read, Call::Write, Call::Accept, Call::ShutDown, Call::Register];
            let kinds =
                [ErrorKind::WouldBlock, ErrorKind::Interrupted, ErrorKind::ConnectionReset, ErrorKind::OutOfMemory];
            world.fail(calls[chance.below(calls.len())], 1 + chance.below(8) as u64, kinds[chance.below(kinds.len())]);
        }
        4 => {
            // A write that would block is no harmless one: the queue behind it may be full before there is room again.
            let faults = [
                (Call::Read, ErrorKind::WouldBlock),
                (Call::Accept, ErrorKind::WouldBlock),
                (Call::Read, ErrorKind::Interrupted),
                (Call::Accept, ErrorKind::Interrupted),
                (Call::Write, ErrorKind::Interrupted),
            ];
            let (call, kind) = faults[chance.below(faults.len())];
            world.fail(call, 1 + chance.below(8) as u64, kind);
        }
        choice => {
            let Some(talker) = &mut talkers[row] else { return };
            match choice {
                5 if row >= steady => talker.client.link().stall(),
                6 if chance.below(3) == 0 => talker.client.link().resume(),
                7 if row >= steady && chance.below(3) == 0 => talker.client.link().reset(),
                7 if row >= steady && talker.is_open() && chance.below(2) == 0 => {
                    talker.client.close(CloseCode::NORMAL, "").unwrap_or_default();
                    talker.closed = Some(CloseCode::NORMAL);
                }
                8 => talker.listen(),
                _ if talker.is_open() => {
                    for _ in 0..=chance.below(AT_ONCE) {
                        let publish = chance.below(3) == 0;
                        let len =
                            [0, 1, 120, 130, LONGEST_PUBLISHED, LONGEST][chance.below(if publish { 5 } else { 6 })];
                        talker.say(publish, len);
                    }
                    if chance.below(2) == 0 {
                        let _ = talker.client.ping(b"are you there?");
                    }
                }
                _ => {}
            }
        }
    }
}

fn draw_wire(chance: &mut Chance) -> Wire {
    let mut wire = Wire::default();
    let sizes = [100, 300, 1_000, 3_000, 100_000];
    wire.capacity = sizes[1 + chance.below(4)];
    if chance.below(2) == 0 {
        wire.read_at_most = sizes[chance.below(5)];
    }
    if chance.below(2) == 0 {
        wire.write_at_most = sizes[chance.below(5)];
    }
    if wire.capacity >= 3_000 {
        wire.delay = Duration::from_millis([0, 0, 5, 80][chance.below(4)]);
    }
    if chance.below(4) == 0 {
        wire.cut_after = Some(chance.below(20_000) as u64);
    }
    wire
}
