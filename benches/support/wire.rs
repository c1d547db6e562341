//! Bytes as they travel.
#![allow(dead_code)]

use bowsprit::{FrameHeader, MaskingKey, Opcode, mask};

/// As a browser asks.
pub const REQUEST: &[u8] = b"GET /chat HTTP/1.1\r\n\
    Host: server.example.com\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n\
    Accept: */*\r\n\
    Accept-Language: en-US,en;q=0.5\r\n\
    Accept-Encoding: gzip, deflate\r\n\
    Sec-WebSocket-Version: 13\r\n\
    Origin: http://server.example.com\r\n\
    Sec-WebSocket-Extensions: permessage-deflate\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Connection: keep-alive, Upgrade\r\n\
    Pragma: no-cache\r\n\
    Cache-Control: no-cache\r\n\
    Upgrade: websocket\r\n\
    \r\n";

/// What RFC 6455 §1.3 has the server say to that key.
pub const ANSWER: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
    \r\n";

/// A client's frame: masked.
pub fn said(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    masked(FrameHeader::new(opcode, payload.len() as u64), payload)
}

/// A client's message in fragments of `len` bytes.
pub fn said_in_fragments(opcode: Opcode, payload: &[u8], len: usize) -> Vec<u8> {
    let last = payload.len().div_ceil(len) - 1;
    let frames = payload.chunks(len).enumerate().map(|(nth, piece)| {
        let mut header = FrameHeader::new(if nth == 0 { opcode } else { Opcode::Continuation }, piece.len() as u64);
        header.fin = nth == last;
        masked(header, piece)
    });
    frames.collect::<Vec<_>>().concat()
}

/// A server's frame.
pub fn heard(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    [&FrameHeader::new(opcode, payload.len() as u64).encode(), payload].concat()
}

fn masked(mut header: FrameHeader, payload: &[u8]) -> Vec<u8> {
    let key = MaskingKey::new([0x37, 0xfa, 0x21, 0x3d]);
    header.masking_key = Some(key);
    let mut bytes = payload.to_vec();
    mask::apply(&mut bytes, key);
    [&header.encode(), bytes.as_slice()].concat()
}
