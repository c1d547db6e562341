//! What y-websocket 3 says, one message a frame: a number for its kind, and a body.
//!
//! | kind | body |
//! |---|---|
//! | 0, 0 | a state vector: what is there that I do not have? |
//! | 0, 1 | the answer: an update |
//! | 0, 2 | an update |
//! | 1 | who is there: for each a number, a clock, and JSON; `null` for who is not |
//! | 3 | asks who is there |
//!
//! Numbers are in base 128, the low digits first, each but the last with its high bit set; what has a length has it in
//! front.

/// A message of a client.
#[derive(Debug, PartialEq, Eq)]
pub enum FromClient<'m> {
    /// A state vector.
    Ask(&'m [u8]),
    /// An edit, or several.
    Update(&'m [u8]),
    Presence(Vec<Entry<'m>>),
    WhoIsThere,
    /// A kind that is not for a server, or of another version.
    Unknown,
}

/// Somebody, and what is to be seen of him: JSON; `null` if he is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<'m> {
    pub id: u64,
    pub clock: u64,
    pub json: &'m str,
}

impl<'m> FromClient<'m> {
    /// `None` if it is not a whole message and nothing more.
    pub fn decode(message: &'m [u8]) -> Option<Self> {
        let mut rest = message;
        let decoded = match number(&mut rest)? {
            0 => match number(&mut rest)? {
                0 => Self::Ask(bytes(&mut rest)?),
                1 | 2 => Self::Update(bytes(&mut rest)?),
                _ => return None,
            },
            1 => {
                let mut entries = bytes(&mut rest)?;
                Self::Presence(presence_of(&mut entries).filter(|_| entries.is_empty())?)
            }
            3 => Self::WhoIsThere,
            _ => return Some(Self::Unknown),
        };
        rest.is_empty().then_some(decoded)
    }
}

fn presence_of<'m>(rest: &mut &'m [u8]) -> Option<Vec<Entry<'m>>> {
    let count = number(rest)?;
    // Each has three bytes at least.
    (count <= rest.len() as u64 / 3).then_some(())?;
    let mut entry = || {
        let (id, clock) = (number(rest)?, number(rest)?);
        Some(Entry { id, clock, json: std::str::from_utf8(bytes(rest)?).ok()? })
    };
    (0..count).map(|_| entry()).collect()
}

/// Asks for what is not in this state vector.
pub fn ask(state_vector: &[u8]) -> Vec<u8> {
    sync(0, state_vector)
}

/// Answers that.
pub fn answer(update: &[u8]) -> Vec<u8> {
    sync(1, update)
}

pub fn update(update: &[u8]) -> Vec<u8> {
    sync(2, update)
}

fn sync(step: u64, body: &[u8]) -> Vec<u8> {
    let mut message = Vec::with_capacity(body.len() + 8);
    put_number(0, &mut message);
    put_number(step, &mut message);
    put_bytes(body, &mut message);
    message
}

/// Who is there.
pub fn presence(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut body = Vec::new();
    put_number(entries.len() as u64, &mut body);
    for entry in entries {
        put_number(entry.id, &mut body);
        put_number(entry.clock, &mut body);
        put_bytes(entry.json.as_bytes(), &mut body);
    }
    let mut message = vec![1];
    put_bytes(&body, &mut message);
    message
}

fn number(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    // JavaScript's numbers have 53 bits.
    for shift in (0..53).step_by(7) {
        let (&byte, behind) = rest.split_first()?;
        *rest = behind;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return (value < 1 << 53).then_some(value);
        }
    }
    None
}

fn bytes<'m>(rest: &mut &'m [u8]) -> Option<&'m [u8]> {
    let len = usize::try_from(number(rest)?).ok()?;
    let (bytes, behind) = rest.split_at_checked(len)?;
    *rest = behind;
    Some(bytes)
}

fn put_number(mut value: u64, into: &mut Vec<u8>) {
    while value > 0x7f {
        into.push(value as u8 | 0x80);
        value >>= 7;
    }
    into.push(value as u8);
}

fn put_bytes(bytes: &[u8], into: &mut Vec<u8>) {
    put_number(bytes.len() as u64, into);
    into.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    const AL: Entry<'_> = Entry { id: 1, clock: 1, json: r#"{"user":{"name":"Al"}}"# };
    const AL_IS_THERE: &[u8] = b"\x01\x1a\x01\x01\x01\x16{\"user\":{\"name\":\"Al\"}}";

    #[test]
    fn messages_are_those_of_y_websocket() {
        let decode = FromClient::decode;
        assert_eq!(decode(b"\x00\x00\x01\x00"), Some(FromClient::Ask(b"\x00")));
        assert_eq!(decode(b"\x00\x01\x02\x00\x00"), Some(FromClient::Update(b"\x00\x00")));
        assert_eq!(decode(b"\x00\x02\x02\x00\x00"), Some(FromClient::Update(b"\x00\x00")));
        assert_eq!(decode(AL_IS_THERE), Some(FromClient::Presence(vec![AL])));
        assert_eq!(decode(b"\x03"), Some(FromClient::WhoIsThere));
        assert_eq!(decode(b"\x02\x00\x02no"), Some(FromClient::Unknown));
        assert_eq!(
            (ask(b"\x00"), answer(b"\x00\x00")),
            (b"\x00\x00\x01\x00".to_vec(), b"\x00\x01\x02\x00\x00".to_vec())
        );
        assert_eq!(presence(&[AL]), AL_IS_THERE);
        let gone = Entry { id: 1, clock: 2, json: "null" };
        assert_eq!(presence(&[gone]), b"\x01\x08\x01\x01\x02\x04null");
    }

    #[test]
    fn what_is_cut_or_too_long_is_no_message() {
        for whole in [&b"\x00\x00\x01\x00"[..], b"\x00\x02\x02\x00\x00", AL_IS_THERE, b"\x03"] {
            for cut in 0..whole.len() {
                assert_eq!(FromClient::decode(&whole[..cut]), None, "{:?}", &whole[..cut]);
            }
            assert_eq!(FromClient::decode(&[whole, b"\x00"].concat()), None);
        }
        assert_eq!(FromClient::decode(b"\x00\x03\x00"), None);
        assert_eq!(FromClient::decode(b"\x01\x01\x7f"), None);
        assert_eq!(FromClient::decode(b"\x01\x05\x01\x01\x01\x01\xff"), None, "not UTF-8");
    }

    #[test]
    fn numbers_have_up_to_53_bits() {
        for value in [0, 1, 0x7f, 0x80, 0x3fff, 0x4000, 0xdead_beef, (1 << 53) - 1] {
            let mut written = Vec::new();
            put_number(value, &mut written);
            let mut rest = written.as_slice();
            assert_eq!((number(&mut rest), rest), (Some(value), &[][..]));
        }
        assert_eq!(number(&mut &[0xff; 7][..]), None);
        assert_eq!(number(&mut &b"\xff\xff\xff\xff\xff\xff\xff\x1f"[..]), None);
    }
}
