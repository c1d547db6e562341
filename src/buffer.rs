//! Bytes on their way: [`ReceiveBuffer`] and [`SendBuffer`], one pair per event loop or per socket.
//!
//! A connection owns neither. What a loop's connections can share (limits, scratch memory, the source of masking keys)
//! lives here, so that an idle connection is a few words.

mod message_buffer;
#[cfg(feature = "net")]
mod run;
mod spare;
mod traffic;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

#[cfg(feature = "deflate")]
use crate::deflate::{Compressors, DeflateConfig, Inflater, Packed, Window};
#[cfg(feature = "deflate")]
use crate::error::ProtocolError;
use crate::frame::FrameHeader;
#[cfg(feature = "deflate")]
use crate::frame::RSV1;
#[cfg(feature = "net")]
use crate::frame::{self, Opcode};
use crate::limits::Limits;
use crate::mask::{self, MaskingKey};
#[cfg(feature = "deflate")]
use crate::message::Kind;

pub(crate) use message_buffer::MessageBuffer;
#[cfg(feature = "net")]
pub(crate) use run::Returned;
use spare::Spare;
#[cfg(feature = "net")]
pub(crate) use traffic::Tally;
pub use traffic::Traffic;

/// What was read from a socket and not yet understood.
///
/// After [`Connection::receive`](crate::Connection::receive) has returned `None` the buffer is empty: what was left of
/// an unfinished frame has moved to the connection. So one buffer serves all connections of a loop, one after another.
///
/// ```
/// use bowsprit::{Limits, ReceiveBuffer};
///
/// let mut input = ReceiveBuffer::new(Limits::default());
/// input.spare()[..2].copy_from_slice(b"\x81\x85"); // a socket's read goes here
/// input.filled(2);
/// assert_eq!(input.unread(), b"\x81\x85");
/// ```
#[derive(Debug)]
pub struct ReceiveBuffer {
    /// Initialised throughout, so that any `Read` can fill it without unsafe code. There is none before the first read, nor
    /// once a message has [taken it](Self::take_as_message).
    bytes: Vec<u8>,
    /// Where reads go to when nothing is unread: [half a page in](half_a_page_in), with [`HEADROOM`] before it.
    front: usize,
    /// Room for a read from there, once there is memory.
    capacity: usize,
    unread: Range<usize>,
    limits: Limits,
    /// The message that the last event lent out, if it was assembled.
    assembled: MessageBuffer,
    spare: Spare,
    traffic: Traffic,
    /// Of a run that goes on; `traffic` does not know of these.
    #[cfg(feature = "net")]
    tally: Tally,
    /// Made when the first compressed message arrives.
    #[cfg(feature = "deflate")]
    inflater: Option<Box<Inflater>>,
}

const PAGE: usize = 4 << 10;

/// How far in this memory a place is half a page behind a page's front: less than [`PAGE`].
///
/// The system's socket buffers begin at a page's front, and there are processors (AMD's family 19h) whose `rep movsb`, with
/// which it copies, is 16 times slower if the place copied to is 1 to 31 bytes behind the one copied from, modulo a page.
fn half_a_page_in(memory: &[u8]) -> usize {
    (PAGE / 2).wrapping_sub(memory.as_ptr().addr()) % PAGE
}

/// Room in front of what is read, for the part of a frame that the last read ended in.
const HEADROOM: usize = 144;
const DEFAULT_CAPACITY: usize = 16 << 10;
/// A message of which so much came in one read takes the memory that it was read to.
const TAKES_INPUT: usize = 64 << 10;

impl ReceiveBuffer {
    /// Room for reads of 16 KiB. No memory is taken before the first.
    pub fn new(limits: Limits) -> Self {
        Self::with_capacity(limits, DEFAULT_CAPACITY)
    }

