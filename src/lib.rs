//! WebSocket from the bytes up: a strict protocol core that does no I/O, and a mio event loop of
//! servers and clients built on it.
//!
//! ```text
//!  7  socketio     Socket.IO for unmodified clients                          feature `socketio`
//!     testing      a world without sockets, for tests of handlers               feature `testing`
//!  6  net          sockets, clock, threads: Server, Handler, Peer               feature `net`
//!  5  pubsub       who listens to what: Topics
//!  4  connection   one endpoint: bytes in, events and bytes out                 RFC 6455 §6, §7
//!  3  handshake    the HTTP request and its 101                                 §4
//!  2  message      buffers, messages, events; fragments and cut frames          §5.4, §10.4
//!                  permessage-deflate                                           RFC 7692, feature `deflate`
//!  1  frame        one header                                                   §5.2
//!  0  bytes        masking, UTF-8, close codes, errors, limits                  §5.3, §7.4, §8.1
//! ```
//!
//! Imports point downward only. Floors 0 to 5 are `no_std` with `alloc`, know neither time nor chance, and never touch a
//! socket: `default-features = false` leaves just them.
//!
//! # A server this afternoon
//!
#![cfg_attr(feature = "net", doc = "```no_run")]
#![cfg_attr(not(feature = "net"), doc = "```text")]
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
//! More than messages (requests, subscriptions, timers, why a connection closed) is a [`net::Handler`].
//!
//! # The core with your own I/O
//!
//! ```
//! use bowsprit::{Connection, Event, Limits, Negotiated, ReceiveBuffer, SendBuffer};
//!
//! let (mut input, mut output) = (ReceiveBuffer::new(Limits::default()), SendBuffer::new()); // one pair per loop, or per socket
//! let mut conn = Connection::server(Negotiated::none());                                     // a few words, no buffers
//! input.extend_from_slice(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");                  // what a socket brought
//! while let Some(event) = conn.receive(&mut input, &mut output) {
//!     match event {
//!         Event::Message(message) => conn.send(&message, &mut output)?, // borrowed where it lies; replying is fine
//!         Event::Ping(_) | Event::Pong(_) => {}                         // the pong is already in `output`
//!         Event::Close(_) => {}                                         // so is the reply
//!         Event::Failed(error) => eprintln!("{error}"),                 // the peer broke a rule; its Close frame is in `output`
//!     }
//! }
//! assert_eq!(output.pending(), b"\x81\x05Hello");                       // write it, then output.consume(n)
//! # Ok::<(), bowsprit::UsageError>(())
//! ```
//!
//! **After reading from the socket, call [`receive`](Connection::receive) until it returns `None`, then write the
//! output.** How a connection comes to be is in [`handshake`]; its pieces are usable alone.
//!
//! Whose fault it is decides how you hear of it: a [`ProtocolError`] (the peer's) is an event, so that no `?` can skip
//! the Close frame that it is owed; a [`UsageError`] (yours) is a `Result`. Too few bytes is neither, it is `None`.

#![no_std]
#![deny(missing_docs)]
#![warn(unreachable_pub)]

extern crate alloc;
#[cfg(any(feature = "net", test))]
extern crate std;

// floor 0: pure functions and plain values
mod close;
mod error;
mod limits;
pub mod mask;
mod utf8;
// floor 1: one frame, no memory of the last one
mod frame;
// floor 2: frames become messages
mod assembler;
mod buffer;
#[cfg(feature = "deflate")]
mod deflate;
mod message;
// floor 3: bytes in, bytes out, then over
pub mod handshake;
// floor 4: the sans-I/O endpoint
mod connection;
// floor 5: ids, not sockets
mod pubsub;
// floor 6: sockets, clock and threads live here only
#[cfg(feature = "net")]
pub mod net;
// floor 7: what is built on all of it
#[cfg(feature = "socketio")]
pub mod socketio;
#[cfg(feature = "testing")]
pub mod testing;

pub use buffer::{ReceiveBuffer, SendBuffer, Traffic};
pub use close::{CloseCode, CloseFrame};
pub use connection::{Connection, Role, State};
#[cfg(feature = "deflate")]
pub use deflate::{DeflateConfig, DeflateParams};
pub use error::{Failure, HandshakeError, ProtocolError, UriError, UsageError};
pub use frame::{EncodedHeader, Expected, FrameHeader, Opcode, Status};
pub use handshake::Negotiated;
pub use limits::Limits;
pub use mask::MaskingKey;
pub use message::{Binary, Event, Kind, Message, MessageRef, SharedMessage, Text};
pub use pubsub::{TopicId, Topics};
pub use utf8::{InvalidUtf8, Utf8Validator};

/// The code of README.md, compiled.
#[cfg(all(doctest, feature = "socketio"))]
#[doc = include_str!("../README.md")]
struct Readme;
