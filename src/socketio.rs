//! Socket.IO v5 over Engine.IO v4, for unmodified `socket.io-client`: feature `socketio`.
//!
//! ```text
//!  packet     Socket.IO packets as text: events, acks, namespaces         https://socket.io/docs/v4/socket-io-protocol
//!  engine     Engine.IO packets and payloads                              https://socket.io/docs/v4/engine-io-protocol
//! ```
//!
//! The floor below is [`net`](crate::net), of which this uses what any other crate could. JSON passes through as it was
//! written: key order and the text of numbers stay, and nothing is built of it that was not asked for.

pub mod engine;
pub mod packet;
