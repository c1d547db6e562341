//! A chat over Socket.IO: names, rooms, who is there, who is typing. The browser has the official client.
//!
//! ```text
//! npm install socket.io-client@4.8.3
//! cargo run --release --features socketio --example socketio_chat
//! cargo run --release --features socketio --example socketio_chat -- --client path/to/socket.io.min.js
//! ```

#[path = "../support/mod.rs"]
#[allow(dead_code)] // its pages
mod support;

use std::collections::BTreeMap;
use std::fs;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bowsprit::handshake::Response;
use bowsprit::net::{Bytes, Server};
use bowsprit::socketio::{Config, Event, Io, Refusal, Socket, TimerId};

const PAGE: &str = include_str!("chat.html");
const CLIENT: &str = "node_modules/socket.io-client/dist/socket.io.min.js";
/// Without a key pressed for this long nobody is typing.
const TYPING: Duration = Duration::from_secs(3);
/// Who comes back within this was never away.
const GRACE: Duration = Duration::from_secs(5);
const LONGEST_NAME: usize = 32;
const LONGEST_LINE: usize = 2000;

/// What is kept with a socket.
struct User {
    name: String,
    room: Option<String>,
    typing: Option<TimerId>,
}

/// How many sockets a name has, on all workers.
type Online = Arc<Mutex<BTreeMap<String, usize>>>;

fn main() -> std::io::Result<()> {
    let about = "the official client";
    let own = [support::Own { name: "--client", value: "FILE", about, default: CLIENT }];
    let arguments = support::Arguments::parse_with("A chat over Socket.IO.", "127.0.0.1:3000", &own);
    let client = arguments.own("--client");
    let client = fs::read(client).unwrap_or_else(|error| support::wrong(&format!("{client}: {error}")));
    let (client, online, config) = (Bytes::from(client), Online::default(), Config::default());

    let mut net = config.engine.net();
    net.workers = arguments.workers;
    let server = Server::bind_with(&arguments.listen, net)?;
    support::announce("http", &server)?;
    Io::run_each(server, &config, |io| {
        chat(io, &online);
        let client = client.clone();
        io.on_http(move |request, _, responder| {
            responder.send(match request.path() {
                "/" => Response::new(200).header("Content-Type", "text/html; charset=utf-8").body(PAGE),
                "/client.js" => Response::new(200).header("Content-Type", "text/javascript").body(client.clone()),
                _ => Response::new(404),
            });
        });
    })
}

fn chat(io: &mut Io, online: &Online) {
    let (arriving, leaving) = (online.clone(), online.clone());
    io.of("/")
        .guard(|socket| {
            let auth: BTreeMap<String, String> = socket.auth().map_err(|_| Refusal::new("a name is needed"))?;
            let name = auth.get("name").map_or("", |name| name.trim());
            if name.is_empty() || name.len() > LONGEST_NAME {
                return Err(Refusal::new("a name has 1 to 32 bytes"));
            }
            socket.set(User { name: name.to_owned(), room: None, typing: None });
            Ok(())
        })
        .on_connect(move |socket| {
            let name = name(socket);
            let mut online = arriving.lock().unwrap();
            let sockets = online.entry(name.clone()).or_default();
            *sockets += 1;
            if *sockets == 1 {
                let _ = socket.broadcast().emit("presence", (&name, true));
            }
            let names: Vec<&String> = online.keys().collect();
            let _ = socket.emit("online", (names,));
        })
        .on("enter", enter)
        .on("say", say)
        .on("typing", typing)
        .on_disconnect(move |socket, _| {
            quiet(socket);
            let (name, online) = (name(socket), leaving.clone());
            // Nobody's list flickers when a page is loaded again.
            socket.context().after(GRACE, move |context| {
                let mut online = online.lock().unwrap();
                let Some(sockets) = online.get_mut(&name) else { return };
                *sockets -= 1;
                if *sockets == 0 {
                    online.remove(&name);
                    let _ = context.of("/").emit("presence", (&name, false));
                }
            });
        });
}

fn enter(socket: &mut Socket<'_>, event: &Event<'_>) {
    let Some(room) = event.arg::<String>(0).ok().filter(|room| room.len() <= LONGEST_NAME) else { return };
    quiet(socket);
    let Some(user) = socket.get_mut::<User>() else { return };
    if let Some(old) = user.room.replace(room.clone()) {
        socket.leave(&old);
    }
    socket.join(&room);
    if let Some(ack) = event.ack() {
        let _ = socket.reply(ack, (room,));
    }
}

fn say(socket: &mut Socket<'_>, event: &Event<'_>) {
    let (name, room) = (name(socket), room(socket));
    // What was written is passed on as it is, if it is a text and no book.
    let (Some(room), Some(line)) = (room, event.raw(0).filter(|line| line.get().len() <= LONGEST_LINE)) else { return };
    if !line.get().starts_with('"') {
        return;
    }
    quiet(socket);
    let _ = socket.everybody().to(room).emit("said", (name, line));
    if let Some(ack) = event.ack() {
        let _ = socket.reply(ack, ());
    }
}

/// Every key tells that its user is typing; that it has stopped, a timer tells.
fn typing(socket: &mut Socket<'_>, _: &Event<'_>) {
    let (name, Some(room)) = (name(socket), room(socket)) else { return };
    let timer = socket.after(TYPING, quiet);
    let before = socket.get_mut::<User>().and_then(|user| user.typing.replace(timer));
    match before {
        Some(before) => drop(socket.cancel(before)),
        None => drop(socket.to(room).volatile().emit("typing", (name, true))),
    }
}

/// Ends the typing, if there is any.
fn quiet(socket: &mut Socket<'_>) {
    let (name, room) = (name(socket), room(socket));
    let timer = socket.get_mut::<User>().and_then(|user| user.typing.take());
    if let (Some(timer), Some(room)) = (timer, room) {
        socket.cancel(timer);
        let _ = socket.to(room).emit("typing", (name, false));
    }
}

fn name(socket: &Socket<'_>) -> String {
    socket.get::<User>().map(|user| user.name.clone()).unwrap_or_default()
}

fn room(socket: &Socket<'_>) -> Option<String> {
    socket.get::<User>().and_then(|user| user.room.clone())
}
