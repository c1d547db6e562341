//! An open connection: the core behind a lock, and the socket, which is read and written without it.
//!
//! ```text
//! send ──▶ lock: frame ──▶ one writer at a time: take the output, unlock, write, lock
//! receive ──▶ lock: find an event, frame its reply ──▶ write it if nobody else writes ──▶ unlock, read
//! ```
//!
//! Reading goes on while another thread's write is stuck: a server that stops reading until it is read goes on too.

use core::time::Duration;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::string::String;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use std::vec::Vec;

use super::config::ClientConfig;
use super::dial::Deadline;
use super::error::{ClientError, Stage};
use super::tap::{Direction, Tap};
use crate::buffer::{ReceiveBuffer, SendBuffer};
use crate::close::CloseCode;
use crate::connection::Connection;
use crate::error::UsageError;
use crate::message::{Event, Message};
use crate::net::random::Keys;

/// What both halves share.
pub(super) struct Link {
    pub(super) stream: TcpStream,
    core: Mutex<Core>,
    /// Signalled when a writer is done.
    written: Condvar,
    read_timeout: Option<Duration>,
    close_timeout: Duration,
    tap: Option<Tap>,
}

struct Core {
    conn: Connection,
    output: SendBuffer,
    keys: Keys,
    /// What is being written, out of the lock; its allocation is kept.
    leaving: Vec<u8>,
    is_writing: bool,
    /// Senders that wait for the writer.
    waiting: usize,
    /// A write has failed.
    is_cut_off: bool,
    /// Since our Close.
    closing: Option<Deadline>,
}

/// What only the receiving half has.
pub(super) struct Inbox {
    pub(super) input: ReceiveBuffer,
    pub(super) close_reason: String,
    end: Option<End>,
    /// The socket's.
    read_timeout: Option<Duration>,
}

#[derive(Clone, Copy)]
enum End {
    Clean,
    Failed,
}

impl Inbox {
    pub(super) fn new(input: ReceiveBuffer) -> Self {
        Self { input, close_reason: String::new(), end: None, read_timeout: None }
    }
}

impl Link {
    pub(super) fn new(
        stream: TcpStream,
        conn: Connection,
        output: SendBuffer,
        keys: Keys,
        config: &ClientConfig,
    ) -> Self {
        let core = Core {
            conn,
            output,
            keys,
            leaving: Vec::new(),
            is_writing: false,
            waiting: 0,
            is_cut_off: false,
            closing: None,
        };
        Self {
            stream,
            core: Mutex::new(core),
            written: Condvar::new(),
            read_timeout: config.read_timeout,
            close_timeout: config.close_timeout,
            tap: config.tap.clone(),
        }
    }

    pub(super) fn close_code(&self) -> CloseCode {
        self.lock().conn.close_code()
    }

    pub(super) fn receive_parts(&self, in_parts: bool) {
        self.lock().conn.receive_parts(in_parts);
    }

    pub(super) fn has_more_parts(&self) -> bool {
        self.lock().conn.has_more_parts()
    }

    /// Shows bytes of frames to who asked for them.
    pub(super) fn tap(&self, direction: Direction, bytes: &[u8]) {
        if let Some(tap) = &self.tap {
            tap.show(direction, bytes);
        }
    }

    /// Frames something and writes it out.
    pub(super) fn send(
        &self,
        frame: impl FnOnce(&mut Connection, &mut SendBuffer) -> Result<(), UsageError>,
    ) -> Result<(), ClientError> {
        let mut core = self.lock();
        if core.is_cut_off {
            return Err(UsageError::NotOpen.into());
        }
        core.frame(frame)?;
        self.flush(core)
    }

    /// Starts the closing handshake.
    pub(super) fn close(&self, code: CloseCode, reason: &str) -> Result<(), ClientError> {
        let mut core = self.lock();
        if core.is_cut_off {
            return Err(UsageError::NotOpen.into());
        }
        core.frame(|conn, output| conn.close(code, reason, output))?;
        core.closing = Some(Deadline::after(self.close_timeout));
        self.flush(core)
    }

