//! An HTTP/1.1 request, read from its head (RFC 9112).

use core::str;

use httparse::Header;

use super::fields::{Extension, Fields};
use super::head::{Head, Kind, Scanner};
use super::origin::{Authority, split_scheme};
use crate::error::HandshakeError;
use crate::frame::Status;
use crate::limits::Limits;

/// A request's head, borrowed from where it lies.
///
/// Its methods come in two kinds. *Getters:* what the peer wrote, which need not be right. *Checks:*
/// [`check_upgrade`](Self::check_upgrade) before a connection is made of it, [`check_plain`](Self::check_plain) before
/// it is answered as plain HTTP; [`is_upgrade`](Self::is_upgrade) tells which.
#[derive(Clone, Debug)]
pub struct Request<'h> {
    method: &'h str,
    target: &'h str,
    minor_version: u8,
    fields: Fields<'h>,
    /// The head as it came; empty if somebody else read it.
    head: &'h [u8],
}

/// How a plain request's body is marked off (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyLength {
    /// This many bytes, 0 when there is no body.
    Bytes(u64),
    /// Chunks up to an empty one (RFC 9112 §7.1).
    Chunked,
}

impl<'h> Request<'h> {
    /// Reads a request from the front of `head`; returns it and the length of its head, the empty line included.
    ///
    /// [`ServerHandshake`](super::ServerHandshake) does this for bytes that come in pieces, without looking at one
    /// twice.
    ///
    /// # Errors
    ///
    /// Whatever is not HTTP/1, as soon as it is seen: a violation of RFC 9112 §2 to §5, or a head over one of the
    /// limits. The rules on what the fields say are for the checks.
    pub fn parse(head: &'h [u8], limits: &Limits) -> Result<Status<(Self, usize)>, HandshakeError> {
        let mut scanner = Scanner::new(Kind::Request);
        match scanner.push(head, limits)? {
            Status::Complete(len) => {
                let head = Head { bytes: &head[..len], fields: scanner.fields() };
                Ok(Status::Complete((Self::read(head)?, len)))
            }
            Status::Partial => Ok(Status::Partial),
        }
    }

    /// A request of HTTP/1.1 that somebody else's server has read.
    ///
    /// ```
    /// use bowsprit::handshake::Request;
    ///
    /// let headers = [("Host", &b"example.com"[..]), ("Upgrade", b"websocket")];
    /// let request = Request::from_parts("GET", "/chat?room=1", headers);
    /// assert_eq!(request.path(), "/chat");
    /// assert!(request.is_upgrade());
    /// ```
    pub fn from_parts(
        method: &'h str,
        target: &'h str,
        headers: impl IntoIterator<Item = (&'h str, &'h [u8])>,
    ) -> Self {
        let field = |(name, value): (&'h str, &'h [u8])| Header { name, value: value.trim_ascii() };
        Self {
            method,
            target,
            minor_version: 1,
            fields: Fields::new(headers.into_iter().map(field).collect()),
            head: b"",
        }
    }

    /// Reads a head that the scanner has passed.
    pub(super) fn read(head: Head<'h>) -> Result<Self, HandshakeError> {
        let mut fields = alloc::vec![httparse::EMPTY_HEADER; head.fields];
        let mut request = httparse::Request::new(&mut fields);
        // The scanner is the stricter of the two, so that they always agree.
        if request.parse(head.bytes) != Ok(httparse::Status::Complete(head.bytes.len())) {
            return Err(HandshakeError::RequestLine);
        }
        let (Some(method), Some(target), Some(minor_version)) = (request.method, request.path, request.version) else {
            return Err(HandshakeError::RequestLine);
        };
        Ok(Self { method, target, minor_version, fields: Fields::new(fields), head: head.bytes })
    }

