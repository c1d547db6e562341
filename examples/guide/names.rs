//! The first message of a connection is a name; everybody hears who is here and who said what.

use std::collections::BTreeMap;
use std::io;

use bowsprit::net::{Cause, Handler, Peer, Server};
use bowsprit::{CloseCode, Message};

const ROOM: &str = "room";
/// To those who would only do it again (4000 to 4999 mean what we say they do).
const REFUSED: CloseCode = CloseCode::new(4000);

pub fn main() -> io::Result<()> {
    Server::bind("127.0.0.1:9001")?.run(Chat::default())
}

#[derive(Default)]
pub struct Chat {
    /// Who is here, and by how many connections.
    online: BTreeMap<String, usize>,
}

/// A connection, and its name once it has told it.
type Visitor<'a> = Peer<'a, Option<String>>;

impl Handler for Chat {
    type Data = Option<String>;

    fn message(&mut self, peer: &mut Visitor<'_>, message: Message<'_>) {
        let Message::Text(text) = message else {
            return hang_up(peer, CloseCode::UNSUPPORTED_DATA, "text only");
        };
        if text.contains(char::is_control) {
            return hang_up(peer, REFUSED, "one line a message");
        }
        match peer.data().clone() {
            Some(name) => peer.publish(ROOM, format!("{name}: {}", &*text)),
            None => self.enter(peer, &text),
        }
    }

    fn close(&mut self, peer: &mut Visitor<'_>, _cause: &Cause<'_>) {
        if let Some(name) = peer.data_mut().take() {
            self.leave(peer, &name);
        }
    }
}

impl Chat {
    fn enter(&mut self, peer: &mut Visitor<'_>, name: &str) {
        if !is_name(name) {
            return hang_up(peer, REFUSED, "a name has 1 to 20 letters and digits");
        }
        *peer.data_mut() = Some(name.to_owned());
        let connections = self.online.entry(name.to_owned()).or_default();
        *connections += 1;
        if *connections == 1 {
            peer.publish(ROOM, format!("* {name} is here"));
        }
        let online: Vec<_> = self.online.keys().map(String::as_str).collect();
        let _ = peer.send(format!("* online: {}", online.join(", ")));
        peer.subscribe(ROOM);
    }

    fn leave(&mut self, peer: &mut Visitor<'_>, name: &str) {
        let Some(connections) = self.online.get_mut(name) else { return };
        *connections -= 1;
        if *connections == 0 {
            self.online.remove(name);
            peer.publish(ROOM, format!("* {name} has left"));
        }
    }
}

/// Nothing that could be taken for another name, or for more than a name.
fn is_name(name: &str) -> bool {
    (1..=20).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn hang_up(peer: &mut Visitor<'_>, code: CloseCode, reason: &str) {
    peer.close(code, reason).expect("a code that may be sent and a short reason");
}