    /// The next message; `None` once the connection is closed cleanly.
    pub(super) fn receive<'i>(&self, inbox: &'i mut Inbox) -> Result<Option<Message<'i>>, ClientError> {
        match inbox.end {
            Some(End::Clean) => return Ok(None),
            Some(End::Failed) => return Err(UsageError::NotOpen.into()),
            None => {}
        }
        let mut heard = Instant::now();
        loop {
            inbox.input.recycle();
            let mut guard = self.lock();
            let core = &mut *guard;
            core.keys.refill().map_err(ClientError::Random)?;
            let Some(found) = core.conn.find(&mut inbox.input, &mut core.output) else {
                self.reply(guard);
                self.read(inbox, &mut heard)?;
                continue;
            };
            if found.is_message() {
                return match core.conn.show(found, &mut inbox.input, &mut core.output) {
                    Event::Message(message) => Ok(Some(message)),
                    Event::Failed(failure) => {
                        inbox.end = Some(End::Failed);
                        self.part(guard);
                        Err(ClientError::Protocol(failure))
                    }
                    Event::Ping(_) | Event::Pong(_) | Event::Close(_) => unreachable!("a message was found"),
                };
            }
            match core.conn.show(found, &mut inbox.input, &mut core.output) {
                Event::Close(frame) => {
                    inbox.close_reason.push_str(frame.reason);
                    inbox.end = Some(End::Clean);
                    self.part(guard);
                    return Ok(None);
                }
                Event::Failed(failure) => {
                    inbox.end = Some(End::Failed);
                    self.part(guard);
                    return Err(ClientError::Protocol(failure));
                }
                Event::Message(_) | Event::Ping(_) | Event::Pong(_) => self.reply(guard),
            }
        }
    }

    /// Waits for bytes. `heard` is when the last ones came.
    fn read(&self, inbox: &mut Inbox, heard: &mut Instant) -> Result<(), ClientError> {
        loop {
            let closing = self.lock().closing;
            let silence = self.read_timeout.map(|timeout| timeout.saturating_sub(heard.elapsed()));
            let left = match (closing, silence) {
                (Some(deadline), _) => deadline.remaining(),
                (None, silence) => silence.or(Some(Duration::MAX)).filter(|left| !left.is_zero()),
            };
            let Some(left) = left else {
                if closing.is_none() {
                    return Err(ClientError::TimedOut(Stage::Receive));
                }
                return Err(self.lose(inbox, ClientError::TimedOut(Stage::Close)));
            };
            // Another thread may close while this one waits, and then the time is bounded.
            let wait = Some(left.min(self.close_timeout).max(SHORTEST));
            if inbox.read_timeout != wait {
                self.stream.set_read_timeout(wait).map_err(ClientError::Lost)?;
                inbox.read_timeout = wait;
            }
            match (&self.stream).read(inbox.input.spare()) {
                Ok(0) => {
                    let error = io::ErrorKind::UnexpectedEof.into();
                    return Err(self.lose(inbox, ClientError::Lost(error)));
                }
                Ok(n) => {
                    inbox.input.filled(n);
                    self.tap(Direction::In, inbox.input.unread());
                    *heard = Instant::now();
                    return Ok(());
                }
                // Once around: a Pong may be due that had no room.
                Err(error) if is_timeout(&error) => {
                    let mut core = self.lock();
                    if core.keys.refill().is_ok() {
                        let core = &mut *core;
                        core.conn.resume(&mut core.output);
                    }
                    self.reply(core);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.lose(inbox, ClientError::Lost(error))),
            }
        }
    }

    /// The transport is of no more use (§7.1.4).
    fn lose(&self, inbox: &mut Inbox, error: ClientError) -> ClientError {
        inbox.end = Some(End::Failed);
        self.lock().conn.receive_eof();
        let _ = self.stream.shutdown(Shutdown::Both);
        error
    }

    /// The last frames are framed: writes them, then waits until the server has closed TCP, which is for the server to
    /// do first (§7.1.1). What it sends until then is discarded, for unread it would make a reset of our end.
    fn part(&self, core: MutexGuard<'_, Core>) {
        let is_clean = core.conn.close_code() != CloseCode::ABNORMAL;
        let flushed = self.flush(core);
        if !is_clean {
            let _ = self.stream.shutdown(Shutdown::Write);
        }
        let deadline = Deadline::after(self.close_timeout);
        let mut discarded = [0; 4096];
        while let (Ok(()), Some(left)) = (&flushed, deadline.remaining()) {
            if self.stream.set_read_timeout(Some(left.max(SHORTEST))).is_err() {
                break;
            }
            match (&self.stream).read(&mut discarded) {
                Ok(0) => break,
                Err(error) if error.kind() != io::ErrorKind::Interrupted => break,
                _ => {}
            }
        }
        self.lock().conn.receive_eof();
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    /// Writes the replies out, unless somebody writes already, or is about to, and will take them along.
    fn reply<'c>(&'c self, core: MutexGuard<'c, Core>) {
        if core.is_writing || core.waiting > 0 || core.is_cut_off || core.output.is_empty() {
            return;
        }
        // Not our error: what has arrived is still to be read, perhaps a Close that tells why.
        drop(self.write(core));
    }

    /// Writes out all there is; returns when that is done, whoever did it.
    fn flush<'c>(&'c self, mut core: MutexGuard<'c, Core>) -> Result<(), ClientError> {
        core.waiting += 1;
        while core.is_writing {
            core = self.written.wait(core).unwrap_or_else(PoisonError::into_inner);
        }
        core.waiting -= 1;
        if core.is_cut_off {
            return Err(ClientError::Lost(io::ErrorKind::BrokenPipe.into()));
        }
        while !core.output.is_empty() {
            core = self.write(core)?;
        }
        Ok(())
    }

    /// Writes what is in the output now, out of the lock. Nobody else is writing.
    fn write<'c>(&'c self, mut core: MutexGuard<'c, Core>) -> Result<MutexGuard<'c, Core>, ClientError> {
        let mut leaving = core.take_output();
        core.is_writing = true;
        drop(core);
        self.tap(Direction::Out, &leaving);
        let result = (&self.stream).write_all(&leaving);
        leaving.clear();
        leaving.shrink_to(KEPT_CAPACITY);
        let mut core = self.lock();
        core.leaving = leaving;
        core.is_writing = false;
        core.is_cut_off = result.is_err();
        self.written.notify_all();
        match result {
            Ok(()) => Ok(core),
            Err(error) if is_timeout(&error) => Err(ClientError::TimedOut(Stage::Send)),
            Err(error) => Err(ClientError::Lost(error)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Core {
    fn frame(
        &mut self,
        frame: impl FnOnce(&mut Connection, &mut SendBuffer) -> Result<(), UsageError>,
    ) -> Result<(), ClientError> {
        self.keys.refill().map_err(ClientError::Random)?;
        Ok(frame(&mut self.conn, &mut self.output)?)
    }

    fn take_output(&mut self) -> Vec<u8> {
        let mut leaving = core::mem::take(&mut self.leaving);
        leaving.extend_from_slice(self.output.pending());
        self.output.consume(leaving.len());
        leaving
    }
}

/// A socket's timeout must not be zero.
pub(super) const SHORTEST: Duration = Duration::from_millis(1);
/// What an idle client may keep allocated for writing.
const KEPT_CAPACITY: usize = 64 << 10;

/// Which of the two it is depends on the system.
pub(super) fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
