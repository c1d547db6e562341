//! A mio event loop that makes servers and clients of the protocol core. Sockets, the clock and threads live on this floor only.
//!
//! ```no_run
//! use bowsprit::Message;
//! use bowsprit::net::{Peer, Server};
//!
//! fn main() -> std::io::Result<()> {
//!     Server::bind("127.0.0.1:9001")?.run(|peer: &mut Peer<'_, ()>, message: Message<'_>| {
//!         let _ = peer.send(message);
//!     })
//! }
//! ```
//!
//! One loop is one thread; [`Server::run_each`] runs several. A loop's connections share one [`ReceiveBuffer`](crate::ReceiveBuffer) and one
//! [`SendBuffer`](crate::SendBuffer); a connection that is idle owns neither. What a handler sends and publishes leaves
//! when its connection's turn is over, in as few system calls as there are connections to write to.
//!
//! A loop has clients, too: [`Peers::connect`], and [`Clients`] where there is no server. [`Client`] needs no loop: its
//! calls wait.

mod backoff;
mod client;
mod clients;
mod config;
mod event_loop;
mod handler;
mod http;
mod hub;
mod outbox;
mod peer;
mod random;
mod remote;
mod resolver;
mod server;
mod slab;
mod stats;
mod timers;
mod transport;
mod turn;
#[cfg(all(feature = "uring", target_os = "linux"))]
mod uring;

pub use backoff::Backoff;
pub use bytes::Bytes;
pub use client::{Client, ClientConfig, ClientError, Direction, Incoming, Outgoing, Refusal, Stage, Tap};
pub use clients::Clients;
pub use config::{Config, Policy};
pub use event_loop::EventLoop;
pub use handler::{Cause, EndedBy, Handler};
pub use http::{BodyWriter, RequestId, Responder};
pub use hub::Sent;
pub use peer::{Peer, Peers};
pub use remote::Remote;
pub use resolver::Resolved;
pub use server::Server;
pub use slab::PeerId;
pub use stats::Stats;
pub use transport::{Ready, Received, Tcp, Token, Transport};
