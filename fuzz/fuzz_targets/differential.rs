//! The same bytes to tungstenite and to us: the same messages, pings, pongs and Close in the same order, and the same end.
//!
//! The lowest bit of the first byte chooses the role; the rest is what the peer sends. What is known to differ:
//!
//! - Lengths that are not in their shortest form are let pass there. §5.2: "in all cases, the minimal number of bytes MUST
//!   be used to encode the length".
//! - A frame is judged there when it is whole; here on its header, and text on each octet. §7.1.7 says that an endpoint
//!   fails the connection, not when; §8.1 speaks of "a byte stream".
//! - A close code that must not be sent is reported there as a Close with 1002, and 1014 is one of them. §7.4.2: "1000-2999
//!   are reserved for definition by this protocol, its future revisions, and extensions"; IANA's registry has 1014.
//! - Fragments and empty frames are not counted there (§10.4 leaves limits to implementations): here without limit.
#![no_main]

use std::io::{self, Read, Write};

use bowsprit::{FrameHeader, Limits, ProtocolError, Role};
use libfuzzer_sys::fuzz_target;
use tungstenite::protocol::{Role as TheirRole, WebSocket, WebSocketConfig};
use tungstenite::{Error, Message};

#[path = "../../tests/support/mod.rs"]
mod support;

use support::{Feed, Seen, run};

/// Bytes of a frame, and of a message.
const MOST: usize = 300;

fuzz_target!(|input: &[u8]| {
    let Some((&how, bytes)) = input.split_first() else { return };
    let (role, their_role) =
        if how & 1 == 0 { (Role::Server, TheirRole::Server) } else { (Role::Client, TheirRole::Client) };
    let mut ours = run(role, &limits(), &[bytes], Feed::Extend).events;
    let failed = match ours.last() {
        Some(&Seen::Failed(failure)) => ours.pop().map(|_| failure.error),
        _ => None,
    };
    let (mut theirs, mut end) = theirs_on(their_role, bytes);
    if let Some(error) = failed {
        // Of a control frame any length but the shortest form is too long.
        if matches!(error, ProtocolError::LengthNotMinimal | ProtocolError::ControlTooLong) {
            return assert_eq!(Some(&*ours), theirs.get(..ours.len()));
        }
        if end == End::Open {
            // We fail on the first bytes that are wrong (§7.1.7); it waits for the whole frame. Here is the rest.
            (theirs, end) = theirs_on(their_role, &[bytes, &[0; MOST + FrameHeader::MAX_LEN]].concat());
        }
        if matches!(error, ProtocolError::InvalidCloseCode(_)) && end == End::Closed {
            assert_eq!(theirs.pop(), Some(Seen::Close(1002, "Protocol violation".into())));
            end = End::Failed;
        }
    }
    if matches!(ours.last(), Some(Seen::Close(1014, _))) {
        ours.pop();
        assert_eq!(theirs.pop(), Some(Seen::Close(1002, "Protocol violation".into())));
    }
    assert_eq!(ours, theirs);
    match failed {
        Some(error) => assert_eq!(end, End::Failed, "{error}"),
        None => assert_ne!(end, End::Failed),
    }
});

fn limits() -> Limits {
    support::limits(|limits| {
        (limits.frame, limits.message) = (MOST, MOST);
        // tungstenite does not count fragments.
        (limits.fragments, limits.empty_fragments) = (u32::MAX, u32::MAX);
    })
}

#[derive(Debug, PartialEq)]
enum End {
    Open,
    Closed,
    Failed,
}

/// What tungstenite makes of the bytes.
fn theirs_on(role: TheirRole, bytes: &[u8]) -> (Vec<Seen>, End) {
    let mut config = WebSocketConfig::default();
    config.read_buffer_size = 2048;
    config.max_frame_size = Some(MOST);
    config.max_message_size = Some(MOST);
    let mut socket = WebSocket::from_raw_socket(Script(bytes), role, Some(config));
    let mut seen = Vec::new();
    loop {
        seen.push(match socket.read() {
            Ok(Message::Text(text)) => Seen::Text(text.to_string()),
            Ok(Message::Binary(bytes)) => Seen::Binary(bytes.to_vec()),
            Ok(Message::Ping(bytes)) => Seen::Ping(bytes.to_vec()),
            Ok(Message::Pong(bytes)) => Seen::Pong(bytes.to_vec()),
            Ok(Message::Close(frame)) => {
                let (code, reason) = frame.map_or((1005, String::new()), |f| (f.code.into(), f.reason.to_string()));
                seen.push(Seen::Close(code, reason));
                return (seen, End::Closed);
            }
            Ok(Message::Frame(_)) => unreachable!("never comes of reading"),
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(_) => return (seen, End::Failed),
        });
    }
    (seen, End::Open)
}

/// What the peer sends; what is sent to it vanishes.
struct Script<'a>(&'a [u8]);

impl Read for Script<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.0.read(into)? {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            n => Ok(n),
        }
    }
}

impl Write for Script<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
