//! A table of connections that does not move when it grows.

use core::fmt;
use std::boxed::Box;
use std::vec::Vec;

/// Names a connection of a loop, also after it is gone: a later one never has the same name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId {
    /// The loop in the top byte, the place in its table below.
    place: u32,
    generation: u32,
}

const INDEX_BITS: u32 = 24;
/// A table holds so many values.
pub(super) const MOST: usize = 1 << INDEX_BITS;

impl PeerId {
    pub(super) const fn index(self) -> u32 {
        self.place & (MOST as u32 - 1)
    }

    /// Which of the server's loops it belongs to, from 0: the order in which
    /// [`run_each`](super::Server::run_each) makes their handlers is another.
    pub const fn worker(self) -> usize {
        (self.place >> INDEX_BITS) as usize
    }

    /// As one number.
    pub const fn as_u64(self) -> u64 {
        (self.generation as u64) << 32 | self.place as u64
    }

    pub(super) const fn from_u64(number: u64) -> Self {
        Self { place: number as u32, generation: (number >> 32) as u32 }
    }
}

impl fmt::Debug for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PeerId({self})")
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.worker(), self.index(), self.generation)
    }
}

/// Values at indices that are used again, each time with another generation.
#[derive(Debug)]
pub(super) struct Slab<T> {
    worker: u8,
    chunks: Vec<Box<[Slot<T>]>>,
    unused: Vec<u32>,
    len: usize,
}

#[derive(Debug)]
struct Slot<T> {
    generation: u32,
    value: Option<T>,
}

const CHUNK: usize = 256;

impl<T> Slab<T> {
    /// Bytes that a value takes, its generation included.
    pub(super) const SLOT: usize = size_of::<Slot<T>>();

    pub(super) const fn new(worker: u8) -> Self {
        Self { worker, chunks: Vec::new(), unused: Vec::new(), len: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// One more than the highest index in use so far.
    pub(super) fn bound(&self) -> u32 {
        (self.chunks.len() * CHUNK) as u32
    }

    pub(super) fn insert(&mut self, value: T) -> PeerId {
        if self.unused.is_empty() {
            let start = self.bound();
            self.chunks.push((0..CHUNK).map(|_| Slot { generation: 0, value: None }).collect());
            self.unused.extend((start..start + CHUNK as u32).rev());
        }
        // Refilled above.
        let index = self.unused.pop().unwrap_or_default();
        let slot = self.slot_mut(index);
        slot.value = Some(value);
        let generation = slot.generation;
        self.len += 1;
        self.name(index, generation)
    }

    pub(super) fn remove(&mut self, index: u32) -> Option<T> {
        let slot = self.slot_mut(index);
        let value = slot.value.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        self.unused.push(index);
        self.len -= 1;
        Some(value)
    }

    #[inline]
    pub(super) fn get(&self, index: u32) -> Option<&T> {
        self.chunks.get(index as usize / CHUNK)?[index as usize % CHUNK].value.as_ref()
    }

    #[inline]
    pub(super) fn get_mut(&mut self, index: u32) -> Option<&mut T> {
        self.chunks.get_mut(index as usize / CHUNK)?[index as usize % CHUNK].value.as_mut()
    }

    /// The name of what is at an index.
    /// The one of that very name.
    #[inline]
    pub(super) fn find(&mut self, id: PeerId) -> Option<&mut T> {
        let index = id.index() as usize;
        let slot = &mut self.chunks.get_mut(index / CHUNK)?[index % CHUNK];
        if slot.generation == id.generation && id.worker() == usize::from(self.worker) {
            slot.value.as_mut()
        } else {
            None
        }
    }

    pub(super) fn id(&self, index: u32) -> PeerId {
        self.name(index, self.chunks[index as usize / CHUNK][index as usize % CHUNK].generation)
    }

    /// Whether that very value is still there.
    #[inline]
    pub(super) fn contains(&self, id: PeerId) -> bool {
        self.chunks
            .get(id.index() as usize / CHUNK)
            .map(|chunk| &chunk[id.index() as usize % CHUNK])
            .is_some_and(|slot| slot.generation == id.generation && slot.value.is_some())
            && id.worker() == usize::from(self.worker)
    }

    const fn name(&self, index: u32, generation: u32) -> PeerId {
        PeerId { place: (self.worker as u32) << INDEX_BITS | index, generation }
    }

    fn slot_mut(&mut self, index: u32) -> &mut Slot<T> {
        &mut self.chunks[index as usize / CHUNK][index as usize % CHUNK]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_used_again_under_another_name() {
        let mut slab = Slab::new(3);
        let first = slab.insert("first");
        assert_eq!(slab.remove(first.index()), Some("first"));
        assert_eq!(slab.remove(first.index()), None);
        let second = slab.insert("second");
        assert_eq!(first.index(), second.index());
        assert_ne!(first, second);
        assert!(!slab.contains(first) && slab.contains(second));
        assert_eq!(PeerId::from_u64(second.as_u64()), second);
        assert_eq!(second.worker(), 3);
        let elsewhere = Slab::new(2).insert("second");
        assert!(!slab.contains(elsewhere));
    }

    #[test]
    fn grows_by_chunks() {
        let mut slab = Slab::new(0);
        let ids: std::vec::Vec<_> = (0..1000).map(|n| slab.insert(n)).collect();
        assert_eq!(slab.len(), 1000);
        assert!(ids.iter().enumerate().all(|(n, id)| slab.get(id.index()) == Some(&n)));
        assert_eq!(slab.get(5000), None);
    }
}
