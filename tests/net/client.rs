//! The blocking client, against our server and against listeners that misbehave.

use std::collections::BTreeSet;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bowsprit::handshake::{ClientRequest, Uri, accept_key};
use bowsprit::net::{Client, ClientConfig, ClientError, Config, Direction, Peer, Stage, Tap};
use bowsprit::{CloseCode, HandshakeError, Kind, Message, ProtocolError, UriError, UsageError};

use crate::server::{Call, PATIENCE, Reporter, Running, expect_call, expect_closed, serve, serve_echo};

pub const SHORT: Duration = Duration::from_millis(50);

fn connect(server: &Running, path: &str) -> Client {
    Client::connect(&format!("ws://{}{path}", server.address)).unwrap()
}

/// A request for what the text names, and settings that keep out of the other tests' way.
pub fn prepare(uri: &str) -> (ClientRequest, ClientConfig) {
    let mut config = ClientConfig::default();
    config.one_at_a_time = false;
    (ClientRequest::new(Uri::parse(uri).unwrap()), config)
}

/// A listener whose one connection is in the hands of a test.
pub fn listen<T: Send + 'static>(script: impl FnOnce(Raw) -> T + Send + 'static) -> (String, JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("ws://{}/", listener.local_addr().unwrap());
    let thread = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        script(Raw(stream))
    });
    (uri, thread)
}

pub struct Raw(pub TcpStream);

impl Raw {
    pub fn read<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.read_exact(&mut bytes).unwrap();
        bytes
    }

    pub fn read_head(&mut self) -> String {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            head.push(char::from(self.read::<1>()[0]));
        }
        head
    }

    pub fn write(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    /// Answers the request, with more bytes in the same write. Returns the key.
    pub fn upgrade(&mut self, frames: &[u8]) -> String {
        self.upgrade_with("", frames)
    }

    pub fn upgrade_with(&mut self, headers: &str, frames: &[u8]) -> String {
        let head = self.read_head();
        self.answer(&head, headers, frames)
    }

    pub fn answer(&mut self, head: &str, headers: &str, frames: &[u8]) -> String {
        let key = head.split("Sec-WebSocket-Key: ").nth(1).unwrap().split("\r\n").next().unwrap();
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {}\r\n{headers}\r\n",
            &*accept_key(key)
        );
        self.write(&[answer.as_bytes(), frames].concat());
        key.to_owned()
    }

    /// A short frame with a mask: its first byte, its key, its payload.
    pub fn read_frame(&mut self) -> (u8, [u8; 4], Vec<u8>) {
        let [first, second] = self.read();
        assert_eq!(second & 0x80, 0x80, "a client always masks");
        let key = self.read();
        let mut payload = vec![0; usize::from(second & 0x7f)];
        self.0.read_exact(&mut payload).unwrap();
        payload.iter_mut().zip(key.iter().cycle()).for_each(|(octet, key)| *octet ^= key);
        (first, key, payload)
    }

    pub fn expect_frame(&mut self, first: u8, payload: &[u8]) {
        let (got, _, bytes) = self.read_frame();
        assert_eq!((got, &*bytes), (first, payload));
    }

    pub fn expect_eof(&mut self) {
        assert_eq!(self.0.read(&mut [0]).unwrap(), 0);
    }
}

#[test]
fn messages_of_all_sizes_go_both_ways() {
    let server = serve_echo(Config::default());
    let mut client = connect(&server, "/");
    assert_eq!(client.peer_addr(), server.address);
    for len in [0, 1, 124, 125, 126, 127, 1000, 16_383, 16_384, 20_000, 65_535, 65_536, 70_000] {
        let bytes: Vec<u8> = (0..len).map(|i| (i % 251) as u8).collect();
        client.send(&bytes).unwrap();
        let message = client.receive().unwrap().unwrap();
        assert_eq!((message.kind(), message.as_bytes()), (Kind::Binary, &*bytes));
        let text = "é".repeat(len / 2);
        client.send(&text).unwrap();
        let message = client.receive().unwrap().unwrap();
        assert_eq!((message.kind(), message.as_bytes()), (Kind::Text, text.as_bytes()));
    }
}

