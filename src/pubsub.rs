//! Publish and subscribe without sockets: who listens to what ([`Topics`]), and messages framed once for all of them.

#[cfg(feature = "net")]
mod log;
mod topics;

#[cfg(feature = "net")]
pub(crate) use log::{Class, LARGE, Piece, Place, PublishLog};
pub use topics::{TopicId, Topics};
