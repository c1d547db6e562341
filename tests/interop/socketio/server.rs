//! What tests/interop/socketio asks of a server: each event below is a feature of the library.

#[path = "../../../examples/support/mod.rs"]
#[allow(dead_code)] // its pages
mod support;

use std::collections::HashMap;
use std::thread;
use std::time::Duration;

use bowsprit::net::Server;
use bowsprit::socketio::{Args, Config, Io, Recovery, Refusal, Remote};

type Auth = HashMap<String, String>;

fn main() -> std::io::Result<()> {
    let arguments = support::Arguments::parse("A Socket.IO server to be tested.", "127.0.0.1:0");
    let mut config = Config::default();
    // Short, so that heartbeats happen within a test.
    config.engine.ping_interval = Duration::from_millis(300);
    config.engine.ping_timeout = Duration::from_secs(5);
    // Events have one more argument then.
    config.recovery = std::env::var_os("RECOVERY").map(|_| Recovery::default());
    let mut net = config.engine.net();
    net.workers = arguments.workers;
    let server = Server::bind_with(arguments.listen, net)?;
    support::announce("http", &server)?;
    let remote = server.remote();
    Io::run_each(server, &config, |io| {
        events(io);
        recovering(io);
        guarded(io);
        decided_elsewhere(io, io.remote(remote.clone()));
        io.of_matching(|name, _| name.starts_with("/dynamic-")).on_connect(|socket| {
            let name = socket.namespace();
            let _ = socket.emit("namespace", (name,));
        });
    })
}

/// On another thread, as a look into a database would be.
fn decided_elsewhere(io: &mut Io, remote: Remote) {
    io.of("/elsewhere").guard_later(move |socket, admission| {
        let (token, remote) = (socket.auth::<Auth>().ok(), remote.clone());
        thread::spawn(move || {
            let is_known = token.is_some_and(|auth| auth.get("token").is_some_and(|token| token == "open sesame"));
            let verdict = if is_known { Ok(()) } else { Err(Refusal::new("who are you?")) };
            remote.call(move |context| context.decide(admission, verdict));
        });
    });
}

fn events(io: &mut Io) {
    io.of("/")
        .on_connect(|socket| {
            let handshake = socket.handshake();
            let hello = Args::from((socket.raw_auth(), handshake.query("colour")));
            let _ = socket.emit("hello", hello);
        })
        .on_disconnect(|socket, reason| {
            let id = socket.id();
            let _ = socket.everybody().to("watchers").emit("gone", (id, reason.to_string()));
        })
        .on_any(|socket, event| {
            let _ = socket.everybody().to("watchers").emit("any", (event.name(), event.len()));
        })
        .on("echo", |socket, event| {
            let _ = socket.emit("echo", event.args());
        })
        .on("answer", |socket, event| {
            if let Some(ack) = event.ack() {
                let _ = socket.reply(ack, event.args());
            }
        })
        .on("ask me", |socket, event| {
            let timeout = Duration::from_millis(event.arg(0).unwrap_or(1000));
            let id = socket.id();
            let asked = socket.emit_with_ack("question", ("?",), timeout, move |context, reply| {
                let answer = match reply {
                    Ok(reply) => reply.args(),
                    Err(error) => Args::from((error.to_string(),)),
                };
                let _ = context.of("/").to(id.as_str()).emit("answered", answer);
            });
            assert!(asked.is_ok());
        })
        .on("join", |socket, event| {
            if let (Ok(room), Some(ack)) = (event.arg(0), event.ack()) {
                let joined = socket.join(room);
                let _ = socket.reply(ack, (joined,));
            }
        })
        .on("leave", |socket, event| {
            if let (Ok(room), Some(ack)) = (event.arg(0), event.ack()) {
                let left = socket.leave(room);
                let _ = socket.reply(ack, (left,));
            }
        })
        .on("to", |socket, event| {
            if let Ok(room) = event.arg::<String>(0) {
                let _ = socket.to(room).emit("said", Args::new().json(event.raw(1)).binary(vec![1, 2, 3]));
            }
        })
        .on("others", |socket, event| {
            let _ = socket.broadcast().emit("said", event.args());
        })
        .on("ask", |socket, event| {
            let (Ok(room), Ok(timeout), Some(ack)) = (event.arg::<String>(0), event.arg(1), event.ack()) else {
                return;
            };
            let timeout = Duration::from_millis(timeout);
            let asked =
                socket.everybody().to(room).emit_with_ack("question", ("?",), timeout, move |context, answers| {
                    let mut said: Vec<String> =
                        answers.answers.iter().filter_map(|answer| answer.arg(0).ok()).collect();
                    said.sort();
                    let missing: Vec<_> = answers.missing.iter().map(|(_, why)| why.to_string()).collect();
                    let _ = context.reply(ack, (said, missing));
                });
            assert!(asked.is_ok());
        })
        .on("volatile", |socket, _| {
            // Something regular is in the way of the second.
            let _ = socket.emit("regular", (1,));
            let _ = socket.volatile().emit("volatile", ());
            let _ = socket.emit("regular", (2,));
        })
        .on("many", |socket, event| {
            for n in 0..event.arg::<u32>(0).unwrap_or(0) {
                let _ = socket.emit("one of many", (n,));
            }
        })
        .on("put me out", |socket, event| socket.disconnect(event.arg(0).unwrap_or(false)));
}

fn guarded(io: &mut Io) {
    let guarded = io.of("/guarded");
    guarded.guard(|socket| match socket.raw_auth().map(|auth| auth.get()) {
        Some(r#"{"token":"open sesame"}"#) => Ok(()),
        _ => Err(Refusal::new("not authorised").data(("try", "harder"))),
    });
    guarded.on("echo", |socket, event| {
        let _ = socket.emit("echo", event.args());
    });
}

/// Nothing is sent here that nobody asked for.
fn recovering(io: &mut Io) {
    io.of("/quiet")
        .on("set", |socket, event| {
            if let (Ok(data), Ok(room), Some(ack)) = (event.arg::<String>(0), event.arg(1), event.ack()) {
                socket.set(data);
                socket.join(room);
                let _ = socket.reply(ack, ());
            }
        })
        .on("get", |socket, event| {
            let data = socket.get::<String>().cloned();
            if let Some(ack) = event.ack() {
                let _ = socket.reply(ack, (data,));
            }
        })
        .on("say", |socket, event| {
            if let (Ok(room), Some(ack)) = (event.arg::<String>(0), event.ack()) {
                let args = Args::new().json(event.raw(1)).binary(vec![1, 2, 3]);
                let _ = socket.everybody().to(room).emit("said", args);
                let _ = socket.reply(ack, ());
            }
        })
        .on("hint", |socket, event| {
            if let (Ok(room), Some(ack)) = (event.arg::<String>(0), event.ack()) {
                let _ = socket.everybody().to(room).volatile().emit("hinted", ("text",));
                let _ = socket.reply(ack, ());
            }
        })
        .on("count", |socket, event| {
            if let Ok(n) = event.arg::<u32>(0) {
                let _ = socket.everybody().emit("counted", (n,));
            }
        });
}
