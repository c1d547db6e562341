//! A request's body: as many bytes as were announced, or chunks up to the empty one (RFC 9112 §6, §7.1).
//!
//! What a peer announces is narrowed by `limits::within` alone.
#![deny(clippy::cast_possible_truncation)]

use alloc::vec::Vec;

use bytes::Bytes;

use super::head::Scanner;
use super::http::BodyLength;
use crate::buffer::ReceiveBuffer;
use crate::error::HandshakeError;
use crate::frame::Status;
use crate::limits::{Limits, within};

/// Reads one request's body as it arrives.
///
/// Memory grows with what has arrived, never with a length that was announced. Chunk extensions and trailers are
/// checked and dropped (RFC 9112 §7.1.1, §7.1.2).
///
/// ```
/// use bowsprit::handshake::{BodyLength, BodyReader};
/// use bowsprit::{Limits, ReceiveBuffer, Status};
///
/// let mut input = ReceiveBuffer::new(Limits::default());
/// let mut body = BodyReader::new(BodyLength::Chunked, input.limits())?;
/// input.extend_from_slice(b"6\r\nHello,\r\n7\r\n world!\r\n0\r\n\r\n");
/// assert_eq!(body.receive(&mut input)?, Status::Complete(()));
/// assert_eq!(body.into_bytes(), "Hello, world!");
/// # Ok::<(), bowsprit::HandshakeError>(())
/// ```
#[derive(Debug)]
pub struct BodyReader {
    bytes: Vec<u8>,
    /// Bytes of chunk extensions so far.
    extensions: usize,
    state: State,
}

/// ```text
/// Size ──CR→ SizeBreak ─LF→ Data → DataEnd ─CR→ DataBreak ─LF→ Size
///  │ ↘ BWS ↗    │ of an empty chunk
///  └;→ Extension └─────LF→ Trailers → Done
/// ```
#[derive(Clone, Copy, Debug)]
enum State {
    /// So many digits of a chunk's size seen.
    Size {
        size: u64,
        digits: u8,
    },
    /// Bad white space behind the size, which only an extension may follow.
    Space(u64),
    Extension(u64),
    SizeBreak(u64),
    /// Bytes missing, of the chunk or of the body.
    Data {
        missing: u64,
        chunked: bool,
    },
    DataEnd,
    DataBreak,
    Trailers(Scanner),
    Done,
    Failed(HandshakeError),
}

impl BodyReader {
    /// Before the first byte of a body of this length.
    ///
    /// # Errors
    ///
    /// [`HandshakeError::BodyTooLong`] if it is over [`Limits::body`].
    pub fn new(length: BodyLength, limits: &Limits) -> Result<Self, HandshakeError> {
        let state = match length {
            BodyLength::Bytes(0) => State::Done,
            BodyLength::Bytes(missing) if missing > limits.body as u64 => return Err(HandshakeError::BodyTooLong),
            BodyLength::Bytes(missing) => State::Data { missing, chunked: false },
            BodyLength::Chunked => State::SIZE,
        };
        Ok(Self { bytes: Vec::new(), extensions: 0, state })
    }

    /// Takes what was read. The limits are those of `input`.
    ///
    /// On `Partial`, `input` is empty and more must be read. On `Complete`, exactly the body is consumed: what is left in
    /// `input` is the next request.
    ///
    /// # Errors
    ///
    /// A body over [`Limits::body`]; chunks that are malformed, or whose extensions together are longer than
    /// [`Limits::head`]; trailers that are malformed, or over the limits of a head (RFC 9112 §7.1). The same again if
    /// called again. Where the next request begins is unknown then: answer, and close the transport.
    pub fn receive(&mut self, input: &mut ReceiveBuffer) -> Result<Status<()>, HandshakeError> {
        self.read(input).inspect_err(|&error| {
            self.bytes = Vec::new();
            self.state = State::Failed(error);
            input.clear();
        })
    }

    /// Bytes of the body so far.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing of the body has arrived.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The body, once it is complete. Nothing is copied.
    pub fn into_bytes(self) -> Bytes {
        Bytes::from(self.bytes)
    }

    fn read(&mut self, input: &mut ReceiveBuffer) -> Result<Status<()>, HandshakeError> {
        loop {
            let unread = input.unread();
            match &mut self.state {
                State::Done => return Ok(Status::Complete(())),
                State::Failed(error) => return Err(*error),
                _ if unread.is_empty() => return Ok(Status::Partial),
                State::Data { missing, chunked } => {
                    let n = within(*missing, unread.len()).unwrap_or(unread.len());
                    self.bytes.extend_from_slice(&unread[..n]);
                    input.consume(n);
                    *missing -= n as u64;
                    if *missing == 0 {
                        self.state = if *chunked { State::DataEnd } else { State::Done };
                    }
                }
                State::Trailers(scanner) => match scanner.push(unread, input.limits())? {
                    Status::Complete(n) => {
                        input.consume(n);
                        self.state = State::Done;
                    }
                    Status::Partial => input.clear(),
                },
                state => {
                    let next = state.next(unread[0])?;
                    if let State::Space(_) | State::Extension(_) = next {
                        self.extensions += 1;
                        if self.extensions > input.limits().head {
                            return Err(HandshakeError::Chunk);
                        }
                    }
                    if let State::Data { missing, .. } = next
                        && missing > (input.limits().body.saturating_sub(self.bytes.len())) as u64
                    {
                        return Err(HandshakeError::BodyTooLong);
                    }
                    self.state = next;
                    input.consume(1);
                }
            }
        }
    }
}

impl State {
    const SIZE: Self = Self::Size { size: 0, digits: 0 };
    /// Digits of 64 bits; leading zeros have no other end.
    const MAX_DIGITS: u8 = 16;

    /// Takes a byte of what stands around the data.
    fn next(self, byte: u8) -> Result<Self, HandshakeError> {
        Ok(match (self, byte) {
            (Self::Size { size, digits }, _) if byte.is_ascii_hexdigit() && digits < Self::MAX_DIGITS => {
                let digit = char::from(byte).to_digit(16).unwrap_or_default();
                Self::Size { size: size << 4 | u64::from(digit), digits: digits + 1 }
            }
            (Self::Size { size, digits: 1.. } | Self::Extension(size), b'\r') => Self::SizeBreak(size),
            (Self::Size { size, digits: 1.. } | Self::Space(size), b' ' | b'\t') => Self::Space(size),
            (Self::Size { size, digits: 1.. } | Self::Space(size), b';') => Self::Extension(size),
            // A bare LF ends the line for some and not for others: that is how requests are smuggled.
            (Self::Extension(size), b'\t' | b' '..=b'~' | 128..) => Self::Extension(size),
            (Self::SizeBreak(0), b'\n') => Self::Trailers(Scanner::trailers()),
            (Self::SizeBreak(missing), b'\n') => Self::Data { missing, chunked: true },
            (Self::DataEnd, b'\r') => Self::DataBreak,
            (Self::DataBreak, b'\n') => Self::SIZE,
            _ => return Err(HandshakeError::Chunk),
        })
    }
}
