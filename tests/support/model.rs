//! The slow twin of `Connection::receive`: one loop over one byte string, written from RFC 6455 §5 to §8 without regard
//! to speed, reads or borrowing.

use bowsprit::ProtocolError::*;
use bowsprit::{CloseCode, Failure, Limits, Role};

use super::Seen;

/// Every event in `bytes`.
pub fn events(role: Role, limits: &Limits, bytes: &[u8]) -> Vec<Seen> {
    let mut events = Vec::new();
    if let Err(failure) = read_frames(role, limits, bytes, &mut events) {
        events.push(Seen::Failed(failure));
    }
    events
}

struct Unfinished {
    is_text: bool,
    payload: Vec<u8>,
    frames: u32,
    empty_in_a_row: u32,
}

fn read_frames(role: Role, limits: &Limits, bytes: &[u8], events: &mut Vec<Seen>) -> Result<(), Failure> {
    let mut rest = bytes;
    let mut unfinished: Option<Unfinished> = None;
    loop {
        let frame = (bytes.len() - rest.len()) as u64;
        let Some(header) = read_header(role, rest).map_err(|failure| behind(frame, failure))? else { return Ok(()) };
        let payload_begins = frame + header.len as u64;
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
                    let close = read_close(&payload).map_err(|failure| behind(payload_begins, failure))?;
                    events.push(close);
                    return Ok(());
                }
                9 => events.push(Seen::Ping(payload)),
                _ => events.push(Seen::Pong(payload)),
            }
            continue;
        }

        let begins = header.opcode != 0;
        match (&unfinished, begins) {
            (None, false) => return Err(NothingToContinue.at(frame)),
            (Some(_), true) => return Err(MessageInterleaved.at(frame)),
            _ => {}
        }
        let mut message = unfinished.take().unwrap_or(Unfinished {
            is_text: header.opcode == 1,
            payload: Vec::new(),
            frames: 0,
            empty_in_a_row: 0,
        });
        if header.payload_len > limits.frame as u64 {
            return Err(FrameTooBig.at(frame + header.length_ends));
        }
        if message.payload.len() as u64 + header.payload_len > limits.message as u64 {
            return Err(MessageTooBig.at(frame + header.length_ends));
        }
        message.frames += 1;
        message.empty_in_a_row = if header.payload_len == 0 { message.empty_in_a_row + 1 } else { 0 };
        let alone = begins && header.fin;
        if message.frames > limits.fragments && !alone {
            return Err(TooManyFragments.at(frame));
        }
        if message.empty_in_a_row > limits.empty_fragments && !alone {
            return Err(TooManyEmptyFragments.at(frame + 1));
        }
        let before = message.payload.len();
        message.payload.extend(payload);
        if message.is_text {
            if let Some(bad) = first_bad_octet(&message.payload) {
                return Err(InvalidUtf8.at(payload_begins + (bad - before) as u64));
            }
            if whole && header.fin && std::str::from_utf8(&message.payload).is_err() {
                return Err(InvalidUtf8.at(payload_begins + header.payload_len - 1));
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

fn behind(start: u64, failure: Failure) -> Failure {
    failure.error.at(start + failure.at)
}

/// The first octet behind which nothing could make a text of it: the end of the shortest beginning that is hopeless.
fn first_bad_octet(octets: &[u8]) -> Option<usize> {
    let good = std::str::from_utf8(octets).err()?.valid_up_to();
    let is_hopeless = |end: &usize| std::str::from_utf8(&octets[good..=*end]).is_err_and(|e| e.error_len().is_some());
    (good..octets.len()).find(is_hopeless)
}

struct Header {
    len: usize,
    /// The last byte of the payload's length.
    length_ends: u64,
    fin: bool,
    opcode: u8,
    key: [u8; 4],
    payload_len: u64,
}

/// `None` if there is not enough of it.
fn read_header(role: Role, bytes: &[u8]) -> Result<Option<Header>, Failure> {
    let Some(&first) = bytes.first() else { return Ok(None) };
    let (fin, rsv, opcode) = (first >= 128, first / 16 % 8, first % 16);
    if ![0, 1, 2, 8, 9, 10].contains(&opcode) {
        return Err(UnknownOpcode(opcode).at(0));
    }
    if rsv != 0 {
        return Err(ReservedBitSet.at(0));
    }
    if opcode >= 8 && !fin {
        return Err(ControlFragmented.at(0));
    }
    let Some(&second) = bytes.get(1) else { return Ok(None) };
    match (role, second >= 128) {
        (Role::Server, false) => return Err(Unmasked.at(1)),
        (Role::Client, true) => return Err(Masked.at(1)),
        _ => {}
    }
    if opcode >= 8 && second % 128 > 125 {
        return Err(ControlTooLong.at(1));
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
        return Err(LengthTopBitSet.at(2));
    }
    if payload_len < least {
        return Err(LengthNotMinimal.at(if extended == 2 { 3 } else { 7 }));
    }
    let mut len = 2 + extended;
    let length_ends = len as u64 - 1;
    let mut key = [0; 4];
    if role == Role::Server {
        let Some(octets) = bytes.get(len..len + 4) else { return Ok(None) };
        key.copy_from_slice(octets);
        len += 4;
    }
    Ok(Some(Header { len, length_ends, fin, opcode, key, payload_len }))
}

fn read_close(payload: &[u8]) -> Result<Seen, Failure> {
    match payload {
        [] => Ok(Seen::Close(1005, String::new())),
        [_] => Err(CloseBodyTruncated.at(0)),
        [high, low, reason @ ..] => {
            let code = u16::from(*high) * 256 + u16::from(*low);
            if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
                return Err(InvalidCloseCode(CloseCode::new(code)).at(0));
            }
            match std::str::from_utf8(reason) {
                Ok(reason) => Ok(Seen::Close(code, reason.to_owned())),
                Err(_) => {
                    let bad = first_bad_octet(reason).unwrap_or(reason.len() - 1);
                    Err(CloseReasonNotUtf8.at(2 + bad as u64))
                }
            }
        }
    }
}
