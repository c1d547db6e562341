//! How much a peer may ask for: sizes and counts. Durations need a clock and live in `net::Config`.

/// Bounds on what a peer can make this endpoint hold or do (RFC 6455 §10.4).
///
/// Each is inclusive: the value itself is accepted, one more is not.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of an HTTP request line, its line break included. Beyond: 414. Default 8 KiB.
    pub request_line: usize,
    /// Bytes of an HTTP head, the empty line included, and of the interim answers before it. Beyond: 431. Default 16 KiB.
    pub head: usize,
    /// Header fields of an HTTP head, at most 256. Beyond: 431. Default 100.
    pub headers: usize,
    /// Bytes of a plain HTTP request's body. Beyond: 413. Default 1 MiB.
    pub body: usize,
    /// Bytes of a message, all its fragments together. Beyond: 1009. Default 1 MiB.
    ///
    /// A [`ReceiveBuffer`](crate::ReceiveBuffer) keeps memory for four such messages, if it once needed it: 4 to 64 MiB.
    pub message: usize,
    /// Payload bytes of one frame. Beyond: 1009. Default 1 MiB.
    pub frame: usize,
    /// Frames of one message. Beyond: 1008. Default 65,536.
    pub fragments: u32,
    /// Empty frames in a row inside one message. Beyond: 1008. Default 64.
    pub empty_fragments: u32,
    /// Bytes of Pong frames that may wait in the output; beyond, only the latest Ping is answered (§5.5.3). Default 4 KiB.
    pub control_replies: usize,
}

impl Limits {
    /// Bytes of a message that is one frame.
    #[inline]
    pub(crate) fn whole(&self) -> usize {
        self.message.min(self.frame)
    }
}

/// `len` as it is counted in memory, if it is at most `most`: what a peer announces in 64 bits is not cut short by a
/// cast where there are fewer.
///
/// Of any width, so that a machine of 64 bits can show what happens on one of 32.
#[inline]
pub(crate) fn within<W: TryFrom<u64> + PartialOrd>(len: u64, most: W) -> Option<W> {
    W::try_from(len).ok().filter(|len| *len <= most)
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request_line: 8 << 10,
            head: 16 << 10,
            headers: 100,
            body: 1 << 20,
            message: 1 << 20,
            frame: 1 << 20,
            fragments: 65_536,
            empty_fragments: 64,
            control_replies: 4 << 10,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::within;

    #[test]
    fn a_length_of_64_bits_is_never_cut_to_the_width_of_memory() {
        for most in [0, 5, u32::MAX - 1, u32::MAX] {
            for len in (0..64).flat_map(|bit| [(1u64 << bit) - 1, 1 << bit, (1 << bit) + 5]).chain([u64::MAX]) {
                let fits = len <= u64::from(most);
                assert_eq!(within(len, most).map(u64::from), fits.then_some(len), "{len} of {most}, 32 bits");
                assert_eq!(within(len, u64::from(most)), fits.then_some(len), "{len} of {most}, 64 bits");
            }
        }
    }
}
