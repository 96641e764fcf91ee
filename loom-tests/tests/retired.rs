//! A pool that keeps nothing any more: who retires it, and users who still come.
//!
//! What a user leaves behind is dropped by whoever comes last, though each may find the other's claim in the way.

mod common;

use common::{Bound, Item, assert_conserved, explore, put, touched};
use loom::sync::atomic::Ordering::{Relaxed, SeqCst};
use loom::sync::atomic::{AtomicBool, fence};
use loom::thread;
use std::sync::Arc;
use stealpool::model::{Core, Held};

/// As the pool's state does it.
fn retire(core: &Core<Item>, retired: &AtomicBool) -> Vec<Held<Item>> {
    retired.store(true, Relaxed);
    fence(SeqCst);
    touched(core.take_all())
}

/// What a user does after it has held a worker or claimed a slot.
fn take_if_retired(core: &Core<Item>, retired: &AtomicBool) -> Vec<Held<Item>> {
    fence(SeqCst);
    if retired.load(Relaxed) { touched(core.take_all()) } else { Vec::new() }
}

/// A user, and one that retires the pool, on `processor` if the core has sequences. Nothing is idle when both are done.
fn against_a_retirer(
    core: Core<Item>,
    processor: Option<usize>,
    user: impl FnOnce(&Core<Item>, &AtomicBool) -> Vec<Held<Item>>,
) {
    let (core, retired) = (Arc::new(core), Arc::new(AtomicBool::new(false)));
    let (other, its) = (Arc::clone(&core), Arc::clone(&retired));
    let retirer = thread::spawn(move || {
        let core = &*other;
        let _cpu = processor.map(|processor| core.on(processor));
        retire(core, &its)
    });
    let mut held = user(&core, &retired);
    held.extend(retirer.join().unwrap());
    assert_eq!((core.idle(), core.charged()), (0, (0, 0)));
    assert_conserved(&core, held, 2);
}

/// *Threads*: one that puts into a magazine, which holds an object already; one that retires the pool.
/// *Proves*: nothing is idle when both are done (10).
/// *Fails if*: a collector that was late for a gate does not look at it again, or keeps its claim when it has opened the
/// gate, or a fence is left out.
#[test]
fn a_put_into_a_retired_pool() {
    explore("retired: put || retire", Some(3), 500, || {
        let core = Core::deep_bounded(1, 2, 8);
        put(&core.seat(0), 1);
        against_a_retirer(core, None, |core, retired| {
            let mut held = core.seat(0).put(Item::new(0));
            held.extend(take_if_retired(core, retired));
            held
        });
    });
}

/// *Threads*: a user who closes the gate by a sequence; one that retires the pool, from the other processor.
/// *Proves*: the same with sequences: a gate that is closed over a stop, too (10).
/// *Fails if*: the same, after the barrier.
#[test]
fn a_sequence_in_a_retired_pool() {
    explore("retired: put put || retire, by sequences", Bound::of(Some(2), Some(3)), 100, || {
        against_a_retirer(Core::by_sequences(1, 4), Some(1), |core, retired| {
            let cpu = core.on(0);
            let mut held = Vec::new();
            for id in 0..2 {
                held.extend(cpu.put(Item::new(id)));
                held.extend(take_if_retired(core, retired));
            }
            held
        });
    });
}

/// *Threads*: a collector; one that retires the pool.
/// *Proves*: what a cycle moves meanwhile is not left there (10).
/// *Fails if*: the collector does not look whether the pool is retired.
#[test]
fn a_cycle_of_a_retired_pool() {
    explore("retired: cycle cycle || retire", Some(3), 100, || {
        let core = Core::deep_bounded(1, 2, 8);
        (0..2).for_each(|id| put(&core.seat(0), id));
        against_a_retirer(core, None, |core, retired| {
            let mut held = Vec::new();
            for _ in 0..2 {
                held.extend(touched(core.cycle()));
                held.extend(take_if_retired(core, retired));
            }
            held
        });
    });
}
