//! Memory, by a counting allocator: a warm pool allocates nothing, and what a pool took comes back.

mod common;

use common::{Puppet, in_child, scaled, stay_here};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicIsize, AtomicUsize};
use std::thread;
use std::time::Duration;
use stealpool::{Builder, Guard, Policy, Pool, Stats, policy};

struct Counting;

/// Bytes alive in the process.
static LIVE: AtomicIsize = AtomicIsize::new(0);

/// Bytes ever allocated in the process.
static EVER: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// Allocations made by this thread.
    static MADE: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator; the counters allocate nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        MADE.with(|made| made.set(made.get() + 1));
        LIVE.fetch_add(layout.size() as isize, Relaxed);
        EVER.fetch_add(layout.size(), Relaxed);
        // SAFETY: as our caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size() as isize, Relaxed);
        // SAFETY: as our caller promised.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// How many allocations this thread makes in `f`. For a process of its own.
fn allocations(f: impl FnOnce()) -> usize {
    let before = MADE.get();
    f();
    MADE.get() - before
}

/// Live bytes now; for a test in a process of its own.
fn live() -> isize {
    LIVE.load(Relaxed)
}

fn plain() -> impl Policy<[u64; 4]> + Copy {
    policy(|| [0u64; 4]).recycle_with(|_| true)
}

#[test]
fn the_allocator_counts() {
    let one = allocations(|| drop(Box::new(1u64)));
    assert_eq!(one, 1);
}

#[test]
fn an_untouched_pool_owns_nothing() {
    static STATIC: Pool<Vec<u8>> = Builder::new().max_idle(7).build(Vec::new);
    let count = allocations(|| {
        for _ in 0..1000 {
            let pool = Builder::new().max_idle(10).idle_bytes(1 << 20).build(plain());
            assert_eq!((pool.idle(), pool.stats().gets), (0, 0));
            assert_eq!((pool.clear(), pool.collect().dropped, pool.drain().len()), (0, 0, 0));
        }
        assert_eq!(STATIC.idle(), 0);
    });
    assert_eq!(count, 0);
    assert!(size_of::<Pool<Vec<u8>, ()>>() <= 64, "one cache line");
}

/// Warm up, then 100,000 pairs, `held` objects at a time; returns what was allocated meanwhile.
fn warm_loop(settings: Builder, held: usize) -> (usize, Stats) {
    let pool = settings.build(plain());
    let mut guards = Vec::with_capacity(held);
    let mut pairs = |n: usize| {
        for _ in 0..n / held {
            guards.extend((0..held).map(|_| pool.get()));
            guards.clear();
        }
    };
    pairs(10_000);
    let creates = pool.stats().creates;
    let count = allocations(|| pairs(100_000));
    let stats = pool.stats();
    assert_eq!(stats.creates, creates, "{held} held: {stats}");
    (count, stats)
}

/// Nothing is made for a thread that lives for one get.
#[test]
fn a_thread_of_one_get_allocates_nothing() {
    in_child("a_thread_of_one_get_allocates_nothing", || {
        // A thread that is moved between its get and its put may leave the next one without an object.
        stay_here();
        let pool = Builder::new().collect_manually().build(plain());
        let threads = |use_it: bool| {
            let before = EVER.load(Relaxed);
            for _ in 0..100 {
                let body = || use_it.then(|| pool.get()[0]);
                assert_eq!(
                    thread::scope(|scope| scope.spawn(body).join()).unwrap(),
                    use_it.then_some(0)
                );
            }
            EVER.load(Relaxed) - before
        };
        threads(true);
        let (idle, used) = (threads(false), threads(true));
        assert_eq!(pool.stats().creates, 1);
        assert_eq!(used, idle, "{} bytes a thread", (used - idle) / 100);
    });
}

