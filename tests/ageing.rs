//! When idle objects go: two cycles, whoever runs them and whoever owned the objects.

mod common;

use common::{Census, Counted, CountedPool, LARGE, Puppet, scaled, stay_here};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::thread;
use std::time::Duration;
use stealpool::{Builder, Collected, Guard, Pool, policy};

/// Operations between two looks at the clock, as `Builder::collect_every` promises.
const TICK: usize = 2048;

/// Takes `n` objects at once and gives them back.
fn hold(pool: &CountedPool, n: usize) {
    let held: Vec<_> = (0..n).map(|_| pool.get()).collect();
    drop(held);
}

#[test]
fn two_cycles_empty_the_pool_exactly() {
    for n in [1, 2, 3, 65, 1000] {
        let census = Census::new();
        let pool = census.pool();
        hold(&pool, n);
        assert_eq!(pool.collect(), Collected { aged: n, dropped: 0 });
        assert_eq!((pool.idle(), census.alive()), (n, n));
        assert_eq!(pool.collect(), Collected { aged: 0, dropped: n });
        assert_eq!((pool.idle(), census.alive()), (0, 0));
        assert_eq!(pool.collect(), Collected::default());
        let stats = pool.stats();
        assert_eq!((stats.cycles, stats.aged_out), (3, n as u64));
    }
}

/// A thread that sleeps for ever must not keep what it used last: .NET's and Go's pools wait for a
/// stop of the world, regex's keeps it for good (regex#1214).
#[test]
fn two_cycles_empty_parked_threads() {
    let census = Census::new();
    let pool = census.pool();
    let parked: Vec<Puppet> = (0..8).map(|_| Puppet::new()).collect();
    for (i, puppet) in parked.iter().enumerate() {
        let pool = Arc::clone(&pool);
        // Some that held one object at a time, some several.
        puppet.run(move || hold(&pool, 1 + i));
    }
    assert_eq!(pool.collect().dropped, 0);
    pool.collect();
    assert_eq!((pool.idle(), census.alive()), (0, 0));
    // They were never woken, and go on as before.
    for puppet in &parked {
        let pool = Arc::clone(&pool);
        puppet.run(move || hold(&pool, 2));
    }
    assert_eq!(census.alive(), pool.idle());
    parked.into_iter().for_each(Puppet::end);
}

