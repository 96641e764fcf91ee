//! Every count against a policy that counts for itself; exact whenever the pool is quiet.

mod common;

use common::{Census, CountedPool, Puppet, Random, apart, hits, processors, scaled, stay_here};
use std::sync::Arc;
use std::thread;
use stealpool::{Builder, Guard, OwnedGuard, Pool, Stats, policy};

const MANUAL: Builder = Builder::new().collect_manually();

#[test]
fn an_untouched_pool_has_done_nothing() {
    let pool = Census::new().pool();
    assert_eq!(pool.stats(), Stats::default());
    assert_eq!(pool.stats().hit_rate(), 0.0);
    assert_eq!(pool.idle(), 0);
}

/// One thread, step by step: what each call changes, and that it changes nothing else.
#[test]
fn each_call_counts_what_it_does() {
    stay_here();
    let census = Census::new();
    let pool = census.pool_with(MANUAL.private_depth(1));
    let mut expected = Stats::default();
    let check = |expected: &Stats, step: &str| {
        let mut expected = *expected;
        expected.live = census.alive();
        expected.drops.by_hand = expected.discarded;
        expected.drops.aged = expected.aged_out;
        expected.drops.cleared = expected.cleared;
        assert_eq!(pool.stats(), expected, "{step}");
    };

    let first = pool.get();
    expected.gets = 1;
    expected.creates = 1;
    expected.workers = 1;
    check(&expected, "a miss creates");

    drop(first);
    expected.puts = 1;
    expected.idle = 1;
    check(&expected, "a drop puts");

    let first = pool.get();
    expected.gets = 2;
    expected.private_hits = 1;
    expected.idle = 0;
    check(&expected, "found in the magazine");

    let second = pool.get();
    expected.gets = 3;
    expected.creates = 2;
    check(&expected, "a second one is created");

    drop((first, second));
    expected.puts = 3;
    expected.idle = 2;
    check(&expected, "both come back");

    let both = (pool.get(), pool.get());
    expected.gets = 5;
    expected.private_hits = 2;
    expected.local_hits = 1;
    expected.idle = 0;
    check(&expected, "one private, one from a slot");

    Guard::discard(both.0);
    expected.discarded = 1;
    check(&expected, "a discard");

    drop(Guard::into_inner(both.1));
    check(&expected, "what leaves is not counted");

    assert!(pool.try_get().is_none());
    check(&expected, "a try that finds nothing is no get");

    assert!(pool.try_get_with(|| Err(())).is_err());
    check(&expected, "nor is a constructor that fails");

    pool.put(census.object());
    drop(pool.wrap(census.object()));
    expected.puts = 5;
    expected.idle = 2;
    check(&expected, "objects from outside are puts, not creates");

    pool.reserve(4);
    expected.creates = 4;
    expected.puts = 7;
    expected.idle = 4;
    check(&expected, "reserve creates and puts");

    pool.collect();
    expected.cycles = 1;
    check(&expected, "the first cycle drops nothing");

    let private = pool.get();
    expected.gets = 6;
    expected.private_hits = 3;
    let victim = pool.get();
    expected.gets = 7;
    expected.victim_hits = 1;
    expected.idle = 2;
    check(&expected, "a victim is saved");

    pool.collect();
    expected.cycles = 2;
    expected.aged_out = 2;
    expected.idle = 0;
    check(&expected, "the others go");

    drop((private, victim));
    expected.puts = 9;
    expected.idle = 2;
    assert_eq!(pool.clear(), 2);
    expected.idle = 0;
    expected.cleared = 2;
    check(&expected, "a clear is no ageing");

    pool.put(census.object());
    drop(pool.drain());
    expected.puts = 10;
    check(&expected, "nor is a drain");

    let owned: OwnedGuard<_, _> = pool.get_owned();
    drop(pool.wrap_owned(census.object()));
    expected.gets = 8;
    expected.creates = 5;
    expected.puts = 11;
    expected.idle = 1;
    check(&expected, "owned guards count the same");
    drop(owned);
}

