//! A server on a free loopback port for the length of a test, and a client that can misbehave.
#![allow(dead_code)]

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use bowsprit::handshake::{Request, Response};
use bowsprit::net::{Bytes, Cause, Config, Handler, Peer, Peers, Remote, Responder, Server};
use bowsprit::{CloseCode, Message};

/// How long a test waits for what must come: a guard against hanging, not a measure.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A server that runs on a thread of its own until it is dropped.
pub struct Running {
    pub address: SocketAddr,
    pub remote: Remote,
    thread: Option<JoinHandle<io::Result<()>>>,
}

pub fn serve<H: Handler>(config: Config, handler: impl FnOnce() -> H + Send + 'static) -> Running {
    let server = Server::bind_with("127.0.0.1:0", config).unwrap();
    let (address, remote) = (server.local_addr().unwrap(), server.remote());
    let thread = std::thread::spawn(move || server.run(handler()));
    Running { address, remote, thread: Some(thread) }
}

pub fn serve_echo(config: Config) -> Running {
    serve(config, || {
        |peer: &mut Peer<'_, ()>, message: Message<'_>| {
            let _ = peer.send(message);
        }
    })
}

impl Running {
    pub fn connect(&self) -> Client {
        let mut client = self.connect_tcp();
        client.upgrade();
        client
    }

    pub fn connect_tcp(&self) -> Client {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Client::new(stream)
    }

    /// Stops the server and returns what its `run` returned.
    pub fn stop(mut self) -> io::Result<()> {
        self.remote.stop();
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.remote.stop();
        if let Some(thread) = self.thread.take() {
            let result = thread.join();
            if !std::thread::panicking() {
                result.unwrap().unwrap();
            }
        }
    }
}

/// A frame as a client reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub first: u8,
    pub payload: Vec<u8>,
}

/// A WebSocket client made of a socket.
pub struct Client {
    pub stream: TcpStream,
    /// Read and not yet taken.
    read: Vec<u8>,
}

pub const UPGRADE: &str = "GET / HTTP/1.1\r\n\
    Host: 127.0.0.1\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";

impl Client {
    pub fn new(stream: TcpStream) -> Self {
        Self { stream, read: Vec::new() }
    }

    pub fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    pub fn upgrade(&mut self) {
        self.upgrade_at("/");
    }

    pub fn upgrade_at(&mut self, path: &str) {
        self.write(UPGRADE.replacen('/', path, 1).as_bytes());
        let head = self.read_head();
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    }

    /// A frame with a mask. `first` is the byte of FIN, RSV and opcode.
    pub fn frame(&mut self, first: u8, payload: &[u8]) {
        self.write(&masked(first, payload));
    }

    pub fn text(&mut self, text: &str) {
        self.frame(0x81, text.as_bytes());
    }

    /// A response's head, or all there is before the end of file.
    pub fn read_head(&mut self) -> String {
        loop {
            if let Some(end) = self.read.windows(4).position(|window| window == b"\r\n\r\n") {
                let head: Vec<u8> = self.read.drain(..end + 4).collect();
                return String::from_utf8(head).unwrap();
            }
            if !self.read_more() {
                return String::from_utf8_lossy(&std::mem::take(&mut self.read)).into_owned();
            }
        }
    }

    /// A whole response of a connection that is then closed by the server.
    pub fn read_response(&mut self) -> String {
        while self.read_more() {}
        String::from_utf8(std::mem::take(&mut self.read)).unwrap()
    }

    /// So many bytes.
    pub fn read_exactly(&mut self, len: usize) -> Vec<u8> {
        while self.read.len() < len {
            assert!(self.read_more(), "end of file after {} bytes of {len}", self.read.len());
        }
        self.read.drain(..len).collect()
    }

    /// A line, without its end.
    pub fn read_line(&mut self) -> String {
        loop {
            if let Some(end) = self.read.windows(2).position(|window| window == b"\r\n") {
                let mut line = self.read_exactly(end + 2);
                line.truncate(end);
                return String::from_utf8(line).unwrap();
            }
            assert!(self.read_more(), "end of file inside a line");
        }
    }

    /// The next frame; `None` at the end of file.
    pub fn read_frame(&mut self) -> Option<Frame> {
        loop {
            if let Some((frame, len)) = parse(&self.read) {
                self.read.drain(..len);
                return Some(frame);
            }
            if !self.read_more() {
                assert!(self.read.is_empty(), "end of file inside a frame");
                return None;
            }
        }
    }

    pub fn expect_text(&mut self, text: &str) {
        let frame = self.read_frame().expect("a frame, not the end of file");
        assert_eq!((frame.first, String::from_utf8_lossy(&frame.payload).as_ref()), (0x81, text));
    }

    /// A Close with this code, and behind it the end of file: not a reset.
    pub fn expect_close(&mut self, code: u16) {
        loop {
            let frame = self.read_frame().expect("a Close before the end of file");
            if frame.first == 0x88 {
                let got = frame.payload.first_chunk().map(|octets| u16::from_be_bytes(*octets));
                assert_eq!(got, Some(code), "{}", String::from_utf8_lossy(frame.payload.get(2..).unwrap_or_default()));
                break;
            }
        }
        assert_eq!(self.read_frame(), None);
    }

