//! A client and a server that talk to each other over a line that carries any number of bytes at a time: each gets what
//! the other said, in order, and both end cleanly.
#![no_main]

use std::collections::VecDeque;

use bowsprit::{CloseCode, Connection, Limits, ReceiveBuffer, Role, SendBuffer};
use libfuzzer_sys::fuzz_target;

#[path = "../../tests/support/mod.rs"]
mod support;

use support::{Feed, Seen, connection, feed, output};

struct End {
    conn: Connection,
    output: SendBuffer,
    /// What this end said and the other has not seen yet.
    said: VecDeque<Seen>,
    closed: bool,
}

impl End {
    fn new(role: Role) -> Self {
        Self { conn: connection(role), output: output(role), said: VecDeque::new(), closed: false }
    }

    fn say(&mut self, what: u8, payload: &[u8]) {
        let seen = match what {
            0 => {
                let text = String::from_utf8_lossy(payload).into_owned();
                self.conn.send(&text, &mut self.output).map(|()| Seen::Text(text))
            }
            1 => self.conn.send(payload, &mut self.output).map(|()| Seen::Binary(payload.to_vec())),
            2 => {
                let payload = &payload[..payload.len().min(125)];
                self.conn.ping(payload, &mut self.output).map(|()| Seen::Ping(payload.to_vec()))
            }
            _ => self.conn.close(CloseCode::NORMAL, "", &mut self.output).map(|()| Seen::Close(1000, String::new())),
        };
        match seen {
            Ok(seen) => self.said.push_back(seen),
            Err(_) => assert!(self.closed),
        }
        self.closed |= what == 3;
    }
}

/// Carries up to `n` bytes and checks what comes out of them.
fn carry(from: &mut End, to: &mut End, input: &mut ReceiveBuffer, n: usize, how: Feed) {
    let n = n.min(from.output.pending().len());
    let bytes = from.output.pending()[..n].to_vec();
    from.output.consume(n);
    for seen in feed(&mut to.conn, input, &mut to.output, &bytes, how) {
        match seen {
            Seen::Pong(_) => {}
            Seen::Close(code, reason) => {
                // Its own, or the answer to ours.
                let own = Seen::Close(code, reason);
                assert!(from.said.pop_front().is_none_or(|said| said == own));
                to.closed = true;
            }
            seen => assert_eq!(from.said.pop_front(), Some(seen)),
        }
    }
}

fuzz_target!(|commands: &[u8]| {
    let mut input = ReceiveBuffer::with_capacity(Limits::default(), 1024);
    let (mut client, mut server) = (End::new(Role::Client), End::new(Role::Server));
    let mut rest = commands;
    while let Some((&[command, size], more)) = rest.split_first_chunk() {
        rest = more;
        let size = usize::from(size) << (command >> 5);
        let (us, them) = if command & 1 == 0 { (&mut client, &mut server) } else { (&mut server, &mut client) };
        match command >> 1 & 7 {
            what @ 0..=2 => {
                let payload: Vec<u8> =
                    rest.iter().copied().cycle().take(if rest.is_empty() { 0 } else { size }).collect();
                us.say(what, &payload);
            }
            3 if size > 200 => us.say(3, b""),
            4 | 5 => carry(us, them, &mut input, size, Feed::Spare),
            _ => carry(us, them, &mut input, size, Feed::Extend),
        }
    }
    client.say(3, b"");
    while !client.output.is_empty() || !server.output.is_empty() {
        carry(&mut client, &mut server, &mut input, usize::MAX, Feed::Spare);
        carry(&mut server, &mut client, &mut input, usize::MAX, Feed::Spare);
    }
    assert!(client.conn.is_finished() && server.conn.is_finished());
    assert!(client.conn.receive_eof() && server.conn.receive_eof());
});
