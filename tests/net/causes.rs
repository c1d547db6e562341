//! Why a connection ended, as a server's handler and a blocking client's last error have it: who ended it, code, reason,
//! rule and byte.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::sync::mpsc::Receiver;

use bowsprit::net::{Cause, Client, ClientError, Config, EndedBy};
use bowsprit::{CloseCode, ProtocolError};

use crate::client::{listen, prepare};
use crate::rules::{self, Broken};
use crate::server::{Call, PATIENCE, Reporter, masked, serve};

/// The cause of the next connection's end, as its `Debug` has it.
fn next_cause(calls: &Receiver<Call>) -> String {
    loop {
        if let Call::Close(cause) = calls.recv_timeout(PATIENCE).expect("a cause") {
            return cause;
        }
    }
}

/// What the Close must say.
fn close_body(rule: &Broken) -> Vec<u8> {
    [&rule.code.to_be_bytes(), rule.error.rule().as_bytes()].concat()
}

#[test]
fn each_rule_reaches_the_handler_of_a_server_with_its_byte() {
    let mut config = Config::default();
    config.limits = rules::limits();
    let (reporter, calls) = Reporter::new();
    let server = serve(config, || reporter);
    let before = masked(0x81, b"nothing wrong here");
    for rule in rules::table() {
        let Some((bytes, at)) = &rule.to_server else { continue };
        let expected = Cause::Failed(rule.error.at(before.len() as u64 + at));
        for size in [1, 3, usize::MAX] {
            let mut client = server.connect();
            client.write(&before);
            bytes.chunks(size).for_each(|read| client.write(read));
            let close = loop {
                let frame = client.read_frame().expect("a Close before the end of file");
                if frame.first == 0x88 {
                    break frame;
                }
            };
            assert_eq!(close.payload, close_body(&rule));
            assert_eq!(client.read_frame(), None);
            assert_eq!(next_cause(&calls), format!("{expected:?}"));
        }
    }
}

#[test]
fn each_rule_is_a_clients_last_error_with_its_byte() {
    for rule in rules::table() {
        let Some((bytes, at)) = rule.to_client.clone() else { continue };
        let body = close_body(&rule);
        let (uri, server) = listen(move |mut raw| {
            raw.upgrade(&[b"\x82\x02ok".as_slice(), &bytes].concat());
            loop {
                let (first, _, payload) = raw.read_frame();
                if first == 0x88 {
                    assert_eq!(payload, body);
                    break;
                }
            }
            raw.expect_eof();
        });
        let (request, mut config) = prepare(&uri);
        config.limits = rules::limits();
        let mut client = Client::connect_with(&request, &config).unwrap();
        assert_eq!(client.receive().unwrap().unwrap().as_bytes(), b"ok");
        match client.receive() {
            Err(ClientError::Protocol(failure)) => assert_eq!(failure, rule.error.at(4 + at)),
            other => panic!("{:?}: {other:?}", rule.error),
        }
        server.join().unwrap();
    }
}

#[test]
fn each_cause_says_who_and_what_was_told() {
    let failure = ProtocolError::UnknownOpcode(3).at(18);
    let closed = |by_peer| Cause::Closed { by_peer, code: CloseCode::new(4001), reason: "bye\n" };
    let table = [
        (closed(true), EndedBy::Peer, 4001, None, "closed by the peer: 4001 \"bye\\n\""),
        (closed(false), EndedBy::Us, 4001, None, "closed by us, answered: 4001 \"bye\\n\""),
        (
            Cause::Failed(failure),
            EndedBy::Us,
            1006,
            Some((1002, "unknown opcode")),
            "the peer broke a rule: unknown opcode (RFC 6455 §5.2) at byte 18",
        ),
        (
            Cause::Lost(ErrorKind::UnexpectedEof),
            EndedBy::Transport,
            1006,
            None,
            "lost without a Close: unexpected end of file",
        ),
        (Cause::Silent, EndedBy::Us, 1006, None, "no answer to a Ping"),
        (Cause::MessageTooSlow, EndedBy::Us, 1006, Some((1008, "message took too long")), "a message took too long"),
        (Cause::WriteStalled, EndedBy::Us, 1006, None, "the peer reads nothing"),
        (Cause::CloseUnanswered, EndedBy::Us, 1006, None, "no answer to our Close"),
        (Cause::QueueFull, EndedBy::Us, 1006, Some((1008, "reads too slowly")), "the queue was full"),
        (Cause::OutOfMemory, EndedBy::Us, 1006, Some((1013, "out of memory")), "out of memory"),
        (Cause::Panicked, EndedBy::Us, 1006, Some((1011, "internal error")), "the handler panicked"),
    ];
    for (cause, ended_by, code, told, line) in &table {
        assert_eq!((cause.ended_by(), cause.code().as_u16()), (*ended_by, *code), "{cause:?}");
        assert_eq!(cause.told(), told.map(|(code, reason)| (CloseCode::new(code), reason)), "{cause:?}");
        assert_eq!(cause.to_string(), *line);
    }

    let source = include_str!("../../src/net/handler.rs");
    let variants = source.split_once("pub enum Cause<'a> {").and_then(|(_, rest)| rest.split_once("\n}")).unwrap().0;
    let of_an_enum = |line: &&str| line.starts_with("    ") && line[4..].starts_with(|c: char| c.is_ascii_uppercase());
    let name = |line: &str| line.trim().split(|c: char| !c.is_alphanumeric()).next().unwrap().to_owned();
    let causes: BTreeSet<String> = variants.lines().filter(of_an_enum).map(name).collect();
    let tested = table.iter().map(|(cause, ..)| name(&format!("{cause:?}"))).collect();
    assert_eq!(causes, tested);
}
