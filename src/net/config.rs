//! What a loop allows: the core's [`Limits`], and what needs a clock or a socket.

use core::time::Duration;

#[cfg(feature = "deflate")]
use crate::deflate::DeflateConfig;
use crate::handshake::OriginPolicy;
use crate::limits::Limits;

/// The settings of a server, or of [`Clients`](super::Clients). The defaults are safe for the open internet.
///
/// `Duration::MAX` is never and `usize::MAX` is no bound; 0 is at once and nothing at all.
///
/// ```
/// use bowsprit::net::Config;
///
/// let mut config = Config::default();
/// config.limits.message = 16 << 20;
/// config.limits.frame = 16 << 20;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Sizes and counts of the protocol.
    pub limits: Limits,
    /// Pages of which origin may connect (RFC 6455 §10.2). Default: those of the same host, and clients that are no browsers.
    pub origins: OriginPolicy,
    /// How messages are compressed with clients that offer it (RFC 7692); a published message once for all that share
    /// their parameters. A connection of ours offers what its [request](crate::handshake::ClientRequest::deflate) says,
    /// and shares level and threshold. Default `None`: not at all, and those of [`DeflateConfig::default`].
    #[cfg(feature = "deflate")]
    pub deflate: Option<DeflateConfig>,

    /// To look up the host of a connection of ours, to wait for its turn if there is
    /// [one at a time](Self::one_at_a_time), and to open TCP, all its addresses together. Default 10 s.
    pub connect_timeout: Duration,
    /// From the accept, or from TCP being open, to the end of the handshake or of the first request; from the first byte
    /// of a later request to its last. Progress does not extend it, and the time for an answer is no part of it.
    /// Default 10 s.
    pub handshake_timeout: Duration,
    /// From the end of an HTTP answer to the first byte of the next request. Default 10 s.
    pub keep_alive: Duration,
    /// A connection silent for this long is sent a Ping. Default 25 s.
    pub ping_after: Duration,
    /// A connection silent for this long after a Ping is dead. Default 20 s.
    pub pong_within: Duration,
    /// From the first byte of a message to its last. Beyond: 1008. Default 60 s.
    pub message_timeout: Duration,
    /// Queued bytes that the peer takes none of for this long make it dead. Default 60 s.
    pub write_timeout: Duration,
    /// From our Close to the peer's, and from our end of TCP closing to the peer's. Default 5 s.
    pub close_timeout: Duration,

    /// Whether a connection of ours waits until the process has no other one under way with the same IP address
    /// (RFC 6455 §4.1). Default `true`.
    pub one_at_a_time: bool,

    /// Queued bytes of a connection from which on sending answers [`Sent::Backlogged`](super::Sent::Backlogged), and
    /// the connection is read no further until it is below. Default 64 KiB.
    pub soft_queue: usize,
    /// Queued bytes of a connection from which on its [`Policy`] decides. All that a turn sends counts, as nothing is
    /// written before its end. Judged before a message is queued, so that one may overshoot. Default 1 MiB.
    pub hard_queue: usize,
    /// What happens at `hard_queue`, unless a connection has a policy of its own. Default [`Policy::Close`].
    pub policy: Policy,

    /// Bytes of a server's connection that the system may hold beside its queue: they have left, and no policy reaches them
    /// any more. Little keeps what a slow peer reads fresh; much is needed by fast ones far away. Linux adds as much for
    /// itself. Default `usize::MAX`: the system decides, and may hold megabytes.
    pub send_buffer: usize,

    /// Bytes that other threads may have sent by way of a [`Remote`](super::Remote) before the loop has come round to
    /// them. Beyond, sending answers [`Sent::Dropped`](super::Sent::Dropped). Default 64 MiB.
    pub inbox: usize,
    /// Topics that one connection may subscribe to. Beyond, [`Peer::subscribe`](super::Peer::subscribe) does not.
    /// Default 1024.
    pub topics_per_connection: usize,
    /// Topics that may have subscribers at a time. Default 1,048,576.
    pub topics: usize,
    /// Bytes of a topic's name. Default 1024.
    pub topic_name: usize,

    /// Loops of a server, each on a thread of its own, which share its port by `SO_REUSEPORT`: see
    /// [`Server::run_each`](super::Server::run_each). At most 255. Bounds on connections and topics are those of each; of
    /// `memory` each has an equal share. Default 1.
    pub workers: usize,
    /// Connections of the loop, those in the handshake included. Beyond, accepting pauses. Default 1,048,576.
    pub connections: usize,
    /// Connections of the loop whose first request is not whole. Beyond, the oldest of them are closed without a word, so
    /// that half requests keep nobody out. Default 16,384.
    pub handshakes: usize,
    /// Connections from one IP address. Beyond: 503. Default 1,048,576, which is no bound of its own and costs nothing.
    pub connections_per_address: usize,
    /// Bytes that all queues, all unfinished messages and requests, and all windows of compression with context takeover
    /// may hold, those of all [`workers`](Self::workers) together. Beyond, who asks for more is closed with 1013, or answered
    /// with 503; or cut off, if half of a message has left and the rest cannot be kept. Default 4 GiB, or what a `usize`
    /// holds.
    pub memory: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            origins: OriginPolicy::SameHost,
            #[cfg(feature = "deflate")]
            deflate: None,
            connect_timeout: Duration::from_secs(10),
            handshake_timeout: Duration::from_secs(10),
            keep_alive: Duration::from_secs(10),
            ping_after: Duration::from_secs(25),
            pong_within: Duration::from_secs(20),
            message_timeout: Duration::from_secs(60),
            write_timeout: Duration::from_secs(60),
            close_timeout: Duration::from_secs(5),
            one_at_a_time: true,
            soft_queue: 64 << 10,
            hard_queue: 1 << 20,
            policy: Policy::Close,
            send_buffer: usize::MAX,
            inbox: 64 << 20,
            topics_per_connection: 1 << 10,
            topics: 1 << 20,
            topic_name: 1 << 10,
            workers: 1,
            connections: 1 << 20,
            handshakes: 16 << 10,
            connections_per_address: 1 << 20,
            memory: usize::try_from(4u64 << 30).unwrap_or(usize::MAX),
        }
    }
}

/// What happens to a message for a connection whose queue is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// The connection is closed with 1008, so that nobody goes on with a gap it does not know of.
    #[default]
    Close,
    /// The message is dropped.
    DropNewest,
    /// The queued messages are dropped, and this one is queued: for values that the next one replaces. A message that
    /// has begun to leave is finished.
    KeepLatest,
}
