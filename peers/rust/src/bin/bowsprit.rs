//! bowsprit as an echo server, or as a client that echoes and connects again until nobody listens.

use bowsprit::Message;
use bowsprit::net::{Client, ClientError, Peer, Server};

fn main() -> std::io::Result<()> {
    let args: Vec<String> = std::env::args().collect();
    if args[1] == "client" {
        while let Ok(client) = Client::connect(&format!("ws://{}/", args[2])) {
            // How it ended is for the other end to see.
            let _ = echo(client);
        }
        return Ok(());
    }
    let server = Server::bind("127.0.0.1:0")?;
    println!("listening on ws://{}", server.local_addr()?);
    server.run(|peer: &mut Peer<'_, ()>, message: Message<'_>| {
        let _ = peer.send(message);
    })
}

fn echo(mut client: Client) -> Result<(), ClientError> {
    let (mut incoming, outgoing) = client.halves();
    while let Some(message) = incoming.receive()? {
        outgoing.send(&message)?;
    }
    Ok(())
}
