//! One direction of a connection: what is under way, what has arrived, and what goes wrong in between.

use core::time::Duration;
use std::collections::VecDeque;
use std::vec::Vec;

/// What a direction of a connection is like. The default takes 256 KiB, and brings them at once and whole.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Wire {
    /// Bytes that fit in, those included that arrived and were not read yet. Behind them the writer has to wait. At least 1.
    pub capacity: usize,
    /// The most bytes that one read brings; in a [seeded](super::World::seeded) world up to so many. At least 1.
    pub read_at_most: usize,
    /// The most bytes that one write takes; in a [seeded](super::World::seeded) world up to so many. At least 1.
    pub write_at_most: usize,
    /// How long what is written is under way.
    pub delay: Duration,
    /// The connection is reset, in both directions, when it has taken so many bytes.
    pub cut_after: Option<u64>,
    /// Nothing arrives until this is `false` again.
    pub stalled: bool,
}

impl Default for Wire {
    fn default() -> Self {
        Self {
            capacity: 256 << 10,
            read_at_most: usize::MAX,
            write_at_most: usize::MAX,
            delay: Duration::ZERO,
            cut_after: None,
            stalled: false,
        }
    }
}

/// Bytes on their way from one end to the other.
#[derive(Debug)]
pub(super) struct Pipe {
    pub(super) wire: Wire,
    under_way: VecDeque<(Duration, Item)>,
    bytes_under_way: usize,
    arrived: VecDeque<u8>,
    /// The writer closed its end, and the reader has everything.
    pub(super) ended: bool,
    /// The writer found too little room, and wants to be told of more.
    pub(super) awaited: bool,
    taken: u64,
}

#[derive(Debug)]
pub(super) enum Item {
    Bytes(Vec<u8>),
    End,
    Reset,
}

impl Pipe {
    pub(super) fn new(wire: Wire) -> Self {
        Self {
            wire,
            under_way: VecDeque::new(),
            bytes_under_way: 0,
            arrived: VecDeque::new(),
            ended: false,
            awaited: false,
            taken: 0,
        }
    }

    pub(super) fn room(&self) -> usize {
        self.wire.capacity.max(1).saturating_sub(self.bytes_under_way + self.arrived.len())
    }

    /// Whether there is so much room that it is worth telling the writer: a third, as Linux has it.
    pub(super) fn is_writable(&self) -> bool {
        self.room() >= self.wire.capacity.max(1).div_ceil(3)
    }

    /// How many bytes may go in before the cut.
    pub(super) fn until_cut(&self) -> usize {
        let left = self.wire.cut_after.map_or(u64::MAX, |cut| cut.saturating_sub(self.taken));
        usize::try_from(left).unwrap_or(usize::MAX)
    }

    pub(super) fn push(&mut self, now: Duration, item: Item) {
        if let Item::Bytes(bytes) = &item {
            self.bytes_under_way += bytes.len();
            self.taken += bytes.len() as u64;
        }
        self.under_way.push_back((now.saturating_add(self.wire.delay), item));
    }

    /// The next thing whose time has come.
    pub(super) fn pop(&mut self, now: Duration) -> Option<Item> {
        if self.wire.stalled || self.under_way.front()?.0 > now {
            return None;
        }
        let (_, item) = self.under_way.pop_front()?;
        if let Item::Bytes(bytes) = &item {
            self.bytes_under_way -= bytes.len();
        }
        Some(item)
    }

    /// When the next thing arrives.
    pub(super) fn next_arrival(&self) -> Option<Duration> {
        if self.wire.stalled { None } else { self.under_way.front().map(|(at, _)| *at) }
    }

    pub(super) fn arrive(&mut self, bytes: &[u8]) {
        self.arrived.extend(bytes);
    }

    pub(super) fn unread(&self) -> usize {
        self.arrived.len()
    }

    pub(super) fn read(&mut self, into: &mut [u8]) -> usize {
        let len = into.len().min(self.arrived.len());
        let (front, back) = self.arrived.as_slices();
        let split = len.min(front.len());
        into[..split].copy_from_slice(&front[..split]);
        into[split..len].copy_from_slice(&back[..len - split]);
        self.arrived.drain(..len);
        len
    }
}
