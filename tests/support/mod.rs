//! What the tests share: ways to cut a byte string, frames to send, and a connection that is fed in every way.
//!
//! Each test file uses its part of it.
#![allow(dead_code, unreachable_pub)]

pub mod answer;
#[cfg(feature = "deflate")]
pub mod deflate;
pub mod handshake;
pub mod inflate;
pub mod model;
pub mod vectors;

use std::collections::BTreeSet;

use bowsprit::{
    Connection, Event, Failure, FrameHeader, Limits, MaskingKey, Message, Negotiated, Opcode, ProtocolError,
    ReceiveBuffer, Role, SendBuffer, State,
};

/// Ways in which a transport may hand over `bytes`: whole, byte by byte, and in two parts with every single cut.
///
/// Beyond 600 bytes only the cuts near the ends and around powers of two are taken.
pub fn cuts(bytes: &[u8]) -> impl Iterator<Item = Vec<&[u8]>> {
    let len = bytes.len();
    let places: BTreeSet<usize> = if len <= 600 {
        (1..len).collect()
    } else {
        let near_powers = (9..24).flat_map(|k| [(1usize << k) - 1, 1 << k, (1 << k) + 14]);
        (1..18).chain(len - 6..len).chain(near_powers).filter(|&at| at < len).collect()
    };
    let whole = std::iter::once(vec![bytes]);
    let single = std::iter::once(bytes.chunks(1).collect());
    whole.chain(single).chain(places.into_iter().map(move |at| vec![&bytes[..at], &bytes[at..]]))
}

/// `bytes` with each of some further bytes behind it, which must not change what `bytes` itself means.
pub fn with_trailing<'a>(bytes: &'a [u8], trailing: &'a [&'a [u8]]) -> impl Iterator<Item = Vec<u8>> + 'a {
    trailing.iter().map(move |more| [bytes, more].concat())
}

/// The key of RFC 6455 §5.7.
pub const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A frame as a client sends it, masked with [`KEY`]. `first` is the byte of FIN, RSV and opcode.
pub fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = unmasked(first, payload);
    let header_len = frame.len() - payload.len();
    frame[1] |= 0x80;
    frame.splice(header_len..header_len, KEY);
    for (i, octet) in frame[header_len + 4..].iter_mut().enumerate() {
        *octet ^= KEY[i % 4];
    }
    frame
}

/// A frame as a server sends it.
pub fn unmasked(first: u8, payload: &[u8]) -> Vec<u8> {
    let len = payload.len();
    let mut frame = vec![first];
    match len {
        0..=125 => frame.push(len as u8),
        126..=0xffff => {
            frame.push(126);
            frame.extend((len as u16).to_be_bytes());
        }
        _ => {
            frame.push(127);
            frame.extend((len as u64).to_be_bytes());
        }
    }
    frame.extend(payload);
    frame
}

/// A frame as the peer of `role` sends it.
pub fn frame_to(role: Role, first: u8, payload: &[u8]) -> Vec<u8> {
    match role {
        Role::Server => masked(first, payload),
        Role::Client => unmasked(first, payload),
    }
}

/// A connection without subprotocol and extensions.
pub fn connection(role: Role) -> Connection {
    connection_with(role, Negotiated::none())
}

/// A connection on which this was agreed.
pub fn connection_with(role: Role, negotiated: Negotiated) -> Connection {
    match role {
        Role::Server => Connection::server(negotiated),
        Role::Client => Connection::client(negotiated),
    }
}

/// An output for `role`; a client's masking keys are all zero, so that its payloads can be read.
pub fn output(role: Role) -> SendBuffer {
    match role {
        Role::Server => SendBuffer::new(),
        Role::Client => SendBuffer::with_masking_keys(MaskingKey::default),
    }
}

/// An event that owns what it shows.
#[derive(Clone, Debug, PartialEq)]
pub enum Seen {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(u16, String),
    Failed(Failure),
}