    /// The method, such as `GET`. Its case counts.
    pub fn method(&self) -> &'h str {
        self.method
    }

    /// The request target as it was sent: a path with its query, or an absolute URI (RFC 9112 §3.2).
    pub fn target(&self) -> &'h str {
        self.target
    }

    /// The path, not decoded: `/chat` of `/chat?room=1` and of `http://example.com/chat?room=1`.
    pub fn path(&self) -> &'h str {
        match Target::of(self.target).resource.split('?').next() {
            None | Some("") => "/",
            Some(path) => path,
        }
    }

    /// What follows the first question mark, not decoded.
    pub fn query(&self) -> Option<&'h str> {
        Target::of(self.target).resource.split_once('?').map(|(_, query)| query)
    }

    /// 1 for HTTP/1.1, 0 for HTTP/1.0.
    pub fn minor_version(&self) -> u8 {
        self.minor_version
    }

    /// The value of the first field with this name, in any case, white space around it removed.
    ///
    /// `None` also for a value that is not UTF-8; [`headers`](Self::headers) has its bytes.
    pub fn header(&self, name: &str) -> Option<&'h str> {
        self.fields.values(name).next().and_then(|value| str::from_utf8(value).ok())
    }

    /// All fields, in the order they came: names as they were written, values as bytes without the white space around
    /// them.
    pub fn headers(&self) -> impl Iterator<Item = (&'h str, &'h [u8])> {
        self.fields.iter()
    }

    /// Which page the request comes from, as its browser says (RFC 6455 §10.2). `None` is no browser (§4.2.1).
    ///
    /// [`OriginPolicy`](super::OriginPolicy) judges it.
    pub fn origin(&self) -> Option<&'h str> {
        self.header("Origin")
    }

    /// The host that is asked for, with its port if that was sent: the authority of an absolute target, else Host
    /// (RFC 9112 §3.2.2).
    pub fn host(&self) -> Option<&'h str> {
        Target::of(self.target).authority.or_else(|| self.header("Host"))
    }

    /// The subprotocols that the client offers, the ones it likes best first (RFC 6455 §4.2.1). Repeated fields count as
    /// one list.
    pub fn subprotocols(&self) -> impl Iterator<Item = &'h str> {
        self.fields.tokens("Sec-WebSocket-Protocol")
    }

    /// The extensions that the client offers, the ones it likes best first (RFC 6455 §9.1). Repeated fields count as one
    /// list.
    pub fn extensions(&self) -> impl Iterator<Item = Extension<'h>> {
        self.fields.extensions("Sec-WebSocket-Extensions")
    }

    /// Whether this is an attempt to open a WebSocket connection, a good one or a broken one: Upgrade names `websocket`,
    /// or there is a Sec-WebSocket-Key or Sec-WebSocket-Version.
    ///
    /// If not, it is plain HTTP.
    pub fn is_upgrade(&self) -> bool {
        self.fields.lists("Upgrade", b"websocket")
            || self.fields.has("Sec-WebSocket-Key")
            || self.fields.has("Sec-WebSocket-Version")
    }

    /// Checks what any HTTP server has to, and tells how long the body is. Upgrade and the like are ignored.
    ///
    /// An Expect is ignored when there is no body to wait for, and in HTTP/1.0. Else it can only be
    /// [`100-continue`](Self::expects_continue).
    ///
    /// # Errors
    ///
    /// A target that is not for this server to serve, not exactly one valid Host (HTTP/1.0 may leave it out), a body
    /// whose length is in doubt, an Expect of anything but 100-continue (RFC 9112 §3.2, §6; RFC 9110 §10.1.1).
    pub fn check_plain(&self) -> Result<BodyLength, HandshakeError> {
        self.check_target()?;
        let body = self.body_length()?;
        let mut expected = self.fields.elements("Expect");
        let waits = body != BodyLength::Bytes(0) && self.minor_version > 0;
        if waits && expected.any(|expected| !expected.eq_ignore_ascii_case(b"100-continue")) {
            return Err(HandshakeError::Expectation);
        }
        Ok(body)
    }

    /// Whether the client may wait for a 100 before it sends the body (RFC 9110 §10.1.1). It is not needed once some of
    /// the body is there.
    pub fn expects_continue(&self) -> bool {
        self.minor_version > 0 && self.fields.lists("Expect", b"100-continue")
    }

    /// Whether another request may follow on the same transport (RFC 9112 §9.3). In HTTP/1.0 none does, also not by
    /// its keep-alive.
    pub fn is_persistent(&self) -> bool {
        self.minor_version > 0 && !self.fields.lists("Connection", b"close")
    }

    /// The head's bytes as they came, to [parse](Self::parse) again; empty after [`from_parts`](Self::from_parts).
    pub fn head(&self) -> &'h [u8] {
        self.head
    }

    pub(super) fn fields(&self) -> &Fields<'h> {
        &self.fields
    }

    /// Target and Host (RFC 9112 §3.2).
    pub(super) fn check_target(&self) -> Result<(), HandshakeError> {
        let target = Target::of(self.target);
        let everything = self.method == "OPTIONS" && self.target == "*";
        if !everything && !target.is_served {
            return Err(HandshakeError::Target);
        }
        let host = match self.fields.at_most_once("Host") {
            Err(_) => return Err(HandshakeError::Host),
            Ok(None) if self.minor_version == 0 => return Ok(()),
            Ok(host) => host.and_then(|host| str::from_utf8(host).ok()).unwrap_or_default(),
        };
        match Authority::parse(host) {
            Some(_) => Ok(()),
            None => Err(HandshakeError::Host),
        }
    }

    /// Where the body ends, if that is beyond doubt (RFC 9112 §6).
    pub(super) fn body_length(&self) -> Result<BodyLength, HandshakeError> {
        body_length(&self.fields, self.minor_version)
    }
}

