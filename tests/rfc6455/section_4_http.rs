//! The HTTP that the handshake of RFC 6455 §4 is written in: RFC 9112, and RFC 9110 on Upgrade.

use bowsprit::handshake::{BodyLength, Request, Response};
use bowsprit::{HandshakeError, Limits, SendBuffer, UsageError};

use crate::support::handshake::{
    ACCEPTED, GOOD, Verdict, accept, encode, good_and, good_but, parse, status, verdict, verdict_within,
};

/// Each error there is, for what all have in common.
const ERRORS: [HandshakeError; 38] = [
    HandshakeError::NotHttp,
    HandshakeError::RequestLine,
    HandshakeError::HttpVersion,
    HandshakeError::LineBreak,
    HandshakeError::ControlCharacter,
    HandshakeError::FoldedHeader,
    HandshakeError::HeaderName,
    HandshakeError::RequestLineTooLong,
    HandshakeError::HeadTooLong,
    HandshakeError::TooManyHeaders,
    HandshakeError::Target,
    HandshakeError::Host,
    HandshakeError::ContentLength,
    HandshakeError::TransferEncoding,
    HandshakeError::Chunk,
    HandshakeError::BodyTooLong,
    HandshakeError::BodyNotAllowed,
    HandshakeError::Expectation,
    HandshakeError::Method,
    HandshakeError::UpgradeInHttp10,
    HandshakeError::UpgradeMissing,
    HandshakeError::ConnectionMissing,
    HandshakeError::VersionRepeated,
    HandshakeError::UnsupportedVersion,
    HandshakeError::KeyNotOnce,
    HandshakeError::InvalidKey,
    HandshakeError::MalformedSubprotocols,
    HandshakeError::MalformedExtensions,
    HandshakeError::OriginRefused,
    HandshakeError::StatusLine,
    HandshakeError::UpgradeNotRequested,
    HandshakeError::NotSwitched,
    HandshakeError::AcceptNotOnce,
    HandshakeError::WrongAccept,
    HandshakeError::ExtensionNotOffered,
    HandshakeError::DeflateParams,
    HandshakeError::SubprotocolRepeated,
    HandshakeError::SubprotocolNotOffered,
];

#[test]
fn h01_bytes_above_127_are_bytes() {
    let head = good_and(b"X: \x80\xa0\xe9\xff\xc3");
    assert_eq!(status(&head), 101);
    assert!(parse(&head).headers().any(|field| field == ("X", b"\x80\xa0\xe9\xff\xc3")));
    for (from, to) in [("/chat", &b"/ch\xe4t"[..]), ("GET", b"G\xe4T"), ("Host", b"H\xf6st"), ("HTTP", b"HTT\xff")] {
        assert_eq!(status(good_but(from, to)), 400, "{}", to.escape_ascii());
    }
}

#[test]
fn h02_bare_cr_is_400() {
    for (from, to) in [("/chat", "/ch\rat"), ("Host", "Ho\rst"), ("server.", "server\r."), ("GET", "G\rET")] {
        assert_eq!(status(good_but(from, to)), 400, "{to:?}");
    }
    assert_eq!(status(b"\r\r\n"), 400);
    assert_eq!(status([&GOOD[..GOOD.len() - 1], b"\r"].concat()), 400);
}

#[test]
fn h02_bare_lf_is_400() {
    for (from, to) in
        [("HTTP/1.1\r\n", "HTTP/1.1\n"), ("websocket\r\n", "websocket\n"), ("Version: 13\r\n\r\n", "Version: 13\r\n\n")]
    {
        assert_eq!(verdict(&good_but(from, to)), Verdict::Refused(HandshakeError::LineBreak), "{to:?}");
    }
}

#[test]
fn h03_one_empty_line_in_front_is_ignored() {
    assert_eq!(status([b"\r\n", GOOD].concat()), 101);
    assert_eq!(verdict(b"\r\n\r"), Verdict::Refused(HandshakeError::NotHttp));
    assert_eq!(status([b"\n", GOOD].concat()), 400);
    assert_eq!(status("\r\n".repeat(1000)), 400);
}

#[test]
fn h04_white_space_before_the_first_field_is_400() {
    for space in [" ", "\t", " \t "] {
        let head = good_but("Host:", format!("{space}Host:"));
        assert_eq!(verdict(&head), Verdict::Refused(HandshakeError::FoldedHeader), "{space:?}");
    }
}

