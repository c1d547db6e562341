//! An echo that compresses: `deflate_server [BITS_TO_SEND BITS_TO_RECEIVE] [takeover]`.

use bowsprit::net::{Config, Peer, Server};
use bowsprit::{DeflateConfig, Message};

fn main() -> std::io::Result<()> {
    let mut deflate = DeflateConfig::default();
    deflate.threshold = 0;
    let mut bits = Vec::new();
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "takeover" => (deflate.send_takeover, deflate.receive_takeover) = (true, true),
            number => bits.push(number.parse().expect("a number of bits")),
        }
    }
    if let [send, receive] = bits[..] {
        (deflate.send_window_bits, deflate.receive_window_bits) = (send, receive);
    }
    let mut config = Config::default();
    config.deflate = Some(deflate);
    let server = Server::bind_with("127.0.0.1:0", config)?;
    println!("listening on ws://{}", server.local_addr()?);
    server.run(|peer: &mut Peer<'_, ()>, message: Message<'_>| {
        let _ = peer.send(message);
    })
}
