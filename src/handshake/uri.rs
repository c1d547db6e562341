//! Where to connect to: WebSocket URIs (RFC 6455 §3).

use alloc::format;
use alloc::string::String;
use core::net::Ipv6Addr;

use super::origin::is_registered_name;
use crate::error::UriError;

/// A `ws://` or `wss://` URI, borrowed from its text (RFC 6455 §3).
///
/// ```
/// use bowsprit::handshake::Uri;
///
/// let uri = Uri::parse("wss://example.com/chat?room=1")?;
/// assert_eq!((uri.host(), uri.port(), uri.is_secure()), ("example.com", 443, true));
/// assert_eq!(uri.resource_name(), "/chat?room=1");
/// # Ok::<(), bowsprit::UriError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uri<'u> {
    is_secure: bool,
    /// An IPv6 address without its brackets; only such has colons.
    host: &'u str,
    port: u16,
    path: &'u str,
    query: &'u str,
}

impl<'u> Uri<'u> {
    /// Reads a URI, as strictly as RFC 3986 writes it: nothing is encoded or decoded.
    ///
    /// # Errors
    ///
    /// The first of these that is wrong: characters beyond ASCII, scheme, fragment, user information, port, host, path
    /// or query.
    pub fn parse(uri: &'u str) -> Result<Self, UriError> {
        // §11.1 has such encoded; which way is IDNA's affair, and so the caller's.
        if !uri.is_ascii() {
            return Err(UriError::NotAscii);
        }
        let (scheme, rest) = uri.split_once("://").ok_or(UriError::Scheme)?;
        let is_secure = scheme.eq_ignore_ascii_case("wss");
        if !is_secure && !scheme.eq_ignore_ascii_case("ws") {
            return Err(UriError::Scheme);
        }
        if rest.contains('#') {
            return Err(UriError::Fragment);
        }
        let (authority, resource) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        // §3: host and port are all there is.
        if authority.contains('@') {
            return Err(UriError::UserInfo);
        }
        let (host, port) = match authority.rsplit_once(':') {
            // The colons of an IPv6 address are inside its brackets.
            Some((host, port)) if !port.contains(']') => (host, port),
            _ => (authority, ""),
        };
        let port = match port {
            "" => default_port(is_secure),
            digits => parse_port(digits).ok_or(UriError::Port)?,
        };
        let host = parse_host(host).ok_or(UriError::Host)?;
        let (path, query) = resource.split_once('?').unwrap_or((resource, ""));
        // Path and query may have what a host may, and four characters more.
        if !resource.split(['/', '?', ':', '@']).all(|part| is_registered_name(part.as_bytes())) {
            return Err(UriError::ResourceName);
        }
        Ok(Self { is_secure, host, port, path, query })
    }

    /// Whether the scheme is `wss`: TLS comes before the handshake.
    pub fn is_secure(&self) -> bool {
        self.is_secure
    }

    /// The name or address to connect to, an IPv6 address without brackets. For TLS, the server's name.
    pub fn host(&self) -> &'u str {
        self.host
    }

    /// The port to connect to; if the URI has none, 80, with `wss` 443.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Host and port as the request's Host has them: without the port if it is the scheme's own (RFC 6455 §4.1).
    pub fn authority(&self) -> String {
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        if self.port == default_port(self.is_secure) {
            format!("{open}{}{close}", self.host)
        } else {
            format!("{open}{}{close}:{}", self.host, self.port)
        }
    }

    /// What is asked for there: the path, `/` if there is none, and the query if there is one (RFC 6455 §3).
    pub fn resource_name(&self) -> String {
        let path = if self.path.is_empty() { "/" } else { self.path };
        let mark = if self.query.is_empty() { "" } else { "?" };
        format!("{path}{mark}{}", self.query)
    }
}

const fn default_port(is_secure: bool) -> u16 {
    if is_secure { 443 } else { 80 }
}

/// Digits alone, 1 to 65535.
fn parse_port(digits: &str) -> Option<u16> {
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok().filter(|&port| port != 0)
}

/// A name, an IPv4 address, or an IPv6 address out of its brackets (RFC 3986 §3.2.2).
fn parse_host(host: &str) -> Option<&str> {
    match host.strip_prefix('[') {
        Some(address) => address.strip_suffix(']').filter(|address| address.parse::<Ipv6Addr>().is_ok()),
        None => Some(host).filter(|host| !host.is_empty() && is_registered_name(host.as_bytes())),
    }
}