#[test]
fn messages_in_parts_arrive_whole() {
    let server = serve(Config::default(), || {
        |peer: &mut Peer<'_, ()>, _message: Message<'_>| {
            for (part, last) in [("Grüß", false), ("", false), (" Gott", true)] {
                let _ = peer.send_part(part, last).unwrap();
            }
        }
    });
    let mut client = connect(&server, "/");
    client.send("say it").unwrap();
    assert!(matches!(client.receive(), Ok(Some(Message::Text(text))) if &*text == "Grüß Gott"));
}

#[test]
fn parts_arrive_as_they_come_and_whole_messages_again() {
    let (uri, server) = listen(|mut raw| {
        raw.upgrade(b"\x01\x03Gr\xc3"); // and half of an ü
        raw.expect_frame(0x89, b"one");
        raw.write(b"\x80\x03\xbc\xc3\x9f\x82\x02\x01\x02");
        raw.expect_frame(0x89, b"two");
        raw.write(b"\x01\x02ab\x80\x01c\x88\x00");
    });
    let mut client = Client::connect(&uri).unwrap();
    client.receive_parts(true);
    assert_eq!(client.receive().unwrap().unwrap().as_bytes(), b"Gr");
    assert!(client.has_more_parts());
    client.ping(b"one").unwrap();
    assert!(matches!(client.receive(), Ok(Some(Message::Text(text))) if &*text == "üß"));
    assert!(!client.has_more_parts());
    assert!(matches!(client.receive(), Ok(Some(Message::Binary(bytes))) if *bytes == [1, 2]));
    assert!(!client.has_more_parts());
    client.receive_parts(false);
    client.ping(b"two").unwrap();
    assert_eq!(client.receive().unwrap().unwrap().as_bytes(), b"abc");
    assert!(client.receive().unwrap().is_none());
    drop(client);
    server.join().unwrap();
}

#[test]
fn parts_are_sent_as_fragments() {
    let (uri, server) = listen(|mut raw| {
        raw.upgrade(b"");
        raw.expect_frame(0x01, b"Hel");
        raw.expect_frame(0x89, b"between");
        raw.expect_frame(0x80, b"lo");
        raw.expect_frame(0x82, b"!");
        raw.write(b"\x88\x00");
    });
    let mut client = Client::connect(&uri).unwrap();
    client.send_part("Hel", false).unwrap();
    assert!(matches!(client.send("whole"), Err(ClientError::Usage(UsageError::MessageUnfinished))));
    assert!(matches!(client.send_part(b"\xff", true), Err(ClientError::Usage(UsageError::PartOfOtherKind))));
    client.ping(b"between").unwrap();
    client.send_part("lo", true).unwrap();
    client.send(b"!").unwrap();
    assert!(client.receive().unwrap().is_none());
    drop(client);
    server.join().unwrap();
}

#[test]
fn the_tap_sees_all_frames_and_nothing_of_the_handshake() {
    let (uri, server) = listen(|mut raw| {
        raw.upgrade(b"\x89\x02hi\x81");
        raw.expect_frame(0x8a, b"hi");
        raw.write(b"\x02ok\x88\x00");
        raw.expect_frame(0x88, b"");
    });
    let (request, mut config) = prepare(&uri);
    let (sees, seen) = mpsc::channel();
    config.tap = Some(Tap::new(move |direction, bytes| sees.send((direction, bytes.to_vec())).unwrap()));
    let mut client = Client::connect_with(&request, &config).unwrap();
    assert_eq!(client.receive().unwrap().unwrap().as_bytes(), b"ok");
    assert!(client.receive().unwrap().is_none());
    server.join().unwrap();
    let of = |wanted, seen: &[(Direction, Vec<u8>)]| -> Vec<u8> {
        seen.iter().filter(|(direction, _)| *direction == wanted).flat_map(|(_, bytes)| bytes.clone()).collect()
    };
    let seen: Vec<_> = seen.try_iter().collect();
    assert_eq!(of(Direction::In, &seen), b"\x89\x02hi\x81\x02ok\x88\x00");
    // What is sent is masked: the Pong's header, its key, its payload; and the Close.
    let sent = of(Direction::Out, &seen);
    assert_eq!((sent.len(), &sent[..2], &sent[8..10]), (14, &b"\x8a\x82"[..], &b"\x88\x80"[..]));
}

