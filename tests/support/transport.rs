//! TCP with a hand in between: reads cut short, calls counted, slices written down.
#![allow(dead_code)]

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bowsprit::net::{Ready, Received, Resolved, Tcp, Token, Transport};

/// TCP whose calls can be watched and spoiled.
pub struct Watched {
    tcp: Tcp,
    hands: Arc<Hands>,
    dice: u64,
    /// All that were ever registered, if they [haunt](Hands::haunted).
    tokens: Vec<Token>,
}

/// What is done to the calls, and what was seen of them.
#[derive(Default)]
pub struct Hands {
    /// The most bytes that a read brings, drawn anew each time; `None` is no limit.
    pub read_at_most: Option<(usize, usize)>,
    /// How many calls to accept still fail.
    pub accepts_to_fail: AtomicUsize,
    /// With what they fail; 0 is for want of descriptors.
    pub accept_error: i32,
    pub accepts: AtomicUsize,
    /// What every host's name is looked up as; `None` asks the system.
    pub addresses: Option<Vec<SocketAddr>>,
    /// With each event comes one of everything that can happen to every connection there ever was.
    pub haunted: bool,
    /// Connections of ours never open.
    pub never_connected: bool,
    /// To wait fails from now on.
    pub polls_fail: AtomicBool,
    pub polls: AtomicUsize,
    pub reads: AtomicUsize,
    pub writes: AtomicUsize,
    pub registrations: AtomicUsize,
    pub deregistrations: AtomicUsize,
    pub shut_downs: AtomicUsize,
    /// How often another thread woke the loop, or the loop itself.
    pub wakes: AtomicUsize,
    /// Address and length of every slice of at least 64 KiB that was written.
    pub large_slices: Mutex<Vec<(usize, usize)>>,
}

impl Hands {
    /// As `1` or `1-4096` says.
    pub fn reading_at_most(limit: &str) -> io::Result<Self> {
        let (least, most) = limit.split_once('-').unwrap_or((limit, limit));
        let number = |text: &str| text.parse().map_err(|_| io::Error::other("a limit is N or N-M"));
        Ok(Self { read_at_most: Some((number(least)?, number(most)?)), ..Self::default() })
    }
}

impl Watched {
    pub fn new(tcp: Tcp, hands: Arc<Hands>) -> Self {
        Self { tcp, hands, dice: 0x9e37_79b9_7f4a_7c15, tokens: Vec::new() }
    }

    fn draw(&mut self, least: usize, most: usize) -> usize {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        least + (self.dice % (most - least + 1) as u64) as usize
    }

    fn note(&self, slice: &[u8]) {
        if slice.len() >= 64 << 10 {
            self.hands.large_slices.lock().unwrap().push((slice.as_ptr() as usize, slice.len()));
        }
    }
}

impl Transport for Watched {
    type Stream = <Tcp as Transport>::Stream;

    fn now(&self) -> Duration {
        self.tcp.now()
    }

    fn poll(&mut self, ready: &mut Vec<Ready>, timeout: Option<Duration>) -> io::Result<()> {
        self.hands.polls.fetch_add(1, Ordering::SeqCst);
        self.tcp.poll(ready, timeout)?;
        if self.hands.polls_fail.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        ready.extend(self.tokens.iter().map(|&token| Ready { token, readable: true, writable: true, closed: true }));
        Ok(())
    }

    fn accept(&mut self) -> io::Result<(Self::Stream, SocketAddr)> {
        const EMFILE: i32 = 24;
        self.hands.accepts.fetch_add(1, Ordering::SeqCst);
        let failing = |n: usize| n.checked_sub(1);
        if self.hands.accepts_to_fail.fetch_update(Ordering::SeqCst, Ordering::SeqCst, failing).is_ok() {
            let errno = if self.hands.accept_error == 0 { EMFILE } else { self.hands.accept_error };
            return Err(io::Error::from_raw_os_error(errno));
        }
        self.tcp.accept()
    }

    fn connect(&mut self, address: SocketAddr) -> io::Result<Self::Stream> {
        self.tcp.connect(address)
    }

    fn is_connected(&mut self, stream: &mut Self::Stream) -> io::Result<bool> {
        if self.hands.never_connected { Ok(false) } else { self.tcp.is_connected(stream) }
    }

    fn resolve(&mut self, host: &str, port: u16, answer: Resolved) {
        match &self.hands.addresses {
            Some(addresses) => answer(Ok(addresses.clone())),
            None => self.tcp.resolve(host, port, answer),
        }
    }

    fn stop_accepting(&mut self) {
        self.tcp.stop_accepting();
    }

    fn register(&mut self, stream: &mut Self::Stream, token: Token) -> io::Result<()> {
        self.hands.registrations.fetch_add(1, Ordering::SeqCst);
        if self.hands.haunted {
            self.tokens.push(token);
        }
        self.tcp.register(stream, token)
    }

    fn deregister(&mut self, stream: &mut Self::Stream) -> io::Result<()> {
        self.hands.deregistrations.fetch_add(1, Ordering::SeqCst);
        self.tcp.deregister(stream)
    }

    fn read(&mut self, stream: &mut Self::Stream, spare: &mut [u8]) -> io::Result<Received> {
        self.hands.reads.fetch_add(1, Ordering::SeqCst);
        let Some((least, most)) = self.hands.read_at_most else { return self.tcp.read(stream, spare) };
        let len = self.draw(least, most).min(spare.len());
        let received = self.tcp.read(stream, &mut spare[..len])?;
        // A short read says nothing here: the room was made short.
        Ok(Received { drained: false, ..received })
    }

    fn write(&mut self, stream: &mut Self::Stream, bytes: &[u8]) -> io::Result<usize> {
        self.hands.writes.fetch_add(1, Ordering::SeqCst);
        self.note(bytes);
        self.tcp.write(stream, bytes)
    }

    fn write_last(&mut self, stream: &mut Self::Stream, bytes: &[u8]) -> io::Result<usize> {
        self.hands.writes.fetch_add(1, Ordering::SeqCst);
        self.tcp.write_last(stream, bytes)
    }

    fn write_vectored(&mut self, stream: &mut Self::Stream, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.hands.writes.fetch_add(1, Ordering::SeqCst);
        slices.iter().for_each(|slice| self.note(slice));
        self.tcp.write_vectored(stream, slices)
    }

    fn shut_down(&mut self, stream: &mut Self::Stream) -> io::Result<()> {
        self.hands.shut_downs.fetch_add(1, Ordering::SeqCst);
        self.tcp.shut_down(stream)
    }

    fn waker(&self) -> Arc<dyn Fn() + Send + Sync> {
        let (wake, hands) = (self.tcp.waker(), self.hands.clone());
        Arc::new(move || {
            hands.wakes.fetch_add(1, Ordering::SeqCst);
            wake();
        })
    }
}
