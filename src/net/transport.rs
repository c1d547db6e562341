//! Every system call the loop makes, and its clock, behind one trait: TCP here, other worlds elsewhere.

use core::any::Any;
use core::time::Duration;
use std::boxed::Box;
use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Instant;
use std::vec::Vec;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Waker};
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::resolver::{Resolved, Resolver};
#[cfg(all(feature = "uring", target_os = "linux"))]
use super::uring::Ring;

/// What names a stream in [`Ready`].
pub type Token = usize;

/// A stream that something happened to, edge-triggered: told once, not again until it changes.
#[derive(Clone, Copy, Debug)]
pub struct Ready {
    /// The stream, or [`Ready::LISTENER`].
    pub token: Token,
    /// There may be something to read.
    pub readable: bool,
    /// There may be room to write.
    pub writable: bool,
    /// The peer closed its end, or the stream failed: reading must go on to the end of file.
    pub closed: bool,
}

impl Ready {
    /// The token of the listener: there may be connections to accept.
    pub const LISTENER: Token = usize::MAX;
    /// The token of a wake-up from another thread.
    pub const WAKER: Token = usize::MAX - 1;
}

/// What a read brought.
#[derive(Clone, Copy, Debug)]
pub struct Received {
    /// Bytes read; 0 at the end of file.
    pub len: usize,
    /// Nothing is left to read now: the next [`Ready`] will tell when there is.
    pub drained: bool,
}

/// The world of an [`EventLoop`](super::EventLoop): every system call it makes, and the time.
///
/// All calls return at once; what cannot be done now is [`io::ErrorKind::WouldBlock`]. Only [`poll`](Self::poll) waits.
pub trait Transport {
    /// An open connection. Dropping it closes it.
    type Stream;

    /// The time since a fixed moment.
    fn now(&self) -> Duration;

    /// Waits until something happens, at most for `timeout`, and appends it to `ready`. An error is the end of the loop,
    /// unless it is [`io::ErrorKind::Interrupted`].
    fn poll(&mut self, ready: &mut Vec<Ready>, timeout: Option<Duration>) -> io::Result<()>;

    /// The next connection that waits to be accepted.
    fn accept(&mut self) -> io::Result<(Self::Stream, SocketAddr)>;

    /// Begins to open a connection. [`Ready::writable`] or [`Ready::closed`] tells when to
    /// [look](Self::is_connected) at it.
    fn connect(&mut self, address: SocketAddr) -> io::Result<Self::Stream>;

    /// Whether a stream that [`connect`](Self::connect) began is open by now. An error is the last word on it.
    fn is_connected(&mut self, stream: &mut Self::Stream) -> io::Result<bool>;

    /// Looks up a host's name, and calls `answer` once with all its addresses: now, or later on another thread.
    fn resolve(&mut self, host: &str, port: u16, answer: Resolved);

    /// Stops listening, for good.
    fn stop_accepting(&mut self);

    /// Tells about a stream under this token from now on. Called once for each.
    fn register(&mut self, stream: &mut Self::Stream, token: Token) -> io::Result<()>;

    /// No more events of a stream are wanted; those that come nevertheless are ignored.
    fn deregister(&mut self, _stream: &mut Self::Stream) -> io::Result<()> {
        Ok(())
    }

    /// Makes of a stream what another loop of the server can [take over](Self::take_over). Nothing is told about it here any
    /// more. One that cannot be given away is closed.
    ///
    /// # Errors
    ///
    /// Those of [`deregister`](Self::deregister); [`io::ErrorKind::Unsupported`] by default.
    fn hand_over(&mut self, stream: Self::Stream) -> io::Result<Box<dyn Any + Send>> {
        drop(stream);
        Err(io::ErrorKind::Unsupported.into())
    }

    /// The stream that another loop [handed over](Self::hand_over); `None` if it is not from a transport of this kind.
    fn take_over(&mut self, given: Box<dyn Any + Send>) -> Option<Self::Stream> {
        drop(given);
        None
    }

    /// Reads into `spare`, which is not empty.
    fn read(&mut self, stream: &mut Self::Stream, spare: &mut [u8]) -> io::Result<Received>;

    /// Writes a part of `bytes`, as much as there is room for.
    fn write(&mut self, stream: &mut Self::Stream, bytes: &[u8]) -> io::Result<usize>;

