//! The sans-I/O endpoint: bytes in, events and bytes out (RFC 6455 §5, §6, §7).

mod close;
#[cfg(feature = "deflate")]
mod deflate;
mod receive;
mod send;
mod state;

use alloc::boxed::Box;

use crate::assembler::Assembler;
use crate::buffer::ReceiveBuffer;
use crate::close::CloseCode;
use crate::frame::{Expected, RSV1};
use crate::handshake::Negotiated;
use crate::message::Kind;
use state::Machine;
pub use state::{Role, State};

/// One end of an open WebSocket connection, without a socket.
///
/// Its methods come in three kinds. *Receive side:* [`receive`](Self::receive), [`receive_eof`](Self::receive_eof), and
/// for reading without a copy [`spare`](Self::spare) and [`filled`](Self::filled). *Send side:* [`send`](Self::send),
/// [`send_part`](Self::send_part), [`send_header`](Self::send_header), [`ping`](Self::ping), [`pong`](Self::pong), [`close`](Self::close),
/// [`fail`](Self::fail), [`resume`](Self::resume). *Getters:* the rest.
///
/// **After reading from the socket, call `receive` until it returns `None`, then write the output.**
///
/// ```
/// use bowsprit::{Connection, Event, Limits, Negotiated, ReceiveBuffer, SendBuffer};
///
/// let (mut input, mut output) = (ReceiveBuffer::new(Limits::default()), SendBuffer::new());
/// let mut conn = Connection::server(Negotiated::none());
/// input.extend_from_slice(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"); // RFC 6455 §5.7
/// while let Some(event) = conn.receive(&mut input, &mut output) {
///     match event {
///         Event::Message(message) => conn.send(&message, &mut output)?,
///         Event::Ping(_) | Event::Pong(_) => {} // the pong is already in `output`
///         Event::Close(_) => {}                 // so is the reply
///         Event::Failed(error) => eprintln!("{error}"),
///     }
/// }
/// assert_eq!(output.pending(), b"\x81\x05Hello"); // write it, then output.consume(n)
/// # Ok::<(), bowsprit::UsageError>(())
/// ```
#[derive(Debug)]
pub struct Connection {
    /// What is unfinished; nothing while idle.
    partial: Option<Box<Partial>>,
    /// Bytes of whole frames received.
    received: u64,
    /// The code of the peer's Close, 0 before it.
    close_received: u16,
    role: Role,
    state: Machine,
    /// The kind of the message whose parts are being sent.
    sending: Option<Kind>,
    /// Whether messages are handed on in parts.
    in_parts: bool,
    /// How far back what is sent may refer, as a power of two; 0 if nothing is ever compressed.
    #[cfg(feature = "deflate")]
    send_bits: u8,
}

/// The cut end of the last read, and what waits for room in the output.
#[derive(Debug, Default)]
struct Partial {
    assembler: Assembler,
    /// A header or a control frame that is not whole.
    stash: Stash,
    /// The payload of the latest Ping, if its Pong found no room (§5.5.3).
    owed_pong: Option<Stash>,
    #[cfg(feature = "deflate")]
    memory: deflate::Memory,
}

/// Bytes of at most one control frame.
#[derive(Clone, Copy, Debug)]
struct Stash {
    bytes: [u8; Stash::CAPACITY],
    len: u8,
}

impl Connection {
    /// The server's end of a connection that the handshake has opened.
    pub fn server(negotiated: Negotiated) -> Self {
        Self::new(Role::Server, negotiated)
    }

    /// The client's end of a connection that the handshake has opened. Its output needs a source of masking keys, see
    /// [`SendBuffer::with_masking_keys`](crate::SendBuffer::with_masking_keys).
    pub fn client(negotiated: Negotiated) -> Self {
        Self::new(Role::Client, negotiated)
    }

    fn new(role: Role, negotiated: Negotiated) -> Self {
        let conn = Self {
            partial: None,
            received: 0,
            close_received: 0,
            role,
            state: Machine::new(),
            sending: None,
            in_parts: false,
            #[cfg(feature = "deflate")]
            send_bits: 0,
        };
        #[cfg(feature = "deflate")]
        if let Some(params) = negotiated.deflate() {
            return conn.with_deflate(params);
        }
        drop(negotiated);
        conn
    }

    /// Which end this is.
    #[inline]
    pub fn role(&self) -> Role {
        self.role
    }

    /// OPEN, CLOSING or CLOSED (RFC 6455 §7.1.3, §7.1.4).
    #[inline]
    pub fn state(&self) -> State {
        self.state.state()
    }

    /// Whether it is time to close the transport, once the output is written: both Close frames are exchanged, the
    /// connection failed, or the peer has closed its end. A server then closes at once, a client waits for the server to do so (RFC 6455 §7.1.1).
    #[inline]
    pub fn is_finished(&self) -> bool {
        !self.state.reads()
    }

