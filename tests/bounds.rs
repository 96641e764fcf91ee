//! What may stay idle: no setting is wrong, no bound is ever exceeded, and room comes back.

mod common;

use common::{
    Census, Counted, CountedPool, HEAVIEST, LARGE, MAGAZINE, Puppet, Random, scaled, stay_here,
};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::thread;
use std::time::Duration;
use stealpool::{Builder, Guard, Pool, policy};

const MANUAL: Builder = Builder::new().collect_manually();

/// Gives `n` new objects at once.
fn give(pool: &CountedPool, census: &Census, n: usize) {
    (0..n).for_each(|_| pool.put(census.object()));
}

#[test]
fn max_idle_zero_turns_pooling_off() {
    let census = Census::new();
    let pool = census.pool_with(MANUAL.max_idle(0));
    drop([pool.get(), pool.get()]);
    pool.put(census.object());
    drop(pool.wrap(census.object()));
    drop(pool.get_owned());
    pool.reserve(10);
    let stats = pool.stats();
    assert_eq!((stats.creates, stats.gets, stats.discarded), (3, 3, 5));
    assert_eq!((stats.puts, stats.idle), (0, 0));
    assert_eq!((census.made(), census.alive(), census.recycled()), (5, 0, 0));
    assert!(pool.try_get().is_none());
    assert_eq!(pool.collect(), stealpool::Collected::default());
}

#[test]
fn max_idle_is_exact_on_one_thread() {
    stay_here();
    for bound in [1, 2, 3, 4, 5, 64, 65, 1000] {
        let census = Census::new();
        let pool = census.pool_with(MANUAL.max_idle(bound));
        for n in 1..=bound + 3 {
            pool.put(census.object());
            assert_eq!(pool.idle(), n.min(bound), "{bound}");
        }
        assert_eq!(pool.stats().overflowed, 3, "{bound}");
        assert_eq!(census.dropped(), 3, "{bound}");
        let held: Vec<_> = (0..bound).map(|_| pool.try_get().expect("idle")).collect();
        assert!(pool.try_get().is_none());
        drop(held);
        assert_eq!((pool.idle(), census.alive()), (bound, bound));
    }
}

#[test]
fn a_pool_of_one_still_pools() {
    let census = Census::new();
    let pool = census.pool_with(MANUAL.max_idle(1));
    (0..100).for_each(|_| drop(pool.get()));
    assert_eq!((census.made(), pool.idle()), (1, 1));
    // From thread to thread, too.
    for _ in 0..10 {
        let pool = Arc::clone(&pool);
        thread::spawn(move || drop(pool.get())).join().unwrap();
    }
    assert_eq!((census.made(), pool.idle()), (1, 1));
}

#[test]
fn huge_bounds_are_no_bounds() {
    for settings in [
        MANUAL.max_idle(usize::MAX),
        MANUAL.max_idle(usize::MAX - 1),
        MANUAL.idle_bytes(usize::MAX),
        MANUAL.idle_bytes(usize::MAX - 1),
        MANUAL.max_object_bytes(usize::MAX),
        MANUAL.max_idle(usize::MAX - 1).idle_bytes(usize::MAX - 1),
        MANUAL.collect_every(Duration::MAX),
    ] {
        let census = Census::new();
        let pool = census.pool_with(settings);
        give(&pool, &census, 1000);
        // With pointers of 32 bits, 4 GiB is a bound.
        let heavy = HEAVIEST.min(usize::MAX / 4);
        (0..3).for_each(|_| pool.put(census.weighing(heavy)));
        assert_eq!((pool.idle(), pool.stats().overflowed), (1003, 0), "{settings:?}");
        // More than a process can address is a wrong footprint: dropped, and counted.
        let heavier = [HEAVIEST.saturating_add(1), usize::MAX];
        let wrong = heavier.into_iter().filter(|&bytes| bytes > HEAVIEST);
        let wrong = wrong.map(|bytes| pool.put(census.weighing(bytes))).count();
        assert_eq!(pool.stats().discarded, wrong as u64, "{settings:?}");
        let held: Vec<_> = (0..1003).map(|_| pool.get()).collect();
        drop(held);
        assert_eq!(pool.collect().aged, 1003, "{settings:?}");
        assert_eq!(pool.collect().dropped, 1003, "{settings:?}");
        assert_eq!(pool.stats().idle_bytes, 0, "{settings:?}");
    }
}

