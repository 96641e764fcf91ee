//! What do pools cost that hold nothing?
//!
//! Counts bytes from the allocator, and the resident set where the system tells: a pool that nobody
//! has touched, a worker that never held two objects, and 1,500 pools that 64 threads have each used
//! and left idle. Prints a table; not a timed benchmark.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use stealpool::{Builder, Pool};

struct Weighing;

static LIVE: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to `System` unchanged.
unsafe impl GlobalAlloc for Weighing {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size(), Relaxed);
        // SAFETY: the caller's promise is `System`'s.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Weighing = Weighing;

const POOLS: usize = 1_500;
const THREADS: usize = 64;

fn pool() -> Pool<Vec<u8>> {
    Builder::new().collect_manually().build(Vec::new)
}

/// Resident memory of the process in bytes, where `/proc` has it.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<usize>().ok());
    pages.unwrap_or(0) * 4096
}

fn main() {
    println!(
        "{:<58} {:>12}",
        "untouched pool with a fn() policy, bytes",
        size_of::<Pool<Vec<u8>>>()
    );

    let before = LIVE.load(Relaxed);
    let untouched: Vec<Pool<Vec<u8>>> = (0..1_000).map(|_| pool()).collect();
    let owned = LIVE.load(Relaxed) - before - 1_000 * size_of::<Pool<Vec<u8>>>();
    println!("{:<58} {:>12}", "  allocated by 1,000 of them", owned);
    drop(untouched);

    let pools: Vec<Pool<Vec<u8>>> = (0..POOLS).map(|_| pool()).collect();
    let (used, weighed, end) =
        (Barrier::new(THREADS + 1), Barrier::new(THREADS + 1), Barrier::new(THREADS + 1));
    let empty_threads = Barrier::new(THREADS + 1);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                empty_threads.wait();
                weighed.wait();
                pools.iter().for_each(|pool| drop(pool.get()));
                used.wait();
                weighed.wait();
                end.wait();
            });
        }
        empty_threads.wait();
        let (live, rss) = (LIVE.load(Relaxed), resident());
        weighed.wait();
        used.wait();
        let objects: usize = pools.iter().map(|pool| pool.clear()).sum();
        let (live, rss) = (LIVE.load(Relaxed) - live, resident().saturating_sub(rss));
        let all_bare = pools.iter().all(|pool| pool.idle() == 0);
        let workers: usize = pools.iter().map(|pool| pool.stats().workers).sum();
        println!("{:<58} {:>12}", "1,500 pools x 64 threads, idle: objects dropped", objects);
        println!("{:<58} {:>12}", "  allocated, bytes", live);
        println!("{:<58} {:>12}", "  resident, bytes (freed objects' pages included)", rss);
        println!("{:<58} {:>12}", "  allocated per worker, bytes", live / workers.max(1));
        weighed.wait();
        end.wait();
        assert!(all_bare, "no pool holds an object");
    });

    drop(pools);
    println!(
        "{:<58} {:>12}",
        "after all pools and threads are gone, bytes left",
        LIVE.load(Relaxed) - before
    );
}