#[test]
fn hits_are_told_apart_between_processors() {
    let Some(b) = apart() else { return };
    let census = Census::new();
    let pool = census.pool_with(MANUAL.private_depth(1));
    let a = Puppet::new();
    let give = |n: usize| {
        let (pool, census) = (Arc::clone(&pool), census.clone());
        move || (0..n).for_each(|_| pool.put(census.object()))
    };
    let take = |n: usize| {
        let pool = Arc::clone(&pool);
        move || (0..n).map(|_| drop(pool.try_get().map(Guard::into_inner))).count()
    };
    a.run(give(10));
    b.run(take(4));
    let stats = pool.stats();
    assert_eq!((stats.steals, stats.gets, stats.workers), (2, 4, 2));
    // What was in line came along.
    assert_eq!((stats.private_hits, stats.local_hits), (2, 0));
    a.run(take(2));
    let stats = pool.stats();
    assert_eq!((stats.private_hits, stats.steals), (3, 2));
    pool.collect();
    b.run(take(1));
    let stats = pool.stats();
    assert_eq!((stats.victim_hits, stats.steals, stats.idle), (1, 2, 3));
    a.run(take(2));
    let stats = pool.stats();
    assert_eq!((stats.private_hits, stats.victim_hits), (4, 2), "its own");
    assert_eq!(pool.stats().hit_rate(), 1.0);
    a.end();
    b.end();
}

#[test]
fn what_is_dropped_is_told_apart() {
    let census = Census::new();
    let maker = {
        let census = census.clone();
        move || census.object()
    };
    let choosy = policy(maker)
        .recycle_with(|object: &mut common::Counted| object.weight != 13)
        .footprint_with(|object: &common::Counted| object.weight);
    let pool = MANUAL.max_object_bytes(100).idle_bytes(250).build(choosy);
    pool.put(census.weighing(13));
    assert_eq!((pool.stats().discarded, pool.stats().overflowed), (1, 0), "the policy");
    pool.put(census.weighing(101));
    assert_eq!((pool.stats().discarded, pool.stats().overflowed), (2, 0), "too big");
    Guard::discard(pool.get());
    assert_eq!((pool.stats().discarded, pool.stats().overflowed), (3, 0), "by hand");
    (0..4).for_each(|_| pool.put(census.weighing(100)));
    let stats = pool.stats();
    assert_eq!((stats.discarded, stats.overflowed), (3, 2), "no room");
    assert_eq!((stats.puts, stats.idle, stats.idle_bytes), (2, 2, 200));
    assert_eq!(census.dropped(), 5);
}

/// Every reason to drop an object, each as often as a policy that counts says.
#[test]
#[cfg_attr(not(panic = "unwind"), ignore = "needs panics that unwind")]
fn every_reason_is_counted() {
    let census = Census::new();
    let maker = {
        let census = census.clone();
        move || census.object()
    };
    let moody = policy(maker)
        .recycle_with(|object: &mut common::Counted| match object.weight {
            13 => false,
            666 => panic!("a policy that panics"),
            _ => true,
        })
        .footprint_with(|object: &common::Counted| object.weight);
    let pool = MANUAL.max_object_bytes(100).max_idle(4).build(moody);
    let panics = |f: &dyn Fn()| {
        let end = std::panic::catch_unwind(std::panic::AssertUnwindSafe(f));
        assert!(end.is_err());
    };
    let mut random = Random::new(7);
    let mut expected = pool.stats().drops;
    for _ in 0..2_000 {
        match random.below(9) {
            0 => {
                pool.put(census.weighing(13));
                expected.refused += 1;
            }
            1 => {
                pool.put(census.weighing(101));
                expected.too_big += 1;
            }
            2 => {
                Guard::discard(pool.wrap(census.object()));
                expected.by_hand += 1;
            }
            3 => {
                panics(&|| pool.put(census.weighing(666)));
                expected.panicked += 1;
            }
            4 => {
                panics(&|| {
                    let _guard = pool.wrap(census.object());
                    panic!("a holder that panics");
                });
                expected.panicked += 1;
            }
            5 => {
                let before = pool.idle();
                let six: Vec<_> = (0..6).map(|_| pool.wrap(census.object())).collect();
                drop(six);
                expected.over_budget += (before + 6 - pool.idle()) as u64;
            }
            6 => {
                pool.collect();
                expected.aged += pool.collect().dropped as u64;
            }
            7 => expected.cleared += pool.clear() as u64,
            _ => drop(pool.get()),
        }
        let stats = pool.stats();
        // What the first of two cycles drops is what an earlier step has aged.
        expected.aged = stats.aged_out;
        assert_eq!(stats.drops, expected);
        assert_eq!((stats.live, stats.idle), (census.alive(), census.alive()));
        assert_eq!(stats.drops.total(), census.dropped() as u64);
    }
    let off = MANUAL.max_idle(0).build(census.maker());
    drop((off.get(), off.get()));
    let drops = off.stats().drops;
    assert_eq!((drops.disabled, drops.total(), off.live()), (2, 2, 0));
}

