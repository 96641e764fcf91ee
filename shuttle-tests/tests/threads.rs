//! Threads that come and go, with their thread-locals, under random schedules: what loom cannot run.
//!
//! Every use of one of the pool's atomics is a step, and all of it is
//! sequentially consistent: what is looked for here are wrong orders of steps, not weak orderings.

mod common;

use common::{Census, Item, ItemPool, MANUAL, assert_settled, explore, explore_broken};
use shuttle::sync::mpsc;
use shuttle::thread;
use std::cell::RefCell;
use std::sync::Arc;
use stealpool::{KeyedPool, OwnedGuard};

fn hold(pool: &ItemPool, n: usize) {
    let held: Vec<_> = (0..n).map(|_| pool.get()).collect();
    held.iter().for_each(|item| item.using());
}

fn spawn(pool: &ItemPool, life: impl FnOnce(&ItemPool) + Send + 'static) -> thread::JoinHandle<()> {
    let pool = Arc::clone(pool);
    thread::spawn(move || life(&pool))
}

fn join(threads: impl IntoIterator<Item = thread::JoinHandle<()>>) {
    for thread in threads {
        thread.join().unwrap();
    }
}

/// Eight threads that start, use a few objects each and end, while they collect, clear and drain.
#[test]
fn threads_that_come_and_go() {
    explore("churn: 8 threads, ends, collectors", || {
        let census = Census::default();
        let pool = census.pool(MANUAL);
        let first: Vec<_> = (0..4).map(|i| spawn(&pool, move |pool| hold(pool, 1 + i))).collect();
        let others = [
            spawn(&pool, |pool| _ = pool.collect()),
            spawn(&pool, |pool| _ = pool.clear()),
            spawn(&pool, |pool| pool.drain().for_each(|item| item.using())),
        ];
        join(first);
        // In the workers of those that have ended.
        hold(&pool, 2);
        join(others);
        assert_settled(&pool, &census);
    });
}

/// Guards that go from thread to thread, and are dropped there or on the way.
#[test]
fn guards_that_travel() {
    explore("travel: 2 givers, 2 takers, a collector", || {
        let census = Census::default();
        let pool = census.pool(MANUAL);
        let (give, take) = mpsc::channel::<OwnedGuard<Item, _>>();
        let givers: Vec<_> = (0..2)
            .map(|_| {
                let give = give.clone();
                spawn(&pool, move |pool| {
                    (0..3).for_each(|_| give.send(pool.get_owned()).unwrap());
                })
            })
            .collect();
        drop(give);
        let collector = spawn(&pool, |pool| (0..2).for_each(|_| _ = pool.collect()));
        for guard in take {
            guard.using();
        }
        join(givers);
        join([collector]);
        assert_settled(&pool, &census);
    });
}

/// Threads that end with something in magazines and slots, those that come in their place, and
/// collectors that want the same.
#[test]
fn heirs_and_collectors() {
    explore("heirs: 3 end, 3 come, 2 collect, at most 4", || {
        let census = Census::default();
        let pool = census.pool(MANUAL.max_idle(4));
        let ending: Vec<_> = (0..3).map(|_| spawn(&pool, |pool| hold(pool, 2))).collect();
        let coming: Vec<_> = (0..3).map(|_| spawn(&pool, |pool| hold(pool, 1))).collect();
        let collecting: Vec<_> = (0..2).map(|_| spawn(&pool, |pool| _ = pool.collect())).collect();
        join(ending);
        join(coming);
        join(collecting);
        assert!(pool.idle() <= 4);
        assert_settled(&pool, &census);
    });
}

type Owned = OwnedGuard<Item, Box<dyn Fn() -> Item + Send + Sync>>;

shuttle::thread_local! {
    static KEPT: RefCell<Option<Owned>> = RefCell::new(None);
}

fn keep(guard: Option<Owned>) {
    KEPT.with(|kept| *kept.borrow_mut() = guard);
}

