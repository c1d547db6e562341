//! The state of a connection and how it changes. Nothing outside this file writes it.
//!
//! ```text
//!              close()                  Close received
//!     ┌──────────────────── OPEN ──────────────────────┐
//!     │                      │ rule broken             │
//!     ▼                      ▼                         ▼
//! CLOSING: close sent ──▶ CLOSING: failed    CLOSING: handshake done
//!     │      rule broken     │                         │
//!     │ Close received ──────┼────────────────────────▶│
//!     │                      │                         │
//!     └──────────────────────┴─── end of input ────────┴──▶ CLOSED
//! ```

/// Which end of the connection this is. Decides who masks (RFC 6455 §5.1) and who closes TCP first (§7.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Opened the connection; masks what it sends.
    Client,
    /// Accepted the connection; never masks.
    Server,
}

/// The states of RFC 6455 §7.1 once the opening handshake is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Messages go both ways.
    Open,
    /// A Close was sent or received, or the connection failed (§7.1.3).
    Closing,
    /// The transport is closed (§7.1.4).
    Closed,
}

/// [`State`] with what CLOSING remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Open,
    /// Our Close is out; the peer may still finish what it was sending.
    CloseSent,
    /// Both Close frames are exchanged; input is discarded (§7.1.1).
    Done,
    /// A rule was broken; input is discarded (§7.1.7).
    Failed,
    Closed,
}

/// What makes a phase change.
#[derive(Clone, Copy, Debug)]
pub(super) enum Trigger {
    SendClose,
    ReceiveClose,
    Fail,
    EndOfInput,
}

/// The phase with the only way to change it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Machine {
    phase: Phase,
}

impl Machine {
    pub(super) const fn new() -> Self {
        Self { phase: Phase::Open }
    }

    /// The transition table. What is not in it leaves the phase as it is.
    pub(super) fn on(&mut self, trigger: Trigger) {
        self.phase = match (self.phase, trigger) {
            (Phase::Open, Trigger::SendClose) => Phase::CloseSent,
            (Phase::Open | Phase::CloseSent, Trigger::ReceiveClose) => Phase::Done,
            (Phase::Open | Phase::CloseSent, Trigger::Fail) => Phase::Failed,
            (_, Trigger::EndOfInput) => Phase::Closed,
            (phase, _) => phase,
        };
    }

    #[inline]
    pub(super) const fn state(self) -> State {
        match self.phase {
            Phase::Open => State::Open,
            Phase::CloseSent | Phase::Done | Phase::Failed => State::Closing,
            Phase::Closed => State::Closed,
        }
    }

    /// Whether frames from the peer still count.
    #[inline]
    pub(super) const fn reads(self) -> bool {
        matches!(self.phase, Phase::Open | Phase::CloseSent)
    }

    /// Whether a Close may be sent: none was.
    pub(super) const fn may_close(self) -> bool {
        matches!(self.phase, Phase::Open)
    }

    pub(super) const fn is_done(self) -> bool {
        matches!(self.phase, Phase::Done)
    }
}
