//! A server under attack, a bystander that keeps talking to it, and a look at the server's memory.

use std::io::ErrorKind;
use std::io::{Read, Write};
use std::sync::mpsc::{self, Receiver, SyncSender, TryRecvError};
use std::time::Duration;

use bowsprit::handshake::{Request, Response};
use bowsprit::net::{Cause, Config, Handler, Peer};
use bowsprit::{CloseCode, Message};

use crate::counting;
use crate::server::{Client, PATIENCE, Running, serve};

/// What tables that double, records and queues of deadlines may add to any bound.
pub const SLACK: usize = 64 << 10;

/// A deadline that is worth waiting for.
pub const SHORT: Duration = Duration::from_millis(60);

/// The [`Cause`] of an end, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Closed,
    Failed,
    Lost,
    Silent,
    WriteStalled,
    CloseUnanswered,
    QueueFull,
    Panicked,
}

/// What an application must not answer, and this one does, at the path `/bad/N`.
pub const INJECTIONS: [fn() -> Response; 9] = [
    || Response::accept().subprotocol("not-offered"),
    || Response::accept().subprotocol("chat\r\nX-Evil: 1"),
    || Response::accept().subprotocol("chat, X-Evil"),
    || Response::accept().subprotocol(""),
    || Response::accept().header("X", "a\r\nX-Evil: 1"),
    || Response::accept().header("X", "a\nX-Evil: 1"),
    || Response::accept().header("X", "X-Evil\0"),
    || Response::accept().header("X", "X-Evil é"),
    || Response::accept().header("X-Evil: 1\r\nX", "a"),
];

pub struct Target {
    /// Before the server, which waits for its end.
    bystander: Client,
    pub server: Running,
    ends: Receiver<End>,
}

impl Target {
    pub fn new(config: Config) -> Self {
        // Without an allocation per end: the server's thread is watched.
        let (told, ends) = mpsc::sync_channel(4096);
        let server = serve(config, || Echo(told));
        let bystander = server.connect();
        Self { server, bystander, ends }
    }

    /// With the default settings, but for a change.
    pub fn with(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::default();
        change(&mut config);
        Self::new(config)
    }

    pub fn connect(&self) -> Client {
        self.server.connect()
    }

    pub fn connect_at(&self, path: &str) -> Client {
        let mut client = self.server.connect_tcp();
        client.upgrade_at(path);
        client
    }

    /// Sends what may be more than a request, and reads what comes of it to the end of file.
    pub fn ask(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut client = self.server.connect_tcp();
        client.write(bytes.as_ref());
        client.read_response()
    }

    /// The request is answered once, with this status and an end of the connection.
    #[track_caller]
    pub fn refuses(&mut self, request: impl AsRef<[u8]>, status: u16) -> String {
        let request = request.as_ref();
        let answer = self.ask(request);
        let start: String = request.escape_ascii().to_string().chars().take(100).collect();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{start}: {answer:.200}");
        assert!(answer.contains("\r\nConnection: close"), "{start}: {answer:.200}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{start}: {answer:.500}");
        self.bystander_echoes();
        answer
    }

    /// The frames of a new connection get a Close with this code before anything else, one end, and no further words.
    #[track_caller]
    pub fn fails(&mut self, frames: impl AsRef<[u8]>, code: u16) {
        self.fails_on(self.connect(), frames, code);
    }

    /// The same, on a connection that has yet to say something.
    #[track_caller]
    pub fn fails_on(&mut self, mut client: Client, frames: impl AsRef<[u8]>, code: u16) {
        client.write(frames.as_ref());
        let start: String = frames.as_ref().escape_ascii().to_string().chars().take(60).collect();
        let frame = client.read_frame().unwrap_or_else(|| panic!("{start}: no Close"));
        assert_eq!((frame.first, frame.payload[..2].to_vec()), (0x88, code.to_be_bytes().to_vec()), "{start}");
        assert_eq!(client.read_frame(), None, "{start}");
        self.expect_end(End::Failed);
        self.bystander_echoes();
    }

    /// A Ping may come first: what is said answers it.
    #[track_caller]
    pub fn bystander_echoes(&mut self) {
        self.bystander.text("still here");
        let frame = std::iter::repeat_with(|| self.bystander.read_frame().expect("an echo")).find(|f| f.first != 0x89);
        assert_eq!(frame.map(|frame| frame.payload), Some(b"still here".to_vec()));
    }

    /// As [`expect_end`](Self::expect_end), and the bystander talks meanwhile.
    pub fn expect_end_beside_echoes(&mut self, end: End) {
        loop {
            self.bystander_echoes();
            match self.ends.try_recv() {
                Ok(got) => return assert_eq!(got, end),
                Err(error) => assert_eq!(error, TryRecvError::Empty),
            }
        }
    }

