//! Handshakes: a good request to change, and a server's verdict on one, taken for every way to cut it.

use bowsprit::handshake::{BodyLength, Request, Response, ServerHandshake};
use bowsprit::{HandshakeError, Limits, Negotiated, ReceiveBuffer, SendBuffer, Status, UsageError};

/// The request of RFC 6455 §1.2, without its optional fields.
pub const GOOD: &[u8] = b"GET /chat HTTP/1.1\r\n\
    Host: server.example.com\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\
    \r\n";

/// The answer to [`GOOD`], byte by byte.
pub const ACCEPTED: &str = "HTTP/1.1 101 Switching Protocols\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
    \r\n";

/// What a server makes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The head is not whole.
    Partial,
    Refused(HandshakeError),
    /// A good upgrade request.
    Upgrade,
    /// A good request of plain HTTP.
    Plain(BodyLength),
}

impl Verdict {
    /// 101 for an upgrade, 200 for plain HTTP, 0 for half a head, else what the refusal says.
    pub fn status(&self) -> u16 {
        match self {
            Self::Partial => 0,
            Self::Refused(error) => error.status(),
            Self::Upgrade => 101,
            Self::Plain(_) => 200,
        }
    }
}

/// [`GOOD`] with its only `from` replaced.
pub fn good_but(from: impl AsRef<[u8]>, to: impl AsRef<[u8]>) -> Vec<u8> {
    replaced(GOOD, from.as_ref(), to.as_ref())
}

/// [`GOOD`] with a line more, or with several.
pub fn good_and(lines: impl AsRef<[u8]>) -> Vec<u8> {
    extended(GOOD, lines.as_ref())
}

/// `head` with its only `from` replaced.
pub fn replaced(head: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let places: Vec<usize> = (0..head.len()).filter(|&at| head[at..].starts_with(from)).collect();
    assert_eq!(places.len(), 1, "not once in the good head: {}", from.escape_ascii());
    [&head[..places[0]], to, &head[places[0] + from.len()..]].concat()
}

/// `head` with a line more, or with several.
pub fn extended(head: &[u8], lines: &[u8]) -> Vec<u8> {
    [&head[..head.len() - 2], lines, b"\r\n\r\n"].concat()
}

/// The head's lines in the order of `rank`, each letter of a name or of a case-insensitive value in the case of `upper`.
pub fn rewritten(head: &[u8], rank: &[u32], upper: &[bool]) -> Vec<u8> {
    let head = std::str::from_utf8(head).unwrap().trim_end();
    let (start_line, fields) = head.split_once("\r\n").unwrap();
    let mut fields: Vec<(u32, &str)> = rank.iter().copied().zip(fields.split("\r\n")).collect();
    fields.sort();
    let mut text = format!("{start_line}\r\n");
    let mut upper = upper.iter().cycle();
    for (_, field) in fields {
        let (name, value) = field.split_once(": ").unwrap();
        let mut any_case = |text: &str| -> String {
            text.chars()
                .map(|c| if *upper.next().unwrap() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() })
                .collect()
        };
        let name_in_any_case = any_case(name);
        let value = if matches!(name, "Upgrade" | "Connection") { any_case(value) } else { value.to_owned() };
        text += &format!("{name_in_any_case}: {value}\r\n");
    }
    (text + "\r\n").into_bytes()
}

/// What the server makes of `bytes`, however they are cut.
pub fn verdict(bytes: &[u8]) -> Verdict {
    verdict_within(bytes, &Limits::default()).0
}

/// The [status](Verdict::status) of the verdict.
pub fn status(bytes: impl AsRef<[u8]>) -> u16 {
    verdict(bytes.as_ref()).status()
}

/// The verdict, and what was left in the input for the connection.
pub fn verdict_within(bytes: &[u8], limits: &Limits) -> (Verdict, Vec<u8>) {
    let whole = feed(&[bytes], limits);
    for pieces in super::cuts(bytes) {
        assert_eq!(feed(&pieces, limits), whole, "cut into {} pieces: {}", pieces.len(), bytes.escape_ascii());
    }
    super::vectors::of_request(bytes, limits, &whole);
    whole
}

/// What comes of these pieces, and what they leave in the input.
pub fn feed(pieces: &[&[u8]], limits: &Limits) -> (Verdict, Vec<u8>) {
    let mut handshake = ServerHandshake::new();
    let mut input = ReceiveBuffer::with_capacity(limits.clone(), 0);
    let mut verdict = Verdict::Partial;
    let mut is_whole = false;
    for piece in pieces {
        input.extend_from_slice(piece);
        if !is_whole {
            verdict = match handshake.receive(&mut input) {
                Ok(Status::Complete(request)) => {
                    is_whole = true;
                    check(&request)
                }
                Ok(Status::Partial) => Verdict::Partial,
                Err(error) => Verdict::Refused(error),
            };
            assert!(is_whole || input.unread().is_empty());
        }
    }
    (verdict, input.unread().to_vec())
}

/// As a server goes about it.
pub fn check(request: &Request<'_>) -> Verdict {
    let verdict = if request.is_upgrade() {
        request.check_upgrade().map(|_| Verdict::Upgrade)
    } else {
        request.check_plain().map(Verdict::Plain)
    };
    verdict.unwrap_or_else(Verdict::Refused)
}

/// Reads a whole head.
#[track_caller]
pub fn parse(head: &[u8]) -> Request<'_> {
    match Request::parse(head, &Limits::default()) {
        Ok(Status::Complete((request, _))) => request,
        other => panic!("{other:?}"),
    }
}

/// Answers a good upgrade request; nothing may have been written on an error.
#[track_caller]
pub fn accept(head: &[u8], response: &Response) -> Result<(String, Negotiated), UsageError> {
    let mut output = SendBuffer::new();
    let request = parse(head);
    let result = request.check_upgrade().unwrap().accept(response, &mut output);
    assert!(result.is_ok() || output.is_empty());
    result.map(|negotiated| (text(&output), negotiated))
}

/// The bytes of an answer that ends the request; nothing may have been written on an error.
pub fn encode(response: &Response) -> Result<String, UsageError> {
    let mut output = SendBuffer::new();
    let result = response.encode(&mut output);
    assert!(result.is_ok() || output.is_empty());
    result.map(|()| text(&output))
}

fn text(output: &SendBuffer) -> String {
    String::from_utf8(output.pending().to_vec()).unwrap()
}
