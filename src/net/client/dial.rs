//! From a host's name to an open TCP connection.

use core::time::Duration;
use std::io;
use std::net::{IpAddr, TcpStream, ToSocketAddrs};
use std::sync::mpsc;
use std::time::Instant;
use std::vec::Vec;

use super::config::ClientConfig;
use super::error::{ClientError, Stage};
use crate::net::turn::Turn;

/// Some time from a moment on. Any length will do, which an `Instant` in the future does not promise.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline {
    start: Instant,
    timeout: Duration,
}

impl Deadline {
    pub(super) fn after(timeout: Duration) -> Self {
        Self { start: Instant::now(), timeout }
    }

    /// The time left; `None` if that is none at all.
    pub(super) fn remaining(&self) -> Option<Duration> {
        self.timeout.checked_sub(self.start.elapsed()).filter(|left| !left.is_zero())
    }
}

/// Tries the host's addresses in turn. They share the time, so that a silent one leaves some for the next.
pub(super) fn dial(host: &str, port: u16, config: &ClientConfig) -> Result<(TcpStream, Option<Turn>), ClientError> {
    let addresses: Vec<_> = (host, port).to_socket_addrs().map_err(ClientError::Resolve)?.collect();
    let deadline = Deadline::after(config.connect_timeout);
    let mut last = ClientError::Resolve(io::Error::new(io::ErrorKind::NotFound, "the host has no address"));
    for (tried, address) in addresses.iter().enumerate() {
        last = ClientError::TimedOut(Stage::Connect);
        let Some(left) = deadline.remaining() else { break };
        let share = Deadline::after(left / u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX));
        let turn = match config.one_at_a_time {
            true => match wait_for_turn(address.ip(), &share) {
                None => continue,
                turn => turn,
            },
            false => None,
        };
        let Some(left) = share.remaining() else { continue };
        match TcpStream::connect_timeout(address, left) {
            Ok(stream) => return Ok((stream, turn)),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {}
            Err(error) => last = ClientError::Connect(error),
        }
    }
    Err(last)
}

fn wait_for_turn(address: IpAddr, deadline: &Deadline) -> Option<Turn> {
    let (sender, receiver) = mpsc::channel();
    Turn::wait(address, move |turn| sender.send(turn).map_err(|unsent| unsent.0));
    receiver.recv_timeout(deadline.remaining()?).ok()
}
