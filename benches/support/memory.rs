//! A world for an event loop that is all memory: its peers follow a plan, and what it costs is the loop's own work.
#![allow(dead_code)]

use std::io::{self, IoSlice};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bowsprit::net::{Config, EventLoop, Handler, Ready, Received, Remote, Resolved, Token, Transport};

use crate::wire::{ANSWER, REQUEST};

/// What the peers of a loop do.
pub enum Plan {
    /// One after the other connects, is answered with 101, and is gone.
    Handshakes(usize),
    /// All connect; then, in every round, each of the first `speakers` says `batch`, and every peer
    /// hears `reply`: compared byte for byte in the first round, and by its length in the others.
    Rounds { peers: usize, speakers: usize, rounds: usize, batch: Vec<u8>, reply: Vec<u8> },
}

/// Carries it out, and returns how long it took without what comes before the first round.
///
/// # Panics
///
/// If a peer is sent anything else than the plan says.
pub fn run<H: Handler>(plan: Plan, handler: H) -> Duration {
    let took = Arc::new(Mutex::new(Duration::ZERO));
    let mut memory = Memory {
        plan,
        stage: Stage::Connect,
        done: 0,
        to_accept: 0,
        tokens: Vec::new(),
        heard: 0,
        expected: 0,
        remote: None,
        start: Instant::now(),
        took: took.clone(),
    };
    let remote = Remote::new(&memory);
    memory.remote = Some(remote.clone());
    EventLoop::new(memory, Config::default(), handler, remote).run().unwrap();
    let took = took.lock().unwrap();
    *took
}

const COPY: usize = 1 << 10;

struct Memory {
    plan: Plan,
    stage: Stage,
    /// Handshakes or rounds.
    done: usize,
    to_accept: usize,
    tokens: Vec<Token>,
    /// Bytes, by all peers together, since the stage began.
    heard: usize,
    expected: usize,
    remote: Option<Remote>,
    start: Instant,
    took: Arc<Mutex<Duration>>,
}

#[derive(Clone, Copy, PartialEq)]
enum Stage {
    Connect,
    Ask,
    Speak,
    Leave,
}

/// One peer.
struct Stream {
    asked: bool,
    answered: bool,
    /// Rounds that it has spoken in.
    spoken: usize,
    /// Bytes heard of the answer, or of the round's reply.
    at: usize,
}

impl Memory {
    /// The next thing to happen.
    fn advance(&mut self, ready: &mut Vec<Ready>) {
        let event = |&token: &Token| Ready { token, readable: true, writable: false, closed: false };
        (self.heard, self.expected) = (0, 0);
        match self.stage {
            Stage::Connect => {
                self.to_accept = match self.plan {
                    Plan::Handshakes(_) => 1,
                    Plan::Rounds { peers, .. } => peers,
                };
                ready.push(event(&Ready::LISTENER));
                self.stage = Stage::Ask;
            }
            Stage::Ask => {
                ready.extend(self.tokens.iter().map(event));
                self.expected = self.tokens.len() * ANSWER.len();
                self.stage = match self.plan {
                    Plan::Handshakes(_) => Stage::Leave,
                    Plan::Rounds { .. } => Stage::Speak,
                };
            }
            Stage::Speak => {
                let Plan::Rounds { peers, speakers, rounds, ref reply, .. } = self.plan else { unreachable!() };
                if self.done == 0 {
                    self.start = Instant::now();
                }
                if self.done == rounds {
                    self.finish();
                    self.stage = Stage::Leave;
                    return;
                }
                ready.extend(self.tokens[..speakers].iter().map(event));
                self.expected = peers * reply.len();
                self.done += 1;
            }
            Stage::Leave => {
                ready.extend(self.tokens.drain(..).map(|token| Ready { closed: true, ..event(&token) }));
                if let Plan::Handshakes(count) = self.plan {
                    self.done += 1;
                    if self.done == count {
                        self.finish();
                    } else {
                        self.stage = Stage::Connect;
                    }
                }
            }
        }
    }

    fn finish(&mut self) {
        *self.took.lock().unwrap() = self.start.elapsed();
        self.remote.take().unwrap().stop();
    }
}

impl Transport for Memory {
    type Stream = Stream;

    fn now(&self) -> Duration {
        // It stands still, so that no timer adds to what is measured.
        Duration::from_secs(1)
    }

    fn poll(&mut self, ready: &mut Vec<Ready>, timeout: Option<Duration>) -> io::Result<()> {
        if self.to_accept == 0 && self.heard == self.expected {
            self.advance(ready);
        } else {
            let missing = (self.to_accept, self.expected, self.heard);
            assert_eq!(timeout, Some(Duration::ZERO), "the loop waits though it has work: {missing:?}");
        }
        Ok(())
    }

    fn accept(&mut self) -> io::Result<(Stream, SocketAddr)> {
        self.to_accept = self.to_accept.checked_sub(1).ok_or(io::ErrorKind::WouldBlock)?;
        let stream = Stream { asked: false, answered: false, spoken: 0, at: 0 };
        Ok((stream, SocketAddr::from((Ipv4Addr::LOCALHOST, 50_000))))
    }

    fn connect(&mut self, _: SocketAddr) -> io::Result<Stream> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn is_connected(&mut self, _: &mut Stream) -> io::Result<bool> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn resolve(&mut self, _: &str, _: u16, answer: Resolved) {
        answer(Err(io::ErrorKind::Unsupported.into()));
    }

    fn stop_accepting(&mut self) {}

    fn register(&mut self, _: &mut Stream, token: Token) -> io::Result<()> {
        self.tokens.push(token);
        Ok(())
    }

    fn read(&mut self, stream: &mut Stream, spare: &mut [u8]) -> io::Result<Received> {
        let said: &[u8] = match &self.plan {
            _ if !stream.asked => REQUEST,
            Plan::Rounds { batch, .. } if self.stage == Stage::Speak => {
                if stream.spoken == self.done {
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                batch
            }
            // The end of file.
            _ => &[],
        };
        stream.asked = true;
        stream.spoken = self.done;
        // In pieces: long ones are copied by `rep movsb`, each byte of which counts as an instruction.
        for (to, from) in spare.chunks_mut(COPY).zip(said.chunks(COPY)) {
            to[..from.len()].copy_from_slice(from);
        }
        Ok(Received { len: said.len(), drained: true })
    }

    fn write(&mut self, stream: &mut Stream, bytes: &[u8]) -> io::Result<usize> {
        let planned = match &self.plan {
            // The Close of a server that stops.
            _ if self.remote.is_none() => return Ok(bytes.len()),
            _ if !stream.answered => ANSWER,
            Plan::Rounds { reply, .. } => reply,
            Plan::Handshakes(_) => &[],
        };
        let (start, end) = (stream.at, stream.at + bytes.len());
        assert!(end <= planned.len(), "{end} bytes of {}", planned.len());
        assert!(self.done > 1 || planned[start..end] == *bytes, "another reply than planned");
        self.heard += bytes.len();
        stream.answered |= end == planned.len();
        stream.at = end % planned.len();
        Ok(bytes.len())
    }

    fn write_vectored(&mut self, stream: &mut Stream, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        slices.iter().map(|slice| self.write(stream, slice)).sum()
    }

    fn shut_down(&mut self, _: &mut Stream) -> io::Result<()> {
        Ok(())
    }

    fn waker(&self) -> Arc<dyn Fn() + Send + Sync> {
        Arc::new(|| ())
    }
}