/// With one object held at a time and with several; from the magazine and from below it.
/// Go's TestCountMallocs, for the pool itself.
#[test]
fn a_warm_pool_allocates_nothing() {
    in_child("a_warm_pool_allocates_nothing", || {
        stay_here();
        let settings = [
            Builder::new(),
            Builder::new().collect_manually(),
            Builder::new().max_idle(100).idle_bytes(1 << 20),
        ];
        for settings in settings {
            for held in [1, 2, 3, 10, 60] {
                let (count, stats) = warm_loop(settings, held);
                assert_eq!(count, 0, "{settings:?}, {held} held: {stats}");
            }
        }
    });
}

/// The same, through cycles: what is in use moves from generation to generation.
#[test]
fn cycles_on_use_allocate_nothing() {
    in_child("cycles_on_use_allocate_nothing", || {
        stay_here();
        let settings = [
            Builder::new(),
            Builder::new().private_depth(1),
            Builder::new().max_idle(100),
            Builder::new().max_idle(100).private_depth(1),
        ];
        for settings in settings {
            for held in [1, 2, 3, 10, 60] {
                let (count, stats) = warm_loop(settings.collect_every(Duration::ZERO), held);
                assert!(stats.cycles > 50, "{held} held: {stats}");
                assert_eq!(count, 0, "{settings:?}, {held} held: {stats}");
            }
        }
    });
}

#[test]
fn warm_owned_guards_and_misses_that_fail_allocate_nothing() {
    in_child("warm_owned_guards_and_misses_that_fail_allocate_nothing", || {
        stay_here();
        let pool = Arc::new(Builder::new().collect_manually().build(plain()));
        drop(pool.get_owned());
        let count = allocations(|| {
            for _ in 0..10_000 {
                drop((pool.get_owned(), pool.try_get()));
                assert!(pool.try_get_with(|| Err::<[u64; 4], ()>(())).is_ok());
                let held = pool.get();
                assert!(pool.try_get().is_none());
                assert!(pool.try_get_with(|| Err(())).is_err());
                drop(held);
            }
        });
        assert_eq!(count, 0);
    });
}

/// One box for an object, whatever happens to it.
#[test]
fn an_object_costs_one_allocation() {
    in_child("an_object_costs_one_allocation", || {
        // On another processor there is a worker to be made.
        stay_here();
        let pool = Builder::new().collect_manually().build(plain());
        (0..2).for_each(|_| drop([pool.get(), pool.get(), pool.get()]));
        // What comes from outside is counted in a block that a worker gets when it first needs it.
        drop(pool.wrap([1; 4]));
        pool.clear();
        assert_eq!(allocations(|| drop([pool.get(), pool.get()])), 2);
        assert_eq!(allocations(|| drop([pool.get(), pool.get()])), 0);
        assert_eq!(allocations(|| drop(pool.wrap([1; 4]))), 1);
        assert_eq!(allocations(|| assert_eq!(*pool.get(), [1; 4])), 0);
        let taken = || assert_eq!(Guard::into_inner(pool.get()), [1; 4]);
        assert_eq!(allocations(taken), 0);
        assert_eq!(allocations(|| pool.put([1; 4])), 1);
        assert_eq!(allocations(|| assert_eq!(pool.idle(), 3)), 0);
        assert_eq!(allocations(|| assert_eq!(pool.drain().count(), 3)), 0);
    });
}

fn use_and_drop(n: usize) {
    for i in 0..n {
        let pool = Builder::new().collect_manually().build(plain());
        let held: [_; 3] = std::array::from_fn(|_| pool.get());
        drop(held);
        if i % 3 == 0 {
            pool.collect();
        }
    }
}

#[test]
fn pools_made_and_dropped_on_one_thread_leave_nothing() {
    in_child("pools_made_and_dropped_on_one_thread_leave_nothing", || {
        use_and_drop(1000);
        let before = live();
        use_and_drop(10_000);
        let grown = live() - before;
        assert!(grown.abs() < 4096, "{grown} bytes for 10,000 pools");
    });
}

