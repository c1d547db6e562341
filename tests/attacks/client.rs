//! Attacks on clients: by the server they talk to.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::thread;

use bowsprit::handshake::{ClientRequest, Uri, accept_key};
use bowsprit::net::{Client, ClientConfig, ClientError};
use bowsprit::{HandshakeError, ProtocolError};

use crate::server::PATIENCE;

/// What a client makes of this answer, in which `ACCEPT` stands for the right Sec-WebSocket-Accept, and what it sends.
fn answered(answer: &[u8]) -> (Result<Client, ClientError>, thread::JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = ClientConfig::default();
    config.one_at_a_time = false;
    let request = ClientRequest::new(Uri::parse(&format!("ws://{}/", listener.local_addr().unwrap())).unwrap());
    let answer = answer.to_vec();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap();
        let key = head.split("Sec-WebSocket-Key: ").nth(1).unwrap().split("\r\n").next().unwrap();
        let place = answer.windows(6).position(|window| window == b"ACCEPT");
        let answer = match place {
            Some(at) => [&answer[..at], accept_key(key).as_bytes(), &answer[at + 6..]].concat(),
            None => answer,
        };
        // The client may have had enough before the end of it.
        let _ = stream.write_all(&answer);
        let _ = stream.shutdown(Shutdown::Write);
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
        rest
    });
    (Client::connect_with(&request, &config), server)
}

/// A 101 with further lines.
fn switching(lines: &str) -> String {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: ACCEPT\r\n{lines}\r\n"
    )
}

#[track_caller]
fn refuses(answer: &str, expected: HandshakeError) {
    let (client, server) = answered(answer.as_bytes());
    match client {
        Err(ClientError::Handshake(error)) => assert_eq!(error, expected, "{answer:.100}"),
        Err(ClientError::Refused(refusal)) => {
            assert_eq!((expected, refusal.status()), (HandshakeError::NotSwitched, 200))
        }
        other => panic!("{answer:.100}: {other:?}"),
    }
    assert_eq!(server.join().unwrap(), b"", "not a byte more is sent");
}

#[test]
fn a23_a_masked_frame_from_a_server_fails_the_client() {
    let (client, server) = answered(&[switching("").as_bytes(), b"\x81\x80\0\0\0\0"].concat());
    let error = client.unwrap().receive().map(|_| ()).unwrap_err();
    assert!(matches!(error, ClientError::Protocol(ref failure) if failure.error == ProtocolError::Masked), "{error:?}");
    let sent = server.join().unwrap();
    assert_eq!(sent[0], 0x88, "it says why");
}

#[test]
fn a45_an_extension_that_was_not_asked_for_fails_the_client() {
    for params in ["", "; server_max_window_bits=7", "; client_max_window_bits=16", "; server_max_window_bits=\"08\""] {
        let lines = format!("Sec-WebSocket-Extensions: permessage-deflate{params}\r\n");
        refuses(&switching(&lines), HandshakeError::ExtensionNotOffered);
    }
}

#[test]
fn a59_answers_that_mislead_fail_the_client() {
    // A redirect is not followed.
    let (client, server) = answered(b"HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n");
    match client {
        Err(ClientError::Refused(refusal)) => assert_eq!(refusal.status(), 302),
        other => panic!("{other:?}"),
    }
    assert_eq!(server.join().unwrap(), b"");
    refuses(&switching("Content-Length: 5\r\n"), HandshakeError::BodyNotAllowed);
    refuses(&switching("Transfer-Encoding: chunked\r\n"), HandshakeError::BodyNotAllowed);
    refuses(&switching("").replacen("101", "200", 1), HandshakeError::NotSwitched);
    refuses(&format!("HTTP/1.1 404 Not Found\r\nX: {}", "x".repeat(10 << 20)), HandshakeError::HeadTooLong);
}
