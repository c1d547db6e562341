//! Engine.IO: sessions over plain requests.

use std::time::Duration;

use crate::house::{House, POLLING, ask, begin, finish, get, open, post};

fn poll(house: &House, session: &str) -> bowsprit::testing::Link {
    begin(&house.world, "GET", session, "", "")
}

const CHUNKED: &str = "Transfer-Encoding: chunked\r\n";
const UNKNOWN: &str = r#"{"code":1,"message":"Session ID unknown"}"#;

#[test]
fn get_1_a_second_poll_ends_the_session() {
    let house = House::new();
    let session = open(&house.world, POLLING);
    let mut first = poll(&house, &session);
    get(&house.world, &session).is(400, "");
    finish(&mut first).is(200, "1");
    assert_eq!(house.log(), ["open", "transport error"]);
    get(&house.world, &session).is(400, UNKNOWN);
}

#[test]
fn get_2_all_that_is_queued_is_one_payload() {
    let house = House::new();
    let session = open(&house.world, POLLING);
    let answer = post(&house.world, &session, "4a\u{1e}bAQIDBA==\u{1e}4é");
    answer.is(200, "ok");
    assert_eq!(answer.header("content-type"), Some("text/html"));
    let answer = get(&house.world, &session);
    answer.is(200, "4a\u{1e}bAQIDBA==\u{1e}4é");
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=UTF-8"));
}

#[test]
fn get_3_a_poll_is_held_until_there_is_something() {
    let house = House::new();
    let session = open(&house.world, POLLING);
    let mut held = poll(&house, &session);
    house.world.advance(Duration::from_secs(20));
    assert_eq!(held.read(), b"");
    post(&house.world, &session, "4now").is(200, "ok");
    finish(&mut held).is(200, "4now");
}

#[test]
fn get_4_a_client_that_leaves_its_poll_ends_the_session() {
    let house = House::new();
    let session = open(&house.world, POLLING);
    drop(poll(&house, &session));
    house.world.run();
    assert_eq!(house.log(), ["open", "transport error"]);
    get(&house.world, &session).is(400, UNKNOWN);
}

#[test]
fn get_4_a_half_closed_poll_ends_the_session() {
    let house = House::new();
    let session = open(&house.world, POLLING);
    let mut held = poll(&house, &session);
    held.shut_down();
    house.world.run();
    assert_eq!(house.log(), ["open", "transport error"]);
}

#[test]
fn get_4_what_is_sent_behind_a_held_poll_waits() {
    let house = House::new();
    let session = open(&house.world, POLLING);
    let mut link = house.world.connect();
    let request = |head: &str, body: &str| format!("{head} HTTP/1.1\r\nHost: test\r\n\r\n{body}");
    link.write_all(request(&format!("GET {session}"), "").as_bytes()).unwrap();
    link.write_all(request(&format!("GET {session}"), "").as_bytes()).unwrap();
    post(&house.world, &session, "4a").is(200, "ok");
    let text = String::from_utf8(link.read()).unwrap();
    assert!(text.ends_with("\r\n\r\n4a"), "{text}");
    post(&house.world, &session, "4b").is(200, "ok");
    let text = String::from_utf8(link.read()).unwrap();
    assert!(text.ends_with("\r\n\r\n4b"), "{text}");
}

#[test]
fn post_2_a_binary_body_ends_the_session() {
    let house = House::new();
    let session = open(&house.world, POLLING);
    let mut held = poll(&house, &session);
    ask(&house.world, "POST", &session, "Content-Type: application/octet-stream\r\n", "4a").is(400, "");
    finish(&mut held).is(200, "1");
    assert_eq!(house.log(), ["open", "transport error"]);
}

#[test]
fn post_3_a_body_at_the_limit_passes_and_one_byte_more_is_413() {
    let house = House::with(|config| config.max_payload = 10);
    let session = open(&house.world, POLLING);
    post(&house.world, &session, "4123456789").is(200, "ok");
    assert_eq!(house.log(), ["open"]);
    assert_eq!(post(&house.world, &session, "41234567890").status, 413);
    assert_eq!(house.log(), ["open", "transport error"]);
    get(&house.world, &session).is(400, UNKNOWN);
}

#[test]
fn post_3_chunks_that_are_too_many_end_the_session() {
    let house = House::with(|config| config.max_payload = 10);
    let session = open(&house.world, POLLING);
    let mut held = poll(&house, &session);
    let mut link = begin(&house.world, "POST", &session, CHUNKED, "");
    for _ in 0..3 {
        link.write_all(b"4\r\n4abc\r\n").unwrap();
        house.world.run();
    }
    assert_eq!(finish(&mut link).status, 413);
    finish(&mut held).is(200, "1");
    assert_eq!(house.log(), ["open", "transport error"]);
}