#[test]
fn first_frames_in_the_segment_of_the_101() {
    let (uri, server) = listen(|mut raw| {
        raw.upgrade(b"\x81\x05Hello\x82\x01");
        raw.write(b"!");
        raw.expect_eof();
    });
    let mut client = Client::connect(&uri).unwrap();
    assert_eq!(client.receive().unwrap().unwrap().as_bytes(), b"Hello");
    assert_eq!(client.receive().unwrap().unwrap().as_bytes(), b"!");
    drop(client);
    server.join().unwrap();
}

#[test]
fn r059_pings_are_answered_and_everything_is_masked() {
    let (uri, server) = listen(|mut raw| {
        raw.upgrade(b"\x89\x02hi\x89\x00\x81\x02ok");
        raw.expect_frame(0x8a, b"hi");
        raw.expect_frame(0x8a, b"");
        raw.expect_frame(0x81, b"text");
        raw.expect_frame(0x82, b"bytes");
        raw.expect_frame(0x89, b"are you there?");
        raw.write(b"\x8a\x0eare you there?\x88\x02\x0f\xa1");
        raw.expect_frame(0x88, b"\x0f\xa1");
    });
    let mut client = Client::connect(&uri).unwrap();
    assert_eq!(client.receive().unwrap().unwrap().as_bytes(), b"ok");
    client.send("text").unwrap();
    client.send(b"bytes").unwrap();
    client.ping(b"are you there?").unwrap();
    assert!(matches!(client.ping(&[0; 126]), Err(ClientError::Usage(UsageError::ControlTooLong))));
    assert!(client.receive().unwrap().is_none());
    assert_eq!(client.close_code(), CloseCode::new(4001));
    server.join().unwrap();
}

#[test]
fn the_server_closes() {
    let (reporter, calls) = Reporter::new();
    let server = serve(Config::default(), || reporter);
    let mut client = connect(&server, "/");
    assert_eq!(client.close_code(), CloseCode::ABNORMAL);
    client.send("close enough").unwrap();
    assert!(client.receive().unwrap().is_none());
    assert_eq!((client.close_code(), client.close_reason()), (CloseCode::NORMAL, "enough"));
    assert!(client.receive().unwrap().is_none());
    assert!(matches!(client.send("more"), Err(ClientError::Usage(UsageError::NotOpen))));
    expect_call(&calls, &Call::Open);
    expect_call(&calls, &Call::Message("close enough".into()));
    expect_closed(&calls, "Closed { by_peer: false, code: CloseCode(1000)");
}

#[test]
fn the_client_closes() {
    let (reporter, calls) = Reporter::new();
    let server = serve(Config::default(), || reporter);
    let mut client = connect(&server, "/");
    client.send("echo still on its way").unwrap();
    assert!(matches!(client.close(CloseCode::ABNORMAL, ""), Err(ClientError::Usage(_))));
    client.close(CloseCode::new(4001), "bye").unwrap();
    assert!(matches!(client.close(CloseCode::NORMAL, ""), Err(ClientError::Usage(UsageError::NotOpen))));
    assert_eq!(client.receive().unwrap().unwrap().as_bytes(), b"still on its way");
    assert!(client.receive().unwrap().is_none());
    assert_eq!(client.close_code(), CloseCode::new(4001));
    expect_call(&calls, &Call::Open);
    expect_call(&calls, &Call::Message("echo still on its way".into()));
    expect_closed(&calls, "Closed { by_peer: true, code: CloseCode(4001), reason: \"bye\" }");
}