impl From<Event<'_>> for Seen {
    fn from(event: Event<'_>) -> Self {
        match event {
            Event::Message(Message::Text(text)) => Self::Text(text.to_owned()),
            Event::Message(Message::Binary(bytes)) => Self::Binary(bytes.to_vec()),
            Event::Ping(payload) => Self::Ping(payload.to_vec()),
            Event::Pong(payload) => Self::Pong(payload.to_vec()),
            Event::Close(frame) => Self::Close(frame.reported_code().as_u16(), frame.reason.to_owned()),
            Event::Failed(failure) => Self::Failed(failure),
        }
    }
}

pub fn text(text: &str) -> Seen {
    Seen::Text(text.to_owned())
}

pub fn binary(bytes: &[u8]) -> Seen {
    Seen::Binary(bytes.to_vec())
}

pub fn ping(payload: &[u8]) -> Seen {
    Seen::Ping(payload.to_vec())
}

pub fn pong(payload: &[u8]) -> Seen {
    Seen::Pong(payload.to_vec())
}

pub fn close(code: u16, reason: &str) -> Seen {
    Seen::Close(code, reason.to_owned())
}

pub fn failed(failure: Failure) -> Seen {
    Seen::Failed(failure)
}

/// What a connection made of its input.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    pub events: Vec<Seen>,
    pub output: Vec<u8>,
    pub close_code: u16,
    pub state: State,
    pub finished: bool,
    pub bytes_received: u64,
    /// Whether the input ended inside a message or a frame.
    pub inside: bool,
}

/// How bytes get into a connection.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Feed {
    /// `ReceiveBuffer::extend_from_slice`.
    Extend,
    /// `Connection::spare` and `filled`, as often as it takes.
    Spare,
}

/// Every event that is to be had now.
pub fn drain(conn: &mut Connection, input: &mut ReceiveBuffer, output: &mut SendBuffer) -> Vec<Seen> {
    let mut events = Vec::new();
    while let Some(event) = conn.receive(input, output) {
        events.push(Seen::from(event));
    }
    assert!(input.unread().is_empty(), "receive() said None and left input");
    events
}

/// Feeds one part and returns its events.
pub fn feed(
    conn: &mut Connection,
    input: &mut ReceiveBuffer,
    output: &mut SendBuffer,
    part: &[u8],
    how: Feed,
) -> Vec<Seen> {
    match how {
        Feed::Extend => {
            input.extend_from_slice(part);
            drain(conn, input, output)
        }
        Feed::Spare => {
            let mut events = Vec::new();
            let mut rest = part;
            while !rest.is_empty() {
                let room = conn.spare(input);
                let n = room.len().min(rest.len());
                room[..n].copy_from_slice(&rest[..n]);
                conn.filled(n, input);
                rest = &rest[n..];
                events.extend(drain(conn, input, output));
            }
            events
        }
    }
}

/// Runs the parts through a fresh connection.
pub fn run(role: Role, limits: &Limits, parts: &[&[u8]], how: Feed) -> Outcome {
    run_with(role, &Negotiated::none(), limits, parts, how)
}

/// As [`run`], with what was agreed on.
pub fn run_with(role: Role, negotiated: &Negotiated, limits: &Limits, parts: &[&[u8]], how: Feed) -> Outcome {
    let mut input = ReceiveBuffer::new(limits.clone());
    let mut output = output(role);
    let mut conn = connection_with(role, negotiated.clone());
    let mut events = Vec::new();
    for part in parts {
        events.extend(feed(&mut conn, &mut input, &mut output, part, how));
    }
    Outcome {
        events,
        output: output.pending().to_vec(),
        close_code: conn.close_code().as_u16(),
        state: conn.state(),
        finished: conn.is_finished(),
        bytes_received: conn.bytes_received(),
        inside: conn.is_inside_message(),
    }
}

/// Runs `bytes` through a fresh connection in every way of cutting and of feeding, and, if they end between two
/// frames, with the first byte of a further Ping behind them. All must come to the same.
pub fn every_way(role: Role, limits: &Limits, bytes: &[u8]) -> Outcome {
    every_way_with(role, &Negotiated::none(), limits, bytes)
}

