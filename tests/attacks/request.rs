//! The request: before a connection is open.

use std::io::{self, Read};
use std::time::Duration;

use bowsprit::handshake::OriginPolicy;

use crate::server::{UPGRADE, masked};
use crate::target::{End, INJECTIONS, SHORT, Target, drip_until_closed, upgrade_and, upgrade_but};

/// `Limits::head`.
const HEAD: usize = 16 << 10;

#[test]
fn a01_a_head_that_drips_in_is_cut_off_at_the_deadline() {
    let mut target = Target::with(|config| config.handshake_timeout = SHORT);
    target.within(HEAD, |target| {
        let mut client = target.server.connect_tcp();
        client.write(b"GET / HTTP/1.1\r\nX: ");
        drip_until_closed(&mut client, b"x");
    });
    assert!(target.unexpected_ends().is_empty(), "it was never open");
}

#[test]
fn a02_many_half_heads_are_bounded_and_let_others_in() {
    const MANY: usize = 300;
    let mut target = Target::with(|_| {});
    let half = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(15 << 10));
    let clients: Vec<_> = target.within(MANY * HEAD, |target| {
        let clients = (0..MANY)
            .map(|_| {
                let mut client = target.server.connect_tcp();
                client.write(half.as_bytes());
                client
            })
            .collect();
        target.connect().expect_echo("let in");
        clients
    });
    drop(clients);
    target.expect_end(End::Lost);
}

#[test]
fn a02_the_oldest_half_heads_make_room_for_new_ones() {
    // The deadline would close them all.
    let mut target = Target::with(|config| (config.handshakes, config.handshake_timeout) = (40, Duration::MAX));
    // Those that have ended theirs are not in the way, however many.
    let mut open: Vec<_> = (0..100).map(|_| target.connect()).collect();
    let mut half: Vec<_> = (0..200)
        .map(|_| {
            let mut client = target.server.connect_tcp();
            client.write(b"GET / HTTP/1.1\r\n");
            client
        })
        .collect();
    target.connect().expect_echo("let in");
    for client in &mut half[..160] {
        match client.stream.read(&mut [0]) {
            Ok(read) => assert_eq!(read, 0, "a word"),
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset),
        }
    }
    let last = half.last_mut().unwrap();
    last.write(UPGRADE.split_once("\r\n").unwrap().1.as_bytes());
    assert!(last.read_head().starts_with("HTTP/1.1 101 "), "the newest are left in peace");
    for client in &mut open {
        client.expect_echo("nobody else notices");
    }
    target.bystander_echoes();
}

#[test]
fn a02_half_heads_count_towards_the_memory_of_all() {
    let mut target = Target::with(|config| config.memory = 10 * HEAD);
    let half = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(15 << 10));
    target.within(10 * HEAD, |target| {
        let mut clients: Vec<_> = (0..10).map(|_| target.server.connect_tcp()).collect();
        for client in &mut clients {
            client.write(half.as_bytes());
        }
        // They are accepted, then read, and then this one is.
        (0..3).for_each(|_| target.bystander_echoes());
        let answer = target.ask(half.as_bytes());
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    });
    // Those that hold it are gone, and what they held is free.
    let mut client = target.server.connect_tcp();
    client.write(half.as_bytes());
    client.write(b"\r\n");
    client.write(UPGRADE.split_once("\r\n").unwrap().1.as_bytes());
    assert!(client.read_head().starts_with("HTTP/1.1 101 "));
}

#[test]
fn a03_a_header_without_end_is_431() {
    let mut target = Target::with(|_| {});
    for len in [64 << 10, 10 << 20] {
        target.within(HEAD, |target| {
            target.refuses(format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n", "x".repeat(len)), 431);
        });
    }
}

#[test]
fn a04_ten_thousand_headers_are_431() {
    let mut target = Target::with(|_| {});
    target.within(HEAD, |target| {
        target.refuses(format!("GET / HTTP/1.1\r\n{}\r\n", "a:b\r\n".repeat(10_000)), 431);
    });
}

#[test]
fn a05_a_large_head_byte_by_byte_is_read() {
    let mut target = Target::with(|_| {});
    let request = upgrade_and(&format!("X: {}", "x".repeat(15 << 10)));
    target.within(HEAD, |target| {
        let mut client = target.server.connect_tcp();
        for byte in request.as_bytes().chunks(1) {
            client.write(byte);
        }
        assert!(client.read_head().starts_with("HTTP/1.1 101 "));
        client.expect_echo("in at last");
    });
}

#[test]
fn a06_a_long_request_line_is_414() {
    let mut target = Target::with(|_| {});
    for len in [8 << 10, 1 << 20] {
        target.within(HEAD, |target| {
            target.refuses(format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(len)), 414);
        });
    }
}

