//! A server's answer, read from its head, and what a client checks in it (RFC 6455 §4.1).

use core::str;

use super::Negotiated;
use super::client::Offer;
#[cfg(feature = "deflate")]
use super::deflate;
use super::fields::Fields;
use super::head::Head;
use super::http::{BodyLength, body_length};
use crate::error::HandshakeError;

/// The head of a server's answer, borrowed from where it lies; [`ClientHandshake`](super::ClientHandshake) reads it.
///
/// Its methods come in two kinds. *Getters:* what the server wrote, which need not be right. *Check:*
/// [`check_upgrade`](Self::check_upgrade), before a connection is made of it. If that fails the getters still tell why:
/// a 401 has WWW-Authenticate, a 307 Location, a 503 perhaps Retry-After.
#[derive(Clone, Debug)]
pub struct Answer<'h> {
    minor_version: u8,
    status: u16,
    reason: &'h str,
    fields: Fields<'h>,
    offer: &'h Offer,
}

impl<'h> Answer<'h> {
    /// Reads a head that the scanner has passed.
    pub(super) fn read(head: Head<'h>, offer: &'h Offer) -> Result<Self, HandshakeError> {
        let mut fields = alloc::vec![httparse::EMPTY_HEADER; head.fields];
        let mut response = httparse::Response::new(&mut fields);
        // The scanner is the stricter of the two, so that they always agree.
        if response.parse(head.bytes) != Ok(httparse::Status::Complete(head.bytes.len())) {
            return Err(HandshakeError::StatusLine);
        }
        let (Some(minor_version), Some(status), Some(reason)) = (response.version, response.code, response.reason)
        else {
            return Err(HandshakeError::StatusLine);
        };
        Ok(Self { minor_version, status, reason, fields: Fields::new(fields), offer })
    }

    /// The status: 101 opens the connection, any other does not. Never another interim one.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The words behind the status, which mean nothing (RFC 9112 §4). Empty also if they are not ASCII.
    pub fn reason(&self) -> &'h str {
        self.reason
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

    /// Checks everything that RFC 6455 §4.1 asks of the server's opening handshake. What comes next are frames.
    ///
    /// # Errors
    ///
    /// The first rule that is broken, in this order: status, HTTP version, body, Upgrade, Connection,
    /// Sec-WebSocket-Accept, -Extensions, -Protocol. [`HandshakeError::NotSwitched`] is no broken rule but the server's
    /// good right.
    pub fn check_upgrade(&self) -> Result<Negotiated, HandshakeError> {
        if self.status != 101 {
            return Err(HandshakeError::NotSwitched);
        }
        // RFC 9110 §15.2: no 1xx exists in HTTP/1.0.
        if self.minor_version == 0 {
            return Err(HandshakeError::UpgradeInHttp10);
        }
        // RFC 9110 §8.6, RFC 9112 §6.1: a 101 announces no body. A length of 0 says the same.
        if body_length(&self.fields, self.minor_version)? != BodyLength::Bytes(0) {
            return Err(HandshakeError::BodyNotAllowed);
        }
        if !self.fields.lists("Upgrade", b"websocket") {
            return Err(HandshakeError::UpgradeMissing);
        }
        // RFC 9110 §7.8: several are layers of protocols, and only one was requested.
        if !self.fields.elements("Upgrade").all(|protocol| protocol.eq_ignore_ascii_case(b"websocket")) {
            return Err(HandshakeError::UpgradeNotRequested);
        }
        if !self.fields.lists("Connection", b"upgrade") {
            return Err(HandshakeError::ConnectionMissing);
        }
        // §11.3.3: at most once.
        match self.fields.at_most_once("Sec-WebSocket-Accept") {
            Ok(Some(accept)) if accept == self.offer.accept.as_bytes() => {}
            Ok(Some(_)) => return Err(HandshakeError::WrongAccept),
            Ok(None) | Err(_) => return Err(HandshakeError::AcceptNotOnce),
        }
        // §9.1.
        if self.fields.check_extensions("Sec-WebSocket-Extensions").is_err() {
            return Err(HandshakeError::MalformedExtensions);
        }
        // Several lines are one list (erratum 3433).
        let mut extensions = self.fields.extensions("Sec-WebSocket-Extensions");
        #[cfg(feature = "deflate")]
        let deflate = match &self.offer.deflate {
            Some(config) => deflate::check(extensions.by_ref(), config)?,
            None => None,
        };
        if extensions.next().is_some() {
            return Err(HandshakeError::ExtensionNotOffered);
        }
        Ok(Negotiated {
            subprotocol: self.subprotocol()?.map(Into::into),
            #[cfg(feature = "deflate")]
            deflate,
        })
    }

    /// The subprotocol that the server chose: at most one (§11.3.4), and one of the client's.
    fn subprotocol(&self) -> Result<Option<&'h str>, HandshakeError> {
        let Ok(chosen) = self.fields.at_most_once("Sec-WebSocket-Protocol") else {
            return Err(HandshakeError::SubprotocolRepeated);
        };
        let Some(chosen) = chosen else { return Ok(None) };
        match self.offer.subprotocols.iter().find(|offered| offered.as_bytes() == chosen) {
            Some(offered) => Ok(Some(offered)),
            None => Err(HandshakeError::SubprotocolNotOffered),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;
    use crate::frame::Status;
    use crate::handshake::accept_key;
    use crate::handshake::head::tests::split;
    use crate::handshake::head::{Kind, Scanner};
    use crate::limits::Limits;

    const HEAD: &[u8] = b"HTTP/1.1 101 Go on\r\nHost: a\r\nX:\r\nY: \t b c \t\r\n\r\n";

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn what_the_scanner_lets_through_has_one_reading(
            at in 0..HEAD.len(),
            removed in 0..4usize,
            inserted in prop::collection::vec(prop_oneof![
                any::<u8>(),
                prop::sample::select(b"\r\n \t:a19".to_vec()),
            ], 0..5),
        ) {
            let end = (at + removed).min(HEAD.len());
            let head = [&HEAD[..at], &inserted, &HEAD[end..]].concat();
            let offer = Offer {
                accept: accept_key(""),
                subprotocols: Vec::new(),
                #[cfg(feature = "deflate")]
                deflate: None,
            };
            let mut scanner = Scanner::new(Kind::Answer);
            if let Ok(Status::Complete(len)) = scanner.push(&head, &Limits::default()) {
                let answer = Answer::read(Head { bytes: &head[..len], fields: scanner.fields() }, &offer);
                prop_assert!(answer.is_ok());
                for answer in answer.iter() {
                    prop_assert_eq!(answer.status().to_string().into_bytes(), &head[9..12]);
                    let fields: Vec<_> = answer.headers().map(|(n, v)| (n.as_bytes(), v)).collect();
                    prop_assert_eq!(fields, split(&head[..len]));
                }
            }
        }
    }
}
