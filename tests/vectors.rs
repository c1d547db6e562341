//! The files in `vectors/` hold: each vector whole, byte by byte, and in its pieces. Those with compression need the
//! feature for it.

mod support;

use bowsprit::handshake::BodyLength;
#[cfg(feature = "deflate")]
use bowsprit::{DeflateConfig, DeflateParams};
use bowsprit::{Limits, Negotiated, Role};
use serde_json::Value;
use support::answer::Outcome as Answered;
use support::handshake::Verdict;
use support::vectors::{accept, named, replies};
use support::{Feed, Seen};

#[test]
fn connections() {
    for topic in ["framing", "fragmentation", "control", "close", "utf8", "limits", "failing"] {
        each(topic, |vector, pieces, limits| {
            assert_eq!(vector["deflate"], Value::Null);
            connection(vector, &Negotiated::none(), pieces, limits);
        });
    }
}

#[cfg(feature = "deflate")]
#[test]
fn compressed_messages() {
    each("deflate", |vector, pieces, limits| {
        let none = Negotiated::none();
        let agreed = vector.get("deflate").expect("null, or what was agreed on");
        let negotiated = if agreed.is_null() { none } else { none.with_deflate(params(agreed)) };
        connection(vector, &negotiated, pieces, limits);
    });
}

/// What a connection on which that was agreed makes of these pieces.
fn connection(vector: &Value, negotiated: &Negotiated, pieces: &[&[u8]], limits: &Limits) {
    let role = if vector["role"] == "server" { Role::Server } else { Role::Client };
    let mut outcome = support::run_with(role, negotiated, limits, pieces, Feed::Extend);
    let failure = match outcome.events.last() {
        Some(&Seen::Failed(failure)) => Some(failure),
        _ => None,
    };
    outcome.events.retain(|seen| !matches!(seen, Seen::Failed(_)));
    let events: Vec<Seen> = array(&vector["events"]).iter().map(event).collect();
    assert_eq!(outcome.events, events);
    assert_eq!(vector["fails"].as_str(), failure.map(|failure| failure.error.rule()));
    assert_eq!(vector["at"].as_u64(), failure.map(|failure| failure.at));
    let pongs = array(&vector["pongs"]).iter().map(bytes).collect();
    let close = vector["close"].as_u64().map(|code| code as u16);
    assert_eq!(replies(&outcome), (pongs, close));
}

#[cfg(feature = "deflate")]
#[test]
fn offers_and_their_answers() {
    use support::deflate::{agreed, answered, offered};

    each("negotiation", |vector, _, _| {
        let mut settings = DeflateConfig::default();
        let given = &vector["settings"];
        settings.send_takeover = given["send_takeover"].as_bool().unwrap();
        settings.receive_takeover = given["receive_takeover"].as_bool().unwrap();
        settings.send_window_bits = given["send_window_bits"].as_u64().unwrap() as u8;
        settings.receive_window_bits = given["receive_window_bits"].as_u64().unwrap() as u8;
        let offers: Vec<&str> = array(&vector["offers"]).iter().map(|offer| offer.as_str().unwrap()).collect();
        let expected = (vector["result"] == "agreed").then(|| params(&vector["deflate"]));
        if vector["role"] == "server" {
            let answer = answered(&settings, &offers);
            assert_eq!(vector["answer"].as_str(), answer.as_ref().map(|(answer, _)| answer.as_str()));
            assert_eq!(answer.map(|(_, params)| params), expected);
        } else {
            assert_eq!(offers, [offered(&settings)]);
            match agreed(&settings, vector["answer"].as_str().unwrap()) {
                Ok(agreed_on) => assert_eq!(agreed_on, Some(expected.expect("an agreement"))),
                Err(error) => assert_eq!((&vector["result"], &vector["why"]), (&"failed".into(), &error.rule().into())),
            }
        }
    });
}

