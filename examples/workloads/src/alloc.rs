//! Counts what the process asks of its allocator.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

/// The system's allocator, counting.
#[derive(Debug)]
pub struct Counting;

/// Counts of some threads, alone on its cache lines: counting must not slow down the side that
/// allocates more by making threads share a line.
#[repr(align(128))]
struct Tally {
    allocations: AtomicU64,
    bytes: AtomicU64,
    freed: AtomicU64,
}

/// Threads take tallies in turn. A few more than the threads of the service.
static TALLIES: [Tally; 64] = [const {
    Tally { allocations: AtomicU64::new(0), bytes: AtomicU64::new(0), freed: AtomicU64::new(0) }
}; 64];
static THREADS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    // Const-initialised and without a destructor: reading it never allocates.
    static TALLY: Cell<usize> = const { Cell::new(usize::MAX) };
}

fn tally() -> &'static Tally {
    let mut index = TALLY.get();
    if index == usize::MAX {
        // Relaxed: it only spreads the threads.
        index = THREADS.fetch_add(1, Relaxed) % TALLIES.len();
        TALLY.set(index);
    }
    &TALLIES[index]
}

fn count(bytes: usize) {
    let tally = tally();
    // Relaxed, both: figures.
    tally.allocations.fetch_add(1, Relaxed);
    tally.bytes.fetch_add(bytes as u64, Relaxed);
}

fn uncount(bytes: usize) {
    // Relaxed: a figure.
    tally().freed.fetch_add(bytes as u64, Relaxed);
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
        uncount(layout.size().saturating_sub(size));
        // SAFETY: the caller vouches for all three; `block` came from `System` through `alloc`.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        uncount(layout.size());
        // SAFETY: the caller vouches for both; `block` came from `System` through `alloc`.
        unsafe { System.dealloc(block, layout) }
    }
}

/// Allocations so far, growing reallocations included, and their bytes. Zeros unless [`Counting`]
/// is the global allocator.
pub fn allocated() -> (u64, u64) {
    // Relaxed, both: figures.
    let sum =
        |count: fn(&Tally) -> &AtomicU64| TALLIES.iter().map(|t| count(t).load(Relaxed)).sum();
    (sum(|tally| &tally.allocations), sum(|tally| &tally.bytes))
}

/// Bytes that are allocated and not freed. Zero unless [`Counting`] is the global allocator.
pub fn live() -> u64 {
    // Relaxed: a figure. What is freed before it is seen to be allocated must not wrap.
    let freed: u64 = TALLIES.iter().map(|tally| tally.freed.load(Relaxed)).sum();
    allocated().1.saturating_sub(freed)
}