/// Where the body of a message with these fields ends, if that is beyond doubt (RFC 9112 §6).
pub(super) fn body_length(fields: &Fields<'_>, minor_version: u8) -> Result<BodyLength, HandshakeError> {
    let length = fields.at_most_once("Content-Length").map_err(|_| HandshakeError::ContentLength)?.map(content_length);
    if !fields.has("Transfer-Encoding") {
        return match length {
            None => Ok(BodyLength::Bytes(0)),
            Some(Some(length)) => Ok(BodyLength::Bytes(length)),
            Some(None) => Err(HandshakeError::ContentLength),
        };
    }
    // Both at once is how requests are smuggled past a proxy (§11.2).
    if length.is_some() {
        return Err(HandshakeError::ContentLength);
    }
    let mut codings = fields.elements("Transfer-Encoding");
    let chunked = codings.next().is_some_and(|coding| coding.eq_ignore_ascii_case(b"chunked"));
    if minor_version == 0 || !chunked || codings.next().is_some() {
        return Err(HandshakeError::TransferEncoding);
    }
    Ok(BodyLength::Chunked)
}

/// Digits alone: no sign, no list, no more than 64 bits.
fn content_length(value: &[u8]) -> Option<u64> {
    let digits = str::from_utf8(value).ok()?;
    if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
}

/// The parts of a request target (RFC 9112 §3.2).
struct Target<'h> {
    /// Of the absolute form.
    authority: Option<&'h str>,
    /// Path and query; the whole target if it has neither form.
    resource: &'h str,
    /// The origin form, or the absolute form of an http or https URI.
    is_served: bool,
}

impl<'h> Target<'h> {
    fn of(target: &'h str) -> Self {
        // A fragment is never sent (RFC 9110 §7.1).
        let whole = !target.contains('#');
        if target.starts_with('/') {
            return Self { authority: None, resource: target, is_served: whole };
        }
        match split_scheme(target) {
            Some((_, rest)) => {
                let (authority, resource) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
                let is_served = whole && Authority::parse(authority).is_some();
                Self { authority: Some(authority), resource, is_served }
            }
            None => Self { authority: None, resource: target, is_served: false },
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;
    use crate::handshake::head::tests::split;

    const HEAD: &[u8] = b"\r\nGET /a?b HTTP/1.1\r\nHost: a\r\nX:\r\nY: \t b c \t\r\n\r\n";

    #[test]
    fn values_come_without_the_white_space_around_them() {
        let Ok(Status::Complete((request, len))) = Request::parse(HEAD, &Limits::default()) else { panic!() };
        assert_eq!(len, HEAD.len());
        let fields: Vec<_> = request.headers().collect();
        assert_eq!(fields, [("Host", &b"a"[..]), ("X", b""), ("Y", b"b c")]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn what_the_scanner_lets_through_has_one_reading(
            at in 0..HEAD.len(),
            removed in 0..4usize,
            inserted in prop::collection::vec(prop_oneof![
                any::<u8>(),
                prop::sample::select(b"\r\n \t:a/".to_vec()),
            ], 0..5),
        ) {
            let end = (at + removed).min(HEAD.len());
            let head = [&HEAD[..at], &inserted, &HEAD[end..]].concat();
            let mut scanner = Scanner::new(Kind::Request);
            if let Ok(Status::Complete(len)) = scanner.push(&head, &Limits::default()) {
                let request = Request::read(Head { bytes: &head[..len], fields: scanner.fields() });
                prop_assert!(request.is_ok());
                let fields: Vec<_> = request.iter().flat_map(Request::headers).map(|(n, v)| (n.as_bytes(), v)).collect();
                prop_assert_eq!(fields, split(&head[..len]));
            }
        }
    }
}
