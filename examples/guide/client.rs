//! The other end: sends lines until they are answered, and comes back after a cut.

use std::collections::VecDeque;
use std::io;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, SystemTime};

use bowsprit::handshake::{Answer, ClientRequest, Uri};
use bowsprit::net::{Backoff, Cause, ClientError, Clients, Handler, Peer, PeerId, Peers};
use bowsprit::{CloseCode, Message};

const REFUSED: CloseCode = CloseCode::new(4000);

pub fn main() -> io::Result<()> {
    // The second argument, behind the name of the step.
    let name = std::env::args().nth(2).unwrap_or_else(|| "Ada".into());
    let started = SystemTime::UNIX_EPOCH.elapsed().map_err(io::Error::other)?;
    let request = ClientRequest::new(Uri::parse("ws://127.0.0.1:9001/chat").map_err(io::Error::other)?);
    let clients = Clients::new()?;
    let (remote, (sender, lines)) = (clients.remote(), mpsc::channel());
    thread::spawn(move || {
        for line in io::stdin().lines().map_while(Result::ok) {
            let _ = sender.send(line);
            remote.wake();
        }
    });
    let print = |line: &str| println!("{line}");
    clients.run(Client::new(request, name, format!("{:x}", started.as_nanos()), lines, print))
}

pub struct Client<P> {
    request: ClientRequest,
    backoff: Backoff,
    connection: Option<PeerId>,
    name: String,
    /// Makes the ids of this run differ from those of the last.
    run: String,
    /// How many lines there have been.
    count: u64,
    lines: Receiver<String>,
    /// `ID TEXT` of those that were not answered yet.
    unanswered: VecDeque<String>,
    /// The server's, and the last message of it that was seen.
    epoch: String,
    seen: u64,
    print: P,
}

impl<P: FnMut(&str)> Handler for Client<P> {
    type Data = ();

    fn start(&mut self, peers: &mut Peers<'_, ()>) {
        self.dial(peers);
    }

    fn connected(&mut self, peer: &mut Peer<'_, ()>, _answer: &Answer<'_>) {
        self.connection = Some(peer.id());
        let _ = peer.send(format!("{} {} {}", self.name, self.epoch, self.seen));
        for message in &self.unanswered {
            let _ = peer.send(message);
        }
    }

    fn not_connected(&mut self, peer: &mut Peer<'_, ()>, error: &ClientError) {
        (self.print)(&format!("- {error}"));
        self.dial(&mut peer.peers());
    }

    fn message(&mut self, _peer: &mut Peer<'_, ()>, message: Message<'_>) {
        let Message::Text(text) = message else { return };
        // It answers: the next cut is a first one.
        self.backoff.reset();
        match text.split_once(' ') {
            Some(("epoch", epoch)) => self.epoch(epoch),
            Some(("ok", answer)) => self.answered(answer),
            Some(("*", _)) => (self.print)(&text),
            Some((seq, _)) => seq.parse().map_or((), |seq| self.heard(seq, &text)),
            None => {}
        }
    }

    fn wake(&mut self, peers: &mut Peers<'_, ()>) {
        while let Ok(line) = self.lines.try_recv() {
            self.count += 1;
            let message = format!("{}-{} {line}", self.run, self.count);
            if let Some(mut peer) = self.connection.and_then(|id| peers.peer(id)) {
                let _ = peer.send(&message);
            }
            self.unanswered.push_back(message);
        }
    }

    fn close(&mut self, peer: &mut Peer<'_, ()>, cause: &Cause<'_>) {
        (self.print)(&format!("- {cause}"));
        self.connection = None;
        match cause.code() {
            // The same again would end the same.
            REFUSED | CloseCode::MESSAGE_TOO_BIG => peer.peers().stop(),
            _ => self.dial(&mut peer.peers()),
        }
    }
}

impl<P: FnMut(&str)> Client<P> {
    pub fn new(request: ClientRequest, name: String, run: String, lines: Receiver<String>, print: P) -> Self {
        let backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(10));
        let (epoch, unanswered) = ("none".into(), VecDeque::new());
        Self { request, backoff, connection: None, name, run, count: 0, lines, unanswered, epoch, seen: 0, print }
    }

    fn dial(&mut self, peers: &mut Peers<'_, ()>) {
        if let Err(error) = peers.connect_after(self.backoff.next_delay(), &self.request, ()) {
            (self.print)(&format!("- {error}"));
            peers.stop();
        }
    }

    fn epoch(&mut self, epoch: &str) {
        if self.epoch != epoch {
            if self.seen > 0 {
                (self.print)("- the server has started anew");
            }
            (self.epoch, self.seen) = (epoch.to_owned(), 0);
        }
    }

    fn answered(&mut self, answer: &str) {
        let id = answer.split(' ').next();
        self.unanswered.retain(|message| message.split(' ').next() != id);
    }

    fn heard(&mut self, seq: u64, line: &str) {
        if seq > self.seen + 1 {
            (self.print)(&format!("- {} messages are kept no more", seq - self.seen - 1));
        }
        self.seen = seq;
        (self.print)(line);
    }
}
