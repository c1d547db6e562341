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

    /// An event with these arguments.
    pub(super) fn event(self, name: &str, max_attachments: usize) -> Result<EventData, EmitError> {
        if is_reserved(name) {
            return Err(EmitError::ReservedName);
        }
        let name = serde_json::to_string(name).map_err(|_| EmitError::Json)?;
        let Self { json, attachments, .. } = self.checked(max_attachments)?;
        Ok(EventData { name, json, attachments })
    }

    /// An answer's message.
    pub(super) fn ack(self, namespace: &str, id: u64, max_attachments: usize) -> Result<Outgoing, EmitError> {
        let Self { json, attachments, .. } = self.checked(max_attachments)?;
        Ok(encode(Kind::Ack, namespace, Some(id), &[&json], attachments))
    }

    fn checked(self, max_attachments: usize) -> Result<Self, EmitError> {
        match self {
            Self { mistake: true, .. } => Err(EmitError::Json),
            Self { ref attachments, .. } if attachments.len() > max_attachments => Err(EmitError::TooManyAttachments),
            args => Ok(args),
        }
    }
}

/// An event, before it is encoded for clients.
#[derive(Debug)]
pub(super) struct EventData {
    /// In quotes.
    name: String,
    /// The values, with commas between.
    json: String,
    attachments: Vec<Bytes>,
}

impl EventData {
    /// Its message. The offset is one more argument.
    pub(super) fn encode(&self, namespace: &str, id: Option<u64>, offset: Option<&str>) -> Outgoing {
        let offset = offset.map(|offset| std::format!("\"{offset}\"")).unwrap_or_default();
        encode(Kind::Event, namespace, id, &[&self.name, &self.json, &offset], self.attachments.clone())
    }

    /// Bytes, about.
    pub(super) fn len(&self) -> usize {
        self.name.len() + self.json.len() + self.attachments.iter().map(Bytes::len).sum::<usize>()
    }
}

/// A packet of these values; of those that are empty there is nothing.
fn encode(kind: Kind, namespace: &str, id: Option<u64>, values: &[&str], attachments: Vec<Bytes>) -> Outgoing {
    let count = (!attachments.is_empty()).then_some(attachments.len());
    let len = values.iter().map(|value| value.len() + 1).sum::<usize>();
    let mut text = String::with_capacity(len + namespace.len() + 32);
    text.push('4');
    encode_head(kind, count, namespace, id, &mut text);
    text.push('[');
    for (n, value) in values.iter().filter(|value| !value.is_empty()).enumerate() {
        if n > 0 {
            text.push(',');
        }
        text.push_str(value);
    }
    text.push(']');
    Outgoing::group(text, attachments)
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
