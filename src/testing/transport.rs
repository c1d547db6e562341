//! A loop's system calls, carried out in a world.

use core::time::Duration;
use std::boxed::Box;
use std::cell::RefCell;
use std::io::{self, ErrorKind, IoSlice};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::vec::Vec;

use super::Call;
use super::state::{End, State};
use crate::net::{Ready, Received, Resolved, Token, Transport};

/// The transport of one loop.
#[derive(Debug)]
pub(super) struct Simulated {
    state: Rc<RefCell<State>>,
    node: usize,
}

/// Closed when it is dropped.
#[derive(Debug)]
pub(super) struct Stream {
    state: Rc<RefCell<State>>,
    end: End,
}

impl Simulated {
    pub(super) fn new(state: &Rc<RefCell<State>>, listens: bool) -> Self {
        let node = state.borrow_mut().add_node(listens);
        Self { state: state.clone(), node }
    }

    fn stream(&self, end: End) -> Stream {
        Stream { state: self.state.clone(), end }
    }
}

impl Drop for Simulated {
    fn drop(&mut self) {
        let mut state = self.state.borrow_mut();
        state.stop_listening(self.node);
        state.nodes[self.node].deadline = None;
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.state.borrow_mut().close(self.end);
    }
}

impl Transport for Simulated {
    type Stream = Stream;

    fn now(&self) -> Duration {
        self.state.borrow().now
    }

    /// Never waits: [`World`](super::World) moves the clock when all its loops are idle.
    fn poll(&mut self, ready: &mut Vec<Ready>, timeout: Option<Duration>) -> io::Result<()> {
        let mut state = self.state.borrow_mut();
        // Unless it gets further.
        state.nodes[self.node].idle = false;
        state.call(Call::Poll, None)?;
        state.deliver();
        state.tell(self.node, ready);
        // As epoll has it: in whole milliseconds.
        let millis = timeout.map(|timeout| timeout.as_nanos().div_ceil(1_000_000));
        let after = millis.map(|millis| u64::try_from(millis).map_or(Duration::MAX, Duration::from_millis));
        let idle = ready.is_empty() && after != Some(Duration::ZERO) && !state.has_news(self.node);
        let deadline = after.and_then(|after| state.now.checked_add(after));
        let node = &mut state.nodes[self.node];
        (node.idle, node.deadline) = (idle, deadline);
        Ok(())
    }

    fn accept(&mut self) -> io::Result<(Stream, SocketAddr)> {
        let mut state = self.state.borrow_mut();
        let called = state.call(Call::Accept, None);
        if called.as_ref().is_err_and(|error| error.kind() == ErrorKind::WouldBlock) {
            state.renew(self.node);
        }
        let gave_up = called.as_ref().is_err_and(|error| error.kind() == ErrorKind::ConnectionAborted);
        if called.is_ok() || gave_up {
            let (end, from) = state.accept(self.node)?;
            drop(state);
            let stream = self.stream(end);
            return called.map(|()| (stream, from));
        }
        Err(called.err().unwrap_or_else(|| ErrorKind::WouldBlock.into()))
    }

    fn connect(&mut self, address: SocketAddr) -> io::Result<Stream> {
        let mut state = self.state.borrow_mut();
        state.call(Call::Connect, None)?;
        let from = SocketAddr::new(state.ip, u16::MAX);
        let end = state.connect(from, address);
        drop(state);
        Ok(self.stream(end))
    }

    fn is_connected(&mut self, stream: &mut Stream) -> io::Result<bool> {
        let mut state = self.state.borrow_mut();
        state.call(Call::IsConnected, Some(stream.end))?;
        state.is_connected(stream.end)
    }

    fn resolve(&mut self, _host: &str, port: u16, answer: Resolved) {
        let mut state = self.state.borrow_mut();
        let addresses = state.call(Call::Resolve, None).map(|()| Vec::from([SocketAddr::new(state.ip, port)]));
        drop(state);
        let answer: Box<_> = answer;
        answer(addresses);
    }

    fn stop_accepting(&mut self) {
        self.state.borrow_mut().stop_listening(self.node);
    }

    fn register(&mut self, stream: &mut Stream, token: Token) -> io::Result<()> {
        let mut state = self.state.borrow_mut();
        state.call(Call::Register, Some(stream.end))?;
        state.watch(stream.end, self.node, token);
        Ok(())
    }

    fn read(&mut self, stream: &mut Stream, spare: &mut [u8]) -> io::Result<Received> {
        let mut state = self.state.borrow_mut();
        state.call(Call::Read, Some(stream.end))?;
        state.read(stream.end, spare)
    }

    fn write(&mut self, stream: &mut Stream, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.state.borrow_mut();
        state.call(Call::Write, Some(stream.end))?;
        state.write(stream.end, bytes)
    }

    /// So that fan-out in batches meets the faults of the world too.
    fn batch(&mut self, _many: usize) -> usize {
        3
    }

    fn write_vectored(&mut self, stream: &mut Stream, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut bytes = Vec::new();
        slices.iter().for_each(|slice| bytes.extend_from_slice(slice));
        self.write(stream, &bytes)
    }

    fn shut_down(&mut self, stream: &mut Stream) -> io::Result<()> {
        let mut state = self.state.borrow_mut();
        state.call(Call::ShutDown, Some(stream.end))?;
        state.shut_down(stream.end)
    }

