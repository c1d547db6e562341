//! The bodies of plain requests: RFC 9112 §6 and §7.1.

use bowsprit::handshake::{BodyLength, BodyReader};
use bowsprit::{HandshakeError, Limits, ReceiveBuffer, Status};

use crate::support;

/// What comes of a body, and what is left behind it; `None` if it is not whole.
type Outcome = Result<Option<(Vec<u8>, Vec<u8>)>, HandshakeError>;

/// What comes of a chunked body, however it is cut.
fn chunked_within(bytes: &[u8], limits: &Limits) -> Outcome {
    let whole = feed(BodyLength::Chunked, &[bytes], limits);
    for pieces in support::cuts(bytes) {
        let cut = feed(BodyLength::Chunked, &pieces, limits);
        assert_eq!(cut, whole, "cut into {} pieces: {}", pieces.len(), bytes.escape_ascii());
    }
    whole
}

fn chunked(bytes: impl AsRef<[u8]>) -> Outcome {
    chunked_within(bytes.as_ref(), &Limits::default())
}

fn feed(length: BodyLength, pieces: &[&[u8]], limits: &Limits) -> Outcome {
    let mut input = ReceiveBuffer::with_capacity(limits.clone(), 0);
    let mut body = BodyReader::new(length, limits)?;
    let mut is_whole = body.receive(&mut input)? == Status::Complete(());
    for piece in pieces {
        input.extend_from_slice(piece);
        if !is_whole {
            is_whole = body.receive(&mut input)? == Status::Complete(());
            assert!(is_whole || input.unread().is_empty());
            assert_eq!(body.is_empty(), matches!(body.len(), 0));
        }
    }
    Ok(is_whole.then(|| (body.into_bytes().to_vec(), input.unread().to_vec())))
}

fn whole(body: &str, behind: &str) -> Outcome {
    Ok(Some((body.into(), behind.into())))
}

#[test]
fn h25_chunks_are_joined_and_what_follows_is_left() {
    assert_eq!(chunked("0\r\n\r\n"), whole("", ""));
    assert_eq!(chunked("5\r\nHello\r\n0\r\n\r\n"), whole("Hello", ""));
    assert_eq!(chunked("1\r\nH\r\n4\r\nello\r\n000\r\n\r\nGET / "), whole("Hello", "GET / "));
    // Data that looks like the end of the body.
    assert_eq!(chunked("00A\r\n\r\n0\r\n\r\n\r\r\n0\r\n\r\n"), Err(HandshakeError::Chunk));
    assert_eq!(chunked("00A\r\n\r\n\r\n0\r\n\r\n\r\r\n0\r\n\r\n"), whole("\r\n\r\n0\r\n\r\n\r", ""));
}

#[test]
fn h25_a_size_is_hexadecimal_digits_and_nothing_else() {
    for size in [
        "",
        " 5",
        "\t5",
        "+5",
        "-5",
        "0x5",
        "5h",
        "5 ",
        "5\t",
        "5.0",
        "5,5",
        "g",
        "\u{ff15}",
        "5 5",
        "_5",
        "5\0",
        "00000000000000005",
        "10000000000000005",
        "\r\n5",
    ] {
        let body = format!("{size}\r\nHello\r\n0\r\n\r\n");
        assert_eq!(chunked(&body), Err(HandshakeError::Chunk), "{size:?}");
    }
    assert_eq!(chunked("0000000000000005\r\nHello\r\n0\r\n\r\n"), whole("Hello", ""));
}

#[test]
fn h25_a_line_break_is_cr_lf_wherever_one_belongs() {
    for body in [
        "5\nHello\r\n0\r\n\r\n",
        "5\rHello\r\n0\r\n\r\n",
        "5\r\r\nHello\r\n0\r\n\r\n",
        "5\r\nHello\n0\r\n\r\n",
        "5\r\nHello0\r\n\r\n",
        "5\r\nHello\r0\r\n\r\n",
        "5\r\nHelloo\r\n0\r\n\r\n",
        "5\r\nHell\r\n0\r\n\r\n",
        "5;a\nb\r\nHello\r\n0\r\n\r\n",
        "5;a\rb\r\nHello\r\n0\r\n\r\n",
        "0\n\r\n",
    ] {
        assert_eq!(chunked(body), Err(HandshakeError::Chunk), "{body:?}");
    }
    assert_eq!(chunked("0\r\n\n"), Err(HandshakeError::LineBreak));
}

