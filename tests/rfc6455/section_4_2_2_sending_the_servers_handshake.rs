//! RFC 6455 §4.2.2: sending the server's opening handshake.

use bowsprit::handshake::{Response, accept_key};
use bowsprit::{Connection, HandshakeError, SendBuffer, UsageError};
use proptest::prelude::*;

use crate::support::handshake::{ACCEPTED, GOOD, accept, encode, good_and, parse};

#[test]
fn r048_any_final_status_can_be_the_answer() {
    let unauthorized = Response::new(401).header("WWW-Authenticate", "Basic realm=\"chat\"");
    assert_eq!(
        encode(&unauthorized).unwrap(),
        "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\
         WWW-Authenticate: Basic realm=\"chat\"\r\n\r\n"
    );
    let moved = Response::new(307).header("Location", "https://example.com/chat");
    assert_eq!(
        encode(&moved).unwrap(),
        "HTTP/1.1 307 Temporary Redirect\r\nContent-Length: 0\r\nConnection: close\r\n\
         Location: https://example.com/chat\r\n\r\n"
    );
    for (status, expected) in [(199, Err(UsageError::InvalidStatus)), (600, Err(UsageError::InvalidStatus))] {
        assert_eq!(encode(&Response::new(status)), expected);
    }
    assert!((200..=599).all(|status| encode(&Response::new(status)).is_ok()));
}

#[test]
fn r048_a_refusal_opens_nothing() {
    for status in (0..=600).filter(|&status| status != 101) {
        assert_eq!(accept(GOOD, &Response::new(status)), Err(UsageError::InvalidStatus));
    }
    assert_eq!(encode(&Response::accept()), Err(UsageError::InvalidStatus));
}

