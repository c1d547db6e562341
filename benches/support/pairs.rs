//! A world for an event loop whose connections are socket pairs: real system calls, and the peers' ends in the same
//! thread, so that a loop and its load share nothing with another.

use std::io::{self, IoSlice, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bowsprit::Opcode;
use bowsprit::net::{Ready, Received, Remote, Resolved, Token, Transport};

use crate::wire::{ANSWER, REQUEST, heard, said};

pub const PEERS: usize = 32;
/// Messages that a peer sends at once.
pub const BATCH: usize = 16;
const LEN: usize = 125;

/// In every round each peer says a batch and reads the echo of it.
pub struct Pairs {
    rounds: usize,
    peers: Vec<UnixStream>,
    ours: Vec<UnixStream>,
    tokens: Vec<Token>,
    /// What each peer reads before it says the next batch.
    owed: usize,
    batch: Vec<u8>,
    echo: usize,
    heard: Vec<u8>,
    remote: Option<Remote>,
    start: Instant,
}

impl Pairs {
    pub fn new(rounds: usize) -> Self {
        let (ours, peers) = (0..PEERS).map(|_| UnixStream::pair().expect("a socket pair")).unzip();
        let echo = heard(Opcode::Binary, &[7; LEN]).len() * BATCH;
        Self {
            rounds,
            peers,
            ours,
            tokens: Vec::new(),
            owed: 0,
            batch: said(Opcode::Binary, &[7; LEN]).repeat(BATCH),
            echo,
            heard: vec![0; echo.max(ANSWER.len())],
            remote: None,
            start: Instant::now(),
        }
    }

    /// What ends the loop after the last round.
    pub fn stopped_by(&mut self, remote: Remote) {
        self.remote = Some(remote);
    }

    /// Each peer reads what it is owed and says this.
    fn speak(&mut self, first: bool) -> io::Result<()> {
        for peer in &mut self.peers {
            peer.read_exact(&mut self.heard[..self.owed])?;
            peer.write_all(if first { REQUEST } else { &self.batch })?;
        }
        self.owed = if first { ANSWER.len() } else { self.echo };
        Ok(())
    }
}

impl Transport for Pairs {
    type Stream = UnixStream;

    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn poll(&mut self, ready: &mut Vec<Ready>, _: Option<Duration>) -> io::Result<()> {
        let event = |&token: &Token| Ready { token, readable: true, writable: false, closed: false };
        if !self.ours.is_empty() {
            ready.push(event(&Ready::LISTENER));
            return Ok(());
        }
        if self.rounds == 0 {
            // The ends of file.
            self.peers.clear();
            ready.extend(self.tokens.drain(..).map(|token| Ready { closed: true, ..event(&token) }));
            if let Some(remote) = self.remote.take() {
                remote.stop();
            }
            return Ok(());
        }
        let first = self.owed == 0;
        self.speak(first)?;
        self.rounds -= usize::from(!first);
        ready.extend(self.tokens.iter().map(event));
        Ok(())
    }

    fn accept(&mut self) -> io::Result<(UnixStream, SocketAddr)> {
        let stream = self.ours.pop().ok_or(io::ErrorKind::WouldBlock)?;
        stream.set_nonblocking(true)?;
        Ok((stream, SocketAddr::from((Ipv4Addr::LOCALHOST, 50_000))))
    }

    fn connect(&mut self, _: SocketAddr) -> io::Result<UnixStream> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn is_connected(&mut self, _: &mut UnixStream) -> io::Result<bool> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn resolve(&mut self, _: &str, _: u16, answer: Resolved) {
        answer(Err(io::ErrorKind::Unsupported.into()));
    }

    fn stop_accepting(&mut self) {}

    fn register(&mut self, _: &mut UnixStream, token: Token) -> io::Result<()> {
        self.tokens.push(token);
        Ok(())
    }

    fn read(&mut self, stream: &mut UnixStream, spare: &mut [u8]) -> io::Result<Received> {
        let len = stream.read(spare)?;
        Ok(Received { len, drained: len < spare.len() })
    }

    fn write(&mut self, stream: &mut UnixStream, bytes: &[u8]) -> io::Result<usize> {
        stream.write(bytes)
    }

    fn write_vectored(&mut self, stream: &mut UnixStream, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        stream.write_vectored(slices)
    }

    fn shut_down(&mut self, stream: &mut UnixStream) -> io::Result<()> {
        stream.shutdown(Shutdown::Write)
    }

    fn waker(&self) -> Arc<dyn Fn() + Send + Sync> {
        Arc::new(|| ())
    }
}
