//! Plain HTTP answered now, later, from another thread, whole and in pieces.

use std::io::Write;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use bowsprit::handshake::{Request, Response};
use bowsprit::net::{BodyWriter, Bytes, Config, Handler, Peer, Peers, RequestId, Responder, Sent};
use bowsprit::{Message, SharedMessage};

use crate::server::{Client, PATIENCE, Running, serve};

/// What a [`Desk`] was called for.
enum Event {
    /// A request, as `METHOD target body`, and what answers it.
    Request(String, Responder),
    /// The head of one with a body.
    Begun(String, RequestId),
    Cancelled(RequestId),
    Drain(RequestId),
}

/// Hands every request to the test, except those for `/now`; and every message to all.
struct Desk(Sender<Event>);

impl Handler for Desk {
    type Data = ();

    fn http(&mut self, request: &Request<'_>, body: Bytes, responder: Responder, _: &mut Peers<'_, ()>) {
        let text = format!("{} {} {}", request.method(), request.target(), String::from_utf8_lossy(&body));
        match request.path() {
            "/now" => responder.send(Response::new(200).body(text)),
            "/large" => responder.send(Response::new(200).body(vec![b'x'; 8 << 20])),
            "/dropped" => {}
            "/panic" => panic!("http panics, as the test wants"),
            "/accept" => responder.send(Response::accept()),
            "/stream" => {
                let mut body = responder.stream(Response::new(200).body("one "));
                assert_eq!(body.write("two "), Sent::Queued);
                assert_eq!(body.write(""), Sent::Queued);
                assert_eq!(body.write(vec![b'3'; 20_000]), Sent::Queued);
                body.finish();
            }
            // A test that has seen enough does not listen any more.
            _ => drop(self.0.send(Event::Request(text, responder))),
        }
    }

    fn http_begins(&mut self, request: &Request<'_>, id: RequestId, _: &mut Peers<'_, ()>) {
        if request.path() == "/announced" {
            let _ = self.0.send(Event::Begun(request.method().into(), id));
        }
    }

    fn http_cancelled(&mut self, request: RequestId, _: &mut Peers<'_, ()>) {
        let _ = self.0.send(Event::Cancelled(request));
    }

    fn http_drain(&mut self, request: RequestId, _: &mut Peers<'_, ()>) {
        let _ = self.0.send(Event::Drain(request));
    }

    fn open(&mut self, peer: &mut Peer<'_, ()>, _: &Request<'_>) {
        peer.subscribe("all");
    }

    fn message(&mut self, peer: &mut Peer<'_, ()>, message: Message<'_>) {
        let _ = peer.send(message);
    }
}

fn desk() -> (Running, Receiver<Event>) {
    desk_with(Config::default())
}

fn desk_with(config: Config) -> (Running, Receiver<Event>) {
    let (events, received) = mpsc::channel();
    (serve(config, || Desk(events)), received)
}

fn next_request(events: &Receiver<Event>) -> (String, Responder) {
    match events.recv_timeout(PATIENCE) {
        Ok(Event::Request(text, responder)) => (text, responder),
        _ => panic!("no request"),
    }
}

fn expect_cancelled(events: &Receiver<Event>, id: RequestId) {
    match events.recv_timeout(PATIENCE) {
        Ok(Event::Cancelled(cancelled)) => assert_eq!(cancelled, id),
        _ => panic!("not cancelled"),
    }
}

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n")
}

fn post(target: &str, body: &str) -> String {
    format!("POST {target} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// A response with its Content-Length's body: status and body.
fn read(client: &mut Client) -> (u16, String) {
    let head = client.read_head();
    let status = head[9..12].parse().unwrap();
    let length =
        head.split("Content-Length: ").nth(1).map_or(0, |rest| rest.split("\r\n").next().unwrap().parse().unwrap());
    (status, String::from_utf8(client.read_exactly(length)).unwrap())
}

/// A chunked body up to its end.
fn read_chunks(client: &mut Client) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let size = usize::from_str_radix(&client.read_line(), 16).unwrap();
        body.extend(client.read_exactly(size));
        assert_eq!(client.read_line(), "");
        if size == 0 {
            return body;
        }
    }
}

