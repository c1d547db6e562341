//! A message's head: found in the bytes as they come, kept while it is not whole (RFC 9112 §2).

use alloc::vec::Vec;

use super::fields::is_token_byte;
use crate::buffer::ReceiveBuffer;
use crate::error::HandshakeError;
use crate::frame::Status;
use crate::limits::Limits;

/// Takes heads out of the input, one after another.
///
/// A head that lies whole in the input is borrowed there. One that comes in pieces is kept here: as many bytes as have
/// arrived, at most [`Limits::head`].
#[derive(Debug)]
pub(super) struct HeadReader {
    /// The pieces before this one.
    kept: Vec<u8>,
    scanner: Scanner,
    progress: Progress,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Reading,
    Complete,
    Failed(HandshakeError),
}

/// A whole head, the empty line included.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head<'h> {
    pub(super) bytes: &'h [u8],
    /// Header fields in it.
    pub(super) fields: usize,
}

impl HeadReader {
    pub(super) const fn new(kind: Kind) -> Self {
        Self { kept: Vec::new(), scanner: Scanner::new(kind), progress: Progress::Reading }
    }

    /// Bytes of pieces that are kept.
    pub(super) fn kept_len(&self) -> usize {
        self.kept.len()
    }

    /// Takes what was read. On `Partial`, `input` is empty; on `Complete`, exactly the head is consumed, and with it
    /// the interim answers in front. After an error, the same error comes again.
    pub(super) fn receive<'a>(&'a mut self, input: &'a mut ReceiveBuffer) -> Result<Status<Head<'a>>, HandshakeError> {
        match self.progress {
            Progress::Reading => {}
            Progress::Complete => *self = Self::new(self.scanner.kind),
            Progress::Failed(error) => {
                input.clear();
                return Err(error);
            }
        }
        loop {
            match self.scanner.push(input.unread(), input.limits()) {
                Ok(Status::Partial) => {
                    self.kept.extend_from_slice(input.unread());
                    input.clear();
                    return Ok(Status::Partial);
                }
                Ok(Status::Complete(len)) if self.scanner.is_interim() => {
                    input.consume(len);
                    self.kept.clear();
                    self.scanner.restart();
                }
                Ok(Status::Complete(len)) => {
                    self.progress = Progress::Complete;
                    let last = input.take(len);
                    let bytes: &[u8] = if self.kept.is_empty() {
                        input.bytes_mut(last)
                    } else {
                        self.kept.extend_from_slice(input.bytes_mut(last));
                        &self.kept
                    };
                    return Ok(Status::Complete(Head { bytes, fields: self.scanner.fields }));
                }
                Err(error) => {
                    self.kept = Vec::new();
                    self.progress = Progress::Failed(error);
                    input.clear();
                    return Err(error);
                }
            }
        }
    }
}

/// Which of HTTP's two messages is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Request,
    Answer,
}

/// Finds the end of a head, and refuses what cannot be one at the first byte that shows it.
///
/// It looks at each byte once, however the bytes are cut. What it lets through, httparse reads: the two see the same
/// lines, because nothing that servers disagree on gets past here (a bare LF, a folded line, a space before a colon).
///
/// ```text
/// Start ─tchar→ Method ─SP→ TargetStart → Target ─SP→ Version ─CR→ Break ─LF→ LineStart ─CR→ LastBreak ─LF→ End
///   └─CR→ FirstBreak ─LF→ Restart ─tchar↗                          ↗ ↑          │  ↑
/// AnswerVersion ─SP→ Code ─SP→ Phrase ─CR──────────────────────────  CR       tchar│
///                                                                    └─ Value ←─:─ Name
/// ```
#[derive(Clone, Copy, Debug)]
pub(super) struct Scanner {
    kind: Kind,
    state: Scan,
    /// Bytes seen, interim answers included.
    head: usize,
    /// Where the request line begins.
    start: usize,
    /// Header fields seen.
    fields: usize,
    /// An answer's, as far as seen.
    code: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scan {
    Start,
    /// In the one empty line that may stand in front (RFC 9112 §2.2).
    FirstBreak,
    Restart,
    Method,
    TargetStart,
    Target,
    /// This many characters of `HTTP/1.x` seen.
    Version(u8),
    /// The same, where it comes first.
    AnswerVersion(u8),
    /// This much of the status seen: whole from 100 on.
    Code(u16),
    Phrase,
    Break,
    LineStart,
    Name,
    Value,
    LastBreak,
    End,
}

impl Scanner {
    pub(super) const fn new(kind: Kind) -> Self {
        let state = match kind {
            Kind::Request => Scan::Start,
            Kind::Answer => Scan::AnswerVersion(0),
        };
        Self { kind, state, head: 0, start: 0, fields: 0, code: 0 }
    }

