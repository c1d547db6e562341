//! Any bytes from a client, received in parts and received whole: the parts joined are the messages, and both end alike.
//!
//! The first byte chooses the size of the reads.
#![no_main]

use bowsprit::{Connection, Event, Limits, Negotiated, ReceiveBuffer, SendBuffer};
use libfuzzer_sys::fuzz_target;

/// The messages that ended, in order, what came of the rest, and what was sent.
fn run(reads: &[&[u8]], in_parts: bool) -> (Vec<Vec<u8>>, String, Vec<u8>) {
    let mut limits = Limits::default();
    limits.message = 300;
    limits.frame = 250;
    limits.fragments = 20;
    limits.empty_fragments = 3;
    let (mut input, mut output) = (ReceiveBuffer::new(limits), SendBuffer::new());
    let mut conn = Connection::server(Negotiated::none());
    conn.receive_parts(in_parts);
    let (mut messages, mut open, mut others) = (Vec::new(), Vec::new(), String::new());
    for read in reads {
        input.extend_from_slice(read);
        while let Some(event) = conn.receive(&mut input, &mut output) {
            match event {
                Event::Message(message) => {
                    open.extend_from_slice(message.as_bytes());
                    if !conn.has_more_parts() {
                        messages.push(std::mem::take(&mut open));
                    }
                }
                other => others.push_str(&format!("{other:?} ")),
            }
        }
    }
    others.push_str(&conn.bytes_received().to_string());
    (messages, others, output.pending().to_vec())
}

fuzz_target!(|input: &[u8]| {
    let Some((&size, bytes)) = input.split_first() else { return };
    let reads: Vec<&[u8]> = bytes.chunks(usize::from(size).max(1)).collect();
    assert_eq!(run(&reads, true), run(&[bytes], false));
});
