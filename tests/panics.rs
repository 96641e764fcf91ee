//! What happens when user code panics: that object is dropped, nothing else is lost, the pool and
//! its counts stay right. Where a second panic would abort, the test runs in a process of its own.
#![cfg(panic = "unwind")]

mod common;

use common::{Census, Counted, in_child};
use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Release};
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::thread;
use std::time::Duration;
use stealpool::{Builder, Guard, OwnedGuard, Policy, Pool};

/// Operations between two looks at the clock.
const TICK: usize = 1024;

// A type that has a pool inside promises what it did before: regex's `Regex` is unwind safe.
const _: () = {
    const fn promises<T: UnwindSafe + RefUnwindSafe>() {}
    promises::<Pool<Vec<u8>>>();
    type Make = Box<dyn Fn() -> Cell<u8> + UnwindSafe + RefUnwindSafe>;
    promises::<Pool<Cell<u8>, Make>>();
};

/// Panics without a word on stderr.
fn go_off(with: impl Any + Send) -> ! {
    resume_unwind(Box::new(with))
}

/// What `f` panics with.
fn caught<W: Any, R>(f: impl FnOnce() -> R) -> W {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(_) => panic!("expected a panic"),
        Err(payload) => *payload.downcast().expect("one of ours"),
    }
}

/// Runs `f`, then unwinds through whatever it returned.
fn unwind_with<R>(f: impl FnOnce() -> R) {
    let end: &str = caught(|| {
        let _held = f();
        go_off("unwinding")
    });
    assert_eq!(end, "unwinding");
}

/// An object whose destructor may panic, with its number.
struct Bomb {
    armed: bool,
    counted: Counted,
}

impl Drop for Bomb {
    fn drop(&mut self) {
        if self.armed {
            go_off(self.counted.id);
        }
    }
}

/// Panics where it is told to.
#[derive(Default)]
struct Fragile {
    census: Census,
    create: AtomicBool,
    recycle: AtomicBool,
    footprint: AtomicBool,
    refuse: AtomicBool,
    recycled: AtomicUsize,
}

impl Fragile {
    fn bomb(&self, armed: bool) -> Bomb {
        let counted = self.census.object();
        Bomb { armed, counted }
    }
}

impl Policy<Bomb> for Fragile {
    fn create(&self) -> Bomb {
        if self.create.load(Acquire) {
            go_off("create");
        }
        self.bomb(false)
    }
    fn recycle(&self, _: &mut Bomb) -> bool {
        self.recycled.fetch_add(1, AcqRel);
        if self.recycle.load(Acquire) {
            go_off("recycle");
        }
        !self.refuse.load(Acquire)
    }
    fn footprint(&self, _: &Bomb) -> usize {
        if self.footprint.load(Acquire) {
            go_off("footprint");
        }
        1
    }
}

fn pool_with(settings: Builder) -> Pool<Bomb, Fragile> {
    settings.build(Fragile::default())
}

fn pool() -> Pool<Bomb, Fragile> {
    pool_with(Builder::new().collect_manually())
}

/// The pool works as if nothing had happened, and nothing is lost.
fn assert_well(pool: &Pool<Bomb, Fragile>) {
    let stats = pool.stats();
    assert_eq!(pool.idle(), pool.policy().census.alive(), "{stats}");
    drop([pool.get(), pool.get()]);
    assert!(pool.idle() >= 2);
    assert_eq!(pool.idle(), pool.policy().census.alive());
    let after = pool.stats();
    assert_eq!((after.gets, after.puts), (stats.gets + 2, stats.puts + 2), "{after}");
}

#[test]
fn a_constructor_may_panic() {
    let pool = pool();
    pool.policy().create.store(true, Release);
    assert_eq!(caught::<&str, _>(|| pool.get()), "create");
    assert_eq!(caught::<&str, _>(|| pool.get_with(|| go_off("mine"))), "mine");
    let fallible = || pool.try_get_with(|| -> Result<Bomb, ()> { go_off("fallible") });
    assert_eq!(caught::<&str, _>(fallible), "fallible");
    let stats = pool.stats();
    assert_eq!((stats.gets, stats.creates, stats.puts, stats.idle), (0, 0, 0, 0), "{stats}");
    pool.policy().create.store(false, Release);
    assert_well(&pool);
    // Nothing is created for who finds an object, so nothing panics.
    pool.policy().create.store(true, Release);
    drop([pool.get(), pool.get()]);
    assert_eq!(caught::<&str, _>(|| [pool.get(), pool.get(), pool.get()]), "create");
    pool.policy().create.store(false, Release);
    assert_eq!(pool.stats().discarded, 2, "dropped while unwinding");
    assert_well(&pool);
}

