//! Any bytes as a client's request, in any parts: the same verdict whatever the parts; what is accepted is answered with
//! one 101 and leaves the bytes behind the head untouched; what is refused is answered with an error.
//!
//! The first byte chooses the size of the parts.
#![no_main]

use bowsprit::handshake::{OriginPolicy, Response, ServerHandshake};
use bowsprit::{HandshakeError, Limits, ReceiveBuffer, SendBuffer, Status};
use libfuzzer_sys::fuzz_target;

#[derive(Debug, PartialEq)]
enum Verdict {
    Partial,
    Refused(HandshakeError),
    Read { request: String, upgrade: Result<(), HandshakeError>, behind: usize },
}

fn verdict(parts: &[&[u8]], limits: &Limits) -> Verdict {
    let mut handshake = ServerHandshake::new();
    let mut input = ReceiveBuffer::new(limits.clone());
    let mut later = parts.iter().map(|part| part.len()).sum::<usize>();
    for part in parts {
        input.extend_from_slice(part);
        later -= part.len();
        let (request, upgrade) = match handshake.receive(&mut input) {
            Ok(Status::Partial) => continue,
            Err(error) => {
                refuse(error);
                assert!(handshake.receive(&mut input).is_err());
                return Verdict::Refused(error);
            }
            Ok(Status::Complete(request)) => {
                let mut output = SendBuffer::new();
                let upgrade = request.check_upgrade().map(|upgrade| {
                    let response = match request.subprotocols().next() {
                        Some(name) => Response::accept().subprotocol(name),
                        None => Response::accept(),
                    };
                    upgrade.accept(&response, &mut output).expect("the subprotocol was offered");
                    let answer = output.pending();
                    assert!(answer.starts_with(b"HTTP/1.1 101 ") && answer.ends_with(b"\r\n\r\n"));
                    assert_eq!(answer.windows(4).filter(|end| end == b"\r\n\r\n").count(), 1);
                });
                if let Err(error) = upgrade {
                    refuse(error);
                }
                OriginPolicy::SameHost.allows(&request);
                let _ = request.check_plain();
                let mut seen = format!("{} {} {}", request.method(), request.target(), request.minor_version());
                for (name, value) in request.headers() {
                    seen.push_str(&format!("\n{name}: {value:?}"));
                }
                for extension in request.extensions() {
                    seen.push_str(&format!("\n{} {:?}", extension.name(), extension.params().collect::<Vec<_>>()));
                }
                (seen, upgrade)
            }
        };
        return Verdict::Read { request, upgrade, behind: input.unread().len() + later };
    }
    Verdict::Partial
}

/// The answer to a refusal is one whole response that says no.
fn refuse(error: HandshakeError) {
    let mut output = SendBuffer::new();
    error.response().encode(&mut output).expect("the library's own answer");
    assert!(output.pending().starts_with(b"HTTP/1.1 4"));
}

fuzz_target!(|input: &[u8]| {
    let Some((&size, bytes)) = input.split_first() else { return };
    let mut limits = Limits::default();
    limits.request_line = 60;
    limits.head = 400;
    limits.headers = 12;
    let parts: Vec<&[u8]> = bytes.chunks(usize::from(size).max(1)).collect();
    assert_eq!(verdict(&parts, &limits), verdict(&[bytes], &limits));
});
