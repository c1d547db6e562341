//! Plain bytes in, blocks out (RFC 7692 §7.2.1).

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use zlib_rs::{Deflate, DeflateFlush};

use super::encoder::Encoder;
use super::{DeflateConfig, MAX_WINDOW_BITS, MIN_COMPRESSOR_BITS, TAIL, Window};

/// The compressors of a loop, one for each size of window, made when it is needed first.
#[derive(Debug)]
pub(crate) struct Compressors {
    level: u8,
    threshold: usize,
    idle: [Option<Box<Compressor>>; SIZES],
    /// For messages that refer to nothing before.
    encoder: Option<Box<Encoder>>,
    /// Where a message is compressed to.
    packed: Vec<u8>,
}

/// A compressor with its own window, indexed.
pub(crate) struct Compressor {
    deflate: Deflate,
    bits: u8,
}

/// A message, compressed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packed<'c>(pub(crate) &'c [u8]);

const SIZES: usize = (MAX_WINDOW_BITS - MIN_COMPRESSOR_BITS + 1) as usize;
/// What may stay allocated for compressed messages.
const KEPT_CAPACITY: usize = 256 << 10;

impl Compressors {
    pub(crate) fn new(config: &DeflateConfig) -> Self {
        Self {
            level: config.level.clamp(1, 9),
            threshold: config.threshold,
            idle: [const { None }; SIZES],
            encoder: None,
            packed: Vec::new(),
        }
    }

    /// Compresses a message that refers to nothing but itself and `window`, at most 2^`bits` bytes back. `None` if it is
    /// to go plain, because that would not make it smaller, or it is too small to try.
    pub(crate) fn message(&mut self, payload: &[u8], bits: u8, window: Option<&Window>) -> Option<Packed<'_>> {
        let always = self.threshold == 0;
        if payload.is_empty() {
            // Nothing to flush (§7.2.3.6).
            return always.then_some(Packed(&[0x00]));
        }
        if payload.len() < self.threshold {
            return None;
        }
        let room = payload.len() + payload.len() / 8 + 256;
        if self.packed.capacity() > KEPT_CAPACITY && room <= KEPT_CAPACITY {
            self.packed.truncate(room);
            self.packed.shrink_to(KEPT_CAPACITY);
        }
        match window {
            None => {
                let encoder = self.encoder.get_or_insert_with(|| Box::new(Encoder::new(self.level)));
                encoder.message(payload, bits, &mut self.packed);
            }
            Some(window) => {
                let mut compressor = self.take(bits);
                compressor.begin(Some(window));
                self.packed.clear();
                compressor.part(payload, true, &mut self.packed);
                self.put_back(compressor);
            }
        }
        let packed = &self.packed;
        (always || packed.len() < payload.len()).then_some(Packed(packed))
    }

    /// A compressor to be used for some time, such as for a message in parts.
    pub(crate) fn take(&mut self, bits: u8) -> Box<Compressor> {
        let bits = bits.clamp(MIN_COMPRESSOR_BITS, MAX_WINDOW_BITS);
        let idle = self.idle[usize::from(bits - MIN_COMPRESSOR_BITS)].take();
        idle.unwrap_or_else(|| Box::new(Compressor::new(self.level, bits)))
    }

    pub(crate) fn put_back(&mut self, compressor: Box<Compressor>) {
        let slot = usize::from(compressor.bits - MIN_COMPRESSOR_BITS);
        self.idle[slot] = Some(compressor);
    }
}

impl Compressor {
    fn new(level: u8, bits: u8) -> Self {
        debug_assert!((MIN_COMPRESSOR_BITS..=MAX_WINDOW_BITS).contains(&bits));
        Self { deflate: Deflate::new(i32::from(level), false, bits), bits }
    }

    /// About the memory that it takes, in bytes: tables, and the window with an index of it.
    #[cfg(feature = "net")]
    pub(crate) fn held(&self) -> usize {
        (243 << 10) + (4 << self.bits)
    }

    /// Begins a message.
    pub(crate) fn begin(&mut self, window: Option<&Window>) {
        self.deflate.reset();
        if let Some(window) = window.map(Window::as_slice).filter(|window| !window.is_empty()) {
            // Cannot fail on a raw stream that has just begun, and without it the message is as right.
            let _ = self.deflate.set_dictionary(window);
        }
    }

    /// Appends a part of a message to `packed`, so that it can be read without the next. What the last one ends in is
    /// left out.
    pub(crate) fn part(&mut self, mut part: &[u8], last: bool, packed: &mut Vec<u8>) {
        if part.is_empty() {
            // Nothing to flush. The last part must end in an empty block (§7.2.3.6).
            packed.extend_from_slice(if last { &[0x00] } else { &[] });
            return;
        }
        let start = packed.len();
        let mut room = part.len() / 2 + 64;
        let mut end = start;
        loop {
            packed.resize(end + room, 0);
            let (taken, made) = (self.deflate.total_in(), self.deflate.total_out());
            let ok = self.deflate.compress(part, &mut packed[end..], DeflateFlush::SyncFlush).is_ok();
            debug_assert!(ok, "a compressor with valid settings does not fail");
            part = &part[(self.deflate.total_in() - taken) as usize..];
            end += (self.deflate.total_out() - made) as usize;
            if end < packed.len() || !ok {
                break;
            }
            room = part.len() / 2 + 64;
        }
        packed.truncate(end);
        if last && packed[start..].ends_with(&TAIL) {
            packed.truncate(end - TAIL.len());
        }
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoder").finish_non_exhaustive()
    }
}

impl fmt::Debug for Compressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compressor").field("bits", &self.bits).finish_non_exhaustive()
    }
}