/// Guards that are dropped by a thread's end: before the pool's own thread-local, and after it.
#[test]
fn guards_in_thread_locals() {
    explore("locals: 6 threads keep a guard to their end", || {
        let census = Census::default();
        let pool = census.pool(MANUAL);
        let threads: Vec<_> = (0..6)
            .map(|i| {
                spawn(&pool, move |pool| {
                    if i % 2 == 0 {
                        // Ends first, for it is used first.
                        keep(None);
                    }
                    hold(pool, 2);
                    keep(Some(pool.get_owned()));
                })
            })
            .collect();
        let collector = spawn(&pool, |pool| _ = pool.collect());
        join(threads);
        join([collector]);
        assert_settled(&pool, &census);
    });
}

/// Whoever lets go of a pool last: its maker, a thread that has used it, a guard on its way.
#[test]
fn the_last_reference() {
    explore("end: 6 threads and a guard let go of a pool", || {
        let census = Census::default();
        let pool = census.pool(MANUAL);
        let (give, take) = mpsc::channel::<Owned>();
        let mut threads: Vec<_> = (0..5)
            .map(|i| {
                let give = give.clone();
                spawn(&pool, move |pool| {
                    hold(pool, 1 + i % 3);
                    give.send(pool.get_owned()).unwrap();
                })
            })
            .collect();
        drop((give, pool));
        threads.push(thread::spawn(move || take.iter().for_each(|guard| guard.using())));
        join(threads);
        assert_eq!(census.alive(), 0, "everything went with the pool");
    });
}

/// A few threads for long: slots grow deep, are recalled, age; bounds hold.
#[test]
fn long_runs() {
    explore("long: 3 threads x 40 bursts, deep, at most 12", || {
        let census = Census::default();
        let pool = census.pool(MANUAL.max_idle(12).private_depth(4));
        let threads: Vec<_> = (0..3)
            .map(|i| {
                let theirs = census.clone();
                spawn(&pool, move |pool| {
                    for round in 0..40 {
                        hold(pool, 1 + (round + i) % 6);
                        assert!(theirs.alive() <= 12 + 3 * 6, "idle, and in hands");
                        if round % 8 == i {
                            pool.collect();
                        }
                    }
                })
            })
            .collect();
        join(threads);
        assert_settled(&pool, &census);
    });
}

/// Pools by key, of which one makes room for another while both are in use.
#[test]
fn keys_that_push_each_other_out() {
    explore("keyed: 4 threads, 3 keys, room for 2", || {
        let census = Census::default();
        let items = census.clone();
        let pools = KeyedPool::<usize, _, _>::new(move |_| {
            let census = items.clone();
            move || census.item()
        });
        let pools = Arc::new(pools.max_keys(2));
        let threads: Vec<_> = (0..4)
            .map(|i| {
                let pools = Arc::clone(&pools);
                thread::spawn(move || (0..3).for_each(|key| pools.get(&((key + i) % 3)).using()))
            })
            .collect();
        join(threads);
        assert!(pools.keys().len() <= 2);
        pools.clear();
        assert_eq!(pools.stats().idle, 0);
        assert!(census.alive() <= 12, "of keys that are forgotten");
    });
}

/// A get and a put that are not one step each must be seen: two threads take the same object.
#[test]
fn a_look_before_the_claim_is_seen() {
    explore_broken("broken: a shelf of looks and takes", || {
        let census = Census::default();
        let item = Arc::new(One(census.item()));
        let free = Arc::new(shuttle::sync::atomic::AtomicBool::new(true));
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let (item, free) = (Arc::clone(&item), Arc::clone(&free));
                thread::spawn(move || {
                    use std::sync::atomic::Ordering::SeqCst;
                    if free.load(SeqCst) {
                        free.store(false, SeqCst);
                        item.0.using();
                        free.store(true, SeqCst);
                    }
                })
            })
            .collect();
        join(threads);
    });
}

struct One(Item);

// SAFETY: none: that two threads use it at once is what must be seen, and only its cells are at risk; all
// tasks of shuttle's run on one thread.
unsafe impl Sync for One {}

/// An object that a thread's end loses must be seen.
#[test]
fn an_end_that_forgets_is_seen() {
    explore_broken("broken: a guard that a thread forgets", || {
        let census = Census::default();
        let pool = census.pool(MANUAL);
        join([spawn(&pool, |pool| std::mem::forget(pool.get()))]);
        assert_settled(&pool, &census);
    });
}
