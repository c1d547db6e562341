//! Bad input of every kind: the named status or close code arrives at a peer that reads, and a bystander keeps echoing.

use bowsprit::net::Config;

use crate::server::{masked, serve_echo};

#[test]
fn bad_requests_get_their_status_even_in_front_of_unread_input() {
    let server = serve_echo(Config::default());
    let mut bystander = server.connect();
    let long_line = format!("GET /{} HTTP/1.1\r\n", "a".repeat(8192));
    let long_head = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n", "a".repeat(16 << 10));
    let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "a: b\r\n".repeat(100));
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let upgrade = "Host: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
    for (request, status) in [
        (long_line.as_str(), "414"),
        (&long_head, "431"),
        (&many, "431"),
        ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\n\r\n", "400"),
        ("\x16\x03\x01\x02\x00\x01\x00\x01\u{7c}\x03\x03", "400"),
        (&format!("POST / HTTP/1.1\r\n{upgrade}{key}Sec-WebSocket-Version: 13\r\n\r\n"), "405"),
        (&format!("GET / HTTP/1.0\r\n{upgrade}{key}Sec-WebSocket-Version: 13\r\n\r\n"), "426"),
        (&format!("GET / HTTP/1.1\r\n{upgrade}{key}Sec-WebSocket-Version: 8\r\n\r\n"), "426"),
        (&format!("GET / HTTP/1.1\r\n{upgrade}Sec-WebSocket-Version: 13\r\n\r\n"), "400"),
    ] {
        let mut client = server.connect_tcp();
        client.write(request.as_bytes());
        // More than fits into the socket's buffers: with it unread, closing would reset the connection.
        client.write(&[b'x'; 100 << 10]);
        let response = client.read_response();
        assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{status}: {request:.60} {response:.200}");
        bystander.expect_echo("still here");
    }
}

#[test]
fn broken_rules_get_their_close_code() {
    let server = serve_echo(Config::default());
    let mut bystander = server.connect();
    let big = masked(0x82, &vec![0; (1 << 20) + 1]);
    let fragments = [masked(0x01, b""), masked(0x00, b"").repeat(64)].concat();
    for (bytes, code) in [
        (b"\x81\x05Hello".as_slice(), 1002),
        (&masked(0xc1, b"rsv1"), 1002),
        (&masked(0x83, b"opcode"), 1002),
        (&masked(0x80, b"continues nothing"), 1002),
        (b"\x82\xfe\x00\x05", 1002),
        (b"\x82\xff\x80\0\0\0\0\0\0\0", 1002),
        (b"\x89\xfe\x00\x7e", 1002),
        (&masked(0x09, b"fragmented ping"), 1002),
        (&masked(0x81, b"\xff"), 1007),
        (b"\x81\xff\0\0\0\0\0\x01\0\0\0\0\0\0\xed\xa0", 1007),
        (&masked(0x88, b"\x03"), 1002),
        (&masked(0x88, &1005u16.to_be_bytes()), 1002),
        (&masked(0x88, b"\x03\xe8\xff"), 1007),
        (&big, 1009),
        (&fragments, 1008),
    ] {
        let mut client = server.connect();
        client.write(bytes);
        client.write(&masked(0x81, b"this is discarded"));
        client.expect_close(code);
        bystander.expect_echo("still here");
    }
}

#[test]
fn the_largest_message_allowed_passes() {
    let server = serve_echo(Config::default());
    let mut client = server.connect();
    let payload: Vec<u8> = (0..1 << 20).map(|i: u32| ((i * 7) >> 3) as u8).collect();
    client.frame(0x82, &payload);
    let frame = client.read_frame().unwrap();
    assert!(frame.first == 0x82 && frame.payload == payload);
}

#[test]
fn a_peer_that_sends_on_after_1009_still_reads_it() {
    let server = serve_echo(Config::default());
    let mut client = server.connect();
    // Decided on the header; the payload is on its way all the same.
    client.frame(0x82, &vec![0; 4 << 20]);
    client.expect_close(1009);
}

#[test]
fn connections_beyond_the_limit_wait_for_a_place() {
    let mut config = Config::default();
    config.connections = 2;
    let server = serve_echo(config);
    let first = server.connect();
    let mut second = server.connect();
    let mut third = server.connect_tcp();
    third.write(crate::server::UPGRADE.as_bytes());
    second.expect_echo("the place is taken");
    drop(first);
    assert!(third.read_head().starts_with("HTTP/1.1 101 "));
    third.expect_echo("now it is mine");
}

#[test]
fn too_many_connections_of_one_address_get_503() {
    let mut config = Config::default();
    config.connections_per_address = 1;
    let server = serve_echo(config);
    let mut first = server.connect();
    let response = server.connect_tcp().read_response();
    assert!(response.starts_with("HTTP/1.1 503 ") && response.contains("Retry-After: "), "{response}");
    first.frame(0x88, b"\x03\xe8");
    first.expect_close(1000);
    drop(first);
    // Its place is free once the server has seen the end of file.
    let mut head = String::new();
    while !head.starts_with("HTTP/1.1 101 ") {
        let mut next = server.connect_tcp();
        next.write(crate::server::UPGRADE.as_bytes());
        head = next.read_head();
    }
}

#[test]
fn memory_for_unfinished_messages_is_bounded_over_all_connections() {
    let mut config = Config::default();
    config.memory = 1 << 20;
    let server = serve_echo(config);
    let mut bystander = server.connect();
    let half = &masked(0x82, &vec![0; 700 << 10])[..690 << 10];
    let mut first = server.connect();
    first.write(half);
    bystander.expect_echo("one half is fine");
    let mut second = server.connect();
    second.write(half);
    second.expect_close(1013);
    bystander.expect_echo("still here");
}
