//! Engine.IO v4: one session over HTTP polling, a WebSocket, or first the one and then the other.
//!
//! [`Engine`] is the [`Handler`](crate::net::Handler) of a server; what to do with the messages is an [`Application`]. It
//! speaks to its clients through [`Sessions`]. What it sends leaves when the call is over, so that a poll is answered
//! once for all of it.
//!
//! ```no_run
//! use bowsprit::net::Server;
//! use bowsprit::socketio::engine::{Application, Config, Data, Engine, Outgoing, SessionId, Sessions};
//!
//! struct Echo;
//!
//! impl Application for Echo {
//!     fn message(&mut self, sessions: &mut Sessions, id: SessionId, data: Data<'_>) {
//!         let _ = match data {
//!             Data::Text(text) => sessions.send(id, &Outgoing::text(text)),
//!             Data::Binary(bytes) => sessions.send(id, &Outgoing::binary(bytes)),
//!         };
//!     }
//! }
//!
//! fn main() -> std::io::Result<()> {
//!     let config = Config::new("/engine.io/");
//!     Server::bind_with("127.0.0.1:3000", config.net())?.run(Engine::new(config, Echo))
//! }
//! ```

mod compress;
mod config;
mod cors;
mod outgoing;
mod packet;
mod polling;
mod query;
mod refusal;
mod server;
mod session;
mod sessions;
mod sid;
mod websocket;

pub use config::{Config, Cookie};
pub use cors::{Allowed, Cors};
pub use outgoing::Outgoing;
pub use packet::{Data, Packet, PacketError, Payload, encode_payload};
pub use query::Query;
pub use server::{Application, Engine, Link};
pub use session::Reason;
pub(super) use sessions::Place;
pub use sessions::{SessionId, Sessions, Transport};
pub(super) use sid::Sid;
