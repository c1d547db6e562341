//! Engine.IO v4: one session over HTTP polling, a WebSocket, or first the one and then the other.

mod packet;

pub use packet::{Data, Packet, PacketError, Payload, encode_payload};
