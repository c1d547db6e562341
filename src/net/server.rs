//! A server on TCP, and the handle that stops it.

use core::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::config::Config;
use super::event_loop::EventLoop;
use super::handler::Handler;
use super::transport::{Tcp, Transport};

/// A WebSocket server, bound and not yet running.
///
/// ```no_run
/// use bowsprit::Message;
/// use bowsprit::net::{Handler, Peer, Server};
/// use bowsprit::handshake::Request;
///
/// struct Chat;
///
/// impl Handler for Chat {
///     type Data = ();
///
///     fn open(&mut self, peer: &mut Peer<'_, ()>, _request: &Request<'_>) {
///         peer.subscribe("chat");
///     }
///
///     fn message(&mut self, peer: &mut Peer<'_, ()>, message: Message<'_>) {
///         peer.publish("chat", message);
///     }
/// }
///
/// fn main() -> std::io::Result<()> {
///     Server::bind("127.0.0.1:9001")?.run(Chat)
/// }
/// ```
#[derive(Debug)]
pub struct Server {
    tcp: Tcp,
    config: Config,
    stop: Arc<AtomicBool>,
}

impl Server {
    /// Listens on the first of the addresses that can be bound. Port 0 takes any that is free.
    ///
    /// # Errors
    ///
    /// What the system says of the last address.
    pub fn bind(addresses: impl ToSocketAddrs) -> io::Result<Self> {
        Self::bind_with(addresses, Config::default())
    }

    /// As [`bind`](Self::bind), with settings.
    ///
    /// # Errors
    ///
    /// As [`bind`](Self::bind).
    pub fn bind_with(addresses: impl ToSocketAddrs, config: Config) -> io::Result<Self> {
        Ok(Self { tcp: Tcp::bind(addresses)?, config, stop: Arc::default() })
    }

    /// The address that is listened on.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    /// A handle for other threads.
    pub fn remote(&self) -> Remote {
        Remote { stop: self.stop.clone(), wake: self.tcp.waker() }
    }

    /// Serves on this thread until [`Remote::stop`].
    ///
    /// # Errors
    ///
    /// What the system says of the event queue. Trouble with a connection ends that connection only.
    pub fn run<H: Handler>(self, handler: H) -> io::Result<()> {
        EventLoop::new(self.tcp, self.config, handler, self.stop).run()
    }
}

/// Reaches a running server from another thread.
#[derive(Clone)]
pub struct Remote {
    stop: Arc<AtomicBool>,
    wake: Arc<dyn Fn() + Send + Sync>,
}

impl Remote {
    /// Ends the server: it stops accepting, sends every connection a Close with 1001, writes what is queued, and
    /// returns from [`Server::run`] when all are closed, at the latest after
    /// [`Config::close_timeout`](super::Config::close_timeout).
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        (self.wake)();
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").finish_non_exhaustive()
    }
}