#[test]
fn an_answer_from_another_thread_comes_when_it_comes() {
    let (server, events) = desk();
    let mut client = server.connect_tcp();
    client.write(post("/later?a=b", "with a body").as_bytes());
    let (text, responder) = next_request(&events);
    assert_eq!(text, "POST /later?a=b with a body");
    // The loop goes on meanwhile.
    server.connect().expect_echo("others are served");
    assert!(!responder.is_cancelled());
    std::thread::spawn(move || responder.send(Response::new(201).body("here")));
    assert_eq!(read(&mut client), (201, "here".into()));
    // And the connection is good for more.
    client.write(get("/now").as_bytes());
    assert_eq!(read(&mut client), (200, "GET /now ".into()));
}

#[test]
fn a_responder_that_is_dropped_answers_500() {
    let (server, events) = desk();
    let mut client = server.connect_tcp();
    for target in ["/dropped", "/panic", "/accept"] {
        client.write(get(target).as_bytes());
        assert_eq!(read(&mut client), (500, String::new()), "{target}");
    }
    client.write(get("/later").as_bytes());
    drop(next_request(&events));
    assert_eq!(read(&mut client), (500, String::new()));
}

#[test]
fn a_body_arrives_whole_however_it_is_cut() {
    let (server, _events) = desk();
    let length = post("/now", "Hello, world!");
    let chunked = "POST /now HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
                   6\r\nHello,\r\n7;x=y\r\n world!\r\n0\r\nTrailer: t\r\n\r\n";
    for request in [length.as_str(), chunked] {
        let mut client = server.connect_tcp();
        for cut in 0..=request.len() {
            client.write(&request.as_bytes()[..cut]);
            // The other part of these tests is in `seam`, where reads are cut for certain.
            client.write(&request.as_bytes()[cut..]);
            assert_eq!(read(&mut client), (200, "POST /now Hello, world!".into()), "cut at {cut}");
        }
        for byte in request.as_bytes().chunks(1) {
            client.write(byte);
        }
        assert_eq!(read(&mut client), (200, "POST /now Hello, world!".into()), "byte by byte");
    }
}

#[test]
fn a_body_of_the_limit_passes_and_one_more_is_413() {
    let mut config = Config::default();
    config.limits.body = 1000;
    let (server, _events) = desk_with(config);
    let body = "x".repeat(1000);
    let mut client = server.connect_tcp();
    client.write(post("/now", &body).as_bytes());
    assert_eq!(read(&mut client), (200, format!("POST /now {body}")));
    client.write(post("/now", &"x".repeat(1001)).as_bytes());
    assert!(client.read_response().starts_with("HTTP/1.1 413 Content Too Large\r\n"));
    let mut client = server.connect_tcp();
    let head = "POST /now HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    client.write(format!("{head}1f4\r\n{}\r\n1f5\r\n", &body[..500]).as_bytes());
    // It reads its answer also if it sends on.
    client.write(&[b'x'; 200 << 10]);
    assert!(client.read_response().starts_with("HTTP/1.1 413 "));
}

#[test]
fn h29_a_client_that_expects_100_gets_it_unless_the_body_is_there_or_too_long() {
    let mut config = Config::default();
    config.limits.body = 1000;
    let (server, _events) = desk_with(config);
    let mut client = server.connect_tcp();
    let head =
        |length| format!("POST /now HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n");
    client.write(head(5).as_bytes());
    assert_eq!(client.read_head(), "HTTP/1.1 100 Continue\r\n\r\n");
    client.write(b"Hello");
    assert_eq!(read(&mut client), (200, "POST /now Hello".into()));
    client.write(format!("{}Hello", head(5)).as_bytes());
    assert_eq!(read(&mut client), (200, "POST /now Hello".into()));
    client.write(head(1001).as_bytes());
    assert!(client.read_response().starts_with("HTTP/1.1 413 "));
}