    /// Room for reads of `capacity` bytes, at least 1. A loop with many connections does well with 256 KiB.
    pub fn with_capacity(limits: Limits, capacity: usize) -> Self {
        Self {
            bytes: Vec::new(),
            front: 0,
            capacity: capacity.max(1),
            unread: 0..0,
            spare: Spare::new(limits.message.max(capacity)),
            limits,
            assembled: MessageBuffer::default(),
            traffic: Traffic::default(),
            #[cfg(feature = "net")]
            tally: Tally::default(),
            #[cfg(feature = "deflate")]
            inflater: None,
        }
    }

    /// What may be asked of the connections that read from here.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Bytes read and not yet consumed.
    #[inline]
    pub fn unread(&self) -> &[u8] {
        &self.bytes[self.unread.clone()]
    }

    /// Where the next read belongs. Empty only while a whole buffer is unread.
    pub fn spare(&mut self) -> &mut [u8] {
        self.rewind();
        &mut self.bytes[self.unread.end..self.front + self.capacity]
    }

    /// `n` bytes at the front of [`spare`](Self::spare) have been read.
    ///
    /// # Panics
    ///
    /// If that is more than there was room for.
    pub fn filled(&mut self, n: usize) {
        let room = if self.bytes.is_empty() { 0 } else { self.front + self.capacity - self.unread.end };
        assert!(n <= room, "more bytes read than there was room for");
        self.unread.end += n;
    }

    /// Appends bytes that were read elsewhere; grows to hold them.
    pub fn extend_from_slice(&mut self, bytes: &[u8]) {
        let room = self.spare().len();
        if room < bytes.len() {
            self.capacity += bytes.len() - room;
            self.bytes.resize(self.bytes.len().max(self.front + self.capacity), 0);
        }
        self.spare()[..bytes.len()].copy_from_slice(bytes);
        self.filled(bytes.len());
    }

    /// Where the first unread byte is.
    #[cfg(feature = "net")]
    #[inline]
    pub(crate) fn next(&self) -> usize {
        self.unread.start
    }

    /// All there is, to move payloads in it.
    #[inline]
    pub(crate) fn all_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// Where all there is lies in memory, to find a payload in it.
    #[cfg(feature = "net")]
    #[inline]
    pub(crate) fn addresses(&self) -> Range<usize> {
        let Range { start, end } = self.bytes.as_ptr_range();
        start.addr()..end.addr()
    }

    /// All there is, read and unread.
    #[cfg(feature = "net")]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Drops what is unread.
    pub fn clear(&mut self) {
        self.unread = self.front..self.front;
    }

    /// Frames received by way of this buffer so far. A frame that breaks a rule by its header does not count.
    pub fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    #[inline]
    pub(crate) fn count(&mut self, header: &FrameHeader) {
        self.traffic.count(header.opcode, header.payload_len);
    }

    #[inline]
    pub(crate) fn consume(&mut self, n: usize) {
        self.unread.start += n;
        debug_assert!(self.unread.start <= self.unread.end);
    }

    /// Puts bytes kept from the last read in front of this one.
    pub(crate) fn prepend(&mut self, kept: &[u8]) {
        debug_assert!(self.unread.start >= self.front && kept.len() <= HEADROOM);
        let start = self.unread.start - kept.len();
        self.bytes[start..self.unread.start].copy_from_slice(kept);
        self.unread.start = start;
    }

    /// Where the first `len` unread bytes lie; they are consumed.
    #[inline]
    pub(crate) fn take(&mut self, len: usize) -> Range<usize> {
        let start = self.unread.start;
        self.consume(len);
        start..start + len
    }

    #[inline]
    pub(crate) fn bytes_mut(&mut self, range: Range<usize>) -> &mut [u8] {
        &mut self.bytes[range]
    }

    /// An empty message to assemble into, of which so much is here, with memory that is at hand and not too much for it.
    pub(crate) fn fresh_message(&mut self, here: usize) -> MessageBuffer {
        self.spare.take(|spare| spare.is_filled_by(here)).unwrap_or_default()
    }

