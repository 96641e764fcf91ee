//! Code of others that runs when nobody expects it: what the process has deferred through
//! crossbeam-epoch's default collector (values of skip lists and caches, any closure) is run by
//! whoever pins, and that may be this pool in the middle of a get or a put.

mod common;

use common::{Census, Counted, in_child};
use crossbeam_epoch as epoch;
use std::cell::RefCell;
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::thread;
use stealpool::{Guard, Pool, policy};

type Create = Box<dyn Fn() -> Counted + Send + Sync>;
type Objects = Pool<Counted, Create>;

static KEPT: Mutex<Vec<&'static Objects>> = Mutex::new(Vec::new());

fn pool(census: &Census) -> &'static Objects {
    let census = census.clone();
    let create: Create = Box::new(move || census.object());
    let pool: &'static Objects = Box::leak(Box::new(Pool::new(create)));
    // Within reach to the end, for whoever looks for leaks.
    KEPT.lock().unwrap().push(pool);
    pool
}

/// Defers `work` for whoever pins at the right moment.
fn defer(work: impl FnOnce() + Send + 'static) {
    let guard = epoch::pin();
    guard.defer(work);
    guard.flush();
}

/// Every guard has an object of its own.
fn assert_distinct<'a>(guards: impl Iterator<Item = &'a Guard<'static, Counted, Create>>) {
    let (mut count, mut ids) = (0, HashSet::new());
    for guard in guards {
        count += 1;
        ids.insert(guard.id);
    }
    assert_eq!(ids.len(), count, "an object is on loan twice");
}

#[test]
fn deferred_gets_and_puts_take_nobodys_object() {
    in_child("deferred_gets_and_puts_take_nobodys_object", || {
        let census = Census::new();
        let pool = pool(&census);
        let stash = Arc::new(Mutex::new(Vec::new()));
        let mut held: Vec<_> = (0..400).map(|_| pool.get()).collect();
        for round in 0..2_000 {
            let work = Arc::clone(&stash);
            defer(move || {
                let mut stash = work.lock().unwrap();
                if round % 2 == 0 {
                    stash.extend((0..5).map(|_| pool.get()));
                } else {
                    stash.truncate(3);
                }
            });
            if round / 400 % 2 == 0 {
                held.pop();
            } else {
                held.push(pool.get());
            }
            assert_distinct(held.iter().chain(stash.lock().unwrap().iter()));
        }
        held.clear();
        // What is still deferred must not come back into play.
        (0..10).for_each(|_| epoch::pin().flush());
        stash.lock().unwrap().clear();
        assert_eq!(pool.idle(), census.alive());
        pool.clear();
        assert_eq!((pool.idle(), census.alive()), (0, 0));
    });
}

#[test]
#[cfg_attr(not(panic = "unwind"), ignore = "needs panics that unwind")]
fn deferred_panics_cost_no_object_and_no_count() {
    in_child("deferred_panics_cost_no_object_and_no_count", || {
        std::panic::set_hook(Box::new(|_| {}));
        let quietly = |work: &mut dyn FnMut()| catch_unwind(AssertUnwindSafe(work)).is_ok();
        let census = Census::new();
        let pool = pool(&census);
        let mut held: Vec<_> = (0..300).map(|_| pool.get()).collect();
        while let Some(guard) = held.pop() {
            let mut guard = Some(guard);
            quietly(&mut || defer(|| panic!("deferred")));
            quietly(&mut || drop(guard.take()));
            assert_eq!(pool.idle() + held.len(), census.alive());
        }
        for _ in 0..300 {
            let before = pool.stats();
            quietly(&mut || defer(|| panic!("deferred")));
            quietly(&mut || held.push(pool.get()));
            assert_eq!(pool.idle() + held.len(), census.alive());
            assert_eq!(pool.stats().puts, before.puts);
        }
        // A thread's first pin may run what is deferred.
        for _ in 0..100 {
            let ended = std::thread::spawn(move || {
                drop(pool.get());
                let guard = epoch::pin();
                (0..3).for_each(|_| guard.defer(|| panic!("deferred")));
            });
            let _ = ended.join();
        }
        while !quietly(&mut || epoch::pin().flush()) {}
        held.clear();
        while !quietly(&mut || _ = pool.clear()) {}
        assert_eq!((pool.idle(), census.alive()), (0, 0));
    });
}

