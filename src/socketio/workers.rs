//! The servers of a process: one for each loop.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::vec::Vec;

use super::adapter::{Adapter, Message, ServerId};
use super::engine::Place;

/// Joins the loops of a server, each of which has a clone.
#[derive(Clone, Debug)]
pub(super) struct Workers {
    inboxes: Arc<[Mutex<Inbox>]>,
    place: Option<Place>,
}

#[derive(Debug, Default)]
struct Inbox {
    messages: Vec<(ServerId, Message)>,
    bytes: usize,
}

/// Bytes that may wait for a loop. One that is so far behind loses what comes next; the numbers of the broadcasts tell it.
const MOST_WAITING: usize = 64 << 20;

impl Workers {
    pub(super) fn new(workers: usize) -> Self {
        Self { inboxes: (0..workers).map(|_| Mutex::default()).collect(), place: None }
    }

    fn worker(&self) -> usize {
        self.place.as_ref().map_or(0, |place| place.worker)
    }

    fn put(&self, worker: usize, message: Message) {
        let (Some(inbox), Some(place)) = (self.inboxes.get(worker), &self.place) else { return };
        let mut inbox = lock(inbox);
        if inbox.bytes >= MOST_WAITING {
            return;
        }
        inbox.bytes += message.len();
        inbox.messages.push((self.id(), message));
        let is_first = inbox.messages.len() == 1;
        drop(inbox);
        // Whoever put the first has woken it, and it has not come round to it.
        if is_first {
            place.remote.wake_worker(worker);
        }
    }
}

impl Adapter for Workers {
    fn start(&mut self, place: &Place) {
        self.place = Some(place.clone());
    }

    fn id(&self) -> ServerId {
        ServerId(self.worker() as u64)
    }

    fn others(&self) -> usize {
        self.inboxes.len() - 1
    }

    fn send(&mut self, to: Option<ServerId>, message: Message) {
        if let Some(ServerId(worker)) = to {
            return self.put(worker as usize, message);
        }
        let others = (0..self.inboxes.len()).filter(|worker| *worker != self.worker());
        others.for_each(|worker| self.put(worker, message.clone()));
    }

    fn receive(&mut self) -> Vec<(ServerId, Message)> {
        let inbox = self.inboxes.get(self.worker()).map(|inbox| core::mem::take(&mut *lock(inbox)));
        inbox.unwrap_or_default().messages
    }
}

fn lock(inbox: &Mutex<Inbox>) -> MutexGuard<'_, Inbox> {
    // Nothing in here can panic half-way.
    inbox.lock().unwrap_or_else(PoisonError::into_inner)
}
