//! What a client allows, and how long it waits.

use core::time::Duration;

use super::tap::Tap;
#[cfg(feature = "deflate")]
use crate::deflate::DeflateConfig;
use crate::limits::Limits;

/// The settings of a [`Client`](super::Client). The defaults suit a server that you do not know.
///
/// ```
/// use std::time::Duration;
/// use bowsprit::net::ClientConfig;
///
/// let mut config = ClientConfig::default();
/// config.limits.message = 16 << 20;
/// config.limits.frame = 16 << 20;
/// config.read_timeout = Some(Duration::from_secs(60));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClientConfig {
    /// Sizes and counts of the protocol.
    pub limits: Limits,
    /// How messages are compressed, if the server agrees (RFC 7692). Default `None`: that is not offered, unless the
    /// request does so.
    #[cfg(feature = "deflate")]
    pub deflate: Option<DeflateConfig>,
    /// To open TCP, all addresses of the host together. Looking up its name is the system's affair and not counted.
    /// Default 10 s.
    pub connect_timeout: Duration,
    /// From the first byte of the request to the last of the answer; progress does not extend it. Default 10 s.
    pub handshake_timeout: Duration,
    /// While something is received: how long the server may send nothing at all. Any byte counts, so a server that sends
    /// Pings is not silent. Default `None`: for ever.
    pub read_timeout: Option<Duration>,
    /// Bytes to be sent that the server takes none of for this long end the sending. Default 60 s.
    pub write_timeout: Duration,
    /// From our Close to the server's, and from both to the end of TCP, which is the server's to close. Default 5 s.
    pub close_timeout: Duration,
    /// Whether a handshake waits until the process has no other one under way with the same IP address (RFC 6455 §4.1).
    /// Default `true`.
    pub one_at_a_time: bool,
    /// Who sees the bytes of all frames. Default `None`.
    pub tap: Option<Tap>,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            #[cfg(feature = "deflate")]
            deflate: None,
            connect_timeout: Duration::from_secs(10),
            handshake_timeout: Duration::from_secs(10),
            read_timeout: None,
            write_timeout: Duration::from_secs(60),
            close_timeout: Duration::from_secs(5),
            one_at_a_time: true,
            tap: None,
        }
    }
}