/// What a random script should have come to, counted by the test itself.
#[derive(Default)]
struct Books {
    gets: u64,
    returned: u64,
    taken_out: u64,
    emptied: u64,
    discarded: u64,
    dropped_by_policy: u64,
}

impl Books {
    /// The identities that hold whenever the pool is quiet.
    fn check(&self, stats: &Stats, census: &Census, held: usize, what: &str) {
        assert_eq!(stats.gets, self.gets, "{what}: gets, {stats}");
        assert_eq!(stats.creates, stats.gets - hits(stats), "{what}: misses, {stats}");
        assert_eq!(
            stats.puts + stats.discarded + stats.overflowed,
            self.returned + self.discarded,
            "{what}: what came back, {stats}"
        );
        assert_eq!(stats.discarded, self.discarded + self.dropped_by_policy, "{what}: {stats}");
        assert_eq!(
            stats.puts,
            hits(stats) + stats.aged_out + self.emptied + stats.idle as u64,
            "{what}: every object that was kept is accounted for, {stats}"
        );
        assert_eq!(stats.live, stats.idle + held, "{what}: {stats}");
        assert_eq!(
            stats.drops.total(),
            stats.discarded + stats.overflowed + stats.aged_out + stats.cleared,
            "{what}: every drop has its reason, {stats}"
        );
        let out = held as u64 + self.taken_out;
        assert_eq!(census.alive() as u64, stats.idle as u64 + out, "{what}: {stats}");
    }
}

#[test]
fn the_books_balance_after_any_script() {
    for seed in 0..60u64 {
        let mut random = Random::new(seed);
        let census = Census::new();
        let settings = match seed % 4 {
            0 => MANUAL,
            1 => MANUAL.max_idle(1 + random.below(8)),
            2 => MANUAL.idle_bytes(random.below(400)),
            _ => MANUAL.max_object_bytes(50).max_idle(random.below(3)),
        };
        let off = seed % 4 == 3;
        let pool = census.pool_with(settings);
        let puppets: Vec<_> = (0..3).map(|_| Puppet::new()).collect();
        let mut held: Vec<OwnedGuard<_, _>> = Vec::new();
        let mut kept = Vec::new();
        let mut books = Books::default();
        for _ in 0..400 {
            let puppet = &puppets[random.below(3)];
            let same = Arc::clone(&pool);
            let weight = random.below(100);
            match random.below(14) {
                0..4 => {
                    let mut object = puppet.run(move || same.get_owned());
                    object.weight = weight;
                    books.gets += 1;
                    held.push(object);
                }
                4..8 if !held.is_empty() => {
                    let object = held.swap_remove(random.below(held.len()));
                    books.returned += 1;
                    puppet.run(move || drop(object));
                }
                8 => {
                    let object = census.weighing(weight);
                    books.returned += 1;
                    puppet.run(move || same.put(object));
                }
                9 => {
                    let found = puppet.run(move || same.try_get().map(Guard::into_inner));
                    books.gets += u64::from(found.is_some());
                    books.taken_out += u64::from(found.is_some());
                    kept.extend(found);
                }
                10 if !held.is_empty() => {
                    let object = held.pop().expect("not empty");
                    books.discarded += 1;
                    puppet.run(move || OwnedGuard::discard(object));
                }
                11 => drop(puppet.run(move || same.collect())),
                12 if random.below(8) == 0 => {
                    books.emptied += puppet.run(move || same.clear()) as u64;
                }
                13 if random.below(8) == 0 => {
                    books.emptied += puppet.run(move || same.drain().count()) as u64;
                }
                _ => {}
            }
            let stats = pool.stats();
            // What the policy or the settings refused: counted by the pool only, checked in sum.
            books.dropped_by_policy = stats.discarded - books.discarded;
            assert!(off || books.dropped_by_policy == 0, "seed {seed}: {stats}");
            books.check(&stats, &census, held.len(), &format!("seed {seed}"));
        }
        assert!(pool.stats().workers <= common::most_workers());
        puppets.into_iter().for_each(Puppet::end);
    }
}

