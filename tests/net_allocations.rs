//! What the server allocates: nothing per message that arrives whole, next to nothing per connection that is idle.
#![cfg(feature = "net")]

#[path = "support/counting.rs"]
mod counting;
#[path = "support/server.rs"]
mod server;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc;

use bowsprit::Message;
use bowsprit::handshake::{ClientRequest, Request, Uri, accept_key};
use bowsprit::net::{Bytes, Client, ClientConfig, Config, Handler, Peer, Peers, Responder};

/// Echoes; answers `count` with what its thread has allocated so far. Keeps where the messages lay.
#[derive(Default)]
struct Meter {
    lowest: usize,
    highest: usize,
}

impl Handler for Meter {
    type Data = ();

    fn message(&mut self, peer: &mut Peer<'_, ()>, message: Message<'_>) {
        if message.as_bytes() == b"count" {
            let (calls, bytes) = (counting::calls(), counting::bytes());
            let _ = peer.send(format!("{calls} {bytes} {}", self.highest - self.lowest));
            return;
        }
        let at = message.as_bytes().as_ptr() as usize;
        self.lowest = if self.lowest == 0 { at } else { self.lowest.min(at) };
        self.highest = self.highest.max(at + message.as_bytes().len());
        let _ = peer.send(message);
    }
}

/// Calls and bytes allocated by the server's thread, and how far apart its messages lay.
fn ask(client: &mut server::Client) -> [isize; 3] {
    client.text("count");
    let text = String::from_utf8(client.read_frame().unwrap().payload).unwrap();
    let mut numbers = text.split(' ').map(|number| number.parse().unwrap());
    std::array::from_fn(|_| numbers.next().unwrap())
}

#[test]
fn an_echo_of_whole_messages_allocates_nothing() {
    let server = server::serve(Config::default(), Meter::default);
    let mut clients: Vec<_> = (0..10).map(|_| server.connect()).collect();
    let round = |clients: &mut Vec<server::Client>| {
        for client in clients {
            client.expect_echo("Hello");
            client.expect_echo(&"é".repeat(2000));
            client.write(&[server::masked(0x82, b"two at"), server::masked(0x82, b"once")].concat());
            assert_eq!(client.read_frame().unwrap().payload, b"two at");
            assert_eq!(client.read_frame().unwrap().payload, b"once");
        }
    };
    round(&mut clients);
    let before = ask(&mut clients[0]);
    for _ in 0..20 {
        round(&mut clients);
    }
    let after = ask(&mut clients[0]);
    // The answer to `before` itself: a String and what formatting it takes.
    let [calls, ..] = ask(&mut clients[0]);
    assert_eq!(after[0] - before[0], calls - after[0], "800 messages cost as much as none");
    assert!(after[2] <= 256 << 10, "every message lay in the one receive buffer");
}

#[test]
fn an_idle_connection_holds_a_record_and_no_buffer() {
    const CONNECTIONS: usize = 512;
    let server = server::serve(Config::default(), Meter::default);
    let mut first: Vec<_> = (0..CONNECTIONS).map(|_| server.connect()).collect();
    for client in &mut first {
        client.expect_echo("used once");
    }
    let before = ask(&mut first[0]);
    let mut more: Vec<_> = (0..CONNECTIONS).map(|_| server.connect()).collect();
    for client in &mut more {
        client.expect_echo("used once");
    }
    let after = ask(&mut first[0]);
    let each = (after[1] - before[1]) / CONNECTIONS as isize;
    // Its record of 64 bytes, 16 of clocks, and its stream: a descriptor, to which mio adds 12 bytes in debug builds.
    let stream = if cfg!(debug_assertions) { 16 } else { 4 };
    assert!(each <= 64 + 16 + stream + 1, "{each} bytes a connection");
}

#[test]
fn a_held_request_holds_little_more_than_its_record() {
    /// Holds every request, and tells what its thread has allocated.
    struct Hold(Vec<Responder>, mpsc::Sender<isize>);
    impl Handler for Hold {
        type Data = ();
        fn http(&mut self, _: &Request<'_>, _: Bytes, responder: Responder, _: &mut Peers<'_, ()>) {
            self.0.push(responder);
            self.1.send(counting::bytes()).unwrap();
        }
        fn message(&mut self, _: &mut Peer<'_, ()>, _: Message<'_>) {}
    }
    const REQUESTS: usize = 512;
    let (sender, bytes) = mpsc::channel();
    let server = server::serve(Config::default(), || Hold(Vec::new(), sender));
    let hold = |clients: &mut Vec<server::Client>| {
        let mut now = 0;
        for _ in 0..REQUESTS {
            let mut client = server.connect_tcp();
            client.write(b"GET /poll HTTP/1.1\r\nHost: a\r\n\r\n");
            now = bytes.recv_timeout(server::PATIENCE).unwrap();
            clients.push(client);
        }
        now
    };
    let mut clients = Vec::new();
    let before = hold(&mut clients);
    let each = (hold(&mut clients) - before) / REQUESTS as isize;
    // As an idle connection, and what its responder shares with the loop.
    assert!(each <= 160 + 128, "{each} bytes a request");
}