#[test]
fn zero_byte_bounds_keep_what_weighs_nothing() {
    for settings in [MANUAL.max_object_bytes(0), MANUAL.idle_bytes(0)] {
        let census = Census::new();
        let pool = census.pool_with(settings);
        give(&pool, &census, 10);
        pool.put(census.weighing(1));
        assert_eq!((pool.idle(), census.dropped()), (10, 1), "{settings:?}");
    }
}

#[test]
fn max_object_bytes_drops_what_has_grown() {
    let pool: Pool<Vec<u8>> = MANUAL.max_object_bytes(1000).build(Vec::new);
    pool.put(Vec::with_capacity(1000));
    assert_eq!(pool.idle(), 1);
    let mut buffer = pool.get();
    buffer.reserve_exact(1001);
    drop(buffer);
    let stats = pool.stats();
    assert_eq!((stats.idle, stats.discarded, stats.overflowed), (0, 1, 0));
    assert_eq!(pool.get().capacity(), 0);
}

#[test]
fn reserve_stops_at_the_bounds() {
    let census = Census::new();
    let pool = census.pool_with(MANUAL.max_idle(10));
    pool.reserve(usize::MAX);
    assert_eq!((pool.idle(), census.alive()), (10, 10));
    pool.reserve(5);
    assert_eq!(census.made() - census.dropped(), 10);

    let heavy = MANUAL.idle_bytes(1000).build(policy(|| [0u8; 300]).recycle_with(|_| true));
    heavy.reserve(usize::MAX);
    assert_eq!((heavy.idle(), heavy.stats().idle_bytes), (3, 900));

    let too_big = MANUAL.max_object_bytes(299).build(policy(|| [0u8; 300]).recycle_with(|_| true));
    too_big.reserve(usize::MAX);
    assert_eq!(too_big.idle(), 0);
}

#[test]
fn idle_bytes_is_never_exceeded_by_a_byte() {
    let census = Census::new();
    let pool = census.pool_with(MANUAL.idle_bytes(1000));
    for weight in [100, 900] {
        pool.put(census.weighing(weight));
    }
    let stats = pool.stats();
    assert_eq!((stats.idle, stats.idle_bytes, stats.overflowed), (2, 1000, 0));
    pool.put(census.weighing(1));
    assert!(pool.stats().idle_bytes <= 1000);
    assert_eq!(pool.stats().overflowed, 1);
    // What can never fit costs none of the others its place.
    pool.clear();
    pool.put(census.weighing(400));
    pool.put(census.weighing(1001));
    assert_eq!((pool.idle(), pool.stats().idle_bytes), (1, 400));
}

/// The same bookkeeping over a long random run: by count, by bytes, by both.
#[test]
#[cfg_attr(miri, ignore = "takes Miri too long")]
fn bounds_hold_in_any_sequence_on_one_thread() {
    for seed in 0..40 {
        let mut random = Random::new(seed);
        let max_idle = 1 + random.below(20);
        let max_bytes = 1 + random.below(2000);
        let census = Census::new();
        let mut settings = MANUAL;
        if seed % 3 != 0 {
            settings = settings.max_idle(max_idle);
        }
        if seed % 3 != 1 {
            settings = settings.idle_bytes(max_bytes);
        }
        let pool = census.pool_with(settings);
        let mut held = Vec::new();
        for _ in 0..3000 {
            match random.below(20) {
                0..8 => {
                    let mut object = pool.get();
                    object.weight = random.below(300);
                    held.push(object);
                }
                8..14 if !held.is_empty() => drop(held.swap_remove(random.below(held.len()))),
                14..17 => pool.put(census.weighing(random.below(300))),
                17 => drop(pool.try_get().map(Guard::into_inner)),
                18 => drop(pool.collect()),
                _ if random.below(20) == 0 => {
                    pool.clear();
                }
                _ => {}
            }
            let stats = pool.stats();
            assert!(seed % 3 == 0 || stats.idle <= max_idle, "seed {seed}: {stats}");
            assert!(seed % 3 == 1 || stats.idle_bytes <= max_bytes, "seed {seed}: {stats}");
            assert_eq!(stats.idle + held.len(), census.alive(), "seed {seed}: {stats}");
        }
        drop(held);
        pool.clear();
        assert_eq!((pool.idle(), pool.stats().idle_bytes), (0, 0), "seed {seed}");
        assert_eq!(census.alive(), 0, "seed {seed}");
        if seed % 3 == 1 {
            // All of the room came back.
            give(&pool, &census, max_idle + 5);
            assert_eq!(pool.idle(), max_idle, "seed {seed}");
        }
    }
}