    /// Nothing is wrong with this connection.
    pub fn expect_echo(&mut self, text: &str) {
        self.text(text);
        self.expect_text(text);
    }

    pub fn half_close(&mut self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }

    fn read_more(&mut self) -> bool {
        let mut chunk = [0; 64 << 10];
        let n = self.stream.read(&mut chunk).expect("bytes or the end of file");
        self.read.extend(&chunk[..n]);
        n != 0
    }
}

pub fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    let len = payload.len();
    let mut frame = vec![first];
    match len {
        0..=125 => frame.push(0x80 | len as u8),
        126..=0xffff => {
            frame.push(0x80 | 126);
            frame.extend((len as u16).to_be_bytes());
        }
        _ => {
            frame.push(0x80 | 127);
            frame.extend((len as u64).to_be_bytes());
        }
    }
    frame.extend(KEY);
    frame.extend(payload.iter().enumerate().map(|(i, octet)| octet ^ KEY[i % 4]));
    frame
}

fn parse(bytes: &[u8]) -> Option<(Frame, usize)> {
    let (&first, &second) = (bytes.first()?, bytes.get(1)?);
    assert_eq!(second & 0x80, 0, "a server never masks");
    let (len, at) = match second {
        126 => (usize::from(u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?)), 4),
        127 => (u64::from_be_bytes(*bytes.get(2..)?.first_chunk()?) as usize, 10),
        len => (usize::from(len), 2),
    };
    let payload = bytes.get(at..at + len)?.to_vec();
    Some((Frame { first, payload }, at + len))
}

/// What a [`Reporter`] was called for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    Open,
    Message(String),
    Drain,
    Timer(u64),
    /// The cause, as its `Debug` has it.
    Close(String),
}

/// A handler that reports its calls, and does what the text of a message says.
pub struct Reporter {
    calls: Sender<Call>,
}

impl Reporter {
    pub fn new() -> (Self, Receiver<Call>) {
        let (calls, received) = mpsc::channel();
        (Self { calls }, received)
    }

    fn report(&self, call: Call) {
        // A test that has seen enough does not listen any more.
        let _ = self.calls.send(call);
    }
}

/// The call that must come next.
pub fn expect_call(calls: &Receiver<Call>, call: &Call) {
    assert_eq!(calls.recv_timeout(PATIENCE).as_ref(), Ok(call));
}

/// The close that must come next; the cause begins like this.
pub fn expect_closed(calls: &Receiver<Call>, cause: &str) {
    match calls.recv_timeout(PATIENCE) {
        Ok(Call::Close(got)) => assert!(got.starts_with(cause), "{got} is not {cause}"),
        other => panic!("{other:?} is no close for {cause}"),
    }
}

impl Handler for Reporter {
    type Data = u32;

    fn upgrade(&mut self, request: &Request<'_>) -> Response {
        match request.path() {
            "/forbidden" => Response::new(403).body("no entry\n"),
            "/chat" => Response::accept().subprotocol("chat.v2").header("X-Room", "7"),
            "/injected" => Response::accept().header("X-Bad", "a\r\nSet-Cookie: b"),
            "/panic" => panic!("upgrade panics, as the test wants"),
            _ => Response::accept(),
        }
    }

    fn http(&mut self, request: &Request<'_>, body: Bytes, responder: Responder, _: &mut Peers<'_, u32>) {
        responder.send(match request.path() {
            "/echo" => Response::new(200).body(body),
            "/page" => Response::new(200).header("Content-Type", "text/html").body("<p>hello</p>"),
            "/large" => Response::new(200).body(vec![b'x'; 8 << 20]),
            "/panic" => panic!("http panics, as the test wants"),
            _ => Response::new(404),
        });
    }

    fn open(&mut self, _peer: &mut Peer<'_, u32>, _request: &Request<'_>) {
        self.report(Call::Open);
    }

    fn message(&mut self, peer: &mut Peer<'_, u32>, message: Message<'_>) {
        let text = String::from_utf8_lossy(message.as_bytes()).into_owned();
        self.report(Call::Message(text.chars().take(40).collect()));
        *peer.data_mut() += 1;
        match text.split_once(' ').unwrap_or((&text, "")) {
            ("echo", rest) => drop(peer.send(rest)),
            ("count", _) => drop(peer.send(peer.data().to_string())),
            ("close", reason) => peer.close(CloseCode::NORMAL, reason).unwrap(),
            ("panic", _) => panic!("message panics, as the test wants"),
            ("timer", millis) => peer.set_timer(Duration::from_millis(millis.parse().unwrap()), 7),
            _ => {}
        }
    }

    fn drain(&mut self, _peer: &mut Peer<'_, u32>) {
        self.report(Call::Drain);
    }

    fn timer(&mut self, peer: &mut Peer<'_, u32>, timer: u64) {
        self.report(Call::Timer(timer));
        let _ = peer.send("timer ran out");
    }

    fn close(&mut self, _peer: &mut Peer<'_, u32>, cause: &Cause<'_>) {
        self.report(Call::Close(format!("{cause:?}")));
    }
}
