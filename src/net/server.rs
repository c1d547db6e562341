//! A server on TCP.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::panic::resume_unwind;
use std::thread;
use std::vec::Vec;

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
    /// One for each worker.
    tcps: Vec<Tcp>,
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
        let tcps = Tcp::bind_each(addresses, config.workers.clamp(1, MOST_WORKERS))?;
        if config.send_buffer != usize::MAX {
            tcps.iter().try_for_each(|tcp| tcp.bound_send_buffers(config.send_buffer))?;
        }
        Ok(Self { remote: Remote::of(&tcps), tcps, config })
    }

    /// The address that is listened on.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcps[0].local_addr()
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
    /// [`io::ErrorKind::InvalidInput`] if [`Config::workers`] asks for several handlers.
    pub fn run<H: Handler>(mut self, handler: H) -> io::Result<()> {
        match (self.tcps.pop(), self.tcps.is_empty()) {
            (Some(tcp), true) => EventLoop::new(tcp, self.config, handler, self.remote).run(),
            _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "several workers need run_each")),
        }
    }

    /// Serves with [`Config::workers`] loops, each on a thread of its own with a handler that is made there, until
    /// [`Remote::stop`]. Each connection belongs to one of them.
    ///
    /// What is published reaches the subscribers of all loops; what one publisher sends to a topic arrives everywhere in
    /// its order. A [`Peer`](super::Peer) sees the connections of its own loop; a [`Remote`] reaches all.
    ///
    /// ```no_run
    /// use bowsprit::Message;
    /// use bowsprit::net::{Config, Peer, Server};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let mut config = Config::default();
    /// config.workers = std::thread::available_parallelism()?.get();
    /// Server::bind_with("127.0.0.1:9001", config)?.run_each(|| {
    ///     |peer: &mut Peer<'_, ()>, message: Message<'_>| {
    ///         let _ = peer.send(message);
    ///     }
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run); the first loop that fails stops the others.
    ///
    /// # Panics
    ///
    /// If `make` does, once the other loops have ended.
    pub fn run_each<H: Handler>(self, make: impl Fn() -> H + Sync) -> io::Result<()> {
        let Self { tcps, mut config, remote } = self;
        // Not one account for all, which every message would have to ask.
        config.memory /= tcps.len();
        let (make, config, remote) = (&make, &config, &remote);
        thread::scope(|scope| {
            let run = |(worker, tcp)| {
                scope.spawn(move || {
                    let stop = StopOthers(remote);
                    let outcome = EventLoop::new(tcp, config.clone(), make(), remote.of_worker(worker)).run();
                    drop(stop);
                    outcome
                })
            };
            let workers: Vec<_> = tcps.into_iter().enumerate().map(run).collect();
            let outcomes = workers.into_iter().map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic)));
            outcomes.fold(Ok(()), io::Result::and)
        })
    }
}

/// A loop ends because all of them shall, or because it failed.
struct StopOthers<'r>(&'r Remote);

impl Drop for StopOthers<'_> {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// A connection's name has a byte for its loop, and the highest is that of the listener.
const MOST_WORKERS: usize = 255;
