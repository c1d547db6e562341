//! Runs all cases of an Autobahn fuzzing server against the blocking client.
//!
//! ```text
//! kosoku -m fuzzingserver 127.0.0.1:9001
//! cargo run --release --features deflate --example autobahn_client -- --deflate 127.0.0.1:9001
//! ```
//!
//! `--deflate` offers permessage-deflate; without it the cases 12 and 13 are not for this client.
//!
//! The verdicts are in the server's report. Exit codes: 0 all cases were run and the report is written; 1 the server
//! did not play along; 2 wrong arguments.

use std::io::{self, Write};
use std::process::ExitCode;

use bowsprit::handshake::{ClientRequest, Uri};
use bowsprit::net::{Client, ClientConfig, ClientError};

const HELP: &str = "Runs all cases of an Autobahn fuzzing server.\n\nUsage: autobahn_client [--deflate] ADDR\n\n  \
    ADDR       the server's HOST:PORT\n  --deflate  offer compression [needs a build with --features deflate]\n  \
    --help     this text\n\n\
    Exit codes: 0 all cases were run, 1 the server did not play along, 2 wrong arguments.\n";

fn main() -> ExitCode {
    let mut config = ClientConfig::default();
    config.limits.message = 16 << 20;
    config.limits.frame = 16 << 20;
    config.read_timeout = Some(std::time::Duration::from_secs(60));
    let mut address = None;
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--help" | "-h" => {
                print!("{HELP}");
                return ExitCode::SUCCESS;
            }
            #[cfg(feature = "deflate")]
            "--deflate" => {
                // Every message goes through the compressor, so that the server sees it at work.
                let mut deflate = bowsprit::DeflateConfig::default();
                deflate.threshold = 0;
                config.deflate = Some(deflate);
            }
            #[cfg(not(feature = "deflate"))]
            "--deflate" => return wrong("--deflate needs a build with --features deflate"),
            flag if flag.starts_with('-') => return wrong(&format!("unknown argument {flag}")),
            _ if address.is_some() => return wrong("one ADDR is what it takes"),
            _ => address = Some(argument),
        }
    }
    let Some(address) = address else { return wrong("ADDR is what it takes") };
    match run(&address, &config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(1)
        }
    }
}

fn wrong(what: &str) -> ExitCode {
    eprintln!("{what}; try --help");
    ExitCode::from(2)
}

fn run(address: &str, config: &ClientConfig) -> Result<(), String> {
    let count = ask_count(address, config)?;
    println!("{count} cases");
    for case in 1..=count {
        // How a case ends is the server's to judge: many of them break the protocol, and the client must complain.
        match connect(address, &format!("runCase?case={case}&agent=bowsprit"), config) {
            Ok(client) => echo(client),
            Err(error) => return Err(format!("case {case}: {error}")),
        }
        print!("\r{case}");
        let _ = io::stdout().flush();
    }
    println!();
    match connect(address, "updateReports?agent=bowsprit", config).and_then(|mut client| client.receive().map(drop)) {
        // Some servers end with their report, and with no more words.
        Ok(()) | Err(ClientError::Lost(_)) => Ok(()),
        Err(error) => Err(format!("updateReports: {error}")),
    }
}

fn ask_count(address: &str, config: &ClientConfig) -> Result<u32, String> {
    let failed = |what: &dyn std::fmt::Display| format!("getCaseCount: {what}");
    let mut client = connect(address, "getCaseCount", config).map_err(|error| failed(&error))?;
    let answer = client.receive().map_err(|error| failed(&error))?;
    let text = answer.ok_or_else(|| failed(&"the server closed without an answer"))?.into_bytes();
    let number = std::str::from_utf8(&text).ok().and_then(|text| text.trim().parse().ok());
    number.ok_or_else(|| failed(&format_args!("{} is no number", text.escape_ascii())))
}

fn connect(address: &str, path: &str, config: &ClientConfig) -> Result<Client, ClientError> {
    Client::connect_with(&ClientRequest::new(Uri::parse(&format!("ws://{address}/{path}"))?), config)
}

fn echo(mut client: Client) {
    let (mut incoming, outgoing) = client.halves();
    while let Ok(Some(message)) = incoming.receive() {
        // After the server's Close, or a reset, there is no sending; receiving tells why.
        let _ = outgoing.send(message);
    }
}
