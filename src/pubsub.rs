//! Publish and subscribe without sockets: who listens to what ([`Topics`]), and messages framed once for all of them.

#[cfg(any(feature = "net", test))]
mod log;
mod topics;

#[cfg(feature = "net")]
pub(crate) use log::{Piece, Place, PublishLog};
pub use topics::{TopicId, Topics};
