//! Test vectors from the tests: what a helper was given and what came of it, a line of JSON each, appended to the files
//! of the directory that `BOWSPRIT_VECTORS` names. `vectors/generate` sorts and thins them; see `vectors/README.md`.

use std::cell::Cell;
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;

use bowsprit::handshake::{BodyLength, Request, Response};
#[cfg(feature = "deflate")]
use bowsprit::{DeflateConfig, DeflateParams, HandshakeError};
use bowsprit::{Expected, FrameHeader, Limits, Negotiated, Opcode, Role, SendBuffer, Status};

use super::answer::Outcome as Answered;
use super::handshake::Verdict;
use super::{Outcome, Seen, frames};

/// As in [`Expected::rsv`].
const RSV1: u8 = 4;
/// Whether the tests are those of compression.
const IS_RFC7692: bool = matches!(env!("CARGO_CRATE_NAME").as_bytes(), b"rfc7692");
const NOTES: &str = include_str!("../../RFC-NOTES.md");

/// Bytes to a connection.
pub fn of_connection(role: Role, negotiated: &Negotiated, limits: &Limits, bytes: &[u8], outcome: &Outcome) {
    let topic = IS_RFC7692.then_some("deflate");
    let given = || {
        let (params, rsv) = deflate_of(negotiated).map_or(("null".to_owned(), 0), |params| (params, RSV1));
        let deflate = if IS_RFC7692 { format!(r#""deflate":{params},"#) } else { String::new() };
        let role_name = if role == Role::Server { "server" } else { "client" };
        format!("{}{deflate}{}", given(role_name, limits), pieces(&by_frame(role, rsv, bytes)))
    };
    record(topic, given, || {
        let mut failure = None;
        let mut events = Vec::new();
        for seen in &outcome.events {
            events.push(match seen {
                Seen::Text(text) => format!(r#"{{"type":"text","hex":"{}"}}"#, hex(text.as_bytes())),
                Seen::Binary(bytes) => format!(r#"{{"type":"binary","hex":"{}"}}"#, hex(bytes)),
                Seen::Ping(bytes) => format!(r#"{{"type":"ping","hex":"{}"}}"#, hex(bytes)),
                Seen::Pong(bytes) => format!(r#"{{"type":"pong","hex":"{}"}}"#, hex(bytes)),
                Seen::Close(code, reason) => {
                    format!(r#"{{"type":"close","code":{code},"hex":"{}"}}"#, hex(reason.as_bytes()))
                }
                Seen::Failed(failed) => {
                    failure = Some(failed);
                    continue;
                }
            });
        }
        let (pongs, close) = replies(outcome);
        let pongs: Vec<String> = pongs.iter().map(|pong| format!(r#""{}""#, hex(pong))).collect();
        let close = close.map_or("null".to_owned(), |code| code.to_string());
        let (events, pongs) = (events.join(","), pongs.join(","));
        let fails = string_or_null(failure.map(|failure| failure.error.rule()));
        let at = failure.map_or("null".to_owned(), |failure| failure.at.to_string());
        format!(r#""events":[{events}],"fails":{fails},"at":{at},"pongs":[{pongs}],"close":{close}"#)
    });
}

/// A request to a server.
pub fn of_request(bytes: &[u8], limits: &Limits, (verdict, rest): &(Verdict, Vec<u8>)) {
    record(
        Some("handshake_server"),
        || given("server", limits) + &pieces(&by_line(bytes)),
        || {
            let result = match verdict {
                Verdict::Partial => r#""partial""#.to_owned(),
                Verdict::Refused(error) => format!(r#""refused","status":{},"why":"{}""#, error.status(), error.rule()),
                Verdict::Upgrade => format!(r#""upgrade","status":101,"accept":"{}""#, accept(bytes, limits)),
                Verdict::Plain(BodyLength::Bytes(len)) => format!(r#""plain","body":{len}"#),
                Verdict::Plain(_) => r#""plain","body":"chunked""#.to_owned(),
            };
            format!(r#""result":{result},"rest":"{}""#, hex(rest))
        },
    );
}

/// An answer to a client.
pub fn of_answer(bytes: &[u8], limits: &Limits, (answered, rest): &(Answered, Vec<u8>)) {
    record(
        Some("handshake_client"),
        || given("client", limits) + &pieces(&by_line(bytes)),
        || {
            let result = match answered {
                Answered::Partial => r#""partial""#.to_owned(),
                Answered::Failed(error) => format!(r#""failed","why":"{}""#, error.rule()),
                Answered::Http(status) => format!(r#""http","status":{status}"#),
                Answered::Open(chosen) => format!(r#""open","subprotocol":{}"#, string_or_null(chosen.as_deref())),
            };
            format!(r#""result":{result},"rest":"{}""#, hex(rest))
        },
    );
}

/// The payloads of the Pongs sent, and the code of the Close behind them: 1005 if it has none.
pub fn replies(outcome: &Outcome) -> (Vec<Vec<u8>>, Option<u16>) {
    let (mut pongs, mut close) = (Vec::new(), None);
    for (opcode, payload) in frames(&outcome.output) {
        match opcode {
            Opcode::Pong if close.is_none() => pongs.push(payload),
            Opcode::Close => close = Some(payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code))),
            _ => panic!("not a reply: {opcode:?}"),
        }
    }
    (pongs, close)
}

/// The value of `Sec-WebSocket-Accept` in the answer to a good request.
pub fn accept(head: &[u8], limits: &Limits) -> String {
    let Ok(Status::Complete((request, _))) = Request::parse(head, limits) else { panic!("not a whole request") };
    let mut output = SendBuffer::new();
    request.check_upgrade().unwrap().accept(&Response::accept(), &mut output).unwrap();
    let answer = std::str::from_utf8(output.pending()).unwrap();
    answer.split("Sec-WebSocket-Accept: ").nth(1).and_then(|rest| rest.lines().next()).unwrap().to_owned()
}

/// The limits by name.
pub fn named(limits: &mut Limits) -> [(&'static str, Number<'_>); 8] {
    [
        ("request_line", Number::Size(&mut limits.request_line)),
        ("head", Number::Size(&mut limits.head)),
        ("headers", Number::Size(&mut limits.headers)),
        ("message", Number::Size(&mut limits.message)),
        ("frame", Number::Size(&mut limits.frame)),
        ("fragments", Number::Count(&mut limits.fragments)),
        ("empty_fragments", Number::Count(&mut limits.empty_fragments)),
        ("control_replies", Number::Size(&mut limits.control_replies)),
    ]
}

/// A limit.
pub enum Number<'a> {
    Size(&'a mut usize),
    Count(&'a mut u32),
}

impl Number<'_> {
    pub fn get(&self) -> u64 {
        match self {
            Self::Size(size) => **size as u64,
            Self::Count(count) => u64::from(**count),
        }
    }

    pub fn set(&mut self, value: u64) {
        match self {
            Self::Size(size) => **size = value.try_into().unwrap(),
            Self::Count(count) => **count = value.try_into().unwrap(),
        }
    }
}

/// The row and the section of a test, by its name or, if it is named after none, by its file.
pub fn row_and_section(file: &str, test: &str) -> (Option<String>, String) {
    let word = test.split('_').next().unwrap_or_default();
    let number = word.get(1..).and_then(|digits| digits.parse::<u32>().ok());
    if let (Some(number), Some(letter @ ('r' | 'h'))) = (number, word.chars().next()) {
        let row = format!("{}{number}", letter.to_ascii_uppercase());
        let line = NOTES.lines().find(|line| line.starts_with(&format!("| {row} |")));
        let section = line.and_then(|line| line.split(" | ").nth(1)).unwrap_or_else(|| panic!("no row {row}"));
        return (Some(row), section.trim().to_owned());
    }
    let numbers = file.split('_').skip(1).take_while(|word| word.parse::<u32>().is_ok());
    (None, numbers.collect::<Vec<_>>().join("."))
}

/// Offers to a server with these settings; `None` if it declines them all.
#[cfg(feature = "deflate")]
pub fn of_offers(settings: &DeflateConfig, offers: &[&str], answered: Option<&(String, DeflateParams)>) {
    let offers: Vec<String> = offers.iter().map(|offer| format!("{offer:?}")).collect();
    let given = || format!(r#""role":"server",{},"offers":[{}]"#, of_settings(settings), offers.join(","));
    record(Some("negotiation"), given, || match answered {
        None => r#""result":"declined""#.to_owned(),
        Some((answer, params)) => format!(r#""result":"agreed","answer":{answer:?},"deflate":{}"#, of_params(params)),
    });
}

/// An answer to the offer of a client with these settings.
#[cfg(feature = "deflate")]
pub fn of_deflate_answer(
    settings: &DeflateConfig,
    offer: &str,
    answer: &str,
    agreed: &Result<Option<DeflateParams>, HandshakeError>,
) {
    let given = || format!(r#""role":"client",{},"offers":[{offer:?}],"answer":{answer:?}"#, of_settings(settings));
    record(Some("negotiation"), given, || match agreed {
        Ok(None) => r#""result":"declined""#.to_owned(),
        Ok(Some(params)) => format!(r#""result":"agreed","deflate":{}"#, of_params(params)),
        Err(error) => format!(r#""result":"failed","why":"{}""#, error.rule()),
    });
}

#[cfg(feature = "deflate")]
fn of_settings(settings: &DeflateConfig) -> String {
    format!(
        r#""settings":{{"send_takeover":{},"receive_takeover":{},"send_window_bits":{},"receive_window_bits":{}}}"#,
        settings.send_takeover, settings.receive_takeover, settings.send_window_bits, settings.receive_window_bits
    )
}

#[cfg(feature = "deflate")]
fn of_params(params: &DeflateParams) -> String {
    format!(
        "{{\"server_no_context_takeover\":{},\"client_no_context_takeover\":{},\
         \"server_max_window_bits\":{},\"client_max_window_bits\":{}}}",
        params.server_no_context_takeover,
        params.client_no_context_takeover,
        params.server_max_window_bits,
        params.client_max_window_bits
    )
}

/// The parameters of permessage-deflate, if that was agreed on.
fn deflate_of(negotiated: &Negotiated) -> Option<String> {
    #[cfg(feature = "deflate")]
    return negotiated.deflate().as_ref().map(of_params);
    #[cfg(not(feature = "deflate"))]
    {
        let _ = negotiated;
        None
    }
}

/// Who is tested, and the limits that are not the default.
fn given(role: &str, limits: &Limits) -> String {
    let mut given = format!(r#""role":"{role}","#);
    let (mut ours, mut default) = (limits.clone(), Limits::default());
    let (ours, default) = (named(&mut ours), named(&mut default));
    let changed = ours.iter().zip(&default).filter(|(ours, default)| ours.1.get() != default.1.get());
    let changed: Vec<String> = changed.map(|((name, value), _)| format!(r#""{name}":{}"#, value.get())).collect();
    if !changed.is_empty() {
        write!(given, r#""limits":{{{}}},"#, changed.join(",")).unwrap();
    }
    given
}

fn pieces(pieces: &[&[u8]]) -> String {
    let pieces: Vec<String> = pieces.iter().map(|piece| format!(r#""{}""#, hex(piece))).collect();
    format!(r#""pieces":[{}]"#, pieces.join(","))
}

/// Appends a vector: what is given, and what comes of it. Without a topic the test's file has one.
fn record(topic: Option<&str>, given: impl FnOnce() -> String, expected: impl FnOnce() -> String) {
    thread_local!(static COUNT: Cell<u32> = const { Cell::new(0) });
    let Some(dir) = std::env::var_os("BOWSPRIT_VECTORS") else { return };
    let thread = std::thread::current();
    let Some((file, test)) = thread.name().and_then(|name| name.split_once("::")) else { return };
    let count = COUNT.get() + 1;
    COUNT.set(count);

    let (row, mut section) = row_and_section(file, test);
    if row.is_none() && IS_RFC7692 {
        section.insert_str(0, "7692 ");
    }
    let row = string_or_null(row.as_deref());
    let (given, expected) = (given(), expected());
    let line = format!(r#"{{"name":"{test}/{count}","row":{row},"section":"{section}",{given},{expected}}}"#) + "\n";

    let path = std::path::Path::new(&dir).join(topic.unwrap_or_else(|| topic_of(file)));
    let mut lines = OpenOptions::new().create(true).append(true).open(path).unwrap();
    lines.write_all(line.as_bytes()).unwrap(); // in one go: other tests append to the same file
}

fn topic_of(file: &str) -> &'static str {
    let is_about = |sections: &[&str]| sections.iter().any(|section| file.starts_with(&format!("section_{section}_")));
    match () {
        () if is_about(&["7_1_7"]) => "failing",
        () if is_about(&["10_4"]) => "limits",
        () if is_about(&["8_1"]) => "utf8",
        () if is_about(&["5_5_1", "7_1", "7_2", "7_4"]) => "close",
        () if is_about(&["5_5"]) => "control",
        () if is_about(&["5_4"]) => "fragmentation",
        () => "framing",
    }
}

/// A piece for each frame, and one for what is none.
fn by_frame(role: Role, rsv: u8, mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    while !bytes.is_empty() {
        let end = match FrameHeader::decode(bytes, Expected { masked: role == Role::Server, rsv }) {
            Ok(Status::Complete((header, len))) => header.payload_len.saturating_add(len as u64),
            _ => u64::MAX,
        };
        let (piece, rest) = bytes.split_at(end.min(bytes.len() as u64) as usize);
        pieces.push(piece);
        bytes = rest;
    }
    pieces
}

fn by_line(bytes: &[u8]) -> Vec<&[u8]> {
    bytes.split_inclusive(|byte| *byte == b'\n').collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}

/// For words that need no escape in JSON.
fn string_or_null(word: Option<&str>) -> String {
    word.map_or("null".to_owned(), |word| format!("{word:?}"))
}