/// Up to half of the bound is set aside for threads that use the pool, one place each; the rest is
/// everybody's.
#[test]
fn half_of_the_bound_is_never_set_aside() {
    let census = Census::new();
    let pool = census.pool_with(MANUAL.max_idle(8));
    let puppets: Vec<_> = (0..20).map(|_| Puppet::new()).collect();
    for puppet in &puppets {
        let pool = Arc::clone(&pool);
        puppet.run(move || drop(pool.get()));
        assert!(census.alive() <= 8);
    }
    pool.put(census.object());
    let (same, makes) = (Arc::clone(&pool), census.clone());
    // Empty places that are set aside: at most four.
    puppets.iter().for_each(|puppet| {
        let pool = Arc::clone(&pool);
        puppet.run(move || drop(pool.try_get().map(Guard::into_inner)));
    });
    puppets[0].run(move || give(&same, &makes, 20));
    assert!((4..=8).contains(&pool.idle()), "{}", pool.stats());
    puppets.into_iter().for_each(Puppet::end);
}

/// Whoever empties a pool makes the whole bound available again, to whatever thread.
#[test]
fn room_comes_back() {
    type Empty = fn(&CountedPool);
    let ways: [(&str, Empty); 4] = [
        ("clear", |pool| assert_ne!(pool.clear(), 0)),
        ("drain", |pool| drop(pool.drain())),
        ("drain by hand", |pool| pool.drain().for_each(drop)),
        ("collect", |pool| {
            pool.collect();
            pool.collect();
        }),
    ];
    for (name, empty) in ways {
        for ended in [false, true] {
            let census = Census::new();
            let pool = census.pool_with(MANUAL.max_idle(9).idle_bytes(900));
            let mut puppets: Vec<_> = (0..12).map(|_| Puppet::new()).collect();
            for round in 0..5 {
                for puppet in &puppets {
                    let (same, makes) = (Arc::clone(&pool), census.clone());
                    puppet.run(move || (0..2).for_each(|_| same.put(makes.weighing(100))));
                    assert!(fits(&pool), "{name}: {}", pool.stats());
                }
                if ended {
                    puppets.drain(..).for_each(Puppet::end);
                }
                empty(&pool);
                let stats = pool.stats();
                assert_eq!((stats.idle, stats.idle_bytes), (0, 0), "{name} {ended} {round}");
                assert_eq!(census.alive(), 0, "{name} {ended} {round}");
                // A thread that is new here has all of it.
                let (same, makes) = (Arc::clone(&pool), census.clone());
                let newcomer = Puppet::new();
                newcomer.run(move || (0..12).for_each(|_| same.put(makes.weighing(100))));
                assert_eq!(pool.idle(), 9, "{name} {ended} {round}: {}", pool.stats());
                assert_eq!(pool.stats().idle_bytes, 900, "{name} {ended} {round}");
                newcomer.end();
                empty(&pool);
                if ended {
                    puppets = (0..12).map(|_| Puppet::new()).collect();
                }
            }
            puppets.into_iter().for_each(Puppet::end);
        }
    }
}

#[test]
fn what_an_empty_slot_was_lent_is_there_for_a_larger_object() {
    let pool: Pool<Vec<u8>> = MANUAL.idle_bytes(250).build(Vec::new);
    drop(pool.wrap(Vec::with_capacity(100)));
    let mut buffer = pool.get();
    buffer.reserve_exact(200);
    drop(buffer);
    let stats = pool.stats();
    assert_eq!((stats.idle, stats.idle_bytes, stats.overflowed), (1, 200, 0));
}

