//! Engine.IO v4 and Socket.IO v5 from the outside: a file for each part of the protocols.

mod attacks;
mod house;

mod engine_cors;
mod engine_heartbeat;
mod engine_packets;
mod engine_polling;
mod engine_requests;
mod engine_upgrade;
mod engine_websocket;
mod packets;
mod socket_acks;
mod socket_compress;
mod socket_connect;
mod socket_errors;
mod socket_events;
mod socket_recovery;
mod socket_rooms;
mod socket_server;
mod stage;
mod workers;
