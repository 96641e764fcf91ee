//! Memory runs out in the middle of whatever the pool is doing: the process ends as std ends it, by its own
//! abort, and in no other way; and who asks with a fallible constructor gets the error.
//!
//! There is nothing else to test: std aborts when an allocation of its own types fails, and an
//! allocator must not unwind, so no caller can catch one and go on.
#![cfg(unix)]

mod common;

use common::{Census, in_child, this_program};
use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::TryReserveError;
use std::env;
use std::os::unix::process::ExitStatusExt;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use stealpool::{Builder, KeyedPool, Pool};

struct Failing;

/// Allocations until one fails; 0: none does.
static LEFT: AtomicUsize = AtomicUsize::new(0);

/// What is larger than this fails.
static LARGEST: AtomicUsize = AtomicUsize::new(usize::MAX);

// SAFETY: every call goes to the system's allocator, or fails as the trait allows; the counters
// allocate nothing.
unsafe impl GlobalAlloc for Failing {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let counted = LEFT.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1));
        if counted == Ok(1) || layout.size() > LARGEST.load(Relaxed) {
            return ptr::null_mut();
        }
        // SAFETY: as our caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as our caller promised.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static FAILING: Failing = Failing;

/// Which allocation fails, for the child.
const WHICH: &str = "STEALPOOL_FAILING_ALLOCATION";

/// Each of the first allocations fails in its turn, and after them one in so many, up to the last.
const FIRST: usize = 200;
const STEP: usize = 19;
const LAST: usize = 700;

/// A use of pools that allocates wherever they do: the first use, more threads than before, queues, what
/// comes from outside, keys.
fn use_pools() {
    let census = Census::new();
    let pool = census.pool_with(Builder::new().collect_manually().max_idle(100));
    let deep = census.pool();
    for round in 0..3 {
        let threads: Vec<_> = (0..2 + round)
            .map(|_| {
                let (pool, deep) = (Arc::clone(&pool), Arc::clone(&deep));
                let makes = census.clone();
                thread::spawn(move || {
                    drop((0..5).map(|_| pool.get()).collect::<Vec<_>>());
                    pool.put(makes.object());
                    drop((0..100).map(|_| deep.get()).collect::<Vec<_>>());
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
        pool.collect();
        deep.collect();
        stealpool::collect_all();
    }
    let keyed = KeyedPool::new(|&size: &usize| move || Vec::<u8>::with_capacity(size));
    (1..5).for_each(|key| drop([keyed.get(&key), keyed.get(&key)]));
    keyed.clear();
    assert_eq!(pool.idle() + deep.idle(), census.alive());
    drop((pool, deep));
    assert_eq!(census.alive(), 0);
}

/// The child's part: the allocation fails that it is told.
fn with_a_failure(which: &str) {
    // SAFETY: arms a timer of this process, which ends it if it hangs.
    unsafe { libc::alarm(30) };
    let no_core = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `no_core` lives through the call.
    unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const no_core) };
    // The first pool asks std for the number of processors. std reads files for that, and goes on without memory.
    drop(Pool::new(Vec::<u8>::new).get());
    LEFT.store(which.parse().expect("a number"), Relaxed);
    use_pools();
    LEFT.store(0, Relaxed);
}

#[test]
fn the_kth_allocation_fails() {
    const NAME: &str = "the_kth_allocation_fails";
    if let Ok(which) = env::var(WHICH) {
        return with_a_failure(&which);
    }
    let sparse = (FIRST..=LAST).step_by(STEP);
    for which in (0..=FIRST).chain(sparse.skip(1)) {
        let output = this_program()
            .args([NAME, "--exact", "--nocapture", "--test-threads=1"])
            .env(WHICH, which.to_string())
            .env("RUST_BACKTRACE", "0")
            .output()
            .expect("the test binary runs again");
        let said = String::from_utf8_lossy(&output.stderr);
        let outcome = (output.status.code(), output.status.signal());
        if which == 0 {
            assert_eq!(outcome, (Some(0), None), "no failure: {said}");
            let out = String::from_utf8_lossy(&output.stdout);
            assert!(out.contains("1 passed"), "ran nothing: {out}");
            continue;
        }
        // How many there are depends on how the threads fall in with each other.
        if which > FIRST && outcome == (Some(0), None) {
            continue;
        }
        assert_eq!(outcome, (None, Some(libc::SIGABRT)), "{which}: {said}");
        assert!(said.contains("memory allocation of"), "{which}: {said}");
    }
}

/// `try_get_with` and a fallible reservation: the error is the caller's, and the pool is as before.
#[test]
fn a_constructor_that_gets_no_memory_is_an_error() {
    in_child("a_constructor_that_gets_no_memory_is_an_error", || {
        const LARGE: usize = 1 << 20;
        fn large() -> Result<Vec<u8>, TryReserveError> {
            let mut buffer = Vec::new();
            buffer.try_reserve_exact(LARGE)?;
            Ok(buffer)
        }
        let pool: Pool<Vec<u8>> = Builder::new().collect_manually().build(Vec::new);
        let both = [pool.try_get_with(large), pool.try_get_with(large)];
        both.into_iter().for_each(|found| drop(found.expect("memory is there")));
        let kept = (pool.get(), pool.get());
        LARGEST.store(LARGE - 1, Relaxed);
        let before = pool.stats();
        for _ in 0..1000 {
            assert!(pool.try_get_with(large).is_err());
        }
        // The thread may have been moved, and have come to another worker.
        let mut now = pool.stats();
        now.workers = before.workers;
        assert_eq!(now, before);
        // What there is serves on.
        drop(kept);
        let found = pool.try_get_with(large).expect("one is idle");
        assert_eq!(found.capacity(), LARGE);
        LARGEST.store(usize::MAX, Relaxed);
        assert!(pool.try_get_with(large).is_ok() && pool.try_get_with(large).is_ok());
        drop(found);
        assert_eq!(pool.stats().creates, 2);
    });
}