#[test]
fn h25_less_than_all_of_it_is_partial() {
    let body = b"5;a=b\r\nHello\r\n0\r\nX: y\r\n\r\n";
    for end in 0..body.len() {
        assert_eq!(chunked(&body[..end]), Ok(None), "{end}");
    }
}

#[test]
fn h26_chunk_extensions_are_dropped_and_bounded() {
    assert_eq!(chunked("5;a\r\nHello\r\n0;b=\"c;d\"\r\n\r\n"), whole("Hello", ""));
    assert_eq!(chunked(b"5 \t;a = \xe4\r\nHello\r\n0 ;\r\n\r\n"), whole("Hello", ""));
    for wrong in ["5 a", "5;\0", "5;\x7f", "5;a\x0b"] {
        assert_eq!(chunked(format!("{wrong}\r\nHello\r\n0\r\n\r\n")), Err(HandshakeError::Chunk), "{wrong:?}");
    }
    let mut limits = Limits::default();
    limits.head = 20;
    let extended =
        |first: usize, last: usize| format!("5{}\r\nHello\r\n0{}\r\n\r\n", ";".repeat(first), ";".repeat(last));
    assert_eq!(chunked_within(extended(15, 5).as_bytes(), &limits), whole("Hello", ""));
    assert_eq!(chunked_within(extended(15, 6).as_bytes(), &limits), Err(HandshakeError::Chunk));
    assert_eq!(chunked_within(extended(21, 0).as_bytes(), &limits), Err(HandshakeError::Chunk));
}

#[test]
fn h27_trailers_are_checked_dropped_and_bounded() {
    assert_eq!(chunked("0\r\nX: y\r\nContent-Length: 7\r\n\r\nGET"), whole("", "GET"));
    for (trailers, error) in [
        (" X: y\r\n", HandshakeError::FoldedHeader),
        ("X : y\r\n", HandshakeError::HeaderName),
        ("X\r\n", HandshakeError::HeaderName),
        ("X: y\n", HandshakeError::LineBreak),
        ("X: \0\r\n", HandshakeError::ControlCharacter),
    ] {
        assert_eq!(chunked(format!("0\r\n{trailers}\r\n")), Err(error), "{trailers:?}");
    }
    let mut limits = Limits::default();
    (limits.head, limits.headers) = (20, 2);
    let lines = |n: usize| format!("0\r\n{}\r\n", "a:\r\n".repeat(n));
    assert_eq!(chunked_within(lines(2).as_bytes(), &limits), whole("", ""));
    assert_eq!(chunked_within(lines(3).as_bytes(), &limits), Err(HandshakeError::TooManyHeaders));
    let long = |n: usize| format!("0\r\na:{}\r\n\r\n", "b".repeat(n));
    assert_eq!(chunked_within(long(14).as_bytes(), &limits), whole("", ""));
    assert_eq!(chunked_within(long(15).as_bytes(), &limits), Err(HandshakeError::HeadTooLong));
}

#[test]
fn h28_a_body_over_the_limit_is_413_before_it_is_read() {
    let mut limits = Limits::default();
    limits.body = 10;
    let announced = |n: u64| feed(BodyLength::Bytes(n), &[b"0123456789"], &limits);
    assert_eq!(announced(10), whole("0123456789", ""));
    assert_eq!(announced(9), whole("012345678", "9"));
    assert_eq!(announced(11), Err(HandshakeError::BodyTooLong));
    assert_eq!(announced(u64::MAX), Err(HandshakeError::BodyTooLong));
    assert_eq!(HandshakeError::BodyTooLong.status(), 413);
    assert_eq!(chunked_within(b"4\r\n0123\r\n6\r\n456789\r\n0\r\n\r\n", &limits), whole("0123456789", ""));
    for size in ["7", "ffffffffffffffff", "7;a"] {
        let body = format!("4\r\n0123\r\n{size}\r\n");
        assert_eq!(chunked_within(body.as_bytes(), &limits), Err(HandshakeError::BodyTooLong), "{size}");
    }
}

#[test]
fn h28_an_error_stays() {
    let mut input = ReceiveBuffer::new(Limits::default());
    let mut body = BodyReader::new(BodyLength::Chunked, input.limits()).unwrap();
    for bytes in [&b"x"[..], b"", b"0\r\n\r\n"] {
        input.extend_from_slice(bytes);
        assert_eq!(body.receive(&mut input), Err(HandshakeError::Chunk));
        assert!(input.unread().is_empty() && body.is_empty());
    }
}
