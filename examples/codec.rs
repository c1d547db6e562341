//! The protocol core without sockets: a request and frames as byte strings, in pieces as a network would cut them, and
//! what becomes of them.
//!
//! ```text
//! cargo run --example codec
//! cargo run --example codec --no-default-features
//! ```
//!
//! Takes the place of a server in twenty lines: this is all that your own event loop has to do.

use bowsprit::handshake::{Response, ServerHandshake};
use bowsprit::{Connection, Event, Limits, ReceiveBuffer, SendBuffer, Status};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    if let Some(argument) = std::env::args().nth(1) {
        println!("The protocol core without sockets. Takes no arguments.");
        std::process::exit(if argument == "--help" { 0 } else { 2 });
    }
    let (mut input, mut output) = (ReceiveBuffer::new(Limits::default()), SendBuffer::new());

    let mut handshake = ServerHandshake::new();
    let negotiated = loop {
        input.extend_from_slice(read("the request", REQUEST));
        if let Status::Complete(request) = handshake.receive(&mut input)? {
            println!("   {} {}", request.method(), request.target());
            break request.check_upgrade()?.accept(&Response::accept(), &mut output)?;
        }
    };
    write(&mut output);

    let mut conn = Connection::server(negotiated);
    for piece in FRAMES {
        input.extend_from_slice(read("frames", piece));
        while let Some(event) = conn.receive(&mut input, &mut output) {
            println!("   {event:?}");
            if let Event::Message(message) = event {
                conn.send(&message, &mut output)?;
            }
        }
        println!("   {:?}, {} bytes of an unfinished message", conn.state(), conn.assembled_len());
        write(&mut output);
    }
    Ok(())
}

const REQUEST: &[u8] = b"GET /chat HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

/// The examples of RFC 6455 §5.7, masked with 37 fa 21 3d, as a socket might bring them.
const FRAMES: [&[u8]; 4] = [
    b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", // a text in one frame
    b"\x01\x83\x37\xfa\x21\x3d\x7f\x9f\x4d\x89\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58\x80", // begun, and a ping between
    b"\x82\x37\xfa\x21\x3d\x5b\x95",     // its end, in the middle of a header
    b"\x88\x82\x37\xfa\x21\x3d\x34\x12", // a Close with code 1000
];

fn read<'a>(what: &str, bytes: &'a [u8]) -> &'a [u8] {
    println!("<- {what}: {}", bytes.escape_ascii());
    bytes
}

fn write(output: &mut SendBuffer) {
    if !output.is_empty() {
        println!("-> {}", output.pending().escape_ascii());
        output.consume(output.pending().len());
    }
}
