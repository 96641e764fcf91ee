//! Threads that hold many objects at once: what they keep at hand, and how the others get at it.

mod common;

use common::{Census, CountedPool, MAGAZINE, Puppet, apart, hides, processors, stay_here};
use std::sync::Arc;
use std::time::Duration;
use stealpool::{Builder, OwnedGuard, Pool};

/// What a full magazine sends down, and what a chain refills.
const HALF: usize = MAGAZINE / 2;

type Held = Vec<OwnedGuard<common::Counted, common::Maker>>;

fn burst(pool: &Arc<CountedPool>, size: usize) {
    let held: Held = (0..size).map(|_| pool.get_owned()).collect();
    held.iter().for_each(|object| object.took());
    drop(held);
}

fn warm(pool: &Arc<CountedPool>, size: usize) {
    (0..5).for_each(|_| burst(pool, size));
}

/// What a magazine has room for goes no further down. Of what is more, half a magazine moves as one chain.
#[test]
fn a_burst_is_served_from_the_magazine_and_in_chains() {
    stay_here();
    for (size, most) in [(8, 0), (MAGAZINE, 0), (100, 100 / HALF + 1), (1_000, 1_000 / HALF + 1)] {
        let pool = Census::new().pool();
        warm(&pool, size);
        let before = pool.stats();
        burst(&pool, size);
        let after = pool.stats();
        // The kernel may number the processor anew now and then.
        assert!(after.creates <= (size + MAGAZINE) as u64, "{after}");
        assert_eq!(after.gets - before.gets, size as u64);
        let below = after.local_hits + after.steals - before.local_hits - before.steals;
        assert!(below <= most as u64, "{below} of {size} came from below: {after}");
    }
}

/// What one processor only gives, another that only takes finds, but for what the first one's magazine holds.
#[test]
fn a_processor_that_only_gives_hides_a_magazine() {
    let bounded = Builder::new().collect_manually().max_idle(10_000);
    for settings in [Builder::new().collect_manually(), bounded] {
        for given in [1, 10, 30, 100, 300, 1_000, 5_000] {
            let Some(giver) = apart() else { return };
            let census = Census::new();
            let pool = census.pool_with(settings);
            let (same, makes) = (Arc::clone(&pool), census.clone());
            giver.run(move || (0..given).for_each(|_| same.put(makes.object())));
            let taken: Vec<_> = std::iter::from_fn(|| pool.try_get()).collect();
            let hidden = given - taken.len();
            assert!(hidden <= MAGAZINE, "{hidden} of {given}: {}", pool.stats());
            let stats = pool.stats();
            let moved = stats.steals + stats.local_hits;
            assert!(moved <= (given / HALF + 64) as u64, "one by one: {stats}");
            giver.end();
        }
    }
}

#[test]
fn a_shallow_pool_keeps_one_object_from_the_others() {
    stay_here();
    for settings in [
        Builder::new().collect_manually().private_depth(1),
        Builder::new().collect_manually().private_depth(0),
    ] {
        let pool = Census::new().pool_with(settings);
        warm(&pool, 40);
        let other = Puppet::new();
        let theirs = Arc::clone(&pool);
        let held: Held = other.run(move || (0..39).map(|_| theirs.get_owned()).collect());
        assert_eq!(pool.stats().creates, 40, "39 of 40 can be taken");
        drop(held);
        other.end();
    }
}

#[test]
fn heavy_objects_stay_within_reach() {
    stay_here();
    let census = Census::new();
    let maker = census.clone();
    let pool = Arc::new(
        Builder::new()
            .collect_manually()
            .build(Box::new(move || maker.weighing(40 << 10)) as common::Maker),
    );
    warm(&pool, 20);
    let other = Puppet::new();
    let theirs = Arc::clone(&pool);
    let held: Held = other.run(move || (0..19).map(|_| theirs.get_owned()).collect());
    assert_eq!(census.made(), 20, "two would weigh more than 64 KiB");
    drop(held);
    other.end();
}

