//! Connections with permessage-deflate: what they make of frames, and what they send.

use bowsprit::{
    Connection, DeflateConfig, DeflateParams, Limits, MessageRef, Negotiated, ProtocolError, Role, SendBuffer,
};

use crate::support::inflate::inflate;
use crate::support::{Seen, connection_with, every_way_with, frame_to, output};

/// A text, or the binary message, in one frame of which the payload is compressed.
pub const TEXT: u8 = 0xc1;
pub const BINARY: u8 = 0xc2;

/// The default parameters but for a change.
pub fn params(change: impl FnOnce(&mut DeflateParams)) -> DeflateParams {
    let mut params = DeflateParams::default();
    change(&mut params);
    params
}

/// The default settings, and messages are compressed however short they are.
pub fn config(change: impl FnOnce(&mut DeflateConfig)) -> DeflateConfig {
    let mut config = DeflateConfig::default();
    config.threshold = 1;
    change(&mut config);
    config
}

pub fn no_takeover() -> DeflateParams {
    params(|params| {
        params.server_no_context_takeover = true;
        params.client_no_context_takeover = true;
    })
}

pub fn connection(role: Role, params: DeflateParams) -> Connection {
    connection_with(role, Negotiated::none().with_deflate(params))
}

/// What a server makes of these bytes, however they are cut, with these parameters.
pub fn server_with(params: DeflateParams, limits: &Limits, bytes: &[u8]) -> Vec<Seen> {
    every_way_with(Role::Server, &Negotiated::none().with_deflate(params), limits, bytes).events
}

/// The same of a client.
pub fn client_with(params: DeflateParams, limits: &Limits, bytes: &[u8]) -> Vec<Seen> {
    every_way_with(Role::Client, &Negotiated::none().with_deflate(params), limits, bytes).events
}

/// The same with the default parameters and limits, from frames given by first byte and payload.
pub fn server(frames: &[(u8, &[u8])]) -> Vec<Seen> {
    server_with(DeflateParams::default(), &Limits::default(), &bytes(frames))
}

/// The same of a client, from the frames as a server sends them.
pub fn client(frames: &[(u8, &[u8])]) -> Vec<Seen> {
    let bytes: Vec<u8> = frames.iter().flat_map(|(first, payload)| frame_to(Role::Client, *first, payload)).collect();
    client_with(DeflateParams::default(), &Limits::default(), &bytes)
}

/// Frames as a client sends them.
pub fn bytes(frames: &[(u8, &[u8])]) -> Vec<u8> {
    frames.iter().flat_map(|(first, payload)| frame_to(Role::Server, *first, payload)).collect()
}

#[track_caller]
pub fn fails(events: &[Seen], error: ProtocolError, code: u16) {
    assert!(matches!(events, [Seen::Failed(failure)] if failure.error == error), "{events:?}");
    assert_eq!(error.close_code().as_u16(), code);
}

/// One end that sends, and the other end's window as this one must think of it.
pub struct Sender {
    pub conn: Connection,
    pub output: SendBuffer,
    takeover: bool,
    window: usize,
    received: Vec<u8>,
}

/// A frame that was sent.
#[derive(Debug, PartialEq)]
pub struct Frame {
    pub first: u8,
    pub payload: Vec<u8>,
}

impl Sender {
    pub fn new(role: Role, params: DeflateParams, config: &DeflateConfig) -> Self {
        let (bits, no_takeover) = match role {
            Role::Server => (params.server_max_window_bits, params.server_no_context_takeover),
            Role::Client => (params.client_max_window_bits, params.client_no_context_takeover),
        };
        let mut output = output(role);
        output.set_deflate(config);
        let conn = connection(role, params);
        Self { conn, output, takeover: !no_takeover, window: 1 << bits, received: Vec::new() }
    }

    /// Sends a message and returns its only frame.
    pub fn send<'m>(&mut self, message: impl Into<MessageRef<'m>>) -> Frame {
        self.conn.send(message, &mut self.output).unwrap();
        let mut frames = self.frames();
        assert_eq!(frames.len(), 1);
        frames.remove(0)
    }

    /// Takes the frames out of the output. A client's masking key is zero here.
    pub fn frames(&mut self) -> Vec<Frame> {
        let mut frames = Vec::new();
        let mut rest = self.output.pending();
        while let [first, second, ..] = *rest {
            let expected = bowsprit::Expected { masked: second & 0x80 != 0, rsv: 4 };
            let Ok(bowsprit::Status::Complete((header, len))) = bowsprit::FrameHeader::decode(rest, expected) else {
                panic!("not a frame: {rest:02x?}")
            };
            let end = len + header.payload_len as usize;
            frames.push(Frame { first, payload: rest[len..end].to_vec() });
            rest = &rest[end..];
        }
        self.output.consume(self.output.pending().len());
        frames
    }

    /// What the peer reads in a compressed payload, within the window that was agreed on, and how far that refers back.
    #[track_caller]
    pub fn inflated(&mut self, payload: &[u8]) -> (Vec<u8>, usize) {
        let before = if self.takeover { &self.received[..] } else { &[] };
        let inflated = inflate(payload, before, self.window).expect("does not inflate within its window");
        self.received.extend_from_slice(&inflated.bytes);
        (inflated.bytes, inflated.reach)
    }
}

/// Bytes that no compressor makes smaller.
pub fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    std::iter::repeat_with(next).take(len).collect()
}

/// Text that is much like that with other numbers.
pub fn json(number: usize, len: usize) -> String {
    let mut text = String::new();
    for i in number.. {
        if text.len() >= len {
            break;
        }
        text +=
            &format!("{{\"id\":{},\"name\":\"user {}\",\"likes\":[{},{}]}},", i * 7919 % 10007, i, i * i % 97, i % 13);
    }
    text.truncate(len);
    text
}