#[test]
fn post_1_a_second_body_at_the_same_time_ends_the_session() {
    let house = House::new();
    let session = open(&house.world, POLLING);
    let mut held = poll(&house, &session);
    let mut first = begin(&house.world, "POST", &session, CHUNKED, "");
    house.world.run();
    post(&house.world, &session, "4second").is(400, UNKNOWN);
    finish(&mut held).is(200, "1");
    first.write_all(b"6\r\n4first\r\n0\r\n\r\n").unwrap();
    finish(&mut first).is(400, UNKNOWN);
    assert_eq!(house.log(), ["open", "transport error"]);
}

#[test]
fn post_1_one_body_behind_the_other_is_none_at_the_same_time() {
    let house = House::new();
    let session = open(&house.world, POLLING);
    for _ in 0..2 {
        let mut link = begin(&house.world, "POST", &session, CHUNKED, "");
        house.world.run();
        link.write_all(b"2\r\n4a\r\n0\r\n\r\n").unwrap();
        finish(&mut link).is(200, "ok");
    }
    get(&house.world, &session).is(200, "4a\u{1e}4a");
}

#[test]
fn post_7_a_body_that_is_cut_ends_the_session() {
    for half in ["4ab", ""] {
        let house = House::new();
        let session = open(&house.world, POLLING);
        let mut held = poll(&house, &session);
        let mut link = begin(&house.world, "POST", &session, "Content-Length: 10\r\n", "");
        link.write_all(half.as_bytes()).unwrap();
        house.world.run();
        drop(link);
        house.world.run();
        finish(&mut held).is(200, "1");
        assert_eq!(house.log(), ["open", "transport error"]);
    }
}

#[test]
fn post_7_a_body_that_does_not_end_ends_the_session() {
    let house = House::new();
    let session = open(&house.world, POLLING);
    let link = begin(&house.world, "POST", &session, "Content-Length: 10\r\n", "");
    house.world.advance(Duration::from_secs(11));
    assert_eq!(house.log(), ["open", "transport error"]);
    drop(link);
}

#[test]
fn post_5_a_close_packet_ends_the_session_politely() {
    let house = House::new();
    let session = open(&house.world, POLLING);
    let mut held = poll(&house, &session);
    post(&house.world, &session, "1").is(200, "ok");
    finish(&mut held).is(200, "6");
    assert_eq!(house.log(), ["open", "transport close"]);
    get(&house.world, &session).is(400, UNKNOWN);
}

#[test]
fn post_6_a_malformed_packet_ends_the_session() {
    for body in ["abc", "4a\u{1e}", "\u{1e}4a", "b%"] {
        let house = House::new();
        let session = open(&house.world, POLLING);
        let mut held = poll(&house, &session);
        post(&house.world, &session, body).is(400, "");
        assert!(finish(&mut held).body.ends_with('1'));
        assert_eq!(house.log(), ["open", "parse error"], "{body}");
    }
}

#[test]
fn post_6_an_empty_body_ends_the_session() {
    let house = House::new();
    let session = open(&house.world, POLLING);
    ask(&house.world, "POST", &session, "Content-Length: 0\r\n", "").is(400, "");
    assert_eq!(house.log(), ["open", "parse error"]);
}

#[test]
fn post_8_a_body_may_come_in_chunks() {
    let house = House::new();
    let session = open(&house.world, POLLING);
    let mut link = begin(&house.world, "POST", &session, CHUNKED, "");
    for chunk in ["3\r\n4he\r\n", "3\r\nllo\r\n", "0\r\n\r\n"] {
        link.write_all(chunk.as_bytes()).unwrap();
        house.world.run();
    }
    finish(&mut link).is(200, "ok");
    get(&house.world, &session).is(200, "4hello");
}

#[test]
fn other_methods_are_refused_and_the_session_goes_on() {
    let house = House::new();
    let session = open(&house.world, POLLING);
    assert_eq!(ask(&house.world, "PUT", &session, "", "").status, 400);
    post(&house.world, &session, "4a").is(200, "ok");
}

#[test]
fn a_session_that_is_closed_answers_the_poll_it_has() {
    let house = House::new();
    let session = open(&house.world, POLLING);
    let mut held = poll(&house, &session);
    post(&house.world, &session, "4close").is(200, "ok");
    finish(&mut held).is(200, "1");
    assert_eq!(house.log(), ["open", "forced close"]);
    get(&house.world, &session).is(400, UNKNOWN);
}

