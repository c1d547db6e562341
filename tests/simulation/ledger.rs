//! A server that writes down what happened, and clients that know what they must hear.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::LazyLock;
use std::time::Duration;

#[cfg(feature = "deflate")]
use bowsprit::DeflateConfig;
use bowsprit::handshake::{Answer, ClientRequest, Request, Response, Uri};
use bowsprit::net::{
    BodyWriter, Bytes, Cause, ClientError, Config, Handler, Peer, PeerId, Peers, RequestId, Responder, Stats,
};
use bowsprit::testing::{Heard, TestClient};
use bowsprit::{CloseCode, Message, Opcode};

use crate::asker::Manner;

/// A message that can be told from every other: `e` to have it back, `p` to publish it.
pub fn compose(kind: char, client: usize, number: usize, len: usize) -> Vec<u8> {
    let mut bytes = format!("{kind} {client} {number} {len} ").into_bytes();
    // From a table: millions of these are made and compared.
    static FILLER: LazyLock<Vec<u8>> = LazyLock::new(|| (0..20_000).map(|i| (i * 7 + (i >> 8)) as u8).collect());
    let start = (number * 31 + client * 7) % 10_000;
    bytes.extend_from_slice(&FILLER[start..start + len]);
    bytes
}

/// Kind, client and number of a message that arrived whole.
pub fn parse(bytes: &[u8]) -> (char, usize, usize) {
    let mut words = bytes.splitn(5, |byte| *byte == b' ').map(String::from_utf8_lossy);
    let kind = words.next().and_then(|word| word.chars().next()).unwrap();
    let mut number = || words.next().unwrap().parse::<usize>().unwrap();
    let (client, n, len) = (number(), number(), number());
    assert!(bytes == compose(kind, client, n, len), "a message changed on its way");
    (kind, client, n)
}

/// The longest message, or what is published at once, and its framing.
const OVERSHOOT: usize = 8 << 10;
/// Pongs, a Close, the head of an answer.
const FEW_WORDS: usize = 1 << 10;
/// What a connection that compresses may keep of its messages, both ways.
pub const WINDOWS: usize = if cfg!(feature = "deflate") { 2 << 10 } else { 0 };

/// What the server saw.
#[derive(Default)]
pub struct Ledger {
    pub open: BTreeMap<PeerId, usize>,
    /// How often each connection's end was reported.
    pub closed: BTreeMap<PeerId, usize>,
    pub causes: Vec<String>,
    /// The number of the next message of a client, and the number of the next that it publishes.
    pub next: BTreeMap<usize, usize>,
    pub next_published: BTreeMap<usize, usize>,
    pub published: BTreeMap<usize, Vec<usize>>,
    /// What had been published when a client came.
    pub published_before: BTreeMap<usize, BTreeMap<usize, usize>>,
    pub most_queued: usize,
    pub most_queued_in_all: usize,
    pub drained: usize,
    /// What came of each plain request.
    pub requests: BTreeMap<RequestId, Fate>,
    /// Those whose bodies are on their way.
    begun: BTreeSet<RequestId>,
    pub waiting: Vec<Waiting>,
    /// What the loop may hold.
    pub budget: usize,
    /// The loop's numbers when it was last woken.
    pub stats: Option<Stats>,
    /// What a panic would hide.
    pub complaints: Vec<String>,
}

#[derive(Debug, Default)]
pub struct Fate {
    answered: bool,
    cancelled: usize,
}

/// A plain request that is not answered, or not to the end.
pub enum Waiting {
    Whole(Responder, Manner, Vec<u8>),
    Rest(BodyWriter, Vec<u8>),
}

impl Ledger {
    pub fn complain_unless(&mut self, fine: bool, complaint: impl FnOnce() -> String) {
        if !fine {
            self.complaints.push(complaint());
        }
    }

    /// Goes on with a request that waits, if there are so many.
    pub fn answer(&mut self, nth: usize) {
        if nth >= self.waiting.len() {
            return;
        }
        match self.waiting.remove(nth) {
            Waiting::Whole(responder, Manner::InPieces, body) => {
                let mut writer = responder.stream(Response::new(200));
                let _ = writer.write(body[..body.len() / 2].to_vec());
                self.waiting.push(Waiting::Rest(writer, body[body.len() / 2..].to_vec()));
            }
            Waiting::Whole(responder, _, body) => {
                self.requests.entry(responder.id()).or_default().answered = true;
                responder.send(Response::new(200).body(body));
            }
            Waiting::Rest(mut writer, rest) => {
                self.requests.entry(writer.id()).or_default().answered = true;
                let _ = writer.write(rest);
                writer.finish();
            }
        }
    }