#[test]
fn a_published_large_message_is_not_copied() {
    struct Fan(mpsc::Sender<isize>);
    impl Handler for Fan {
        type Data = ();
        fn open(&mut self, peer: &mut Peer<'_, ()>, request: &Request<'_>) {
            if request.path() == "/" {
                peer.subscribe("t");
            }
        }
        fn message(&mut self, peer: &mut Peer<'_, ()>, message: Message<'_>) {
            self.0.send(counting::bytes()).unwrap();
            peer.publish("t", message);
        }
    }
    let (sender, bytes) = mpsc::channel();
    let server = server::serve(Config::default(), || Fan(sender));
    let mut subscribers: Vec<_> = (0..100).map(|_| server.connect()).collect();
    let mut publisher = server.connect_tcp();
    publisher.upgrade_at("/publisher");
    let payload = vec![7; 1 << 20];
    // The second message tells what the first one cost beyond itself, with all its subscribers backed up in between.
    publisher.frame(0x82, &payload);
    let first = bytes.recv_timeout(server::PATIENCE).unwrap();
    publisher.text("again");
    let second = bytes.recv_timeout(server::PATIENCE).unwrap();
    assert!(second - first < 1 << 20, "{} bytes for a hundred subscribers", second - first);
    for subscriber in &mut subscribers {
        assert!(subscriber.read_frame().unwrap().payload == payload);
        subscriber.expect_text("again");
    }
}

#[cfg(feature = "deflate")]
#[test]
fn what_compression_keeps_for_a_connection_counts_towards_memory() {
    use bowsprit::DeflateConfig;

    const MANY: usize = 6;
    /// A connection's record, and what is unfinished, which is boxed and never counted.
    const RECORD: isize = 800;
    let message = |number: usize| -> String { (0..400).map(|i| format!("{} ", (number + 1) * 7919 * i)).collect() };
    for bits in [9, 15] {
        for (send, receive) in [(false, false), (true, false), (false, true), (true, true)] {
            for in_parts in [false, true] {
                let mut deflate = DeflateConfig::default();
                (deflate.send_takeover, deflate.receive_takeover) = (send, receive);
                (deflate.send_window_bits, deflate.receive_window_bits) = (bits, bits);
                let mut config = Config::default();
                config.deflate = Some(deflate);
                // Both as seen by the server's thread. A part is not the last, so that its message goes on.
                let (told, begun) = mpsc::channel();
                let server = server::serve(config, || {
                    move |peer: &mut Peer<'_, ()>, message: Message<'_>| match message.as_bytes() {
                        b"count" => drop(peer.send(format!("{} {}", counting::bytes(), peer.stats().held))),
                        b"part" => {
                            let _ = peer.send_part("part", false).unwrap();
                            told.send(()).unwrap();
                        }
                        _ => drop(peer.send(message)),
                    }
                });
                let mut config = ClientConfig::default();
                config.read_timeout = Some(server::PATIENCE);
                let mut deflate = DeflateConfig::default();
                (deflate.send_takeover, deflate.receive_takeover) = (true, true);
                config.deflate = Some(deflate);
                let request = ClientRequest::new(Uri::parse(&format!("ws://{}/", server.address)).unwrap());
                let connect = || {
                    let mut client = Client::connect_with(&request, &config).unwrap();
                    for number in 0..25 {
                        client.send(message(number)).unwrap();
                        assert!(client.receive().unwrap().is_some());
                    }
                    if in_parts {
                        client.send("part").unwrap();
                        begun.recv_timeout(server::PATIENCE).unwrap();
                    }
                    client
                };
                let mut asker = server.connect();
                let mut count = || {
                    asker.text("count");
                    let text = String::from_utf8(asker.read_frame().unwrap().payload).unwrap();
                    let (bytes, held) = text.split_once(' ').unwrap();
                    (bytes.parse::<isize>().unwrap(), held.parse::<isize>().unwrap())
                };
                // What belongs to the loop is there from the first on.
                let first = connect();
                let before = count();
                let more: Vec<_> = (0..MANY).map(|_| connect()).collect();
                let after = count();
                let (bytes, held) = (after.0 - before.0, after.1 - before.1);
                let said = format!("{bits} bits, takeover {send} {receive}, in parts {in_parts}: {held} of {bytes}");
                let each = (bytes - held) / MANY as isize;
                assert!((0..=RECORD).contains(&each), "{each}, {said}");
                drop((first, more));
            }
        }
    }
}

#[test]
fn a_client_receives_a_gibibyte_in_parts_and_keeps_none_of_it() {
    const LEN: usize = 1 << 30;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("ws://{}/", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.push(char::from(byte[0]));
        }
        let key = head.split("Sec-WebSocket-Key: ").nth(1).unwrap().split("\r\n").next().unwrap();
        let answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
        write!(stream, "{answer}Sec-WebSocket-Accept: {}\r\n\r\n", &*accept_key(key)).unwrap();
        stream.write_all(b"\x82\x7f").unwrap();
        stream.write_all(&(LEN as u64).to_be_bytes()).unwrap();
        let piece = vec![7; 1 << 20];
        for _ in 0..LEN / piece.len() {
            stream.write_all(&piece).unwrap();
        }
        stream.write_all(b"\x81\x03end\x88\x00").unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
    });

    let before = counting::bytes();
    let mut config = ClientConfig::default();
    config.limits.message = LEN;
    config.limits.frame = LEN;
    let mut client = Client::connect_with(&ClientRequest::new(Uri::parse(&uri).unwrap()), &config).unwrap();
    client.receive_parts(true);
    let (mut received, mut most) = (0, 0);
    loop {
        let part = client.receive().unwrap().unwrap();
        assert!(part.as_bytes().first().is_none_or(|byte| *byte == 7));
        received += part.as_bytes().len();
        most = most.max(counting::bytes() - before);
        if !client.has_more_parts() {
            break;
        }
    }
    assert_eq!(received, LEN);
    assert!(most < 1 << 20, "{most} bytes in use");
    assert_eq!(client.receive().unwrap().unwrap().as_bytes(), b"end");
    assert!(client.receive().unwrap().is_none());
    drop(client);
    server.join().unwrap();
}