#[test]
fn pools_made_and_dropped_on_many_threads_leave_nothing() {
    in_child("pools_made_and_dropped_on_many_threads_leave_nothing", || {
        let round = || {
            for _ in 0..50 {
                thread::spawn(|| use_and_drop(20)).join().unwrap();
            }
        };
        (0..4).for_each(|_| round());
        let before = live();
        (0..scaled(200)).for_each(|_| round());
        let grown = live() - before;
        assert!(grown.abs() < 32_768, "{grown} bytes");
    });
}

/// A thread that lives on forgets the pools that others have dropped.
#[test]
fn pools_dropped_by_others_leave_nothing_with_their_users() {
    in_child("pools_dropped_by_others_leave_nothing_with_their_users", || {
        let user = Puppet::new();
        let round = |n: usize| {
            for _ in 0..n {
                let pool = Arc::new(Builder::new().collect_manually().build(plain()));
                let same = Arc::clone(&pool);
                user.run(move || drop([same.get(), same.get()]));
                drop(pool);
            }
        };
        round(500);
        let before = live();
        round(20_000);
        let grown = live() - before;
        assert!(grown.abs() < 20_000, "{grown} bytes for 20,000 pools");
    });
}

/// A thread that ends has nothing to give back; a pool that lives on keeps its workers.
#[test]
fn threads_that_end_leave_nothing() {
    in_child("threads_that_end_leave_nothing", || {
        let pools: Arc<Vec<_>> =
            Arc::new((0..20).map(|_| Builder::new().collect_manually().build(plain())).collect());
        let round = || {
            for _ in 0..100 {
                let pools = Arc::clone(&pools);
                let job = move || pools.iter().for_each(|pool| drop(pool.get()));
                thread::spawn(job).join().unwrap();
            }
        };
        (0..3).for_each(|_| round());
        let before = live();
        (0..scaled(200)).for_each(|_| round());
        let grown = live() - before;
        assert!(grown.abs() < 32_768, "{grown} bytes");
        assert!(pools.iter().all(|pool| pool.stats().workers <= common::most_workers()));
    });
}

/// All that threads, slots, cycles and bursts ever allocated is back when the pool is gone.
#[test]
fn a_dropped_pool_gives_everything_back() {
    in_child("a_dropped_pool_gives_everything_back", || {
        let puppets: Vec<_> = (0..6).map(|_| Puppet::new()).collect();
        let round = || {
            let pool = Arc::new(Builder::new().collect_manually().build(plain()));
            for puppet in &puppets {
                for burst in [1, 1000, 3] {
                    let same = Arc::clone(&pool);
                    puppet.run(move || drop((0..burst).map(|_| same.get()).collect::<Vec<_>>()));
                    pool.collect();
                }
            }
        };
        (0..5).for_each(|_| round());
        let before = live();
        (0..20).for_each(|_| round());
        let grown = live() - before;
        assert!(grown.abs() < 16_384, "{grown} bytes for 20 pools of 1,000 objects");
        puppets.into_iter().for_each(Puppet::end);
    });
}

/// regex#1214: memory comes back after a burst although the pool lives on, the slots
/// included.
#[test]
fn a_burst_gives_its_memory_back() {
    in_child("a_burst_gives_its_memory_back", || {
        let pool = Builder::new()
            .collect_manually()
            .build(policy(|| Vec::<u8>::with_capacity(10_000)).recycle_with(|_| true));
        drop([pool.get(), pool.get()]);
        let before = live();
        drop((0..10_000).map(|_| pool.get()).collect::<Vec<_>>());
        assert!(live() - before > 100_000_000);
        for _ in 0..3 {
            drop(pool.get());
            pool.collect();
        }
        let kept = live() - before;
        assert!(kept < 300_000, "{kept} bytes are left of a burst of 100 MB");
    });
}