    /// What the loop counts is what there is.
    fn audit(&mut self, stats: Stats) {
        let (opened, closed) = (self.open.len(), self.closed.len());
        let ended: u64 = stats.closed().map(|(_, times)| times).sum();
        let received: usize = self.next.values().sum();
        let waiting = self.requests.values().filter(|fate| !fate.answered && fate.cancelled == 0).count();
        let sums = [
            ("opened", stats.opened, opened as u64),
            ("closed", ended, closed as u64),
            ("subscriptions", stats.subscriptions as u64, (opened - closed) as u64),
            ("topics", stats.topics as u64, u64::from(opened > closed)),
            ("requests", stats.http_requests, self.requests.len() as u64),
            ("panics", stats.panics, 0),
        ];
        for (what, counted, seen) in sums {
            self.complain_unless(counted == seen, || format!("{what}: {counted} counted, {seen} seen"));
        }
        // Judged before something is queued, so that one may overshoot; and what must be said is said: a few words each.
        let budget = self.budget.saturating_add(OVERSHOOT + stats.connections * (FEW_WORDS + WINDOWS));
        let bounds = [
            ("bytes", stats.held, budget),
            ("connections", opened - closed + waiting, stats.connections),
            ("connections", stats.connections, stats.accepted as usize),
            ("requests waiting", waiting, stats.http_waiting),
            ("messages", received, stats.received.frames(Opcode::Binary) as usize),
        ];
        for (what, less, more) in bounds {
            self.complain_unless(less <= more, || format!("{what}: {less} of {more}"));
        }
        self.stats = Some(stats);
    }

    /// Everything that was opened has ended, once; and everything that was asked.
    pub fn check_ends(&self) {
        assert_eq!(self.complaints, Vec::<String>::new());
        for (request, fate) in &self.requests {
            // A client may be gone before the answer is on its way.
            let ended = fate.cancelled == 1 || (fate.cancelled == 0 && fate.answered);
            assert!(ended, "request {request}: {fate:?}");
        }
        assert!(self.begun.is_empty(), "bodies are still waited for");
        for waiting in &self.waiting {
            let cancelled = match waiting {
                Waiting::Whole(responder, ..) => responder.is_cancelled(),
                Waiting::Rest(writer, _) => writer.is_cancelled(),
            };
            assert!(cancelled, "somebody is still waited for");
        }
        assert_eq!(self.open.keys().collect::<Vec<_>>(), self.closed.keys().collect::<Vec<_>>());
        assert!(self.closed.values().all(|times| *times == 1), "an end was reported more than once");
    }
}

pub struct Book {
    pub ledger: Rc<RefCell<Ledger>>,
}

impl Handler for Book {
    type Data = usize;

    fn open(&mut self, peer: &mut Peer<'_, usize>, request: &Request<'_>) {
        let client: usize = request.path().trim_start_matches('/').parse().unwrap();
        *peer.data_mut() = client;
        peer.subscribe("all");
        let mut ledger = self.ledger.borrow_mut();
        let again = ledger.open.insert(peer.id(), client);
        ledger.complain_unless(again.is_none(), || format!("{client} opened twice"));
        let published = ledger.next_published.clone();
        ledger.published_before.insert(client, published);
    }

    fn message(&mut self, peer: &mut Peer<'_, usize>, message: Message<'_>) {
        let mut ledger = self.ledger.borrow_mut();
        let (kind, client, number) = parse(message.as_bytes());
        let from = *peer.data();
        ledger.complain_unless(client == from, || format!("{from} sent what {client} had said"));
        let next = ledger.next.entry(client).or_default();
        let expected = std::mem::replace(next, number + 1);
        ledger.complain_unless(number == expected, || format!("{client} sent {expected}, and {number} arrived"));
        if kind == 'p' {
            *ledger.next_published.entry(client).or_default() = number + 1;
            ledger.published.entry(client).or_default().push(number);
            peer.publish("all", message);
        } else {
            let _ = peer.send(message);
        }
        if number % 5 == 4 {
            // What has come behind this one has to wait.
            peer.pause();
            peer.set_timer(Duration::from_millis(50), 0);
        }
        ledger.most_queued = ledger.most_queued.max(peer.queued());
        let open: Vec<PeerId> = ledger.open.keys().copied().collect();
        let mut peers = peer.peers();
        let all = open.into_iter().filter_map(|id| peers.peer(id).map(|peer| peer.queued())).sum();
        ledger.most_queued_in_all = ledger.most_queued_in_all.max(all);
    }

