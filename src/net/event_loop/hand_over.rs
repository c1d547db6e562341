//! Connections that move to another loop, because their request is for that.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::vec::Vec;

use super::EventLoop;
use crate::handshake::Request;
use crate::net::handler::Handler;
use crate::net::hub::{Hub, Record};
use crate::net::remote::Handed;
use crate::net::transport::Transport;

impl<H: Handler, T: Transport> EventLoop<H, T> {
    /// Gives a connection away, with the head of a request and what came behind it.
    pub(super) fn hand_over(&mut self, index: u32, worker: usize, head: Vec<u8>) {
        let mut bytes = head;
        bytes.extend_from_slice(self.input.unread());
        self.input.clear();
        if !self.hub.output.cork.is_empty() || self.hub.records.get(index).is_some_and(Record::is_backed_up) {
            // The answers to earlier requests leave first, by this loop. Then it is asked again.
            self.input.extend_from_slice(&bytes);
            return self.put_off(index);
        }
        let address = self.admission.address(index);
        let stream = self.streams.get_mut(index as usize).and_then(Option::take);
        self.remove(index);
        if let Some(Ok(stream)) = stream.map(|stream| self.transport.hand_over(stream)) {
            self.hub.remote.hand_over(worker, Handed { stream, address, bytes });
        }
    }

    /// Goes on with a connection that another loop has given away.
    pub(super) fn take_over(&mut self, handed: Handed) {
        let Some(stream) = self.transport.take_over(handed.stream).filter(|_| !self.hub.stopping) else { return };
        let Some(index) = self.admit(stream, handed.address) else { return };
        self.hub.begin_turn(index);
        self.input.extend_from_slice(&handed.bytes);
        // Nobody passes it on.
        self.hub.taken_over = true;
        self.requests(index);
        self.hub.taken_over = false;
        self.input.clear();
        self.finish_turn(index);
    }
}

/// The loop that a request is for, if it is another one.
pub(super) fn worker_for<H: Handler>(handler: &mut H, hub: &mut Hub<H::Data>, request: &Request<'_>) -> Option<usize> {
    if hub.remote.is_alone() || core::mem::take(&mut hub.taken_over) {
        return None;
    }
    // A panic concerns this request alone, which stays.
    let worker = catch_unwind(AssertUnwindSafe(|| handler.worker_for(request))).unwrap_or_else(|_| {
        hub.stats.panics += 1;
        None
    });
    worker.filter(|worker| *worker != hub.remote.worker() && *worker < hub.remote.workers())
}
