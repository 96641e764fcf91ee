//! A cycle against puts, gets and other cycles.

mod common;

use common::{
    Bound, Item, assert_conserved, core, explore, explore_broken, put, touch, two_cycles_beside,
};
use loom::sync::atomic::AtomicBool;
use loom::sync::atomic::Ordering::{Acquire, Release};
use loom::thread;
use std::sync::Arc;
use stealpool::model::Core;

/// *Threads*: an owner that puts two and takes one; a collector that runs two cycles.
/// *Proves*: the turn of the generation loses nothing and doubles nothing (1).
/// *Fails if*: a slot is read before it is claimed.
#[test]
fn cycles_against_put_and_get() {
    explore("cycle: put put get || two cycles", Some(2), 1_000, || {
        let core = core();
        let collector = two_cycles_beside(&core);
        let mut held = Vec::new();
        {
            let me = core.join();
            put(&me, 0);
            put(&me, 1);
            held.extend(me.get());
        }
        held.extend(collector.join().unwrap());
        assert_conserved(&core, held, 2);
    });
}

/// *Threads*: an owner with a victim; a thief; a collector that drops victims.
/// *Proves*: a victim goes to the thief or to the collector, once.
/// *Fails if*: a victim is dropped otherwise than by stealing it.
#[test]
fn a_cycle_against_a_thief() {
    explore("cycle: cycle || get, over a victim", None, 11, || {
        let core = core();
        let me = core.join();
        put(&me, 0);
        put(&me, 1);
        assert!(core.cycle().is_empty(), "both were put in this cycle");
        let other = Arc::clone(&core);
        let thief = thread::spawn(move || {
            let seat = other.join();
            seat.get().inspect(|held| {
                touch(held);
            })
        });
        let mut held = core.cycle();
        held.iter().for_each(|held| {
            touch(held);
        });
        held.extend(thief.join().unwrap());
        assert_eq!(core.idle(), 0, "two cycles without use");
        assert_conserved(&core, held, 2);
    });
}

/// *Threads*: two collectors over what one owner left idle.
/// *Proves*: an object that was idle before two cycles of *each* thread is gone after them (4), and is dropped once.
/// *Fails if*: a collector passes what the other leaves undone.
#[test]
fn two_collectors() {
    explore("cycle: two cycles || two cycles", Bound::of(Some(1), Some(2)), 500, || {
        let core = core();
        let me = core.join();
        (0..2).for_each(|id| put(&me, id));
        let collector = two_cycles_beside(&core);
        let mut held = core.cycle();
        held.extend(core.cycle());
        held.extend(collector.join().unwrap());
        assert_eq!(core.idle(), 0);
        assert_conserved(&core, held, 2);
    });
}

/// An owner takes what it had put before a cycle, puts another and runs a cycle, while a collector runs
/// one, too. What it puts must not die before two cycles, by their number, were there since or at the
/// same time.
fn young_and_old(core: &Arc<Core<Item>>, weight: usize) {
    let me = core.join();
    put(&me, 0);
    let mut dead = core.cycle();
    assert!(dead.is_empty());
    let other = Arc::clone(core);
    let over = Arc::new(AtomicBool::new(false));
    let done = Arc::clone(&over);
    let collector = thread::spawn(move || {
        let dead = other.cycle();
        done.store(true, Release);
        dead
    });
    let held: Vec<_> = me.get().into_iter().collect();
    let before = if over.load(Acquire) { core.cycles() } else { 1 };
    assert!(me.put(Item::weighing(1, weight)).is_empty());
    dead.extend(core.cycle());
    dead.extend(collector.join().unwrap());
    if core.cycles() < before + 2 {
        assert!(dead.iter().all(|dead| dead.value().id == 0));
    }
    dead.extend(held);
    assert_conserved(core, dead, 2);
}

/// *Threads*: an owner that takes and puts, and runs a cycle; a collector.
/// *Proves*: an object survives its first cycle (4), however many collectors run it.
/// *Fails if*: a collector goes by another one's note, or does not look again after its fence.
#[test]
fn nothing_dies_in_its_first_cycle() {
    explore("cycle: get put, cycle || cycle", Some(2), 1_000, || {
        young_and_old(&core(), 1);
    });
}

/// The same for a put that its magazine refuses at first, because it is lent too little.
#[test]
fn nothing_dies_in_its_first_cycle_in_a_bounded_pool() {
    explore("cycle: get, bigger put, cycle || cycle", Bound::of(Some(1), Some(2)), 1_000, || {
        young_and_old(&Arc::new(Core::bounded(1, 4, 100)), 10);
    });
}

/// *Threads*: a collector in the middle of a cycle; the pool is closed.
/// *Proves*: closing takes nothing twice, and who lets go of the pool last finds the rest (7).
/// *Fails if*: one of them goes by what it saw before it had a magazine for itself.
#[test]
fn closing_during_a_cycle() {
    explore("cycle: cycle || close, take all", None, 30, || {
        let core = core();
        let me = core.join();
        put(&me, 0);
        assert!(core.cycle().is_empty());
        let other = Arc::clone(&core);
        let collector = thread::spawn(move || other.cycle());
        core.close();
        let mut held = core.take_all();
        held.extend(collector.join().unwrap());
        held.extend(core.take_all());
        assert_eq!(held.len(), 1);
        assert_conserved(&core, held, 1);
    });
}

/// *Threads*: two workers of a pool that keeps one object; a collector.
/// *Proves*: the bound holds, what is refused comes back, and the budget is right afterwards.
/// *Fails if*: a charge is not an exchange, or a refund is lost.
#[test]
fn a_bound_is_never_exceeded() {
    explore("cycle: put || put || take all, at most 2", Bound::of(Some(2), Some(2)), 76, || {
        let core = Arc::new(stealpool::model::Core::new(1, 2));
        let workers: Vec<_> = (0..2)
            .map(|id| {
                let core = Arc::clone(&core);
                thread::spawn(move || {
                    let me = core.join();
                    let mut back = Vec::new();
                    back.extend(me.put(Item::new(id)));
                    if id == 0 {
                        back.extend(me.put(Item::new(2)));
                    }
                    back
                })
            })
            .collect();
        let mut held = core.take_all();
        for worker in workers {
            held.extend(worker.join().unwrap());
        }
        assert!(core.idle() <= 2);
        held.extend(core.take_all());
        // The whole bound can be used again.
        let me = core.join();
        assert!(me.put(Item::new(3)).is_empty());
        assert!(me.put(Item::new(4)).is_empty());
        let third = me.put(Item::new(5));
        assert!(!third.is_empty(), "a third one is refused");
        held.extend(third);
        assert_conserved(&core, held, 6);
    });
}

/// A collector that turns the generation once more than it says: what was just put dies in its first cycle,
/// and that must be seen.
#[test]
fn a_turn_too_many_is_seen() {
    explore_broken("cycle: put, get || a cycle that turns twice", || {
        let core = core();
        let me = core.join();
        put(&me, 0);
        let collector = two_cycles_beside(&core);
        let mut held: Vec<_> = me.get().into_iter().collect();
        let dead = collector.join().unwrap();
        assert!(dead.is_empty(), "put in this very cycle");
        held.extend(dead);
        assert_conserved(&core, held, 1);
    });
}
