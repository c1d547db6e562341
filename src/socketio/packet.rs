//! Socket.IO v5 packets: what the text of an Engine.IO message says.
//!
//! ```
//! use bowsprit::socketio::packet::{Kind, Packet};
//!
//! let packet = Packet::decode(r#"2/admin,13["bar",{"b":1.0,"a":2}]"#, 10)?;
//! assert_eq!((packet.kind, packet.namespace, packet.id), (Kind::Event, "/admin", Some(13)));
//! assert_eq!(packet.arguments()[1].get(), r#"{"b":1.0,"a":2}"#); // as it was written
//!
//! let mut text = String::new();
//! packet.encode(&mut text);
//! assert_eq!(text, r#"2/admin,13["bar",{"b":1.0,"a":2}]"#);
//! # Ok::<(), bowsprit::socketio::packet::PacketError>(())
//! ```

mod placeholders;

use core::fmt::{self, Write};
use std::string::String;
use std::vec::Vec;

use serde_json::value::RawValue;

pub use placeholders::check_placeholders;

/// What a packet is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `0`: enters a namespace, or answers that.
    Connect,
    /// `1`: leaves it.
    Disconnect,
    /// `2` an event; `5` with attachments.
    Event,
    /// `3` the answer to an event; `6` with attachments.
    Ack,
    /// `4`: may not enter.
    ConnectError,
}

/// A packet, borrowed from its text.
#[derive(Clone, Debug)]
pub struct Packet<'t> {
    /// What it is for.
    pub kind: Kind,
    /// The namespace, with its slash.
    pub namespace: &'t str,
    /// The number of an event that asks for an answer, or of the one that this answers.
    pub id: Option<u64>,
    /// How many binary messages follow and belong to it; `None` for the kinds and types without.
    pub attachments: Option<usize>,
    /// What it carries.
    pub data: Data<'t>,
}

/// What a packet carries, as raw JSON.
#[derive(Clone, Debug, Default)]
pub enum Data<'t> {
    /// Nothing.
    #[default]
    None,
    /// An object; or a string, with [`Kind::ConnectError`].
    One(&'t RawValue),
    /// The elements of an array: an event's name and its arguments, or an answer's arguments.
    List(Vec<&'t RawValue>),
}

/// The rule that a packet breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PacketError {
    /// The first character is not one of `0` to `6`.
    UnknownType,
    /// `5` or `6` without a number and a hyphen.
    AttachmentCount,
    /// More attachments than are allowed.
    TooManyAttachments,
    /// An id beyond 2^53, which a JavaScript peer cannot tell from its neighbours.
    Id,
    /// What follows is not JSON.
    Json,
    /// JSON of a kind that does not belong into such a packet.
    Payload,
    /// An event whose name is neither a string nor a number, or without one.
    EventName,
    /// An event with a name that the protocol keeps for itself.
    ReservedName,
    /// An attachment is referred to that there is not.
    Placeholder,
}

impl<'t> Packet<'t> {
    /// A packet of this kind with nothing in it.
    pub fn new(kind: Kind, namespace: &'t str) -> Self {
        Self { kind, namespace, id: None, attachments: None, data: Data::None }
    }

    /// Reads the text of a message, with at most so many attachments.
    ///
    /// # Errors
    ///
    /// The rule that it breaks; that is the end of the session.
    pub fn decode(text: &'t str, max_attachments: usize) -> Result<Self, PacketError> {
        let (kind, binary) = match text.bytes().next() {
            Some(b'0') => (Kind::Connect, false),
            Some(b'1') => (Kind::Disconnect, false),
            Some(b'2') => (Kind::Event, false),
            Some(b'3') => (Kind::Ack, false),
            Some(b'4') => (Kind::ConnectError, false),
            Some(b'5') => (Kind::Event, true),
            Some(b'6') => (Kind::Ack, true),
            _ => return Err(PacketError::UnknownType),
        };
        let (attachments, rest) = if binary { split_count(&text[1..], max_attachments)? } else { (None, &text[1..]) };
        let (namespace, rest) = split_namespace(rest);
        let (id, json) = match kind {
            Kind::Event | Kind::Ack => split_id(rest)?,
            _ => (None, rest),
        };
        let data = read_data(kind, json)?;
        Ok(Self { kind, namespace, id, attachments, data })
    }

    /// Appends the packet's text.
    pub fn encode(&self, into: &mut String) {
        encode_head(self.kind, self.attachments, self.namespace, self.id, into);
        match &self.data {
            Data::None => {}
            Data::One(value) => into.push_str(value.get()),
            Data::List(values) => {
                into.push('[');
                for (n, value) in values.iter().enumerate() {
                    if n > 0 {
                        into.push(',');
                    }
                    into.push_str(value.get());
                }
                into.push(']');
            }
        }
    }

