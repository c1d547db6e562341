//! The same stream of events by short polling, long polling, server-sent events and WebSocket, plain and compressed:
//! what each costs, measured while one looks.
//!
//!     cargo run --release --features deflate --example http_vs_websocket
//!
//! Open the printed address and press Start. `?seconds=60` sets the length of a run; when it is over, its table is
//! printed here, too.
//!
//! `metered.rs` is a transport of its own that counts what TCP carries, `table.rs` is what is printed; this file makes the
//! events and delivers them.

#[path = "../support/page.rs"]
mod page;
#[path = "../support/mod.rs"]
mod support;

mod metered;
mod table;

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bowsprit::handshake::{Request, Response};
use bowsprit::net::{BodyWriter, Bytes, EventLoop, Handler, Peer, Peers, Remote, RequestId, Responder, Sent, Tcp};
use bowsprit::{DeflateConfig, Message};
use serde_json::json;

use metered::{Ledger, Metered, Way};
use page::{asset, page, random};

const PAGE: &str = include_str!("page.html");

/// 20 events a second, always, so that every way is measured beside the same work.
const EVERY: Duration = Duration::from_millis(50);
/// Events that are kept for those who poll: 12.8 s.
const KEPT: usize = 256;
const TOPIC: &str = "events";

fn main() -> io::Result<()> {
    let args = support::Arguments::parse("HTTP against WebSocket, live", "127.0.0.1:8084");
    if args.workers > 1 || args.deflate {
        support::wrong("the comparison keeps to one loop, and compresses what the path says");
    }
    let tcp = Tcp::bind(&args.listen)?;
    println!("listening on http://{}", tcp.local_addr()?);
    let ledger = Ledger::default();
    let transport = Metered { tcp, ledger: ledger.clone() };
    let remote = Remote::new(&transport);
    let stop = remote.clone();
    ctrlc::set_handler(move || stop.stop()).map_err(io::Error::other)?;
    let mut config = args.config();
    // Only where the path says so: see `upgrade`.
    config.deflate = None;
    EventLoop::new(transport, config, Compare::new(ledger), remote).run()
}

struct Compare {
    /// Names this run of the program: its counters begin at 0.
    epoch: String,
    ledger: Ledger,
    last: u64,
    events: VecDeque<(u64, String)>,
    waiting: Vec<(u64, Responder)>,
    streams: Vec<BodyWriter>,
}

impl Handler for Compare {
    type Data = ();

    fn start(&mut self, peers: &mut Peers<'_, ()>) {
        peers.set_timer(EVERY, 0);
    }

    fn loop_timer(&mut self, _timer: u64, peers: &mut Peers<'_, ()>) {
        peers.set_timer(EVERY, 0);
        self.last += 1;
        let event = event(self.last);

        peers.publish(TOPIC, &event);
        let framed = Bytes::from(format!("id: {}\ndata: {event}\n\n", self.last));
        // Who does not read is cut off, and comes back with a request of its own.
        self.streams.retain_mut(|stream| stream.write(framed.clone()) != Sent::Dropped);
        if self.events.len() == KEPT {
            self.events.pop_front();
        }
        self.events.push_back((self.last, event));
        for (after, responder) in std::mem::take(&mut self.waiting) {
            responder.send(self.since(after));
        }
    }

    fn upgrade(&mut self, request: &Request<'_>) -> Response {
        match Way::of(request.path()) {
            Way::Plain => Response::accept(),
            // Each event by itself: the loop compresses it once for all.
            Way::Deflate => Response::accept().deflate(&DeflateConfig::default()),
            _ => Response::new(404),
        }
    }

    fn http(&mut self, request: &Request<'_>, body: Bytes, responder: Responder, peers: &mut Peers<'_, ()>) {
        match Way::of(request.path()) {
            Way::Short => responder.send(self.since(after(request))),
            Way::Long if after(request) < self.last => responder.send(self.since(after(request))),
            Way::Long => self.waiting.push((after(request), responder)),
            Way::Sse => {
                let head =
                    Response::new(200).header("Content-Type", "text/event-stream").header("Cache-Control", "no-store");
                self.streams.push(responder.stream(head));
            }
            Way::Plain | Way::Deflate => responder.send(Response::new(426)),
            Way::Other => responder.send(match request.path() {
                // Alone in its process, the page gets a clock of 5 µs.
                "/" => page(PAGE)
                    .header("Cross-Origin-Opener-Policy", "same-origin")
                    .header("Cross-Origin-Embedder-Policy", "require-corp"),
                "/counters" => self.counters(),
                "/table" if request.method() == "POST" => match table::of(&body) {
                    Some(table) => {
                        println!("{table}");
                        Response::new(204)
                    }
                    None => Response::new(400),
                },
                "/favicon.ico" => Response::new(204),
                path => asset(path).unwrap_or_else(|| support::metrics(request, peers)),
            }),
        }
    }

    fn http_cancelled(&mut self, request: RequestId, _: &mut Peers<'_, ()>) {
        self.waiting.retain(|(_, responder)| responder.id() != request);
        self.streams.retain(|stream| stream.id() != request);
    }

    fn open(&mut self, peer: &mut Peer<'_, ()>, _request: &Request<'_>) {
        peer.subscribe(TOPIC);
    }

    /// The page has nothing to say.
    fn message(&mut self, _: &mut Peer<'_, ()>, _: Message<'_>) {}
}

impl Compare {
    fn new(ledger: Ledger) -> Self {
        let (events, waiting, streams) = (VecDeque::new(), Vec::new(), Vec::new());
        Self { epoch: random(), ledger, last: 0, events, waiting, streams }
    }

    /// The events behind this one, as an array.
    fn since(&self, after: u64) -> Response {
        let new: Vec<_> = self.events.iter().filter(|(n, _)| *n > after).map(|(_, event)| event.as_str()).collect();
        as_json(format!("[{}]", new.join(",")))
    }

    fn counters(&self) -> Response {
        let ways: serde_json::Map<_, _> = Way::ALL
            .into_iter()
            .map(|(way, path)| {
                let carried = self.ledger.of(way);
                let [requests, received, sent] = [carried.requests, carried.received, carried.sent];
                (path.to_owned(), json!({ "requests": requests, "received": received, "sent": sent }))
            })
            .collect();
        as_json(json!({ "epoch": self.epoch, "last": self.last, "cpu": cpu(), "ways": ways }).to_string())
    }
}

/// An event as a market would send it: about 170 bytes, stamped in milliseconds since 1970.
fn event(n: u64) -> String {
    let at = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64() * 1e3);
    let step = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48;
    let bid = 10_000 + step % 400;
    format!(
        r#"{{"n":{n},"at":{at:.3},"symbol":"BOWS","venue":"Harbour Exchange","bid":{bid},"ask":{},"volume":{},"currency":"EUR","status":"open","depth":[{},{},{}]}}"#,
        bid + 3,
        step % 9_000,
        step % 71,
        step % 53,
        step % 37
    )
}

/// What this thread has computed so far, in microseconds, where the system tells it.
fn cpu() -> Option<u64> {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    stat.split(' ').next()?.parse::<u64>().ok().map(|nanoseconds| nanoseconds / 1000)
}

fn after(request: &Request<'_>) -> u64 {
    let given = request.query().and_then(|query| query.strip_prefix("after="));
    given.and_then(|number| number.parse().ok()).unwrap_or(0)
}

fn as_json(body: String) -> Response {
    Response::new(200).header("Content-Type", "application/json").header("Cache-Control", "no-store").body(body)
}
