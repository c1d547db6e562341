//! Settings of the sessions.

use core::time::Duration;
use std::string::String;

use super::cors::{Allowed, Cors};
use crate::handshake::OriginPolicy;
use crate::net;

/// The settings of an [`Engine`](super::Engine).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// What the path of a request begins with.
    pub path: String,
    /// From the open packet, or from a pong, to the next ping. Default 25 s.
    pub ping_interval: Duration,
    /// From a ping to its pong. Beyond, the session is over. Default 20 s.
    pub ping_timeout: Duration,
    /// From the WebSocket of an upgrade to the end of the upgrade. Default 10 s.
    pub upgrade_timeout: Duration,
    /// Bytes of a polling request's body, and of a message over a WebSocket. Default 1,000,000.
    pub max_payload: usize,
    /// Bytes that may wait for a session's next poll, or its WebSocket. Beyond, the session is over. Default 1 MiB.
    pub max_queue: usize,
    /// Sessions of the loop. Beyond, a request for one more is answered with 503, and its WebSocket closed. A session
    /// over polling needs no connection to stay, so that those of the loop are no bound. Default 262,144.
    pub max_sessions: usize,
    /// Whether sessions may use polling. Default `true`.
    pub polling: bool,
    /// Whether sessions may use a WebSocket. Default `true`.
    pub websocket: bool,
    /// Whether sessions may go from polling to a WebSocket. Default `true`.
    pub upgrades: bool,
    /// Bytes of a poll's answer from which on it is compressed, by gzip or deflate as its client asks, if it does. Without
    /// the feature `deflate` none is. Default `None`: who can put something of his own beside a secret learns of it by the length.
    pub compress_polls: Option<usize>,
    /// Which pages of other origins may read the answers. Default `None`: none, and no headers.
    pub cors: Option<Cors>,
    /// A cookie with the session's id, for load balancers; the server does not read it. Default `None`.
    pub cookie: Option<Cookie>,
}

impl Config {
    /// The defaults, at this path.
    pub fn new(path: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(20),
            upgrade_timeout: Duration::from_secs(10),
            max_payload: 1_000_000,
            max_queue: 1 << 20,
            max_sessions: 1 << 18,
            polling: true,
            websocket: true,
            upgrades: true,
            compress_polls: None,
            cors: None,
            cookie: None,
        }
    }

    /// Settings for the loop that go with these: sizes, and the pages that [`cors`](Self::cors) names may open
    /// WebSockets. Without `cors` those of the same host may.
    pub fn net(&self) -> net::Config {
        let mut config = net::Config::default();
        config.limits.body = self.max_payload;
        config.limits.message = self.max_payload;
        config.limits.frame = self.max_payload;
        config.hard_queue = config.hard_queue.max(self.max_queue);
        // There is a heartbeat already.
        config.ping_after = Duration::MAX;
        config.origins = match self.cors.as_ref().map(|cors| &cors.origins) {
            None => OriginPolicy::SameHost,
            Some(Allowed::Any | Allowed::Reflected) => OriginPolicy::Any,
            Some(Allowed::List(origins)) => OriginPolicy::List(origins.clone()),
        };
        config
    }
}

/// A cookie of the answer that opens a session over polling.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Cookie {
    /// Its name. Default `io`.
    pub name: String,
    /// Its path, if it has one. Default `/`.
    pub path: Option<String>,
    /// Whether scripts cannot read it. Default `true`.
    pub http_only: bool,
    /// Its SameSite, if it has one. Default `Lax`.
    pub same_site: Option<String>,
}

impl Default for Cookie {
    fn default() -> Self {
        Self { name: "io".into(), path: Some("/".into()), http_only: true, same_site: Some("Lax".into()) }
    }
}

impl Cookie {
    /// The value of Set-Cookie.
    pub(super) fn header(&self, sid: &str) -> String {
        let mut header = std::format!("{}={sid}", self.name);
        if let Some(path) = &self.path {
            header.push_str("; Path=");
            header.push_str(path);
        }
        if self.http_only {
            header.push_str("; HttpOnly");
        }
        if let Some(same_site) = &self.same_site {
            header.push_str("; SameSite=");
            header.push_str(same_site);
        }
        header
    }
}
