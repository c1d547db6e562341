//! A client on the event loop with every read cut short by the transport seam, for Autobahn:
//! `autobahn_client_throttled 1 ADDR` or `1-4096 ADDR`.

use std::error::Error;
use std::sync::Arc;

use bowsprit::Message;
use bowsprit::handshake::{ClientRequest, Uri};
use bowsprit::net::{Cause, ClientError, Config, EventLoop, Handler, Peer, Peers, Remote, Tcp};

#[path = "../support/transport.rs"]
mod transport;
use transport::{Hands, Watched};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [limit, address] = &arguments[..] else { return Err("autobahn_client_throttled LIMIT ADDR".into()) };
    let mut config = Config::default();
    config.limits.message = 16 << 20;
    config.limits.frame = 16 << 20;
    let tcp = Tcp::unbound()?;
    let remote = Remote::new(&tcp);
    let transport = Watched::new(tcp, Arc::new(Hands::reading_at_most(limit)?));
    Ok(EventLoop::new(transport, config, Cases { address: address.clone(), count: None, next: 1 }, remote).run()?)
}

/// Asks for the number of cases, runs them one after the other, and asks for the report.
struct Cases {
    address: String,
    count: Option<u32>,
    next: u32,
}

impl Cases {
    fn connect(&self, peers: &mut Peers<'_, ()>, path: &str) {
        let uri = format!("ws://{}/{path}", self.address);
        let request = ClientRequest::new(Uri::parse(&uri).expect("an address"));
        peers.connect(&request, ()).expect("a request without a mistake");
    }
}

impl Handler for Cases {
    type Data = ();

    fn start(&mut self, peers: &mut Peers<'_, ()>) {
        self.connect(peers, "getCaseCount");
    }

    fn message(&mut self, peer: &mut Peer<'_, ()>, message: Message<'_>) {
        match self.count {
            Some(_) => drop(peer.send(message)),
            None => self.count = std::str::from_utf8(message.as_bytes()).ok().and_then(|text| text.trim().parse().ok()),
        }
    }

    fn close(&mut self, peer: &mut Peer<'_, ()>, _: &Cause<'_>) {
        let mut peers = peer.peers();
        let Some(count) = self.count else { give_up("the number of cases did not come") };
        let case = self.next;
        self.next += 1;
        match case {
            case if case <= count => self.connect(&mut peers, &format!("runCase?case={case}&agent=bowsprit")),
            case if case == count + 1 => self.connect(&mut peers, "updateReports?agent=bowsprit"),
            _ => peers.stop(),
        }
    }

    fn not_connected(&mut self, _: &mut Peer<'_, ()>, error: &ClientError) {
        give_up(&format!("case {}: {error}", self.next - 1))
    }
}

fn give_up(why: &str) -> ! {
    eprintln!("{why}");
    std::process::exit(1);
}
