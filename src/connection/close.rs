//! The closing handshake, and failing (RFC 6455 §7.1).

use super::Connection;
use super::state::Trigger;
use crate::buffer::SendBuffer;
use crate::close::{CloseCode, CloseFrame};
use crate::error::{Failure, UsageError};
use crate::frame::Opcode;

impl Connection {
    /// Starts the closing handshake (RFC 6455 §7.1.2). Keep receiving until the peer's Close has come.
    ///
    /// # Errors
    ///
    /// [`UsageError::NotOpen`] if it has begun already; a code that must not be sent; a reason over 123 bytes.
    pub fn close(&mut self, code: CloseCode, reason: &str, output: &mut SendBuffer) -> Result<(), UsageError> {
        let frame = CloseFrame { code: Some(code), reason };
        frame.check()?;
        self.check_open(output)?;
        self.push_close(&frame, output);
        self.state.on(Trigger::SendClose);
        Ok(())
    }

    /// Fails the connection for a reason of yours, such as a policy (RFC 6455 §7.1.7): sends a Close, and discards
    /// whatever the peer sends from here on. Close the transport once the output is written.
    ///
    /// # Errors
    ///
    /// A code that must not be sent; a reason over 123 bytes; [`UsageError::NotOpen`] once both Close frames are
    /// exchanged or the connection has failed.
    pub fn fail(&mut self, code: CloseCode, reason: &str, output: &mut SendBuffer) -> Result<(), UsageError> {
        let frame = CloseFrame { code: Some(code), reason };
        frame.check()?;
        if !self.state.reads() {
            return Err(UsageError::NotOpen);
        }
        self.fail_with(&frame, output);
        Ok(())
    }

    /// The peer broke a rule, at a place in the current frame. Returns it with the place in the stream.
    #[cold]
    pub(super) fn failed(&mut self, in_frame: Failure, output: &mut SendBuffer) -> Failure {
        let error = in_frame.error;
        self.fail_with(&CloseFrame { code: Some(error.close_code()), reason: error.rule() }, output);
        error.at(self.received + in_frame.at)
    }

    /// Answers the peer's Close with its own code, unless ours came first (§5.5.1).
    pub(super) fn answer_close(&mut self, received: &CloseFrame<'_>, output: &mut SendBuffer) {
        self.close_received = received.reported_code().as_u16();
        if self.state.may_close() {
            self.push_close(&CloseFrame { code: received.code, reason: "" }, output);
        }
        self.state.on(Trigger::ReceiveClose);
        self.partial = None;
    }

    fn fail_with(&mut self, frame: &CloseFrame<'_>, output: &mut SendBuffer) {
        if self.state.may_close() {
            self.push_close(frame, output);
        }
        self.state.on(Trigger::Fail);
        self.partial = None;
    }

    fn push_close(&mut self, frame: &CloseFrame<'_>, output: &mut SendBuffer) {
        let mut body = [0; 2 + CloseFrame::MAX_REASON_LEN];
        let len = match frame.code {
            None => 0,
            Some(code) => {
                let end = 2 + frame.reason.len();
                body[..2].copy_from_slice(&code.as_u16().to_be_bytes());
                body[2..end].copy_from_slice(frame.reason.as_bytes());
                end
            }
        };
        self.push_control(Opcode::Close, &body[..len], output);
    }
}