#[test]
fn two_cycles_empty_exited_threads() {
    let census = Census::new();
    let pool = census.pool();
    let all_there = Arc::new(std::sync::Barrier::new(8));
    let threads: Vec<_> = (0..8)
        .map(|i| {
            let (pool, all_there) = (Arc::clone(&pool), Arc::clone(&all_there));
            thread::spawn(move || {
                hold(&pool, 1 + i);
                all_there.wait();
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let left = pool.idle();
    assert!(left >= 8, "each thread left one at least");
    assert_eq!(pool.collect(), Collected { aged: left, dropped: 0 });
    assert_eq!(pool.collect(), Collected { aged: 0, dropped: left });
    assert_eq!(census.alive(), 0);
}

/// What comes back while a thread ends goes to the shared store; it ages there like anywhere.
#[test]
fn two_cycles_empty_the_shared_store() {
    struct Late(Option<(Arc<CountedPool>, Vec<Counted>)>);
    impl Drop for Late {
        fn drop(&mut self) {
            let (pool, objects) = self.0.take().expect("set before");
            objects.into_iter().for_each(|object| pool.put(object));
        }
    }
    thread_local! {
        static LATE: std::cell::RefCell<Late> = const { std::cell::RefCell::new(Late(None)) };
    }
    let census = Census::new();
    let pool = census.pool();
    for pool_first in [true, false] {
        let (same, makes) = (Arc::clone(&pool), census.clone());
        thread::spawn(move || {
            if pool_first {
                drop(same.get());
            }
            let objects = (0..100).map(|_| makes.object()).collect();
            LATE.with_borrow_mut(|late| late.0 = Some((Arc::clone(&same), objects)));
            drop(same.get());
        })
        .join()
        .unwrap();
        assert_eq!(pool.idle(), 101);
        assert_eq!(pool.collect(), Collected { aged: 101, dropped: 0 });
        assert_eq!(pool.collect(), Collected { aged: 0, dropped: 101 });
        assert_eq!(census.alive(), 0);
    }
}

#[test]
fn two_cycles_empty_what_more_threads_than_processors_left() {
    let census = Census::new();
    let pool = census.pool();
    let cores = thread::available_parallelism().map_or(8, usize::from);
    let puppets: Vec<Puppet> = (0..4 * cores + 8).map(|_| Puppet::new()).collect();
    for puppet in &puppets {
        let (pool, census) = (Arc::clone(&pool), census.clone());
        puppet.run(move || (0..3).for_each(|_| pool.put(census.object())));
    }
    let n = puppets.len() * 3;
    assert_eq!(pool.idle(), n);
    assert_eq!(pool.collect(), Collected { aged: n, dropped: 0 });
    assert_eq!(pool.collect(), Collected { aged: 0, dropped: n });
    assert_eq!(census.alive(), 0);
    puppets.into_iter().for_each(Puppet::end);
}

#[test]
fn an_object_survives_the_first_cycle_after_its_use() {
    let census = Census::new();
    let pool = census.pool();
    for round in 0..100 {
        // One that stays private, or one that descends, or both.
        let used = 1 + round % 3;
        hold(&pool, used);
        let idle = pool.idle();
        assert!(pool.collect().aged >= used, "round {round}");
        assert!(pool.idle() <= idle);
        assert!(pool.try_get().is_some(), "round {round}");
    }
}

#[test]
fn a_victim_that_is_used_is_young_again() {
    let census = Census::new();
    let pool = census.pool();
    hold(&pool, 3);
    for _ in 0..100 {
        pool.collect();
        hold(&pool, 3);
    }
    assert_eq!((census.made(), census.dropped()), (3, 0));
    assert!(pool.stats().victim_hits >= 100, "{}", pool.stats());
    // Another thread may save it too, from the worker's victims.
    pool.collect();
    let same = Arc::clone(&pool);
    thread::spawn(move || hold(&same, 2)).join().unwrap();
    assert_eq!(census.made(), 3, "stolen from the victims");
    pool.collect();
    assert_eq!(pool.idle(), 2);
}

#[test]
fn what_is_in_use_is_never_touched() {
    let census = Census::new();
    let pool = census.pool();
    let held: Vec<_> = (0..10).map(|_| pool.get()).collect();
    for _ in 0..10 {
        assert_eq!(pool.collect(), Collected::default());
    }
    assert_eq!(census.dropped(), 0);
    drop(held);
    assert_eq!(pool.collect(), Collected { aged: 10, dropped: 0 });
}

/// golang/go#22950: what a burst left behind goes although the pool stays busy, and what the steady
/// load needs stays.
#[test]
fn a_burst_goes_while_the_pool_stays_busy() {
    stay_here();
    for steady in 1..=3 {
        let census = Census::new();
        let pool = census.pool();
        hold(&pool, 1000);
        for _ in 0..2 {
            (0..100).for_each(|_| hold(&pool, steady));
            pool.collect();
        }
        assert!(pool.idle() <= steady, "{} of a burst of 1000", pool.idle());
        assert_eq!(census.alive(), pool.idle());
        assert_eq!(census.made(), 1000, "nothing was made again");
    }
}

/// A rhythm: what one thread does over and over, and how many operations that is.
type Rhythm = (&'static str, usize, fn(&Arc<CountedPool>, &Census));

const RHYTHMS: [Rhythm; 14] = [
    ("hold 1", 2, |pool, _| hold(pool, 1)),
    ("hold 2", 4, |pool, _| hold(pool, 2)),
    ("hold 3", 6, |pool, _| hold(pool, 3)),
    ("hold 4", 8, |pool, _| hold(pool, 4)),
    ("hold 100", 200, |pool, _| hold(pool, 100)),
    ("get only", 1, |pool, _| drop(Guard::into_inner(pool.get()))),
    ("get and discard", 1, |pool, _| Guard::discard(pool.get())),
    ("put only", 1, |pool, census| pool.put(census.object())),
    ("wrap only", 1, |pool, census| drop(pool.wrap(census.object()))),
    ("try_get only", 1, |pool, _| drop(pool.try_get().map(Guard::into_inner))),
    ("try_get_with in vain", 1, |pool, _| {
        assert!(pool.try_get_with(|| Err(())).map(Guard::into_inner).is_err());
    }),
    ("owned", 2, |pool, _| drop(pool.get_owned())),
    ("two gets, one put", 3, |pool, _| {
        let kept = pool.get();
        Guard::discard(pool.get());
        drop(kept);
    }),
    ("one get, two puts", 3, |pool, census| {
        let lent = pool.get();
        pool.put(census.object());
        drop(lent);
    }),
];

/// A processor on which one thread uses the pool looks at the clock at least once in 2,048 operations: whatever it does, in
/// whatever rhythm, wherever the count stood when it began.
fn ages_in_any_rhythm(settings: Builder) {
    stay_here();
    for (name, operations, rhythm) in RHYTHMS {
        for offset in 1..6 {
            let census = Census::new();
            let pool = census.pool_with(settings.collect_every(Duration::ZERO));
            (0..offset).for_each(|_| drop(pool.try_get().map(Guard::into_inner)));
            for round in 0..5 {
                let before = pool.stats().cycles;
                let mut done = 0;
                while done < TICK {
                    rhythm(&pool, &census);
                    done += operations;
                }
                let cycles = pool.stats().cycles - before;
                assert!(cycles >= 1, "{name} from {offset}, round {round}: no cycle");
                assert!(
                    cycles <= done as u64 / 64 + 8,
                    "{name} from {offset}, round {round}: {cycles} cycles"
                );
            }
        }
    }
}

#[test]
fn pools_age_on_use_in_any_rhythm() {
    ages_in_any_rhythm(Builder::new());
}

#[test]
fn bounded_pools_age_on_use_in_any_rhythm() {
    for bound in [1, 2, 3, 64, LARGE] {
        ages_in_any_rhythm(Builder::new().max_idle(bound));
    }
    ages_in_any_rhythm(Builder::new().idle_bytes(LARGE));
}

/// Each object is bigger than all before, so that a bounded pool raises what it lends the thread's
/// slot at every put: that second look at the slot must not swallow the look at the clock.
#[test]
fn a_bounded_pool_ages_while_its_objects_grow() {
    for offset in 0..4 {
        let census = Census::new();
        let settings = Builder::new().idle_bytes(LARGE);
        let pool = census.pool_with(settings.collect_every(Duration::ZERO));
        (0..offset).for_each(|_| drop(pool.try_get()));
        for weight in 0..10 * TICK {
            pool.put(census.weighing(weight));
        }
        assert!(pool.stats().cycles >= 9, "from {offset}: {}", pool.stats());
    }
}

/// A server with a thread for each request: every thread uses the pool for a moment only, and the
/// pool ages all the same.
#[test]
fn pools_age_on_use_by_short_threads() {
    for per_thread in [1, 2, 3] {
        let census = Census::new();
        let pool = census.pool_with(Builder::new().collect_every(Duration::ZERO));
        let threads = 2 * TICK;
        for _ in 0..threads {
            let (pool, census) = (Arc::clone(&pool), census.clone());
            let job = move || match per_thread {
                1 => pool.put(census.object()),
                2 => drop(pool.get()),
                _ => {
                    drop(pool.try_get());
                    drop(pool.get());
                }
            };
            thread::spawn(job).join().unwrap();
        }
        let expected = (threads * per_thread / TICK - 1) as u64;
        let cycles = pool.stats().cycles;
        assert!(cycles >= expected, "{per_thread} operations a thread: {cycles} cycles");
    }
}

#[test]
fn a_pool_that_is_told_so_never_ages_on_use() {
    for settings in [
        Builder::new().collect_manually(),
        Builder::new().collect_every(Duration::MAX),
        Builder::new().collect_every(Duration::from_nanos(u64::MAX)),
        Builder::new(),
    ] {
        let census = Census::new();
        let pool = census.pool_with(settings);
        (0..10 * TICK).for_each(|_| hold(&pool, 2));
        assert_eq!((pool.stats().cycles, census.dropped()), (0, 0));
    }
}

#[test]
fn collect_every_bounds_what_a_put_only_thread_leaves() {
    let census = Census::new();
    let pool = census.pool_with(Builder::new().collect_every(Duration::ZERO));
    for _ in 0..scaled(200_000) {
        pool.put(census.object());
        assert!(census.alive() <= TICK + 2, "{}", census.alive());
    }
    let stats = pool.stats();
    assert_eq!(stats.idle, census.alive());
    assert_eq!(stats.aged_out, census.dropped() as u64);
}

#[test]
fn a_stranger_may_collect() {
    let census = Census::new();
    let pool = census.pool();
    hold(&pool, 10);
    let stranger = Puppet::new();
    for expected in [0, 10] {
        let pool = Arc::clone(&pool);
        assert_eq!(stranger.run(move || pool.collect().dropped), expected);
    }
    assert_eq!(census.alive(), 0);
    stranger.end();
}

#[test]
fn an_untouched_pool_has_nothing_to_collect() {
    let census = Census::new();
    let pool = census.pool();
    assert_eq!(pool.collect(), Collected::default());
    assert_eq!((pool.clear(), pool.drain().count(), pool.idle()), (0, 0, 0));
    assert_eq!(pool.stats().cycles, 0);
}

#[test]
fn any_number_of_threads_may_collect_at_once() {
    let census = Census::new();
    let pool = census.pool();
    let stop = Arc::new(AtomicBool::new(false));
    let collectors: Vec<_> = (0..3)
        .map(|_| {
            let (pool, stop) = (Arc::clone(&pool), Arc::clone(&stop));
            thread::spawn(move || {
                let mut dropped = 0;
                while !stop.load(Acquire) {
                    dropped += pool.collect().dropped;
                    thread::yield_now();
                }
                dropped
            })
        })
        .collect();
    let users: Vec<_> = (0..3)
        .map(|user| {
            let pool = Arc::clone(&pool);
            thread::spawn(move || (0..scaled(100_000)).for_each(|_| hold(&pool, 1 + user)))
        })
        .collect();
    users.into_iter().for_each(|user| user.join().unwrap());
    stop.store(true, Release);
    let dropped: usize = collectors.into_iter().map(|thread| thread.join().unwrap()).sum();
    assert_eq!(dropped, census.dropped(), "each is counted by one collector");
    assert_eq!(pool.stats().aged_out, census.dropped() as u64);
    assert_eq!(pool.idle(), census.alive());
    pool.collect();
    pool.collect();
    assert_eq!((pool.idle(), census.alive()), (0, 0));
}

#[test]
fn collect_all_ages_every_pool_of_the_process() {
    common::in_child("collect_all_ages_every_pool_of_the_process", || {
        static STATIC: Pool<Vec<u8>> = Pool::new(Vec::new);
        let census = Census::new();
        let (one, two, gone) = (census.pool(), census.pool(), census.pool());
        hold(&one, 3);
        hold(&two, 4);
        hold(&gone, 5);
        drop(gone);
        drop(STATIC.get());
        assert_eq!(stealpool::collect_all(), Collected { aged: 8, dropped: 0 });
        let late = census.pool();
        hold(&late, 1);
        assert_eq!(stealpool::collect_all(), Collected { aged: 1, dropped: 8 });
        assert_eq!((one.idle(), two.idle(), STATIC.idle(), late.idle()), (0, 0, 0, 1));
        assert_eq!(stealpool::collect_all(), Collected { aged: 0, dropped: 1 });
        assert_eq!(census.alive(), 0);
    });
}

#[test]
fn collect_all_meets_pools_that_come_and_go() {
    common::in_child("collect_all_meets_pools_that_come_and_go", || {
        let stop = Arc::new(AtomicBool::new(false));
        let collector = {
            let stop = Arc::clone(&stop);
            thread::spawn(move || {
                while !stop.load(Acquire) {
                    stealpool::collect_all();
                    thread::yield_now();
                }
            })
        };
        let census = Census::new();
        for i in 0..scaled(20_000) {
            let pool = census.pool();
            hold(&pool, 1 + i % 3);
        }
        stop.store(true, Release);
        collector.join().unwrap();
        assert_eq!(census.alive(), 0, "a pool in a collector's hands leaves nothing behind");
    });
}

#[test]
fn clear_and_drain_take_objects_of_any_age() {
    let census = Census::new();
    let pool = census.pool();
    let parked = Puppet::new();
    let fill = || {
        let same = Arc::clone(&pool);
        parked.run(move || hold(&same, 3));
        pool.collect();
        (0..4).for_each(|_| pool.put(census.object()));
    };
    fill();
    assert_eq!((pool.clear(), census.alive()), (7, 0));
    fill();
    let mut drain = pool.drain();
    assert_eq!((drain.len(), pool.idle()), (7, 0));
    let one = drain.next().expect("seven");
    drop(drain);
    assert_eq!(census.alive(), 1);
    drop(one);
    assert_eq!(pool.stats().aged_out, 0, "nobody aged");
    parked.end();
}

#[test]
fn reserved_objects_age_like_others() {
    let pool: Pool<u8, _> =
        Builder::new().collect_manually().build(policy(|| 0u8).recycle_with(|_| true));
    pool.reserve(100);
    assert_eq!(pool.collect(), Collected { aged: 100, dropped: 0 });
    pool.reserve(100);
    assert_eq!(pool.stats().creates, 100, "they are still there");
    assert_eq!(pool.collect(), Collected { aged: 0, dropped: 100 });
}
