//! Why a request is refused, and in which order that is asked.

use std::format;
use std::string::String;

use super::config::Config;
use super::query::Query;
use super::session::Session;
use super::sessions::{Sessions, Transport};
use super::sid::Sid;
use crate::handshake::{Request, Response};

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    UnknownTransport,
    UnknownSid,
    BadHandshakeMethod,
    BadRequest,
    Forbidden(String),
    UnsupportedVersion,
}

/// What a request that is not refused asks for.
pub(super) struct Asked {
    pub(super) session: Option<super::SessionId>,
    /// Binary only as text.
    pub(super) base64: bool,
}

impl Refusal {
    /// The answer to a plain request.
    pub(super) fn response(&self) -> Response {
        let message = serde_json::to_string(self.message()).unwrap_or_default();
        Response::new(self.status())
            .header("Content-Type", "application/json")
            .body(format!("{{\"code\":{},\"message\":{message}}}", self.code()))
    }

    /// The answer to a WebSocket's request.
    pub(super) fn upgrade_response(&self) -> Response {
        Response::new(400).header("Content-Type", "text/html").body(String::from(self.message()))
    }

    fn code(&self) -> u8 {
        match self {
            Self::UnknownTransport => 0,
            Self::UnknownSid => 1,
            Self::BadHandshakeMethod => 2,
            Self::BadRequest => 3,
            Self::Forbidden(_) => 4,
            Self::UnsupportedVersion => 5,
        }
    }

    fn status(&self) -> u16 {
        if matches!(self, Self::Forbidden(_)) { 403 } else { 400 }
    }

    fn message(&self) -> &str {
        match self {
            Self::UnknownTransport => "Transport unknown",
            Self::UnknownSid => "Session ID unknown",
            Self::BadHandshakeMethod => "Bad handshake method",
            Self::BadRequest => "Bad request",
            Self::Forbidden(message) => message,
            Self::UnsupportedVersion => "Unsupported protocol version",
        }
    }
}

/// Checks a request, the first rule first; `allow` is asked about those that would open a session.
pub(super) fn check(
    request: &Request<'_>,
    is_upgrade: bool,
    sessions: &Sessions,
    allow: impl FnOnce() -> Result<(), String>,
) -> Result<Asked, Refusal> {
    let query = Query::new(request.query());
    let transport = match query.value("transport").as_deref() {
        Some("polling") if sessions.config.polling => Transport::Polling,
        Some("websocket") if sessions.config.websocket => Transport::WebSocket,
        _ => return Err(Refusal::UnknownTransport),
    };
    let mut origins = request.headers().filter(|(name, _)| name.eq_ignore_ascii_case("Origin"));
    if origins.any(|(_, origin)| !origin.iter().all(|byte| (b' '..=b'~').contains(byte))) {
        return Err(Refusal::BadRequest);
    }
    // A WebSocket that asks for polling, or the other way round.
    let fits = is_upgrade == (transport == Transport::WebSocket);
    let sid = query.value("sid").filter(|sid| !sid.is_empty());
    let session = match sid {
        Some(sid) => Some(check_session(sessions.by_sid(&sid).ok_or(Refusal::UnknownSid)?, is_upgrade, transport)?),
        None => None,
    };
    if session.is_none() {
        if request.method() != "GET" {
            return Err(Refusal::BadHandshakeMethod);
        }
        if !fits {
            return Err(Refusal::BadRequest);
        }
        allow().map_err(Refusal::Forbidden)?;
        if query.value("EIO").as_deref() != Some("4") {
            return Err(Refusal::UnsupportedVersion);
        }
    }
    if !fits {
        return Err(Refusal::BadRequest);
    }
    Ok(Asked { session, base64: query.value("b64").is_some_and(|value| !value.is_empty()) })
}

fn check_session(session: &Session, is_upgrade: bool, asked: Transport) -> Result<super::SessionId, Refusal> {
    if !is_upgrade && session.transport() != asked { Err(Refusal::BadRequest) } else { Ok(session.id) }
}

/// The session that a request names.
pub(super) fn sid(config: &Config, request: &Request<'_>) -> Option<Sid> {
    Sid::parse(&Query::new(request.query()).value("sid").filter(|_| is_for(config, request))?)
}

/// Whether a request is for the sessions.
pub(super) fn is_for(config: &Config, request: &Request<'_>) -> bool {
    request.path().starts_with(&*config.path)
}