    /// A message of a frame of `len` bytes that has begun in what was read, of which all that is unread is the beginning: with
    /// the memory that it was read to, if nothing else can be in it, and it is not too much for what is here, nor for the
    /// whole of it.
    ///
    /// How much has arrived is for [`MessageBuffer::arrive`] to be told.
    pub(crate) fn take_as_message(&mut self, header_len: usize, len: usize, is_text: bool) -> Option<MessageBuffer> {
        let (here, capacity) = (self.unread.len(), self.bytes.capacity());
        let is_first = self.unread.start - header_len <= self.front;
        let is_filled = message_buffer::is_filled(capacity, here) && capacity / 2 <= len;
        if !is_first || here < TAKES_INPUT || !is_filled {
            return None;
        }
        let message = MessageBuffer::of_input(core::mem::take(&mut self.bytes), self.unread.start, is_text);
        self.front = 0;
        self.clear();
        Some(message)
    }

    /// Holds a finished message for the event that shows it.
    pub(crate) fn lend(&mut self, message: MessageBuffer) {
        self.assembled = message;
    }

    pub(crate) fn lent(&mut self) -> &mut MessageBuffer {
        &mut self.assembled
    }

    /// Inflates a message that lies here, and lends it out (RFC 7692 §7.2.2).
    #[cfg(feature = "deflate")]
    pub(crate) fn inflate(
        &mut self,
        kind: Kind,
        range: Range<usize>,
        window: Option<&mut Window>,
    ) -> Result<(), ProtocolError> {
        // Of any size: it does not outlive the event, unless it is moved out.
        let mut message = self.fresh_message(usize::MAX);
        let inflater = self.inflater.get_or_insert_with(|| Box::new(Inflater::new()));
        inflate(inflater, kind, &self.bytes[range], window, self.limits.message, &mut message)?;
        self.lend(message);
        Ok(())
    }

    /// Inflates a message that was assembled, and lends it out (RFC 7692 §7.2.2).
    #[cfg(feature = "deflate")]
    pub(crate) fn inflate_assembled(
        &mut self,
        kind: Kind,
        payload: MessageBuffer,
        window: Option<&mut Window>,
    ) -> Result<(), ProtocolError> {
        // Of any size: it does not outlive the event, unless it is moved out.
        let mut message = self.fresh_message(usize::MAX);
        let inflater = self.inflater.get_or_insert_with(|| Box::new(Inflater::new()));
        inflate(inflater, kind, payload.as_bytes(), window, self.limits.message, &mut message)?;
        self.lend(payload);
        self.recycle();
        self.lend(message);
        Ok(())
    }

    /// The last event is over: keeps its allocation for the next message.
    #[inline]
    pub(crate) fn recycle(&mut self) {
        if self.assembled.capacity() != 0 {
            let message = core::mem::take(&mut self.assembled);
            self.keep(message);
        }
    }

    /// Takes back the memory of a message.
    pub(crate) fn keep(&mut self, message: MessageBuffer) {
        self.spare.keep(message);
    }

    /// Before a read of at most `want` bytes straight into a message: moves it to memory that is at hand, if its own is full,
    /// and that is large enough and not too much for it.
    pub(crate) fn enlarge(&mut self, message: &mut MessageBuffer, want: usize) {
        let Some(more) = message.outgrown_by_read(want) else { return };
        // Memory of its own would be that much and a page; half of it is worth a move.
        let (here, len) = (message.len(), message.len() + more / 2 + PAGE);
        if let Some(larger) = self.spare.take(|spare| spare.capacity() >= len && spare.is_filled_by(here)) {
            self.spare.keep(message.move_to(larger));
        }
    }

    fn rewind(&mut self) {
        if self.bytes.is_empty() {
            self.make_room();
        } else if self.unread.is_empty() {
            self.clear();
        } else if self.unread.end == self.front + self.capacity && self.unread.start > self.front {
            self.bytes.copy_within(self.unread.clone(), self.front);
            self.unread = self.front..self.front + self.unread.len();
        }
    }