    /// For the fields behind a chunked body, which are written like those of a head (RFC 9112 §7.1.2).
    pub(super) const fn trailers() -> Self {
        Self { state: Scan::LineStart, ..Self::new(Kind::Answer) }
    }

    /// Header fields seen.
    pub(super) fn fields(&self) -> usize {
        self.fields
    }

    /// Takes the next bytes. Complete with how many of these belong to the head.
    pub(super) fn push(&mut self, bytes: &[u8], limits: &Limits) -> Result<Status<usize>, HandshakeError> {
        let mut at = 0;
        while at < bytes.len() {
            let in_request_line = self.kind == Kind::Request
                && self.fields == 0
                && !matches!(self.state, Scan::LineStart | Scan::LastBreak);
            let line = if in_request_line { limits.request_line } else { usize::MAX };
            let room = limits.head.saturating_sub(self.head).min(line.saturating_sub(self.head - self.start));
            let run = self.state.run(&bytes[at..bytes.len().min(at.saturating_add(room))]);
            self.head += run;
            at += run;
            let Some(&byte) = bytes.get(at) else { break };

            self.head += 1;
            at += 1;
            if self.head - self.start > line {
                return Err(HandshakeError::RequestLineTooLong);
            }
            if self.head > limits.head {
                return Err(HandshakeError::HeadTooLong);
            }
            let next = self.state.next(byte)?;
            if self.state == Scan::LineStart && next == Scan::Name {
                self.fields += 1;
                if self.fields > limits.headers {
                    return Err(HandshakeError::TooManyHeaders);
                }
            }
            match next {
                // The empty line in front is no part of the request line.
                Scan::Restart => self.start = self.head,
                Scan::Code(code) => self.code = code,
                _ => {}
            }
            self.state = next;
            if next == Scan::End {
                return Ok(Status::Complete(at));
            }
        }
        Ok(Status::Partial)
    }

    /// Whether this is an answer that another one follows (RFC 9110 §15.2). 101 is none: other bytes than HTTP follow.
    fn is_interim(&self) -> bool {
        self.code / 100 == 1 && self.code != 101
    }

    /// Goes on to the next head. All count towards [`Limits::head`], so that interim answers have an end.
    fn restart(&mut self) {
        *self = Self { head: self.head, ..Self::new(self.kind) };
    }
}

impl Scan {
    /// How many bytes from the front certainly leave the state as it is; most of a head is such runs.
    fn run(self, bytes: &[u8]) -> usize {
        let end = match self {
            Self::Method | Self::Name => bytes.iter().position(|&byte| !is_token_byte(byte)),
            Self::Target => bytes.iter().position(|&byte| !matches!(byte, b'!'..=b'~')),
            Self::Phrase | Self::Value => return printable(bytes),
            _ => return 0,
        };
        end.unwrap_or(bytes.len())
    }

