//! A ticker: one to many at a chosen rate, and tabs that do not keep up.
//!
//!     cargo run --release --example ticker
//!
//! Open the printed address in two windows, and make one of them slow.
//!
//! `market.rs` makes the ticks, `tabs.rs` keeps the books, and this file puts them on bowsprit. A tab has two connections:
//! `/ticks`, which a worker of the page reads, or does not; and `/control`, where it says what it wants and sees how it
//! fares. `Peer::publish` would send a tick to everybody with one call; here each is sent its own, to know what became of it.

#[path = "../support/page.rs"]
mod page;
#[path = "../support/mod.rs"]
mod support;

mod market;
mod tabs;
#[cfg(all(test, feature = "testing"))]
mod tests;

use std::io;
use std::time::Duration;

use bowsprit::handshake::{Request, Response};
use bowsprit::net::{Bytes, Cause, Config, Handler, Peer, Peers, Responder, Sent, Server};
use bowsprit::{CloseCode, Message, SharedMessage};
use serde::Deserialize;
use serde_json::json;

use market::Market;
use page::{asset, page_with, random};
use tabs::Tabs;

const PAGE: &str = include_str!("page.html");
const WORKER: &str = include_str!("ticks.js");

/// From here on a tab's policy decides: a second of 128 ticks. A server of small values that replace each other waits for
/// less than the mebibyte that is the default.
const QUEUE: usize = 128 << 10;
/// What the system may hold beside the queue: ticks in there are neither dropped nor replaced any more, and get old.
const SEND_BUFFER: usize = 64 << 10;
/// Ticks a second, at first and at most.
const RATE: u32 = 200;
const MAX_RATE: u32 = 2_000;
/// Ticks in one turn of the loop: what all who read can be sent at once. Who comes late with more drops the rate.
const AT_ONCE: f64 = 32.0;
/// What the page is told of its numbers, so often.
const STATUS_EVERY: Duration = Duration::from_millis(250);
const STATUS: &str = "status";

const TICK_TIMER: u64 = 0;
const STATUS_TIMER: u64 = 1;

fn main() -> io::Result<()> {
    let args = support::Arguments::parse("a ticker with slow tabs", "127.0.0.1:8083");
    let server = Server::bind_with(&args.listen, settings(args.config()))?;
    support::run("http", server, Ticker::new())
}

fn settings(mut config: Config) -> Config {
    (config.soft_queue, config.hard_queue, config.send_buffer) = (QUEUE / 4, QUEUE, SEND_BUFFER);
    config.limits.message = 1 << 10;
    // Tabs that do not read are what this is about: they are not taken for dead, and have time to see their Close.
    (config.pong_within, config.write_timeout, config.close_timeout) =
        (Duration::from_secs(600), Duration::from_secs(600), Duration::from_secs(60));
    config
}

struct Ticker {
    /// Names this run of the program: its ticks begin at 1.
    run: String,
    market: Market,
    tabs: Tabs,
    rate: u32,
    /// Ticks that are due, and when that was reckoned.
    due: f64,
    reckoned: Duration,
}

/// What a connection is for, and the number of its tab.
#[derive(Clone, Copy, Default)]
enum Purpose {
    #[default]
    None,
    Ticks(u32),
    Control(u32),
}

/// What a page may say.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum FromPage {
    Rate { rate: u32 },
    Policy { policy: String },
    Ping,
}

impl Handler for Ticker {
    type Data = Purpose;

    fn start(&mut self, peers: &mut Peers<'_, Purpose>) {
        self.reckoned = peers.now();
        peers.set_timer(self.pace(), TICK_TIMER);
        peers.set_timer(STATUS_EVERY, STATUS_TIMER);
    }

    fn loop_timer(&mut self, timer: u64, peers: &mut Peers<'_, Purpose>) {
        if timer == STATUS_TIMER {
            self.tell(peers);
            peers.set_timer(STATUS_EVERY, STATUS_TIMER);
            return;
        }
        let now = peers.now();
        self.due += (now - self.reckoned).as_secs_f64() * f64::from(self.rate);
        self.reckoned = now;
        let ticks = self.due.min(AT_ONCE) as u32;
        // What the loop was too late for is not made up for.
        self.due = (self.due - f64::from(ticks)).min(1.0);
        // What the ticks before have left, not what these add: they leave when the turn is over.
        for (id, tab) in self.tabs.watching() {
            tab.queued = peers.peer(id).map_or(0, |peer| peer.queued());
        }
        for _ in 0..ticks {
            self.tick(peers);
        }
        peers.set_timer(self.pace(), TICK_TIMER);
    }

    fn upgrade(&mut self, request: &Request<'_>) -> Response {
        match request.path() {
            "/ticks" | "/control" if self.tabs.admits(key(request)) => Response::accept(),
            "/ticks" | "/control" => Response::new(503),
            _ => Response::new(404),
        }
    }

