//! The negotiation of permessage-deflate, by what is offered and answered.

use bowsprit::handshake::Response;
use bowsprit::{DeflateConfig, DeflateParams, HandshakeError, Limits, ReceiveBuffer, SendBuffer, Status};

use super::answer::{NONCE, answer_and, request, start};
use super::handshake::{accept, good_and};
use super::vectors;

/// What a server with these settings answers to the offers on these lines: the extensions, if it names some, and what
/// was agreed on.
pub fn answered(config: &DeflateConfig, offers: &[&str]) -> Option<(String, DeflateParams)> {
    let lines: Vec<String> = offers.iter().map(|line| format!("Sec-WebSocket-Extensions: {line}")).collect();
    let request = good_and(lines.join("\r\n"));
    let (answer, negotiated) = accept(&request, &Response::accept().deflate(config)).unwrap();
    let mut named = answer.split("\r\n").filter_map(|line| line.strip_prefix("Sec-WebSocket-Extensions: "));
    let named = named.next().map(str::to_owned).inspect(|_| assert_eq!(named.next(), None));
    assert_eq!(named.is_some(), negotiated.deflate().is_some());
    let answered = named.zip(negotiated.deflate());
    vectors::of_offers(config, offers, answered.as_ref());
    answered
}

/// What a client with these settings makes of an answer with these extensions.
pub fn agreed(config: &DeflateConfig, extensions: &str) -> Result<Option<DeflateParams>, HandshakeError> {
    let agreed = agreed_on(config, extensions);
    vectors::of_deflate_answer(config, &offered(config), extensions, &agreed);
    agreed
}

fn agreed_on(config: &DeflateConfig, extensions: &str) -> Result<Option<DeflateParams>, HandshakeError> {
    let mut output = SendBuffer::new();
    let mut handshake = request("ws://server.example.com/chat").deflate(config).start(NONCE, &mut output).unwrap();
    let mut input = ReceiveBuffer::new(Limits::default());
    input.extend_from_slice(&answer_and(format!("Sec-WebSocket-Extensions: {extensions}")));
    let Status::Complete(answer) = handshake.receive(&mut input)? else { panic!("half an answer") };
    Ok(answer.check_upgrade()?.deflate())
}

/// What a client with these settings offers.
pub fn offered(config: &DeflateConfig) -> String {
    let request = start(&request("ws://server.example.com/chat").deflate(config)).unwrap();
    let line = request.split("\r\n").find_map(|line| line.strip_prefix("Sec-WebSocket-Extensions: "));
    line.expect("an offer").to_owned()
}
