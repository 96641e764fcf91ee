//! What the benchmarks share: an allocator that counts, threads that start together.
#![allow(dead_code, reason = "each benchmark uses its part")]

use criterion::Criterion;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// The system's allocator, counting calls.
pub(crate) struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call goes to `System` unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Relaxed);
        // SAFETY: the caller's promise is `System`'s.
        unsafe { System.alloc(layout) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Relaxed);
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }
    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Relaxed);
        // SAFETY: as above.
        unsafe { System.realloc(ptr, layout, size) }
    }
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(ptr, layout) }
    }
}

/// Allocations of one run of `work`, once it is warm.
pub(crate) fn allocations(mut work: impl FnMut()) -> f64 {
    const RUNS: u64 = 1_000;
    (0..100).for_each(|_| work());
    let before = ALLOCATIONS.load(Relaxed);
    (0..RUNS).for_each(|_| work());
    (ALLOCATIONS.load(Relaxed) - before) as f64 / RUNS as f64
}

/// The time that `threads` threads need for `rounds` runs of `work` each.
pub(crate) fn together(threads: usize, rounds: u64, work: impl Fn() + Sync) -> Duration {
    let start = Barrier::new(threads + 1);
    let end = Barrier::new(threads + 1);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                work();
                start.wait();
                (0..rounds).for_each(|_| work());
                end.wait();
            });
        }
        start.wait();
        let begun = Instant::now();
        end.wait();
        begun.elapsed()
    })
}

/// Short runs: all benchmarks together stay under five minutes.
pub(crate) fn criterion() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(1_000))
        .sample_size(30)
        .configure_from_args()
}
