//! Threads that hold many objects at once: what they keep at hand, and how the others get at it.

mod common;

use common::{Census, CountedPool, Puppet};
use std::sync::{Arc, Mutex};
use stealpool::{Builder, Guard, OwnedGuard, Pool};

type Held = Vec<OwnedGuard<common::Counted, common::Maker>>;

fn burst(pool: &Arc<CountedPool>, size: usize) {
    let held: Held = (0..size).map(|_| pool.get_owned()).collect();
    held.iter().for_each(|object| object.took());
    drop(held);
}

/// Makes the thread's slot as deep as bursts of this size make it.
fn warm(pool: &Arc<CountedPool>, size: usize) {
    (0..5).for_each(|_| burst(pool, size));
}

#[test]
fn a_warm_burst_is_served_from_the_private_slot() {
    let pool = Census::new().pool();
    warm(&pool, 100);
    let before = pool.stats();
    burst(&pool, 100);
    let after = pool.stats();
    assert_eq!(after.creates, 100);
    assert_eq!(after.gets - before.gets, 100);
    let below = after.local_hits + after.steals - before.local_hits - before.steals;
    assert!(below <= 5, "{below} of 100 came from below: {after}");
}

#[test]
fn a_shallow_pool_keeps_one_object_from_the_others() {
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

/// Who finds nothing makes the others let go: with their next put, not at the next cycle.
#[test]
fn a_deep_slot_is_recalled_when_a_thread_starves() {
    let census = Census::new();
    let pool = census.pool();
    warm(&pool, 100);
    let other = Puppet::new();
    let starve = |count: usize| {
        let theirs = Arc::clone(&pool);
        // Without creating, for what is dear to create is taken from our slot.
        let get = move |_| theirs.try_get_owned();
        other.run(move || (0..count).filter_map(get).collect::<Held>())
    };
    // More than are in reach, for some are in our slot.
    let first = starve(100);
    let hidden = pool.idle();
    assert!(hidden > 0 && first.len() == 100 - hidden);
    drop(pool.get());
    let second = starve(hidden);
    assert_eq!(second.len(), hidden - 1, "all but our last one");
    drop((first, second));
    other.end();
}

/// An owner that works on top of a deep slot keeps the newest object, and the rest ages.
#[test]
fn what_lies_below_an_object_in_use_ages() {
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
fn a_deep_slot_of_a_thread_that_ended_is_within_reach() {
    let census = Census::new();
    let pool = census.pool();
    let theirs = Arc::clone(&pool);
    std::thread::spawn(move || warm(&theirs, 100))
        .join()
        .unwrap();
    burst(&pool, 100);
    assert_eq!(census.made(), 100);
}

#[test]
fn counts_stay_exact_through_bursts_and_cycles() {
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
    assert_eq!((pool.idle(), pool.stats().creates), (70_000, 70_000));
    pool.collect();
    pool.collect();
    assert_eq!(pool.idle(), 0);
}

/// A thread that only gives lets go of ever larger pieces, and what it keeps to itself meanwhile is a
/// small part of them.
#[test]
fn a_thread_that_only_gives_hides_little() {
    for given in [1, 10, 30, 100, 300, 1_000, 5_000] {
        let census = Census::new();
        let pool = census.pool();
        let giver = Puppet::new();
        let (same, makes) = (Arc::clone(&pool), census.clone());
        giver.run(move || (0..given).for_each(|_| same.put(makes.object())));
        let taken: Vec<_> = std::iter::from_fn(|| pool.try_get()).collect();
        let hidden = given - taken.len();
        assert!(
            hidden <= 64 && hidden <= 1 + given / 8,
            "{hidden} of {given}"
        );
        let stats = pool.stats();
        let moved = stats.steals + stats.local_hits;
        assert!(
            given < 1_000 || moved < given as u64 / 8,
            "one by one: {stats}"
        );
        giver.end();
    }
}

/// Threads that change their parts: who has only taken gives, and the other way round. With bounds, too,
/// objects move in large pieces each way.
#[test]
fn threads_may_change_their_parts() {
    let bounded = Builder::new().collect_manually().max_idle(10_000);
    for settings in [Builder::new().collect_manually(), bounded] {
        let census = Census::new();
        let pool = census.pool_with(settings);
        let (one, other) = (Puppet::new(), Puppet::new());
        let objects = (0..4_000).map(|_| census.object()).collect();
        let held = Arc::new(Mutex::new(objects));
        for round in 0..4 {
            let (giver, taker) = match round % 2 {
                0 => (&one, &other),
                _ => (&other, &one),
            };
            let (same, hand) = (Arc::clone(&pool), Arc::clone(&held));
            giver.run(move || {
                let objects: Vec<_> = std::mem::take(&mut *hand.lock().unwrap());
                objects.into_iter().for_each(|object| same.put(object));
            });
            let before = pool.stats();
            let (same, hand) = (Arc::clone(&pool), Arc::clone(&held));
            taker.run(move || {
                // Not to the last: who starves makes all slots shallow.
                let taken = std::iter::from_fn(|| same.try_get()).take(3_500);
                *hand.lock().unwrap() = taken.map(Guard::into_inner).collect();
            });
            let after = pool.stats();
            let moved = after.steals + after.local_hits - before.steals - before.local_hits;
            assert!(moved < 400, "{moved} moves in round {round}: {after}");
            // Cycles take back what idle slots are lent.
            if round == 1 {
                pool.collect();
                pool.collect();
            }
        }
        one.end();
        other.end();
    }
}

/// A cycle takes from an idle slot what it is lent. Its owner then deepens it anew.
#[test]
fn a_bounded_slot_deepens_again_after_idle_cycles() {
    let census = Census::new();
    let pool = census.pool_with(Builder::new().collect_manually().max_idle(10_000));
    warm(&pool, 100);
    let all: Vec<_> = (0..100).map(|_| pool.get()).collect();
    pool.collect();
    pool.collect();
    drop(all.into_iter().map(Guard::into_inner));
    let (giver, makes) = (Arc::clone(&pool), census.clone());
    (0..4_000).for_each(|_| giver.put(makes.object()));
    let taker = Puppet::new();
    let theirs = Arc::clone(&pool);
    taker.run(move || (0..3_500).for_each(|_| drop(theirs.try_get().map(Guard::into_inner))));
    let stats = pool.stats();
    assert!(stats.steals < 400, "one by one: {stats}");
    taker.end();
}
