//! The numbers add up, and Prometheus can read them.

use std::collections::{BTreeMap, BTreeSet};

use bowsprit::Message;
use bowsprit::handshake::Request;
use bowsprit::net::{Bytes, Config, Handler, Peer, Peers, Policy, Responder, Sent, Stats};

use crate::server::{Client, Running, masked, serve};

/// Does what messages say; shows its numbers at any path.
struct Metered;

impl Handler for Metered {
    type Data = ();

    fn http(&mut self, request: &Request<'_>, _: Bytes, responder: Responder, peers: &mut Peers<'_, ()>) {
        assert!(request.path() != "/panic", "http panics, as the test wants");
        responder.send(
            bowsprit::handshake::Response::new(200)
                .header("Content-Type", Stats::CONTENT_TYPE)
                .body(peers.stats().to_string()),
        );
    }

    fn open(&mut self, peer: &mut Peer<'_, ()>, _: &Request<'_>) {
        peer.subscribe("all");
    }

    fn message(&mut self, peer: &mut Peer<'_, ()>, message: Message<'_>) {
        match message.as_bytes() {
            b"publish" => {
                for _ in 0..10 {
                    peer.publish("all", "a word");
                    peer.publish("all", [7; 20_000].as_slice());
                }
            }
            b"publish to others" => {
                peer.publish_to_others("all", "others");
                let _ = peer.send("done");
            }
            b"parts" => {
                let _ = peer.send_part("one", false).unwrap();
                let _ = peer.send("aside");
                let _ = peer.send_part("two", true).unwrap();
            }
            b"too much" => {
                peer.set_policy(Policy::DropNewest);
                assert_eq!((0..100).filter(|_| peer.send(vec![1; 100_000]) == Sent::Dropped).count(), 89);
            }
            b"panic" => panic!("message panics, as the test wants"),
            _ => drop(peer.send(message)),
        }
    }
}

/// A page's samples by name and labels.
fn scrape(server: &Running) -> BTreeMap<String, u64> {
    let mut client = server.connect_tcp();
    client.write(b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let response = client.read_response();
    let (head, page) = response.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("Content-Type: text/plain; version=0.0.4; charset=utf-8"), "{head}");
    lint(page)
}

/// Reads a page as strictly as Prometheus and promtool do.
fn lint(page: &str) -> BTreeMap<String, u64> {
    let is_name = |name: &str| {
        !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
            && !name.as_bytes()[0].is_ascii_digit()
    };
    let (mut samples, mut families) = (BTreeMap::new(), BTreeSet::new());
    assert!(page.ends_with('\n'));
    let mut lines = page.lines().peekable();
    while let Some(line) = lines.next() {
        let (name, help) = line.strip_prefix("# HELP ").unwrap().split_once(' ').unwrap();
        assert!(name.starts_with("bowsprit_") && is_name(name) && help.ends_with('.'), "{line}");
        assert!(!help.contains(['\\', '\n']) && families.insert(name), "{line}");
        let kind = lines.next().unwrap().strip_prefix(&format!("# TYPE {name} ")).unwrap();
        // Counters end in _total and nothing else does; units come before that.
        assert_eq!(name.ends_with("_total"), kind == "counter", "{name}");
        assert!(kind == "counter" || kind == "gauge", "{name}");
        let before = samples.len();
        while let Some(line) = lines.next_if(|line| !line.starts_with('#')) {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let labels = series.strip_prefix(name).unwrap();
            if !labels.is_empty() {
                let (label, value) =
                    labels.strip_prefix('{').unwrap().strip_suffix('}').unwrap().split_once('=').unwrap();
                let value = value.strip_prefix('"').unwrap().strip_suffix('"').unwrap();
                assert!(is_name(label) && is_name(value), "{line}");
            }
            assert!(samples.insert(series.to_owned(), value.parse().unwrap()).is_none(), "{line}");
        }
        assert!(samples.len() > before, "{name} has no samples");
    }
    samples
}

fn sum(samples: &BTreeMap<String, u64>, start: &str) -> u64 {
    samples.iter().filter(|(name, _)| name.starts_with(start)).map(|(_, n)| n).sum()
}

/// What changed, without zeros and without what the scraping does itself.
fn changes(before: &BTreeMap<String, u64>, after: &BTreeMap<String, u64>) -> Vec<(String, u64)> {
    assert!(before.keys().eq(after.keys()), "all series are there from the beginning");
    let scraping = ["bowsprit_accepted_total", "bowsprit_http_requests_total"];
    let changed = after.iter().map(|(name, n)| {
        let by = n.checked_sub(before[name]).expect("these do not go down");
        (name.trim_start_matches("bowsprit_").to_owned(), by - u64::from(scraping.contains(&name.as_str())))
    });
    changed.filter(|(_, by)| *by != 0).collect()
}

fn named(expected: &[(&str, u64)]) -> Vec<(String, u64)> {
    expected.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect()
}

fn expect_all(client: &mut Client) {
    for _ in 0..10 {
        client.expect_text("a word");
        assert_eq!(client.read_frame().unwrap().payload, [7; 20_000]);
    }
}

