//! What permessage-deflate adds to a connection (RFC 7692 §6): which messages are compressed, and the windows of those
//! that refer to others.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ops::Range;

use super::{Connection, Partial, Role};
use crate::buffer::{MessageBuffer, ReceiveBuffer, SendBuffer};
use crate::deflate::{Compressor, DeflateParams, MAX_WINDOW_BITS, MIN_WINDOW_BITS, Window};
use crate::error::ProtocolError;
use crate::frame::{FrameHeader, RSV1};
use crate::message::{Kind, MessageRef};

/// What a connection keeps between messages, and within one that is sent in parts.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// With context takeover, of what was sent.
    sent: Option<Window>,
    /// With context takeover, of what was received.
    received: Option<Window>,
    /// Compresses the message whose parts are being sent.
    compressor: Option<Box<Compressor>>,
}

impl Memory {
    pub(super) fn is_vacant(&self) -> bool {
        self.sent.is_none() && self.received.is_none() && self.compressor.is_none()
    }

    /// Bytes that it takes.
    #[cfg(feature = "net")]
    pub(super) fn held(&self) -> usize {
        let windows = self.sent.iter().chain(&self.received).map(Window::held).sum::<usize>();
        windows + self.compressor.as_ref().map_or(0, |compressor| compressor.held())
    }
}

impl Connection {
    pub(super) fn with_deflate(mut self, params: DeflateParams) -> Self {
        let server = (params.server_max_window_bits, params.server_no_context_takeover);
        let client = (params.client_max_window_bits, params.client_no_context_takeover);
        let (ours, theirs) = if self.role == Role::Server { (server, client) } else { (client, server) };
        let clamp = |bits: u8| bits.clamp(MIN_WINDOW_BITS, MAX_WINDOW_BITS);
        let window = |(bits, no_takeover): (u8, bool)| (!no_takeover).then(|| Window::new(clamp(bits)));
        let memory = Memory { sent: window(ours), received: window(theirs), compressor: None };
        if !memory.is_vacant() {
            self.partial = Some(Box::new(Partial { memory, ..Partial::default() }));
        }
        self.send_bits = clamp(ours.0);
        self
    }

    /// Queues a message compressed; `false`, and nothing was queued or remembered, if it is to go plain.
    pub(super) fn send_compressed(
        &mut self,
        header: &FrameHeader,
        message: &MessageRef<'_>,
        output: &mut SendBuffer,
    ) -> bool {
        if message.is_plain() {
            return false;
        }
        let mut window = self.partial.as_mut().and_then(|partial| partial.memory.sent.as_mut());
        let sent = output.push_compressed(header, message.as_bytes(), self.send_bits, window.as_deref());
        if let (true, Some(window)) = (sent, &mut window) {
            window.push(message.as_bytes());
        }
        sent
    }

    /// What a part of a message is sent as, and the reserved bits of its frame; `None` if its message goes plain. A
    /// message is compressed if its first part does not ask for the contrary.
    pub(super) fn compress_part(
        &mut self,
        part: &MessageRef<'_>,
        last: bool,
        output: &mut SendBuffer,
    ) -> Option<(u8, Vec<u8>)> {
        let first = self.sending.is_none();
        if self.send_bits == 0 || (first && part.is_plain()) {
            return None;
        }
        let send_bits = self.send_bits;
        let memory = &mut self.partial().memory;
        let mut compressor = if first {
            let mut compressor = output.compressors().take(send_bits);
            compressor.begin(memory.sent.as_ref());
            compressor
        } else {
            memory.compressor.take()?
        };
        let mut packed = Vec::new();
        compressor.part(part.as_bytes(), last, &mut packed);
        if let Some(window) = &mut memory.sent {
            window.push(part.as_bytes());
        }
        if last {
            output.compressors().put_back(compressor);
        } else {
            memory.compressor = Some(compressor);
        }
        Some((if first { RSV1 } else { 0 }, packed))
    }

    /// How far back what is sent may refer, as a power of two.
    #[cfg(feature = "net")]
    pub(crate) fn send_bits(&self) -> u8 {
        self.send_bits
    }

    #[cfg(feature = "net")]
    pub(super) fn clear_sent(&mut self) {
        if let Some(window) = self.partial.as_mut().and_then(|partial| partial.memory.sent.as_mut()) {
            window.clear();
        }
    }

    /// Inflates a message that lies whole in the input; its event is that of an assembled one.
    pub(super) fn inflate(
        &mut self,
        kind: Kind,
        payload: Range<usize>,
        input: &mut ReceiveBuffer,
    ) -> Result<(), ProtocolError> {
        let window = self.partial.as_mut().and_then(|partial| partial.memory.received.as_mut());
        input.inflate(kind, payload, window)
    }

    /// Inflates a message that was assembled.
    pub(super) fn inflate_assembled(
        &mut self,
        kind: Kind,
        payload: MessageBuffer,
        input: &mut ReceiveBuffer,
    ) -> Result<(), ProtocolError> {
        let window = self.partial.as_mut().and_then(|partial| partial.memory.received.as_mut());
        input.inflate_assembled(kind, payload, window)
    }
}