/// A bound of more objects than one magazine holds.
const MANY: usize = 4 * MAGAZINE;

/// Takes and gives back in bursts, so that the thread keeps as much at hand as it may.
fn deepen(pool: &CountedPool, census: &Census, bytes: usize) {
    for _ in 0..10 {
        let held: Vec<_> = (0..MANY / 2)
            .map(|_| pool.try_get().unwrap_or_else(|| pool.wrap(census.weighing(bytes))))
            .collect();
        drop(held);
    }
}

/// Has another thread fill the pool.
fn fill(pool: &Arc<CountedPool>, census: &Census, n: usize) {
    thread::scope(|scope| {
        scope.spawn(|| give(pool, census, n));
    });
}

#[test]
fn a_magazine_keeps_its_share_at_most_from_others() {
    let census = Census::new();
    let pool = census.pool_with(MANUAL.max_idle(MANY).idle_bytes(LARGE));
    deepen(&pool, &census, 30 << 10);
    fill(&pool, &census, MANY);
    assert!(pool.idle() >= MANY - MAGAZINE, "{} of {MANY}", pool.idle());
}

#[test]
fn a_cycle_takes_back_what_a_busy_thread_does_not_use_any_more() {
    let census = Census::new();
    let pool = census.pool_with(MANUAL.max_idle(MANY));
    deepen(&pool, &census, 1);
    let held: Vec<_> = std::iter::from_fn(|| pool.try_get()).collect();
    held.into_iter().for_each(|guard| drop(Guard::into_inner(guard)));
    (0..3).for_each(|_| {
        drop(pool.get());
        pool.collect();
    });
    drop(pool.get());
    fill(&pool, &census, MANY);
    assert!(pool.idle() >= MANY - MAGAZINE, "{} of {MANY}", pool.idle());

    // Nor does it keep room for objects as large as it once had.
    let census = Census::new();
    let pool = census.pool_with(MANUAL.idle_bytes(1000));
    drop(pool.wrap(census.weighing(500)));
    let large = pool.get();
    drop(pool.wrap(census.weighing(10)));
    pool.collect();
    drop(Guard::into_inner(large));
    thread::scope(|scope| {
        scope.spawn(|| (0..9).for_each(|_| pool.put(census.weighing(100))));
    });
    assert_eq!(pool.stats().overflowed, 0);
}

fn fits(pool: &CountedPool) -> bool {
    let stats = pool.stats();
    stats.idle <= 9 && stats.idle_bytes <= 900
}

/// What is taken out of the pool, and what ages, makes room for others.
#[test]
fn room_comes_back_when_objects_leave() {
    stay_here();
    let census = Census::new();
    let pool = census.pool_with(MANUAL.max_idle(10).idle_bytes(10_000));
    // The thread may be moved, and leave the share of a magazine reserved where it was.
    let elsewhere = 5 / common::processors() * (common::processors() - 1);
    let least = if common::hides() { 10 - elsewhere } else { 10 };
    for round in 0..100 {
        (0..10).for_each(|i| pool.put(census.weighing(i * round)));
        let idle = pool.idle();
        assert!((least..=10).contains(&idle), "round {round}: {}", pool.stats());
        let out: Vec<Counted> = (0..10).map(|_| Guard::into_inner(pool.get())).collect();
        let left = pool.idle();
        assert!(left <= 10 - least, "round {round}: {}", pool.stats());
        assert_eq!(pool.clear(), left);
        assert_eq!(pool.stats().idle_bytes, 0, "round {round}");
        drop(out);
    }
    assert!(pool.stats().overflowed == 0 || least < 10);
    // Half of the pool is young, half is old: the old half makes room.
    give(&pool, &census, 5);
    pool.collect();
    (0..2).for_each(|_| {
        give(&pool, &census, 5);
        assert!((least..=10).contains(&pool.idle()));
        pool.collect();
        assert!(pool.idle() < 10);
    });
}

