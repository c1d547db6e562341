//! RFC 7692 §7.2.3: examples.

use bowsprit::{Limits, ProtocolError, Role};

use crate::messages::{Sender, TEXT, client, config, fails, no_takeover, params, server, server_with};
use crate::support::{Seen, text};

const HELLO: &[u8] = &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];

#[test]
fn r180_one_block() {
    for frames in [&[(TEXT, HELLO)][..], &[(0x41, &HELLO[..3]), (0x80, &HELLO[3..])]] {
        assert_eq!(server(frames), [text("Hello")]);
        assert_eq!(client(frames), [text("Hello")]);
    }
}

#[test]
fn r180_the_second_message_refers_to_the_first() {
    assert_eq!(server(&[(TEXT, HELLO), (TEXT, HELLO)]), [text("Hello"), text("Hello")]);
    let repeated = &[0xf2, 0x00, 0x11, 0x00, 0x00];
    assert_eq!(server(&[(TEXT, HELLO), (TEXT, repeated)]), [text("Hello"), text("Hello")]);
    assert_eq!(client(&[(TEXT, HELLO), (TEXT, repeated)]), [text("Hello"), text("Hello")]);
    fails(&server(&[(TEXT, repeated)]), ProtocolError::InvalidDeflate, 1007);
}

#[test]
fn r180_a_block_without_compression() {
    let stored = b"\x00\x05\x00\xfa\xffHello\x00"; // 11 bytes; the prose of §7.2.3.3 says 7
    assert_eq!(server(&[(TEXT, stored)]), [text("Hello")]);
    assert_eq!(client(&[(TEXT, stored)]), [text("Hello")]);
}

#[test]
fn r180_a_final_block() {
    let hello = &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00];
    assert_eq!(server(&[(TEXT, hello)]), [text("Hello")]);
    assert_eq!(client(&[(TEXT, hello)]), [text("Hello")]);
}

#[test]
fn r180_two_blocks() {
    let hello = &[0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00];
    assert_eq!(server(&[(TEXT, hello)]), [text("Hello")]);
    assert_eq!(client(&[(TEXT, hello)]), [text("Hello")]);
}

#[test]
fn r181_an_empty_message_is_one_zero_byte() {
    assert_eq!(server(&[(TEXT, &[0x00])]), [text("")]);
    let flushed = [HELLO, &[0x00, 0x00, 0xff, 0xff]].concat();
    for empty in [&[0x00][..], &[0x02, 0x00]] {
        assert_eq!(server(&[(0x41, &flushed), (0x80, empty)]), [text("Hello")]);
    }
    // What is sent as the end of a message in parts.
    let mut sender = Sender::new(Role::Server, params(|_| {}), &config(|_| {}));
    sender.conn.send_part("Hello", false, &mut sender.output).unwrap();
    sender.conn.send_part("", false, &mut sender.output).unwrap();
    sender.conn.send_part("", true, &mut sender.output).unwrap();
    let frames = sender.frames();
    assert!(frames[1].payload.is_empty());
    assert_eq!(frames[2].payload, [0x00]);
    let payload: Vec<u8> = frames.into_iter().flat_map(|frame| frame.payload).collect();
    assert_eq!(sender.inflated(&payload).0, b"Hello");
}

#[test]
fn r181_no_byte_at_all_is_no_message() {
    fails(&server(&[(TEXT, b"")]), ProtocolError::InvalidDeflate, 1007);
    fails(&server(&[(0x41, b""), (0x80, b"")]), ProtocolError::InvalidDeflate, 1007);
}

#[test]
fn r179_plain_messages_leave_the_window_alone() {
    let repeated = &[0xf2, 0x00, 0x11, 0x00, 0x00];
    assert_eq!(server(&[(TEXT, HELLO), (0x81, b"World"), (TEXT, repeated)])[2], text("Hello"));

    let mut sender = Sender::new(Role::Server, params(|_| {}), &config(|config| config.threshold = 6));
    let sent = crate::messages::json(0, 200);
    let first = sender.send(&sent).payload;
    assert_eq!(sender.inflated(&first).0, sent.as_bytes());
    let random = crate::messages::noise(40_000);
    assert_eq!(sender.send(&random).first, 0x82);
    assert_eq!(sender.send("World").first, 0x81);
    let second = sender.send(&sent).payload;
    assert_eq!(sender.inflated(&second), (sent.into_bytes(), 200), "refers to the first, with nothing in between");
}

#[test]
fn r179_without_takeover_nothing_is_there_to_refer_to() {
    let repeated: &[u8] = &[0xf2, 0x00, 0x11, 0x00, 0x00];
    let frames = crate::messages::bytes(&[(TEXT, HELLO), (TEXT, repeated)]);
    let events = server_with(no_takeover(), &Limits::default(), &frames);
    assert_eq!(events, [text("Hello"), Seen::Failed(ProtocolError::InvalidDeflate.at(frames.len() as u64 - 1))]);
}