    /// The code of the peer's Close: 1005 if it carried none, 1006 while there was no Close (RFC 6455 §7.1.5).
    pub fn close_code(&self) -> CloseCode {
        match self.close_received {
            0 => CloseCode::ABNORMAL,
            code => CloseCode::new(code),
        }
    }

    /// Bytes of frames received, those of the frame in progress not counted. After a failure: where the frame begins that
    /// broke the rule; at which byte it did is in [`Failure::at`](crate::Failure::at).
    pub fn bytes_received(&self) -> u64 {
        self.received
    }

    /// Whether a message has begun and not ended, or a frame of any kind.
    #[inline]
    pub fn is_inside_message(&self) -> bool {
        self.partial.as_ref().is_some_and(|partial| partial.assembler.is_open() || !partial.stash.is_empty())
    }

    /// Whether the message that the last part belonged to goes on, after [`receive_parts`](Self::receive_parts).
    #[inline]
    pub fn has_more_parts(&self) -> bool {
        self.partial.as_ref().is_some_and(|partial| partial.assembler.is_open())
    }

    /// Whether a message was begun with [`send_part`](Self::send_part) and not ended.
    #[inline]
    pub fn is_sending_parts(&self) -> bool {
        self.sending.is_some()
    }

    /// Whether it is open and keeps nothing: no unfinished message, no Pong owed, no windows.
    #[cfg(feature = "net")]
    #[inline]
    pub(crate) fn is_at_rest(&self) -> bool {
        self.partial.is_none() && self.state() == State::Open
    }

    /// Bytes held for the unfinished message.
    #[inline]
    pub fn assembled_len(&self) -> usize {
        self.partial.as_ref().map_or(0, |partial| partial.assembler.len())
    }

    /// Bytes held for the unfinished message, for what messages to come may refer to, and for compressing a message whose
    /// parts are being sent.
    #[cfg(feature = "net")]
    #[inline]
    pub(crate) fn held(&self) -> usize {
        let Some(partial) = &self.partial else { return 0 };
        #[cfg(feature = "deflate")]
        return partial.assembler.len() + partial.memory.held();
        #[cfg(not(feature = "deflate"))]
        partial.assembler.len()
    }

    /// Where the next read belongs: in `input`, or straight in the message if a large frame is on its way.
    pub fn spare<'a>(&'a mut self, input: &'a mut ReceiveBuffer) -> &'a mut [u8] {
        match self.direct_read(input) {
            Some(assembler) => assembler.spare(input),
            None => input.spare(),
        }
    }

    /// `n` bytes at the front of [`spare`](Self::spare) have been read. Call it once after each `spare`, then
    /// [`receive`](Self::receive).
    ///
    /// # Panics
    ///
    /// If that is more than there was room for.
    pub fn filled(&mut self, n: usize, input: &mut ReceiveBuffer) {
        match self.direct_read(input) {
            Some(assembler) => assembler.filled(n),
            None => input.filled(n),
        }
    }

    fn direct_read(&mut self, input: &ReceiveBuffer) -> Option<&mut Assembler> {
        let assembler = &mut self.partial.as_mut()?.assembler;
        (input.unread().is_empty() && assembler.reads_directly()).then_some(assembler)
    }

    fn expected(&self) -> Expected {
        Expected { masked: self.role == Role::Server, rsv: if self.is_deflated() { RSV1 } else { 0 } }
    }

    /// Whether messages may be compressed (RFC 7692).
    #[inline]
    pub(crate) fn is_deflated(&self) -> bool {
        #[cfg(feature = "deflate")]
        return self.send_bits != 0;
        #[cfg(not(feature = "deflate"))]
        false
    }

    fn partial(&mut self) -> &mut Partial {
        self.partial.get_or_insert_default()
    }
}

impl Partial {
    fn is_vacant(&self) -> bool {
        #[cfg(feature = "deflate")]
        if !self.memory.is_vacant() {
            return false;
        }
        !self.assembler.is_open() && self.stash.is_empty() && self.owed_pong.is_none()
    }
}

impl Stash {
    /// A header of 6 bytes and a control frame's payload of 125.
    const CAPACITY: usize = 131;

    fn set(&mut self, bytes: &[u8]) {
        self.bytes[..bytes.len()].copy_from_slice(bytes);
        self.len = bytes.len() as u8;
    }

    fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn as_slice(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl Default for Stash {
    fn default() -> Self {
        Self { bytes: [0; Self::CAPACITY], len: 0 }
    }
}

/// An idle connection is these few words and nothing else.
const _: () = assert!(size_of::<Connection>() <= 24);