#[test]
fn what_was_sent_before_a_close_has_an_answer_of_its_own() {
    let house = House::new();
    let session = open(&house.world, POLLING);
    let mut held = poll(&house, &session);
    post(&house.world, &session, "4late close").is(200, "ok");
    finish(&mut held).is(200, "4bye");
    assert_eq!(house.log(), ["open", "forced close"]);
    get(&house.world, &session).is(200, "6\u{1e}1");
    get(&house.world, &session).is(400, UNKNOWN);
}

#[test]
fn two_polls_of_a_closed_session_end_it() {
    let house = House::new();
    let session = open(&house.world, POLLING);
    post(&house.world, &session, "4late close").is(200, "ok");
    get(&house.world, &session).is(200, "4bye");
    // What is posted meanwhile is not heard.
    post(&house.world, &session, "4late").is(200, "ok");
    get(&house.world, &session).is(200, "6\u{1e}1");
    assert_eq!(house.log(), ["open", "forced close"]);
}

#[test]
fn a_session_that_is_closed_waits_for_its_next_poll() {
    let house = House::new();
    let session = open(&house.world, POLLING);
    post(&house.world, &session, "4close").is(200, "ok");
    assert_eq!(house.log(), ["open", "forced close"]);
    house.world.advance(Duration::from_millis(29_999));
    get(&house.world, &session).is(200, "6\u{1e}1");
    get(&house.world, &session).is(400, UNKNOWN);
}

#[test]
fn a_session_that_is_closed_waits_30_seconds_and_no_longer() {
    let house = House::new();
    let session = open(&house.world, POLLING);
    post(&house.world, &session, "4close").is(200, "ok");
    house.world.advance(Duration::from_secs(30));
    get(&house.world, &session).is(400, UNKNOWN);
    assert_eq!(house.log(), ["open", "forced close"]);
}

#[test]
fn a_queue_at_its_limit_stays_and_one_byte_more_ends_the_session() {
    let house = House::with(|config| config.max_queue = 6);
    let session = open(&house.world, POLLING);
    post(&house.world, &session, "4ab\u{1e}4ab").is(200, "ok");
    assert_eq!(house.log(), ["open"]);
    post(&house.world, &session, "4").is(200, "ok");
    assert_eq!(house.log(), ["open", "transport error"]);
}

#[test]
fn what_is_volatile_needs_a_poll_and_an_empty_queue() {
    let house = House::new();
    let session = open(&house.world, POLLING);
    post(&house.world, &session, "4volatile").is(200, "ok");
    get(&house.world, &session).is(200, "4regular");
    let mut held = poll(&house, &session);
    post(&house.world, &session, "4volatile").is(200, "ok");
    finish(&mut held).is(200, "4v1\u{1e}4regular");
}

#[test]
fn a_timer_of_the_application_runs_out() {
    let house = House::new();
    let session = open(&house.world, POLLING);
    post(&house.world, &session, "4later").is(200, "ok");
    house.world.advance(Duration::from_millis(999));
    assert_eq!(house.log(), ["open"]);
    house.world.advance(Duration::from_millis(1));
    assert_eq!(house.log(), ["open", "timer 7"]);
}

#[cfg(feature = "deflate")]
#[test]
fn a_poll_is_compressed_from_a_length_on_if_its_client_takes_that() {
    for (asked, len, encoding) in [
        ("Accept-Encoding: gzip, deflate\r\n", 1024, Some("gzip")),
        ("Accept-Encoding: gzip, deflate\r\n", 1023, None),
        ("Accept-Encoding: br, DEFLATE ; q=0.5\r\n", 1024, Some("deflate")),
        ("Accept-Encoding: deflate;q=0\r\n", 1024, None),
        ("", 1024, None),
    ] {
        let house = House::with(|config| config.compress_polls = Some(1024));
        let session = open(&house.world, POLLING);
        let payload = format!("4{}", "x".repeat(len - 1));
        post(&house.world, &session, &payload).is(200, "ok");
        let bytes = begin(&house.world, "GET", &session, asked, "").read();
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let (head, body) = (std::str::from_utf8(&bytes[..end]).unwrap(), &bytes[end + 4..]);
        let found = head.lines().find_map(|line| line.strip_prefix("Content-Encoding: "));
        assert_eq!(found, encoding, "{asked}");
        assert!(head.contains(&format!("Content-Length: {}", body.len())), "{head}");
        match encoding {
            // What gzip begins with (RFC 1952 §2.3.1), and zlib (RFC 1950 §2.2).
            Some("gzip") => assert!(body.len() < 100 && body.starts_with(&[0x1f, 0x8b, 8])),
            Some(_) => {
                assert!(
                    body.len() < 100 && body[0] == 0x78 && (body[0] as u16 * 256 + body[1] as u16).is_multiple_of(31)
                )
            }
            None => assert_eq!(body, payload.as_bytes()),
        }
    }
}