    fn timer(&mut self, peer: &mut Peer<'_, usize>, _timer: u64) {
        peer.resume();
    }

    fn drain(&mut self, _peer: &mut Peer<'_, usize>) {
        self.ledger.borrow_mut().drained += 1;
    }

    fn http(&mut self, request: &Request<'_>, body: Bytes, responder: Responder, _peers: &mut Peers<'_, usize>) {
        let mut ledger = self.ledger.borrow_mut();
        parse(&body);
        let manner = Manner::ALL.into_iter().find(|manner| manner.path() == request.path()).unwrap();
        let answered = manner == Manner::AtOnce;
        let begun = ledger.begun.remove(&responder.id());
        ledger.complain_unless(begun != body.is_empty(), || format!("{} begun: {begun}", responder.id()));
        let again = ledger.requests.insert(responder.id(), Fate { answered, cancelled: 0 });
        ledger.complain_unless(again.is_none(), || format!("{} twice", responder.id()));
        if answered {
            responder.send(Response::new(200).body(body));
        } else {
            ledger.waiting.push(Waiting::Whole(responder, manner, body.to_vec()));
        }
    }

    fn http_begins(&mut self, _request: &Request<'_>, id: RequestId, _peers: &mut Peers<'_, usize>) {
        let mut ledger = self.ledger.borrow_mut();
        let first = ledger.begun.insert(id);
        ledger.complain_unless(first, || format!("{id} begun twice"));
    }

    fn http_cancelled(&mut self, request: RequestId, _peers: &mut Peers<'_, usize>) {
        let mut ledger = self.ledger.borrow_mut();
        // One whose body did not come to its end was never asked.
        if !ledger.begun.remove(&request) {
            ledger.requests.entry(request).or_default().cancelled += 1;
        }
    }

    fn wake(&mut self, peers: &mut Peers<'_, usize>) {
        self.ledger.borrow_mut().audit(peers.stats());
    }

    fn close(&mut self, peer: &mut Peer<'_, usize>, cause: &Cause<'_>) {
        let mut ledger = self.ledger.borrow_mut();
        *ledger.closed.entry(peer.id()).or_default() += 1;
        ledger.causes.push(format!("{}: {cause:?}", peer.data()));
    }
}

/// A client of the test, and what it has heard.
pub struct Talker {
    pub client: TestClient,
    pub number: usize,
    pub sent: usize,
    /// Numbers of its own messages that came back, in order.
    pub echoed: Vec<usize>,
    /// Of those that it published, for comparison.
    pub asked: Vec<usize>,
    pub heard_of: BTreeMap<usize, Vec<usize>>,
    pub over: Option<Heard>,
    pub closed: Option<CloseCode>,
}

impl Talker {
    /// One in two offers compression.
    pub fn request(number: usize) -> ClientRequest {
        let request = ClientRequest::new(Uri::parse(&format!("ws://server/{number}")).unwrap());
        #[cfg(feature = "deflate")]
        if !number.is_multiple_of(2) {
            return request.deflate(&compression());
        }
        request
    }

    pub fn new(number: usize, client: TestClient) -> Self {
        Self {
            client,
            number,
            sent: 0,
            echoed: Vec::new(),
            asked: Vec::new(),
            heard_of: BTreeMap::new(),
            over: None,
            closed: None,
        }
    }

    pub fn is_open(&self) -> bool {
        self.over.is_none() && self.closed.is_none()
    }

    /// How much it has heard so far.
    pub fn heard(&self) -> usize {
        self.echoed.len() + self.heard_of.values().map(Vec::len).sum::<usize>()
    }

    pub fn say(&mut self, publish: bool, len: usize) {
        let kind = if publish { 'p' } else { 'e' };
        self.client.send(compose(kind, self.number, self.sent, len).as_slice());
        if !publish {
            self.asked.push(self.sent);
        }
        self.sent += 1;
    }

