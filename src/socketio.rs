//! Socket.IO v5 over Engine.IO v4, for unmodified `socket.io-client`: feature `socketio`.
//!
//! ```no_run
//! use bowsprit::socketio::Io;
//!
//! fn main() -> std::io::Result<()> {
//!     let mut io = Io::default();
//!     io.of("/")
//!         .on_connect(|socket| {
//!             socket.join("lobby");
//!         })
//!         .on("chat message", |socket, event| {
//!             // What the client sent goes to everybody as it is, without being read.
//!             let _ = socket.everybody().emit("chat message", event.args());
//!             if let Some(ack) = event.ack() {
//!                 let _ = socket.reply(ack, ("ok",));
//!             }
//!         });
//!     io.serve("127.0.0.1:3000")
//! }
//! ```
//!
//! What is where:
//!
//! ```text
//!  io          Io: namespaces and their handlers; packets become calls          io, namespace
//!  context     what a handler can do: Context, Socket, Cast                     context, socket, cast
//!  args        what events carry: Args out, Event, Reply and Answers in, Ack    args, event, answers
//!  state       who is connected where, rooms, answers awaited, timers           state, clients
//!  recovery    what is kept for clients that come back                          recovery
//!  cluster     what happens together with other servers                         cluster, adapter, workers
//!  packet      the text of a packet: events, acks, namespaces                   packet
//!  engine      the sessions below it: polling, WebSocket, upgrade, heartbeat    engine
//! ```
//!
//! The floor below is [`net`](crate::net), of which this uses what any other crate could. JSON passes through as it was
//! written: key order and the text of numbers stay, and nothing is built of it that was not asked for. A broadcast is
//! encoded once. All handlers run on the loop's thread, one at a time, so that a client's events are handled in order.

mod adapter;
mod answers;
mod args;
mod cast;
mod clients;
mod cluster;
mod context;

pub mod engine;
mod event;
mod io;
mod namespace;
pub mod packet;
mod reason;
mod recovery;
mod socket;
mod state;
mod workers;

pub use answers::{Answer, Answers};
pub use args::{Args, EmitError};
pub use cast::Cast;
pub use clients::Handshake;
pub use cluster::Member;
pub use context::{Context, Remote, TimerId};

pub use event::{Ack, ArgError, Event, NoReply, Reply};
pub use io::{Config, Io};
pub use namespace::{Admission, Namespace, Refusal};
pub use reason::Reason;
pub use recovery::Recovery;
pub use socket::Socket;
pub use state::SocketId;