#[test]
fn h05_what_is_not_http_is_refused_at_its_first_byte() {
    for first in (0..=255u8).filter(|byte| !byte.is_ascii_alphanumeric() && !b"!#$%&'*+-.^_`|~\r".contains(byte)) {
        assert_eq!(verdict(&[first]), Verdict::Refused(HandshakeError::NotHttp), "{first:#x}");
    }
    assert_eq!(status(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), 400); // TLS
    assert_eq!(status(b"\x05\x01\x00"), 400); // SOCKS
}

#[test]
fn h05_the_preface_of_http_2_is_refused_at_its_version() {
    assert_eq!(verdict(b"PRI * HTTP/2"), Verdict::Refused(HandshakeError::HttpVersion));
    assert_eq!(verdict(b"PRI * HTTP/"), Verdict::Partial);
}

#[test]
fn h06_a_request_line_over_the_limit_is_414() {
    let rest = &GOOD[b"GET /chat HTTP/1.1\r\n".len()..];
    let line = |len: usize| [b"GET /", "a".repeat(len - 16).as_bytes(), b" HTTP/1.1\r\n"].concat();
    assert_eq!(status([&line(8 << 10), rest].concat()), 101);
    assert_eq!(status([b"\r\n", &*line(8 << 10), rest].concat()), 101);
    assert_eq!(status([&line((8 << 10) + 1), rest].concat()), 414);
    assert_eq!(status(line((8 << 10) + 1)), 414);
    assert_eq!(status("A".repeat((8 << 10) + 1)), 414);
    assert_eq!(status("A".repeat(8 << 10)), 0);
}

#[test]
fn h07_a_long_unknown_method_is_405_when_it_upgrades() {
    assert_eq!(status(good_but("GET", "M".repeat(64))), 405);
    let plain = format!("{} / HTTP/1.1\r\nHost: a\r\n\r\n", "M".repeat(64));
    assert_eq!(parse(plain.as_bytes()).method(), "M".repeat(64)); // and plain HTTP is yours to answer
}

#[test]
fn h08_plain_http_has_exactly_one_valid_host_too() {
    for (request, expected) in [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 200),
        ("GET / HTTP/1.0\r\n\r\n", 200),
        ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 200),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost:\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
        ("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", 400),
        ("GET / HTTP/1.0\r\nHost: a b\r\n\r\n", 400),
        ("GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", 400),
    ] {
        assert_eq!(status(request), expected, "{request:?}");
    }
}

#[test]
fn h09_the_authority_of_an_absolute_target_wins_over_host() {
    let head = good_but("/chat", "http://other.example:81/chat");
    assert_eq!(status(&head), 101);
    assert_eq!(parse(&head).host(), Some("other.example:81"));
    assert_eq!(parse(GOOD).host(), Some("server.example.com"));
}

#[test]
fn h09_an_absolute_target_does_not_replace_host() {
    let head = "GET http://a/ HTTP/1.1\r\n\r\n";
    assert_eq!(verdict(head.as_bytes()), Verdict::Refused(HandshakeError::Host));
}

#[test]
fn h10_white_space_before_the_colon_is_400() {
    for name in ["Upgrade :", "Upgrade\t:", "Up grade:", "Upgrade  :"] {
        assert_eq!(verdict(&good_but("Upgrade:", name)), Verdict::Refused(HandshakeError::HeaderName), "{name:?}");
    }
}

#[test]
fn h10_a_name_is_a_token() {
    for name in ["", "(", "a/b", "a@", "\"a\"", "a;", "[a]", "\u{e4}", "a,b", "a=b", "{a}", "a\\b"] {
        let head = good_and(format!("{name}: x"));
        assert_eq!(verdict(&head), Verdict::Refused(HandshakeError::HeaderName), "{name:?}");
    }
    assert_eq!(status(good_and("no colon")), 400);
    assert_eq!(status(good_and("nocolon")), 400);
}

#[test]
fn h11_obs_fold_is_400() {
    for fold in ["websocket\r\n ", "\r\n websocket", "\r\n\twebsocket", "websocket,\r\n h2c"] {
        let head = good_but("websocket\r\n", format!("{fold}\r\n"));
        assert_eq!(verdict(&head), Verdict::Refused(HandshakeError::FoldedHeader), "{fold:?}");
    }
}

#[test]
fn h12_no_transfer_encoding_and_no_length_where_none_belongs() {
    assert_eq!(accept(GOOD, &Response::accept()).unwrap().0, ACCEPTED);
    let no_content = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
    assert_eq!(encode(&Response::new(204)).unwrap(), no_content);
    let not_modified = "HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n";
    assert_eq!(encode(&Response::new(304)).unwrap(), not_modified);
    for status in [204, 205, 304] {
        assert_eq!(encode(&Response::new(status).body("x")), Err(UsageError::BodyNotAllowed));
    }
}

