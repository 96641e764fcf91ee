//! Counts what the process asks of its allocator, and reads how much of its memory is resident.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

/// The system's allocator, counting.
#[derive(Debug)]
pub(crate) struct Counting;

/// Counts of some threads, alone on its cache lines: counting must not slow down the side that
/// allocates more by making threads share a line.
#[repr(align(128))]
struct Tally {
    allocations: AtomicU64,
    bytes: AtomicU64,
}

/// Threads take tallies in turn. A few more than the threads of the service.
static TALLIES: [Tally; 64] = [const {
    Tally {
        allocations: AtomicU64::new(0),
        bytes: AtomicU64::new(0),
    }
}; 64];
static THREADS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    // Const-initialised and without a destructor: reading it never allocates.
    static TALLY: Cell<usize> = const { Cell::new(usize::MAX) };
}

fn count(bytes: usize) {
    let mut index = TALLY.get();
    if index == usize::MAX {
        // Relaxed: it only spreads the threads.
        index = THREADS.fetch_add(1, Relaxed) % TALLIES.len();
        TALLY.set(index);
    }
    // Relaxed, both: figures.
    TALLIES[index].allocations.fetch_add(1, Relaxed);
    TALLIES[index].bytes.fetch_add(bytes as u64, Relaxed);
}

// SAFETY: every method passes its arguments on to `System`, which is a correct allocator, and adds
// only counting, which neither allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller vouches for `layout`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller vouches for `layout`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size.saturating_sub(layout.size()));
        // SAFETY: the caller vouches for all three; `block` came from `System` through `alloc`.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller vouches for both; `block` came from `System` through `alloc`.
        unsafe { System.dealloc(block, layout) }
    }
}

/// Allocations so far, growing reallocations included, and their bytes. Zeros unless [`Counting`]
/// is the global allocator.
pub(crate) fn allocated() -> (u64, u64) {
    // Relaxed, both: figures.
    let sum =
        |count: fn(&Tally) -> &AtomicU64| TALLIES.iter().map(|t| count(t).load(Relaxed)).sum();
    (sum(|tally| &tally.allocations), sum(|tally| &tally.bytes))
}

/// The memory resident now and at most so far, in bytes, where the system tells (Linux).
pub(crate) fn resident() -> Option<(u64, u64)> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let bytes = |name| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kib * 1024)
    };
    Some((bytes("VmRSS:")?, bytes("VmHWM:")?))
}
