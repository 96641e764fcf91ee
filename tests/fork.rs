//! A process that forks while its threads use a pool: the child goes on with what it has.
#![cfg(unix)]

mod common;

use common::{Census, CountedPool, MAGAZINE, in_child, processors};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::thread;
use stealpool::{Builder, Collector, Guard, KeyedPool, PressureSwitch};

/// Seconds after which a child that waits for something is killed.
const PATIENCE: u32 = 30;

/// Forks; runs `child` in the child, without ever returning there. Returns how it ended: 0 is well.
fn fork_and(child: impl FnOnce()) -> i32 {
    // SAFETY: the child calls only `child`, which waits for no thread of the parent's, and `_exit`.
    let id = unsafe { libc::fork() };
    assert!(id >= 0, "fork failed");
    if id == 0 {
        // SAFETY: arms a timer of this process.
        unsafe { libc::alarm(PATIENCE) };
        let well = catch_unwind(AssertUnwindSafe(child)).is_ok();
        // SAFETY: ends the process without running what belongs to the parent.
        unsafe { libc::_exit(i32::from(!well)) };
    }
    let mut status = 0;
    // SAFETY: `id` is our child, and `status` a place for its status.
    let waited = unsafe { libc::waitpid(id, &raw mut status, 0) };
    assert_eq!(waited, id);
    status
}

/// What a child does with a pool that other threads were in the middle of using.
fn use_it(pool: &CountedPool) {
    for round in 0..100 {
        let held: Vec<_> = (0..5).map(|_| pool.get()).collect();
        let ids: std::collections::BTreeSet<usize> = held.iter().map(|object| object.id).collect();
        assert_eq!(ids.len(), 5, "distinct");
        drop(held);
        drop(pool.try_get().map(Guard::into_inner));
        if round % 10 == 0 {
            pool.collect();
        }
    }
    pool.clear();
    drop(pool.drain());
    // What was in the magazines that the parent's threads held stays lost.
    let lost = MAGAZINE * processors();
    assert!(pool.idle() <= lost, "{:?}", pool.stats());
    // An object of our own survives one cycle and not two, as ever.
    drop(pool.get());
    pool.collect();
    assert!(pool.idle() >= 1);
    pool.collect();
    drop(pool.get());
}

#[test]
fn a_quiet_pool_is_whole_in_the_child() {
    in_child("a_quiet_pool_is_whole_in_the_child", || {
        let census = Census::new();
        let pool = census.pool();
        drop([pool.get(), pool.get(), pool.get()]);
        let status = fork_and(|| {
            assert_eq!(pool.idle(), 3);
            use_it(&pool);
            let fresh = census.pool();
            use_it(&fresh);
            pool.collect();
            pool.collect();
            assert_eq!(pool.idle(), 0);
        });
        assert_eq!(status, 0);
        assert_eq!(
            (pool.idle(), census.made()),
            (3, 3),
            "the parent's is its own"
        );
    });
}

/// Magazines in which threads were at work keep their share of a bound, for those threads may hold guards of the
/// pool for ever; so do objects that they had in hand. Half of the bound is in no share.
#[test]
fn a_bound_has_room_in_a_child() {
    in_child("a_bound_has_room_in_a_child", || {
        let settings = Builder::new().max_idle(16);
        let keyed = KeyedPool::with_settings(settings, |_: &usize| || vec![0_u8; 9]);
        let switch = PressureSwitch::new();
        let collector = Collector::builder().pressure(switch.clone()).spawn();
        let collector = collector.expect("none runs yet");
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            for thread in 0..3 {
                let (keyed, stop, switch, collector) = (&keyed, &stop, &switch, &collector);
                scope.spawn(move || {
                    while !stop.load(Acquire) {
                        drop((0..1 + thread).map(|_| keyed.get(&0)).collect::<Vec<_>>());
                        match thread {
                            0 => _ = collector.pressure_source(),
                            1 => switch.raise(),
                            _ => _ = keyed.collect(),
                        }
                    }
                });
            }
            assert!(common::patiently(|| keyed.stats().gets > 10_000));
            let failed = (0..100).find(|_| {
                let status = fork_and(|| {
                    keyed.clear();
                    drop((0..40).map(|_| keyed.get(&99)).collect::<Vec<_>>());
                    assert!(keyed.stats().idle > 0, "{}", keyed.stats());
                    // Nor does anybody wait for a lock.
                    _ = format!("{collector:?}");
                    switch.raise();
                    collector.pulse();
                });
                status != 0
            });
            stop.store(true, Release);
            assert_eq!(failed, None);
        });
    });
}

#[test]
fn a_busy_pool_is_usable_in_the_child() {
    in_child("a_busy_pool_is_usable_in_the_child", || {
        let census = Census::new();
        let pool = census.pool();
        let stop = Arc::new(AtomicBool::new(false));
        let threads: Vec<_> = (0..3)
            .map(|thread| {
                let (pool, stop) = (Arc::clone(&pool), Arc::clone(&stop));
                thread::spawn(move || {
                    while !stop.load(Acquire) {
                        drop((0..1 + thread).map(|_| pool.get()).collect::<Vec<_>>());
                        if thread == 2 {
                            pool.collect();
                        }
                    }
                })
            })
            .collect();
        drop([pool.get(), pool.get()]);
        // Past the first uses: what a process sets up once, a child cannot finish.
        assert!(common::patiently(
            || pool.stats().gets > 10_000 && pool.stats().cycles > 10
        ));
        for fork in 0..if cfg!(debug_assertions) { 50 } else { 200 } {
            let status = fork_and(|| {
                use_it(&pool);
                use_it(&census.pool());
            });
            assert_eq!(status, 0, "fork {fork}");
        }
        stop.store(true, Release);
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
        assert_eq!(pool.idle(), census.alive());
    });
}

/// A collector's thread stays in the parent. The child ages on use, and may start a collector of its own.
#[test]
fn a_child_has_no_collector() {
    in_child("a_child_has_no_collector", || {
        let census = Census::new();
        let settings = stealpool::Builder::new().collect_every(std::time::Duration::ZERO);
        let pool = census.pool_with(settings);
        drop((pool.get(), pool.get()));
        let builder = || stealpool::Collector::builder().on_memory_pressure(false);
        let mut collector = Some(builder().spawn().expect("none runs yet"));
        let status = fork_and(|| {
            drop(collector.take());
            (0..10_000).for_each(|_| drop(pool.get()));
            assert!(pool.stats().cycles > 0, "on use");
            drop(pool.wrap(census.object()));
            let own = builder().every(std::time::Duration::from_millis(1)).spawn();
            let own = own.expect("the parent's is not ours");
            assert!(common::patiently(|| pool.idle() == 0));
            drop(own);
            let again = builder().spawn();
            drop(again.expect("the one before has ended"));
        });
        assert_eq!(status, 0);
        let collector = collector.expect("the child's is a copy");
        (0..10_000).for_each(|_| drop(pool.get()));
        assert_eq!(pool.stats().cycles, 0, "the parent's runs still");
        drop(collector);
    });
}
