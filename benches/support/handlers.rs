//! What is measured: nothing of a handler's own.
#![allow(dead_code)]

use bowsprit::Message;
use bowsprit::handshake::Request;
use bowsprit::net::{Handler, Peer};

/// Every message goes back to who sent it.
pub struct Echo;

impl Handler for Echo {
    type Data = ();

    fn message(&mut self, peer: &mut Peer<'_, ()>, message: Message<'_>) {
        // A queue that stays full closes the connection, so nothing is lost in silence.
        let _ = peer.send(message);
    }
}

/// Every message goes to all, its sender too.
pub struct Broadcast;

impl Handler for Broadcast {
    type Data = ();

    fn open(&mut self, peer: &mut Peer<'_, ()>, _request: &Request<'_>) {
        peer.subscribe("all");
    }

    fn message(&mut self, peer: &mut Peer<'_, ()>, message: Message<'_>) {
        peer.publish("all", message);
    }
}