#[test]
fn what_could_smuggle_a_request_is_refused_and_ends_the_connection() {
    let (server, _events) = desk();
    let smuggled = get("/now");
    for lines in [
        "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n",
        "Content-Length: 0\r\nContent-Length: 0\r\n\r\n",
        "Content-Length: 0, 0\r\n\r\n",
        "Content-Length: +0\r\n\r\n",
        "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n0\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n1\r\na0\r\n\r\n",
    ] {
        let mut client = server.connect_tcp();
        client.write(format!("POST /now HTTP/1.1\r\nHost: a\r\n{lines}{smuggled}").as_bytes());
        let response = client.read_response();
        assert!(response.starts_with("HTTP/1.1 400 "), "{lines:?} {response}");
        assert_eq!(response.matches("HTTP/1.1").count(), 1, "{lines:?} {response}");
    }
}

#[test]
fn h30_a_connection_is_kept_alive_unless_it_says_close() {
    let (server, _events) = desk();
    let mut client = server.connect_tcp();
    for _ in 0..100 {
        client.write(get("/now").as_bytes());
        let head = client.read_head();
        assert_eq!(head, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n");
        client.read_exactly(9);
    }
    client.write(b"GET /now HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\nGET /now HTTP/1.1\r\nHost: a\r\n\r\n");
    let response = client.read_response();
    assert_eq!(response, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\nGET /now ");
}

#[test]
fn h30_http_1_0_ends_with_its_answer() {
    let (server, _events) = desk();
    let mut client = server.connect_tcp();
    client.write(b"GET /now HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    let response = client.read_response();
    assert_eq!(response, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\nGET /now ");
    let mut client = server.connect_tcp();
    client.write(b"GET /stream HTTP/1.0\r\n\r\n");
    let response = client.read_response();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    assert_eq!(head, "HTTP/1.1 200 OK\r\nConnection: close");
    assert_eq!(body, format!("one two {}", "3".repeat(20_000)));
}

#[test]
fn h31_pipelined_requests_are_answered_in_their_order() {
    let (server, events) = desk();
    let mut client = server.connect_tcp();
    let requests = [get("/now"), get("/later"), post("/now", "third"), get("/stream"), get("/later"), get("/now")];
    client.write(requests.concat().as_bytes());
    assert_eq!(read(&mut client), (200, "GET /now ".into()));
    let (_, responder) = next_request(&events);
    assert!(events.try_recv().is_err(), "one at a time");
    responder.send(Response::new(200).body("second"));
    assert_eq!(read(&mut client), (200, "second".into()));
    assert_eq!(read(&mut client), (200, "POST /now third".into()));
    assert!(client.read_head().contains("\r\nTransfer-Encoding: chunked\r\n"));
    assert_eq!(read_chunks(&mut client), [b"one two ".as_slice(), &[b'3'; 20_000]].concat());
    next_request(&events).1.send(Response::new(200).body("fifth"));
    assert_eq!(read(&mut client), (200, "fifth".into()));
    assert_eq!(read(&mut client), (200, "GET /now ".into()));
}

#[test]
fn h31_many_pipelined_requests_are_all_answered() {
    let (server, _events) = desk();
    let mut client = server.connect_tcp();
    let mut writer = client.stream.try_clone().unwrap();
    const REQUESTS: usize = 20_000;
    let sender = std::thread::spawn(move || {
        let requests: String = (0..REQUESTS).map(|n| get(&format!("/now?{n}"))).collect();
        writer.write_all(requests.as_bytes()).unwrap();
    });
    for n in 0..REQUESTS {
        assert_eq!(read(&mut client), (200, format!("GET /now?{n} ")));
    }
    sender.join().unwrap();
}

#[test]
fn h31_a_websocket_may_follow_a_plain_request() {
    let (server, _events) = desk();
    let mut client = server.connect_tcp();
    let frame = crate::server::masked(0x81, b"early");
    client.write(&[get("/now").as_bytes(), crate::server::UPGRADE.as_bytes(), &frame].concat());
    assert_eq!(read(&mut client), (200, "GET /now ".into()));
    assert!(client.read_head().starts_with("HTTP/1.1 101 "));
    client.expect_text("early");
    client.expect_echo("late");
}

#[test]
fn an_answer_to_head_has_no_body() {
    let (server, _events) = desk();
    let mut client = server.connect_tcp();
    client.write(b"HEAD /now HTTP/1.1\r\nHost: a\r\n\r\nHEAD /stream HTTP/1.1\r\nHost: a\r\n\r\n");
    client.write(get("/now").as_bytes());
    assert_eq!(client.read_head(), "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n");
    assert_eq!(client.read_head(), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert_eq!(read(&mut client), (200, "GET /now ".into()));
}

#[test]
fn a_body_is_announced_before_it_comes() {
    let (server, events) = desk();
    let mut client = server.connect_tcp();
    for body in ["Content-Length: 4\r\n\r\nfour", "Transfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n0\r\n\r\n"] {
        let (head, body) = body.split_once("\r\n\r\n").unwrap();
        client.write(format!("POST /announced HTTP/1.1\r\nHost: a\r\n{head}\r\n\r\n").as_bytes());
        let Ok(Event::Begun(method, id)) = events.recv_timeout(PATIENCE) else { panic!("not announced") };
        assert_eq!(method, "POST");
        client.write(body.as_bytes());
        let Ok(Event::Request(text, responder)) = events.recv_timeout(PATIENCE) else { panic!("no request") };
        assert_eq!((text.as_str(), responder.id()), ("POST /announced four", id));
        responder.send(Response::new(204));
        assert!(client.read_head().starts_with("HTTP/1.1 204 "));
    }
    // One without a body is not.
    client.write(b"GET /announced HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(matches!(events.recv_timeout(PATIENCE), Ok(Event::Request(..))));
}

#[test]
fn a_body_that_does_not_come_to_its_end_is_cancelled_once() {
    let mut config = Config::default();
    config.limits.body = 10;
    let (server, events) = desk_with(config);
    for (framing, answer) in [
        // Cut, in both framings; too long, as announced and as it comes; no chunk at all.
        ("Content-Length: 4\r\n\r\nfo", None),
        ("Transfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n", None),
        ("Content-Length: 11\r\n\r\n", Some("413")),
        ("Transfer-Encoding: chunked\r\n\r\n6\r\n123456\r\n6\r\n", Some("413")),
        ("Transfer-Encoding: chunked\r\n\r\nfour\r\n", Some("400")),
    ] {
        let mut client = server.connect_tcp();
        client.write(format!("POST /announced HTTP/1.1\r\nHost: a\r\n{framing}").as_bytes());
        let Ok(Event::Begun(_, id)) = events.recv_timeout(PATIENCE) else { panic!("not announced: {framing}") };
        match answer {
            Some(status) => assert!(client.read_head().starts_with(&format!("HTTP/1.1 {status} "))),
            None => drop(client),
        }
        expect_cancelled(&events, id);
    }
    let stats = server.stop();
    assert!(stats.is_ok() && events.try_recv().is_err());
}

#[test]
fn a_client_that_goes_away_cancels_its_request() {
    let (server, events) = desk();
    // Gone; gone with something unread behind the request; closed its end alone.
    for behind in ["", "GET /never HTTP/1.1\r\nHost: a\r\n\r\n", "half"] {
        let mut client = server.connect_tcp();
        client.write(get("/later").as_bytes());
        let (_, responder) = next_request(&events);
        if behind == "half" {
            client.half_close();
        } else {
            client.write(behind.as_bytes());
            drop(client);
        }
        expect_cancelled(&events, responder.id());
        assert!(responder.is_cancelled());
        responder.send(Response::new(200));
    }
    // Before the handler has seen it, in the same segment or nearly.
    let mut client = server.connect_tcp();
    client.write(get("/later").as_bytes());
    client.half_close();
    let (_, responder) = next_request(&events);
    expect_cancelled(&events, responder.id());
    // Nobody is left.
    drop(server.connect());
    assert!(events.try_recv().is_err());
}

#[test]
fn a_client_that_closes_its_end_alone_reads_what_was_answered() {
    let (server, _events) = desk();
    for target in ["/now", "/large"] {
        let mut client = server.connect_tcp();
        client.write([get("/now"), get(target)].concat().as_bytes());
        client.half_close();
        assert_eq!(read(&mut client).0, 200);
        let (status, body) = read(&mut client);
        assert_eq!((status, body.len()), (200, if target == "/now" { 9 } else { 8 << 20 }));
        assert_eq!(client.read_response(), "");
    }
}

#[test]
fn what_is_sent_behind_a_held_request_is_bounded() {
    let mut config = Config::default();
    config.memory = 100_000;
    let (server, events) = desk_with(config);
    let mut client = server.connect_tcp();
    // In the same segment, so that it is read with the request.
    let behind = get(&format!("/{}", "a".repeat(8000))).repeat(20);
    client.write(format!("{}{behind}", get("/later")).as_bytes());
    let (_, responder) = next_request(&events);
    let mut other = server.connect_tcp();
    while !responder.is_cancelled() {
        other.write(get("/now").as_bytes());
        assert_eq!(read(&mut other).0, 200);
    }
    expect_cancelled(&events, responder.id());
}

#[test]
fn what_is_sent_later_behind_a_held_request_waits_in_the_socket() {
    let (server, events) = desk();
    let (mut client, mut other) = (server.connect_tcp(), server.connect_tcp());
    client.write(get("/later").as_bytes());
    let (_, responder) = next_request(&events);
    client.write(get("/now").repeat(5000).as_bytes());
    other.write(get("/now").as_bytes());
    assert_eq!(read(&mut other).0, 200);
    responder.send(Response::new(200));
    for status in [200; 5001] {
        assert_eq!(read(&mut client).0, status);
    }
}

#[test]
fn a_held_request_outlives_the_deadlines_and_what_is_idle_does_not() {
    let mut config = Config::default();
    config.handshake_timeout = Duration::from_millis(100);
    config.keep_alive = Duration::from_millis(100);
    let (server, events) = desk_with(config);
    let mut held = server.connect_tcp();
    held.write(get("/later").as_bytes());
    let (_, responder) = next_request(&events);
    // In this time, others run out: idle behind an answer, inside a later head, inside a later body.
    for started in ["", "GET /", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nHell"] {
        let mut other = server.connect_tcp();
        other.write(get("/now").as_bytes());
        assert_eq!(read(&mut other).0, 200);
        other.write(started.as_bytes());
        assert_eq!(other.read_response(), "", "{started:?}");
    }
    let mut first = server.connect_tcp();
    first.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nHell");
    assert_eq!(first.read_response(), "");
    responder.send(Response::new(200).body("still here"));
    assert_eq!(read(&mut held), (200, "still here".into()));
    assert_eq!(held.read_response(), "", "idle now");
}

/// Writes until the writer says that it is too much.
fn fill(body: &mut BodyWriter, piece: &Bytes) -> (usize, Sent) {
    let mut written = 0;
    loop {
        match body.write(piece.clone()) {
            Sent::Queued => written += piece.len(),
            Sent::Backlogged => return (written + piece.len(), Sent::Backlogged),
            Sent::Dropped => return (written, Sent::Dropped),
        }
    }
}

#[test]
fn a_stream_to_a_slow_reader_waits_for_it_and_loses_nothing() {
    let (server, events) = desk();
    let mut client = server.connect_tcp();
    client.write(get("/later").as_bytes());
    let (_, responder) = next_request(&events);
    let mut body = responder.stream(Response::new(200));
    let piece = Bytes::from(vec![b'x'; 50_000]);
    const LEN: usize = 64 << 20;
    let writer = std::thread::spawn(move || {
        let (mut written, mut waits) = (0, 0);
        while written < LEN {
            let (more, sent) = fill(&mut body, &piece);
            assert_eq!(sent, Sent::Backlogged, "{} queued", body.queued());
            written += more;
            match events.recv_timeout(PATIENCE) {
                Ok(Event::Drain(id)) => assert_eq!(id, body.id()),
                _ => panic!("no drain"),
            }
            waits += 1;
        }
        body.finish();
        (written, waits)
    });
    assert!(client.read_head().contains("Transfer-Encoding: chunked"));
    let body = read_chunks(&mut client);
    let (written, waits) = writer.join().unwrap();
    assert!(body.len() == written && body.iter().all(|byte| *byte == b'x') && waits > 100);
    client.write(get("/now").as_bytes());
    assert_eq!(read(&mut client).0, 200);
}

#[test]
fn a_stream_over_the_hard_bound_is_cut_and_the_client_can_tell() {
    let (server, events) = desk();
    let mut client = server.connect_tcp();
    client.write(get("/later").as_bytes());
    let (_, responder) = next_request(&events);
    let mut body = responder.stream(Response::new(200));
    let piece = Bytes::from(vec![b'x'; 100_000]);
    // Nobody reads: what the sockets take, and 1 MiB.
    while body.write(piece.clone()) != Sent::Dropped {
        assert!(body.queued() < (1 << 20) + 200_000);
    }
    assert!(body.is_cancelled());
    drop(body);
    assert!(!client.read_response().ends_with("0\r\n\r\n"));
}

#[test]
fn a_stream_that_is_not_finished_is_cut() {
    let (server, events) = desk();
    let mut client = server.connect_tcp();
    client.write(get("/later").as_bytes());
    let mut body = next_request(&events).1.stream(Response::new(200));
    assert_eq!(body.write("half"), Sent::Queued);
    drop(body);
    assert_eq!(client.read_response(), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n");
    let mut client = server.connect_tcp();
    client.write(get("/later").as_bytes());
    let body = next_request(&events).1.stream(Response::new(204));
    assert_eq!(read(&mut client), (500, String::new()), "204 has no body");
    body.finish();
    client.write(get("/now").as_bytes());
    assert_eq!(read(&mut client).0, 200);
}

#[test]
fn a_server_that_stops_tells_those_that_wait() {
    let (server, events) = desk();
    let mut idle = server.connect_tcp();
    idle.write(get("/now").as_bytes());
    assert_eq!(read(&mut idle).0, 200);
    let mut held = server.connect_tcp();
    held.write(get("/later").as_bytes());
    let (_, responder) = next_request(&events);
    let mut streamed = server.connect_tcp();
    streamed.write(get("/later").as_bytes());
    let mut body = next_request(&events).1.stream(Response::new(200));
    server.remote.stop();
    assert!(held.read_response().starts_with("HTTP/1.1 503 "));
    expect_cancelled(&events, responder.id());
    assert_eq!(idle.read_response(), "");
    assert_eq!(body.write("to the end"), Sent::Queued);
    body.finish();
    assert!(streamed.read_response().ends_with("to the end\r\n0\r\n\r\n"));
    drop((held, idle, streamed));
    server.stop().unwrap();
}

#[test]
fn a_thousand_held_requests_and_a_thousand_websockets_share_a_port_and_nothing_is_lost() {
    const EACH: usize = 1000;
    let (server, events) = desk();
    let mut sockets: Vec<_> = (0..EACH).map(|_| server.connect()).collect();
    let mut polls: Vec<_> = (0..EACH).map(|_| server.connect_tcp()).collect();
    let remote = server.remote.clone();
    let answerer = std::thread::spawn(move || {
        for round in 0..3 {
            let mut waiting: Vec<_> = (0..EACH).map(|_| next_request(&events)).collect();
            let _ = remote.publish("all", SharedMessage::text(format!("round {round}")));
            for (text, responder) in waiting.drain(..).rev() {
                responder.send(Response::new(200).body(format!("{text}in round {round}")));
            }
        }
    });
    for round in 0..3 {
        for (n, poll) in polls.iter_mut().enumerate() {
            poll.write(get(&format!("/poll/{n}")).as_bytes());
        }
        for (n, poll) in polls.iter_mut().enumerate() {
            assert_eq!(read(poll), (200, format!("GET /poll/{n} in round {round}")));
        }
        for socket in &mut sockets {
            socket.expect_text(&format!("round {round}"));
        }
    }
    sockets.iter_mut().for_each(|socket| socket.expect_echo("alive"));
    answerer.join().unwrap();
}
