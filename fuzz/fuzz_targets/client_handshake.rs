//! Any bytes as a server's answer, in any parts: the same verdict whatever the parts, and nothing but a 101 that keeps
//! every rule opens a connection.
//!
//! The first byte chooses the size of the parts.
#![no_main]

use bowsprit::handshake::{ClientRequest, Uri};
use bowsprit::{HandshakeError, Limits, ReceiveBuffer, SendBuffer, Status};
use libfuzzer_sys::fuzz_target;

#[derive(Debug, PartialEq)]
enum Verdict {
    Partial,
    Refused(HandshakeError),
    Read { answer: String, opened: Result<Option<String>, HandshakeError>, behind: usize },
}

fn verdict(parts: &[&[u8]], limits: &Limits) -> Verdict {
    let uri = Uri::parse("ws://example.com/chat").expect("a valid URI");
    // With this nonce the key is that of RFC 6455 §1.3.
    let mut handshake = ClientRequest::new(uri)
        .subprotocol("chat")
        .start(*b"the sample nonce", &mut SendBuffer::new())
        .expect("a valid request");
    let mut input = ReceiveBuffer::new(limits.clone());
    let mut later = parts.iter().map(|part| part.len()).sum::<usize>();
    for part in parts {
        input.extend_from_slice(part);
        later -= part.len();
        let (answer, opened) = match handshake.receive(&mut input) {
            Ok(Status::Partial) => continue,
            Err(error) => return Verdict::Refused(error),
            Ok(Status::Complete(answer)) => {
                let opened = answer.check_upgrade().map(|negotiated| negotiated.subprotocol().map(String::from));
                assert!(opened.is_err() || answer.status() == 101);
                let mut seen = format!("{} {}", answer.status(), answer.minor_version());
                for (name, value) in answer.headers() {
                    seen.push_str(&format!("\n{name}: {value:?}"));
                }
                (seen, opened)
            }
        };
        return Verdict::Read { answer, opened, behind: input.unread().len() + later };
    }
    Verdict::Partial
}

fuzz_target!(|input: &[u8]| {
    let Some((&size, bytes)) = input.split_first() else { return };
    let mut limits = Limits::default();
    limits.head = 400;
    limits.headers = 12;
    let parts: Vec<&[u8]> = bytes.chunks(usize::from(size).max(1)).collect();
    assert_eq!(verdict(&parts, &limits), verdict(&[bytes], &limits));
});
