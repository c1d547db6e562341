//! Clients on a loop.

use std::io;

use super::config::Config;
use super::event_loop::EventLoop;
use super::handler::Handler;
use super::remote::Remote;
use super::transport::Tcp;

/// A loop without a listener, for any number of clients. A [`Server`](super::Server) can have clients, too.
///
/// ```no_run
/// use bowsprit::handshake::{Answer, ClientRequest, Uri};
/// use bowsprit::net::{Cause, ClientError, Clients, Handler, Peer, Peers};
/// use bowsprit::{CloseCode, Message};
///
/// struct Crowd {
///     request: ClientRequest,
/// }
///
/// impl Handler for Crowd {
///     type Data = usize;
///
///     fn start(&mut self, peers: &mut Peers<'_, usize>) {
///         for number in 0..1000 {
///             peers.connect(&self.request, number).expect("a request without a mistake");
///         }
///     }
///
///     fn connected(&mut self, peer: &mut Peer<'_, usize>, _answer: &Answer<'_>) {
///         let _ = peer.send(format!("I am number {}", peer.data()));
///     }
///
///     fn not_connected(&mut self, peer: &mut Peer<'_, usize>, error: &ClientError) {
///         eprintln!("number {}: {error}", peer.data());
///     }
///
///     fn message(&mut self, peer: &mut Peer<'_, usize>, _answer: Message<'_>) {
///         peer.close(CloseCode::NORMAL, "").expect("a code that may be sent");
///     }
///
///     fn close(&mut self, peer: &mut Peer<'_, usize>, cause: &Cause<'_>) {
///         println!("number {}: {cause:?}", peer.data());
///     }
/// }
///
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let request = ClientRequest::new(Uri::parse("ws://127.0.0.1:9001/")?);
///     Ok(Clients::new()?.run(Crowd { request })?)
/// }
/// ```
///
/// For one connection at a time there is [`Client`](super::Client), whose calls wait.
#[derive(Debug)]
pub struct Clients {
    tcp: Tcp,
    config: Config,
    remote: Remote,
}

impl Clients {
    /// None yet.
    ///
    /// # Errors
    ///
    /// What the system says of its event queue.
    pub fn new() -> io::Result<Self> {
        Self::with(Config::default())
    }

    /// None yet, with settings.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn with(config: Config) -> io::Result<Self> {
        let tcp = Tcp::unbound()?;
        Ok(Self { remote: Remote::new(&tcp), tcp, config })
    }

    /// A handle for other threads.
    pub fn remote(&self) -> Remote {
        self.remote.clone()
    }

    /// Runs on this thread until [`Remote::stop`] or [`Peers::stop`](super::Peers::stop), whether there are connections
    /// or not.
    ///
    /// # Errors
    ///
    /// What the system says of the event queue. Trouble with a connection ends that connection only.
    pub fn run<H: Handler>(self, handler: H) -> io::Result<()> {
        EventLoop::new(self.tcp, self.config, handler, self.remote).run()
    }
}
