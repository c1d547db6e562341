//! What a session is sent, encoded once for all of its receivers.

use core::cell::OnceCell;
use std::rc::Rc;
use std::string::String;
use std::vec::Vec;

use base64::Engine as _;
use bytes::Bytes;

use super::packet::{BASE64, SEPARATOR};
use crate::message::SharedMessage;

/// A message, or several that belong together: nothing comes between them. Clones share it.
#[derive(Clone, Debug)]
pub struct Outgoing(Rc<Parts>);

#[derive(Debug)]
struct Parts {
    /// With its type in front.
    text: Option<SharedMessage>,
    binaries: Vec<SharedMessage>,
    /// For polling, made for the first session that needs it. Text alone needs none.
    payload: OnceCell<String>,
    len: usize,
    compress: bool,
}

impl Outgoing {
    /// A text. It must not contain U+001E, which parts the packets of polling.
    pub fn text(text: &str) -> Self {
        Self::group(["4", text].concat(), [])
    }

    /// Bytes; they are not copied for a WebSocket.
    pub fn binary(bytes: impl Into<Bytes>) -> Self {
        Self::new(None, Vec::from([bytes.into()]))
    }

    /// A text that has its type, `4`, in front already, and bytes that follow it at once.
    pub(in crate::socketio) fn group(text: String, binaries: impl Into<Vec<Bytes>>) -> Self {
        Self::new(Some(text), binaries.into())
    }

    /// The same, not to be compressed.
    #[must_use]
    pub fn uncompressed(self) -> Self {
        match Rc::try_unwrap(self.0) {
            Ok(parts) => Self(Rc::new(Parts { compress: false, ..parts })),
            Err(shared) => {
                let (text, binaries) = (shared.text.clone(), shared.binaries.clone());
                Self(Rc::new(Parts { text, binaries, payload: OnceCell::new(), len: shared.len, compress: false }))
            }
        }
    }

    fn new(text: Option<String>, binaries: Vec<Bytes>) -> Self {
        let len = text.as_ref().map_or(0, String::len) + binaries.iter().map(Bytes::len).sum::<usize>();
        Self(Rc::new(Parts {
            text: text.map(SharedMessage::text),
            binaries: binaries.into_iter().map(SharedMessage::binary).collect(),
            payload: OnceCell::new(),
            len,
            compress: true,
        }))
    }

    /// Bytes of all its messages.
    pub(in crate::socketio) fn len(&self) -> usize {
        self.0.len
    }

    /// Whether it may be compressed.
    pub(super) fn is_compressible(&self) -> bool {
        self.0.compress
    }

    /// Its messages, for a WebSocket.
    pub(super) fn messages(&self) -> impl Iterator<Item = &SharedMessage> {
        self.0.text.iter().chain(&self.0.binaries)
    }

    /// Its packets, for polling.
    pub(super) fn payload(&self) -> &str {
        match &self.0.text {
            Some(text) if self.0.binaries.is_empty() => as_str(text),
            _ => self.0.payload.get_or_init(|| self.encode()),
        }
    }

    fn encode(&self) -> String {
        let mut payload = String::new();
        for message in self.messages() {
            if !payload.is_empty() {
                payload.push(SEPARATOR);
            }
            match self.0.text.as_ref().filter(|text| core::ptr::eq(*text, message)) {
                Some(text) => payload.push_str(as_str(text)),
                None => payload.push_str(&as_base64(message)),
            }
        }
        payload
    }
}

/// Bytes as a packet of text.
pub(super) fn as_base64(message: &SharedMessage) -> String {
    let mut text = String::from("b");
    BASE64.encode_string(message.as_bytes(), &mut text);
    text
}

fn as_str(text: &SharedMessage) -> &str {
    // It was made of a string.
    core::str::from_utf8(text.as_bytes()).unwrap_or_default()
}
