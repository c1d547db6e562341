//! Test vectors from the tests: what a helper was given and what came of it, a line of JSON each, appended to the files
//! of the directory that `BOWSPRIT_VECTORS` names. `vectors/generate` sorts and thins them; see `vectors/README.md`.

use std::cell::Cell;
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;

use bowsprit::handshake::{BodyLength, Request, Response};
use bowsprit::{Expected, FrameHeader, Limits, Opcode, Role, SendBuffer, Status};

use super::answer::Outcome as Answered;
use super::handshake::Verdict;
use super::{Outcome, Seen, frames};

const NOTES: &str = include_str!("../../RFC-NOTES.md");

/// Bytes to a connection.
pub fn of_connection(role: Role, limits: &Limits, bytes: &[u8], outcome: &Outcome) {
    record(None, if role == Role::Server { "server" } else { "client" }, limits, &by_frame(role, bytes), || {
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
    record(Some("handshake_server"), "server", limits, &by_line(bytes), || {
        let result = match verdict {
            Verdict::Partial => r#""partial""#.to_owned(),
            Verdict::Refused(error) => format!(r#""refused","status":{},"why":"{}""#, error.status(), error.rule()),
            Verdict::Upgrade => format!(r#""upgrade","status":101,"accept":"{}""#, accept(bytes, limits)),
            Verdict::Plain(BodyLength::Bytes(len)) => format!(r#""plain","body":{len}"#),
            Verdict::Plain(_) => r#""plain","body":"chunked""#.to_owned(),
        };
        format!(r#""result":{result},"rest":"{}""#, hex(rest))
    });
}

/// An answer to a client.
pub fn of_answer(bytes: &[u8], limits: &Limits, (answered, rest): &(Answered, Vec<u8>)) {
    record(Some("handshake_client"), "client", limits, &by_line(bytes), || {
        let result = match answered {
            Answered::Partial => r#""partial""#.to_owned(),
            Answered::Failed(error) => format!(r#""failed","why":"{}""#, error.rule()),
            Answered::Http(status) => format!(r#""http","status":{status}"#),
            Answered::Open(chosen) => format!(r#""open","subprotocol":{}"#, string_or_null(chosen.as_deref())),
        };
        format!(r#""result":{result},"rest":"{}""#, hex(rest))
    });
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

fn record(topic: Option<&str>, role: &str, limits: &Limits, pieces: &[&[u8]], expected: impl FnOnce() -> String) {
    thread_local!(static COUNT: Cell<u32> = const { Cell::new(0) });
    let Some(dir) = std::env::var_os("BOWSPRIT_VECTORS") else { return };
    let thread = std::thread::current();
    let Some((file, test)) = thread.name().and_then(|name| name.split_once("::")) else { return };
    let count = COUNT.get() + 1;
    COUNT.set(count);

    let (row, section) = row_and_section(file, test);
    let row = string_or_null(row.as_deref());
    let mut line = format!(r#"{{"name":"{test}/{count}","row":{row},"section":"{section}","role":"{role}","#);
    let (mut ours, mut default) = (limits.clone(), Limits::default());
    let (ours, default) = (named(&mut ours), named(&mut default));
    let changed = ours.iter().zip(&default).filter(|(ours, default)| ours.1.get() != default.1.get());
    let changed: Vec<String> = changed.map(|((name, value), _)| format!(r#""{name}":{}"#, value.get())).collect();
    if !changed.is_empty() {
        write!(line, r#""limits":{{{}}},"#, changed.join(",")).unwrap();
    }
    let pieces: Vec<String> = pieces.iter().map(|piece| format!(r#""{}""#, hex(piece))).collect();
    writeln!(line, r#""pieces":[{}],{}}}"#, pieces.join(","), expected()).unwrap();

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
fn by_frame(role: Role, mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    while !bytes.is_empty() {
        let end = match FrameHeader::decode(bytes, Expected { masked: role == Role::Server, rsv: 0 }) {
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
