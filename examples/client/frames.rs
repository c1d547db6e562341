//! What `--frames` shows: every frame as it crosses the socket, read with the core's own header decoder.

use std::sync::Mutex;

use bowsprit::net::{Direction, Tap};
use bowsprit::{CloseCode, CloseFrame, Expected, FrameHeader, Status, mask};

/// Shows each frame on standard error: a data frame with its header, a control frame when it is whole.
pub fn tap() -> Tap {
    let incoming = Mutex::new(Frames::new("<-", false));
    let outgoing = Mutex::new(Frames::new("->", true));
    Tap::new(move |direction, bytes| {
        let frames = match direction {
            Direction::In => &incoming,
            Direction::Out => &outgoing,
        };
        frames.lock().expect("nothing in here panics").read(bytes);
    })
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
    /// No header was found where one belongs; what follows means nothing.
    lost: bool,
}

impl Frames {
    fn new(arrow: &'static str, masked: bool) -> Self {
        let expected = Expected { masked, rsv: 0 };
        Self { arrow, expected, header: Vec::new(), current: None, left: 0, control: Vec::new(), lost: false }
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
                        self.show(&header, if header.fin { "" } else { ", to be continued" });
                    }
                }
                Err(error) => {
                    self.lost = true;
                    eprintln!("{} no valid frame: {error}", self.arrow);
                }
            }
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
        let opcode = format!("{:?}", header.opcode).to_lowercase();
        let bytes = if header.payload_len == 1 { "byte" } else { "bytes" };
        eprintln!("{} {opcode}, {} {bytes}{details}", self.arrow, header.payload_len);
    }
}
