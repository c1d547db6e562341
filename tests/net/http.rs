//! One port for WebSocket and plain HTTP.

use bowsprit::net::Config;

use crate::server::{Reporter, serve};

fn ask(request: &str) -> String {
    let server = serve(Config::default(), || Reporter::new().0);
    let mut client = server.connect_tcp();
    client.write(request.as_bytes());
    client.read_response()
}

#[test]
fn a_get_is_answered_and_the_connection_closed_if_it_asks_so() {
    let response = ask("GET /page HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert_eq!(
        response,
        "HTTP/1.1 200 OK\r\nContent-Length: 12\r\nConnection: close\r\nContent-Type: text/html\r\n\r\n<p>hello</p>"
    );
}

#[test]
fn a_head_is_a_get_without_its_body() {
    let response = ask("HEAD /page HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert!(response.starts_with("HTTP/1.1 200 OK\r\nContent-Length: 12\r\n") && response.ends_with("\r\n\r\n"));
}

#[test]
fn a_large_body_arrives_whole() {
    let response = ask("GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("Content-Length: 8388608"));
    assert_eq!(body.len(), 8 << 20);
}

#[test]
fn other_paths_are_404() {
    assert!(
        ask("GET /nothing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").starts_with("HTTP/1.1 404 Not Found\r\n")
    );
}

#[test]
fn a_panic_costs_one_request() {
    let server = serve(Config::default(), || Reporter::new().0);
    for _ in 0..3 {
        let mut client = server.connect_tcp();
        client.write(b"GET /panic HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        assert!(client.read_response().starts_with("HTTP/1.1 500 "));
    }
    server.connect();
}

fn upgrade(path: &str, more: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{more}\r\n"
    )
}

#[test]
fn the_application_rejects_with_a_status() {
    let response = ask(&upgrade("/forbidden", ""));
    assert!(response.starts_with("HTTP/1.1 403 Forbidden\r\n") && response.ends_with("\r\n\r\nno entry\n"));
}

#[test]
fn the_application_chooses_a_subprotocol_and_adds_headers() {
    let server = serve(Config::default(), || Reporter::new().0);
    let mut client = server.connect_tcp();
    client.write(upgrade("/chat", "Sec-WebSocket-Protocol: chat.v1, chat.v2\r\n").as_bytes());
    let head = client.read_head();
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    assert!(head.contains("Sec-WebSocket-Protocol: chat.v2\r\n") && head.contains("X-Room: 7\r\n"), "{head}");
    client.text("echo hello");
    client.expect_text("hello");
}

#[test]
fn what_the_application_must_not_answer_becomes_500() {
    assert!(ask(&upgrade("/chat", "")).starts_with("HTTP/1.1 500 "), "a subprotocol that was not offered");
    let response = ask(&upgrade("/injected", ""));
    assert!(response.starts_with("HTTP/1.1 500 ") && !response.contains("Set-Cookie"), "a line break in a header");
    assert!(ask(&upgrade("/panic", "")).starts_with("HTTP/1.1 500 "), "a panic");
}

#[test]
fn pages_of_other_origins_are_refused() {
    assert!(ask(&upgrade("/", "Origin: https://evil.example\r\n")).starts_with("HTTP/1.1 403 "));
    let server = serve(Config::default(), || Reporter::new().0);
    let mut client = server.connect_tcp();
    client.write(upgrade("/", "Origin: http://a\r\n").as_bytes());
    assert!(client.read_head().starts_with("HTTP/1.1 101 "));
}

#[test]
fn frames_behind_the_request_in_one_segment_are_read() {
    let server = serve(Config::default(), || Reporter::new().0);
    let mut client = server.connect_tcp();
    let mut bytes = upgrade("/", "").into_bytes();
    bytes.extend(crate::server::masked(0x81, b"echo early"));
    client.write(&bytes);
    assert!(client.read_head().starts_with("HTTP/1.1 101 "));
    client.expect_text("early");
}

#[test]
fn a_request_byte_by_byte_is_read() {
    let server = serve(Config::default(), || Reporter::new().0);
    let mut client = server.connect_tcp();
    for byte in upgrade("/", "").as_bytes().chunks(1) {
        client.write(byte);
    }
    assert!(client.read_head().starts_with("HTTP/1.1 101 "));
    client.text("echo late");
    client.expect_text("late");
}
