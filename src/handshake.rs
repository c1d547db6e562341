//! The opening handshake (RFC 6455 §4): bytes in, bytes out, then it is over.

/// What a handshake agreed on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Negotiated {}

impl Negotiated {
    /// No subprotocol, no extensions.
    pub const fn none() -> Self {
        Self {}
    }
}