    /// Finds memory to read to: what was used last, which is in the cache, or new.
    #[cold]
    fn make_room(&mut self) {
        self.recycle();
        let len = HEADROOM + PAGE + self.capacity;
        let used = self.spare.take(|spare| spare.capacity() >= len && spare.is_filled_by(self.capacity / 2));
        self.bytes = used.map_or_else(|| alloc::vec![0; len], MessageBuffer::into_memory);
        if self.bytes.len() < len {
            self.bytes.resize(len, 0);
        }
        self.front = HEADROOM + half_a_page_in(&self.bytes[HEADROOM..]);
        self.clear();
    }
}

#[cfg(feature = "deflate")]
fn inflate(
    inflater: &mut Inflater,
    kind: Kind,
    payload: &[u8],
    window: Option<&mut Window>,
    limit: usize,
    message: &mut MessageBuffer,
) -> Result<(), ProtocolError> {
    message.begin(kind == Kind::Text);
    inflater.message(payload, window.as_deref(), limit, message)?;
    if let Some(window) = window {
        window.push(message.as_bytes());
    }
    Ok(())
}

/// What is to be written to a socket: whole frames, in order.
///
/// ```
/// use bowsprit::SendBuffer;
///
/// let mut output = SendBuffer::new();
/// // … after receive() and send(), whatever the socket takes:
/// let written = output.pending().len();
/// output.consume(written);
/// assert!(output.is_empty());
/// ```
pub struct SendBuffer {
    bytes: Vec<u8>,
    sent: usize,
    control_replies: usize,
    backed_up: bool,
    masking_keys: Option<Box<dyn FnMut() -> MaskingKey + Send>>,
    traffic: Traffic,
    /// Made when the first message is compressed.
    #[cfg(feature = "deflate")]
    compressors: Option<Box<Compressors>>,
}

/// What an emptied buffer may keep allocated.
const KEPT_CAPACITY: usize = 512 << 10;

impl SendBuffer {
    /// An output for servers, which do not mask.
    pub const fn new() -> Self {
        Self {
            bytes: Vec::new(),
            sent: 0,
            control_replies: 0,
            backed_up: false,
            masking_keys: None,
            traffic: Traffic::NONE,
            #[cfg(feature = "deflate")]
            compressors: None,
        }
    }

    /// How the connections that write here compress their messages, if they do: [`level`](DeflateConfig::level) and
    /// [`threshold`](DeflateConfig::threshold). Until this is called, as by [`DeflateConfig::default`].
    #[cfg(feature = "deflate")]
    pub fn set_deflate(&mut self, config: &DeflateConfig) {
        self.compressors = Some(Box::new(Compressors::new(config)));
    }

    /// An output for clients. `keys` yields a fresh key per frame.
    ///
    /// Take them from a cryptographically secure generator: a key that a page can guess lets it write any bytes to a
    /// proxy in between (RFC 6455 §5.3, §10.3).
    pub fn with_masking_keys(keys: impl FnMut() -> MaskingKey + Send + 'static) -> Self {
        Self { masking_keys: Some(Box::new(keys)), ..Self::new() }
    }

    /// Lets connections that write here use the other's compressors, and back.
    #[cfg(feature = "net")]
    pub(crate) fn swap_compressors(&mut self, other: &mut Self) {
        #[cfg(feature = "deflate")]
        core::mem::swap(&mut self.compressors, &mut other.compressors);
        let _ = other;
    }

    /// Bytes to write.
    #[inline]
    pub fn pending(&self) -> &[u8] {
        &self.bytes[self.sent..]
    }