    fn http(&mut self, request: &Request<'_>, _: Bytes, responder: Responder, peers: &mut Peers<'_, Purpose>) {
        responder.send(match request.path() {
            // Alone in its process, the page may share memory with its worker, and so wake it.
            "/" => isolated(page_with(PAGE, "; worker-src 'self'")).header("Cross-Origin-Opener-Policy", "same-origin"),
            "/ticks.js" => isolated(Response::new(200))
                .header("Content-Type", "text/javascript; charset=utf-8")
                .header("Content-Security-Policy", "default-src 'none'; connect-src 'self'")
                .header("Cache-Control", "no-cache")
                .body(WORKER),
            "/favicon.ico" => Response::new(204),
            path => asset(path).unwrap_or_else(|| support::metrics(request, peers)),
        });
    }

    fn open(&mut self, peer: &mut Peer<'_, Purpose>, request: &Request<'_>) {
        let number = self.tabs.number(key(request));
        let id = peer.id();
        let Some(tab) = self.tabs.get(number) else { return };
        if request.path() == "/control" {
            tab.control();
            *peer.data_mut() = Purpose::Control(number);
            peer.subscribe(STATUS);
            let _ = peer.send(json!({ "type": "welcome", "tab": number, "most": MAX_RATE }).to_string());
            return;
        }
        let before = tab.watch(id);
        *peer.data_mut() = Purpose::Ticks(number);
        peer.set_policy(tab.policy);
        let _ = peer.send(json!({ "run": self.run, "next": self.market.last() + 1 }).to_string());
        if let Some(mut before) = before.and_then(|before| peer.other(before)) {
            let _ = before.close(CloseCode::POLICY_VIOLATION, "the tab has come again");
        }
    }

    fn message(&mut self, peer: &mut Peer<'_, Purpose>, message: Message<'_>) {
        let wanted = serde_json::from_slice(message.as_bytes()).ok();
        let (Purpose::Control(number), Some(wanted)) = (*peer.data(), wanted) else {
            let _ = peer.close(CloseCode::POLICY_VIOLATION, "not understood");
            return;
        };
        match wanted {
            FromPage::Rate { rate } => self.rate = rate.clamp(1, MAX_RATE),
            FromPage::Policy { policy } => match (tabs::policy(&policy), self.tabs.get(number)) {
                (Some(policy), Some(tab)) => {
                    tab.policy = policy;
                    if let Some(mut ticks) = tab.ticks.and_then(|ticks| peer.other(ticks)) {
                        ticks.set_policy(policy);
                    }
                }
                _ => {
                    let _ = peer.close(CloseCode::POLICY_VIOLATION, "there is no such policy");
                    return;
                }
            },
            FromPage::Ping => {}
        }
        self.tell(&mut peer.peers());
    }

    fn close(&mut self, peer: &mut Peer<'_, Purpose>, cause: &Cause<'_>) {
        let (id, now, purpose) = (peer.id(), peer.peers().now(), *peer.data());
        match purpose {
            Purpose::Ticks(number) => {
                if let Some(tab) = self.tabs.get(number) {
                    tab.unwatch(id, cause.to_string(), now);
                }
            }
            Purpose::Control(number) => {
                if let Some(tab) = self.tabs.get(number) {
                    tab.uncontrol(now);
                }
            }
            Purpose::None => {}
        }
    }
}

impl Ticker {
    fn new() -> Self {
        Self {
            run: random(),
            market: Market::open(),
            tabs: Tabs::default(),
            rate: RATE,
            due: 0.0,
            reckoned: Duration::ZERO,
        }
    }

    /// How long to wait for the next tick, or for several if they are many.
    fn pace(&self) -> Duration {
        Duration::from_secs_f64(1.0 / f64::from(self.rate)).clamp(Duration::from_millis(5), STATUS_EVERY)
    }

    fn tick(&mut self, peers: &mut Peers<'_, Purpose>) {
        let tick = SharedMessage::text(self.market.tick());
        for (id, tab) in self.tabs.watching() {
            let Some(mut peer) = peers.peer(id) else { continue };
            let before = peer.stats().dropped;
            let sent = peer.send(&tick);
            // One that is not taken, or those that gave way to this one.
            let dropped = peer.stats().dropped - before;
            tab.dropped += dropped;
            tab.kept = match sent {
                Sent::Queued | Sent::Backlogged => (tab.kept + 1).saturating_sub(dropped),
                Sent::Dropped => tab.kept,
            };
        }
    }

    /// Tells all pages how all tabs fare.
    fn tell(&mut self, peers: &mut Peers<'_, Purpose>) {
        self.tabs.sweep(peers.now());
        let status = json!({
            "type": "status", "run": self.run, "rate": self.rate, "last": self.market.last(), "queue": QUEUE,
            "tabs": self.tabs.status(),
        });
        peers.publish(STATUS, status.to_string());
    }
}

/// What a page calls itself: `?tab=…`.
fn key<'r>(request: &Request<'r>) -> &'r str {
    request.query().and_then(|query| query.strip_prefix("tab=")).unwrap_or_default()
}

fn isolated(response: Response) -> Response {
    response.header("Cross-Origin-Embedder-Policy", "require-corp")
}
