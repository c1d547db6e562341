//! What happens on a loop, in numbers.

use core::fmt;
use std::format;

use super::handler::Cause;
use crate::buffer::Traffic;
use crate::frame::Opcode;

/// What a loop has done since it began, and what it holds now.
///
/// ```no_run
/// use bowsprit::handshake::{Request, Response};
/// use bowsprit::net::{Bytes, Handler, Peer, Peers, Responder, Stats};
/// # use bowsprit::Message;
/// # struct Metered;
/// # impl Handler for Metered {
/// # type Data = ();
/// # fn message(&mut self, _: &mut Peer<'_, ()>, _: Message<'_>) {}
///
/// fn http(&mut self, request: &Request<'_>, _: Bytes, responder: Responder, peers: &mut Peers<'_, ()>) {
///     responder.send(match request.path() {
///         "/metrics" => Response::new(200).header("Content-Type", Stats::CONTENT_TYPE).body(peers.stats().to_string()),
///         _ => Response::new(404),
///     });
/// }
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Stats {
    /// Connections now, of WebSocket, of HTTP, and in the handshake.
    pub connections: usize,
    /// Plain HTTP requests now that wait for an answer or the rest of it.
    pub http_waiting: usize,
    /// Bytes now in the queues of all connections, in unfinished messages and requests, in the windows of compression with
    /// context takeover, and in input that waits. Shared memory counts once for each queue.
    pub held: usize,
    /// Bytes now that other threads have sent and the loop has not come round to.
    pub inbox: usize,
    /// Topics now.
    pub topics: usize,
    /// Pairs of a connection and a topic now.
    pub subscriptions: usize,

    /// Connections accepted.
    pub accepted: u64,
    /// WebSocket connections opened, those of ours included.
    pub opened: u64,
    /// Connections ended with an HTTP error: refused handshakes, and requests that the server itself refused.
    pub refused: u64,
    /// Plain HTTP requests given to the handler.
    pub http_requests: u64,
    /// Those of them that were not waited for, and those whose bodies did not come to their end.
    pub http_cancelled: u64,
    /// Frames received, as far as they were understood.
    pub received: Traffic,
    /// Frames queued to be sent, one for each connection that they go to.
    pub sent: Traffic,
    /// Messages dropped by a queue's policy, or for want of memory.
    pub dropped: u64,
    /// Panics of the handler.
    pub panics: u64,
    closed: [u64; CAUSES],
}

/// What the loop counts.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) accepted: u64,
    pub(super) opened: u64,
    pub(super) refused: u64,
    pub(super) http_requests: u64,
    pub(super) http_waiting: usize,
    pub(super) http_cancelled: u64,
    /// Copied from the receive buffer between the turns.
    pub(super) received: Traffic,
    /// Frames that did not go through a [`SendBuffer`](crate::SendBuffer).
    pub(super) published: Traffic,
    pub(super) dropped: u64,
    pub(super) panics: u64,
    closed: [u64; CAUSES],
}

const CAUSES: usize = 10;

/// In the order of [`place`].
const CAUSE_NAMES: [&str; CAUSES] = [
    "closed",
    "failed",
    "lost",
    "silent",
    "message_too_slow",
    "write_stalled",
    "close_unanswered",
    "queue_full",
    "out_of_memory",
    "panicked",
];

const fn place(cause: &Cause<'_>) -> usize {
    match cause {
        Cause::Closed { .. } => 0,
        Cause::Failed(_) => 1,
        Cause::Lost(_) => 2,
        Cause::Silent => 3,
        Cause::MessageTooSlow => 4,
        Cause::WriteStalled => 5,
        Cause::CloseUnanswered => 6,
        Cause::QueueFull => 7,
        Cause::OutOfMemory => 8,
        Cause::Panicked => 9,
    }
}

impl Counters {
    pub(super) fn count_close(&mut self, cause: &Cause<'_>) {
        self.closed[place(cause)] += 1;
    }
}

/// The gauges that go with the counters.
pub(super) struct Now {
    pub(super) connections: usize,
    pub(super) held: usize,
    pub(super) inbox: usize,
    pub(super) topics: usize,
    pub(super) subscriptions: usize,
}

impl Stats {
    /// The media type of the text that [`Display`](fmt::Display) writes: Prometheus, version 0.0.4.
    pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