    /// Reads everything, and sees whether it is what it must be so far.
    pub fn listen(&mut self) {
        while let Some(heard) = self.client.receive() {
            assert!(self.over.is_none(), "{heard:?} behind the end");
            match heard {
                Heard::Binary(bytes) => {
                    let (kind, from, number) = parse(&bytes);
                    if kind == 'e' {
                        assert_eq!(from, self.number, "an echo of somebody else");
                        self.echoed.push(number);
                    } else {
                        self.heard_of.entry(from).or_default().push(number);
                    }
                }
                Heard::Close(code, _) => self.closed = Some(code),
                Heard::Ping(_) | Heard::Pong(_) => {}
                end @ (Heard::End | Heard::Reset) => self.over = Some(end),
                other => panic!("{other:?} was never sent"),
            }
        }
        // Nothing lost, doubled or out of order: what came back is a beginning of what was asked for.
        assert!(self.asked.starts_with(&self.echoed), "{:?} is no start of {:?}", self.echoed, self.asked);
        for (publisher, numbers) in &self.heard_of {
            assert!(numbers.windows(2).all(|two| two[0] < two[1]), "of {publisher}: {numbers:?}");
        }
    }
}

/// What became of the connections that a loop was asked to open.
#[derive(Default)]
pub struct Outcomes {
    pub asked: usize,
    pub connected: usize,
    pub not_connected: usize,
    pub closed: usize,
    /// Heard all that they were owed.
    pub finished: usize,
    pub complaints: Vec<String>,
}

/// Clients on a loop: each says so many things one after another, and closes.
pub struct Callers {
    pub first: usize,
    pub count: usize,
    pub rounds: usize,
    pub outcomes: Rc<RefCell<Outcomes>>,
}

#[derive(Default)]
pub struct Caller {
    number: usize,
    next: usize,
}

impl Handler for Callers {
    type Data = Caller;

    fn start(&mut self, peers: &mut Peers<'_, Caller>) {
        for number in self.first..self.first + self.count {
            peers.connect(&Talker::request(number), Caller { number, next: 0 }).unwrap();
            self.outcomes.borrow_mut().asked += 1;
        }
    }

    fn connected(&mut self, peer: &mut Peer<'_, Caller>, _answer: &Answer<'_>) {
        self.outcomes.borrow_mut().connected += 1;
        let _ = peer.send(compose('e', peer.data().number, 0, 10).as_slice());
    }

    fn not_connected(&mut self, _peer: &mut Peer<'_, Caller>, _error: &ClientError) {
        self.outcomes.borrow_mut().not_connected += 1;
    }

    fn message(&mut self, peer: &mut Peer<'_, Caller>, message: Message<'_>) {
        let (kind, from, number) = parse(message.as_bytes());
        if kind == 'p' {
            return;
        }
        let Caller { number: own, next } = *peer.data();
        if (from, number) != (own, next) {
            self.outcomes.borrow_mut().complaints.push(format!("{own} awaited {next} and got {number} of {from}"));
        }
        peer.data_mut().next += 1;
        if next + 1 < self.rounds {
            let _ = peer.send(compose('e', own, next + 1, next * 37).as_slice());
        } else {
            self.outcomes.borrow_mut().finished += 1;
            peer.close(CloseCode::NORMAL, "done").unwrap();
        }
    }

    fn close(&mut self, _peer: &mut Peer<'_, Caller>, _cause: &Cause<'_>) {
        self.outcomes.borrow_mut().closed += 1;
    }
}

impl Outcomes {
    /// Every connection came to exactly one end.
    pub fn check(&self) {
        assert_eq!(self.complaints, Vec::<String>::new());
        assert_eq!(self.asked, self.connected + self.not_connected, "each is connected or not, once");
        assert_eq!(self.connected, self.closed, "each that was connected is closed, once");
    }
}

/// With context takeover, which must know what was sent and what was dropped.
#[cfg(feature = "deflate")]
fn compression() -> DeflateConfig {
    let mut compression = DeflateConfig::default();
    (compression.send_takeover, compression.receive_takeover) = (true, true);
    (compression.send_window_bits, compression.receive_window_bits) = (9, 9);
    compression.threshold = 64;
    compression
}

/// Short queues and little patience, so that both run out.
pub fn config() -> Config {
    let mut config = Config::default();
    #[cfg(feature = "deflate")]
    {
        config.deflate = Some(compression());
    }
    (config.soft_queue, config.hard_queue) = (2 << 10, 12 << 10);
    (config.ping_after, config.pong_within) = (Duration::from_secs(5), Duration::from_secs(8));
    (config.write_timeout, config.keep_alive) = (Duration::from_secs(10), Duration::from_secs(600));
    config
}
