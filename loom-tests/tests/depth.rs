//! Private slots that hold several objects: they grow, are recalled, and age.

mod common;

use common::{Item, assert_conserved, explore, touch};
use loom::thread;
use std::sync::Arc;
use stealpool::model::{Core, Held, Seat};

fn core() -> Arc<Core<Item>> {
    Arc::new(Core::deep(1, 2))
}

fn put(me: &Seat<'_, Item>, id: usize) {
    let item = Item::new(id);
    touch(&item);
    assert!(me.put(item).is_empty());
}

/// A slot two deep with two objects in it, and two more below it, in one chain: 0 to 3.
fn deep(me: &Seat<'_, Item>) {
    (0..2).for_each(|id| put(me, id));
    let held: Vec<Held<Item>> = (0..2).map(|_| me.get().expect("one of two")).collect();
    for object in held {
        assert!(me.put(object).is_empty());
    }
    (2..4).for_each(|id| put(me, id));
}

fn touched(held: Vec<Held<Item>>) -> Vec<Held<Item>> {
    held.iter().for_each(|held| {
        touch(held);
    });
    held
}

/// *Threads*: an owner of a deep slot, which takes and gives; a thief.
/// *Proves*: a chain that goes down or comes up is nobody else's meanwhile (1, 2).
/// *Fails if*: a refill or an overflow leaves the slot between two states.
#[test]
fn a_deep_owner_against_a_thief() {
    explore("depth: get get get put || get get", Some(3), 100, || {
        let core = core();
        let me = core.join();
        deep(&me);
        let other = Arc::clone(&core);
        let thief = thread::spawn(move || {
            let me = other.join();
            let held = (0..2).filter_map(|_| me.get()).collect();
            touched(held)
        });
        let mut held: Vec<_> = (0..3).filter_map(|_| me.get()).collect();
        if let Some(object) = held.pop() {
            touch(&object);
            assert!(me.put(object).is_empty());
        }
        held.extend(thief.join().unwrap());
        assert_conserved(&core, held, 4);
    });
}

/// *Threads*: an owner of a deep slot, which takes and gives; a collector.
/// *Proves*: the tail of a slot is the collector's or the owner's (1, 2), and two cycles later
/// nothing is left (4).
/// *Fails if*: the tail is taken while the owner is inside, or its measure is wrong.
#[test]
fn cycles_against_a_deep_owner() {
    explore(
        "depth: get put || two cycles; two more",
        Some(2),
        500,
        || {
            let core = core();
            let me = core.join();
            deep(&me);
            let other = Arc::clone(&core);
            let collector = thread::spawn(move || {
                let mut dead = other.cycle();
                dead.extend(other.cycle());
                touched(dead)
            });
            if let Some(object) = me.get() {
                touch(&object);
                assert!(me.put(object).is_empty());
            }
            let mut dead = collector.join().unwrap();
            dead.extend(core.cycle());
            dead.extend(core.cycle());
            assert_eq!(core.idle(), 0);
            assert_conserved(&core, dead, 4);
        },
    );
}

/// *Threads*: an owner of a deep slot that gives one more; one that takes until it finds nothing.
/// *Proves*: after a thread has starved and the owner has put, all but the newest are within reach.
/// *Fails if*: a recall can be lost for good.
#[test]
fn a_starving_thief_recalls_a_deep_slot() {
    explore("depth: put || get x 5; put", Some(3), 20, || {
        let core = core();
        let me = core.join();
        deep(&me);
        let other = Arc::clone(&core);
        let thief = thread::spawn(move || {
            let me = other.join();
            let held: Vec<_> = (0..5).filter_map(|_| me.get()).collect();
            // What it has taken and not used is for its heir.
            me.leave();
            (held.len(), touched(held))
        });
        put(&me, 4);
        let (found, mut held) = thief.join().unwrap();
        if found < 5 {
            put(&me, 5);
            let heir = core.join();
            while let Some(object) = heir.get() {
                touch(&object);
                held.push(object);
            }
            assert_eq!(core.idle(), 1, "the owner keeps its newest");
            assert_conserved(&core, held, 6);
        } else {
            assert_conserved(&core, held, 5);
        }
    });
}

/// *Threads*: an owner that takes and gives; one that would rather take from others than create; a
/// collector.
/// *Proves*: what is taken out of a slot is nobody else's (1, 2), and the books are right.
/// *Fails if*: a raid takes without a claim, or without the fence.
#[test]
fn a_raid_against_an_owner_and_a_collector() {
    explore("depth: get put || raid || take all", Some(2), 500, || {
        let core = core();
        let me = core.join();
        put(&me, 0);
        let (one, two) = (Arc::clone(&core), Arc::clone(&core));
        let raider = thread::spawn(move || touched(one.take_from_others().into_iter().collect()));
        let collector = thread::spawn(move || touched(two.take_all()));
        let mut held: Vec<_> = me.get().into_iter().collect();
        if let Some(object) = held.pop() {
            touch(&object);
            assert!(me.put(object).is_empty());
        }
        held.extend(raider.join().unwrap());
        held.extend(collector.join().unwrap());
        assert_conserved(&core, held, 1);
    });
}

/// *Threads*: an owner of a bounded pool; one that takes from others.
/// *Proves*: what the slot was lent comes back with the object.
/// *Fails if*: a raid leaves the allowance or the charge.
#[test]
fn a_raid_settles_the_budget() {
    explore("depth: put || raid, bounded", None, 50, || {
        let core = Arc::new(Core::bounded(1, 4, 8));
        let me = core.join();
        let other = Arc::clone(&core);
        let raider = thread::spawn(move || touched(other.take_from_others().into_iter().collect()));
        assert!(me.put(Item::weighing(0, 2)).is_empty());
        let mut held = raider.join().unwrap();
        held.extend(core.take_all());
        assert_eq!((core.charged(), core.lent()), ((0, 0), (0, 0)));
        assert_conserved(&core, held, 1);
    });
}

/// *Threads*: an owner that uses one object of a deep slot, with a cycle after each use.
/// *Proves*: what lies below an object in use ages (4).
/// *Fails if*: a cycle leaves the tail of a slot whose owner has moved.
#[test]
fn the_tail_below_an_object_in_use_ages() {
    explore("depth: get put, cycle, get put, cycle", None, 1, || {
        let core = core();
        let me = core.join();
        deep(&me);
        let mut dead = Vec::new();
        for _ in 0..2 {
            let object = me.get().expect("the newest stays");
            assert!(me.put(object).is_empty());
            dead.extend(core.cycle());
        }
        assert_eq!(core.idle(), 1);
        assert_conserved(&core, dead, 4);
    });
}

/// *Threads*: an owner that only gives, until its slot deepens; a thief.
/// *Proves*: a slot that deepens because nobody takes loses nothing and hides nothing for good (1, 2).
/// *Fails if*: a chain that went down because of the surplus is cut or counted wrong.
#[test]
fn a_surplus_deepens_the_slot() {
    explore("depth: put x 6 || get get", Some(3), 100, || {
        let core = core();
        let me = core.join();
        (0..2).for_each(|id| put(&me, id));
        let other = Arc::clone(&core);
        let thief = thread::spawn(move || {
            let me = other.join();
            let held = (0..2).filter_map(|_| me.get()).collect();
            touched(held)
        });
        (2..6).for_each(|id| put(&me, id));
        let held = thief.join().unwrap();
        assert_conserved(&core, held, 6);
    });
}