/// Many threads, then quiet: the sums are exact, not approximate.
#[test]
fn the_books_balance_after_many_threads() {
    for settings in
        [MANUAL, MANUAL.max_idle(5), Builder::new().collect_every(std::time::Duration::ZERO)]
    {
        let census = Census::new();
        let pool = census.pool_with(settings);
        let threads: Vec<_> = (0..6)
            .map(|seed| {
                let (pool, census) = (Arc::clone(&pool), census.clone());
                thread::spawn(move || work(&pool, &census, seed))
            })
            .collect();
        let mut sum = Books::default();
        for thread in threads {
            let books = thread.join().unwrap();
            sum.gets += books.gets;
            sum.returned += books.returned;
            sum.discarded += books.discarded;
        }
        let stats = pool.stats();
        sum.check(&stats, &census, 0, "after the threads");
        assert!(stats.workers <= common::most_workers());
        assert_eq!(stats.aged_out + stats.discarded + stats.overflowed, census.dropped() as u64);
    }
}

fn work(pool: &Arc<CountedPool>, census: &Census, seed: u64) -> Books {
    let mut random = Random::new(seed);
    let mut books = Books::default();
    let mut held = Vec::new();
    for _ in 0..scaled(100_000) {
        match random.below(8) {
            0..3 => {
                held.push(pool.get());
                books.gets += 1;
            }
            3 => {
                pool.put(census.object());
                books.returned += 1;
            }
            4 => {
                if let Some(object) = pool.try_get() {
                    books.gets += 1;
                    books.discarded += 1;
                    Guard::discard(object);
                }
            }
            _ => books.returned += u64::from(held.pop().map(drop).is_some()),
        }
    }
    books.returned += held.len() as u64;
    books
}

#[test]
fn bytes_are_those_of_the_last_return() {
    stay_here();
    let pool: Pool<Vec<u8>> = MANUAL.build(Vec::new);
    for capacity in [100, 200, 300] {
        pool.put(Vec::with_capacity(capacity));
    }
    assert_eq!((pool.idle(), pool.stats().idle_bytes), (3, 600));
    let mut largest = pool.get();
    assert_eq!((largest.capacity(), pool.stats().idle_bytes), (300, 300));
    largest.reserve_exact(1000);
    drop(largest);
    assert_eq!(pool.stats().idle_bytes, 1300);
    pool.collect();
    drop(pool.get());
    assert_eq!(pool.stats().idle_bytes, 1300);
    pool.collect();
    assert_eq!((pool.idle(), pool.stats().idle_bytes), (1, 1000));
    pool.clear();
    assert_eq!(pool.stats().idle_bytes, 0);
}

#[test]
fn counts_outlive_the_threads_they_were_made_in() {
    let census = Census::new();
    let pool = census.pool();
    for n in 1..=20 {
        let pool = Arc::clone(&pool);
        thread::spawn(move || drop([pool.get(), pool.get()])).join().unwrap();
        assert!(census.made() <= 2 * processors(), "after {n} threads");
    }
    let stats = pool.stats();
    assert_eq!((stats.gets, stats.puts), (40, 40));
    assert_eq!(hits(&stats), 40 - stats.creates);
}

/// What is read while others work is close, never absurd.
#[test]
fn a_glance_at_a_busy_pool_is_never_absurd() {
    let census = Census::new();
    let pool = census.pool();
    let threads: Vec<_> = (0..3)
        .map(|seed| {
            let (pool, census) = (Arc::clone(&pool), census.clone());
            thread::spawn(move || work(&pool, &census, seed))
        })
        .collect();
    let mut last = 0;
    while threads.iter().any(|thread| !thread.is_finished()) {
        let stats = pool.stats();
        let most = 3 * scaled(100_000);
        assert!(stats.idle <= most && stats.gets <= most as u64, "{stats}");
        assert!((0.0..=1.0).contains(&stats.hit_rate()), "{stats}");
        assert!(stats.creates >= last, "{stats}");
        last = stats.creates;
    }
    threads.into_iter().for_each(|thread| assert!(thread.join().is_ok()));
}

#[test]
fn stats_read_as_one_line() {
    stay_here();
    let pool: Pool<Vec<u8>> = MANUAL.name("lines").build(Vec::new);
    drop([pool.get(), pool.get()]);
    drop(pool.get());
    let line = pool.stats().to_string();
    assert_eq!(line.lines().count(), 1);
    for part in ["3 gets", "33.3 % hits", "2 created", "3 put", "2 idle", "1 workers"] {
        assert!(line.contains(part), "{part:?} in {line:?}");
    }
    let debug = format!("{pool:?}");
    assert!(debug.contains("lines") && debug.contains("gets: 3"), "{debug}");
}
