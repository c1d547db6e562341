//! What an event is sent with.

use core::fmt;
use std::string::String;
use std::vec::Vec;

use bytes::Bytes;
use serde::Serialize;

use super::engine::Outgoing;
use super::packet::{Kind, encode_head, is_reserved};

/// The arguments of an event, or of an answer to one.
///
/// A tuple becomes one: `("text", 1, &value)`, with all that serde can serialise. Bytes need the longer way:
///
/// ```
/// use bowsprit::socketio::Args;
///
/// let args = Args::new().json("picture.png").binary(vec![1, 2, 3]);
/// ```
///
/// A mistake is remembered, and comes out where the arguments are sent.
#[must_use]
#[derive(Clone, Debug, Default)]
pub struct Args {
    /// The values, with commas between.
    json: String,
    attachments: Vec<Bytes>,
    mistake: bool,
}

/// Why an event cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EmitError {
    /// The protocol keeps this name for itself.
    ReservedName,
    /// More attachments than [`Config::max_attachments`](super::Config::max_attachments), beyond which clients close the
    /// connection.
    TooManyAttachments,
    /// A value has no JSON.
    Json,
}

impl Args {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a value.
    pub fn json(mut self, value: impl Serialize) -> Self {
        match serde_json::to_string(&value) {
            Ok(json) => self.push(&json),
            Err(_) => self.mistake = true,
        }
        self
    }

    /// Adds bytes; they are not copied for a WebSocket.
    pub fn binary(mut self, bytes: impl Into<Bytes>) -> Self {
        let placeholder = std::format!("{{\"_placeholder\":true,\"num\":{}}}", self.attachments.len());
        self.push(&placeholder);
        self.attachments.push(bytes.into());
        self
    }

    /// Values as they were received.
    pub(super) fn received<'v>(values: impl Iterator<Item = &'v str>, attachments: &[Bytes]) -> Self {
        let mut args = Self { attachments: attachments.to_vec(), ..Self::default() };
        values.for_each(|value| args.push(value));
        args
    }

    fn push(&mut self, json: &str) {
        if !self.json.is_empty() {
            self.json.push(',');
        }
        self.json.push_str(json);
    }

    /// An event's message. The offset is one more argument.
    pub(super) fn event(
        mut self,
        namespace: &str,
        name: &str,
        id: Option<u64>,
        offset: Option<&str>,
        max_attachments: usize,
    ) -> Result<Outgoing, EmitError> {
        if is_reserved(name) {
            return Err(EmitError::ReservedName);
        }
        let name = serde_json::to_string(name).map_err(|_| EmitError::Json)?;
        if let Some(offset) = offset {
            self.push(&std::format!("\"{offset}\""));
        }
        self.encode(Kind::Event, namespace, Some(&name), id, max_attachments)
    }

    /// An answer's message.
    pub(super) fn ack(self, namespace: &str, id: u64, max_attachments: usize) -> Result<Outgoing, EmitError> {
        self.encode(Kind::Ack, namespace, None, Some(id), max_attachments)
    }

    fn encode(
        self,
        kind: Kind,
        namespace: &str,
        name: Option<&str>,
        id: Option<u64>,
        max: usize,
    ) -> Result<Outgoing, EmitError> {
        if self.mistake {
            return Err(EmitError::Json);
        }
        if self.attachments.len() > max {
            return Err(EmitError::TooManyAttachments);
        }
        let count = (!self.attachments.is_empty()).then_some(self.attachments.len());
        let mut text = String::with_capacity(self.json.len() + namespace.len() + 32);
        text.push('4');
        encode_head(kind, count, namespace, id, &mut text);
        text.push('[');
        text.push_str(name.unwrap_or_default());
        if name.is_some() && !self.json.is_empty() {
            text.push(',');
        }
        text.push_str(&self.json);
        text.push(']');
        Ok(Outgoing::group(text, self.attachments))
    }
}

impl From<()> for Args {
    fn from((): ()) -> Self {
        Self::new()
    }
}

impl<A: Serialize> From<(A,)> for Args {
    fn from((a,): (A,)) -> Self {
        Self::new().json(a)
    }
}

impl<A: Serialize, B: Serialize> From<(A, B)> for Args {
    fn from((a, b): (A, B)) -> Self {
        Self::new().json(a).json(b)
    }
}

impl<A: Serialize, B: Serialize, C: Serialize> From<(A, B, C)> for Args {
    fn from((a, b, c): (A, B, C)) -> Self {
        Self::new().json(a).json(b).json(c)
    }
}

impl<A: Serialize, B: Serialize, C: Serialize, D: Serialize> From<(A, B, C, D)> for Args {
    fn from((a, b, c, d): (A, B, C, D)) -> Self {
        Self::new().json(a).json(b).json(c).json(d)
    }
}

impl fmt::Display for EmitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ReservedName => "a reserved event name",
            Self::TooManyAttachments => "too many attachments",
            Self::Json => "a value without JSON",
        })
    }
}

impl core::error::Error for EmitError {}
