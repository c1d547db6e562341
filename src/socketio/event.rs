//! What is received: events, and the answers to our own.

use core::cell::Cell;
use core::fmt;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::string::String;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::args::Args;
use super::state::SocketKey;

/// An event from a client, borrowed from what was received.
pub struct Event<'e> {
    pub(super) name: Cow<'e, str>,
    pub(super) values: Values<'e>,
    pub(super) ack: Cell<Option<Ack>>,
}

/// The arguments of a client's answer.
#[derive(Debug)]
pub struct Reply<'e>(pub(super) Values<'e>);

/// The right to answer an event, once, now or later, by [`Context::reply`](super::Context::reply). Dropping it
/// answers nothing.
#[must_use = "the client waits for it"]
#[derive(Debug)]
pub struct Ack {
    pub(super) socket: SocketKey,
    pub(super) id: u64,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NoReply {
    /// There was none in time.
    TimedOut,
    /// The client is gone.
    Disconnected,
}

/// Why an argument cannot be had.
#[derive(Debug)]
pub enum ArgError {
    /// There are not so many.
    Missing,
    /// It is something else.
    Json(serde_json::Error),
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Values<'e> {
    pub(super) values: &'e [&'e RawValue],
    pub(super) attachments: &'e [Bytes],
}

impl<'e> Event<'e> {
    /// Its name; the digits, if that is a number.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many arguments it has.
    pub fn len(&self) -> usize {
        self.values.values.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.values.values.is_empty()
    }

    /// An argument, counted from 0.
    ///
    /// # Errors
    ///
    /// There are not so many; it is something else.
    pub fn arg<T: Deserialize<'e>>(&self, n: usize) -> Result<T, ArgError> {
        self.values.arg(n)
    }

    /// An argument as it was written.
    pub fn raw(&self, n: usize) -> Option<&'e RawValue> {
        self.values.values.get(n).copied()
    }

    /// An argument that is bytes.
    pub fn binary(&self, n: usize) -> Option<&'e Bytes> {
        self.values.binary(n)
    }

    /// All its bytes, those inside of objects and lists included: `{"_placeholder":true,"num":N}` stands for the one
    /// numbered N.
    pub fn attachments(&self) -> &'e [Bytes] {
        self.values.attachments
    }

    /// The arguments as they came, to send them on: text is copied, bytes are shared.
    pub fn args(&self) -> Args {
        self.values.args()
    }

    /// The right to answer it: once, and if the client asks for an answer.
    pub fn ack(&self) -> Option<Ack> {
        self.ack.take()
    }
}

impl<'e> Reply<'e> {
    /// How many arguments it has.
    pub fn len(&self) -> usize {
        self.0.values.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.0.values.is_empty()
    }

    /// An argument, counted from 0.
    ///
    /// # Errors
    ///
    /// There are not so many; it is something else.
    pub fn arg<T: Deserialize<'e>>(&self, n: usize) -> Result<T, ArgError> {
        self.0.arg(n)
    }

    /// An argument as it was written.
    pub fn raw(&self, n: usize) -> Option<&'e RawValue> {
        self.0.values.get(n).copied()
    }

    /// An argument that is bytes.
    pub fn binary(&self, n: usize) -> Option<&'e Bytes> {
        self.0.binary(n)
    }

    /// The arguments as they came, to send them on.
    pub fn args(&self) -> Args {
        self.0.args()
    }
}

impl<'e> Values<'e> {
    fn arg<T: Deserialize<'e>>(&self, n: usize) -> Result<T, ArgError> {
        let raw = self.values.get(n).ok_or(ArgError::Missing)?;
        serde_json::from_str(raw.get()).map_err(ArgError::Json)
    }

    fn binary(&self, n: usize) -> Option<&'e Bytes> {
        attachment(self.values.get(n)?, self.attachments)
    }

    fn args(&self) -> Args {
        Args::received(self.values.iter().map(|value| value.get()), self.attachments)
    }
}

/// What a value stands for.
pub(super) fn attachment<'e>(value: &RawValue, attachments: &'e [Bytes]) -> Option<&'e Bytes> {
    // The usual case: it is something else.
    if !value.get().contains("laceholder") {
        return None;
    }
    let object: BTreeMap<String, &RawValue> = serde_json::from_str(value.get()).ok()?;
    // Which attachment it stands for was checked.
    object.get("_placeholder").filter(|value| value.get() == "true")?;
    let num: f64 = serde_json::from_str(object.get("num")?.get()).ok()?;
    attachments.get(num as usize)
}

impl fmt::Debug for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event").field("name", &self.name).field("values", &self.values).finish_non_exhaustive()
    }
}

impl fmt::Display for NoReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TimedOut => "operation has timed out",
            Self::Disconnected => "socket has been disconnected",
        })
    }
}

impl core::error::Error for NoReply {}

impl fmt::Display for ArgError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("there is no such argument"),
            Self::Json(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for ArgError {}
