//! Ids that nobody can guess.

use core::fmt;
use std::vec::Vec;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// 20 characters of base64url. A session's is a secret: who has it can take the session over.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::socketio) struct Sid([u8; 20]);

impl Sid {
    pub(in crate::socketio) fn as_str(&self) -> &str {
        // Base64 is ASCII.
        core::str::from_utf8(&self.0).unwrap_or_default()
    }

    pub(in crate::socketio) fn parse(text: &str) -> Option<Self> {
        text.as_bytes().try_into().ok().filter(|_| text.is_ascii()).map(Self)
    }

    /// The worker that drew it; anything, if it is not drawn but made up.
    pub(super) fn worker(&self) -> Option<usize> {
        let mut bytes = [0; RANDOM];
        URL_SAFE_NO_PAD.decode_slice(self.0, &mut bytes).ok()?;
        Some(usize::from(bytes[0] ^ bytes[1]))
    }
}

/// Not whole: this goes into logs.
impl fmt::Debug for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}…", &self.as_str()[..4])
    }
}

/// Draws ids; asks the system for many at a time.
#[derive(Debug, Default)]
pub(in crate::socketio) struct Draw {
    drawn: Vec<[u8; RANDOM]>,
    /// Whose ids they are.
    pub(super) worker: u8,
}

/// Bytes of an id. The first is the worker's number, hidden by the second; 112 bits remain.
const RANDOM: usize = 15;
const AT_ONCE: usize = 64;

impl Draw {
    /// `None` if the system has no random bytes.
    pub(in crate::socketio) fn next(&mut self) -> Option<Sid> {
        if self.drawn.is_empty() {
            let mut bytes = [0; RANDOM * AT_ONCE];
            getrandom::fill(&mut bytes).ok()?;
            self.drawn.extend(bytes.chunks_exact(RANDOM).filter_map(|chunk| <[u8; RANDOM]>::try_from(chunk).ok()));
        }
        let mut bytes = self.drawn.pop()?;
        bytes[0] = self.worker ^ bytes[1];
        let mut sid = [0; 20];
        URL_SAFE_NO_PAD.encode_slice(bytes, &mut sid).ok()?;
        Some(Sid(sid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_tells_whose_it_is() {
        for worker in [0, 1, 7, 254] {
            let mut draw = Draw { worker, ..Draw::default() };
            for _ in 0..100 {
                let sid = draw.next().unwrap();
                assert_eq!(Sid::parse(sid.as_str()).and_then(|sid| sid.worker()), Some(usize::from(worker)));
            }
        }
        assert_eq!(Sid::parse("not of the alphabet!").and_then(|sid| sid.worker()), None);
    }
}
