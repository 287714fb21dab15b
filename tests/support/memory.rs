//! Counts the memory that is allocated. Three relaxed additions for each allocation: nothing beside what is measured.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);
static CALLS: AtomicUsize = AtomicUsize::new(0);

/// The system's allocator, counted.
pub struct Counting;

// SAFETY: every call goes to the system's allocator as it came; counting touches no memory but the counters.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        // SAFETY: the caller's promise is the system's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Both may exist at once while the content moves; whether they do is the system's secret.
        grow(size);
        NOW.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

fn grow(bytes: usize) {
    CALLS.fetch_add(1, Relaxed);
    let now = NOW.fetch_add(bytes, Relaxed) + bytes;
    PEAK.fetch_max(now, Relaxed);
}

/// What `work` took from the allocator.
#[derive(Debug)]
pub struct Taken {
    /// The bytes allocated at most while it ran, beyond those that were allocated before.
    pub peak: usize,
    /// How many times memory was asked for.
    pub calls: usize,
}

/// Returns what `work` takes from the allocator. Other threads must rest.
pub fn taken_by<T>(work: impl FnOnce() -> T) -> (T, Taken) {
    let before = NOW.load(Relaxed);
    PEAK.store(before, Relaxed);
    CALLS.store(0, Relaxed);
    let result = work();
    let taken = Taken {
        peak: PEAK.load(Relaxed).saturating_sub(before),
        calls: CALLS.load(Relaxed),
    };
    (result, taken)
}
