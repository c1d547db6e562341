//! What every example server needs and none is about: arguments, signals and metrics.

use std::io;
use std::process;

use bowsprit::handshake::{Request, Response};
use bowsprit::net::{Config, Handler, Peers, Server, Stats};

/// The arguments that all examples take.
pub struct Arguments {
    /// Where to listen; port 0 takes any that is free.
    pub listen: String,
    /// Whether to compress messages.
    pub deflate: bool,
    /// How many loops share the port.
    pub workers: usize,
    /// The values of the example's own options.
    own: Vec<(&'static str, String)>,
}

/// An option of one example alone.
#[allow(dead_code)] // by the examples that have none
pub struct Own {
    pub name: &'static str,
    /// What its value is called in the help.
    pub value: &'static str,
    pub about: &'static str,
    pub default: &'static str,
}

impl Arguments {
    /// Reads the command line. Prints the help or what is wrong with it, and exits.
    #[allow(dead_code)] // by the examples that have options of their own
    pub fn parse(about: &str, listen: &str) -> Self {
        Self::parse_with(about, listen, &[])
    }

    /// The same, with options of the example's own.
    pub fn parse_with(about: &str, listen: &str, options: &[Own]) -> Self {
        let own = options.iter().map(|option| (option.name, option.default.to_owned())).collect();
        let mut arguments = Self { listen: listen.to_owned(), deflate: false, workers: 1, own };
        let mut given = std::env::args().skip(1);
        while let Some(argument) = given.next() {
            match argument.as_str() {
                "--listen" => match given.next() {
                    Some(address) => arguments.listen = address,
                    None => wrong("--listen needs an address"),
                },
                "--workers" => match given.next().map(|number| number.parse()) {
                    Some(Ok(number @ 1..=255)) => arguments.workers = number,
                    _ => wrong("--workers needs a number from 1 to 255"),
                },
                "--deflate" if cfg!(feature = "deflate") => arguments.deflate = true,
                "--deflate" => wrong("--deflate needs a build with --features deflate"),
                "--help" | "-h" => {
                    println!(
                        "{about}\n\nOptions:\n  --listen ADDR  where to listen [default: {listen}]\n  \
                         --workers N    threads that share the port [default: 1; chat keeps its rooms on one]\n  \
                         --deflate      compress messages [needs a build with --features deflate]"
                    );
                    for Own { name, value, about, default } in options {
                        println!("  {:<13}  {about} [default: {default}]", format!("{name} {value}"));
                    }
                    println!("  --help         this text");
                    process::exit(0);
                }
                name if options.iter().any(|option| option.name == name) => match given.next() {
                    Some(value) => {
                        arguments.own.iter_mut().filter(|own| own.0 == name).for_each(|own| own.1.clone_from(&value))
                    }
                    None => wrong(&format!("{name} needs a value")),
                },
                other => match other.strip_prefix("--listen=") {
                    Some(address) => arguments.listen = address.to_owned(),
                    None => wrong(&format!("unknown argument {other}")),
                },
            }
        }
        arguments
    }

    /// The value of an option of the example's own.
    #[allow(dead_code)] // by the examples that have none
    pub fn own(&self, name: &str) -> &str {
        self.own.iter().find(|own| own.0 == name).map_or("", |own| &own.1)
    }
}

impl Arguments {
    /// The default settings, as the arguments change them.
    pub fn config(&self) -> Config {
        let mut config = Config::default();
        config.workers = self.workers;
        #[cfg(feature = "deflate")]
        if self.deflate {
            config.deflate = Some(bowsprit::DeflateConfig::default());
        }
        config
    }
}

/// Serves until SIGINT or SIGTERM with one handler.
#[allow(dead_code)] // by the examples that run_each suits
pub fn run<H: Handler>(scheme: &str, server: Server, handler: H) -> io::Result<()> {
    announce(scheme, &server)?;
    server.run(handler)
}

/// Serves until SIGINT or SIGTERM with a handler for each worker.
#[allow(dead_code)] // by those that need all connections in one place
pub fn run_each<H: Handler>(scheme: &str, server: Server, make: impl Fn() -> H + Sync) -> io::Result<()> {
    announce(scheme, &server)?;
    server.run_each(make)
}

/// Says where the server listens, and stops it on a signal.
pub fn announce(scheme: &str, server: &Server) -> io::Result<()> {
    let remote = server.remote();
    ctrlc::set_handler(move || remote.stop()).map_err(io::Error::other)?;
    println!("listening on {scheme}://{}", server.local_addr()?);
    Ok(())
}

/// The page for Prometheus at `/metrics`, and nothing else. A server for the world keeps it to itself.
pub fn metrics<D>(request: &Request<'_>, peers: &Peers<'_, D>) -> Response {
    match request.path() {
        "/metrics" => Response::new(200).header("Content-Type", Stats::CONTENT_TYPE).body(peers.stats().to_string()),
        _ => Response::new(404).header("Content-Type", "text/plain; charset=utf-8").body("There is nothing here.\n"),
    }
}

/// Says what is wrong with the command line, and exits.
pub fn wrong(what: &str) -> ! {
    eprintln!("{what}; try --help");
    process::exit(2);
}