#[test]
fn a07_an_upgrade_by_another_method_is_405() {
    let mut target = Target::with(|_| {});
    for method in ["POST", "HEAD", "PUT", "OPTIONS", "get", "X"] {
        let answer = target.refuses(upgrade_but("GET", method), 405);
        assert!(answer.contains("Allow: GET"), "{answer}");
    }
    target.refuses(upgrade_but("GET / ", "CONNECT 127.0.0.1:80 "), 405);
    target.refuses("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400);
    target.within(HEAD, |target| target.refuses("X".repeat(1 << 20), 414));
}

#[test]
fn a08_other_versions_of_http_never_upgrade() {
    let mut target = Target::with(|_| {});
    target.refuses(upgrade_but("HTTP/1.1", "HTTP/1.0"), 426);
    for version in ["HTTP/0.9", "HTTP/1.2", "HTTP/2.0", "http/1.1", "HTTP/1.10", "HTTP/11", "HTTP", "TTP/1.1"] {
        target.refuses(upgrade_but("HTTP/1.1", version), 400);
    }
    target.refuses(upgrade_but(" HTTP/1.1", ""), 400);
}

#[test]
fn a09_a_bad_host_is_400() {
    let mut target = Target::with(|_| {});
    for host in ["", "Host: a\r\nHost: a\r\n", "Host: a/b\r\n", "Host: a b\r\n", "Host: a:x\r\n", "Host: u@a\r\n"] {
        target.refuses(upgrade_but("Host: 127.0.0.1\r\n", host), 400);
    }
}

#[test]
fn a10_fields_that_come_twice_or_only_look_right_are_refused() {
    let mut target = Target::with(|_| {});
    target.refuses(upgrade_and("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="), 400);
    target.refuses(upgrade_and("Sec-WebSocket-Version: 13"), 400);
    target.refuses(upgrade_but("Connection: Upgrade", "Connection: xupgradex"), 426);
    target.refuses(upgrade_but("Upgrade: websocket", "Upgrade: websockets"), 426);
    for list in ["h2c, websocket", "websocket,h2c", "WebSocket"] {
        let mut client = target.server.connect_tcp();
        client.write(upgrade_but("Upgrade: websocket", &format!("Upgrade: {list}")).as_bytes());
        assert!(client.read_head().starts_with("HTTP/1.1 101 "), "{list}");
    }
}

#[test]
fn a11_odd_white_space_and_control_characters_are_400() {
    let mut target = Target::with(|_| {});
    target.refuses(upgrade_but("Upgrade: websocket", "Upgrade : websocket"), 400);
    target.refuses(upgrade_and("X: a\r\n folded"), 400);
    for odd in ["\n", "\r", "\0", "\x0b", "\x0c", "\x1c", "\x7f"] {
        target.refuses(upgrade_and(&format!("X: a{odd}Y: b")), 400);
    }
    // Not ASCII, and no line break either: a value like any other.
    let mut client = target.server.connect_tcp();
    client.write(upgrade_and("X: a\u{85}Y: b").as_bytes());
    assert!(client.read_head().starts_with("HTTP/1.1 101 "));
}

#[test]
fn a12_an_upgrade_with_a_body_is_400_and_the_body_is_no_request() {
    let mut target = Target::with(|_| {});
    for length in ["Content-Length: 28", "Transfer-Encoding: chunked", "Transfer-Encoding: identity"] {
        target.refuses(upgrade_and(length) + "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400);
    }
}

#[test]
fn a13_a_body_whose_length_is_in_doubt_is_400() {
    let mut target = Target::with(|_| {});
    for lines in [
        "Content-Length: 3\r\nTransfer-Encoding: chunked",
        "Content-Length: 3\r\nContent-Length: 3",
        "Content-Length: 3, 3",
        "Content-Length: +5",
        "Content-Length: 0x5",
        "Content-Length: -1",
        "Content-Length: 18446744073709551616",
        "Content-Length:",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked, chunked",
    ] {
        target.refuses(format!("POST / HTTP/1.1\r\nHost: a\r\n{lines}\r\n\r\nabc"), 400);
        target.refuses(upgrade_and(lines) + "abc", 400);
    }
}

#[test]
fn a14_nothing_behind_a_refused_upgrade_is_answered() {
    let mut target = Target::with(|_| {});
    let request = upgrade_but("Version: 13", "Version: 7") + "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    let answer = target.refuses(request, 426);
    assert!(answer.contains("Sec-WebSocket-Version: 13\r\n"), "{answer}");
}

#[test]
fn a15_frames_behind_the_request_are_read_and_a_second_request_is_none() {
    let mut target = Target::with(|_| {});
    let mut client = target.server.connect_tcp();
    client.write(&[UPGRADE.as_bytes(), &masked(0x81, b"one"), &masked(0x81, b"two")].concat());
    assert!(client.read_head().starts_with("HTTP/1.1 101 "));
    client.expect_text("one");
    client.expect_text("two");
    let mut client = target.server.connect_tcp();
    client.write(&[UPGRADE.as_bytes(), UPGRADE.as_bytes()].concat());
    assert!(client.read_head().starts_with("HTTP/1.1 101 "));
    client.expect_close(1002);
    target.expect_end(End::Failed);
    target.bystander_echoes();
}

#[test]
fn a16_pages_of_other_origins_are_403() {
    let foreign = [
        "http://evil.example",
        "null",
        "http://127.0.0.1.evil.example",
        "http://127.0.0.1:81",
        "http://user@127.0.0.1",
        "http://127.0.0.1@evil.example",
        "http://127.0.0.1/",
        "",
        "http://127.0.0.1\r\nOrigin: http://127.0.0.1",
    ];
    let mut target = Target::with(|_| {});
    let mut listed = Target::with(|config| {
        config.origins = OriginPolicy::List(vec!["https://app.example".into()]);
    });
    for origin in foreign {
        let request = upgrade_and(&format!("Origin: {origin}"));
        target.refuses(&request, 403);
        listed.refuses(&request, 403);
    }
    listed.refuses(upgrade_and("Origin: http://127.0.0.1"), 403);
    for (target, origin) in [(&target, "http://127.0.0.1"), (&listed, "https://app.example")] {
        let mut client = target.server.connect_tcp();
        client.write(upgrade_and(&format!("Origin: {origin}")).as_bytes());
        assert!(client.read_head().starts_with("HTTP/1.1 101 "), "{origin}");
    }
}

#[test]
fn a17_a18_what_an_application_must_not_answer_is_500_and_injects_nothing() {
    let mut target = Target::with(|_| {});
    for number in 0..INJECTIONS.len() {
        let request = upgrade_and("Sec-WebSocket-Protocol: chat").replacen('/', &format!("/bad/{number}"), 1);
        let answer = target.refuses(request, 500);
        assert!(!answer.contains("Evil"), "{answer}");
    }
}

#[test]
fn a19_hostile_lists_are_400() {
    let mut target = Target::with(|_| {});
    let (spaces, commas) = (" ".repeat(15 << 10), ",".repeat(15 << 10));
    let quoted = format!("x; y=\"{}", "\\c".repeat(7 << 10));
    for list in [&format!("a{spaces}b"), &format!("{commas} a b"), &quoted, "x; y=\"", "x; y=\"a b\"", "x; =y", "@"] {
        target.within(HEAD, |target| target.refuses(upgrade_and(&format!("Sec-WebSocket-Extensions: {list}")), 400));
    }
    for list in [&format!("a{spaces}b"), &format!("{commas} a b"), "a\"", "a;b", "@"] {
        target.within(HEAD, |target| target.refuses(upgrade_and(&format!("Sec-WebSocket-Protocol: {list}")), 400));
    }
}

/// The head of the answer to an upgrade with this offer.
fn accepted(target: &Target, offer: &str) -> String {
    let mut client = target.server.connect_tcp();
    client.write(upgrade_and(&format!("Sec-WebSocket-Extensions: {offer}")).as_bytes());
    let head = client.read_head();
    client.expect_echo("accepted");
    head
}

#[test]
fn a20_names_that_mean_something_elsewhere_mean_nothing() {
    let mut target = Target::with(|_| {});
    for offer in ["constructor", "__proto__; toString=valueOf", "x; constructor; __proto__=1"] {
        let head = accepted(&target, offer);
        assert!(!head.contains("Extensions"), "{offer}: {head}");
    }
    target.refuses(upgrade_and("Sec-WebSocket-Extensions: ; a=1"), 400);
    target.bystander_echoes();
}

#[test]
fn a21_hundreds_of_offers_are_answered_at_most_once() {
    let mut target = Target::with(|_| {});
    let offers = vec!["permessage-deflate"; 700].join(", ");
    let head = target.within(4 * HEAD, |target| accepted(target, &offers));
    assert!(head.matches("permessage-deflate").count() <= 1, "{head}");
}

#[test]
fn a22_as_many_equal_names_as_there_may_be_are_read() {
    let mut target = Target::with(|_| {});
    target.within(4 * HEAD, |target| {
        let mut client = target.server.connect_tcp();
        client.write(upgrade_and(&["X: y"; 95].join("\r\n")).as_bytes());
        assert!(client.read_head().starts_with("HTTP/1.1 101 "));
        client.expect_echo("read");
    });
}
