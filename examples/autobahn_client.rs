//! Runs all cases of an Autobahn fuzzing server against the blocking client.
//!
//! ```text
//! kosoku -m fuzzingserver 127.0.0.1:9001
//! cargo run --release --features deflate --example autobahn_client -- 127.0.0.1:9001
//! ```
//!
//! The feature `deflate` offers permessage-deflate; without it the cases 12 and 13 are not for this client.
//!
//! The verdicts are in the server's report. Exit codes: 0 all cases were run and the report is written; 1 the server
//! did not play along; 2 wrong arguments.

use std::io::{self, Write};
use std::process::ExitCode;

use bowsprit::handshake::{ClientRequest, Uri};
use bowsprit::net::{Client, ClientConfig, ClientError};

const HELP: &str = "Runs all cases of an Autobahn fuzzing server.\n\nUsage: autobahn_client ADDR\n\n  \
    ADDR    the server's HOST:PORT\n  --help  this text\n\n\
    Exit codes: 0 all cases were run, 1 the server did not play along, 2 wrong arguments.\n";

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match &arguments[..] {
        [help] if help == "--help" || help == "-h" => {
            print!("{HELP}");
            ExitCode::SUCCESS
        }
        [address] if !address.starts_with('-') => match run(address) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{error}");
                ExitCode::from(1)
            }
        },
        _ => {
            eprintln!("ADDR is what it takes; try --help");
            ExitCode::from(2)
        }
    }
}

fn run(address: &str) -> Result<(), String> {
    let count = ask_count(address)?;
    println!("{count} cases");
    for case in 1..=count {
        // How a case ends is the server's to judge: many of them break the protocol, and the client must complain.
        match connect(address, &format!("runCase?case={case}&agent=bowsprit")) {
            Ok(client) => echo(client),
            Err(error) => return Err(format!("case {case}: {error}")),
        }
        print!("\r{case}");
        let _ = io::stdout().flush();
    }
    println!();
    match connect(address, "updateReports?agent=bowsprit").and_then(|mut client| client.receive().map(drop)) {
        // Some servers end with their report, and with no more words.
        Ok(()) | Err(ClientError::Lost(_)) => Ok(()),
        Err(error) => Err(format!("updateReports: {error}")),
    }
}

fn ask_count(address: &str) -> Result<u32, String> {
    let failed = |what: &dyn std::fmt::Display| format!("getCaseCount: {what}");
    let mut client = connect(address, "getCaseCount").map_err(|error| failed(&error))?;
    let answer = client.receive().map_err(|error| failed(&error))?;
    let text = answer.ok_or_else(|| failed(&"the server closed without an answer"))?.into_bytes();
    let number = std::str::from_utf8(&text).ok().and_then(|text| text.trim().parse().ok());
    number.ok_or_else(|| failed(&format_args!("{} is no number", text.escape_ascii())))
}

fn connect(address: &str, path: &str) -> Result<Client, ClientError> {
    let mut config = ClientConfig::default();
    config.limits.message = 16 << 20;
    config.limits.frame = 16 << 20;
    config.read_timeout = Some(std::time::Duration::from_secs(60));
    #[cfg(feature = "deflate")]
    {
        // Every message goes through the compressor, so that the server sees it at work.
        let mut deflate = bowsprit::DeflateConfig::default();
        deflate.threshold = 0;
        config.deflate = Some(deflate);
    }
    Client::connect_with(&ClientRequest::new(Uri::parse(&format!("ws://{address}/{path}"))?), &config)
}

fn echo(mut client: Client) {
    let (mut incoming, outgoing) = client.halves();
    while let Ok(Some(message)) = incoming.receive() {
        // After the server's Close, or a reset, there is no sending; receiving tells why.
        let _ = outgoing.send(message);
    }
}