#[test]
fn r110_the_client_waits_for_the_server_to_close_tcp() {
    let (uri, server) = listen(|mut raw| {
        raw.upgrade(b"\x88\x02\x03\xe8 behind it nothing counts");
        raw.expect_frame(0x88, b"\x03\xe8");
        raw.0.set_read_timeout(Some(SHORT)).unwrap();
        let early = raw.0.read(&mut [0]).unwrap_err();
        assert!(matches!(early.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{early}");
        raw.0.set_read_timeout(Some(PATIENCE)).unwrap();
        raw.0.shutdown(Shutdown::Write).unwrap();
        raw.expect_eof();
    });
    let mut client = Client::connect(&uri).unwrap();
    assert!(client.receive().unwrap().is_none());
    server.join().unwrap();
}

#[test]
fn r110_but_not_for_ever() {
    let (uri, server) = listen(|mut raw| {
        raw.upgrade(b"\x88\x00");
        raw.expect_frame(0x88, b"");
        raw.expect_eof();
    });
    let (request, mut config) = prepare(&uri);
    config.close_timeout = SHORT;
    let mut client = Client::connect_with(&request, &config).unwrap();
    assert!(client.receive().unwrap().is_none());
    assert_eq!(client.close_code(), CloseCode::NO_STATUS);
    server.join().unwrap();
}

#[test]
fn r122_a_server_that_vanishes_is_1006() {
    for frames in [b"".as_slice(), b"\x89\x05cut", b"\x01\x03cut", b"\x82\x7f\0\0\0\0\0\x01\0\0cut"] {
        let (uri, server) = listen(move |mut raw| drop(raw.upgrade(frames)));
        let mut client = Client::connect(&uri).unwrap();
        let error = client.receive().unwrap_err();
        assert!(matches!(&error, ClientError::Lost(error) if error.kind() == ErrorKind::UnexpectedEof), "{error}");
        assert_eq!(client.close_code(), CloseCode::ABNORMAL);
        assert!(matches!(client.receive(), Err(ClientError::Usage(UsageError::NotOpen))));
        assert!(matches!(client.send("more"), Err(ClientError::Usage(UsageError::NotOpen))));
        server.join().unwrap();
    }
}

#[test]
fn a_server_that_breaks_a_rule_is_told_so() {
    let frames: [(&[u8], _, &[u8]); 2] = [
        (b"\x81\x02ok\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", ProtocolError::Masked.at(5), b"\x03\xea"),
        (b"\x81\x02ok\x81\x01\xff", ProtocolError::InvalidUtf8.at(6), b"\x03\xef"),
    ];
    for (frames, failure, code) in frames {
        let (uri, server) = listen(move |mut raw| {
            raw.upgrade(frames);
            let (first, _, payload) = raw.read_frame();
            assert_eq!((first, &payload[..2]), (0x88, code));
            raw.expect_eof();
        });
        let mut client = Client::connect(&uri).unwrap();
        assert_eq!(client.receive().unwrap().unwrap().as_bytes(), b"ok");
        assert!(matches!(client.receive(), Err(ClientError::Protocol(got)) if got == failure));
        assert!(matches!(client.receive(), Err(ClientError::Usage(UsageError::NotOpen))));
        server.join().unwrap();
    }
}

#[test]
fn r134_without_an_agreed_extension_no_reserved_bit_is_sent_or_taken() {
    let (uri, server) = listen(|mut raw| {
        raw.upgrade(b"");
        raw.expect_frame(0x81, b"text");
        raw.expect_frame(0x82, b"binary");
        raw.write(b"\x82\x00\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00"); // RFC 7692 §7.2.3.1
        let (first, _, payload) = raw.read_frame();
        assert_eq!((first, &payload[..2]), (0x88, b"\x03\xea".as_slice()));
        raw.expect_eof();
    });
    let mut client = Client::connect(&uri).unwrap();
    client.send("text").unwrap();
    client.send(b"binary").unwrap();
    assert_eq!(client.receive().unwrap().unwrap().as_bytes(), b"");
    let failure = ProtocolError::ReservedBitSet.at(2);
    assert!(matches!(client.receive(), Err(ClientError::Protocol(got)) if got == failure));
    server.join().unwrap();
}

#[test]
fn a_refusal_shows_status_and_headers() {
    let (reporter, _calls) = Reporter::new();
    let server = serve(Config::default(), || reporter);
    match Client::connect(&format!("ws://{}/forbidden", server.address)) {
        Err(ClientError::Refused(refusal)) => {
            assert_eq!(refusal.status(), 403);
            assert_eq!(refusal.header("content-length"), Some("9"));
            assert_eq!(refusal.to_string(), "the server answered with status 403");
        }
        other => panic!("{other:?}"),
    }

    let (uri, server) = listen(|mut raw| {
        raw.read_head();
        raw.write(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 401 No\r\nWWW-Authenticate: Basic\r\nX: \xff\r\n\r\nwho?");
        raw.0.shutdown(Shutdown::Write).unwrap();
    });
    match Client::connect(&uri) {
        Err(ClientError::Refused(refusal)) => {
            assert_eq!((refusal.status(), refusal.header("www-authenticate")), (401, Some("Basic")));
            assert_eq!(refusal.headers().last(), Some(("X", b"\xff".as_slice())));
            assert_eq!(refusal.header("X"), None);
        }
        other => panic!("{other:?}"),
    }
    server.join().unwrap();
}

#[test]
fn an_answer_that_breaks_a_rule_is_told() {
    let (uri, server) = listen(|mut raw| drop(raw.upgrade_with("Sec-WebSocket-Protocol: chat\r\n", b"")));
    let error = Client::connect(&uri).unwrap_err();
    assert!(matches!(error, ClientError::Handshake(HandshakeError::SubprotocolNotOffered)), "{error}");
    server.join().unwrap();

    let (uri, server) = listen(|mut raw| {
        raw.read_head();
        raw.write(b"220 mail.example.com ESMTP\r\n");
    });
    let error = Client::connect(&uri).unwrap_err();
    assert!(matches!(error, ClientError::Handshake(HandshakeError::NotHttp)), "{error}");
    server.join().unwrap();

    let (uri, server) = listen(|mut raw| drop(raw.read_head()));
    let error = Client::connect(&uri).unwrap_err();
    assert!(matches!(&error, ClientError::Lost(error) if error.kind() == ErrorKind::UnexpectedEof), "{error}");
    server.join().unwrap();
}

#[test]
fn the_subprotocol_is_negotiated() {
    let (reporter, _calls) = Reporter::new();
    let server = serve(Config::default(), || reporter);
    let uri = format!("ws://{}/chat", server.address);
    let (request, config) = prepare(&uri);
    let client = Client::connect_with(&request.subprotocol("chat.v3").subprotocol("chat.v2"), &config).unwrap();
    assert_eq!(client.subprotocol(), Some("chat.v2"));
    assert_eq!(connect(&server, "/").subprotocol(), None);
}

#[test]
fn r012_a_transport_that_does_not_open_is_one_error() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = Client::connect(&format!("ws://127.0.0.1:{port}/")).unwrap_err();
    assert!(matches!(&error, ClientError::Connect(error) if error.kind() == ErrorKind::ConnectionRefused), "{error}");
    let error = Client::connect("ws://no.such.host.invalid/").unwrap_err();
    assert!(matches!(error, ClientError::Resolve(_)), "{error}");
    assert!(matches!(Client::connect("http://127.0.0.1/"), Err(ClientError::Uri(UriError::Scheme))));
}

#[test]
fn addresses_are_tried_in_turn() {
    // Where this name has an IPv6 address as well, nobody listens there.
    let server = serve_echo(Config::default());
    let mut client = Client::connect(&format!("ws://localhost:{}/", server.address.port())).unwrap();
    client.send("Hello").unwrap();
    assert_eq!(client.receive().unwrap().unwrap().as_bytes(), b"Hello");
}

#[test]
fn r013_wss_is_an_error_before_any_byte() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = listener.local_addr().unwrap();
    assert!(matches!(Client::connect(&format!("wss://{uri}/")), Err(ClientError::TlsUnsupported)));
    listener.set_nonblocking(true).unwrap();
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
fn a_mistake_in_the_request_is_an_error_before_any_byte() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (request, config) = prepare(&format!("ws://{}/", listener.local_addr().unwrap()));
    let error = Client::connect_with(&request.header("X", "a\r\nb"), &config).unwrap_err();
    assert!(matches!(error, ClientError::Usage(UsageError::InvalidHeaderValue)));
    listener.set_nonblocking(true).unwrap();
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
fn r008_one_handshake_at_a_time_with_an_address() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("ws://{}/", listener.local_addr().unwrap());
    let first = thread::spawn({
        let uri = uri.clone();
        move || Client::connect(&uri).map(drop)
    });
    let mut raw = Raw(listener.accept().unwrap().0);
    // The first has its turn until it is answered.
    let (request, mut config) = prepare(&uri);
    config.one_at_a_time = true;
    config.connect_timeout = SHORT;
    let error = Client::connect_with(&request, &config).unwrap_err();
    assert!(matches!(error, ClientError::TimedOut(Stage::Connect)), "{error}");
    listener.set_nonblocking(true).unwrap();
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    raw.upgrade(b"");
    first.join().unwrap().unwrap();

    // Unless switched off: TCP is open beside another that waits.
    let (request, mut config) = prepare(&uri);
    config.handshake_timeout = SHORT;
    let error = Client::connect_with(&request, &config).unwrap_err();
    assert!(matches!(error, ClientError::TimedOut(Stage::Handshake)), "{error}");
    assert!(listener.accept().is_ok());
}

#[test]
fn the_handshake_has_a_deadline_that_progress_does_not_extend() {
    let (uri, server) = listen(|mut raw| {
        raw.read_head();
        for byte in b"HTTP/1.1 101 ".iter().chain(b"x".iter().cycle()) {
            if raw.0.write_all(&[*byte]).is_err() {
                break;
            }
            thread::sleep(SHORT / 10);
        }
    });
    let (request, mut config) = prepare(&uri);
    config.handshake_timeout = SHORT;
    let start = Instant::now();
    let error = Client::connect_with(&request, &config).unwrap_err();
    assert!(matches!(error, ClientError::TimedOut(Stage::Handshake)), "{error}");
    assert!(start.elapsed() >= SHORT && start.elapsed() < PATIENCE / 4);
    server.join().unwrap();
}

#[test]
fn a_silent_server_is_told_and_the_connection_goes_on() {
    let server = serve_echo(Config::default());
    let (request, mut config) = prepare(&format!("ws://{}/", server.address));
    config.read_timeout = Some(SHORT);
    let mut client = Client::connect_with(&request, &config).unwrap();
    for _ in 0..2 {
        let start = Instant::now();
        assert!(matches!(client.receive(), Err(ClientError::TimedOut(Stage::Receive))));
        assert!(start.elapsed() >= SHORT && start.elapsed() < PATIENCE / 4);
    }
    client.send("Hello").unwrap();
    loop {
        match client.receive() {
            // A busy server is silent, too.
            Err(ClientError::TimedOut(Stage::Receive)) => {}
            message => return assert_eq!(message.unwrap().unwrap().as_bytes(), b"Hello"),
        }
    }
}

#[test]
fn a_server_that_reads_nothing_ends_the_sending() {
    let (uri, server) = listen(|mut raw| {
        raw.upgrade(b"\x81\x02ok");
        raw
    });
    let (request, mut config) = prepare(&uri);
    config.write_timeout = SHORT;
    let mut client = Client::connect_with(&request, &config).unwrap();
    let payload = vec![7; 1 << 20];
    let error = (0..1000).find_map(|_| client.send(&payload).err()).unwrap();
    assert!(matches!(error, ClientError::TimedOut(Stage::Send)), "{error}");
    assert!(matches!(client.send("more"), Err(ClientError::Usage(UsageError::NotOpen))));
    assert!(matches!(client.close(CloseCode::NORMAL, ""), Err(ClientError::Usage(UsageError::NotOpen))));
    assert_eq!(client.receive().unwrap().unwrap().as_bytes(), b"ok");
    drop(server.join().unwrap());
    assert!(matches!(client.receive(), Err(ClientError::Lost(_))));
}

#[test]
fn a_close_that_is_not_answered_ends_with_the_timeout() {
    let (uri, server) = listen(|mut raw| {
        raw.upgrade(b"");
        raw.expect_frame(0x88, b"\x03\xe8bye");
        raw.expect_eof();
    });
    let (request, mut config) = prepare(&uri);
    config.close_timeout = SHORT;
    let mut client = Client::connect_with(&request, &config).unwrap();
    client.close(CloseCode::NORMAL, "bye").unwrap();
    assert!(matches!(client.receive(), Err(ClientError::TimedOut(Stage::Close))));
    assert_eq!(client.close_code(), CloseCode::ABNORMAL);
    assert!(matches!(client.receive(), Err(ClientError::Usage(UsageError::NotOpen))));
    server.join().unwrap();
}

#[test]
fn any_byte_ends_the_silence() {
    let (uri, server) = listen(|mut raw| {
        raw.upgrade(b"\x82\x0a");
        for byte in 0..10 {
            thread::sleep(SHORT);
            raw.write(&[byte]);
        }
        raw.expect_eof();
    });
    let (request, mut config) = prepare(&uri);
    config.read_timeout = Some(8 * SHORT);
    let mut client = Client::connect_with(&request, &config).unwrap();
    assert_eq!(client.receive().unwrap().unwrap().as_bytes(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    drop(client);
    server.join().unwrap();
}

#[test]
fn another_thread_closes_while_one_waits() {
    let (waits, waiting) = mpsc::channel();
    let (uri, server) = listen(move |mut raw| {
        raw.upgrade(b"\x89\x00");
        raw.expect_frame(0x8a, b"");
        // Behind the Pong there is nothing to do but wait.
        waits.send(()).unwrap();
        raw.expect_frame(0x88, b"\x03\xe8");
        raw.expect_eof();
    });
    let (request, mut config) = prepare(&uri);
    config.close_timeout = SHORT;
    let mut client = Client::connect_with(&request, &config).unwrap();
    let (mut incoming, outgoing) = client.halves();
    thread::scope(|scope| {
        let receiving = scope.spawn(move || incoming.receive().map(drop));
        waiting.recv_timeout(PATIENCE).unwrap();
        outgoing.close(CloseCode::NORMAL, "").unwrap();
        assert!(matches!(receiving.join().unwrap(), Err(ClientError::TimedOut(Stage::Close))));
    });
    server.join().unwrap();
}

#[test]
fn one_replies_while_holding_a_message() {
    let (uri, server) = listen(|mut raw| {
        raw.upgrade(b"\x81\x05Hello\x82\x02\x01\x02\x88\x00");
        raw.expect_frame(0x81, b"Hello");
        raw.expect_frame(0x82, b"\x01\x02");
        raw.expect_frame(0x88, b"");
    });
    let mut client = Client::connect(&uri).unwrap();
    let (mut incoming, outgoing) = client.halves();
    while let Some(message) = incoming.receive().unwrap() {
        outgoing.send(&message).unwrap();
    }
    assert_eq!(client.close_code(), CloseCode::NO_STATUS);
    server.join().unwrap();
}

#[test]
fn threads_send_while_one_receives_and_more_is_under_way_than_fits() {
    const SENDERS: u8 = 4;
    const EACH: usize = 100;
    let server = serve_echo(Config::default());
    let mut client = connect(&server, "/");
    let (mut incoming, outgoing) = client.halves();
    thread::scope(|scope| {
        for sender in 0..SENDERS {
            // 64 KiB each: 25 MiB, which no socket buffers hold.
            scope.spawn(move || (0..EACH).for_each(|_| outgoing.send(vec![sender; 64 << 10]).unwrap()));
        }
        let mut received = [0; SENDERS as usize];
        for _ in 0..EACH * usize::from(SENDERS) {
            let message = incoming.receive().unwrap().unwrap();
            let sender = message.as_bytes()[0];
            assert_eq!(message.as_bytes().len(), 64 << 10);
            assert!(message.as_bytes().iter().all(|byte| *byte == sender), "a message leaves whole");
            received[usize::from(sender)] += 1;
        }
        assert_eq!(received, [EACH; SENDERS as usize]);
    });
    client.close(CloseCode::NORMAL, "").unwrap();
    assert!(client.receive().unwrap().is_none());
}

#[test]
fn r022_r073_keys_are_drawn_anew_for_each_connection_and_each_frame() {
    const FRAMES: usize = 300;
    let mut nonces = BTreeSet::new();
    let mut keys = BTreeSet::new();
    for _ in 0..2 {
        let (uri, server) = listen(|mut raw| {
            let nonce = raw.upgrade(b"");
            (nonce, (0..FRAMES).map(|_| raw.read_frame().1).collect::<Vec<_>>())
        });
        let mut client = Client::connect(&uri).unwrap();
        (0..FRAMES).for_each(|_| client.send("same").unwrap());
        let (nonce, some) = server.join().unwrap();
        nonces.insert(nonce);
        keys.extend(some);
    }
    assert_eq!(nonces.len(), 2);
    // Two of 600 may be equal once in 20,000 runs; three pairs never.
    assert!(keys.len() >= 2 * FRAMES - 2, "{}", keys.len());
}
