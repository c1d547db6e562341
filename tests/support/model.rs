//! The slow twin of `Connection::receive`: one loop over one byte string, written from RFC 6455 §5 to §8 without regard
//! to speed, reads or borrowing.

use bowsprit::ProtocolError::*;
use bowsprit::{CloseCode, Limits, ProtocolError, Role};

use super::Seen;

/// Every event in `bytes`.
pub fn events(role: Role, limits: &Limits, bytes: &[u8]) -> Vec<Seen> {
    let mut events = Vec::new();
    if let Err(error) = read_frames(role, limits, bytes, &mut events) {
        events.push(Seen::Failed(error));
    }
    events
}

struct Unfinished {
    is_text: bool,
    payload: Vec<u8>,
    frames: u32,
    empty_in_a_row: u32,
}

fn read_frames(role: Role, limits: &Limits, bytes: &[u8], events: &mut Vec<Seen>) -> Result<(), ProtocolError> {
    let mut rest = bytes;
    let mut unfinished: Option<Unfinished> = None;
    loop {
        let Some(header) = read_header(role, rest)? else { return Ok(()) };
        let after = &rest[header.len..];
        let arrived = after.len().min(usize::try_from(header.payload_len).unwrap_or(usize::MAX));
        let whole = arrived as u64 == header.payload_len;
        let payload: Vec<u8> = (0..arrived).map(|i| after[i] ^ header.key[i % 4]).collect();
        rest = &after[arrived..];

        if header.opcode >= 8 {
            if !whole {
                return Ok(());
            }
            match header.opcode {
                8 => {
                    events.push(read_close(&payload)?);
                    return Ok(());
                }
                9 => events.push(Seen::Ping(payload)),
                _ => events.push(Seen::Pong(payload)),
            }
            continue;
        }

        let begins = header.opcode != 0;
        match (&unfinished, begins) {
            (None, false) => return Err(NothingToContinue),
            (Some(_), true) => return Err(MessageInterleaved),
            _ => {}
        }
        let mut message = unfinished.take().unwrap_or(Unfinished {
            is_text: header.opcode == 1,
            payload: Vec::new(),
            frames: 0,
            empty_in_a_row: 0,
        });
        if header.payload_len > limits.frame as u64 {
            return Err(FrameTooBig);
        }
        if message.payload.len() as u64 + header.payload_len > limits.message as u64 {
            return Err(MessageTooBig);
        }
        message.frames += 1;
        message.empty_in_a_row = if header.payload_len == 0 { message.empty_in_a_row + 1 } else { 0 };
        let alone = begins && header.fin;
        if message.frames > limits.fragments && !alone {
            return Err(TooManyFragments);
        }
        if message.empty_in_a_row > limits.empty_fragments && !alone {
            return Err(TooManyEmptyFragments);
        }
        message.payload.extend(payload);
        if message.is_text {
            match std::str::from_utf8(&message.payload) {
                Err(error) if error.error_len().is_some() || whole && header.fin => return Err(InvalidUtf8),
                _ => {}
            }
        }
        if !whole {
            return Ok(());
        }
        if !header.fin {
            unfinished = Some(message);
        } else if message.is_text {
            events.push(Seen::Text(String::from_utf8(message.payload).expect("was checked")));
        } else {
            events.push(Seen::Binary(message.payload));
        }
    }
}

struct Header {
    len: usize,
    fin: bool,
    opcode: u8,
    key: [u8; 4],
    payload_len: u64,
}

/// `None` if there is not enough of it.
fn read_header(role: Role, bytes: &[u8]) -> Result<Option<Header>, ProtocolError> {
    let Some(&first) = bytes.first() else { return Ok(None) };
    let (fin, rsv, opcode) = (first >= 128, first / 16 % 8, first % 16);
    if ![0, 1, 2, 8, 9, 10].contains(&opcode) {
        return Err(UnknownOpcode(opcode));
    }
    if rsv != 0 {
        return Err(ReservedBitSet);
    }
    if opcode >= 8 && !fin {
        return Err(ControlFragmented);
    }
    let Some(&second) = bytes.get(1) else { return Ok(None) };
    match (role, second >= 128) {
        (Role::Server, false) => return Err(Unmasked),
        (Role::Client, true) => return Err(Masked),
        _ => {}
    }
    if opcode >= 8 && second % 128 > 125 {
        return Err(ControlTooLong);
    }
    let (extended, least) = match second % 128 {
        126 => (2, 126),
        127 => (8, 65_536),
        _ => (0, 0),
    };
    if bytes.len() < 2 + extended {
        return Ok(None);
    }
    let mut payload_len = u64::from(second % 128);
    if extended != 0 {
        payload_len = bytes[2..2 + extended].iter().fold(0, |len, &octet| len << 8 | u64::from(octet));
    }
    if payload_len >= 1 << 63 {
        return Err(LengthTopBitSet);
    }
    if payload_len < least {
        return Err(LengthNotMinimal);
    }
    let mut len = 2 + extended;
    let mut key = [0; 4];
    if role == Role::Server {
        let Some(octets) = bytes.get(len..len + 4) else { return Ok(None) };
        key.copy_from_slice(octets);
        len += 4;
    }
    Ok(Some(Header { len, fin, opcode, key, payload_len }))
}

fn read_close(payload: &[u8]) -> Result<Seen, ProtocolError> {
    match payload {
        [] => Ok(Seen::Close(1005, String::new())),
        [_] => Err(CloseBodyTruncated),
        [high, low, reason @ ..] => {
            let code = u16::from(*high) * 256 + u16::from(*low);
            if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
                return Err(InvalidCloseCode(CloseCode::new(code)));
            }
            let reason = std::str::from_utf8(reason).map_err(|_| CloseReasonNotUtf8)?;
            Ok(Seen::Close(code, reason.to_owned()))
        }
    }
}