    /// The elements of an event's or an answer's array; of an event the first is the name.
    pub fn arguments(&self) -> &[&'t RawValue] {
        match &self.data {
            Data::List(values) => values,
            _ => &[],
        }
    }
}

/// Whether the protocol keeps this name for itself: neither side may send an event of that name.
pub fn is_reserved(name: &str) -> bool {
    ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"].contains(&name)
}

/// Appends what stands before the JSON.
pub(super) fn encode_head(kind: Kind, attachments: Option<usize>, namespace: &str, id: Option<u64>, into: &mut String) {
    into.push(match (kind, attachments) {
        (Kind::Connect, _) => '0',
        (Kind::Disconnect, _) => '1',
        (Kind::Event, None) => '2',
        (Kind::Ack, None) => '3',
        (Kind::ConnectError, _) => '4',
        (Kind::Event, Some(_)) => '5',
        (Kind::Ack, Some(_)) => '6',
    });
    // Writing to a string does not fail.
    if let Some(count) = attachments {
        let _ = write!(into, "{count}-");
    }
    if namespace != "/" {
        let _ = write!(into, "{namespace},");
    }
    if let Some(id) = id {
        let _ = write!(into, "{id}");
    }
}

fn split_count(text: &str, max: usize) -> Result<(Option<usize>, &str), PacketError> {
    let (count, rest) = text.split_once('-').ok_or(PacketError::AttachmentCount)?;
    if count.is_empty() || !count.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(PacketError::AttachmentCount);
    }
    match count.parse() {
        Ok(count) if count <= max => Ok((Some(count), rest)),
        _ => Err(PacketError::TooManyAttachments),
    }
}

fn split_namespace(text: &str) -> (&str, &str) {
    if text.starts_with('/') { text.split_once(',').unwrap_or((text, "")) } else { ("/", text) }
}

fn split_id(text: &str) -> Result<(Option<u64>, &str), PacketError> {
    let (id, rest) = text.split_at(text.bytes().take_while(u8::is_ascii_digit).count());
    match id.parse() {
        _ if id.is_empty() => Ok((None, rest)),
        Ok(id) if id <= MAX_ID => Ok((Some(id), rest)),
        _ => Err(PacketError::Id),
    }
}

fn read_data(kind: Kind, json: &str) -> Result<Data<'_>, PacketError> {
    match (kind, json) {
        (Kind::Connect | Kind::Disconnect, "") => return Ok(Data::None),
        // Only the reference takes an event without a name, and does nothing with it.
        (Kind::Event, "") => return Err(PacketError::EventName),
        (_, "") => return Err(PacketError::Payload),
        _ => {}
    }
    if matches!(kind, Kind::Event | Kind::Ack) {
        let values: Vec<&RawValue> = serde_json::from_str(json).map_err(|error| match error.classify() {
            serde_json::error::Category::Data => PacketError::Payload,
            _ => PacketError::Json,
        })?;
        if kind == Kind::Event {
            check_event_name(values.first())?;
        }
        return Ok(Data::List(values));
    }
    let value: &RawValue = serde_json::from_str(json).map_err(|_| PacketError::Json)?;
    match (kind, value.get().as_bytes().first()) {
        (Kind::Connect, Some(b'{')) | (Kind::ConnectError, Some(b'{' | b'"')) => Ok(Data::One(value)),
        _ => Err(PacketError::Payload),
    }
}

fn check_event_name(name: Option<&&RawValue>) -> Result<(), PacketError> {
    let name = name.ok_or(PacketError::EventName)?.get();
    match name.as_bytes().first() {
        Some(b'"') => match event_name(name) {
            Some(name) if is_reserved(&name) => Err(PacketError::ReservedName),
            Some(_) => Ok(()),
            None => Err(PacketError::EventName),
        },
        Some(b'-' | b'0'..=b'9') => Ok(()),
        _ => Err(PacketError::EventName),
    }
}

/// An event's name as text: that of a string, or the number as it was written.
pub(super) fn event_name(raw: &str) -> Option<std::borrow::Cow<'_, str>> {
    match raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        None => Some(raw.into()),
        Some(plain) if !plain.contains('\\') => Some(plain.into()),
        Some(_) => serde_json::from_str::<String>(raw).ok().map(Into::into),
    }
}

impl fmt::Display for PacketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownType => "unknown packet type",
            Self::AttachmentCount => "no number of attachments",
            Self::TooManyAttachments => "too many attachments",
            Self::Id => "an id beyond 2^53",
            Self::Json => "not JSON",
            Self::Payload => "a payload of the wrong kind",
            Self::EventName => "an event without a name",
            Self::ReservedName => "a reserved event name",
            Self::Placeholder => "illegal attachments",
        })
    }
}

impl core::error::Error for PacketError {}

/// JavaScript counts no further without gaps.
const MAX_ID: u64 = (1 << 53) - 1;
