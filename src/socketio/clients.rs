//! A session, and what it has entered.

use core::time::Duration;
use std::borrow::Cow;
use std::string::String;
use std::sync::Arc;
use std::vec::Vec;

use bytes::Bytes;

use super::context::TimerId;
use super::engine::Query;
use super::reason::Reason;
use super::state::{SocketKey, SpaceId};
use crate::handshake::Request;

/// A session.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) handshake: Arc<Handshake>,
    pub(super) sockets: Vec<(SpaceId, SocketKey)>,
    /// Until it has entered a namespace.
    pub(super) connect_by: Option<TimerId>,
    /// A packet whose attachments are on their way.
    pub(super) unfinished: Option<Unfinished>,
    /// Namespaces that the server put it out of, and until when it may not know.
    pub(super) left: Vec<(Arc<str>, Duration)>,
    /// Why it is closed, if that is not for the session to say.
    pub(super) reason: Option<Reason>,
}

#[derive(Debug)]
pub(super) struct Unfinished {
    pub(super) text: String,
    pub(super) attachments: Vec<Bytes>,
    pub(super) missing: usize,
    pub(super) len: usize,
}

/// The request that opened a session: its target and its headers.
#[derive(Debug)]
pub struct Handshake {
    target: String,
    headers: Vec<(String, Vec<u8>)>,
    issued: Duration,
}

impl Handshake {
    pub(super) fn new(request: &Request<'_>, issued: Duration) -> Self {
        let header = |(name, value): (&str, &[u8])| (name.into(), value.to_vec());
        Self { target: request.target().into(), headers: request.headers().map(header).collect(), issued }
    }

    /// The target, with its query.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The value of this name in the query; the last, if there are several.
    pub fn query(&self, name: &str) -> Option<Cow<'_, str>> {
        Query::new(self.target.split_once('?').map(|(_, query)| query)).value(name)
    }

    /// The value of the first header field with this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let field = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        field.and_then(|(_, value)| core::str::from_utf8(value).ok())
    }

    /// When it came, by the loop's clock.
    pub fn issued(&self) -> Duration {
        self.issued
    }
}