    /// Writes what nothing comes behind: when all of it is taken, [`shut_down`](Self::shut_down) or the drop of the stream
    /// follows at once. The bytes may wait for that, and leave together with the end of file.
    fn write_last(&mut self, stream: &mut Self::Stream, bytes: &[u8]) -> io::Result<usize> {
        self.write(stream, bytes)
    }

    /// Writes a part of the slices, in order.
    fn write_vectored(&mut self, stream: &mut Self::Stream, slices: &[IoSlice<'_>]) -> io::Result<usize>;

    /// How many streams each [`write_each`](Self::write_each) is to serve if so many are to have the same bytes; 0: they
    /// are better written to one by one.
    fn batch(&mut self, _many: usize) -> usize {
        0
    }

    /// Writes the same bytes to many streams, named by their place in `streams`, and puts beside each what
    /// [`write`](Self::write) would say. What stays [`io::ErrorKind::Interrupted`] is written again.
    fn write_each(
        &mut self,
        streams: &mut [Option<Self::Stream>],
        writes: &mut [(u32, io::Result<usize>)],
        bytes: &[u8],
    ) {
        for (index, outcome) in writes {
            if let Some(stream) = &mut streams[*index as usize] {
                *outcome = self.write(stream, bytes);
            }
        }
    }

    /// Closes our end; the peer reads the end of file behind what was written.
    fn shut_down(&mut self, stream: &mut Self::Stream) -> io::Result<()>;

    /// What wakes [`poll`](Self::poll) from another thread.
    fn waker(&self) -> Arc<dyn Fn() + Send + Sync>;
}

/// TCP by way of mio.
#[derive(Debug)]
pub struct Tcp {
    poll: Poll,
    events: Events,
    listener: Option<TcpListener>,
    waker: Arc<Waker>,
    resolver: Option<Resolver>,
    #[cfg(all(feature = "uring", target_os = "linux"))]
    ring: Ring,
    start: Instant,
}

const LISTENER: mio::Token = mio::Token(Ready::LISTENER);
const WAKER: mio::Token = mio::Token(Ready::WAKER);
const EVENTS: usize = 1024;
const BACKLOG: i32 = 4096;

impl Tcp {
    /// Listens on the first of the addresses that can be bound.
    ///
    /// # Errors
    ///
    /// What the system says of the last address, or of its event queue.
    pub fn bind(addresses: impl ToSocketAddrs) -> io::Result<Self> {
        Self::new(Some(listen_on_one(addresses, false)?))
    }

    /// Listens so many times on the same address, the first that can be bound: the system shares out who connects.
    ///
    /// # Errors
    ///
    /// As [`bind`](Self::bind).
    pub(super) fn bind_each(addresses: impl ToSocketAddrs, many: usize) -> io::Result<Vec<Self>> {
        let first = listen_on_one(addresses, many > 1)?;
        let address = first.local_addr()?;
        let others = (1..many).map(|_| listen(address, true));
        core::iter::once(Ok(first)).chain(others).map(|listener| Self::new(Some(listener?))).collect()
    }

    /// Listens on nothing: for clients.
    ///
    /// # Errors
    ///
    /// What the system says of its event queue.
    pub fn unbound() -> io::Result<Self> {
        Self::new(None)
    }

    /// The address that is listened on.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::NotConnected`] if there is none, also once accepting has stopped.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.as_ref().ok_or(io::ErrorKind::NotConnected)?.local_addr()
    }

    /// How much the system may hold of what is sent on each connection that is accepted from now on.
    pub(super) fn bound_send_buffers(&self, bytes: usize) -> io::Result<()> {
        // Accepted sockets inherit this, too.
        let bytes = bytes.min(i32::MAX as usize);
        self.listener.as_ref().map_or(Ok(()), |listener| SockRef::from(listener).set_send_buffer_size(bytes))
    }

    fn new(mut listener: Option<TcpListener>) -> io::Result<Self> {
        let poll = Poll::new()?;
        if let Some(listener) = &mut listener {
            poll.registry().register(listener, LISTENER, Interest::READABLE)?;
        }
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        let events = Events::with_capacity(EVENTS);
        Ok(Self {
            poll,
            events,
            listener,
            waker,
            resolver: None,
            #[cfg(all(feature = "uring", target_os = "linux"))]
            ring: Ring::default(),
            start: Instant::now(),
        })
    }
}

fn listen_on_one(addresses: impl ToSocketAddrs, shared: bool) -> io::Result<TcpListener> {
    let mut last = io::Error::new(io::ErrorKind::InvalidInput, "no address to bind");
    for address in addresses.to_socket_addrs()? {
        match listen(address, shared) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn listen(address: SocketAddr, shared: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    // Only if asked for: it would let another server of the same user take a share of the port.
    if shared {
        socket.set_reuse_port(true)?;
    }
    // Accepted sockets inherit this: one call here instead of one for each of them.
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(TcpListener::from_std(socket.into()))
}

impl Transport for Tcp {
    type Stream = TcpStream;

    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn poll(&mut self, ready: &mut Vec<Ready>, timeout: Option<Duration>) -> io::Result<()> {
        self.poll.poll(&mut self.events, timeout)?;
        ready.extend(self.events.iter().map(|event| Ready {
            token: event.token().0,
            readable: event.is_readable(),
            writable: event.is_writable(),
            closed: event.is_read_closed() || event.is_error(),
        }));
        Ok(())
    }

    fn accept(&mut self) -> io::Result<(TcpStream, SocketAddr)> {
        self.listener.as_ref().ok_or(io::ErrorKind::WouldBlock)?.accept()
    }

    fn connect(&mut self, address: SocketAddr) -> io::Result<TcpStream> {
        TcpStream::connect(address)
    }

    fn is_connected(&mut self, stream: &mut TcpStream) -> io::Result<bool> {
        if let Some(error) = stream.take_error()? {
            return Err(error);
        }
        match stream.peer_addr() {
            Ok(_) => stream.set_nodelay(true).map(|()| true),
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn resolve(&mut self, host: &str, port: u16, answer: Resolved) {
        self.resolver.get_or_insert_with(Resolver::new).ask(host, port, answer);
    }

    fn stop_accepting(&mut self) {
        self.listener = None;
    }

    fn register(&mut self, stream: &mut TcpStream, token: Token) -> io::Result<()> {
        self.poll.registry().register(stream, mio::Token(token), Interest::READABLE | Interest::WRITABLE)
    }

    fn deregister(&mut self, stream: &mut TcpStream) -> io::Result<()> {
        self.poll.registry().deregister(stream)
    }

    fn hand_over(&mut self, mut stream: TcpStream) -> io::Result<Box<dyn Any + Send>> {
        self.deregister(&mut stream)?;
        Ok(Box::new(stream))
    }

    fn take_over(&mut self, given: Box<dyn Any + Send>) -> Option<TcpStream> {
        given.downcast().ok().map(|stream| *stream)
    }

    fn read(&mut self, stream: &mut TcpStream, spare: &mut [u8]) -> io::Result<Received> {
        let len = stream.read(spare)?;
        Ok(Received { len, drained: len < spare.len() })
    }

    fn write(&mut self, stream: &mut TcpStream, bytes: &[u8]) -> io::Result<usize> {
        stream.write(bytes)
    }

    #[cfg(target_os = "linux")]
    fn write_last(&mut self, stream: &mut TcpStream, bytes: &[u8]) -> io::Result<usize> {
        /// More follows: the end of file, in the same segment.
        const MSG_MORE: i32 = 0x8000;
        const MSG_NOSIGNAL: i32 = 0x4000;
        SockRef::from(&*stream).send_with_flags(bytes, MSG_MORE | MSG_NOSIGNAL)
    }

    fn write_vectored(&mut self, stream: &mut TcpStream, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        stream.write_vectored(slices)
    }

    #[cfg(all(feature = "uring", target_os = "linux"))]
    fn batch(&mut self, many: usize) -> usize {
        if many < Ring::WORTH_IT { 0 } else { self.ring.batch() }
    }

    #[cfg(all(feature = "uring", target_os = "linux"))]
    fn write_each(&mut self, streams: &mut [Option<TcpStream>], writes: &mut [(u32, io::Result<usize>)], bytes: &[u8]) {
        self.ring.write_each(streams, writes, bytes);
    }

    fn shut_down(&mut self, stream: &mut TcpStream) -> io::Result<()> {
        stream.shutdown(Shutdown::Write)
    }

    fn waker(&self) -> Arc<dyn Fn() + Send + Sync> {
        let waker = self.waker.clone();
        // A failure means that the event queue is gone, and with it whoever could be woken.
        Arc::new(move || drop(waker.wake()))
    }
}
