//! Sends lines and prints messages.
//!
//! ```text
//! cargo run --example client -- ws://127.0.0.1:9001/
//! cargo run --example client -- --frames --subprotocol chat --header 'Authorization: Bearer 31d4' ws://127.0.0.1:9001/
//! ```
//!
//! With `--deflate`, in a build with `--features deflate`, it offers permessage-deflate and says what each message took:
//!
//! ```text
//! cargo run --features deflate --example client -- --deflate ws://127.0.0.1:9001/
//! ```
//!
//! Each line of the standard input goes out as a message, and each message that arrives is printed: text as it is,
//! binary as hexadecimal digits. At the end of the input the connection is closed.

mod frames;

use std::io::{self, BufRead};
use std::process;
use std::thread;

use bowsprit::handshake::{ClientRequest, Uri};
use bowsprit::net::{Client, ClientConfig, ClientError, Direction, Incoming, Outgoing, Stage};
use bowsprit::{CloseCode, Message};

use frames::Wire;

const HELP: &str = "\
Sends lines and prints messages.

Usage: client [OPTIONS] [URI]

  URI                     where to connect to [default: ws://127.0.0.1:9001/]
  --header 'NAME: VALUE'  a field of the request; may be repeated
  --subprotocol NAME      a subprotocol to offer; may be repeated, the best first
  --binary                lines are hexadecimal digits and go out as binary messages
  --deflate               offer compression, and show what each message took on standard error
                          [needs a build with --features deflate]
  --frames                show every frame on standard error: opcode, length, close code in words
  --help                  this text

Exit codes:
  0  the connection was closed with 1000 or 1001, or without a code
  1  the connection was lost, or closed with another code
  2  wrong arguments
  3  no connection: the host is not found, does not answer, or refuses
  4  the server broke a rule of the protocol
";

fn main() {
    process::exit(match arguments(std::env::args().skip(1)) {
        Ok(Some(Arguments { request, mut config, binary, deflate, frames })) => {
            let wire = Wire::new(frames, deflate);
            config.tap = (frames || deflate).then(|| wire.tap());
            match Client::connect_with(&request, &config) {
                Ok(mut client) => talk(&mut client, binary, deflate.then_some(&wire)),
                Err(error) => complain(&error),
            }
        }
        Ok(None) => {
            print!("{HELP}");
            0
        }
        Err(what) => {
            eprintln!("{what}; try --help");
            2
        }
    });
}

struct Arguments {
    request: ClientRequest,
    config: ClientConfig,
    binary: bool,
    deflate: bool,
    frames: bool,
}

fn arguments(mut given: impl Iterator<Item = String>) -> Result<Option<Arguments>, String> {
    let (mut binary, mut deflate, mut frames, mut uri) = (false, false, false, None);
    let (mut headers, mut subprotocols) = (Vec::new(), Vec::new());
    while let Some(argument) = given.next() {
        let mut value = || given.next().ok_or_else(|| format!("{argument} needs a value"));
        match &*argument {
            "--help" | "-h" => return Ok(None),
            "--header" => headers.push(value()?),
            "--subprotocol" => subprotocols.push(value()?),
            "--binary" => binary = true,
            "--deflate" if cfg!(feature = "deflate") => deflate = true,
            "--deflate" => return Err("--deflate needs a build with --features deflate".into()),
            "--frames" => frames = true,
            option if option.starts_with('-') => return Err(format!("unknown argument {option}")),
            _ if uri.is_some() => return Err(format!("{argument} is one argument too many")),
            _ => uri = Some(argument),
        }
    }
    let uri = uri.unwrap_or_else(|| "ws://127.0.0.1:9001/".into());
    let mut request = ClientRequest::new(Uri::parse(&uri).map_err(|error| format!("{uri}: {error}"))?);
    for name in &subprotocols {
        request = request.subprotocol(name);
    }
    for header in &headers {
        let (name, value) = header.split_once(':').ok_or_else(|| format!("{header} has no colon"))?;
        request = request.header(name, value.trim());
    }
    Ok(Some(Arguments { request, config: config(deflate), binary, deflate, frames }))
}

#[cfg(feature = "deflate")]
fn config(deflate: bool) -> ClientConfig {
    let mut config = ClientConfig::default();
    config.deflate = deflate.then(bowsprit::DeflateConfig::default);
    config
}

#[cfg(not(feature = "deflate"))]
fn config(_: bool) -> ClientConfig {
    ClientConfig::default()
}

/// Returns the exit code. With `sizes`, shows what each message takes on the wire.
fn talk(client: &mut Client, binary: bool, sizes: Option<&Wire>) -> i32 {
    let subprotocol = client.subprotocol().map(|name| format!(", subprotocol {name}")).unwrap_or_default();
    eprintln!("connected to {}{subprotocol}", client.peer_addr());
    let (mut incoming, outgoing) = client.halves();
    thread::scope(|scope| {
        scope.spawn(move || {
            if let Err(error) = send_lines(outgoing, binary, sizes) {
                eprintln!("{error}");
            }
        });
        let code = match print_messages(&mut incoming, sizes) {
            Ok(()) => closed(incoming.close_code(), incoming.close_reason()),
            Err(error) => complain(&error),
        };
        // The thread may be waiting for a line that never comes.
        process::exit(code)
    })
}

fn send_lines(outgoing: Outgoing<'_>, binary: bool, sizes: Option<&Wire>) -> Result<(), ClientError> {
    for line in io::stdin().lock().lines() {
        let sent = match line {
            Ok(line) if !binary => outgoing.send(&line).map(|()| line.len()),
            Ok(line) => match bytes_of(&line) {
                Some(bytes) => outgoing.send(&*bytes).map(|()| bytes.len()),
                None => {
                    eprintln!("not sent, for it is not pairs of hexadecimal digits: {line}");
                    continue;
                }
            },
            Err(error) => {
                eprintln!("standard input: {error}");
                break;
            }
        }?;
        if let Some(wire) = sizes {
            wire.show_message(Direction::Out, sent);
        }
    }
    outgoing.close(CloseCode::NORMAL, "end of input")
}

fn bytes_of(line: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<_>> = line.chars().filter(|c| *c != ' ').map(|c| c.to_digit(16)).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    Some(digits.chunks_exact(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect())
}

fn print_messages(incoming: &mut Incoming<'_>, sizes: Option<&Wire>) -> Result<(), ClientError> {
    while let Some(message) = incoming.receive()? {
        if let Some(wire) = sizes {
            wire.show_message(Direction::In, message.as_bytes().len());
        }
        match message {
            Message::Text(text) => println!("{}", &*text),
            Message::Binary(bytes) => {
                let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                println!("{digits}");
            }
        }
    }
    Ok(())
}

fn closed(code: CloseCode, reason: &str) -> i32 {
    eprintln!("closed: {}", frames::close_in_words(code, reason));
    match code {
        CloseCode::NORMAL | CloseCode::GOING_AWAY | CloseCode::NO_STATUS => 0,
        _ => 1,
    }
}

fn complain(error: &ClientError) -> i32 {
    eprintln!("{error}");
    match error {
        // The command line is what asks for these.
        ClientError::Usage(_) | ClientError::TlsUnsupported => 2,
        ClientError::Resolve(_) | ClientError::Connect(_) | ClientError::Refused(_) => 3,
        ClientError::TimedOut(Stage::Connect | Stage::Handshake) => 3,
        ClientError::Handshake(_) | ClientError::Protocol(_) => 4,
        _ => 1,
    }
}
