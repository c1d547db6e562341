//! A test's end of a connection: messages.

use core::time::Duration;
use std::collections::VecDeque;
use std::io;
use std::string::String;
use std::vec::Vec;

use super::Link;
use crate::buffer::{ReceiveBuffer, SendBuffer};
use crate::close::CloseCode;
use crate::connection::Connection;
use crate::error::{Failure, HandshakeError, UsageError};
use crate::frame::Status;
use crate::handshake::ClientRequest;
use crate::limits::Limits;
use crate::mask::MaskingKey;
use crate::message::{Event, Message, MessageRef};
use crate::net::{ClientError, Refusal, Stage};

/// A WebSocket client in a [`World`](super::World): strict in what it accepts, and it reads only when it is told to.
///
/// It answers Pings and Closes by itself, when it reads them. Its masking keys are all zero: the bytes of a test are
/// the same each time.
#[derive(Debug)]
pub struct TestClient {
    link: Link,
    conn: Connection,
    input: ReceiveBuffer,
    output: SendBuffer,
    heard: VecDeque<Heard>,
    over: bool,
}

/// What a [`TestClient`] receives.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Heard {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Vec<u8>),
    /// A Ping, which is answered.
    Ping(Vec<u8>),
    /// A Pong.
    Pong(Vec<u8>),
    /// A Close, which is answered if it is the first (RFC 6455 §5.5.1).
    Close(CloseCode, String),
    /// The server broke a rule.
    Failed(Failure),
    /// The end of file. Nothing follows.
    End,
    /// The connection was reset. Nothing follows.
    Reset,
}

impl TestClient {
    pub(super) fn open(mut link: Link, request: &ClientRequest) -> Result<Self, ClientError> {
        let mut limits = Limits::default();
        (limits.message, limits.frame) = (1 << 30, 1 << 30);
        let (mut input, mut output) =
            (ReceiveBuffer::new(limits), SendBuffer::with_masking_keys(|| MaskingKey::new([0; 4])));
        #[cfg(feature = "deflate")]
        if let Some(config) = request.offered_deflate() {
            output.set_deflate(config);
        }
        let mut handshake = request.start(*b"the sample nonce", &mut output)?;
        link.write_all(output.pending()).map_err(ClientError::Lost)?;
        output.consume(output.pending().len());
        loop {
            let bytes = link.read();
            input.extend_from_slice(&bytes);
            match handshake.receive(&mut input)? {
                Status::Complete(answer) => {
                    let conn = match answer.check_upgrade() {
                        Ok(negotiated) => Connection::client(negotiated),
                        Err(HandshakeError::NotSwitched) => return Err(ClientError::Refused(Refusal::new(&answer))),
                        Err(error) => return Err(error.into()),
                    };
                    let mut client = Self { link, conn, input, output, heard: VecDeque::new(), over: false };
                    client.take();
                    return Ok(client);
                }
                Status::Partial if link.is_reset() => {
                    return Err(ClientError::Lost(io::ErrorKind::ConnectionReset.into()));
                }
                Status::Partial if link.is_over() => {
                    return Err(ClientError::Lost(io::ErrorKind::UnexpectedEof.into()));
                }
                Status::Partial if bytes.is_empty() => return Err(ClientError::TimedOut(Stage::Handshake)),
                Status::Partial => {}
            }
        }
    }

    /// Sends a message: as much of it as there is room for goes at once, the rest with the calls that follow.
    ///
    /// # Panics
    ///
    /// If the connection is closing.
    pub fn send<'m>(&mut self, message: impl Into<MessageRef<'m>>) {
        self.conn.send(message, &mut self.output).expect("the connection is open");
        self.flush();
    }

    /// Sends a Ping.
    ///
    /// # Errors
    ///
    /// A payload over 125 bytes; the connection is closing.
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), UsageError> {
        self.conn.ping(payload, &mut self.output)?;
        self.flush();
        Ok(())
    }

    /// Starts the closing handshake (RFC 6455 §7.1.2).
    ///
    /// # Errors
    ///
    /// A code that must not be sent; a reason over 123 bytes; the connection is closing.
    pub fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), UsageError> {
        self.conn.close(code, reason, &mut self.output)?;
        self.flush();
        Ok(())
    }

    /// The next thing that arrives without the clock moving; `None` if there is none.
    pub fn receive(&mut self) -> Option<Heard> {
        while self.heard.is_empty() && !self.over {
            self.flush();
            let unsent = self.output.pending().len();
            let bytes = self.link.read();
            self.input.extend_from_slice(&bytes);
            self.take();
            if self.link.is_over() {
                self.over = true;
                self.heard.push_back(if self.link.is_reset() { Heard::Reset } else { Heard::End });
            }
            if bytes.is_empty() && self.output.pending().len() == unsent {
                break;
            }
        }
        self.heard.pop_front()
    }

    /// The next thing that arrives, for which the clock is moved by at most `patience`; `None` if there is none.
    pub fn receive_within(&mut self, patience: Duration) -> Option<Heard> {
        let world = self.link.world().clone();
        let until = world.now().saturating_add(patience);
        loop {
            let heard = self.receive();
            let left = until.saturating_sub(world.now());
            if heard.is_some() || left.is_zero() {
                return heard;
            }
            world.advance_to_next(left);
        }
    }

    /// Everything that arrives without the clock moving.
    pub fn receive_all(&mut self) -> Vec<Heard> {
        core::iter::from_fn(|| self.receive()).collect()
    }

    /// The bytes below, to stall or to cut them, or to send what no client would.
    pub fn link(&mut self) -> &mut Link {
        &mut self.link
    }

    /// Goes through what was read.
    fn take(&mut self) {
        while let Some(event) = self.conn.receive(&mut self.input, &mut self.output) {
            self.heard.push_back(match event {
                Event::Message(Message::Text(text)) => Heard::Text(text.into_string()),
                Event::Message(Message::Binary(binary)) => Heard::Binary(binary.to_vec()),
                Event::Ping(payload) => Heard::Ping(payload.to_vec()),
                Event::Pong(payload) => Heard::Pong(payload.to_vec()),
                Event::Close(frame) => Heard::Close(frame.reported_code(), frame.reason.into()),
                Event::Failed(error) => Heard::Failed(error),
            });
        }
        self.flush();
    }

    fn flush(&mut self) {
        // Whether it is lost shows when it is read.
        while let Ok(written) = self.link.write(self.output.pending()) {
            self.output.consume(written);
            if written == 0 || self.output.is_empty() {
                break;
            }
        }
    }
}
