//! The end of a thread: its worker and what is in it go to others.

mod common;

use common::{Item, assert_conserved, core, explore, touch};
use loom::thread;
use std::sync::Arc;

/// *Threads*: one that puts two and ends; one that steals.
/// *Proves*: what an ended thread leaves can be stolen, once (1, 2).
/// *Fails if*: leaving touches the objects.
#[test]
fn exit_against_steal() {
    explore("exit: put put leave || get", None, 50, || {
        let core = core();
        let other = Arc::clone(&core);
        let ending = thread::spawn(move || {
            let me = other.join();
            for id in 0..2 {
                let item = Item::new(id);
                touch(&item);
                assert!(me.put(item).is_empty());
            }
            me.leave();
        });
        let me = core.join();
        let held: Vec<_> = me.get().into_iter().collect();
        held.iter().for_each(|held| {
            touch(held);
        });
        ending.join().unwrap();
        me.leave();
        assert_conserved(&core, held, 2);
    });
}

/// *Threads*: one that puts two and ends; one that joins, perhaps in its place.
/// *Proves*: an adopted worker's slot and deque are the new owner's, with happens-before (2), and
/// workers do not outnumber the threads alive at once.
/// *Fails if*: the tenancy's Release or Acquire is weaker.
#[test]
fn exit_against_adoption() {
    explore("exit: put put leave || join get get", None, 500, || {
        let core = core();
        let other = Arc::clone(&core);
        let ending = thread::spawn(move || {
            let me = other.join();
            for id in 0..2 {
                let item = Item::new(id);
                touch(&item);
                assert!(me.put(item).is_empty());
            }
            me.leave();
        });
        let me = core.join();
        let mut held: Vec<_> = me.get().into_iter().collect();
        held.extend(me.get());
        held.iter().for_each(|held| {
            touch(held);
        });
        me.leave();
        ending.join().unwrap();
        assert!(core.workers() <= 2);
        // Both have left: whoever comes now adopts.
        let heir = core.join();
        assert!(core.workers() <= 2);
        held.extend(heir.get());
        held.extend(heir.get());
        heir.leave();
        assert_conserved(&core, held, 2);
    });
}

/// *Threads*: one that puts one and ends; one that gets.
/// *Proves*: what an ended thread leaves in its private slot is within everybody's reach, although
/// thieves never look into the slots of others (1, 2).
/// *Fails if*: the slot's hint can be lost between the end and a look, or the tenancy's ordering.
#[test]
fn what_is_left_in_a_slot_is_within_reach() {
    explore("exit: put leave || get; get", None, 50, || {
        let core = core();
        let me = core.join();
        let other = Arc::clone(&core);
        let ending = thread::spawn(move || {
            let me = other.join();
            let item = Item::new(0);
            touch(&item);
            assert!(me.put(item).is_empty());
            me.leave();
        });
        let early = me.get();
        ending.join().unwrap();
        let held = match early {
            Some(held) => held,
            None => me.get().expect("it is in an orphan's slot"),
        };
        touch(&held);
        me.leave();
        assert_conserved(&core, vec![held], 1);
    });
}

/// *Threads*: one that gets, over an orphan's slot; a collector that takes everything; one that joins.
/// *Proves*: of those who want what an orphan holds one has it, and if none, it stays in reach.
/// *Fails if*: a thief that the collector's claim turned away does not raise the hint again.
#[test]
fn a_slot_left_behind_and_three_who_want_it() {
    explore(
        "exit: get || take all || join, over one slot",
        Some(2),
        200,
        || {
            let core = core();
            let me = core.join();
            let gone = core.join();
            let item = Item::new(0);
            touch(&item);
            assert!(gone.put(item).is_empty());
            gone.leave();
            let (one, two) = (Arc::clone(&core), Arc::clone(&core));
            let collector = thread::spawn(move || one.take_all());
            let heir = thread::spawn(move || {
                two.join().leave();
            });
            let mut held: Vec<_> = me.get().into_iter().collect();
            held.extend(collector.join().unwrap());
            heir.join().unwrap();
            if held.is_empty() {
                held.extend(me.get());
            }
            assert_eq!(held.len(), 1);
            held.iter().for_each(|held| {
                touch(held);
            });
            me.leave();
            assert_conserved(&core, held, 1);
        },
    );
}

/// *Threads*: two that want the one orphan.
/// *Proves*: a worker has one owner.
/// *Fails if*: moving in is not an exchange.
#[test]
fn one_orphan_two_heirs() {
    explore("exit: join || join, over one orphan", None, 20, || {
        let core = core();
        let first = core.join();
        assert!(first.put(Item::new(0)).is_empty());
        first.leave();
        let other = Arc::clone(&core);
        let heir = thread::spawn(move || {
            let me = other.join();
            me.get()
        });
        let me = core.join();
        let mut held: Vec<_> = me.get().into_iter().collect();
        held.extend(heir.join().unwrap());
        assert_eq!(core.workers(), 2);
        me.leave();
        assert_conserved(&core, held, 1);
    });
}

/// *Threads*: three that join, over one orphan.
/// *Proves*: nobody adopts a worker that another has just reserved and not yet furnished.
/// *Fails if*: a new worker is vacant before its first tenant has it.
#[test]
fn one_orphan_three_heirs() {
    explore(
        "exit: join || join || join, over one orphan",
        Some(2),
        500,
        || {
            let core = core();
            core.join().leave();
            let heirs: Vec<_> = (0..2)
                .map(|id| {
                    let core = Arc::clone(&core);
                    thread::spawn(move || {
                        let me = core.join();
                        assert!(me.put(Item::new(id)).is_empty());
                        me.index()
                    })
                })
                .collect();
            let me = core.join();
            let mut indices = vec![me.index()];
            indices.extend(heirs.into_iter().map(|heir| heir.join().unwrap()));
            indices.sort_unstable();
            assert_eq!(indices, [0, 1, 2], "each has a worker of its own");
            assert_conserved(&core, Vec::new(), 2);
        },
    );
}

/// *Threads*: one that ends; a collector.
/// *Proves*: an ended thread's objects age like all others (4).
/// *Fails if*: a cycle passes over orphans.
#[test]
fn exit_against_cycles() {
    explore(
        "exit: put put leave || cycle; cycle cycle",
        Some(2),
        100,
        || {
            let core = core();
            let other = Arc::clone(&core);
            let ending = thread::spawn(move || {
                let me = other.join();
                for id in 0..2 {
                    let item = Item::new(id);
                    touch(&item);
                    assert!(me.put(item).is_empty());
                }
                me.leave();
            });
            let mut held = core.cycle();
            ending.join().unwrap();
            held.extend(core.cycle());
            held.extend(core.cycle());
            assert_eq!(core.idle(), 0);
            held.iter().for_each(|held| {
                touch(held);
            });
            assert_conserved(&core, held, 2);
        },
    );
}
