//! A server on TCP.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};

use super::config::Config;
use super::event_loop::EventLoop;
use super::handler::Handler;
use super::remote::Remote;
use super::transport::Tcp;

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
    remote: Remote,
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
        let tcp = Tcp::bind(addresses)?;
        Ok(Self { remote: Remote::new(&tcp), tcp, config })
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
        self.remote.clone()
    }

    /// Serves on this thread until [`Remote::stop`].
    ///
    /// # Errors
    ///
    /// What the system says of the event queue. Trouble with a connection ends that connection only.
    pub fn run<H: Handler>(self, handler: H) -> io::Result<()> {
        EventLoop::new(self.tcp, self.config, handler, self.remote).run()
    }
}
