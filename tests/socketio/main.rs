//! Engine.IO v4 and Socket.IO v5 from the outside: a file for each part of the protocols.

mod engine_packets;
mod packets;
