//! Sends lines and prints messages.
//!
//! ```text
//! cargo run --example client -- ws://127.0.0.1:9001/
//! ```
//!
//! Each line of the standard input goes out as text. At its end the connection is closed.

use std::io::{self, BufRead};
use std::process;
use std::thread;

use bowsprit::net::{Client, ClientError, Incoming, Outgoing};
use bowsprit::{CloseCode, Message};

const HELP: &str = "Sends lines and prints messages.\n\nUsage: client [URI]\n\n  \
    URI     where to connect to [default: ws://127.0.0.1:9001/]\n  --help  this text";

fn main() {
    let uri = std::env::args().nth(1).unwrap_or_else(|| "ws://127.0.0.1:9001/".into());
    match &*uri {
        "--help" | "-h" => println!("{HELP}"),
        option if option.starts_with('-') => {
            eprintln!("unknown argument {option}; try --help");
            process::exit(2);
        }
        uri => {
            if let Err(error) = talk(uri) {
                eprintln!("{error}");
                process::exit(1);
            }
        }
    }
}

fn talk(uri: &str) -> Result<(), ClientError> {
    let mut client = Client::connect(uri)?;
    eprintln!("connected to {}", client.peer_addr());
    let (incoming, outgoing) = client.halves();
    thread::scope(|scope| {
        scope.spawn(move || {
            if let Err(error) = send_lines(outgoing) {
                eprintln!("{error}");
            }
        });
        let status = match print_messages(incoming) {
            Ok(()) => 0,
            Err(error) => {
                eprintln!("{error}");
                1
            }
        };
        // The thread may be waiting for a line that never comes.
        process::exit(status);
    })
}

fn send_lines(outgoing: Outgoing<'_>) -> Result<(), ClientError> {
    for line in io::stdin().lock().lines().map_while(Result::ok) {
        outgoing.send(&line)?;
    }
    outgoing.close(CloseCode::NORMAL, "end of input")
}

fn print_messages(mut incoming: Incoming<'_>) -> Result<(), ClientError> {
    while let Some(message) = incoming.receive()? {
        match message {
            Message::Text(text) => println!("{}", &*text),
            Message::Binary(bytes) => println!("({} bytes)", bytes.len()),
        }
    }
    Ok(())
}
