//! Close codes and the body of a Close frame (RFC 6455 §5.5.1, §7.4).

use core::fmt;
use core::str;

use crate::error::{Failure, ProtocolError, UsageError};
use crate::utf8::first_bad_octet;

/// Why an endpoint closes a connection: a number from 0 to 65,535 (RFC 6455 §7.4).
///
/// A newtype and not an enum, so that codes registered later survive a round trip.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CloseCode(u16);

impl CloseCode {
    /// 1000: the purpose of the connection is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// 1001: the server goes down, or the page is left.
    pub const GOING_AWAY: Self = Self(1001);
    /// 1002: the peer broke the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// 1003: a type of data that this endpoint does not accept.
    pub const UNSUPPORTED_DATA: Self = Self(1003);
    /// 1005: the Close frame carried no code. Reported only, never sent.
    pub const NO_STATUS: Self = Self(1005);
    /// 1006: the connection went away without a Close frame. Reported only, never sent.
    pub const ABNORMAL: Self = Self(1006);
    /// 1007: data that does not fit its type, such as text that is not UTF-8.
    pub const INVALID_PAYLOAD: Self = Self(1007);
    /// 1008: a rule of this endpoint was broken, and no other code fits.
    pub const POLICY_VIOLATION: Self = Self(1008);
    /// 1009: a message too big to process.
    pub const MESSAGE_TOO_BIG: Self = Self(1009);
    /// 1010: the client needs an extension that the server did not agree to.
    pub const MANDATORY_EXTENSION: Self = Self(1010);
    /// 1011: the server met a condition that keeps it from going on.
    pub const INTERNAL_ERROR: Self = Self(1011);
    /// 1012: the service restarts (IANA registry).
    pub const SERVICE_RESTART: Self = Self(1012);
    /// 1013: try again later (IANA registry).
    pub const TRY_AGAIN_LATER: Self = Self(1013);
    /// 1014: a gateway got an invalid response from upstream (IANA registry).
    pub const BAD_GATEWAY: Self = Self(1014);
    /// 1015: the TLS handshake failed. Reported only, never sent.
    pub const TLS_HANDSHAKE: Self = Self(1015);

    /// The code with this number, whether it may be sent or not.
    pub const fn new(code: u16) -> Self {
        Self(code)
    }

    /// The number.
    pub const fn as_u16(self) -> u16 {
        self.0
    }

    /// Whether a Close frame may carry this code: 1000 to 1003, 1007 to 1014, and 3000 to 4999.
    ///
    /// The rest is reserved, undefined, or for local reports only (RFC 6455 §7.4.1, §7.4.2 and the IANA registry).
    pub const fn may_be_sent(self) -> bool {
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }
}

impl fmt::Debug for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CloseCode({})", self.0)
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The body of a Close frame: a code, and a reason of at most 123 bytes meant for developers (RFC 6455 §5.5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloseFrame<'a> {
    /// `None` when the body is empty, which §7.1.5 reports as 1005.
    pub code: Option<CloseCode>,
    /// Empty when there is none.
    pub reason: &'a str,
}

impl<'a> CloseFrame<'a> {
    /// The longest reason: a control frame's 125 bytes less two for the code.
    pub const MAX_REASON_LEN: usize = 123;

    /// Reads the unmasked payload of a Close frame.
    ///
    /// # Errors
    ///
    /// A body of one byte, a code that must not be sent, a reason that is not UTF-8 (RFC 6455 §5.5.1, §7.4). Where is
    /// counted from the front of the payload.
    pub fn parse(payload: &'a [u8]) -> Result<Self, Failure> {
        match *payload {
            [] => Ok(Self { code: None, reason: "" }),
            [_] => Err(ProtocolError::CloseBodyTruncated.at(0)),
            [high, low, ref reason @ ..] => {
                let code = CloseCode(u16::from_be_bytes([high, low]));
                if !code.may_be_sent() {
                    return Err(ProtocolError::InvalidCloseCode(code).at(0));
                }
                let reason = str::from_utf8(reason)
                    .map_err(|_| ProtocolError::CloseReasonNotUtf8.at(2 + first_bad_octet(reason) as u64))?;
                Ok(Self { code: Some(code), reason })
            }
        }
    }

    /// Checks what RFC 6455 §5.5.1 and §7.4 ask of a Close frame that is sent.
    ///
    /// # Errors
    ///
    /// A code that must not be sent, a reason without a code, a reason over 123 bytes.
    pub fn check(&self) -> Result<(), UsageError> {
        match self.code {
            Some(code) if !code.may_be_sent() => Err(UsageError::InvalidCloseCode(code)),
            None if !self.reason.is_empty() => Err(UsageError::CloseReasonWithoutCode),
            _ if self.reason.len() > Self::MAX_REASON_LEN => Err(UsageError::CloseReasonTooLong),
            _ => Ok(()),
        }
    }

    /// The code as §7.1.5 reports it: 1005 when the body was empty.
    pub fn reported_code(&self) -> CloseCode {
        self.code.unwrap_or(CloseCode::NO_STATUS)
    }
}
