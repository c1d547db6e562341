//! The examples on one page: what each teaches, how many lines it is, how to run it, and whether it runs now.
//!
//!     cargo run --release --example start

#[path = "../support/page.rs"]
mod page;
#[path = "../support/mod.rs"]
mod support;

mod shelf;

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use bowsprit::Message;
use bowsprit::handshake::{Request, Response};
use bowsprit::net::{Bytes, Handler, Peer, Peers, Responder, Server};

use page::{asset, page};
use shelf::{Example, SHELF};

const PAGE: &str = include_str!("page.html");

/// On this machine an answer takes no time, and a refusal neither.
const PATIENCE: Duration = Duration::from_millis(200);

fn main() -> io::Result<()> {
    let args = support::Arguments::parse("the examples on one page", "127.0.0.1:8079");
    let server = Server::bind_with(&args.listen, args.config())?;
    support::run_each("http", server, || Start)
}

struct Start;

impl Handler for Start {
    type Data = ();

    /// There is nothing here to talk to.
    fn upgrade(&mut self, _: &Request<'_>) -> Response {
        Response::new(404)
    }

    fn http(&mut self, request: &Request<'_>, _: Bytes, responder: Responder, peers: &mut Peers<'_, ()>) {
        if request.path() == "/running" {
            // Knocking may take a moment, which is not the loop's.
            thread::spawn(move || responder.send(running()));
            return;
        }
        responder.send(match request.path() {
            "/" => page(&PAGE.replace("EXAMPLES", &cards())),
            "/favicon.ico" => Response::new(204),
            path => picture(path).or_else(|| asset(path)).unwrap_or_else(|| support::metrics(request, peers)),
        });
    }

    fn message(&mut self, _: &mut Peer<'_, ()>, _: Message<'_>) {}
}

/// Which of them answer at the address that they have unless told otherwise.
fn running() -> Response {
    let knock = |port: u16| TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], port)), PATIENCE).is_ok();
    let names: Vec<_> = SHELF
        .iter()
        .filter(|example| example.port.is_some_and(knock))
        .map(|example| format!("\"{}\"", example.name))
        .collect();
    Response::new(200)
        .header("Content-Type", "application/json")
        .header("Cache-Control", "no-store")
        .body(format!("[{}]", names.join(",")))
}

fn picture(path: &str) -> Option<Response> {
    let name = path.strip_prefix("/pictures/")?.strip_suffix(".png")?;
    let bytes = SHELF.iter().find(|example| example.name == name)?.picture?;
    Some(Response::new(200).header("Content-Type", "image/png").header("Cache-Control", "max-age=3600").body(bytes))
}

/// The list, as HTML; nothing in it comes from outside.
fn cards() -> String {
    SHELF.iter().map(card).collect()
}

fn card(example: &Example) -> String {
    let Example { name, port, teaches, command, picture, .. } = example;
    let picture = match picture {
        Some(_) => format!(r#"<img src="/pictures/{name}.png" alt="" loading="lazy">"#),
        None => String::new(),
    };
    let open = match port {
        // By the name that the page was opened with.
        Some(port) => format!(r#"<a class="open" data-port="{port}" hidden>Open {name}</a>"#),
        None => String::new(),
    };
    format!(
        r#"<li class="card" data-name="{name}">{picture}<h2>{name}</h2><p>{teaches}</p><p class="how"><code>{command}</code><button class="plain copy" type="button" aria-label="Copy the command of {name}">Copy</button></p><p class="foot"><span class="lines">{} lines</span><span class="state" hidden>runs now</span>{open}</p></li>"#,
        example.lines(),
    )
}