    /// Whether there is nothing to write.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.sent == self.bytes.len()
    }

    /// The first `n` pending bytes have been written.
    ///
    /// # Panics
    ///
    /// If fewer are pending.
    pub fn consume(&mut self, n: usize) {
        assert!(n <= self.pending().len(), "more bytes written than were pending");
        self.sent += n;
        if self.is_empty() {
            self.bytes.clear();
            self.bytes.shrink_to(KEPT_CAPACITY);
            self.sent = 0;
            self.control_replies = 0;
        } else if self.sent > self.bytes.len() / 2 {
            // Amortised: each byte moves at most once per halving.
            self.bytes.drain(..self.sent);
            self.sent = 0;
        }
    }

    /// Tells whether the transport takes no more for now. While it does not, only the latest Ping is kept to be
    /// answered (RFC 6455 §5.5.3).
    pub fn set_backed_up(&mut self, backed_up: bool) {
        self.backed_up = backed_up;
    }

    /// Frames queued by way of this buffer so far.
    pub fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    #[inline]
    pub(crate) fn count(&mut self, header: &FrameHeader) {
        self.traffic.count(header.opcode, header.payload_len);
    }

    pub(crate) fn extend_from_slice(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    #[inline]
    pub(crate) fn has_masking_keys(&self) -> bool {
        self.masking_keys.is_some()
    }

    pub(crate) fn next_masking_key(&mut self) -> Option<MaskingKey> {
        self.masking_keys.as_mut().map(|next| next())
    }

    /// Whether nothing is pending here nor backed up behind.
    pub(crate) fn is_idle(&self) -> bool {
        self.is_empty() && !self.backed_up
    }

    /// Whether a control reply of `len` bytes may be queued.
    pub(crate) fn has_room_for_reply(&self, len: usize, limits: &Limits) -> bool {
        !self.backed_up && self.control_replies + len <= limits.control_replies
    }

    pub(crate) fn count_reply(&mut self, len: usize) {
        self.control_replies += len;
    }

    #[cfg(feature = "deflate")]
    pub(crate) fn compressors(&mut self) -> &mut Compressors {
        self.compressors.get_or_insert_with(|| Box::new(Compressors::new(&DeflateConfig::default())))
    }

    /// Queues a message as a compressed frame; `false`, and nothing was queued, if that would not make it smaller.
    #[cfg(feature = "deflate")]
    pub(crate) fn push_compressed(
        &mut self,
        header: &FrameHeader,
        payload: &[u8],
        bits: u8,
        window: Option<&Window>,
    ) -> bool {
        let mut compressors = self.compressors.take();
        let made = compressors
            .get_or_insert_with(|| Box::new(Compressors::new(&DeflateConfig::default())))
            .message(payload, bits, window);
        if let Some(Packed(packed)) = made {
            self.push_frame(&FrameHeader { rsv: RSV1, payload_len: packed.len() as u64, ..*header }, packed);
        }
        let made = made.is_some();
        self.compressors = compressors;
        made
    }

    /// Counts messages that leave by another way.
    #[cfg(feature = "net")]
    #[inline]
    pub(crate) fn count_tally(&mut self, tally: Tally) {
        self.traffic.add_tally(tally);
    }

    /// Queues a whole message as it is, without a mask.
    #[cfg(feature = "net")]
    #[inline(always)]
    pub(crate) fn push_plain(&mut self, opcode: Opcode, payload: &[u8]) {
        self.traffic.count(opcode, payload.len() as u64);
        frame::append_plain_header(opcode, payload.len(), &mut self.bytes);
        self.bytes.extend_from_slice(payload);
    }

    pub(crate) fn push_frame(&mut self, header: &FrameHeader, payload: &[u8]) {
        self.count(header);
        self.bytes.reserve(FrameHeader::MAX_LEN + payload.len());
        header.encode().append_to(&mut self.bytes);
        self.bytes.extend_from_slice(payload);
        if let Some(key) = header.masking_key {
            let start = self.bytes.len() - payload.len();
            mask::apply(&mut self.bytes[start..], key);
        }
    }
}

impl Default for SendBuffer {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for SendBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendBuffer")
            .field("pending", &self.pending().len())
            .field("backed_up", &self.backed_up)
            .field("masks", &self.has_masking_keys())
            .finish_non_exhaustive()
    }
}
