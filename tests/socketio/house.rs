//! An engine in a simulated world, and raw requests to it.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use bowsprit::handshake::{ClientRequest, Request, Uri};
use bowsprit::net::{ClientError, Handler};
use bowsprit::socketio::engine::{Application, Config, Data, Engine, Outgoing, Reason, SessionId, Sessions};
use bowsprit::testing::{Heard, Link, TestClient, World};

/// What an application was told.
pub type Log = Rc<RefCell<Vec<String>>>;

/// Echoes; closes at `close`, sends twice at `twice`, once volatile at `volatile`.
pub struct Echo {
    pub log: Log,
    pub allow: Result<(), String>,
}

impl Application for Echo {
    fn allow(&mut self, _: &Request<'_>) -> Result<(), String> {
        self.allow.clone()
    }

    fn open(&mut self, _: &mut Sessions, _: SessionId, _: &Request<'_>) {
        self.log.borrow_mut().push("open".into());
    }

    fn message(&mut self, sessions: &mut Sessions, id: SessionId, data: Data<'_>) {
        match data {
            Data::Text("close") => sessions.close(id),
            Data::Text("late close") => {
                let _ = sessions.send(id, &Outgoing::text("bye"));
                sessions.close(id);
            }
            Data::Text("volatile") => {
                let _ = sessions.send_volatile(id, &Outgoing::text("v1"));
                let _ = sessions.send_volatile(id, &Outgoing::text("v2"));
                let _ = sessions.send(id, &Outgoing::text("regular"));
            }
            Data::Text("later") => sessions.set_timer(Duration::from_secs(1), 7),
            Data::Text(text) => {
                let _ = sessions.send(id, &Outgoing::text(text));
            }
            Data::Binary(bytes) => {
                let _ = sessions.send(id, &Outgoing::binary(bytes));
            }
        }
    }

    fn close(&mut self, _: &mut Sessions, _: SessionId, reason: Reason) {
        self.log.borrow_mut().push(reason.to_string());
    }

    fn timer(&mut self, _: &mut Sessions, timer: u64) {
        self.log.borrow_mut().push(format!("timer {timer}"));
    }
}

pub struct House {
    pub world: World,
    pub log: Log,
}

/// An answer to a plain request.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value).next_back()
    }

    #[track_caller]
    pub fn is(&self, status: u16, body: &str) {
        assert_eq!((self.status, &*self.body), (status, body));
    }
}

pub const POLLING: &str = "/engine.io/?EIO=4&transport=polling";
pub const WEBSOCKET: &str = "/engine.io/?EIO=4&transport=websocket";

impl House {
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    pub fn with(change: impl FnOnce(&mut Config)) -> Self {
        Self::allowing(Ok(()), change)
    }

    pub fn allowing(allow: Result<(), String>, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::new("/engine.io/");
        change(&mut config);
        let log = Log::default();
        let net = config.net();
        Self { world: serve(net, Engine::new(config, Echo { log: log.clone(), allow })), log }
    }

    pub fn log(&self) -> Vec<String> {
        self.log.borrow().clone()
    }
}

pub fn serve<H: Handler + 'static>(config: bowsprit::net::Config, handler: H) -> World
where
    H::Data: 'static,
{
    let world = World::new();
    world.serve(config, handler);
    world
}

/// Sends a request without waiting for its answer.
pub fn begin(world: &World, method: &str, target: &str, more: &str, body: &str) -> Link {
    let mut link = world.connect();
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    let head = format!("{method} {target} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{length}{more}\r\n");
    link.write_all(format!("{head}{body}").as_bytes()).unwrap();
    link
}

pub fn finish(link: &mut Link) -> Answer {
    let text = String::from_utf8(link.read()).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").expect("an answer");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap();
    Answer { status, head: head.into(), body: body.into() }
}

pub fn ask(world: &World, method: &str, target: &str, more: &str, body: &str) -> Answer {
    finish(&mut begin(world, method, target, more, body))
}

pub fn get(world: &World, target: &str) -> Answer {
    ask(world, "GET", target, "", "")
}

pub fn post(world: &World, target: &str, body: &str) -> Answer {
    ask(world, "POST", target, "Content-Type: text/plain;charset=UTF-8\r\n", body)
}

/// Opens a session over polling; returns where it polls.
pub fn open(world: &World, target: &str) -> String {
    let answer = get(world, target);
    assert_eq!(answer.status, 200);
    format!("{target}&sid={}", sid(&answer.body))
}

pub fn sid(open_packet: &str) -> String {
    let json: serde_json::Value = serde_json::from_str(&open_packet[1..]).unwrap();
    json["sid"].as_str().unwrap().into()
}

/// The same session, by the other way.
pub fn as_websocket(target: &str) -> String {
    target.replace("transport=polling", "transport=websocket")
}

pub fn websocket(world: &World, target: &str) -> Result<TestClient, ClientError> {
    world.client_with(&ClientRequest::new(Uri::parse(&format!("ws://test{target}")).unwrap()))
}

#[track_caller]
pub fn hears(client: &mut TestClient, text: &str) {
    assert_eq!(client.receive(), Some(Heard::Text(text.into())));
}

#[track_caller]
pub fn is_closed(client: &mut TestClient) {
    assert!(matches!(client.receive(), Some(Heard::Close(..))));
}

/// What a WebSocket's request is refused with.
pub fn refusal(world: &World, target: &str, more: &str) -> Answer {
    let upgrade = "Upgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
    let mut link = world.connect();
    let head = format!("GET {target} HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\n{upgrade}{more}\r\n");
    link.write_all(head.as_bytes()).unwrap();
    finish(&mut link)
}
