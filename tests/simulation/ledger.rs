//! A server that writes down what happened, and clients that know what they must hear.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::LazyLock;
use std::time::Duration;

use bowsprit::handshake::{Answer, ClientRequest, Request, Uri};
use bowsprit::net::{Cause, ClientError, Config, Handler, Peer, PeerId, Peers};
use bowsprit::testing::{Heard, TestClient};
use bowsprit::{CloseCode, Message};

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
    /// What a panic would hide.
    pub complaints: Vec<String>,
}

impl Ledger {
    pub fn complain_unless(&mut self, fine: bool, complaint: impl FnOnce() -> String) {
        if !fine {
            self.complaints.push(complaint());
        }
    }

    /// Everything that was opened has ended, once.
    pub fn check_ends(&self) {
        assert_eq!(self.complaints, Vec::<String>::new());
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
        ledger.most_queued = ledger.most_queued.max(peer.queued());
        let open: Vec<PeerId> = ledger.open.keys().copied().collect();
        let mut peers = peer.peers();
        let all = open.into_iter().filter_map(|id| peers.peer(id).map(|peer| peer.queued())).sum();
        ledger.most_queued_in_all = ledger.most_queued_in_all.max(all);
    }

    fn drain(&mut self, _peer: &mut Peer<'_, usize>) {
        self.ledger.borrow_mut().drained += 1;
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
    pub fn request(number: usize) -> ClientRequest {
        ClientRequest::new(Uri::parse(&format!("ws://server/{number}")).unwrap())
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

/// Short queues and little patience, so that both run out.
pub fn config() -> Config {
    let mut config = Config::default();
    (config.soft_queue, config.hard_queue) = (2 << 10, 12 << 10);
    (config.ping_after, config.pong_within) = (Duration::from_secs(5), Duration::from_secs(8));
    config
}
