//! The echo server with every read cut short by the transport seam, for Autobahn:
//! `echo_throttled --listen ADDR --read-limit 1` or `--read-limit 1-4096`.

#[path = "../support/transport.rs"]
mod transport;

use std::io;
use std::sync::Arc;

use bowsprit::Message;
use bowsprit::net::{Config, EventLoop, Peer, Remote, Tcp};
use transport::{Hands, Watched};

fn main() -> io::Result<()> {
    let (mut listen, mut limit) = ("127.0.0.1:9001".to_owned(), "1".to_owned());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let value = arguments.next().unwrap_or_default();
        match argument.as_str() {
            "--listen" => listen = value,
            "--read-limit" => limit = value,
            _ => return Err(io::Error::other(format!("unknown argument {argument}"))),
        }
    }

    let mut config = Config::default();
    config.limits.message = 16 << 20;
    config.limits.frame = 16 << 20;
    let tcp = Tcp::bind(listen)?;
    println!("listening on ws://{}", tcp.local_addr()?);
    let remote = Remote::new(&tcp);
    let stop = remote.clone();
    ctrlc::set_handler(move || stop.stop()).map_err(io::Error::other)?;
    let transport = Watched::new(tcp, Arc::new(Hands::reading_at_most(&limit)?));
    let echo = |peer: &mut Peer<'_, ()>, message: Message<'_>| {
        let _ = peer.send(message);
    };
    EventLoop::new(transport, config, echo, remote).run()
}
