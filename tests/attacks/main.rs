//! Every attack of the table in SECURITY.md, over real sockets: what the attacker is told, what it costs in memory, and
//! that a bystander keeps echoing. A test is named after its row.
#![cfg(feature = "net")]

#[path = "../support/counting.rs"]
mod counting;
#[path = "../support/server.rs"]
mod server;
#[path = "../support/transport.rs"]
mod transport;

mod client;
mod closing;
#[cfg(feature = "deflate")]
mod deflate;
mod flood;
mod frames;
mod load;
mod request;
mod rows;
mod sockets;
mod target;