/// Wherever in it the panic comes: what was taken by then is given back or dropped, and counted.
#[test]
#[cfg_attr(not(panic = "unwind"), ignore = "needs panics that unwind")]
fn deferred_panics_cost_nothing_when_idle_bytes_are_bounded() {
    in_child(
        "deferred_panics_cost_nothing_when_idle_bytes_are_bounded",
        || {
            std::panic::set_hook(Box::new(|_| {}));
            let quietly = |work: &mut dyn FnMut()| catch_unwind(AssertUnwindSafe(work)).is_ok();
            for round in 0..300 {
                // All that was deferred before is gone.
                (0..600).for_each(|_| _ = quietly(&mut || drop(epoch::pin())));
                let census = Census::new();
                let makes = census.clone();
                let policy = policy(move || makes.object())
                    .recycle_with(|_| true)
                    .footprint_with(|_| 1_000);
                let pool = stealpool::Builder::new()
                    .private_depth(1)
                    .collect_manually()
                    .build(policy);
                drop((0..40).map(|_| pool.get()).collect::<Vec<_>>());
                pool.collect();
                drop(
                    (0..45)
                        .map(|_| pool.wrap(census.object()))
                        .collect::<Vec<_>>(),
                );
                (0..round % 130).for_each(|_| _ = quietly(&mut || drop(epoch::pin())));
                quietly(&mut || defer(|| panic!("deferred")));
                (0..round / 5 % 3).for_each(|_| _ = quietly(&mut || epoch::pin().flush()));
                let wanted = pool.stats().idle_bytes.saturating_sub(70_000);
                quietly(&mut || stealpool::set_idle_budget(wanted.min(20_000)));
                quietly(&mut || stealpool::set_idle_budget(usize::MAX));
                let stats = pool.stats();
                assert_eq!(
                    (stats.live, stats.idle),
                    (stats.idle, census.alive()),
                    "round {round}: {stats}"
                );
            }
        },
    );
}

/// Panics with a payload whose own destructor panics.
struct Spiteful;

struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("the payload's own");
    }
}

impl Drop for Spiteful {
    fn drop(&mut self) {
        std::panic::panic_any(Bomb);
    }
}

#[test]
#[cfg_attr(not(panic = "unwind"), ignore = "needs panics that unwind")]
fn payloads_that_panic_do_not_abort() {
    in_child("payloads_that_panic_do_not_abort", || {
        std::panic::set_hook(Box::new(|_| {}));
        let pool = Pool::new(policy(|| Spiteful).recycle_with(|_| true));
        let held: Vec<_> = (0..4).map(|_| pool.get()).collect();
        drop(held);
        let end = catch_unwind(AssertUnwindSafe(|| pool.clear()));
        std::mem::forget(end.expect_err("the first panic comes through"));
        assert_eq!(pool.idle(), 0);

        drop((pool.get(), pool.get()));
        stealpool::collect_all();
        let end = catch_unwind(stealpool::collect_all);
        std::mem::forget(end.expect_err("from two objects of one pool"));
        assert_eq!(pool.idle(), 0);
    });
}

/// Does something when the thread's locals are destroyed.
struct AtEnd(RefCell<Option<Box<dyn FnOnce()>>>);

impl Drop for AtEnd {
    fn drop(&mut self) {
        if let Some(job) = self.0.take() {
            job();
        }
    }
}

thread_local! {
    static AT_END: AtEnd = const { AtEnd(RefCell::new(None)) };
}

type Way = fn(&'static Objects);

/// Where crossbeam-epoch's own thread-local is gone, each pin is a thread's first, and runs what is deferred: also
/// one that the pool makes while it has objects in hand.
#[test]
fn deferred_panics_lose_nothing_at_the_end_of_a_thread() {
    const NAME: &str = "deferred_panics_lose_nothing_at_the_end_of_a_thread";
    let ways: [Way; 4] = [
        |pool| _ = pool.clear(),
        |pool| _ = pool.collect(),
        |pool| drop(pool.drain()),
        |_| stealpool::set_idle_budget(0),
    ];
    in_child(NAME, || {
        for way in ways {
            (0..40).for_each(|fuse| at_the_end_of_a_thread(way, fuse));
        }
    });
}

/// Empties a pool where deferred code panics, from the `fuse`-th on.
fn at_the_end_of_a_thread(way: Way, fuse: usize) {
    (0..3_000).for_each(|_| _ = catch_unwind(|| epoch::pin().flush()));
    let census = Census::new();
    let pool = pool(&census);
    let job = move || {
        // Each pin is a participant of its own, which leaves to all what it has deferred.
        let held = epoch::pin();
        for count in 0..fuse + 12 {
            let work = move || assert!(count < fuse, "a panic that was deferred");
            _ = catch_unwind(|| epoch::pin().defer(work));
        }
        drop(held);
        // The epoch moves on by one.
        _ = catch_unwind(|| drop(epoch::pin()));
        _ = catch_unwind(AssertUnwindSafe(|| way(pool)));
    };
    let ending = thread::spawn(move || {
        // Destroyed in the opposite order.
        AT_END.with(|end| *end.0.borrow_mut() = Some(Box::new(job)));
        drop(epoch::pin());
        drop((0..60).map(|_| pool.get()).collect::<Vec<_>>());
    });
    ending.join().unwrap();
    stealpool::set_idle_budget(usize::MAX);
    let stats = pool.stats();
    assert_eq!(
        (stats.live, stats.idle),
        (stats.idle, census.alive()),
        "{stats}"
    );
}