    /// Stops the server; the bystander says good-bye.
    pub fn stop(mut self) {
        self.server.remote.stop();
        assert_eq!(self.bystander.read_frame().map(|frame| frame.first), Some(0x88));
        self.bystander.frame(0x88, b"\x03\xe9");
        self.server.stop().unwrap();
    }

    /// The end that is reported next, and by whatever came before it the only one.
    #[track_caller]
    pub fn expect_end(&self, end: End) {
        assert_eq!(self.ends.recv_timeout(PATIENCE), Ok(end));
    }

    /// The ends that were reported and that nobody expected so far.
    pub fn unexpected_ends(&self) -> Vec<End> {
        self.ends.try_iter().collect()
    }

    /// During the attack the server's memory grows by no more than `bound` bytes and the slack.
    #[track_caller]
    pub fn within<T>(&mut self, bound: usize, attack: impl FnOnce(&mut Self) -> T) -> T {
        let (before, _) = self.memory();
        let result = attack(self);
        self.bystander_echoes();
        let (_, peak) = self.memory();
        let grown = peak - before;
        assert!(grown <= (bound + SLACK) as isize, "{grown} bytes, and {bound} were allowed");
        result
    }

    /// Bytes that the server's thread holds, and the most that it held since the last look.
    pub fn memory(&mut self) -> (isize, isize) {
        self.bystander.text("memory");
        let text = String::from_utf8(self.bystander.read_frame().unwrap().payload).unwrap();
        let (bytes, peak) = text.split_once(' ').unwrap();
        (bytes.parse().unwrap(), peak.parse().unwrap())
    }

    /// A message to all that came by `/topic`.
    pub fn publish(&mut self, len: usize) {
        self.bystander.text(&format!("publish {len}"));
        self.bystander.expect_text("published");
    }
}

/// Echoes, but for what these tests ask of it.
struct Echo(SyncSender<End>);

impl Handler for Echo {
    type Data = ();

    fn upgrade(&mut self, request: &Request<'_>) -> Response {
        match request.path().strip_prefix("/bad/") {
            Some(number) => INJECTIONS[number.parse::<usize>().unwrap()](),
            None => Response::accept(),
        }
    }

    fn open(&mut self, peer: &mut Peer<'_, ()>, request: &Request<'_>) {
        match request.path() {
            "/topic" => drop(peer.subscribe("topic")),
            "/panic" => panic!("open panics, as the test wants"),
            _ => {}
        }
    }

    fn message(&mut self, peer: &mut Peer<'_, ()>, message: Message<'_>) {
        let text = match &message {
            Message::Text(text) => text.to_string(),
            Message::Binary(_) => String::new(),
        };
        let _ = match text.split_once(' ').unwrap_or((&text, "")) {
            ("memory", _) => peer.send(format!("{} {}", counting::bytes(), counting::peak())),
            ("publish", len) => {
                peer.publish("topic", vec![b'x'; len.parse().unwrap()].as_slice());
                peer.send("published")
            }
            ("close", _) => return peer.close(CloseCode::NORMAL, "").unwrap(),
            ("panic", _) => panic!("message panics, as the test wants"),
            _ => peer.send(message),
        };
    }

    fn close(&mut self, _peer: &mut Peer<'_, ()>, cause: &Cause<'_>) {
        // A test that has seen enough does not listen any more.
        let _ = self.0.try_send(match *cause {
            Cause::Closed { .. } => End::Closed,
            Cause::Failed { .. } => End::Failed,
            Cause::Lost(_) => End::Lost,
            Cause::Silent => End::Silent,
            Cause::WriteStalled => End::WriteStalled,
            Cause::CloseUnanswered => End::CloseUnanswered,
            Cause::QueueFull => End::QueueFull,
            Cause::Panicked => End::Panicked,
            cause => panic!("no attack here ends like this: {cause:?}"),
        });
    }
}

/// An upgrade request with this change.
pub fn upgrade_but(from: &str, to: &str) -> String {
    assert_eq!(crate::server::UPGRADE.matches(from).count(), 1, "{from}");
    crate::server::UPGRADE.replacen(from, to, 1)
}

/// An upgrade request with further lines.
pub fn upgrade_and(lines: &str) -> String {
    format!("{}{lines}\r\n\r\n", crate::server::UPGRADE.strip_suffix("\r\n").unwrap())
}

/// Writes the same bytes until the server has closed the connection; what it says meanwhile is not listened to.
pub fn write_until_closed(client: &mut Client, bytes: &[u8]) {
    while client.stream.write_all(bytes).is_ok() {}
}

/// The same, slowly: a few bytes whenever the server has had nothing to say for some milliseconds.
pub fn drip_until_closed(client: &mut Client, bytes: &[u8]) {
    client.stream.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
    while client.stream.write_all(bytes).is_ok() {
        match client.stream.read(&mut [0; 1024]) {
            Ok(0) => break,
            Err(error) if !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break,
            _ => {}
        }
    }
}
