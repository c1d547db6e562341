//! Servers and clients in a simulated world: what real sockets do rarely, done often.
//!
//! `BOWSPRIT_SEED=7` runs one seed and no other, `BOWSPRIT_SEEDS=10000` as many as that.

mod asker;
mod every_call_fails;
mod ledger;
mod moments;
mod seeds;
mod world;
