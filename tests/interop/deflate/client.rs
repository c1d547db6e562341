//! Talks to an echo: `deflate_client URI BITS_TO_SEND BITS_TO_RECEIVE [takeover]`; prints what was agreed on.

use std::error::Error;

use bowsprit::handshake::{ClientRequest, Uri};
use bowsprit::net::{Client, ClientConfig};
use bowsprit::{CloseCode, DeflateConfig, Message};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [uri, send, receive, rest @ ..] = &arguments[..] else { return Err("three arguments".into()) };
    let mut deflate = DeflateConfig::default();
    deflate.threshold = 0;
    (deflate.send_window_bits, deflate.receive_window_bits) = (send.parse()?, receive.parse()?);
    (deflate.send_takeover, deflate.receive_takeover) = (!rest.is_empty(), !rest.is_empty());
    let mut config = ClientConfig::default();
    config.deflate = Some(deflate);

    let mut client = Client::connect_with(&ClientRequest::new(Uri::parse(uri)?), &config)?;
    let agreed = client.deflate().ok_or("no compression")?;
    println!(
        "{} {} {} {}",
        agreed.server_no_context_takeover,
        agreed.client_no_context_takeover,
        agreed.server_max_window_bits,
        agreed.client_max_window_bits
    );
    let texts =
        ["", "a", &"Grüße, καλημέρα, 🌊 ".repeat(60), &json(1000), &json(1000), &json(70_000)].map(String::from);
    for text in &texts {
        client.send(text)?;
        match client.receive()? {
            Some(Message::Text(echo)) if *echo == **text => {}
            other => return Err(format!("{other:?} for a text of {} bytes", text.len()).into()),
        }
    }
    let binary: Vec<u8> = (0..3000u32).map(|i| ((i * i) >> 5) as u8).collect();
    for (i, part) in binary.chunks(1000).enumerate() {
        client.send_part(part, i == 2)?;
    }
    match client.receive()? {
        Some(Message::Binary(echo)) if *echo == *binary => {}
        other => return Err(format!("{other:?} for a binary message in parts").into()),
    }
    client.close(CloseCode::NORMAL, "")?;
    while client.receive()?.is_some() {}
    Ok(())
}

/// The same for the same length.
fn json(len: usize) -> String {
    let mut text: String =
        (0..len / 10).map(|i| format!("{{\"id\":{},\"user\":\"u{}\"}},", i * 7919 % 100_003, i % 97)).collect();
    text.truncate(len);
    text
}
