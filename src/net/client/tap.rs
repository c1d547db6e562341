//! The bytes of the frames, for who wants to look on.

use core::fmt;
use std::sync::Arc;

/// Sees the bytes that cross a client's socket behind the handshake: for logs and for finding out who is right.
///
/// ```
/// use bowsprit::net::{ClientConfig, Direction, Tap};
///
/// let mut config = ClientConfig::default();
/// config.tap = Some(Tap::new(|direction, bytes| match direction {
///     Direction::In => eprintln!("<- {}", bytes.escape_ascii()),
///     Direction::Out => eprintln!("-> {}", bytes.escape_ascii()),
/// }));
/// ```
///
/// The calls of one direction come one after another and in order; a read may end anywhere in a frame. What is sent is
/// shown before it is written, so an answer never comes before its question.
#[derive(Clone)]
pub struct Tap(Arc<Look>);

type Look = dyn Fn(Direction, &[u8]) + Send + Sync;

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the server.
    In,
    /// To the server, masked.
    Out,
}

impl Tap {
    /// Calls `look` with the bytes of each read and each write, on the thread that reads or writes.
    pub fn new(look: impl Fn(Direction, &[u8]) + Send + Sync + 'static) -> Self {
        Self(Arc::new(look))
    }

    pub(super) fn show(&self, direction: Direction, bytes: &[u8]) {
        (self.0)(direction, bytes);
    }
}

impl fmt::Debug for Tap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tap")
    }
}
