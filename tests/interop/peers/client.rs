//! Our blocking client against the servers of other implementations: `peer_client HOST:PORT`. README.md has the paths.

use std::process::ExitCode;

use bowsprit::handshake::{ClientRequest, Uri};
use bowsprit::net::{Client, ClientConfig, ClientError};
use bowsprit::{CloseCode, Kind};

#[path = "cases.rs"]
mod cases;
use cases::{CODES, FRAGMENTS, SIZES, binary, fragment, fragment_of_text, reason, text};

fn main() -> ExitCode {
    let address = std::env::args().nth(1).expect("peer_client HOST:PORT");
    match run(&address) {
        Ok(checks) => {
            println!("passed: {checks} checks of our client");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("our client: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(address: &str) -> Result<u32, ClientError> {
    let mut checks = 0;
    for path in ["/echo", "/fragments"] {
        let mut client = connect(address, path, &[])?;
        for len in SIZES {
            let (text, binary) = (text(len), binary(len));
            client.send(&text)?;
            expect(&mut client, Kind::Text, text.as_bytes())?;
            client.send(&binary)?;
            expect(&mut client, Kind::Binary, &binary)?;
            for i in 0..FRAGMENTS {
                client.send_part(fragment_of_text(&text, i), i + 1 == FRAGMENTS)?;
                client.ping(&[i as u8])?;
            }
            expect(&mut client, Kind::Text, text.as_bytes())?;
            for i in 0..FRAGMENTS {
                client.send_part(fragment(&binary, i), i + 1 == FRAGMENTS)?;
                client.ping(b"")?;
            }
            expect(&mut client, Kind::Binary, &binary)?;
            checks += 4;
        }
        client.close(CloseCode::NORMAL, "")?;
        assert!(client.receive()?.is_none());
    }
    for code in CODES {
        let mut client = connect(address, &format!("/close/{code}"), &[])?;
        assert!(client.receive()?.is_none());
        assert_eq!((client.close_code().as_u16(), client.close_reason()), (code, &*reason(code)));

        let mut client = connect(address, "/echo", &[])?;
        client.close(CloseCode::new(code), &reason(code))?;
        assert!(client.receive()?.is_none());
        assert_eq!(client.close_code().as_u16(), code, "a Close is answered with its code (§5.5.1)");
        let mut client = connect(address, "/last", &[])?;
        expect(&mut client, Kind::Text, format!("{code} {}", reason(code)).as_bytes())?;
        checks += 2;
    }
    assert_eq!(connect(address, "/echo", &["chat.v1", "chat.v2"])?.subprotocol(), Some("chat.v2"));
    assert_eq!(connect(address, "/echo", &[])?.subprotocol(), None);
    Ok(checks + 2)
}

fn connect(address: &str, path: &str, subprotocols: &[&str]) -> Result<Client, ClientError> {
    let mut config = ClientConfig::default();
    config.limits.message = 16 << 20;
    config.limits.frame = 16 << 20;
    config.read_timeout = Some(std::time::Duration::from_secs(30));
    let uri = format!("ws://{address}{path}");
    let request = ClientRequest::new(Uri::parse(&uri)?);
    Client::connect_with(&subprotocols.iter().fold(request, |request, name| request.subprotocol(name)), &config)
}

fn expect(client: &mut Client, kind: Kind, payload: &[u8]) -> Result<(), ClientError> {
    let message = client.receive()?.expect("a message");
    assert_eq!(message.kind(), kind);
    assert!(message.as_bytes() == payload, "{} bytes for {} sent", message.as_bytes().len(), payload.len());
    Ok(())
}
