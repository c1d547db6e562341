//! What courses on Socket.IO show, one for one: who comes and goes, a chat message, a broadcast, a notification every
//! 5 seconds, and an edit that all others see.
//!
//! ```text
//! cargo run --release --features socketio --example socketio_course
//! ```

#[path = "support/mod.rs"]
#[allow(dead_code)] // its pages
mod support;

use std::time::Duration;

use bowsprit::net::Server;
use bowsprit::socketio::{Config, Io, Socket};

const EVERY: Duration = Duration::from_secs(5);

fn main() -> std::io::Result<()> {
    let arguments = support::Arguments::parse("The snippets of a course on Socket.IO.", "127.0.0.1:3000");
    let config = Config::default();
    let mut net = config.engine.net();
    net.workers = arguments.workers;
    let server = Server::bind_with(arguments.listen, net)?;
    support::announce("http", &server)?;
    Io::run_each(server, &config, course)
}

fn course(io: &mut Io) {
    io.of("/")
        .on_connect(|socket| {
            println!("a user connected: {}", socket.id().as_str());
            socket.after(EVERY, notify);
        })
        .on_disconnect(|socket, reason| println!("user disconnected: {}, {reason}", socket.id().as_str()))
        // io.emit: to everybody, the sender included.
        .on("chat message", |socket, event| {
            let _ = socket.everybody().emit("chat message", event.args());
        })
        // socket.broadcast.emit: to all but the sender.
        .on("broadcast message", |socket, event| {
            let _ = socket.broadcast().emit("broadcast message", event.args());
        })
        // A document that several write: each change goes to the others.
        .on("edit", |socket, event| {
            let _ = socket.broadcast().emit("edit", event.args());
        });
}

/// setInterval: the timer goes with its socket.
fn notify(socket: &mut Socket<'_>) {
    let _ = socket.emit("notification", ("there is news",));
    socket.after(EVERY, notify);
}
