//! A kernel that refuses `membarrier`, from the start or after a while, as a seccomp filter does.
#![cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]

mod common;
mod seccomp;

use common::{Census, CountedPool, Puppet, in_child};
use seccomp::{refuse_membarrier, refuse_to_register};
use std::sync::Arc;
use std::thread;

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
        assert_eq!(pool.stats().private_hits, 0, "slots stay unused");
        assert!(census.made() <= 4, "objects are still used again");
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

        // What no living thread holds in its slot is gone, and so are the slots of ended threads.
        pool.collect();
        pool.collect();
        assert!(pool.idle() <= 2, "{}", pool.stats());
        assert_eq!(pool.idle(), census.alive());
        // A thread that ends gives its slot up.
        idler.end();
        pool.clear();
        assert!(pool.idle() <= 1, "{}", pool.stats());
        // Whoever still uses the pool finds what it left there.
        let made = census.made();
        drop(pool.get());
        assert_eq!(census.made(), made.max(1));

        // A pool made from now on fills no slots, so everything can be collected.
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
/// it: a collector. Until then the slots are in use; a refusal then is like any later one.
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
        assert_eq!(pool.stats().private_hits, 999, "{}", pool.stats());
        let later = Census::new();
        let before = later.pool();
        drop(before.get());
        drop(before.get());
        assert_eq!(before.stats().private_hits, 1, "still on offer");

        // This may look into the other slot first, if the first object was dear to make.
        let theirs = Arc::clone(&pool);
        idler.run(move || drop(theirs.get()));
        pool.collect();
        pool.collect();
        assert_eq!(pool.idle(), census.alive());
        assert!(pool.idle() <= 2, "{}", pool.stats());
        let after = later.pool();
        drop(after.get());
        drop(after.get());
        assert_eq!(after.stats().private_hits, 0, "refused by now");
        after.collect();
        after.collect();
        assert_eq!(after.idle(), 0);
        idler.end();
    });
}