#[test]
fn an_object_that_overflows_is_dropped_once_and_counted() {
    let census = Census::new();
    let pool = census.pool_with(MANUAL.max_idle(4));
    let held: Vec<_> = (0..10).map(|_| pool.get()).collect();
    drop(held);
    let stats = pool.stats();
    assert_eq!((stats.puts, stats.overflowed, stats.idle), (4, 6, 4));
    assert_eq!((census.dropped(), stats.discarded), (6, 0));
}

/// Many threads, one tight bound: whatever the schedule, it is never exceeded, and when all is
/// quiet the books agree with the objects.
fn bounds_hold_among_threads(settings: Builder, max_idle: usize, max_bytes: usize) {
    const THREADS: usize = 6;
    let census = Census::new();
    let pool = census.pool_with(settings);
    for round in 0..10 {
        let done = Arc::new(AtomicBool::new(false));
        let collector = {
            let (pool, done) = (Arc::clone(&pool), Arc::clone(&done));
            thread::spawn(move || {
                while !done.load(Acquire) {
                    pool.collect();
                    thread::yield_now();
                }
            })
        };
        let users: Vec<_> = (0..THREADS)
            .map(|user| {
                let (pool, census) = (Arc::clone(&pool), census.clone());
                thread::spawn(move || {
                    let mut random = Random::new((round * THREADS + user) as u64);
                    let mut held = Vec::new();
                    for _ in 0..scaled(30_000) {
                        match random.below(6) {
                            0..2 => {
                                let mut object = pool.get();
                                object.weight = random.below(200);
                                held.push(object);
                            }
                            2 => pool.put(census.weighing(random.below(200))),
                            _ => drop(held.pop()),
                        }
                    }
                })
            })
            .collect();
        users.into_iter().for_each(|user| user.join().unwrap());
        done.store(true, Release);
        collector.join().unwrap();
        let stats = pool.stats();
        assert_eq!(stats.idle, census.alive(), "{stats}");
        assert!(stats.idle <= max_idle, "{max_idle} allowed: {stats}");
        assert!(stats.idle_bytes <= max_bytes, "{max_bytes} allowed: {stats}");
    }
    let stats = pool.stats();
    assert_eq!(stats.idle, census.alive(), "{stats}");
    let weight: usize = pool.drain().map(|object| object.weight).sum();
    assert_eq!(weight, stats.idle_bytes, "{stats}");
    assert_eq!((pool.idle(), pool.stats().idle_bytes, census.alive()), (0, 0, 0));
    // Nothing of the room has leaked.
    stay_here();
    let weight = if max_bytes == usize::MAX { 1 } else { max_bytes / max_idle };
    (0..max_idle + 5).for_each(|_| pool.put(census.weighing(weight)));
    assert_eq!(pool.idle(), max_idle, "{}", pool.stats());
}

#[test]
fn max_idle_holds_among_threads() {
    for bound in [1, 2, 3, 8, 50] {
        bounds_hold_among_threads(MANUAL.max_idle(bound), bound, usize::MAX);
    }
}

#[test]
fn idle_bytes_holds_among_threads() {
    for bytes in [100, 1000] {
        bounds_hold_among_threads(MANUAL.max_idle(20).idle_bytes(bytes), 20, bytes);
    }
}

/// A footprint is the policy's word, and wrong words make wrong books, nothing worse: it is asked
/// once, when the object comes back.
#[test]
fn a_footprint_that_changes_its_mind_is_harmless() {
    let calls = std::sync::atomic::AtomicUsize::new(0);
    let fickle = policy(|| 0u32)
        .recycle_with(|_| true)
        .footprint_with(|_| calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed) * 37 % 101);
    let pool = MANUAL.idle_bytes(500).max_idle(20).build(fickle);
    for _ in 0..if cfg!(miri) { 20 } else { 1000 } {
        drop([pool.get(), pool.get(), pool.get()]);
        pool.put(7);
        assert!(pool.stats().idle_bytes <= 500);
    }
    pool.clear();
    assert_eq!((pool.idle(), pool.stats().idle_bytes), (0, 0));
}
