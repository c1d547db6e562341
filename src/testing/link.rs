//! A test's end of a connection: bytes.

use std::vec::Vec;
use std::{io, vec};

use super::World;
use super::state::End;
use super::wire::Wire;

/// A connection to a server of the [`World`], at the level of TCP. Dropping it closes it.
#[derive(Debug)]
pub struct Link {
    world: World,
    end: End,
}

impl Link {
    pub(super) fn new(world: World, end: End) -> Self {
        Self { world, end }
    }

    /// Writes as much as there is room for, and tells how much that was.
    ///
    /// # Errors
    ///
    /// [`ConnectionRefused`](io::ErrorKind::ConnectionRefused), [`ConnectionReset`](io::ErrorKind::ConnectionReset) or
    /// [`BrokenPipe`](io::ErrorKind::BrokenPipe).
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.world.state().write(self.end, bytes) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            written => written,
        }
    }

    /// Writes everything, and runs the world between the writes.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write); [`WouldBlock`](io::ErrorKind::WouldBlock) if the rest is not taken.
    pub fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let mut written = self.write(bytes)?;
            self.world.run();
            if written == 0 {
                written = self.write(bytes)?;
            }
            if written == 0 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            bytes = &bytes[written..];
        }
        Ok(())
    }

    /// Runs the world and reads everything that arrives without the clock moving.
    pub fn read(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        loop {
            self.world.run();
            let before = bytes.len();
            self.read_arrived(&mut bytes);
            if bytes.len() == before {
                return bytes;
            }
        }
    }

    /// Whether the other end has closed its side, and everything before that was read; or the connection was reset.
    pub fn is_over(&self) -> bool {
        let (ended, reset) = self.world.state().is_over(self.end);
        ended || reset
    }

    /// Whether the connection was reset, or refused.
    pub fn is_reset(&self) -> bool {
        self.world.state().is_over(self.end).1
    }

    /// Closes our side; the other end reads the end of file behind what was written.
    pub fn shut_down(&mut self) {
        // A reset connection is as closed as it can be.
        let _ = self.world.state().shut_down(self.end);
    }

    /// Ends the connection by a reset.
    pub fn reset(&mut self) {
        self.world.state().reset(self.end);
    }

    /// Changes what the direction from here to the server is like.
    pub fn outgoing(&mut self, change: impl FnOnce(&mut Wire)) {
        self.world.state().rewire(self.end, true, change);
    }

    /// Changes what the direction from the server to here is like.
    pub fn incoming(&mut self, change: impl FnOnce(&mut Wire)) {
        self.world.state().rewire(self.end, false, change);
    }

    /// Nothing arrives any more, in either direction, until [`resume`](Self::resume).
    pub fn stall(&mut self) {
        self.outgoing(|wire| wire.stalled = true);
        self.incoming(|wire| wire.stalled = true);
    }

    /// What was held up by [`stall`](Self::stall) arrives, and the rest in its time.
    pub fn resume(&mut self) {
        self.outgoing(|wire| wire.stalled = false);
        self.incoming(|wire| wire.stalled = false);
    }

    pub(super) fn world(&self) -> &World {
        &self.world
    }

    /// Reads what is there.
    fn read_arrived(&mut self, into: &mut Vec<u8>) {
        let mut chunk = vec![0; 64 << 10];
        let mut state = self.world.state();
        state.deliver();
        while let Ok(received) = state.read(self.end, &mut chunk) {
            into.extend_from_slice(&chunk[..received.len]);
            if received.len == 0 {
                break;
            }
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.world.state().close(self.end);
    }
}
