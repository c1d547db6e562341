//! RFC 7692 §8: security considerations.

use bowsprit::{MessageRef, Role};

use crate::messages::{Sender, TEXT, config, json, params};

#[test]
fn r183_compression_can_be_switched_off_for_one_message() {
    let mut sender = Sender::new(Role::Server, params(|_| {}), &config(|_| {}));
    let sent = json(0, 1000);
    assert_eq!(sender.send(&sent).first, TEXT);
    let frame = sender.send(MessageRef::from(&sent).plain());
    assert_eq!((frame.first, frame.payload.as_slice()), (0x81, sent.as_bytes()));

    for (part, last) in [("Hel", false), ("lo", true)] {
        sender.conn.send_part(MessageRef::from(part).plain(), last, &mut sender.output).unwrap();
    }
    assert_eq!(sender.output.pending(), b"\x01\x03Hel\x80\x02lo");
}
