//! Any extensions, offered to a server and answered to a client: what a server answers, the client that made a valid
//! offer accepts, and nothing is agreed on that the fields do not say.
//!
//! The first byte is the settings; the rest is the value of Sec-WebSocket-Extensions.
#![no_main]

use bowsprit::handshake::{ClientRequest, Request, Response, Uri};
use bowsprit::{DeflateConfig, DeflateParams, Limits, ReceiveBuffer, SendBuffer, Status};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((&how, value)) = bytes.split_first() else { return };
    let mut config = DeflateConfig::default();
    config.send_takeover = how & 1 != 0;
    config.receive_takeover = how & 2 != 0;
    config.send_window_bits = 8 + (how >> 2 & 7);
    config.receive_window_bits = 8 + (how >> 5);

    let head: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Extensions: ";
    let head = [head, value, b"\r\n\r\n"].concat();
    if let Ok(Status::Complete((request, _))) = Request::parse(&head, &Limits::default()) {
        if let Ok(upgrade) = request.check_upgrade() {
            let mut output = SendBuffer::new();
            let negotiated = upgrade.accept(&Response::accept().deflate(&config), &mut output).expect("acceptable");
            let answer = core::str::from_utf8(output.pending()).expect("ASCII");
            let line = answer.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Extensions: "));
            assert_eq!(line.is_some(), negotiated.deflate().is_some());
            if let (Some(line), Some(params)) = (line, negotiated.deflate()) {
                check(line, params);
                assert!(config.send_takeover || params.server_no_context_takeover);
                assert!(params.server_max_window_bits <= config.send_window_bits.max(9));
                let offered = value.windows(22).any(|name| name == b"client_max_window_bits");
                assert!(offered || !line.contains("client_max_window_bits"));
            }
        }
    }

    let uri = Uri::parse("ws://a/").expect("a valid URI");
    let nonce = *b"the sample nonce";
    let mut handshake =
        ClientRequest::new(uri).deflate(&config).start(nonce, &mut SendBuffer::new()).expect("a valid request");
    let head: &[u8] = b"HTTP/1.1 101 Go\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Extensions: ";
    let mut input = ReceiveBuffer::new(Limits::default());
    input.extend_from_slice(&[head, value, b"\r\n\r\n"].concat());
    if let Ok(Status::Complete(answer)) = handshake.receive(&mut input) {
        if let Ok(negotiated) = answer.check_upgrade() {
            if let Some(params) = negotiated.deflate() {
                assert!(config.receive_takeover || params.server_no_context_takeover);
                assert!(config.send_takeover || params.client_no_context_takeover);
                assert!(params.server_max_window_bits <= config.receive_window_bits.max(9));
                assert!(params.client_max_window_bits <= config.send_window_bits.max(9));
            }
        }
    }
});

/// What was agreed on is what the line says.
fn check(line: &str, params: DeflateParams) {
    let bits = |name: &str| {
        let param = line.split("; ").find_map(|param| param.strip_prefix(name)?.strip_prefix('='));
        param.map_or(15, |bits| bits.parse().expect("a number"))
    };
    assert_eq!(params.server_max_window_bits, bits("server_max_window_bits"));
    assert_eq!(params.client_max_window_bits, bits("client_max_window_bits"));
    assert_eq!(params.server_no_context_takeover, line.contains("server_no_context_takeover"));
    assert_eq!(params.client_no_context_takeover, line.contains("client_no_context_takeover"));
}
