//! Our servers as `benches/lab/compare` wants every server: `lab PORT MODE`, on 127.0.0.1, where MODE is `echo` (every
//! message goes back), `broadcast` (every message goes to all connections), or one of these with permessage-deflate,
//! `deflate` and `broadcast-deflate`. For `benches/lab/stalls` there is `stalls`: a broadcast that goes on beside peers who
//! read nothing, drops what is too much for them, and tells its numbers at /metrics.

#[path = "../support/handlers.rs"]
mod handlers;

use std::time::Duration;

use bowsprit::net::{Config, Policy, Server};
use handlers::{Broadcast, Echo, Metered};

fn main() -> std::io::Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [port, mode] = arguments.as_slice() else {
        wrong("usage: lab PORT echo|broadcast|deflate|broadcast-deflate|stalls")
    };
    let mut config = Config::default();
    config.limits.message = 16 << 20;
    config.limits.frame = 16 << 20;
    #[cfg(feature = "deflate")]
    if mode.contains("deflate") {
        config.deflate = Some(bowsprit::DeflateConfig::default());
    }
    if mode == "stalls" {
        config.policy = Policy::DropNewest;
        (config.hard_queue, config.memory) = (64 << 10, 96 << 20);
        (config.ping_after, config.write_timeout) = (Duration::MAX, Duration::MAX);
    }
    let server = Server::bind_with(format!("127.0.0.1:{port}"), config)?;
    match mode.as_str() {
        "echo" => server.run(Echo),
        "broadcast" => server.run(Broadcast),
        "stalls" => server.run(Metered),
        #[cfg(feature = "deflate")]
        "deflate" => server.run(Echo),
        #[cfg(feature = "deflate")]
        "broadcast-deflate" => server.run(Broadcast),
        other => wrong(&format!("no mode {other}")),
    }
}

fn wrong(what: &str) -> ! {
    eprintln!("{what}");
    std::process::exit(2);
}