#[test]
fn r049_a_refused_origin_is_403() {
    assert_eq!(HandshakeError::OriginRefused.status(), 403);
    let answer = encode(&HandshakeError::OriginRefused.response()).unwrap();
    assert!(answer.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{answer}");
}

#[test]
fn r051_an_unknown_resource_is_404() {
    let answer = encode(&Response::new(404)).unwrap();
    assert_eq!(answer, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
}

#[test]
fn r052_a_subprotocol_that_was_not_offered_is_not_accepted() {
    let offer = good_and("Sec-WebSocket-Protocol: chat, superchat");
    for (chosen, expected) in [
        ("chat", Ok(())),
        ("superchat", Ok(())),
        ("Chat", Err(UsageError::SubprotocolNotOffered)),
        ("cha", Err(UsageError::SubprotocolNotOffered)),
        ("mqtt", Err(UsageError::SubprotocolNotOffered)),
        ("", Err(UsageError::InvalidHeaderValue)),
        ("chat, superchat", Err(UsageError::InvalidHeaderValue)),
        ("chat\r\nX: y", Err(UsageError::InvalidHeaderValue)),
    ] {
        let answer = accept(&offer, &Response::accept().subprotocol(chosen));
        assert_eq!(answer.as_ref().map(|_| ()).map_err(|e| *e), expected, "{chosen:?}");
        assert!(answer.is_err() || answer.unwrap().1.subprotocol() == Some(chosen));
    }
    let uninvited = accept(GOOD, &Response::accept().subprotocol("chat"));
    assert_eq!(uninvited, Err(UsageError::SubprotocolNotOffered));
}

proptest! {
    #[test]
    fn r052_the_subprotocol_is_one_of_the_clients(
        offered in prop::collection::vec("[a-c]{1,2}", 1..6),
        chosen in "[a-c]{1,2}",
    ) {
        let request = good_and(format!("Sec-WebSocket-Protocol: {}", offered.join(",")));
        let answer = accept(&request, &Response::accept().subprotocol(&chosen));
        prop_assert_eq!(answer.is_ok(), offered.contains(&chosen));
        if let Ok((bytes, negotiated)) = answer {
            let line = format!("\r\nSec-WebSocket-Protocol: {chosen}\r\n");
            prop_assert!(bytes.contains(&line));
            prop_assert_eq!(negotiated.subprotocol(), Some(&*chosen));
        }
    }
}

#[test]
fn r053_without_agreement_there_is_no_subprotocol_field() {
    let offer = good_and("Sec-WebSocket-Protocol: chat");
    let (answer, negotiated) = accept(&offer, &Response::accept()).unwrap();
    assert_eq!(answer, ACCEPTED);
    assert_eq!(negotiated.subprotocol(), None);
}

#[test]
fn r054_no_extension_is_answered_that_was_not_agreed_to() {
    let offer = good_and("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits, x-unknown");
    assert_eq!(accept(&offer, &Response::accept()).unwrap().0, ACCEPTED);
    let smuggled = Response::accept().header("Sec-WebSocket-Extensions", "permessage-deflate");
    assert_eq!(accept(&offer, &smuggled), Err(UsageError::InvalidHeaderName));
}

#[test]
fn r055_the_101_byte_by_byte() {
    assert_eq!(accept(GOOD, &Response::accept()).unwrap().0, ACCEPTED);
    let offer = good_and("Sec-WebSocket-Protocol: chat");
    let response =
        Response::accept().header("Set-Cookie", "a=b").subprotocol("chat").header("Set-Cookie", "c=d").header("X", "");
    assert_eq!(
        accept(&offer, &response).unwrap().0,
        "HTTP/1.1 101 Switching Protocols\r\n\
         Upgrade: websocket\r\n\
         Connection: Upgrade\r\n\
         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
         Sec-WebSocket-Protocol: chat\r\n\
         Set-Cookie: a=b\r\n\
         Set-Cookie: c=d\r\n\
         X: \r\n\
         \r\n"
    );
}

#[test]
fn r055_a_101_has_no_body() {
    assert_eq!(accept(GOOD, &Response::accept().body("hello")), Err(UsageError::BodyNotAllowed));
}

#[test]
fn r056_accept_is_the_rfcs() {
    assert_eq!(&*accept_key("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn r056_accept_equals_a_second_sha_1(key in "[A-Za-z0-9+/]{21}[AQgw]==") {
        let hash = sha1_as_in_fips_180(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11").as_bytes());
        prop_assert_eq!(&*accept_key(&key), base64_as_in_rfc_4648(&hash));
    }
}

fn sha1_as_in_fips_180(message: &[u8]) -> [u8; 20] {
    let mut padded = [message, &[0x80]].concat();
    padded.resize(padded.len().next_multiple_of(64), 0);
    if padded.len() - message.len() < 9 {
        padded.resize(padded.len() + 64, 0);
    }
    let end = padded.len() - 8;
    padded[end..].copy_from_slice(&(message.len() as u64 * 8).to_be_bytes());
    let mut hash = [0x6745_2301u32, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];
    for block in padded.chunks(64) {
        let mut w: Vec<u32> = block.chunks(4).map(|word| u32::from_be_bytes(word.try_into().unwrap())).collect();
        for t in 16..80 {
            w.push((w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16]).rotate_left(1));
        }
        let [mut a, mut b, mut c, mut d, mut e] = hash;
        for (t, word) in w.iter().enumerate() {
            let (f, k) = match t {
                0..20 => (b & c | !b & d, 0x5a82_7999),
                20..40 => (b ^ c ^ d, 0x6ed9_eba1),
                40..60 => (b & c | b & d | c & d, 0x8f1b_bcdc),
                _ => (b ^ c ^ d, 0xca62_c1d6u32),
            };
            let next = a.rotate_left(5).wrapping_add(f).wrapping_add(e).wrapping_add(k).wrapping_add(*word);
            (e, d, c, b, a) = (d, c, b.rotate_left(30), a, next);
        }
        for (sum, part) in hash.iter_mut().zip([a, b, c, d, e]) {
            *sum = sum.wrapping_add(part);
        }
    }
    let mut bytes = [0; 20];
    for (octets, word) in bytes.chunks_mut(4).zip(hash) {
        octets.copy_from_slice(&word.to_be_bytes());
    }
    bytes
}

fn base64_as_in_rfc_4648(bytes: &[u8]) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0, |bits, &octet| bits << 8 | u32::from(octet)) << (8 * (3 - group.len()));
        for i in 0..4 {
            let letter = char::from(ALPHABET[(bits >> (18 - 6 * i) & 63) as usize]);
            text.push(if i <= group.len() { letter } else { '=' });
        }
    }
    text
}

#[test]
fn r057_a_frame_may_follow_the_101_at_once() {
    let mut output = SendBuffer::new();
    let request = parse(GOOD);
    let negotiated = request.check_upgrade().unwrap().accept(&Response::accept(), &mut output).unwrap();
    Connection::server(negotiated).send("hi", &mut output).unwrap();
    assert_eq!(output.pending(), [ACCEPTED.as_bytes(), b"\x81\x02hi"].concat());
}