#[test]
fn an_owned_constructor_may_panic() {
    let pool = Arc::new(pool());
    pool.policy().create.store(true, Release);
    assert_eq!(caught::<&str, _>(|| pool.get_owned()), "create");
    assert_eq!(Arc::strong_count(&pool), 1);
    pool.policy().create.store(false, Release);
    assert_well(&pool);
}

#[test]
fn reserve_keeps_what_it_made_before_a_panic() {
    let made = AtomicUsize::new(0);
    let create = || match made.fetch_add(1, AcqRel) {
        3 => go_off("fourth"),
        n => n,
    };
    let policy = stealpool::policy(create).recycle_with(|_| true);
    let pool = Builder::new().collect_manually().build(policy);
    assert_eq!(caught::<&str, _>(|| pool.reserve(5)), "fourth");
    assert_eq!((pool.idle(), pool.stats().creates), (3, 3));
    pool.reserve(5);
    assert_eq!((pool.idle(), pool.stats().creates), (5, 5));
}

#[test]
fn a_constructor_that_fails_changes_no_count() {
    let pool = pool();
    drop(pool.get());
    Guard::discard(pool.get());
    let before = pool.stats();
    for _ in 0..5 {
        assert_eq!(pool.try_get_with(|| Err("no")).map(drop), Err("no"));
    }
    assert_eq!(pool.stats(), before);
    assert_well(&pool);
}

/// Whatever judges an object may panic: the object is dropped once, counted, and not pooled.
#[test]
fn recycling_may_panic() {
    for (what, flag) in [
        ("recycle", (|fragile| &fragile.recycle) as fn(&Fragile) -> &AtomicBool),
        ("footprint", |fragile| &fragile.footprint),
    ] {
        let pool = Arc::new(pool());
        let (first, owned) = (pool.get(), pool.get_owned());
        flag(pool.policy()).store(true, Release);
        assert_eq!(caught::<&str, _>(|| drop(first)), what);
        assert_eq!(caught::<&str, _>(|| drop(owned)), what);
        assert_eq!(caught::<&str, _>(|| pool.put(pool.policy().bomb(false))), what);
        assert_eq!(caught::<&str, _>(|| Guard::put(pool.get())), what);
        let stats = pool.stats();
        assert_eq!((stats.puts, stats.discarded, stats.idle), (0, 4, 0), "{what}: {stats}");
        assert_eq!(pool.policy().census.dropped(), 4, "{what}");
        assert_eq!(Arc::strong_count(&pool), 1, "{what}");
        flag(pool.policy()).store(false, Release);
        assert_well(&pool);
    }
}

#[test]
fn a_panicking_thread_recycles_nothing() {
    in_child("a_panicking_thread_recycles_nothing", || {
        let pool = Arc::new(pool());
        // A second panic while unwinding would abort the process.
        pool.policy().recycle.store(true, Release);
        unwind_with(|| (pool.get(), pool.get_owned(), pool.wrap(pool.policy().bomb(false))));
        assert_eq!(pool.policy().recycled.load(Acquire), 0);
        assert_eq!((pool.stats().discarded, pool.policy().census.dropped()), (3, 3));
        pool.policy().recycle.store(false, Release);
        assert_well(&pool);
    });
}

/// bb8#211, deadpool#239: what was in use when a thread panicked is in no known state.
#[test]
fn a_guard_that_is_dropped_while_unwinding_discards() {
    let pool = pool();
    unwind_with(|| pool.get());
    assert_eq!((pool.idle(), pool.policy().census.dropped()), (0, 1));
    assert_eq!((pool.stats().puts, pool.stats().discarded), (0, 1));
    // A guard that is dropped after the panic was caught is one like any other.
    let guard = pool.get();
    unwind_with(|| ());
    drop(guard);
    assert_eq!(pool.idle(), 1);
    assert_well(&pool);
}

