//! permessage-deflate (RFC 7692): what is agreed on, the compressors and decompressors of a loop, and the windows of
//! connections with context takeover.
//!
//! A message that stands alone is compressed by an encoder of our own, whose tables, about 240 KiB a loop, need no
//! clearing before each. With context takeover it is a streaming compressor with up to 371 KiB; a decompressor has about
//! 50. They belong to the loop and begin each message anew; a connection with context takeover keeps nothing but the
//! window, and a message begins with filling it in. The price of takeover is that window's memory, 2ʷ bytes and a quarter
//! for each direction and connection, and on the sending side the time to index it.
//!
//! A decompressor always has a window of 32 KiB, which reads whatever a smaller one has written.

mod bits;
mod compress;
mod encoder;
mod huffman;
mod inflate;
mod tokens;
mod window;

pub(crate) use compress::{Compressor, Compressors, Packed};
pub(crate) use inflate::Inflater;
pub(crate) use window::Window;

/// How an end of a connection compresses, and what it agrees to (RFC 7692 §7.1).
///
/// By default no message refers to another, in neither direction. That is context takeover, and it costs a connection
/// the memory of its window, 2ʷ bytes and a quarter for each direction, and the time to index that window for each
/// message that is sent. What a connection holds between messages, at most, beyond half a KiB for the record of it:
///
/// | context takeover | with 15 bits | 14 | 13 | 12 | 11 | 10 | 9 | 8 |
/// |---|---|---|---|---|---|---|---|---|
/// | in no direction (the default) | 0 | 0 | 0 | 0 | 0 | 0 | 0 | 0 |
/// | in one | 40 KiB | 20 KiB | 10 KiB | 5 KiB | 2560 B | 1280 B | 640 B | 320 B |
/// | in both | 80 KiB | 40 KiB | 20 KiB | 10 KiB | 5 KiB | 2560 B | 1280 B | 640 B |
///
/// A message that is [sent in parts](crate::Connection::send_part) holds a compressor until its last part, with 243 KiB
/// and 4 × 2ʷ bytes. A loop counts both towards [`Config::memory`](crate::net::Config::memory). What all connections
/// share is an encoder of 240 KiB, a decompressor of 50 KiB, and with context takeover a compressor for each size of
/// window that is sent with.
///
/// ```
/// use bowsprit::DeflateConfig;
///
/// let mut config = DeflateConfig::default();
/// config.send_takeover = true; // similar messages become smaller ...
/// config.send_window_bits = 12; // ... for 5 KiB a connection
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeflateConfig {
    /// From 1, fast, to 9, small; others are taken for the nearest. Default 2.
    pub level: u8,
    /// Bytes of a message from which on it is compressed, if that makes it smaller. 0: every message is compressed, also
    /// one that becomes longer. Default 128.
    pub threshold: usize,
    /// Whether what is sent may refer to messages before, if the peer allows it. Default `false`.
    pub send_takeover: bool,
    /// Whether what is received may refer to messages before. Default `false`.
    pub receive_takeover: bool,
    /// How far back what is sent may refer, as a power of two: 9 to 15, others are taken for the nearest. The peer may
    /// ask for less, and for 8. Default 15, which is 32 KiB.
    pub send_window_bits: u8,
    /// How far back what is received may refer, if the peer can be asked for that: 9 to 15, others are taken for the
    /// nearest. Default 15, which is 32 KiB.
    pub receive_window_bits: u8,
}

impl Default for DeflateConfig {
    fn default() -> Self {
        Self {
            level: 2,
            threshold: 128,
            send_takeover: false,
            receive_takeover: false,
            send_window_bits: MAX_WINDOW_BITS,
            receive_window_bits: MAX_WINDOW_BITS,
        }
    }
}

impl DeflateConfig {
    /// The bits to ask for. Not 8, which many compressors cannot keep to.
    pub(crate) fn bits(&self) -> (u8, u8) {
        let clamp = |bits: u8| bits.clamp(MIN_COMPRESSOR_BITS, MAX_WINDOW_BITS);
        (clamp(self.send_window_bits), clamp(self.receive_window_bits))
    }
}

/// The parameters that both ends agreed on (RFC 7692 §7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct DeflateParams {
    /// The server begins each message with an empty window (§7.1.1.1).
    pub server_no_context_takeover: bool,
    /// The client begins each message with an empty window (§7.1.1.2).
    pub client_no_context_takeover: bool,
    /// How far back the server's messages refer at most, as a power of two: 8 to 15, others are taken for the nearest
    /// (§7.1.2.1).
    pub server_max_window_bits: u8,
    /// How far back the client's messages refer at most, as a power of two: 8 to 15, others are taken for the nearest
    /// (§7.1.2.2).
    pub client_max_window_bits: u8,
}

impl Default for DeflateParams {
    /// What holds if nothing was said: context takeover and windows of 32 KiB, both ways.
    fn default() -> Self {
        Self {
            server_no_context_takeover: false,
            client_no_context_takeover: false,
            server_max_window_bits: MAX_WINDOW_BITS,
            client_max_window_bits: MAX_WINDOW_BITS,
        }
    }
}

/// The empty block that ends every flush, of which this is left out on the wire (§7.2.1).
pub(crate) const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];
pub(crate) const MIN_WINDOW_BITS: u8 = 8;
pub(crate) const MAX_WINDOW_BITS: u8 = 15;
/// With less a compressor cannot do; it never refers further back than 2⁹ − 262 bytes then, which is less than 2⁸.
const MIN_COMPRESSOR_BITS: u8 = 9;
