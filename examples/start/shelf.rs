//! What there is, in the order in which one would look at it.

pub struct Example {
    pub name: &'static str,
    /// Where it listens unless told otherwise; nothing, if it has no page.
    pub port: Option<u16>,
    pub teaches: &'static str,
    pub command: &'static str,
    pub picture: Option<&'static [u8]>,
    /// All that is its own: programs, pages, scripts.
    sources: &'static [&'static str],
}

impl Example {
    /// Lines with something on them, tests aside.
    pub fn lines(&self) -> usize {
        let program = |source: &'static str| source.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or(source);
        self.sources.iter().flat_map(|source| program(source).lines()).filter(|line| !line.trim().is_empty()).count()
    }
}

macro_rules! sources {
    ($($path:literal),+) => { &[$(include_str!(concat!("../", $path))),+] };
}

macro_rules! picture {
    ($name:literal) => {
        Some(include_bytes!(concat!("../../docs/", $name, ".png")))
    };
}

pub const SHELF: &[Example] = &[
    Example {
        name: "chat",
        port: Some(8080),
        teaches: "Rooms, names, who is there and who is idle, typing, history, and pages that find back by themselves. What is acknowledged is in a log on disk.",
        command: "cargo run --release --example chat",
        picture: picture!("chat"),
        sources: sources![
            "chat/main.rs",
            "chat/protocol.rs",
            "chat/rooms.rs",
            "chat/lines.rs",
            "chat/allowance.rs",
            "chat/chat.html"
        ],
    },
    Example {
        name: "notifications",
        port: Some(8081),
        teaches: "One POST reaches every tab and device at once, is counted until it is read, and is kept for who is away.",
        command: "cargo run --release --example notifications",
        picture: picture!("notifications"),
        sources: sources![
            "notifications/main.rs",
            "notifications/protocol.rs",
            "notifications/store.rs",
            "notifications/record.rs",
            "notifications/refusal.rs",
            "notifications/clock.rs",
            "notifications/page.html"
        ],
    },
    Example {
        name: "collab",
        port: Some(8082),
        teaches: "A document that many edit at once, by Yjs and yrs, with everybody's cursor; and the version of the textbooks, which loses text.",
        command: "examples/collab/run",
        picture: picture!("collab"),
        sources: sources![
            "collab/src/main.rs",
            "collab/src/wire.rs",
            "collab/src/document.rs",
            "collab/src/awareness.rs",
            "collab/src/page.html",
            "collab/page/page.js",
            "collab/page/naive.js"
        ],
    },
    Example {
        name: "ticker",
        port: Some(8083),
        teaches: "One to many at a chosen rate. A button makes a tab slow; what becomes of its queue is chosen and plotted live.",
        command: "cargo run --release --example ticker",
        picture: picture!("ticker"),
        sources: sources![
            "ticker/main.rs",
            "ticker/market.rs",
            "ticker/tabs.rs",
            "ticker/page.html",
            "ticker/ticks.js"
        ],
    },
    Example {
        name: "http_vs_websocket",
        port: Some(8084),
        teaches: "The same events by short polling, long polling, server-sent events and WebSocket: bytes, latency and CPU, measured while one looks.",
        command: "cargo run --release --features deflate --example http_vs_websocket",
        picture: picture!("http_vs_websocket"),
        sources: sources![
            "http_vs_websocket/main.rs",
            "http_vs_websocket/metered.rs",
            "http_vs_websocket/table.rs",
            "http_vs_websocket/page.html"
        ],
    },
    Example {
        name: "socketio_chat",
        port: Some(3000),
        teaches: "Rooms, typing and presence over Socket.IO, with the official client in the browser, polling included.",
        command: "cargo run --release --features socketio --example socketio_chat",
        picture: None,
        sources: sources!["socketio_chat/main.rs", "socketio_chat/chat.html"],
    },
    Example {
        name: "socketio_course",
        port: None,
        teaches: "What courses on Socket.IO show, one for one: messages, broadcasts, a notification every 5 seconds, edits.",
        command: "cargo run --release --features socketio --example socketio_course",
        picture: None,
        sources: sources!["socketio_course.rs"],
    },
    Example {
        name: "echo",
        port: None,
        teaches: "Every message back to its sender.",
        command: "cargo run --release --example echo",
        picture: None,
        sources: sources!["echo.rs"],
    },
    Example {
        name: "broadcast",
        port: None,
        teaches: "Every message to everybody.",
        command: "cargo run --release --example broadcast",
        picture: None,
        sources: sources!["broadcast.rs"],
    },
    Example {
        name: "client",
        port: None,
        teaches: "A client for the terminal: lines go out, messages are printed, and every frame, if asked to.",
        command: "cargo run --release --example client -- ws://127.0.0.1:9001/",
        picture: None,
        sources: sources!["client/main.rs", "client/frames.rs"],
    },
    Example {
        name: "codec",
        port: None,
        teaches: "The protocol without sockets: bytes in, events and bytes out.",
        command: "cargo run --example codec",
        picture: None,
        sources: sources!["codec.rs"],
    },
    Example {
        name: "guide",
        port: None,
        teaches: "The programs of the guide, from echo to chat, with what goes wrong without each step.",
        command: "cargo run --example guide",
        picture: None,
        sources: sources![
            "guide/main.rs",
            "guide/echo.rs",
            "guide/text.rs",
            "guide/broadcast.rs",
            "guide/names.rs",
            "guide/history.rs",
            "guide/acks.rs",
            "guide/backpressure.rs",
            "guide/compression.rs",
            "guide/limits.rs",
            "guide/workers.rs",
            "guide/client.rs",
            "guide/proxy.rs",
            "guide/page.rs",
            "guide/page.html",
            "guide/page.js"
        ],
    },
    Example {
        name: "autobahn_client",
        port: None,
        teaches: "All cases of an Autobahn fuzzing server.",
        command: "cargo run --release --example autobahn_client -- --help",
        picture: None,
        sources: sources!["autobahn_client.rs"],
    },
    Example {
        name: "tokio",
        port: None,
        teaches: "The core under tokio: a package of its own.",
        command: "cargo run --release --manifest-path examples/tokio/Cargo.toml",
        picture: None,
        sources: sources!["tokio/src/main.rs"],
    },
    Example {
        name: "hyper",
        port: None,
        teaches: "The core under hyper, for an HTTP server that is there already.",
        command: "cargo run --release --manifest-path examples/hyper/Cargo.toml",
        picture: None,
        sources: sources!["hyper/src/main.rs"],
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;

    /// What is in `examples/` and no example.
    const NOT_ON_IT: [&str; 3] = ["start", "support", "web"];

    #[test]
    fn every_example_is_on_the_shelf_with_all_its_files() {
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
        let there: BTreeSet<String> = fs::read_dir(&examples)
            .unwrap()
            .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
            .filter(|name| !NOT_ON_IT.contains(&name.as_str()))
            .collect();
        assert_eq!(there, SHELF.iter().map(|example| example.name.to_owned()).collect());
        for example in SHELF {
            let (mut files, mut pending) =
                (0, vec![examples.join(example.name), examples.join(example.name).with_extension("rs")]);
            while let Some(path) = pending.pop() {
                if path.is_dir() && !path.ends_with("node_modules") && !path.ends_with("target") {
                    pending.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
                }
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                let is_source = [".rs", ".html", ".js"].iter().any(|ending| name.ends_with(ending));
                files += usize::from(path.is_file() && is_source && !name.contains("tests") && name != "bundle.js");
            }
            assert_eq!(example.sources.len(), files, "{}", example.name);
        }
    }

    #[test]
    fn the_readme_knows_each_and_about_how_long_it_is() {
        let readme = include_str!("../../README.md");
        for example in SHELF {
            let beginnings = [format!("| `{}` |", example.name), format!("| `examples/{}` |", example.name)];
            let row = readme.lines().find(|row| beginnings.iter().any(|beginning| row.starts_with(beginning)));
            let lines = row.and_then(|row| row.split('|').nth(3)).map(|lines| lines.trim().replace(',', ""));
            let (said, counted) = (lines.and_then(|lines| lines.parse::<usize>().ok()), example.lines());
            let is_right = said.is_some_and(|said| said.abs_diff(counted) * 10 <= counted + 50);
            assert!(is_right, "{}: README says {said:?} lines, {counted} are there", example.name);
        }
    }

    #[test]
    fn blank_lines_and_tests_are_not_counted() {
        let sources = &["one\n\ntwo\n\n#[cfg(test)]\nmod tests {\n    three\n}\n"];
        let (name, teaches, command) = ("", "", "");
        assert_eq!(Example { name, port: None, teaches, command, picture: None, sources }.lines(), 2);
    }
}
