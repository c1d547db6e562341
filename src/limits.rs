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
