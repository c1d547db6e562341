//! Chance for clients: the nonce of a handshake, and masking keys (RFC 6455 §10.3).

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use crate::buffer::SendBuffer;
use crate::mask::MaskingKey;

/// 16 bytes from the system's generator.
pub(super) fn nonce() -> io::Result<[u8; 16]> {
    let mut nonce = [0; 16];
    getrandom::fill(&mut nonce)?;
    Ok(nonce)
}

/// An output for a loop, whose clients share it. Draws nothing before the first of them sends.
///
/// Its first key comes behind a [`nonce`], so the generator works; should it fail later, there is nothing that may be
/// sent any more, and the loop panics.
pub(super) fn masking_output() -> SendBuffer {
    let (mut batch, mut used) = ([0; Batch::LEN], Batch::LEN);
    SendBuffer::with_masking_keys(move || {
        if used == Batch::LEN {
            getrandom::fill(&mut batch).expect("the system's random generator has worked before");
            used = 0;
        }
        let key = batch[used..].first_chunk::<KEY>().copied().unwrap_or_default();
        used += KEY;
        MaskingKey::new(key)
    })
}

/// Masking keys from the system's generator, drawn in batches so that a frame costs no system call.
///
/// A [`SendBuffer`] cannot be told that there is no key. So [`refill`](Self::refill) comes before each call that may
/// frame something, and its failure is that call's.
pub(super) struct Keys(Arc<Mutex<Batch>>);

struct Batch {
    bytes: [u8; Self::LEN],
    used: usize,
}

impl Batch {
    const LEN: usize = 1024;
}

/// More than one call of the core frames: a Pong kept back, a Pong, a Close.
const ENOUGH: usize = 8 * KEY;
const KEY: usize = 4;

impl Keys {
    /// With a first batch.
    pub(super) fn new() -> io::Result<Self> {
        let keys = Self(Arc::new(Mutex::new(Batch { bytes: [0; Batch::LEN], used: Batch::LEN })));
        keys.refill()?;
        Ok(keys)
    }

    /// Makes sure that there are keys for the next call. After an error there are none.
    pub(super) fn refill(&self) -> io::Result<()> {
        let mut batch = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if Batch::LEN - batch.used < ENOUGH {
            batch.used = Batch::LEN;
            getrandom::fill(&mut batch.bytes)?;
            batch.used = 0;
        }
        Ok(())
    }

    /// A client's output that masks with these.
    pub(super) fn output(&self) -> SendBuffer {
        let batch = self.0.clone();
        SendBuffer::with_masking_keys(move || {
            let mut batch = batch.lock().unwrap_or_else(PoisonError::into_inner);
            let used = batch.used;
            // Rather no program than a key that can be guessed; refill() is what keeps this from happening.
            let key = batch.bytes[used..].first_chunk::<KEY>().copied().expect("keys were refilled");
            batch.used = used + KEY;
            MaskingKey::new(key)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn r074_keys_are_fresh_also_behind_the_first_batch() {
        let keys = Keys::new().unwrap();
        let mut output = keys.output();
        let mut seen = BTreeSet::new();
        for _ in 0..4 * Batch::LEN / KEY {
            keys.refill().unwrap();
            seen.insert(output.next_masking_key().unwrap().octets());
        }
        // Among 1024 of 2³² two may be equal once in 8000 runs, three pairs never.
        assert!(seen.len() >= 1022, "{}", seen.len());
    }

    #[test]
    fn r074_the_clients_of_a_loop_draw_fresh_keys() {
        let mut output = masking_output();
        let keys: BTreeSet<_> =
            (0..4 * Batch::LEN / KEY).map(|_| output.next_masking_key().unwrap().octets()).collect();
        assert!(keys.len() >= 1022, "{}", keys.len());
    }

    #[test]
    fn r074_no_key_comes_from_an_empty_batch() {
        let keys = Keys::new().unwrap();
        let mut output = keys.output();
        for _ in 0..Batch::LEN / KEY {
            output.next_masking_key().unwrap();
        }
        let beyond = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| output.next_masking_key()));
        assert!(beyond.is_err());
    }
}