#[test]
fn requests() {
    each("handshake_server", |vector, pieces, limits| {
        let (verdict, rest) = support::handshake::feed(pieces, limits);
        assert_eq!(rest, bytes(&vector["rest"]));
        let status = verdict.status();
        let result = match verdict {
            Verdict::Partial => "partial",
            Verdict::Refused(error) => {
                assert_eq!((&vector["status"], &vector["why"]), (&status.into(), &error.rule().into()));
                "refused"
            }
            Verdict::Upgrade => {
                assert_eq!(vector["status"], status);
                assert_eq!(vector["accept"], accept(&pieces.concat(), limits));
                "upgrade"
            }
            Verdict::Plain(BodyLength::Bytes(len)) => {
                assert_eq!(vector["body"], len);
                "plain"
            }
            Verdict::Plain(_) => {
                assert_eq!(vector["body"], "chunked");
                "plain"
            }
        };
        assert_eq!(vector["result"], result);
    });
}

#[test]
fn answers() {
    each("handshake_client", |vector, pieces, limits| {
        let (answered, rest) = support::answer::feed(pieces, limits);
        assert_eq!(rest, bytes(&vector["rest"]));
        let expected = match vector["result"].as_str().unwrap() {
            "partial" => Answered::Partial,
            "http" => Answered::Http(vector["status"].as_u64().unwrap() as u16),
            "open" => Answered::Open(vector["subprotocol"].as_str().map(str::to_owned)),
            _ => match answered {
                Answered::Failed(error) if vector["why"] == error.rule() => Answered::Failed(error),
                _ => panic!("{answered:?} instead of {}", vector["why"]),
            },
        };
        assert_eq!(answered, expected);
    });
}

/// Runs a file's vectors, each cut in three ways, and says which one is at fault.
fn each(topic: &str, run: impl Fn(&Value, &[&[u8]], &Limits)) {
    let path = format!("{}/vectors/{topic}.json", env!("CARGO_MANIFEST_DIR"));
    let json = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let vectors: Vec<Value> = serde_json::from_str(&json).unwrap();
    assert!(!vectors.is_empty(), "{path} is empty");
    for vector in &vectors {
        println!("{topic}: {}", vector["name"]); // shown on failure
        let word = vector["name"].as_str().unwrap().split('_').next().unwrap();
        if word.starts_with(['r', 'h']) && word[1..].parse::<u32>().is_ok() {
            let (row, section) = support::vectors::row_and_section("", word);
            assert_eq!((vector["row"].as_str(), vector["section"].as_str()), (row.as_deref(), Some(&*section)));
        } else {
            assert_eq!(vector["row"], Value::Null);
        }
        let limits = limits_of(vector);
        let pieces: Vec<Vec<u8>> = vector["pieces"].as_array().into_iter().flatten().map(bytes).collect();
        let whole = pieces.concat();
        run(vector, &pieces.iter().map(Vec::as_slice).collect::<Vec<_>>(), &limits);
        run(vector, &[&whole], &limits);
        run(vector, &whole.chunks(1).collect::<Vec<_>>(), &limits);
    }
}

fn limits_of(vector: &Value) -> Limits {
    let mut limits = Limits::default();
    if let Some(changed) = vector["limits"].as_object() {
        for (name, value) in changed {
            let mut all = named(&mut limits);
            let (_, limit) = all.iter_mut().find(|(known, _)| known == name).expect("a limit");
            limit.set(value.as_u64().unwrap());
        }
    }
    limits
}

#[cfg(feature = "deflate")]
fn params(given: &Value) -> DeflateParams {
    let bits = |name: &str| given[name].as_u64().unwrap() as u8;
    let mut params = DeflateParams::default();
    params.server_no_context_takeover = given["server_no_context_takeover"].as_bool().unwrap();
    params.client_no_context_takeover = given["client_no_context_takeover"].as_bool().unwrap();
    params.server_max_window_bits = bits("server_max_window_bits");
    params.client_max_window_bits = bits("client_max_window_bits");
    params
}

fn event(event: &Value) -> Seen {
    let bytes = bytes(&event["hex"]);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    match event["type"].as_str().unwrap() {
        "text" => Seen::Text(text(bytes)),
        "binary" => Seen::Binary(bytes),
        "ping" => Seen::Ping(bytes),
        "pong" => Seen::Pong(bytes),
        "close" => Seen::Close(event["code"].as_u64().unwrap() as u16, text(bytes)),
        other => panic!("no event: {other}"),
    }
}

fn array(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn bytes(hex: &Value) -> Vec<u8> {
    let hex = hex.as_str().unwrap();
    assert_eq!(hex.len() % 2, 0);
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}
