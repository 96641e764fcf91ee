//! The floor: how many idle objects cycles leave, and what does not keep to it.

mod common;

use common::{Census, Puppet, apart, in_child, patiently, stay_here};
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use stealpool::{Builder, Collector, KeyedPool, Pool, PressureSwitch};

const FLOOR: usize = 8;
const MANUAL: Builder = Builder::new().collect_manually().min_idle(FLOOR);

/// An idle object in each kind of place: slots, and magazines of one and of two processors.
#[test]
fn cycles_leave_so_many_wherever_they_are() {
    stay_here();
    for put in [0, 1, FLOOR - 1, FLOOR, FLOOR + 1, 50, 64, 65, 500] {
        for reserved in [0, 3, 100] {
            let census = Census::new();
            let pool = census.pool_with(MANUAL);
            pool.reserve(reserved);
            (0..put).for_each(|_| pool.put(census.object()));
            if let Some(other) = apart() {
                let (same, makes) = (Arc::clone(&pool), census.clone());
                other.run(move || (0..put).for_each(|_| same.put(makes.object())));
                other.end();
            }
            let before = pool.idle();
            for _ in 0..6 {
                pool.collect();
                assert!(pool.idle() >= before.min(FLOOR), "{put}, {reserved}: {}", pool.stats());
            }
            let stats = pool.stats();
            assert_eq!(stats.idle, before.min(FLOOR), "{put}, {reserved}: {stats}");
            assert_eq!(stats.aged_out as usize, before - stats.idle, "{stats}");
            assert_eq!(census.alive(), stats.idle);
        }
    }
}

#[test]
fn the_default_leaves_nothing() {
    let pool: Pool<Vec<u8>> = Builder::new().collect_manually().build(Vec::new);
    pool.reserve(100);
    pool.collect();
    pool.collect();
    assert_eq!(pool.idle(), 0);
}

/// After a quiet night the first requests create nothing.
#[test]
fn what_was_warmed_up_is_there_after_a_quiet_time() {
    let census = Census::new();
    let pool = census.pool_with(MANUAL);
    pool.reserve(FLOOR);
    (0..100).for_each(|_| _ = pool.collect());
    let held: Vec<_> = (0..FLOOR).map(|_| pool.get()).collect();
    assert_eq!((census.made(), census.dropped()), (FLOOR, 0));
    drop(held);
}

/// The floor is in no magazine of a processor that sleeps.
#[test]
fn every_processor_finds_what_stays() {
    stay_here();
    let Some(other) = apart() else { return };
    let census = Census::new();
    let pool = census.pool_with(MANUAL);
    drop((0..2 * FLOOR).map(|_| pool.get()).collect::<Vec<_>>());
    (0..100).for_each(|_| _ = pool.collect());
    let made = census.made();
    let same = Arc::clone(&pool);
    let found = other.run(move || (0..FLOOR).map(|_| same.get_owned()).collect::<Vec<_>>().len());
    assert_eq!((found, census.made()), (FLOOR, made), "{}", pool.stats());
    other.end();
}

/// Several threads do steps of one cycle. Together they may take too many, and put them back.
#[test]
fn steps_of_several_threads_leave_as_many() {
    for _ in 0..20 {
        let census = Census::new();
        let settings = Builder::new().collect_every(Duration::ZERO).min_idle(FLOOR);
        let pool = census.pool_with(settings);
        pool.reserve(9 * FLOOR);
        thread::scope(|scope| {
            for _ in 0..4 {
                // Each get that finds nothing or put that ticks does a step.
                scope.spawn(|| (0..common::scaled(4_000)).for_each(|_| drop(pool.get())));
            }
        });
        assert!(pool.idle() >= FLOOR, "{}", pool.stats());
        assert_eq!(pool.idle(), census.alive());
    }
}

/// Cycles in steps, on the threads of users.
#[test]
fn cycles_on_use_leave_as_many() {
    stay_here();
    let census = Census::new();
    let settings = Builder::new().collect_every(Duration::ZERO).min_idle(FLOOR);
    let pool = census.pool_with(settings);
    pool.reserve(1_000);
    for _ in 0..200_000 {
        drop(pool.get());
        assert!(census.alive() >= FLOOR, "{}", pool.stats());
    }
    assert!(pool.idle() <= FLOOR + 1, "{}", pool.stats());
    assert!(pool.stats().cycles > 10, "{}", pool.stats());
}

#[test]
fn bounds_are_stronger() {
    let census = Census::new();
    let pool = census.pool_with(MANUAL.max_idle(FLOOR / 2));
    (0..100).for_each(|_| pool.put(census.object()));
    let kept = pool.idle();
    assert!((1..=FLOOR / 2).contains(&kept));
    (0..5).for_each(|_| _ = pool.collect());
    assert_eq!(pool.idle(), kept, "fewer than the floor");
    let off = census.pool_with(MANUAL.max_idle(0));
    drop(off.get());
    off.collect();
    assert_eq!(off.idle(), 0);
}

#[test]
fn who_takes_everything_takes_everything() {
    let census = Census::new();
    let pool = census.pool_with(MANUAL);
    let fill = || {
        pool.reserve(FLOOR);
        drop([pool.get(), pool.get()]);
    };
    fill();
    pool.clear();
    assert_eq!(pool.idle(), 0);
    fill();
    assert!(pool.drain().count() >= FLOOR);
    assert_eq!(pool.idle(), 0);
}

#[test]
fn memory_pressure_takes_everything() {
    // In a process of its own: pressure is on all pools.
    in_child("memory_pressure_takes_everything", || {
        let pool = Census::new().pool_with(MANUAL);
        pool.reserve(FLOOR);
        let switch = PressureSwitch::new();
        let collector =
            Collector::builder().every(Duration::from_secs(3600)).pressure(switch.clone());
        let collector = collector.spawn().expect("none runs yet");
        switch.raise();
        assert!(patiently(|| pool.idle() == 0), "{}", pool.stats());
        drop(collector);
    });
}

#[test]
fn each_key_has_a_floor_of_its_own() {
    let pools = KeyedPool::with_settings(MANUAL, |_: &usize| Vec::<u8>::new);
    for key in 0..3 {
        drop((0..50).map(|_| pools.get(&key)).collect::<Vec<_>>());
    }
    (0..5).for_each(|_| _ = pools.collect());
    assert_eq!(pools.stats().idle, 3 * FLOOR);
}

/// Users on all processors and a collector: what is lent does not count as idle, and nothing is lost.
#[test]
fn threads_and_a_collector_agree() {
    let census = Census::watched();
    let pool = census.pool_with(MANUAL);
    pool.reserve(3 * FLOOR);
    let puppet = Puppet::new();
    let users: Vec<_> = (0..4)
        .map(|_| {
            let pool = Arc::clone(&pool);
            thread::spawn(move || {
                for _ in 0..common::scaled(20_000) {
                    let two = [pool.get(), pool.get()];
                    two.iter().for_each(|object| object.took());
                }
            })
        })
        .collect();
    (0..200).for_each(|_| _ = pool.collect());
    users.into_iter().for_each(|user| user.join().unwrap());
    let same = Arc::clone(&pool);
    puppet.run(move || (0..6).for_each(|_| _ = same.collect()));
    puppet.end();
    assert_eq!(pool.idle(), FLOOR, "{}", pool.stats());
    census.checked(pool.idle());
}
