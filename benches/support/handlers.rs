//! What is measured: nothing of a handler's own.
#![allow(dead_code)]

use bowsprit::Message;
use bowsprit::handshake::{Request, Response};
use bowsprit::net::{Bytes, Handler, Peer, Peers, Responder};

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

/// As [`Broadcast`], with its numbers as the answer to every plain request.
pub struct Metered;

impl Handler for Metered {
    type Data = ();

    fn open(&mut self, peer: &mut Peer<'_, ()>, request: &Request<'_>) {
        Broadcast.open(peer, request);
    }

    fn http(&mut self, _: &Request<'_>, _: Bytes, responder: Responder, peers: &mut Peers<'_, ()>) {
        responder.send(Response::new(200).body(peers.stats().to_string()));
    }

    fn message(&mut self, peer: &mut Peer<'_, ()>, message: Message<'_>) {
        Broadcast.message(peer, message);
    }
}
