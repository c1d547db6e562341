//! Servers and clients over real sockets on the loopback interface.
#![cfg(feature = "net")]

#[path = "../support/rules.rs"]
mod rules;
#[path = "../support/server.rs"]
mod server;
#[path = "../support/transport.rs"]
mod transport;

mod backpressure;
#[cfg(feature = "testing")]
mod boundaries;
mod causes;
mod client;
mod clients;
mod closing;
#[cfg(feature = "testing")]
mod deadlines;
#[cfg(feature = "deflate")]
mod deflate;
mod edges;
mod hand_over;
mod http;
mod limits;
mod order;
mod remote;
mod replies;
mod responder;
mod seam;
mod stats;
mod topics;
mod workers;
