//! Who may connect: the Origin of a page against the Host it talks to (RFC 6455 §10.2, RFC 6454 §6.2).

use alloc::string::String;
use alloc::vec::Vec;
use core::str;

use super::http::Request;
use crate::error::HandshakeError;

/// Which pages may connect (RFC 6455 §4.2.2, §10.2).
///
/// A browser names the page's origin and lets any page connect anywhere, with the user's cookies: it is for the server
/// to refuse. Other clients may claim any origin or none, so this is no protection against them. A request without
/// Origin is not from a browser (§4.2.1), and every policy allows it.
///
/// ```
/// use bowsprit::handshake::{OriginPolicy, Request};
///
/// let from = |origin| Request::from_parts("GET", "/", [("Host", &b"example.com"[..]), ("Origin", origin)]);
/// let policy = OriginPolicy::SameHost;
/// assert!(policy.allows(&from(b"https://example.com")));
/// assert!(!policy.allows(&from(b"https://example.com.evil.net")));
/// assert!(!policy.allows(&from(b"null")));
///
/// let policy = OriginPolicy::List(vec!["https://app.example.com".into()]);
/// assert!(policy.allows(&from(b"https://app.example.com")));
/// assert!(!policy.allows(&from(b"https://example.com")));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum OriginPolicy {
    /// Pages whose host and port are those of the request's Host. The scheme may differ, because behind a proxy that
    /// ends TLS the server does not know its own; a port left out is the default of the page's scheme.
    #[default]
    SameHost,
    /// Pages of these origins, each written as a browser does: `https://example.com`, with the port only if it is not
    /// the default, without a slash at the end. `null` allows sandboxed and local pages.
    List(Vec<String>),
    /// All pages. For services that neither use cookies nor trust the network.
    Any,
}

impl OriginPolicy {
    /// Whether the request's origin may connect. More than one Origin, or one that is not an origin, may not, except
    /// under [`Any`](Self::Any).
    pub fn allows(&self, request: &Request<'_>) -> bool {
        let origin = match (self, request.fields().at_most_once("Origin")) {
            (Self::Any, _) | (_, Ok(None)) => return true,
            (_, Err(_)) => return false,
            (_, Ok(Some(origin))) => str::from_utf8(origin).unwrap_or_default(),
        };
        match self {
            Self::SameHost => same_host(origin, request.host().unwrap_or_default()),
            Self::List(origins) => origins.iter().any(|allowed| same_origin(origin, allowed)),
            Self::Any => true,
        }
    }

    /// Like [`allows`](Self::allows), with the error to answer with.
    ///
    /// # Errors
    ///
    /// [`HandshakeError::OriginRefused`], which is a 403.
    pub fn check(&self, request: &Request<'_>) -> Result<(), HandshakeError> {
        if self.allows(request) { Ok(()) } else { Err(HandshakeError::OriginRefused) }
    }
}

fn same_host(origin: &str, host: &str) -> bool {
    let (Some(origin), Some(host)) = (Origin::parse(origin), Authority::parse(host)) else { return false };
    origin.authority.host.eq_ignore_ascii_case(host.host) && origin.port() == host.port.unwrap_or(origin.default_port)
}

fn same_origin(a: &str, b: &str) -> bool {
    match (Origin::parse(a), Origin::parse(b)) {
        (Some(a), Some(b)) => {
            a.default_port == b.default_port
                && a.port() == b.port()
                && a.authority.host.eq_ignore_ascii_case(b.authority.host)
        }
        // Schemes that are not the web's, and `null`: letter by letter.
        (None, None) => !a.is_empty() && a == b,
        _ => false,
    }
}

/// An origin of the web: http or https.
struct Origin<'h> {
    /// Of the scheme, and so the scheme.
    default_port: u16,
    authority: Authority<'h>,
}

impl<'h> Origin<'h> {
    fn parse(origin: &'h str) -> Option<Self> {
        let (default_port, authority) = split_scheme(origin)?;
        Some(Self { default_port, authority: Authority::parse(authority)? })
    }

    fn port(&self) -> u16 {
        self.authority.port.unwrap_or(self.default_port)
    }
}

/// Takes `http://` or `https://` off; returns the scheme's port and the rest.
pub(super) fn split_scheme(uri: &str) -> Option<(u16, &str)> {
    let (scheme, rest) = uri.split_once("://")?;
    if scheme.eq_ignore_ascii_case("http") {
        Some((80, rest))
    } else if scheme.eq_ignore_ascii_case("https") {
        Some((443, rest))
    } else {
        None
    }
}

/// A host and perhaps a port, without user information (RFC 3986 §3.2).
pub(super) struct Authority<'h> {
    host: &'h str,
    port: Option<u16>,
}

impl<'h> Authority<'h> {
    pub(super) fn parse(text: &'h str) -> Option<Self> {
        // The colons of an IPv6 address are inside its brackets.
        let host_len = match text.find(']') {
            Some(end) => end + 1,
            None => text.find(':').unwrap_or(text.len()),
        };
        let (host, rest) = text.split_at(host_len);
        let port = match rest.strip_prefix(':') {
            None if rest.is_empty() => None,
            None => return None,
            Some("") => None,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => Some(digits.parse().ok()?),
            Some(_) => return None,
        };
        is_host(host).then_some(Self { host, port })
    }
}

fn is_host(host: &str) -> bool {
    match host.strip_prefix('[') {
        Some(address) => match address.strip_suffix(']') {
            Some(address) => {
                !address.is_empty() && address.bytes().all(|b| b.is_ascii_hexdigit() || matches!(b, b':' | b'.'))
            }
            None => false,
        },
        None => !host.is_empty() && is_registered_name(host.as_bytes()),
    }
}

/// Letters, digits, punctuation that has no meaning elsewhere in a URI, and whole percent escapes (RFC 3986 §3.2.2).
pub(super) fn is_registered_name(mut name: &[u8]) -> bool {
    loop {
        name = match name {
            [] => return true,
            [b'%', a, b, rest @ ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => rest,
            [b'-' | b'.' | b'_' | b'~' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')', rest @ ..] => rest,
            [b'*' | b'+' | b',' | b';' | b'=', rest @ ..] => rest,
            [byte, rest @ ..] if byte.is_ascii_alphanumeric() => rest,
            _ => return false,
        };
    }
}