#[test]
fn a_guard_may_be_saved_from_a_panic() {
    let pool = pool();
    struct Saver<'a>(Option<Guard<'a, Bomb, Fragile>>, &'a std::cell::Cell<Option<Bomb>>);
    impl Drop for Saver<'_> {
        fn drop(&mut self) {
            self.1.set(self.0.take().map(Guard::into_inner));
        }
    }
    let saved = std::cell::Cell::new(None);
    unwind_with(|| Saver(Some(pool.get()), &saved));
    pool.put(saved.take().expect("taken out while unwinding"));
    assert_eq!((pool.idle(), pool.stats().discarded), (1, 0));
}

/// A pool of ten objects, of which some go off when dropped.
fn mined(armed: &[usize]) -> Pool<Bomb, Fragile> {
    let pool = pool();
    for i in 0..10 {
        pool.put(pool.policy().bomb(armed.contains(&i)));
    }
    pool
}

#[test]
fn destructors_may_panic_in_a_collect() {
    for armed in [&[3][..], &[0], &[9], &[2, 7], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]] {
        let pool = mined(armed);
        assert_eq!(pool.collect().aged, 10);
        let first: usize = caught(|| pool.collect());
        assert!(armed.contains(&first));
        assert_eq!((pool.policy().census.dropped(), pool.idle()), (10, 0), "{armed:?}");
        assert_eq!((pool.stats().aged_out, pool.stats().cycles), (10, 2));
        assert_well(&pool);
    }
}

#[test]
fn destructors_may_panic_in_a_clear() {
    for armed in [&[3][..], &[2, 7]] {
        let pool = mined(armed);
        let first: usize = caught(|| pool.clear());
        assert!(armed.contains(&first));
        assert_eq!((pool.policy().census.dropped(), pool.idle()), (10, 0), "{armed:?}");
        assert_well(&pool);
    }
}

/// Whoever drops a drain half-way drops the rest, all of it: one destructor's panic must not leak
/// the others (as with `Vec::drain`).
#[test]
fn a_destructor_may_panic_in_a_drain() {
    let pool = mined(&[4]);
    let drain = pool.drain();
    assert_eq!(caught::<usize, _>(|| drop(drain)), 4);
    assert_eq!((pool.policy().census.dropped(), pool.idle()), (10, 0));
    assert_well(&pool);
}

#[test]
fn destructors_may_panic_in_a_drain_that_unwinds() {
    in_child("destructors_may_panic_in_a_drain_that_unwinds", || {
        let pool = mined(&[]);
        unwind_with(|| {
            let mut drain = pool.drain();
            drop(drain.next());
            drain
        });
        assert_eq!((pool.policy().census.dropped(), pool.idle()), (10, 0));
        assert_well(&pool);
    });
}

#[test]
fn destructors_may_panic_in_the_drop_of_a_pool() {
    for armed in [&[3][..], &[2, 7]] {
        let pool = mined(armed);
        let census = pool.policy().census.clone();
        let first: usize = caught(|| drop(pool));
        assert!(armed.contains(&first));
        assert_eq!(census.alive(), 0, "{armed:?}");
    }
}

/// rust-lang/rust#47949: what a function returns is leaked when a destructor of one of its locals panics,
/// here that of the last reference to the pool.
#[test]
fn an_object_that_is_taken_out_is_not_lost_with_its_pool() {
    let pool = Arc::new(mined(&[1]));
    let census = pool.policy().census.clone();
    let guard = pool.wrap_owned(pool.policy().bomb(false));
    drop(pool);
    caught::<usize, _>(|| OwnedGuard::into_inner(guard));
    assert_eq!(census.alive(), 0);
}

#[test]
fn destructors_may_panic_in_a_pool_dropped_while_unwinding() {
    in_child("destructors_may_panic_in_a_pool_dropped_while_unwinding", || {
        let pool = mined(&[2, 7]);
        let census = pool.policy().census.clone();
        unwind_with(|| pool);
        assert_eq!(census.alive(), 0);
    });
}

