//! A Socket.IO server in a simulated world, and clients that say exactly what a test writes.

use std::cell::RefCell;
use std::rc::Rc;

use bowsprit::socketio::{Config, Io};
use bowsprit::testing::{Heard, TestClient, World};

use crate::house;

pub type Log = Rc<RefCell<Vec<String>>>;

pub const WEBSOCKET: &str = "/socket.io/?EIO=4&transport=websocket";
pub const POLLING: &str = "/socket.io/?EIO=4&transport=polling";

/// A server with these namespaces; the handlers report to the log.
pub fn stage(build: impl FnOnce(&mut Io, &Log)) -> (World, Log) {
    stage_with(Config::default(), build)
}

pub fn stage_with(config: Config, build: impl FnOnce(&mut Io, &Log)) -> (World, Log) {
    let (mut io, log) = (Io::new(config), Log::default());
    build(&mut io, &log);
    (house::serve(io.net(), io.into_handler()), log)
}

/// A session over a WebSocket that has entered nothing.
pub fn session(world: &World) -> TestClient {
    let mut client = house::websocket(world, WEBSOCKET).unwrap();
    assert!(matches!(client.receive(), Some(Heard::Text(open)) if open.starts_with("0{")));
    client
}

/// A session in a namespace, and its socket's id.
pub fn enter(world: &World, namespace: &str) -> (TestClient, String) {
    let mut client = session(world);
    let id = join(&mut client, namespace);
    (client, id)
}

pub fn join(client: &mut TestClient, namespace: &str) -> String {
    let name = if namespace == "/" { String::new() } else { format!("{namespace},") };
    client.send(format!("40{name}"));
    let Some(Heard::Text(text)) = client.receive() else { panic!("no answer to the connect") };
    let id = text.strip_prefix(&format!("40{name}{{\"sid\":\"")).and_then(|rest| rest.strip_suffix("\"}"));
    id.unwrap_or_else(|| panic!("{text}")).into()
}

/// Sends a text, and lets it arrive before anything else is sent.
pub fn say(world: &World, client: &mut TestClient, text: &str) {
    client.send(text);
    world.run();
}

pub fn log(log: &Log) -> Vec<String> {
    log.borrow().clone()
}
