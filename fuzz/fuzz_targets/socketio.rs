//! Any text as a Socket.IO packet: what is read is what is written of it again.
#![no_main]

use bowsprit::socketio::packet::{Packet, check_placeholders};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(packet) = Packet::decode(text, 10) else { return };
    let (mut once, mut twice) = (String::new(), String::new());
    packet.encode(&mut once);
    let again = Packet::decode(&once, 10).expect("what was encoded can be decoded");
    again.encode(&mut twice);
    assert_eq!(once, twice);
    assert_eq!(check_placeholders(&packet), check_placeholders(&again));
});