/// Work on top of a full magazine keeps the newest object, and the rest ages.
#[test]
fn what_lies_below_an_object_in_use_ages() {
    stay_here();
    let census = Census::new();
    let pool = census.pool();
    warm(&pool, 100);
    for _ in 0..2 {
        drop(pool.get());
        pool.collect();
    }
    assert_eq!((pool.idle(), census.alive()), (1, 1));
    // And with a cycle in between, it can still be used.
    warm(&pool, 100);
    pool.collect();
    let made = census.made();
    burst(&pool, 100);
    assert_eq!(census.made(), made);
}

#[test]
fn counts_stay_exact_through_bursts_and_cycles() {
    stay_here();
    let census = Census::watched();
    let pool = census.pool();
    let other = Puppet::new();
    for round in 0..200usize {
        let size = round * 37 % 150;
        burst(&pool, size);
        let theirs = Arc::clone(&pool);
        other.run(move || burst(&theirs, size / 3));
        if round % 7 == 0 {
            census.cycle(|| pool.collect());
        }
        let stats = pool.stats();
        assert_eq!(stats.idle, census.alive());
        assert_eq!(stats.gets, stats.puts, "{stats}");
        assert_eq!(stats.creates as usize, census.made());
    }
    other.end();
    let alive = census.alive();
    assert_eq!((pool.clear(), census.alive()), (alive, 0));
    census.checked(0);
}

#[test]
fn the_greatest_depth_is_a_number_like_any_other() {
    let pool: Pool<Vec<u8>> = Builder::new().private_depth(usize::MAX).build(Vec::new);
    for _ in 0..20 {
        let held: Vec<_> = (0..70_000).map(|_| pool.get()).collect();
        drop(held);
    }
    // The thread may be moved, and not find what its magazine held before.
    let made = pool.stats().creates as usize;
    assert_eq!(pool.idle(), made);
    assert!((70_000..=70_000 + MAGAZINE * (processors() - 1)).contains(&made));
    pool.collect();
    pool.collect();
    assert_eq!(pool.idle(), 0);
}

/// What turns out to be expensive is found from every processor, also what other magazines held by then.
#[test]
fn what_turns_out_to_be_expensive_leaves_the_magazines() {
    // From a millisecond on one creation tells, else two.
    turns_out_to_be_expensive(Duration::from_millis(2), 1);
    turns_out_to_be_expensive(Duration::from_micros(300), 2);
}

fn turns_out_to_be_expensive(long: Duration, creations: usize) {
    let Some(other) = apart() else { return };
    let census = Census::new();
    let makes = census.clone();
    let pool: Arc<CountedPool> =
        Arc::new(Builder::new().collect_manually().build(Box::new(move || {
            std::thread::sleep(long);
            makes.object()
        })));
    let (same, gives) = (Arc::clone(&pool), census.clone());
    other.run(move || (0..3).for_each(|_| same.put(gives.object())));
    // By sequences, what is in the other one's magazine is not found, until it is known what one costs.
    let mut held = Vec::new();
    while pool.stats().creates < creations as u64 {
        held.push(pool.get());
    }
    let hidden = 3 + creations - held.len();
    let found: Vec<_> = std::iter::from_fn(|| pool.try_get()).collect();
    assert_eq!(found.len(), hidden, "{}", pool.stats());
    drop(found);
    // And none comes to a magazine any more.
    let same = Arc::clone(&pool);
    let theirs: Held = other.run(move || std::iter::from_fn(|| same.try_get_owned()).collect());
    assert_eq!(theirs.len(), hidden, "{}", pool.stats());
    drop((held, theirs));
    other.end();
}

/// A sequence finds only its processor's magazine; who closes gates by a compare-exchange finds them all.
#[test]
fn what_another_magazine_holds_is_found_where_there_are_no_sequences() {
    let Some(other) = apart() else { return };
    let pool = Census::new().pool();
    let theirs = Arc::clone(&pool);
    let held: Held = other.run(move || (0..3).map(|_| theirs.get_owned()).collect());
    other.run(move || drop(held));
    let found = std::iter::from_fn(|| pool.try_get());
    let reach = if hides() { 0 } else { 3 };
    assert_eq!(found.collect::<Vec<_>>().len(), reach, "{}", pool.stats());
    let stats = pool.stats();
    assert_eq!((stats.idle, stats.steals, stats.gets), (3, reach as u64, 3 + reach as u64));
    other.end();
}
