//! The event loop in a world of memory: turns, batches, publishing, handshakes. What the system's calls cost is not in it.

#[path = "support/handlers.rs"]
mod handlers;
#[path = "support/memory.rs"]
mod memory;
#[path = "support/wire.rs"]
mod wire;

use bowsprit::Opcode;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use handlers::{Broadcast, Echo};
use memory::{Plan, run};
use wire::{heard, said};

/// A hundred connections, each with some messages in one read.
fn echo(criterion: &mut Criterion) {
    const PEERS: usize = 100;
    let mut group = criterion.benchmark_group("loop/echo");
    for (depth, len) in [(1, 20), (1, 1 << 10), (16, 20), (16, 1 << 10)] {
        group.throughput(Throughput::Elements((PEERS * depth) as u64));
        group.bench_function(BenchmarkId::new(format!("{depth}_in_a_read"), len), |b| {
            b.iter_custom(|rounds| {
                let payload = vec![b'x'; len];
                let batch = said(Opcode::Binary, &payload).repeat(depth);
                let reply = heard(Opcode::Binary, &payload).repeat(depth);
                run(Plan::Rounds { peers: PEERS, speakers: PEERS, rounds: rounds as usize, batch, reply }, Echo)
            });
        });
    }
    group.finish();
}

/// One message to all.
fn publish(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("loop/publish");
    for (subscribers, len) in [(1, 128), (1000, 128), (1000, 4 << 10)] {
        group.throughput(Throughput::Elements(subscribers as u64));
        group.bench_function(BenchmarkId::new(format!("{subscribers}_subscribers"), len), |b| {
            b.iter_custom(|rounds| {
                let payload = vec![b'x'; len];
                let (batch, reply) = (said(Opcode::Text, &payload), heard(Opcode::Text, &payload));
                run(Plan::Rounds { peers: subscribers, speakers: 1, rounds: rounds as usize, batch, reply }, Broadcast)
            });
        });
    }
    group.finish();
}

/// Accept, request, 101, and gone.
fn handshakes(criterion: &mut Criterion) {
    criterion.bench_function("loop/handshake", |b| {
        b.iter_custom(|count| run(Plan::Handshakes(count as usize), Echo));
    });
}

criterion_group!(event_loop, echo, publish, handshakes);
criterion_main!(event_loop);