    fn waker(&self) -> Arc<dyn Fn() + Send + Sync> {
        let woken = self.state.borrow().nodes[self.node].woken.clone();
        Arc::new(move || woken.store(true, Ordering::Release))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{Shutdown, TcpStream};
    use std::string::String;
    use std::{format, vec};

    use super::*;
    use crate::net::Tcp;
    use crate::testing::{Link, World};

    /// The other end of the stream under test.
    trait Peer {
        fn send(&mut self, bytes: &[u8]);
        /// Reads until so many bytes have come.
        fn take(&mut self, len: usize);
        fn shut_down(&mut self);
    }

    impl Peer for TcpStream {
        fn send(&mut self, bytes: &[u8]) {
            self.write_all(bytes).unwrap();
        }
        fn take(&mut self, len: usize) {
            self.read_exact(&mut vec![0; len]).unwrap();
        }
        fn shut_down(&mut self) {
            self.shutdown(Shutdown::Write).unwrap();
        }
    }

    impl Peer for Link {
        fn send(&mut self, bytes: &[u8]) {
            assert_eq!(self.write(bytes).unwrap(), bytes.len());
        }
        fn take(&mut self, len: usize) {
            assert_eq!(self.read().len(), len);
        }
        fn shut_down(&mut self) {
            Link::shut_down(self);
        }
    }

    /// All that is told, joined for each stream; waits for the first of it if there must be some.
    fn told(transport: &mut impl Transport, some: bool) -> String {
        let mut ready = Vec::new();
        // A guard against hanging, not a measure.
        for _ in 0..if some { 20 } else { 0 } {
            transport.poll(&mut ready, Some(Duration::from_secs(1))).unwrap();
            if !ready.is_empty() {
                break;
            }
        }
        transport.poll(&mut ready, Some(Duration::ZERO)).unwrap();
        let mut flags = [("listener", false), ("readable", false), ("writable", false), ("closed", false)];
        for event in ready {
            flags[0].1 |= event.token == Ready::LISTENER;
            flags[1].1 |= event.token != Ready::LISTENER && event.readable;
            flags[2].1 |= event.writable;
            flags[3].1 |= event.closed;
        }
        flags.iter().filter(|(_, set)| *set).map(|(name, _)| format!("{name} ")).collect()
    }

    fn fill<T: Transport>(transport: &mut T, stream: &mut T::Stream) -> usize {
        let mut total = 0;
        loop {
            match transport.write(stream, &[b'x'; 16 << 10]) {
                Ok(written) => total += written,
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::WouldBlock);
                    return total;
                }
            }
        }
    }

    /// The life of a connection, and what its loop would see of it.
    fn life<T: Transport, P: Peer>(mut transport: T, connect: impl Fn() -> P) -> Vec<String> {
        let mut seen = Vec::new();
        let mut note = |what: &str, told: String| seen.push(format!("{what}: {told}"));
        let mut buffer = [0; 8];

        let mut peer = connect();
        note("connected", told(&mut transport, true));
        let (mut stream, _) = transport.accept().unwrap();
        note("nobody else", format!("{:?}", transport.accept().map(|_| ()).map_err(|error| error.kind())));
        transport.register(&mut stream, 7).unwrap();
        note("registered", told(&mut transport, true));
        note("nothing new", told(&mut transport, false));

        peer.send(b"12345");
        note("sent", told(&mut transport, true));
        note("nothing new", told(&mut transport, false));
        peer.send(b"6789");
        note("sent more, though nothing was read", told(&mut transport, true));
        note("filled", format!("{:?}", transport.read(&mut stream, &mut buffer).unwrap()));
        note("drained", format!("{:?}", transport.read(&mut stream, &mut buffer).unwrap()));
        let nothing = transport.read(&mut stream, &mut buffer).unwrap_err();
        note("empty", format!("{:?}", nothing.kind()));

        let filled = fill(&mut transport, &mut stream);
        note("full", told(&mut transport, false));
        peer.take(filled);
        note("taken", told(&mut transport, true));
        assert!(transport.write(&mut stream, b"y").is_ok());
        peer.take(1);
        note("room that nobody asked for", told(&mut transport, false));

        peer.send(b"bye");
        peer.shut_down();
        note("shut down", told(&mut transport, true));
        note("the rest", format!("{:?}", transport.read(&mut stream, &mut buffer).unwrap()));
        note("the end", format!("{:?}", transport.read(&mut stream, &mut buffer).unwrap()));
        transport.write(&mut stream, b"z").unwrap();
        peer.take(1);
        transport.shut_down(&mut stream).unwrap();
        let written = transport.write(&mut stream, b"too late").unwrap_err();
        note("shut", format!("{:?}", written.kind()));
        drop((peer, stream));

        told(&mut transport, false);
        let mut peer = connect();
        told(&mut transport, true);
        let (mut stream, _) = transport.accept().unwrap();
        transport.register(&mut stream, 8).unwrap();
        told(&mut transport, true);
        transport.write(&mut stream, b"never read").unwrap();
        peer.send(b"read first");
        note("sent", told(&mut transport, true));
        drop(peer);
        note("gone with something unread", told(&mut transport, true));
        let mut large = [0; 64];
        note("what came before", format!("{:?}", transport.read(&mut stream, &mut large).unwrap()));
        let error = transport.read(&mut stream, &mut large).unwrap_err();
        note("reset", format!("{:?}", error.kind()));
        note("told once", format!("{:?}", transport.read(&mut stream, &mut large).unwrap()));
        let error = transport.write(&mut stream, b"x").unwrap_err();
        note("nobody there", format!("{:?}", error.kind()));
        seen
    }

    #[test]
    fn a_loop_sees_the_same_of_tcp_and_of_a_world() {
        let tcp = Tcp::bind("127.0.0.1:0").unwrap();
        let address = tcp.local_addr().unwrap();
        let real = life(tcp, || TcpStream::connect(address).unwrap());

        let world = World::new();
        let simulated = life(Simulated::new(&world.state, true), || world.connect());
        assert_eq!(simulated, real);
        assert_eq!(real.len(), 23);
    }
}