/// A POST with these lines.
fn post(lines: &str) -> Vec<u8> {
    format!("POST / HTTP/1.1\r\nHost: a\r\n{lines}\r\n\r\n").into_bytes()
}

#[test]
fn h13_content_length_with_transfer_encoding_is_400() {
    for lines in [
        "Content-Length: 3\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 0",
        "Transfer-Encoding: identity\r\nContent-Length: 3",
        "Transfer-Encoding:\r\nContent-Length: 3",
    ] {
        assert_eq!(verdict(&post(lines)), Verdict::Refused(HandshakeError::ContentLength), "{lines:?}");
    }
}

#[test]
fn h14_a_transfer_encoding_other_than_chunked_is_400() {
    assert_eq!(verdict(&post("Transfer-Encoding: chunked")), Verdict::Plain(BodyLength::Chunked));
    assert_eq!(verdict(&post("Transfer-Encoding: Chunked,")), Verdict::Plain(BodyLength::Chunked));
    for value in ["gzip", "chunked, gzip", "gzip, chunked", "chunked, chunked", "identity", "xchunked", "", "chunked;a"]
    {
        let request = post(&format!("Transfer-Encoding: {value}"));
        assert_eq!(verdict(&request), Verdict::Refused(HandshakeError::TransferEncoding), "{value:?}");
    }
    assert_eq!(status(post("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked")), 400);
    assert_eq!(status("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
}

#[test]
fn h15_an_invalid_content_length_is_400() {
    for (value, expected) in [
        ("0", Some(0)),
        ("3", Some(3)),
        ("003", Some(3)),
        ("18446744073709551615", Some(u64::MAX)),
        ("18446744073709551616", None),
        ("+5", None),
        ("-5", None),
        ("0x5", None),
        ("5 5", None),
        ("5, 5", None),
        ("5,", None),
        ("5.0", None),
        ("1e3", None),
        ("", None),
        ("\u{663}", None),
    ] {
        let plain = |length| Verdict::Plain(BodyLength::Bytes(length));
        let expected = expected.map_or(Verdict::Refused(HandshakeError::ContentLength), plain);
        assert_eq!(verdict(&post(&format!("Content-Length: {value}"))), expected, "{value:?}");
    }
    assert_eq!(status(post("Content-Length: 5\r\nContent-Length: 5")), 400);
    assert_eq!(status(post("Content-Length: 5\r\ncontent-length: 6")), 400);
}

#[test]
fn h16_an_upgrade_with_a_body_is_400() {
    for (line, expected) in [
        ("Content-Length: 0", 101),
        ("Content-Length: 1", 400),
        ("Content-Length: 00", 101),
        ("Content-Length: x", 400),
        ("Transfer-Encoding: chunked", 400),
        ("Transfer-Encoding: identity", 400),
        ("Transfer-Encoding:", 400),
    ] {
        assert_eq!(status(good_and(line)), expected, "{line:?}");
    }
}

/// RFC 9110 §15.6.3: what a server did wrong is for the gateway before it to tell.
#[test]
fn what_only_a_server_can_do_wrong_is_502() {
    for error in ERRORS {
        let by_a_server = matches!(
            error,
            HandshakeError::StatusLine
                | HandshakeError::UpgradeNotRequested
                | HandshakeError::NotSwitched
                | HandshakeError::AcceptNotOnce
                | HandshakeError::WrongAccept
                | HandshakeError::ExtensionNotOffered
                | HandshakeError::DeflateParams
                | HandshakeError::SubprotocolRepeated
                | HandshakeError::SubprotocolNotOffered
        );
        assert_eq!(error.status() == 502, by_a_server, "{error:?}");
    }
}

/// RFC 9110 §15 and RFC 6585 name them; RFC 9112 §4 lets the others go without.
#[test]
fn a_status_comes_with_its_phrase() {
    let phrases = "201 Created,202 Accepted,204 No Content,206 Partial Content,301 Moved Permanently,302 Found,\
        303 See Other,304 Not Modified,307 Temporary Redirect,308 Permanent Redirect,400 Bad Request,401 Unauthorized,\
        403 Forbidden,404 Not Found,405 Method Not Allowed,406 Not Acceptable,408 Request Timeout,409 Conflict,410 Gone,\
        411 Length Required,412 Precondition Failed,413 Content Too Large,414 URI Too Long,415 Unsupported Media Type,\
        416 Range Not Satisfiable,417 Expectation Failed,421 Misdirected Request,422 Unprocessable Content,\
        426 Upgrade Required,429 Too Many Requests,431 Request Header Fields Too Large,500 Internal Server Error,\
        501 Not Implemented,502 Bad Gateway,503 Service Unavailable,504 Gateway Timeout,505 HTTP Version Not Supported,\
        200 OK,299 ,599 ";
    for phrase in phrases.split(',') {
        let response = Response::new(phrase[..3].parse().unwrap());
        let answer = encode(&response).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {phrase}\r\n")), "{answer}");
    }
}

#[test]
fn h17_every_refusal_closes() {
    for error in ERRORS {
        let answer = encode(&error.response()).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with(&format!("HTTP/1.1 {} ", error.status())), "{answer}");
        assert!(head.contains("\r\nConnection: close"), "{answer}");
        assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", body.len())), "{answer}");
        assert_eq!(body, format!("{} ({})\n", error.rule(), error.section()));
        assert!(error.section().starts_with("RFC "), "{error:?}");
    }
}

#[test]
fn an_error_is_one_byte() {
    assert_eq!(size_of::<HandshakeError>(), 1);
}

#[test]
fn h17_a_wrong_method_is_told_the_right_one() {
    let answer = encode(&HandshakeError::Method.response()).unwrap();
    assert!(answer.starts_with("HTTP/1.1 405 Method Not Allowed\r\n"), "{answer}");
    assert!(answer.contains("\r\nAllow: GET\r\n"), "{answer}");
}

#[test]
fn h19_the_space_behind_the_status_stays() {
    let answer = encode(&Response::new(599)).unwrap();
    assert_eq!(answer, "HTTP/1.1 599 \r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
}

#[test]
fn h21_a_426_names_the_protocol() {
    for response in [
        Response::new(426),
        HandshakeError::UpgradeMissing.response(),
        HandshakeError::ConnectionMissing.response(),
        HandshakeError::UpgradeInHttp10.response(),
        HandshakeError::UnsupportedVersion.response(),
    ] {
        let answer = encode(&response).unwrap();
        assert!(answer.starts_with("HTTP/1.1 426 Upgrade Required\r\n"), "{answer}");
        assert!(answer.contains("\r\nConnection: close, Upgrade\r\nUpgrade: websocket\r\n"), "{answer}");
    }
}

#[test]
fn h22_upgrade_in_http_1_0_is_426() {
    let head = good_but("HTTP/1.1", "HTTP/1.0");
    assert_eq!(verdict(&head), Verdict::Refused(HandshakeError::UpgradeInHttp10));
}

#[test]
fn h23_bytes_behind_the_head_stay_for_the_connection() {
    for behind in [&b"\x81\x80\0\0\0\0"[..], b"\0", b"\r\n", b"GET / HTTP/1.1\r\n\r\n", &[0xff; 300]] {
        let bytes = [GOOD, behind].concat();
        assert_eq!(verdict_within(&bytes, &Limits::default()), (Verdict::Upgrade, behind.to_vec()));
    }
}

#[test]
fn h24_expect_is_417_where_a_100_would_have_to_come_before_the_101() {
    for (request, expected) in [
        (good_and("Expect: 100-continue"), 417),
        (good_and("Expect: 200-ok"), 417),
        (post("Content-Length: 5\r\nExpect: 100-continue"), 200),
        (post("Transfer-Encoding: chunked\r\nExpect: 100-Continue"), 200),
        (post("Content-Length: 5\r\nExpect: 200-ok"), 417),
        (post("Content-Length: 5\r\nExpect: 100-continue, 200-ok"), 417),
        (post("Content-Length: 0\r\nExpect: 100-continue"), 200),
        (post("Expect: 100-continue"), 200),
        (b"POST / HTTP/1.0\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n".to_vec(), 200),
        // RFC 9110 §10.1.1: HTTP/1.0 does not know it.
        (b"POST / HTTP/1.0\r\nContent-Length: 5\r\nExpect: 200-ok\r\n\r\n".to_vec(), 200),
    ] {
        assert_eq!(status(&request), expected, "{}", request.escape_ascii());
    }
}

#[test]
fn an_answer_to_head_has_no_body() {
    let mut output = SendBuffer::new();
    Response::new(200).body("hello").encode_head(&mut output).unwrap();
    assert_eq!(output.pending(), b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n");
}

#[test]
fn parse_tells_where_the_head_ends() {
    let bytes = [GOOD, b"rest"].concat();
    for len in 0..bytes.len() {
        let head_len = match Request::parse(&bytes[..len], &Limits::default()).unwrap() {
            bowsprit::Status::Complete((_, head_len)) => Some(head_len),
            bowsprit::Status::Partial => None,
        };
        assert_eq!(head_len, (len >= GOOD.len()).then_some(GOOD.len()));
    }
}
