//! One bound on the idle bytes of all pools together.
//!
//! The budget is the process's, so each test runs in a process of its own.

mod common;

use common::{Census, CountedPool, Maker, Puppet, in_child, patiently};
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use stealpool::{Builder, Collector, collect_all, set_idle_budget};

fn weighing(census: &Census, bytes: usize) -> Arc<CountedPool> {
    let census = census.clone();
    let maker = Box::new(move || census.weighing(bytes)) as Maker;
    Arc::new(Builder::new().collect_manually().build(maker))
}

fn hold(pool: &CountedPool, count: usize) {
    drop((0..count).map(|_| pool.get()).collect::<Vec<_>>());
}

#[test]
fn the_least_used_for_its_bytes_gives_first() {
    in_child("the_least_used_for_its_bytes_gives_first", || {
        let census = Census::new();
        let pools: Vec<_> = (0..3).map(|_| weighing(&census, 100)).collect();
        pools.iter().for_each(|pool| hold(pool, 10));
        // Gets for each byte: many, few, some.
        for (pool, uses) in pools.iter().zip([1_000, 0, 100]) {
            (0..uses).for_each(|_| drop(pool.get()));
        }
        set_idle_budget(2_500);
        let idle = |pools: &[Arc<CountedPool>]| -> Vec<usize> {
            pools.iter().map(|pool| pool.idle()).collect()
        };
        assert_eq!(idle(&pools), [10, 5, 10]);
        set_idle_budget(1_200);
        // What counts is the use since the last look: none, anywhere. The largest first.
        assert_eq!(idle(&pools).iter().sum::<usize>(), 12);
        assert_eq!(pools[1].stats().drops.cleared, 5);
        set_idle_budget(0);
        assert_eq!((idle(&pools), census.alive()), (vec![0, 0, 0], 0));
        set_idle_budget(usize::MAX);
        hold(&pools[0], 1_000);
        collect_all();
        assert_eq!(pools[0].idle(), 1_000, "no bound any more");
    });
}

/// A small pool with few uses against a large one with more, but fewer a byte.
#[test]
fn use_counts_by_the_byte() {
    in_child("use_counts_by_the_byte", || {
        let census = Census::new();
        let (small, large) = (weighing(&census, 1), weighing(&census, 10_000));
        hold(&small, 10);
        hold(&large, 10);
        (0..100).for_each(|_| drop(large.get()));
        set_idle_budget(50_010);
        assert_eq!((small.idle(), large.idle()), (10, 5));
    });
}

/// What other threads have at hand counts, and can be taken while they sleep.
#[test]
fn private_slots_count_too() {
    in_child("private_slots_count_too", || {
        let census = Census::new();
        let pool = weighing(&census, 1_000);
        let threads: Vec<_> = (0..4).map(|_| Puppet::new()).collect();
        for thread in &threads {
            let pool = Arc::clone(&pool);
            thread.run(move || drop(pool.get()));
        }
        // One object goes from hand to hand unless all hold one at once.
        hold(&pool, 8);
        set_idle_budget(0);
        assert_eq!((pool.idle(), census.alive()), (0, 0));
        threads.into_iter().for_each(Puppet::end);
    });
}

#[test]
fn a_collector_keeps_to_it() {
    in_child("a_collector_keeps_to_it", || {
        let census = Census::new();
        let pool = weighing(&census, 1_000);
        set_idle_budget(10_000);
        let builder = Collector::builder().every(Duration::MAX);
        let _collector = builder.on_memory_pressure(false).spawn().unwrap();
        hold(&pool, 500);
        assert!(patiently(|| pool.stats().drops.cleared == 490));
        assert_eq!(pool.idle(), 10, "no more than is over it");
        assert_eq!(pool.stats().cycles, 0);
    });
}

/// Also if it sleeps already when there is a budget at last.
#[test]
fn a_collector_hears_of_a_budget_that_comes_later() {
    in_child("a_collector_hears_of_a_budget_that_comes_later", || {
        let census = Census::new();
        let pool = weighing(&census, 1_000);
        let builder = Collector::builder().every(Duration::MAX);
        let _collector = builder.on_memory_pressure(false).spawn().unwrap();
        thread::sleep(Duration::from_millis(50));
        set_idle_budget(10_000);
        hold(&pool, 500);
        assert!(patiently(|| pool.idle() == 10));
    });
}

#[test]
#[cfg_attr(not(panic = "unwind"), ignore = "needs panics that unwind")]
fn a_panic_of_a_destructor_comes_out_once_all_is_dropped() {
    struct Bomb(bool);
    impl stealpool::Recycle for Bomb {
        fn recycle(&mut self) {}
        fn footprint(&self) -> usize {
            100
        }
    }
    impl Drop for Bomb {
        fn drop(&mut self) {
            assert!(!self.0, "boom");
        }
    }
    in_child("a_panic_of_a_destructor_comes_out_once_all_is_dropped", || {
        let pools: Vec<_> = (0..3).map(|_| stealpool::Pool::new(|| Bomb(true))).collect();
        for pool in &pools {
            drop((pool.get(), pool.get()));
        }
        let end = thread::spawn(|| set_idle_budget(0)).join();
        assert!(end.is_err());
        assert!(pools.iter().all(|pool| pool.idle() == 0));
    });
}
