//! WebSocket from the bytes up.
#![no_std]

extern crate alloc;
#[cfg(any(feature = "net", test))]
extern crate std;

mod assembler;
mod buffer;
mod close;
mod connection;
mod error;
mod frame;
pub mod handshake;
mod limits;
pub mod mask;
mod message;
#[cfg(feature = "net")]
pub mod net;
mod utf8;

pub use buffer::{ReceiveBuffer, SendBuffer};
pub use close::{CloseCode, CloseFrame};
pub use connection::{Connection, Role, State};
pub use error::{HandshakeError, ProtocolError, UsageError};
pub use frame::{EncodedHeader, Expected, FrameHeader, Opcode, Status};
pub use handshake::Negotiated;
pub use limits::Limits;
pub use mask::MaskingKey;
pub use message::{Binary, Event, Kind, Message, MessageRef, SharedMessage, Text};
pub use utf8::{InvalidUtf8, Utf8Validator};
mod pubsub;
pub use pubsub::{TopicId, Topics};
