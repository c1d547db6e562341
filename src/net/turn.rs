//! One handshake at a time with an IP address, in the whole process (RFC 6455 §4.1).

use core::mem;
use std::boxed::Box;
use std::collections::btree_map::{BTreeMap, Entry};
use std::collections::vec_deque::VecDeque;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The right to shake hands with an IP address. Dropping it passes it on.
#[derive(Debug)]
pub(super) struct Turn(IpAddr);

/// Called with the turn; gives it back if it is not wanted any more.
type Waiter = Box<dyn FnOnce(Turn) -> Result<(), Turn> + Send>;

/// By address that somebody shakes hands with: those that wait, in the order they came.
static WAITING: Mutex<BTreeMap<IpAddr, VecDeque<Waiter>>> = Mutex::new(BTreeMap::new());

impl Turn {
    /// Calls `then` when nobody else shakes hands with the address: perhaps at once, perhaps on another thread.
    pub(super) fn wait(address: IpAddr, then: impl FnOnce(Self) -> Result<(), Self> + Send + 'static) {
        match waiting().entry(address) {
            Entry::Occupied(mut queue) => return queue.get_mut().push_back(Box::new(then)),
            Entry::Vacant(entry) => entry.insert(VecDeque::new()),
        };
        // Out of the lock; what it gives back is dropped, and so passed on.
        drop(then(Self(address)));
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        while let Some(waiter) = next(self.0) {
            match waiter(Self(self.0)) {
                Ok(()) => return,
                // The next one is asked here, not in a drop within this one.
                Err(unwanted) => mem::forget(unwanted),
            }
        }
    }
}

/// The next one that waits; without one the address is free.
fn next(address: IpAddr) -> Option<Waiter> {
    let mut waiting = waiting();
    let waiter = waiting.get_mut(&address).and_then(VecDeque::pop_front);
    if waiter.is_none() {
        waiting.remove(&address);
    }
    waiter
}

fn waiting() -> MutexGuard<'static, BTreeMap<IpAddr, VecDeque<Waiter>>> {
    WAITING.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn r008_one_has_it_and_the_others_follow_in_order() {
        // An address that no other test of this process uses.
        let address = IpAddr::from([192, 0, 2, 1]);
        let (sender, turns) = mpsc::channel();
        for n in 0..10_000 {
            let sender = sender.clone();
            Turn::wait(address, move |turn| {
                // Every third has gone away meanwhile.
                if n % 3 == 2 { Err(turn) } else { sender.send((n, turn)).map_err(|unsent| unsent.0.1) }
            });
        }
        for n in (0..10_000).filter(|n| n % 3 != 2) {
            let (got, turn) = turns.try_recv().unwrap();
            assert_eq!(got, n);
            assert!(turns.try_recv().is_err(), "two at a time");
            drop(turn);
        }
        assert!(turns.try_recv().is_err() && !waiting().contains_key(&address));
    }
}