    /// What follows one byte: the whole table, also for what [`run`](Self::run) passes over.
    fn next(self, byte: u8) -> Result<Self, HandshakeError> {
        match self {
            Self::FirstBreak | Self::Break | Self::LastBreak if byte != b'\n' => return Err(HandshakeError::LineBreak),
            Self::Start | Self::Restart if !is_token_byte(byte) && (self, byte) != (Self::Start, b'\r') => {
                return Err(HandshakeError::NotHttp);
            }
            Self::AnswerVersion(seen) if seen < MAJOR_AT && VERSION[usize::from(seen)] != byte => {
                return Err(HandshakeError::NotHttp);
            }
            _ => {}
        }
        Ok(match (self, byte) {
            (Self::FirstBreak, _) => Self::Restart,
            (Self::Break, _) => Self::LineStart,
            (Self::LastBreak | Self::End, _) => Self::End,
            (_, b'\n') => return Err(HandshakeError::LineBreak),
            (_, 0..=8 | 11 | 12 | 14..=31 | 127) => return Err(HandshakeError::ControlCharacter),

            (Self::Start, b'\r') => Self::FirstBreak,
            (Self::Start | Self::Restart, _) => Self::Method,
            (Self::Method, b' ') => Self::TargetStart,
            (Self::Method, _) if is_token_byte(byte) => Self::Method,
            (Self::Target, b' ') => Self::Version(0),
            (Self::TargetStart | Self::Target, b'!'..=b'~') => Self::Target,
            (Self::Version(seen), _) => match (VERSION.get(usize::from(seen)), byte) {
                (Some(&expected), _) if byte == expected => Self::Version(seen + 1),
                (Some(_), _) if seen >= MAJOR_AT => return Err(HandshakeError::HttpVersion),
                (None, b'0' | b'1') if usize::from(seen) == VERSION.len() => Self::Version(seen + 1),
                (None, b'\r') if usize::from(seen) > VERSION.len() => Self::Break,
                (None, _) => return Err(HandshakeError::HttpVersion),
                _ => return Err(HandshakeError::RequestLine),
            },
            (Self::Method | Self::TargetStart | Self::Target, _) => return Err(HandshakeError::RequestLine),

            (Self::AnswerVersion(seen), _) => match (VERSION.get(usize::from(seen)), byte) {
                (Some(&expected), _) if byte == expected => Self::AnswerVersion(seen + 1),
                (None, b'0' | b'1') if usize::from(seen) == VERSION.len() => Self::AnswerVersion(seen + 1),
                (None, b' ') if usize::from(seen) > VERSION.len() => Self::Code(0),
                _ => return Err(HandshakeError::HttpVersion),
            },
            // A status has three digits, and its first is not 0 (RFC 9110 §15).
            (Self::Code(code), b'0'..=b'9') if code < 100 && (code, byte) != (0, b'0') => {
                Self::Code(10 * code + u16::from(byte - b'0'))
            }
            // The space behind it is there also when the phrase is not (RFC 9112 §4).
            (Self::Code(100..), b' ') => Self::Phrase,
            (Self::Code(_), _) => return Err(HandshakeError::StatusLine),
            (Self::Phrase, b'\r') => Self::Break,
            (Self::Phrase, _) => Self::Phrase,

            (Self::LineStart, b'\r') => Self::LastBreak,
            (Self::LineStart, b' ' | b'\t') => return Err(HandshakeError::FoldedHeader),
            (Self::Name, b':') => Self::Value,
            (Self::LineStart | Self::Name, _) if is_token_byte(byte) => Self::Name,
            (Self::LineStart | Self::Name, _) => return Err(HandshakeError::HeaderName),
            (Self::Value, b'\r') => Self::Break,
            (Self::Value, _) => Self::Value,
        })
    }
}

/// How many bytes at the front are neither control characters nor tabs.
fn printable(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::MAX / 255;
    let mut rest = bytes;
    while let Some((word, behind)) = rest.split_first_chunk() {
        let word = u64::from_le_bytes(*word);
        let no_del = word ^ (ONES * 0x7f);
        // In each byte the top bit; what a borrow adds lies behind the first.
        let found = (word.wrapping_sub(ONES * 0x20) & !word | no_del.wrapping_sub(ONES) & !no_del) & (ONES * 0x80);
        if found != 0 {
            return bytes.len() - rest.len() + found.trailing_zeros() as usize / 8;
        }
        rest = behind;
    }
    let end = rest.iter().position(|&byte| byte < b' ' || byte == 0x7f);
    bytes.len() - rest.len() + end.unwrap_or(rest.len())
}

/// What every version begins with that this crate can read.
const VERSION: &[u8] = b"HTTP/1.";
/// Where in it the number begins.
const MAJOR_AT: u8 = 5;

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    const REQUEST: &[u8] = b"\r\nGET /a?b HTTP/1.1\r\nHost: a\r\nX:\r\nY: \t b c \t\r\n\r\n";
    const ANSWER: &[u8] = b"HTTP/1.1 101 \r\nHost: a\r\nX:\r\nY: \t b c \t\r\n\r\n";
    const RUNS: [Scan; 5] = [Scan::Method, Scan::Name, Scan::Target, Scan::Phrase, Scan::Value];
    const INTERIM: &[u8] = b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n";

