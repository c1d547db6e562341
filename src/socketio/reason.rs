//! Why a socket is disconnected.

use core::fmt;

use super::engine;

/// Why a socket is disconnected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The session below is over, and with it all of its sockets. [`engine::Reason::ForcedClose`]: the client sent what
    /// is no packet.
    Session(engine::Reason),
    /// The client did what is not allowed at that point, or joined no namespace in time.
    ForcedServerClose,
    /// The client left the namespace.
    ClientNamespaceDisconnect,
    /// The server put it out.
    ServerNamespaceDisconnect,
}

impl Reason {
    /// Whether the connection was lost, rather than ended by one of the two: the client comes back by itself, and with
    /// [`Recovery`](super::Recovery) as the one it was.
    pub fn is_recoverable(self) -> bool {
        match self {
            Self::Session(engine::Reason::ParseError) => false,
            Self::Session(_) | Self::ForcedServerClose => true,
            Self::ClientNamespaceDisconnect | Self::ServerNamespaceDisconnect => false,
        }
    }
}

/// What the reference server calls it.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Session(reason) => reason.fmt(f),
            Self::ForcedServerClose => f.write_str("forced server close"),
            Self::ClientNamespaceDisconnect => f.write_str("client namespace disconnect"),
            Self::ServerNamespaceDisconnect => f.write_str("server namespace disconnect"),
        }
    }
}