/// As [`every_way`], with what was agreed on.
pub fn every_way_with(role: Role, negotiated: &Negotiated, limits: &Limits, bytes: &[u8]) -> Outcome {
    let expected = run_with(role, negotiated, limits, &[bytes], Feed::Extend);
    for parts in cuts(bytes) {
        for how in [Feed::Extend, Feed::Spare] {
            let outcome = run_with(role, negotiated, limits, &parts, how);
            let lens: Vec<usize> = parts.iter().map(|part| part.len()).take(4).collect();
            assert_eq!(outcome, expected, "{how:?} in parts of {lens:?}… differs from the whole");
        }
    }
    if !expected.inside {
        for longer in with_trailing(bytes, &[b"\x89"]) {
            let outcome = run_with(role, negotiated, limits, &[&longer], Feed::Extend);
            assert_eq!(Outcome { inside: false, ..outcome }, expected, "a further byte changes the past");
        }
    }
    let terminal = expected.events.iter().filter(|seen| matches!(seen, Seen::Close(..) | Seen::Failed(_))).count();
    assert!(terminal <= 1, "more than one terminal event: {:?}", expected.events);
    vectors::of_connection(role, negotiated, limits, bytes, &expected);
    expected
}

/// What a server makes of `bytes`, in every way of cutting.
pub fn server(bytes: &[u8]) -> Outcome {
    every_way(Role::Server, &Limits::default(), bytes)
}

/// What a client makes of `bytes`, in every way of cutting.
pub fn client(bytes: &[u8]) -> Outcome {
    every_way(Role::Client, &Limits::default(), bytes)
}

/// As [`server`], with limits of one's own.
pub fn server_with(change: impl FnOnce(&mut Limits), bytes: &[u8]) -> Outcome {
    every_way(Role::Server, &limits(change), bytes)
}

/// The default limits but for a change.
pub fn limits(change: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = Limits::default();
    change(&mut limits);
    limits
}

impl Outcome {
    /// These events and no others.
    #[track_caller]
    pub fn sees(self, events: &[Seen]) -> Self {
        assert_eq!(self.events, events);
        self
    }

    /// These bytes and no others.
    #[track_caller]
    pub fn sends(self, bytes: &[u8]) -> Self {
        assert_eq!(self.output, bytes, "sent: {:02x?}", self.output);
        self
    }

    /// This failure behind these events; the output ends in a Close with the failure's code, and all is over.
    #[track_caller]
    pub fn sees_then_fails(self, events: &[Seen], error: ProtocolError, code: u16) -> Self {
        let Some((Seen::Failed(failure), before)) = self.events.split_last() else { panic!("{:?}", self.events) };
        assert_eq!((before, failure.error), (events, error));
        assert_eq!(error.close_code().as_u16(), code);
        let (opcode, body) = frames(&self.output).pop().expect("a Close was sent");
        assert_eq!(opcode, Opcode::Close);
        assert_eq!(body[..2], code.to_be_bytes(), "close code sent: {}", u16::from_be_bytes([body[0], body[1]]));
        assert!(std::str::from_utf8(&body[2..]).is_ok());
        assert_eq!(self.state, State::Closing);
        assert!(self.finished);
        self
    }

    /// As [`sees_then_fails`](Self::sees_then_fails), with nothing before it.
    #[track_caller]
    pub fn fails(self, error: ProtocolError, code: u16) -> Self {
        self.sees_then_fails(&[], error, code)
    }
}

/// The whole frames in `bytes`, which the library wrote: opcode and unmasked payload.
pub fn frames(mut bytes: &[u8]) -> Vec<(Opcode, Vec<u8>)> {
    let mut frames = Vec::new();
    while let [_, second, ..] = *bytes {
        let expected = bowsprit::Expected { masked: second & 0x80 != 0, rsv: 0 };
        let Ok(bowsprit::Status::Complete((header, len))) = FrameHeader::decode(bytes, expected) else {
            panic!("not a frame: {bytes:02x?}")
        };
        let end = len + header.payload_len as usize;
        let mut payload = bytes[len..end].to_vec();
        if let Some(key) = header.masking_key {
            bowsprit::mask::apply(&mut payload, key);
        }
        frames.push((header.opcode, payload));
        bytes = &bytes[end..];
    }
    assert!(bytes.is_empty(), "half a frame was sent");
    frames
}
