//! What `--frames` and `--deflate` show: every frame as it crosses the socket, read with the core's own header decoder,
//! and what each message took there.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use bowsprit::net::{Direction, Tap};
use bowsprit::{CloseCode, CloseFrame, Expected, FrameHeader, Status, mask};

/// The frames of both directions.
#[derive(Clone)]
pub struct Wire {
    incoming: Arc<Mutex<Frames>>,
    outgoing: Arc<Mutex<Frames>>,
}

impl Wire {
    /// With `shown`, each frame is shown on standard error: a data frame with its header, a control frame when it is
    /// whole. `deflate`: whether messages may be compressed.
    pub fn new(shown: bool, deflate: bool) -> Self {
        let frames = |arrow, masked| Arc::new(Mutex::new(Frames::new(arrow, masked, shown, deflate)));
        Self { incoming: frames("<-", false), outgoing: frames("->", true) }
    }

    pub fn tap(&self) -> Tap {
        let wire = self.clone();
        Tap::new(move |direction, bytes| wire.frames(direction).lock().expect("nothing in here panics").read(bytes))
    }

    /// Shows what the next message of this direction took, which is `len` bytes long.
    pub fn show_message(&self, direction: Direction, len: usize) {
        let mut frames = self.frames(direction).lock().expect("nothing in here panics");
        let Some(taken) = frames.messages.pop_front() else { return };
        let on_the_wire = if taken.compressed { format!("compressed to {}", taken.bytes) } else { "plain".into() };
        eprintln!("{} message, {}, {on_the_wire}", frames.arrow, bytes_in_words(len as u64));
    }

    fn frames(&self, direction: Direction) -> &Mutex<Frames> {
        match direction {
            Direction::In => &self.incoming,
            Direction::Out => &self.outgoing,
        }
    }
}

/// The close code with its meaning, and the reason behind it.
pub fn close_in_words(code: CloseCode, reason: &str) -> String {
    let meaning = match code {
        CloseCode::NORMAL => "normal closure",
        CloseCode::GOING_AWAY => "going away",
        CloseCode::PROTOCOL_ERROR => "protocol error",
        CloseCode::UNSUPPORTED_DATA => "unsupported data",
        CloseCode::NO_STATUS => "no code",
        CloseCode::ABNORMAL => "no Close frame",
        CloseCode::INVALID_PAYLOAD => "invalid payload",
        CloseCode::POLICY_VIOLATION => "policy violation",
        CloseCode::MESSAGE_TOO_BIG => "message too big",
        CloseCode::MANDATORY_EXTENSION => "mandatory extension missing",
        CloseCode::INTERNAL_ERROR => "internal error",
        CloseCode::SERVICE_RESTART => "service restart",
        CloseCode::TRY_AGAIN_LATER => "try again later",
        CloseCode::BAD_GATEWAY => "bad gateway",
        _ if (3000..4000).contains(&code.as_u16()) => "registered by a library or framework",
        _ if (4000..5000).contains(&code.as_u16()) => "private use",
        _ => "reserved",
    };
    let separator = if reason.is_empty() { "" } else { ": " };
    format!("{code} {meaning}{separator}{reason}")
}

/// What a message takes on the wire.
#[derive(Clone, Copy, Default)]
struct Taken {
    compressed: bool,
    /// Of its payloads.
    bytes: u64,
}

/// The frames of one direction.
struct Frames {
    arrow: &'static str,
    expected: Expected,
    /// Of a header that is not whole.
    header: Vec<u8>,
    /// The frame whose payload passes by.
    current: Option<FrameHeader>,
    /// Bytes of its payload that are still to come.
    left: u64,
    /// The payload of a control frame.
    control: Vec<u8>,
    shown: bool,
    /// The message that is under way.
    message: Taken,
    /// Those that are whole, until somebody asks.
    messages: VecDeque<Taken>,
    /// No header was found where one belongs; what follows means nothing.
    lost: bool,
}

impl Frames {
    fn new(arrow: &'static str, masked: bool, shown: bool, deflate: bool) -> Self {
        let expected = Expected { masked, rsv: if deflate { RSV1 } else { 0 } };
        Self {
            arrow,
            expected,
            header: Vec::new(),
            current: None,
            left: 0,
            control: Vec::new(),
            shown,
            message: Taken::default(),
            messages: VecDeque::new(),
            lost: false,
        }
    }

    fn read(&mut self, mut bytes: &[u8]) {
        while !self.lost {
            if let Some(header) = self.current {
                let len = bytes.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
                let (payload, rest) = bytes.split_at(len);
                if header.opcode.is_control() {
                    self.control.extend_from_slice(payload);
                }
                bytes = rest;
                self.left -= len as u64;
                if self.left > 0 {
                    return;
                }
                self.current = None;
                if header.opcode.is_control() {
                    self.show_control(&header);
                }
            }
            let Some((first, rest)) = bytes.split_first() else { return };
            self.header.push(*first);
            bytes = rest;
            match FrameHeader::decode(&self.header, self.expected) {
                Ok(Status::Partial) => {}
                Ok(Status::Complete((header, _))) => {
                    self.header.clear();
                    self.left = header.payload_len;
                    self.current = Some(header);
                    if !header.opcode.is_control() {
                        let compressed = if header.rsv == 0 { "" } else { ", compressed" };
                        let continued = if header.fin { "" } else { ", to be continued" };
                        self.show(&header, &format!("{compressed}{continued}"));
                        self.count(&header);
                    }
                }
                Err(error) => {
                    self.lost = true;
                    if self.shown {
                        eprintln!("{} no valid frame: {error}", self.arrow);
                    }
                }
            }
        }
    }

    fn count(&mut self, header: &FrameHeader) {
        self.message.compressed |= header.rsv != 0;
        self.message.bytes += header.payload_len;
        if header.fin {
            self.messages.push_back(std::mem::take(&mut self.message));
        }
    }

    fn show_control(&mut self, header: &FrameHeader) {
        let mut payload = std::mem::take(&mut self.control);
        if let Some(key) = header.masking_key {
            mask::apply(&mut payload, key);
        }
        let details = match header.opcode {
            bowsprit::Opcode::Close => match CloseFrame::parse(&payload) {
                Ok(close) => close_in_words(close.reported_code(), close.reason),
                Err(error) => error.to_string(),
            },
            _ => payload.escape_ascii().to_string(),
        };
        let separator = if details.is_empty() { "" } else { ": " };
        self.show(header, &format!("{separator}{details}"));
    }

    fn show(&self, header: &FrameHeader, details: &str) {
        if self.shown {
            let opcode = format!("{:?}", header.opcode).to_lowercase();
            eprintln!("{} {opcode}, {}{details}", self.arrow, bytes_in_words(header.payload_len));
        }
    }
}

fn bytes_in_words(n: u64) -> String {
    format!("{n} {}", if n == 1 { "byte" } else { "bytes" })
}

/// What marks a compressed message (RFC 7692 §6).
const RSV1: u8 = 0b100;
