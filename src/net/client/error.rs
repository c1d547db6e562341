//! What can go wrong for a client.

use core::error::Error;
use core::fmt;
use core::str;
use std::io;
use std::string::String;
use std::vec::Vec;

use crate::error::{Failure, HandshakeError, UriError, UsageError};
use crate::handshake::Answer;

/// What went wrong, in the order in which it can.
#[derive(Debug)]
#[non_exhaustive]
pub enum ClientError {
    /// This is no WebSocket URI. Nothing was sent.
    Uri(UriError),
    /// `wss`, for which there is no TLS yet. Nothing was sent.
    TlsUnsupported,
    /// A call that the connection cannot carry out, or a request with a mistake in it. Nothing was sent.
    Usage(UsageError),
    /// The system has no random bytes to mask with. Nothing was sent.
    Random(io::Error),
    /// The host's name was not found.
    Resolve(io::Error),
    /// TCP did not open: what the system says of the last address.
    Connect(io::Error),
    /// The server's answer breaks a rule of the handshake.
    Handshake(HandshakeError),
    /// The server answered with something else than a connection.
    Refused(Refusal),
    /// The server broke a rule of the protocol, or one of [`Limits`](crate::Limits), and was told so: which, and at which
    /// byte.
    Protocol(Failure),
    /// The transport ended without a Close: by end of file ([`io::ErrorKind::UnexpectedEof`]) or by an error.
    Lost(io::Error),
    /// It took too long.
    TimedOut(Stage),
    /// The [loop](crate::net::Clients) was stopped before the connection was open.
    Stopped,
}

/// What took too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// [`connect_timeout`](super::ClientConfig::connect_timeout).
    Connect,
    /// [`handshake_timeout`](super::ClientConfig::handshake_timeout).
    Handshake,
    /// [`read_timeout`](super::ClientConfig::read_timeout). The connection goes on: receive again, perhaps after a Ping.
    Receive,
    /// [`write_timeout`](super::ClientConfig::write_timeout). Nothing more can be sent.
    Send,
    /// [`close_timeout`](super::ClientConfig::close_timeout), and the server has not answered our Close.
    Close,
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uri(error) => error.fmt(f),
            Self::TlsUnsupported => f.write_str("wss needs TLS, which is not supported yet"),
            Self::Usage(error) => error.fmt(f),
            Self::Random(error) => write!(f, "no random bytes: {error}"),
            Self::Resolve(error) => write!(f, "host not found: {error}"),
            Self::Connect(error) => write!(f, "cannot connect: {error}"),
            Self::Handshake(error) => error.fmt(f),
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Protocol(failure) => write!(f, "the server broke a rule: {failure}"),
            Self::Lost(error) => write!(f, "connection lost: {error}"),
            Self::TimedOut(stage) => stage.fmt(f),
            Self::Stopped => f.write_str("the loop was stopped"),
        }
    }
}

impl Error for ClientError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Random(error) | Self::Resolve(error) | Self::Connect(error) | Self::Lost(error) => Some(error),
            _ => None,
        }
    }
}

impl From<UriError> for ClientError {
    fn from(error: UriError) -> Self {
        Self::Uri(error)
    }
}

impl From<UsageError> for ClientError {
    fn from(error: UsageError) -> Self {
        Self::Usage(error)
    }
}

impl From<HandshakeError> for ClientError {
    fn from(error: HandshakeError) -> Self {
        Self::Handshake(error)
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "connecting took too long",
            Self::Handshake => "the handshake took too long",
            Self::Receive => "the server is silent",
            Self::Send => "the server reads nothing",
            Self::Close => "the server does not close",
        })
    }
}

/// A server's answer that is plain HTTP. Nothing is followed: a 401 or a 307 is yours to act upon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    status: u16,
    headers: Vec<(String, Vec<u8>)>,
}

impl Refusal {
    pub(crate) fn new(answer: &Answer<'_>) -> Self {
        let headers = answer.headers().map(|(name, value)| (name.into(), value.into())).collect();
        Self { status: answer.status(), headers }
    }

    /// The status, such as 403.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The value of the first field with this name, in any case; `None` also for one that is not UTF-8.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers().find(|(n, _)| n.eq_ignore_ascii_case(name))?;
        str::from_utf8(value).ok()
    }

    /// All fields, in the order they came.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.headers.iter().map(|(name, value)| (&**name, &**value))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server answered with status {}", self.status)
    }
}

/// Returned by every call: it stays a few words.
const _: () = assert!(size_of::<ClientError>() <= 40);
