//! What happens in a namespace.

use core::fmt;
use std::boxed::Box;
use std::collections::HashMap;
use std::string::String;
use std::vec::Vec;

use serde::Serialize;
use serde_json::value::RawValue;

use super::event::Event;
use super::reason::Reason;
use super::socket::Socket;
use super::state::SocketKey;

pub(super) type OnGuard = Box<dyn FnMut(&mut Socket<'_>) -> Result<(), Refusal>>;
pub(super) type OnGuardLater = Box<dyn FnMut(&mut Socket<'_>, Admission)>;
pub(super) type OnConnect = Box<dyn FnMut(&mut Socket<'_>)>;
pub(super) type OnEvent = Box<dyn FnMut(&mut Socket<'_>, &Event<'_>)>;
pub(super) type OnDisconnect = Box<dyn FnMut(&mut Socket<'_>, Reason)>;

/// What happens in a namespace: handlers, registered once for all of its sockets.
#[derive(Default)]
pub struct Namespace {
    pub(super) guards: Vec<Guard>,
    pub(super) connect: Vec<OnConnect>,
    pub(super) any: Vec<OnEvent>,
    pub(super) events: HashMap<String, Vec<OnEvent>>,
    pub(super) disconnect: Vec<OnDisconnect>,
}

impl Namespace {
    /// Asks this before a socket is connected, behind those that were added before. What is sent to it there goes
    /// nowhere; rooms and data stay with it.
    pub fn guard(&mut self, guard: impl FnMut(&mut Socket<'_>) -> Result<(), Refusal> + 'static) -> &mut Self {
        self.guards.push(Guard::Now(Box::new(guard)));
        self
    }

    /// As [`guard`](Self::guard), but for an answer that takes time: it is given by
    /// [`Context::decide`](super::Context::decide), also by way of another thread. Without one, the socket is refused
    /// after [`Config::connect_timeout`](super::Config::connect_timeout).
    pub fn guard_later(&mut self, guard: impl FnMut(&mut Socket<'_>, Admission) + 'static) -> &mut Self {
        self.guards.push(Guard::Later(Box::new(guard)));
        self
    }

    /// Calls this when a socket is connected, and knows it.
    pub fn on_connect(&mut self, handler: impl FnMut(&mut Socket<'_>) + 'static) -> &mut Self {
        self.connect.push(Box::new(handler));
        self
    }

    /// Calls this for events of a name.
    pub fn on(
        &mut self,
        name: impl Into<String>,
        handler: impl FnMut(&mut Socket<'_>, &Event<'_>) + 'static,
    ) -> &mut Self {
        self.events.entry(name.into()).or_default().push(Box::new(handler));
        self
    }

    /// Calls this for every event, before those of its name.
    pub fn on_any(&mut self, handler: impl FnMut(&mut Socket<'_>, &Event<'_>) + 'static) -> &mut Self {
        self.any.push(Box::new(handler));
        self
    }

    /// Calls this when a socket is disconnected: exactly once for each that was connected. Its rooms and data are still
    /// known; what is sent to it goes nowhere, and no broadcast reaches it.
    pub fn on_disconnect(&mut self, handler: impl FnMut(&mut Socket<'_>, Reason) + 'static) -> &mut Self {
        self.disconnect.push(Box::new(handler));
        self
    }
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Namespace").field("events", &self.events.keys()).finish_non_exhaustive()
    }
}

pub(super) enum Guard {
    Now(OnGuard),
    Later(OnGuardLater),
}

/// The right to decide whether a socket may enter, once. It may travel to other threads.
#[must_use = "the client waits for it"]
#[derive(Debug)]
pub struct Admission {
    pub(super) socket: SocketKey,
    pub(super) guard: usize,
}

/// Why a socket may not enter: its client is told by `connect_error`.
#[derive(Clone, Debug)]
pub struct Refusal {
    pub(super) message: String,
    pub(super) data: Option<Box<RawValue>>,
}

impl Refusal {
    /// With this message.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), data: None }
    }

    /// With something for the program, too; without it, if that has no JSON.
    #[must_use]
    pub fn data(mut self, data: impl Serialize) -> Self {
        self.data = serde_json::value::to_raw_value(&data).ok();
        self
    }

    /// What the client is told.
    pub(super) fn json(&self) -> String {
        let message = serde_json::to_string(&self.message).unwrap_or_default();
        match &self.data {
            Some(data) => std::format!("{{\"message\":{message},\"data\":{data}}}"),
            None => std::format!("{{\"message\":{message}}}"),
        }
    }
}
