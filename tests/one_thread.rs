//! The pool where there is one thread and no unwinding: what a program for WebAssembly relies on. Runs on every
//! target.

mod common;

use common::stay_here;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use stealpool::{Builder, Collected, KeyedPool, Pool, collect_all, fast_path};

/// One test at a time, on one processor: a cycle of all pools is a cycle of the other tests' pools, too.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    stay_here();
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn objects_come_back_and_age() {
    let _alone = alone();
    let pool: Pool<Vec<u8>> = Builder::new().collect_manually().build(Vec::new);
    pool.get().extend_from_slice(&[1; 100]);
    let again = pool.get();
    assert!(again.is_empty() && again.capacity() >= 100, "{}", fast_path());
    drop(again);
    drop((0..1000).map(|_| pool.get()).collect::<Vec<_>>());
    assert_eq!(pool.idle(), 1000);
    assert_eq!(pool.collect(), Collected { aged: 1000, dropped: 0 });
    assert_eq!(pool.collect(), Collected { aged: 0, dropped: 1000 });
    assert_eq!((pool.idle(), pool.stats().live), (0, 0));
}

#[test]
fn bounds_hold() {
    let _alone = alone();
    let settings = Builder::new().max_idle(10).max_object_bytes(1000).collect_manually();
    let pool: Pool<Vec<u8>> = settings.build(Vec::new);
    drop((0..100).map(|_| pool.get()).collect::<Vec<_>>());
    assert_eq!(pool.idle(), 10);
    pool.get().reserve(2000);
    assert_eq!((pool.idle(), pool.stats().drops.too_big), (9, 1));
}

#[test]
fn keys_have_pools_of_their_own() {
    let _alone = alone();
    let keyed = KeyedPool::new(|&size: &usize| move || Vec::<u8>::with_capacity(size));
    for size in [10, 1000] {
        drop(keyed.get(&size));
        assert!(keyed.get(&size).capacity() >= size);
    }
    assert_eq!(keyed.stats().creates, 2);
}

#[test]
fn cycles_run_on_use() {
    let _alone = alone();
    let settings = Builder::new().collect_every(Duration::ZERO);
    let pool: Pool<Vec<u8>> = settings.build(Vec::new);
    drop((0..500).map(|_| pool.get()).collect::<Vec<_>>());
    for _ in 0..10_000 {
        drop(pool.get());
    }
    assert!(pool.idle() < 10 && pool.stats().cycles > 1, "{}", pool.stats());
}

#[test]
fn all_pools_are_found() {
    let _alone = alone();
    let pool: Pool<String> = Builder::new().collect_manually().build(String::new);
    pool.get().push_str("gone");
    assert_eq!(pool.idle(), 1);
    assert!(collect_all().aged >= 1);
    collect_all();
    assert_eq!((pool.idle(), pool.stats().drops.aged), (0, 1));
}
