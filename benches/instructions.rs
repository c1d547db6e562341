//! Fixed amounts of work for `benches/instructions`, which counts the instructions that they take.
//!
//! `instructions WORKLOAD COUNT` does it COUNT times and asserts what comes out; without arguments, each a few times.

#[path = "support/handlers.rs"]
mod handlers;
#[path = "support/memory.rs"]
mod memory;
#[path = "support/wire.rs"]
mod wire;

use bowsprit::Opcode;
use handlers::{Broadcast, Echo};
use memory::{Plan, run};
use wire::{heard, said};

type Work = fn(usize);

/// What is done, and how many messages, deliveries or handshakes are one unit of COUNT.
const WORKLOADS: [(&str, usize, Work); 7] = [
    ("small", LARGE_BATCH, |rounds| echo(rounds, Opcode::Binary, &[7; 20], LARGE_BATCH)),
    ("echo", BATCH, |rounds| echo(rounds, Opcode::Binary, &[7; 125], BATCH)),
    ("echo-alone", 1, echo_alone),
    ("text", BATCH, |rounds| echo(rounds, Opcode::Text, "Fair winds. ".repeat(85).as_bytes(), BATCH)),
    ("utf8", BATCH, |rounds| echo(rounds, Opcode::Text, "Füße, 日本語. ".repeat(48).as_bytes(), BATCH)),
    ("publish", SUBSCRIBERS, publish),
    ("handshake", 1, handshakes),
];

/// Messages that come in one read.
const BATCH: usize = 16;
const LARGE_BATCH: usize = 64;
const SUBSCRIBERS: usize = 100;

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.as_slice() {
        [] => WORKLOADS.iter().for_each(|(_, _, work)| work(3)),
        [list] if list == "--list" => WORKLOADS.iter().for_each(|(name, unit, _)| println!("{name} {unit}")),
        [wanted, count] => {
            let Some((_, _, work)) = WORKLOADS.iter().find(|(name, ..)| name == wanted) else {
                panic!("no workload {wanted}")
            };
            work(count.parse().expect("a number"));
        }
        other => panic!("WORKLOAD COUNT, not {other:?}"),
    }
}

fn echo(rounds: usize, opcode: Opcode, payload: &[u8], many: usize) {
    let (batch, reply) = (said(opcode, payload).repeat(many), heard(opcode, payload).repeat(many));
    run(Plan::Rounds { peers: 1, speakers: 1, rounds, batch, reply }, Echo);
}

/// One small message a read: what a turn of the loop costs.
fn echo_alone(rounds: usize) {
    let (batch, reply) = (said(Opcode::Binary, &[7; 20]), heard(Opcode::Binary, &[7; 20]));
    run(Plan::Rounds { peers: 1, speakers: 1, rounds, batch, reply }, Echo);
}

fn publish(rounds: usize) {
    let (batch, reply) = (said(Opcode::Binary, &[7; 128]), heard(Opcode::Binary, &[7; 128]));
    run(Plan::Rounds { peers: SUBSCRIBERS, speakers: 1, rounds, batch, reply }, Broadcast);
}

fn handshakes(count: usize) {
    run(Plan::Handshakes(count), Echo);
}