    pub(super) fn new(counters: &Counters, mut sent: Traffic, now: &Now) -> Self {
        sent.add(&counters.published);
        Self {
            connections: now.connections,
            http_waiting: counters.http_waiting,
            held: now.held,
            inbox: now.inbox,
            topics: now.topics,
            subscriptions: now.subscriptions,
            accepted: counters.accepted,
            opened: counters.opened,
            refused: counters.refused,
            http_requests: counters.http_requests,
            http_cancelled: counters.http_cancelled,
            received: counters.received,
            sent,
            dropped: counters.dropped,
            panics: counters.panics,
            closed: counters.closed,
        }
    }

    /// How many WebSocket connections ended for each [`Cause`], which is named in lower case.
    pub fn closed(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        CAUSE_NAMES.into_iter().zip(self.closed)
    }
}

/// Prometheus' text format, version 0.0.4.
impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut page = Page(f);
        page.gauge("connections", "Connections of WebSocket, of HTTP, and in the handshake.", self.connections)?;
        page.gauge("http_waiting", "Plain HTTP requests that wait for an answer.", self.http_waiting)?;
        page.gauge(
            "held_bytes",
            "Bytes in queues, unfinished messages, windows of compression and input that waits.",
            self.held,
        )?;
        page.gauge("inbox_bytes", "Bytes from other threads that the loop has not come round to.", self.inbox)?;
        page.gauge("topics", "Topics that have subscribers.", self.topics)?;
        page.gauge("subscriptions", "Pairs of a connection and a topic.", self.subscriptions)?;
        page.counter("accepted_total", "Connections accepted.", self.accepted)?;
        page.counter("opened_total", "WebSocket connections opened.", self.opened)?;
        page.counter("refused_total", "Connections ended with an HTTP error.", self.refused)?;
        page.counter("http_requests_total", "Plain HTTP requests.", self.http_requests)?;
        page.counter("http_cancelled_total", "Plain HTTP requests that were not waited for.", self.http_cancelled)?;
        page.by_opcode("received", &self.received)?;
        page.by_opcode("sent", &self.sent)?;
        page.counter("dropped_messages_total", "Messages dropped by a queue's policy.", self.dropped)?;
        page.counter("handler_panics_total", "Panics of the handler.", self.panics)?;
        page.head("closed_total", "counter", "WebSocket connections ended, by cause.")?;
        for (cause, n) in self.closed() {
            page.line("closed_total", Some(("cause", cause)), n)?;
        }
        Ok(())
    }
}

struct Page<'f, 'w>(&'f mut fmt::Formatter<'w>);

impl Page<'_, '_> {
    fn gauge(&mut self, name: &str, help: &str, value: usize) -> fmt::Result {
        self.head(name, "gauge", help)?;
        self.line(name, None, value as u64)
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        self.head(name, "counter", help)?;
        self.line(name, None, value)
    }

    fn by_opcode(&mut self, direction: &str, traffic: &Traffic) -> fmt::Result {
        let name = format!("{direction}_frames_total");
        self.head(&name, "counter", &format!("Frames {direction}."))?;
        for (opcode, label) in OPCODES {
            self.line(&name, Some(("opcode", label)), traffic.frames(opcode))?;
        }
        let name = format!("{direction}_payload_bytes_total");
        self.head(&name, "counter", &format!("Payload bytes of the frames {direction}."))?;
        for (opcode, label) in OPCODES {
            self.line(&name, Some(("opcode", label)), traffic.bytes(opcode))?;
        }
        Ok(())
    }

    fn head(&mut self, name: &str, kind: &str, help: &str) -> fmt::Result {
        writeln!(self.0, "# HELP bowsprit_{name} {help}\n# TYPE bowsprit_{name} {kind}")
    }

    fn line(&mut self, name: &str, label: Option<(&str, &str)>, value: u64) -> fmt::Result {
        match label {
            Some((label, of)) => writeln!(self.0, "bowsprit_{name}{{{label}=\"{of}\"}} {value}"),
            None => writeln!(self.0, "bowsprit_{name} {value}"),
        }
    }
}

const OPCODES: [(Opcode, &str); 6] = [
    (Opcode::Continuation, "continuation"),
    (Opcode::Text, "text"),
    (Opcode::Binary, "binary"),
    (Opcode::Close, "close"),
    (Opcode::Ping, "ping"),
    (Opcode::Pong, "pong"),
];