#[test]
fn a_destructor_may_panic_when_an_object_is_not_kept() {
    let pool = pool();
    let owned = Arc::new(pool_with(Builder::new().collect_manually()));
    assert_eq!(caught::<usize, _>(|| Guard::discard(pool.wrap(pool.policy().bomb(true)))), 0);
    let guard = owned.wrap_owned(owned.policy().bomb(true));
    assert_eq!(caught::<usize, _>(|| OwnedGuard::discard(guard)), 0);
    assert_eq!((pool.stats().discarded, owned.stats().discarded), (1, 1));
    assert_eq!(Arc::strong_count(&owned), 1);
    pool.policy().refuse.store(true, Release);
    assert_eq!(caught::<usize, _>(|| pool.put(pool.policy().bomb(true))), 1);
    pool.policy().refuse.store(false, Release);
    assert_eq!((pool.stats().discarded, pool.policy().census.dropped()), (2, 2));
    assert_well(&pool);

    let tight = pool_with(Builder::new().collect_manually().max_idle(2));
    (0..2).for_each(|_| tight.put(tight.policy().bomb(false)));
    (0..2).for_each(|_| Guard::discard(tight.get()));
    (0..2).for_each(|_| tight.put(tight.policy().bomb(true)));
    // Of three, one must go: the newest stays.
    let went: usize = caught(|| tight.put(tight.policy().bomb(true)));
    assert!((2..=4).contains(&went));
    assert_eq!((tight.stats().overflowed, tight.idle()), (1, 2));
    tight.drain().for_each(|mut bomb| bomb.armed = false);
    assert_eq!(tight.policy().census.alive(), 0);
}

/// Old objects that go off when a busy thread runs the cycle: their panic is the caller's, and the
/// caller's own object is neither lost nor counted wrong.
#[test]
fn destructors_may_panic_in_a_cycle_on_use() {
    // The old object is out of its users' reach only in another processor's magazine; without sequences, only while
    // they find another one at hand.
    type Use = fn(&Pool<Bomb, Fragile>);
    let uses: [(&str, Use); 6] = [
        ("hold 1", |pool| drop(pool.get())),
        ("hold 2", |pool| drop([pool.get(), pool.get()])),
        ("get with a miss", |pool| Guard::discard(pool.get())),
        ("try_get", |pool| drop(pool.try_get().map(Guard::into_inner))),
        ("put", |pool| pool.put(pool.policy().bomb(false))),
        ("failing get", |pool| {
            if let Ok(guard) = pool.try_get_with(|| Err(())) {
                Guard::discard(guard);
            }
        }),
    ];
    for (name, used) in uses {
        if !common::hides() && !["hold 1", "put"].contains(&name) {
            continue;
        }
        for offset in 0..4 {
            let pool = Arc::new(pool_with(Builder::new().collect_every(Duration::ZERO)));
            let Some(parked) = common::apart() else {
                return;
            };
            (0..offset).for_each(|_| assert!(pool.try_get_with(|| Err(())).is_err()));
            if !common::hides() {
                pool.put(pool.policy().bomb(false));
            }
            let mut panics = 0;
            for _ in 0..3 {
                // In another's magazine: out of reach, and due two cycles later.
                let same = Arc::clone(&pool);
                parked.run(move || same.put(same.policy().bomb(true)));
                for _ in 0..3 * TICK {
                    let outcome = catch_unwind(AssertUnwindSafe(|| used(&pool)));
                    panics += usize::from(outcome.is_err());
                }
            }
            let stats = pool.stats();
            assert_eq!(panics, 3, "{name} from {offset}: {stats}");
            assert_eq!(stats.idle, pool.policy().census.alive(), "{name} from {offset}: {stats}");
            parked.end();
        }
    }
}