    #[test]
    fn a05_no_byte_is_scanned_twice() {
        for (kind, head) in [(Kind::Request, REQUEST), (Kind::Answer, ANSWER)] {
            let mut scanner = Scanner::new(kind);
            for (at, byte) in head.iter().enumerate() {
                let status = scanner.push(&[*byte], &Limits::default()).unwrap();
                assert_eq!(status, if at + 1 < head.len() { Status::Partial } else { Status::Complete(1) });
                assert_eq!(scanner.head, at + 1);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn a_run_is_what_the_table_leaves_as_it_is(
            state in prop::sample::select(&RUNS[..]),
            mut bytes in prop::collection::vec(b'0'..=b'z', 0..40),
            odd in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
        ) {
            for (place, byte) in odd {
                if !bytes.is_empty() {
                    let at = place.index(bytes.len());
                    bytes[at] = byte;
                }
            }
            let stays = |byte: u8| state.next(byte) == Ok(state) && !(byte == b'\t' && state != Scan::Name);
            let expected = bytes.iter().position(|&byte| !stays(byte)).unwrap_or(bytes.len());
            prop_assert_eq!(state.run(&bytes), expected);
        }

        #[test]
        fn limits_hold_at_the_same_byte_however_the_bytes_are_cut(
            request_line in 0..30usize,
            head in 0..60usize,
            headers in 0..4usize,
            cut in 0..60usize,
        ) {
            let limits = Limits { request_line, head, headers, ..Limits::default() };
            for (kind, bytes) in [(Kind::Request, REQUEST), (Kind::Answer, ANSWER)] {
                let (mut whole, mut single, mut halves) = (Scanner::new(kind), Scanner::new(kind), Scanner::new(kind));
                let expected = whole.push(bytes, &limits).err();
                let error = bytes.iter().find_map(|byte| single.push(&[*byte], &limits).err());
                prop_assert_eq!((expected, whole.head), (error, single.head));
                let (front, behind) = bytes.split_at(cut.min(bytes.len()));
                let error = [front, behind].iter().find_map(|half| halves.push(half, &limits).err());
                prop_assert_eq!((expected, whole.head), (error, halves.head));
            }
        }
    }

    #[test]
    fn a_head_in_one_piece_is_not_copied() {
        for (kind, bytes) in [
            (Kind::Request, REQUEST.to_vec()),
            (Kind::Answer, ANSWER.to_vec()),
            (Kind::Answer, [INTERIM, ANSWER].concat()),
        ] {
            let mut input = ReceiveBuffer::new(Limits::default());
            input.extend_from_slice(&bytes);
            let place = input.unread().as_ptr_range();
            let mut reader = HeadReader::new(kind);
            let Ok(Status::Complete(head)) = reader.receive(&mut input) else { panic!() };
            assert_eq!(head.bytes, if kind == Kind::Request { REQUEST } else { ANSWER });
            assert_eq!(head.fields, 3);
            assert_eq!(head.bytes.as_ptr_range().end, place.end);
            assert_eq!(reader.kept.capacity(), 0);
        }
    }

    #[test]
    fn memory_grows_with_what_arrived_up_to_the_limit() {
        for (kind, head) in [(Kind::Request, REQUEST), (Kind::Answer, ANSWER)] {
            let mut input = ReceiveBuffer::new(Limits::default());
            let mut reader = HeadReader::new(kind);
            let endless = head[..head.len() - 2].iter().chain(b"X: ").chain([b'x'; 1].iter().cycle());
            for (at, byte) in endless.take(20_000).enumerate() {
                input.extend_from_slice(&[*byte]);
                let is_refused = reader.receive(&mut input).is_err();
                assert_eq!(is_refused, at >= Limits::default().head);
                assert!(reader.kept.capacity() <= (2 * (at + 1)).clamp(8, Limits::default().head));
                assert!(input.unread().is_empty());
            }
            assert_eq!(reader.kept.capacity(), 0);
        }
    }

    #[test]
    fn the_next_head_begins_where_the_last_one_ended() {
        for (kind, head) in [(Kind::Request, REQUEST), (Kind::Answer, ANSWER)] {
            let mut input = ReceiveBuffer::new(Limits::default());
            let mut reader = HeadReader::new(kind);
            input.extend_from_slice(&head[..5]);
            assert!(matches!(reader.receive(&mut input), Ok(Status::Partial)));
            input.extend_from_slice(&[&head[5..], head].concat());
            assert!(matches!(reader.receive(&mut input), Ok(Status::Complete(_))));
            assert!(matches!(reader.receive(&mut input), Ok(Status::Complete(_))));
            assert!(matches!(reader.receive(&mut input), Ok(Status::Partial)));
        }
    }

    /// The fields of a head, by splitting: the slow twin of httparse, for what the scanner lets through.
    pub(in crate::handshake) fn split(head: &[u8]) -> Vec<(&[u8], &[u8])> {
        let lines = head.trim_ascii_start().split(|&byte| byte == b'\n').skip(1);
        let fields = lines.map(<[u8]>::trim_ascii_end).filter(|line| !line.is_empty());
        fields
            .map(|line| {
                let colon = line.iter().position(|&byte| byte == b':').unwrap();
                (&line[..colon], line[colon + 1..].trim_ascii())
            })
            .collect()
    }
}
