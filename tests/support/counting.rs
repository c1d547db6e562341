//! An allocator that counts: by thread, so that a server on its own thread is counted alone, and in all.
#![allow(dead_code, unreachable_pub, unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicIsize, Ordering};

/// Calls that asked for memory.
pub fn calls() -> usize {
    CALLS.get()
}

/// Bytes that are allocated now: negative if the thread freed what another gave it.
pub fn bytes() -> isize {
    BYTES.get()
}

/// The most bytes at a time since the last call.
pub fn peak() -> isize {
    PEAK.replace(BYTES.get())
}

/// Bytes that are allocated now, by whomever.
pub fn bytes_of_all() -> isize {
    ALL.load(Ordering::Relaxed)
}

struct Counting;

static ALL: AtomicIsize = AtomicIsize::new(0);

thread_local! {
    static CALLS: Cell<usize> = const { Cell::new(0) };
    static BYTES: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

// SAFETY: hands every call on to the system's allocator and only counts.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size() as isize);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size() as isize);
        // SAFETY: as the caller promises.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(0, -(layout.size() as isize));
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(1, size as isize - layout.size() as isize);
        // SAFETY: as the caller promises.
        unsafe { System.realloc(at, layout, size) }
    }
}

fn count(calls: usize, bytes: isize) {
    ALL.fetch_add(bytes, Ordering::Relaxed);
    // While a thread ends there is nobody left to tell.
    let _ = CALLS.try_with(|n| n.set(n.get() + calls));
    let _ = BYTES.try_with(|n| {
        n.set(n.get() + bytes);
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(n.get())));
    });
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;