/// The same, once, with every count known: a miss at the very operation that runs the cycle. What it has created is
/// discarded.
#[test]
fn counts_stay_right_when_a_cycle_on_use_panics() {
    // The old object is out of its users' reach only in another processor's magazine.
    if !common::hides() {
        return;
    }
    for with_guard in [false, true] {
        let pool = Arc::new(pool_with(Builder::new().collect_every(Duration::ZERO)));
        let Some(parked) = common::apart() else {
            return;
        };
        let mut gets = 0;
        let mut panics = 0;
        let mut found = 0;
        for _ in 0..4 * TICK {
            if pool.idle() == 0 && panics == 0 {
                let same = Arc::clone(&pool);
                parked.run(move || same.put(same.policy().bomb(true)));
            }
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                if with_guard {
                    Guard::discard(pool.get());
                } else {
                    found += usize::from(pool.try_get().map(Guard::into_inner).is_some());
                }
            }));
            match outcome {
                Ok(()) => gets += usize::from(with_guard),
                Err(_) => panics += 1,
            }
        }
        let stats = pool.stats();
        assert_eq!((panics, found), (1, 0), "{stats}");
        let created = if with_guard { gets + panics } else { 0 };
        assert_eq!((stats.gets, stats.creates), (created as u64, created as u64), "{stats}");
        assert_eq!((stats.drops.panicked, stats.live), (created.min(1) as u64, 0), "{stats}");
        assert_eq!(stats.private_hits, 0, "{stats}");
        assert_eq!(stats.puts, 1, "{stats}");
        assert_eq!(stats.aged_out, 1, "{stats}");
        parked.end();
    }
}

#[test]
fn collect_all_goes_on_after_a_panic() {
    in_child("collect_all_goes_on_after_a_panic", || {
        let pools = [mined(&[1]), mined(&[]), mined(&[4, 5])];
        assert_eq!(stealpool::collect_all().aged, 30);
        let first: usize = caught(stealpool::collect_all);
        assert!([1, 4, 5].contains(&first));
        for pool in &pools {
            assert_eq!((pool.idle(), pool.policy().census.alive()), (0, 0));
            assert_well(pool);
        }
    });
}

/// An exiting thread runs no user code: a panic there would abort the process.
#[test]
fn a_thread_ends_with_a_slot_full_of_bombs() {
    in_child("a_thread_ends_with_a_slot_full_of_bombs", || {
        let pool = Arc::new(pool());
        let same = Arc::clone(&pool);
        thread::spawn(move || (0..5).for_each(|_| same.put(same.policy().bomb(true))))
            .join()
            .expect("ends well");
        assert_eq!((pool.idle(), pool.policy().census.dropped()), (5, 0));
        caught::<usize, _>(|| pool.clear());
        assert_eq!(pool.policy().census.dropped(), 5);
    });
}

#[test]
fn a_thread_that_dies_of_a_panic_leaves_the_rest_of_its_objects() {
    let pool = Arc::new(pool());
    let same = Arc::clone(&pool);
    let end = thread::spawn(move || {
        drop([same.get(), same.get(), same.get()]);
        let _in_use = same.get();
        go_off("dying")
    })
    .join();
    assert!(end.is_err());
    assert_eq!((pool.idle(), pool.stats().discarded), (2, 1));
    assert_well(&pool);
}

/// A destructor that uses a pool may run while its thread unwinds, and may be the one that is due to
/// run the cycle: an old object's panic there must not become the second one, which aborts.
#[test]
fn a_cycle_on_use_while_unwinding_swallows_panics() {
    // The old object is out of its users' reach only in another processor's magazine.
    if !common::hides() {
        return;
    }
    in_child("a_cycle_on_use_while_unwinding_swallows_panics", || {
        struct Busy(Arc<Pool<Bomb, Fragile>>);
        impl Drop for Busy {
            fn drop(&mut self) {
                for _ in 0..3 * TICK {
                    drop(self.0.try_get());
                }
            }
        }
        let pool = Arc::new(pool_with(Builder::new().collect_every(Duration::ZERO)));
        let Some(parked) = common::apart() else {
            return;
        };
        let same = Arc::clone(&pool);
        parked.run(move || same.put(same.policy().bomb(true)));
        unwind_with(|| Busy(Arc::clone(&pool)));
        assert_eq!((pool.stats().aged_out, pool.idle()), (1, 0));
        assert_eq!(pool.policy().census.alive(), 0);
        parked.end();
    });
}
