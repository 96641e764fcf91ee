//! What other libraries have deferred does not run inside of a pool: nothing here pins an epoch, or calls what is not the
//! pool's.

mod common;

use common::Census;
use crossbeam_epoch as epoch;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use stealpool::{Builder, KeyedPool};

/// Values of skip lists and caches, any closure: they may panic, or use the pool in whose middle they run.
#[test]
fn nothing_that_others_have_deferred_runs_in_a_pool() {
    let ran = Arc::new(AtomicUsize::new(0));
    let guard = epoch::pin();
    for _ in 0..100 {
        let ran = Arc::clone(&ran);
        guard.defer(move || _ = ran.fetch_add(1, Relaxed));
    }
    guard.flush();
    drop(guard);
    let census = Census::new();
    let keyed = KeyedPool::new(|_: &u32| Vec::<u8>::new);
    for round in 0..1_000 {
        let pool = census.pool_with(Builder::new().idle_bytes(1 << 20));
        drop((0..100).map(|_| pool.get()).collect::<Vec<_>>());
        pool.collect();
        std::thread::scope(|scope| {
            scope.spawn(|| drop((0..50).map(|_| pool.get()).collect::<Vec<_>>()));
        });
        pool.clear();
        drop(keyed.get(&(round % 7)));
    }
    assert_eq!(ran.load(Relaxed), 0, "no get, put, cycle or drop runs them");
    (0..1_000).for_each(|_| epoch::pin().flush());
    assert_eq!(ran.load(Relaxed), 100, "who pins does");
}
