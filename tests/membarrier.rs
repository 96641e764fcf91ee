//! A kernel that refuses `membarrier`, from the start or after a while, as a seccomp filter does.
#![cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]

mod common;
mod seccomp;

use common::{Census, CountedPool, MAGAZINE, Puppet, in_child, processors};
use seccomp::{refuse_membarrier, refuse_to_register};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use stealpool::{Builder, FastPath, KeyedPool};

/// Uses the pool from threads that end, two objects at a time.
fn use_by_threads(pool: &Arc<CountedPool>) {
    for _ in 0..4 {
        let pool = Arc::clone(pool);
        let using = move || (0..1_000).for_each(|_| drop([pool.get(), pool.get()]));
        thread::spawn(using).join().unwrap();
    }
}

#[test]
fn refused_from_the_start() {
    in_child("refused_from_the_start", || {
        refuse_membarrier();
        let census = Census::new();
        let pool = census.pool();
        drop([pool.get(), pool.get()]);
        use_by_threads(&pool);
        assert_eq!(stealpool::fast_path(), FastPath::Exchange);
        assert!(census.made() <= 2 * processors(), "objects are used again");
        pool.collect();
        pool.collect();
        assert_eq!((pool.idle(), census.alive()), (0, 0));
    });
}

#[test]
fn refused_after_the_first_use() {
    in_child("refused_after_the_first_use", || {
        let census = Census::new();
        let pool = census.pool();
        let idler = Puppet::new();
        let theirs = Arc::clone(&pool);
        idler.run(move || drop(theirs.get()));
        drop(pool.get());
        refuse_membarrier();
        drop([pool.get(), pool.get()]);
        use_by_threads(&pool);
        drop((0..3 * MAGAZINE * processors()).map(|_| pool.get()).collect::<Vec<_>>());

        // What is below the magazines is gone; what is in them stays, and is used.
        pool.collect();
        pool.collect();
        assert!(pool.idle() <= MAGAZINE * processors(), "{}", pool.stats());
        assert_eq!(pool.idle(), census.alive());
        idler.end();
        // It goes with the pool.
        drop(pool);
        assert_eq!(census.alive(), 0);

        // A pool made from now on can be emptied by anyone.
        let later = Census::new();
        let pool = later.pool();
        drop([pool.get(), pool.get()]);
        use_by_threads(&pool);
        pool.collect();
        pool.collect();
        assert_eq!((pool.idle(), later.alive()), (0, 0));
    });
}

/// To register takes the kernel some milliseconds once there are threads, so it is left to the first that needs
/// it: a collector. Until then sequences are in use; a refusal then is like any later one.
#[test]
fn nothing_is_registered_before_the_first_cycle() {
    in_child("nothing_is_registered_before_the_first_cycle", || {
        let census = Census::new();
        let pool = census.pool();
        refuse_to_register();
        let idler = Puppet::new();
        for _ in 0..1_000 {
            drop(pool.get());
        }
        let later = Census::new();
        let before = later.pool();
        drop(before.get());
        drop(before.get());
        let at_work = stealpool::fast_path();

        let theirs = Arc::clone(&pool);
        idler.run(move || drop(theirs.get()));
        pool.collect();
        pool.collect();
        assert_eq!(pool.idle(), census.alive());
        assert!(pool.idle() <= 2 * processors(), "{}", pool.stats());
        let after = later.pool();
        drop(after.get());
        drop(after.get());
        // Where there were no sequences, nobody asked.
        assert_eq!(stealpool::fast_path(), FastPath::Exchange, "was {at_work:?}");
        after.collect();
        after.collect();
        assert_eq!(after.idle(), 0);
        idler.end();
    });
}

/// Objects that no collector could call in end with their pool, each for itself.
#[test]
#[cfg_attr(not(panic = "unwind"), ignore = "needs panics that unwind")]
fn destructors_may_panic_in_a_pool_that_ends_after_a_refusal() {
    in_child("destructors_may_panic_in_a_pool_that_ends_after_a_refusal", || {
        static DROPPED: AtomicUsize = AtomicUsize::new(0);
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                DROPPED.fetch_add(1, Relaxed);
                panic!("a panic of the test");
            }
        }
        let policy = || stealpool::policy(|| Bomb).recycle_with(|_| true);
        for keeps in 1..4 {
            DROPPED.store(0, Relaxed);
            let pool = Arc::new(Builder::new().collect_manually().build(policy()));
            let threads: Vec<_> = (0..3).map(|_| Puppet::new()).collect();
            for thread in &threads {
                let pool = Arc::clone(&pool);
                thread.run(move || drop((0..keeps).map(|_| pool.get()).collect::<Vec<_>>()));
            }
            let alive = pool.live();
            if keeps == 1 {
                refuse_membarrier();
            }
            let end = catch_unwind(AssertUnwindSafe(|| drop(pool)));
            assert!(end.is_err());
            assert_eq!(DROPPED.load(Relaxed), alive);
            threads.into_iter().for_each(Puppet::end);
        }
    });
}

/// Forgotten keys hold no place of a bound.
#[test]
fn a_bound_of_many_keys_is_free_after_a_refusal() {
    in_child("a_bound_of_many_keys_is_free_after_a_refusal", || {
        let census = Census::new();
        let makes = census.clone();
        let settings = Builder::new().collect_manually().max_idle(16);
        let pool = KeyedPool::with_settings(settings, move |_: &u32| makes.maker()).max_keys(4);
        (0..4).for_each(|key| drop(pool.get(&key)));
        refuse_membarrier();
        pool.clear();
        pool.collect();
        pool.collect();
        drop((0..40).map(|_| pool.get(&99)).collect::<Vec<_>>());
        assert_eq!((pool.stats().idle, census.alive()), (16, 16));
    });
}

/// What comes back to a pool that outlives its key by a handle stays where no collector can call it in, within the
/// shares that its magazines had, and leaves the bound with the handle.
#[test]
fn a_handle_that_is_kept_gives_its_part_of_a_bound_back_after_a_refusal() {
    const NAME: &str = "a_handle_that_is_kept_gives_its_part_of_a_bound_back_after_a_refusal";
    in_child(NAME, || {
        for refused_before_it_is_forgotten in [false, true] {
            let census = Census::new();
            let makes = census.clone();
            let settings = Builder::new().collect_manually().max_idle(16);
            let pool = KeyedPool::with_settings(settings, move |_: &u32| makes.maker());
            let handles: Vec<_> = (0..4).map(|key| pool.pool(&key)).collect();
            let held: Vec<_> =
                handles.iter().flat_map(|handle| (0..6).map(|_| handle.get_owned())).collect();
            handles.iter().for_each(|handle| drop(handle.get_owned()));
            if refused_before_it_is_forgotten {
                refuse_membarrier();
            }
            pool.clear();
            drop(held);
            let kept = || handles.iter().map(|handle| handle.idle()).sum::<usize>();
            let check = || {
                let idle = kept() + pool.stats().idle;
                assert_eq!(idle, census.alive());
                assert!(idle <= 16, "{idle}");
            };
            check();
            for _ in 0..500 {
                for handle in &handles {
                    drop([handle.get_owned(), handle.get_owned()]);
                    handle.put(census.object());
                    check();
                }
            }
            let many = || drop((0..40).map(|_| pool.get(&99)).collect::<Vec<_>>());
            many();
            check();
            // Half of a bound is in no share.
            assert!(pool.stats().idle >= 8, "{}", pool.stats());
            drop(handles);
            many();
            assert_eq!((pool.stats().idle, census.alive()), (16, 16));
        }
    });
}
