//! Answers: a good one to change, and a client's outcome on one, taken for every way to cut it.

use bowsprit::handshake::{Answer, ClientHandshake, ClientRequest, Uri};
use bowsprit::{HandshakeError, Limits, ReceiveBuffer, SendBuffer, Status};

use super::handshake::{extended, replaced};

/// The nonce of RFC 6455 §1.3.
pub const NONCE: [u8; 16] = *b"the sample nonce";

/// The answer of RFC 6455 §1.2, without its optional field.
pub const GOOD_ANSWER: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
    \r\n";

/// An answer that another one follows.
pub const INTERIM: &[u8] = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n";

/// What a client makes of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The head is not whole.
    Partial,
    Failed(HandshakeError),
    /// Plain HTTP with this status.
    Http(u16),
    /// A connection, with a subprotocol if one was agreed on.
    Open(Option<String>),
}

/// No subprotocol.
pub const OPEN: Outcome = Outcome::Open(None);

/// [`GOOD_ANSWER`] with its only `from` replaced.
pub fn answer_but(from: impl AsRef<[u8]>, to: impl AsRef<[u8]>) -> Vec<u8> {
    replaced(GOOD_ANSWER, from.as_ref(), to.as_ref())
}

/// [`GOOD_ANSWER`] with a line more, or with several.
pub fn answer_and(lines: impl AsRef<[u8]>) -> Vec<u8> {
    extended(GOOD_ANSWER, lines.as_ref())
}

/// A request for this URI.
#[track_caller]
pub fn request(uri: &str) -> ClientRequest {
    ClientRequest::new(Uri::parse(uri).unwrap())
}

/// The bytes of a request, with [`NONCE`]; nothing may have been written on an error.
pub fn start(request: &ClientRequest) -> Result<String, bowsprit::UsageError> {
    let mut output = SendBuffer::new();
    let result = request.start(NONCE, &mut output);
    assert!(result.is_ok() || output.is_empty());
    result.map(|_| String::from_utf8(output.pending().to_vec()).unwrap())
}

/// A client that waits for the answer to a request with [`NONCE`]; it has offered `chat` and `superchat`.
pub fn waiting() -> ClientHandshake {
    let request = request("ws://server.example.com/chat").subprotocol("chat").subprotocol("superchat");
    request.start(NONCE, &mut SendBuffer::new()).unwrap()
}

/// What the client makes of `bytes`, however they are cut.
pub fn outcome(bytes: impl AsRef<[u8]>) -> Outcome {
    outcome_within(bytes.as_ref(), &Limits::default()).0
}

/// The outcome, and what was left in the input for the connection.
pub fn outcome_within(bytes: &[u8], limits: &Limits) -> (Outcome, Vec<u8>) {
    let whole = feed(&[bytes], limits);
    for pieces in super::cuts(bytes) {
        assert_eq!(feed(&pieces, limits), whole, "cut into {} pieces: {}", pieces.len(), bytes.escape_ascii());
    }
    super::vectors::of_answer(bytes, limits, &whole);
    whole
}

/// What comes of these pieces, and what they leave in the input.
pub fn feed(pieces: &[&[u8]], limits: &Limits) -> (Outcome, Vec<u8>) {
    let mut handshake = waiting();
    let mut input = ReceiveBuffer::with_capacity(limits.clone(), 0);
    let mut outcome = Outcome::Partial;
    let mut is_whole = false;
    for piece in pieces {
        input.extend_from_slice(piece);
        if !is_whole {
            outcome = match handshake.receive(&mut input) {
                Ok(Status::Complete(answer)) => {
                    is_whole = true;
                    check(&answer)
                }
                Ok(Status::Partial) => Outcome::Partial,
                Err(error) => Outcome::Failed(error),
            };
            assert!(is_whole || input.unread().is_empty());
        }
    }
    (outcome, input.unread().to_vec())
}

/// As a client goes about it.
pub fn check(answer: &Answer<'_>) -> Outcome {
    match answer.check_upgrade() {
        Ok(negotiated) => Outcome::Open(negotiated.subprotocol().map(Into::into)),
        Err(HandshakeError::NotSwitched) => Outcome::Http(answer.status()),
        Err(error) => Outcome::Failed(error),
    }
}

/// Reads a whole answer with `waiting` and hands it over.
#[track_caller]
pub fn with_answer<T>(bytes: impl AsRef<[u8]>, look: impl FnOnce(&Answer<'_>) -> T) -> T {
    let mut handshake = waiting();
    let mut input = ReceiveBuffer::new(Limits::default());
    input.extend_from_slice(bytes.as_ref());
    match handshake.receive(&mut input) {
        Ok(Status::Complete(answer)) => look(&answer),
        other => panic!("{other:?}"),
    }
}
