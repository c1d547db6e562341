//! How much more two loops carry than one: each on a thread of its own, fed by that thread through socket pairs.
//!
//! `cargo bench --bench loops` prints the medians of interleaved runs, and their ratio.

#[path = "support/handlers.rs"]
mod handlers;
#[path = "support/pairs.rs"]
mod pairs;
#[path = "support/wire.rs"]
mod wire;

use std::sync::Barrier;
use std::thread;
use std::time::Instant;

use bowsprit::net::{Config, EventLoop, Remote};
use handlers::Echo;
use pairs::{BATCH, PEERS, Pairs};

fn main() {
    // Without `--bench` it is a test run: does it work?
    let measured = std::env::args().any(|argument| argument == "--bench");
    let (runs, rounds) = if measured { (15, 2_000) } else { (1, 3) };
    let (mut one, mut two, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..runs {
        one.push(messages_a_second(1, rounds));
        two.push(messages_a_second(2, rounds));
        ratios.push(two[two.len() - 1] / one[one.len() - 1]);
    }
    println!(
        "one loop {:.0} messages a second, two loops {:.0}: {:.2} times, {:.2} to {:.2}",
        median(&mut one),
        median(&mut two),
        median(&mut ratios),
        ratios[0],
        ratios[runs - 1],
    );
}

fn messages_a_second(loops: usize, rounds: usize) -> f64 {
    let together = Barrier::new(loops + 1);
    let seconds = thread::scope(|scope| {
        let threads: Vec<_> = (0..loops).map(|_| scope.spawn(|| serve(rounds, &together))).collect();
        together.wait();
        let start = Instant::now();
        for thread in threads {
            thread.join().expect("a loop");
        }
        start.elapsed().as_secs_f64()
    });
    (loops * rounds * PEERS * BATCH) as f64 / seconds
}

fn serve(rounds: usize, together: &Barrier) {
    let mut pairs = Pairs::new(rounds);
    let remote = Remote::new(&pairs);
    pairs.stopped_by(remote.clone());
    together.wait();
    EventLoop::new(pairs, Config::default(), Echo, remote).run().expect("the loop");
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}