#[test]
fn frames_and_bytes_add_up_by_opcode() {
    let server = serve(Config::default(), || Metered);
    let before = scrape(&server);
    let mut client = server.connect();
    client.expect_echo("four");
    client.write(&[masked(0x02, b"frag"), masked(0x89, b"ping"), masked(0x80, b"ment"), masked(0x8a, b"")].concat());
    assert_eq!(client.read_frame().unwrap().first, 0x8a);
    assert_eq!(client.read_frame().unwrap().payload, b"fragment");
    client.frame(0x82, &[1; 70_000]);
    assert_eq!(client.read_frame().unwrap().payload.len(), 70_000);
    client.text("parts");
    for _ in 0..3 {
        client.read_frame().unwrap();
    }
    let expected = named(&[
        ("accepted_total", 1),
        ("connections", 1),
        ("opened_total", 1),
        ("received_frames_total{opcode=\"binary\"}", 2),
        ("received_frames_total{opcode=\"continuation\"}", 1),
        ("received_frames_total{opcode=\"ping\"}", 1),
        ("received_frames_total{opcode=\"pong\"}", 1),
        ("received_frames_total{opcode=\"text\"}", 2),
        ("received_payload_bytes_total{opcode=\"binary\"}", 70_004),
        ("received_payload_bytes_total{opcode=\"continuation\"}", 4),
        ("received_payload_bytes_total{opcode=\"ping\"}", 4),
        ("received_payload_bytes_total{opcode=\"text\"}", 9),
        ("sent_frames_total{opcode=\"binary\"}", 2),
        ("sent_frames_total{opcode=\"continuation\"}", 1),
        ("sent_frames_total{opcode=\"pong\"}", 1),
        ("sent_frames_total{opcode=\"text\"}", 3),
        ("sent_payload_bytes_total{opcode=\"binary\"}", 70_008),
        ("sent_payload_bytes_total{opcode=\"continuation\"}", 3),
        ("sent_payload_bytes_total{opcode=\"pong\"}", 4),
        ("sent_payload_bytes_total{opcode=\"text\"}", 12),
        ("subscriptions", 1),
        ("topics", 1),
    ]);
    assert_eq!(changes(&before, &scrape(&server)), expected);
}

#[test]
fn what_is_published_counts_for_each_subscriber() {
    let server = serve(Config::default(), || Metered);
    let mut clients: Vec<_> = (0..5).map(|_| server.connect()).collect();
    let before = scrape(&server);
    clients[0].text("publish");
    clients.iter_mut().for_each(expect_all);
    clients[1].text("publish to others");
    for (n, client) in clients.iter_mut().enumerate() {
        client.expect_text(if n == 1 { "done" } else { "others" });
    }
    let expected = named(&[
        ("received_frames_total{opcode=\"text\"}", 2),
        ("received_payload_bytes_total{opcode=\"text\"}", 24),
        ("sent_frames_total{opcode=\"binary\"}", 50),
        ("sent_frames_total{opcode=\"text\"}", 55),
        ("sent_payload_bytes_total{opcode=\"binary\"}", 50 * 20_000),
        ("sent_payload_bytes_total{opcode=\"text\"}", 50 * 6 + 4 * 6 + 4),
    ]);
    assert_eq!(changes(&before, &scrape(&server)), expected);
}

#[test]
fn ends_refusals_drops_and_panics_are_counted() {
    let server = serve(Config::default(), || Metered);
    let before = scrape(&server);
    let mut closed = server.connect();
    closed.frame(0x88, b"\x03\xe8");
    closed.expect_close(1000);
    let mut failed = server.connect();
    failed.frame(0x83, b"");
    failed.expect_close(1002);
    let mut panicked = server.connect();
    panicked.text("panic");
    panicked.expect_close(1011);
    let mut refused = server.connect_tcp();
    refused.write(b"GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n");
    refused.read_response();
    let mut request = server.connect_tcp();
    request.write(b"GET /panic HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert!(request.read_response().starts_with("HTTP/1.1 500 "));
    drop((closed, failed, panicked, refused, request));
    let mut slow = server.connect();
    slow.text("too much");
    for _ in 0..11 {
        assert_eq!(slow.read_frame().unwrap().payload.len(), 100_000);
    }
    slow.expect_echo("alive");
    let after = scrape(&server);
    let by = |name: &str| after[&format!("bowsprit_{name}")] - before[&format!("bowsprit_{name}")];
    assert_eq!(by("closed_total{cause=\"closed\"}"), 1);
    assert_eq!(by("closed_total{cause=\"failed\"}"), 1);
    assert_eq!(by("closed_total{cause=\"panicked\"}"), 1);
    assert_eq!(sum(&after, "bowsprit_closed_total"), 3);
    assert_eq!((by("opened_total"), by("refused_total"), by("handler_panics_total")), (4, 1, 2));
    assert_eq!((by("dropped_messages_total"), by("held_bytes")), (89, 0));
    assert_eq!(by("sent_frames_total{opcode=\"close\"}"), 3);
}
