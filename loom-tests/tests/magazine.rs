//! A magazine entered by exchanges: a user against collectors.

mod common;

use common::{Item, assert_conserved, core, explore, touch, two_cycles_beside};
use loom::thread;
use std::sync::Arc;

/// *Threads*: an owner that puts and takes back; a collector that takes everything.
/// *Proves*: an object has one holder (invariant 1), and each use happens-before the next (2).
/// *Fails if*: either fence, the Release or Acquire of `inside`, or the claim's Release or Acquire is weaker.
#[test]
fn owner_against_one_who_takes_everything() {
    explore("magazine: put get || take all", None, 298, || {
        let core = core();
        let other = Arc::clone(&core);
        let taker = thread::spawn(move || {
            let taken = other.take_all();
            taken.iter().for_each(|held| {
                touch(held);
            });
            taken
        });
        let mut held = Vec::new();
        {
            let me = core.join();
            let item = Item::new(0);
            touch(&item);
            assert!(me.put(item).is_empty());
            held.extend(me.get().inspect(|held| {
                touch(held);
            }));
        }
        held.extend(taker.join().unwrap());
        assert_conserved(&core, held, 1);
    });
}

/// *Threads*: an owner that goes on working; a collector that takes everything, twice.
/// *Proves*: the magazine works again after a claim, whatever the owner saw of it.
/// *Fails if*: the claim's Release is weaker, or a claim is not given back.
#[test]
fn the_owner_gets_its_magazine_back() {
    explore("magazine: put get put get || take all twice", Some(2), 1_000, || {
        let core = core();
        let other = Arc::clone(&core);
        let taker = thread::spawn(move || {
            let mut taken = other.take_all();
            taken.extend(other.take_all());
            taken
        });
        let mut held = Vec::new();
        {
            let me = core.join();
            for id in 0..2 {
                let item = Item::new(id);
                touch(&item);
                assert!(me.put(item).is_empty());
                held.extend(me.get().inspect(|held| {
                    touch(held);
                }));
            }
        }
        held.extend(taker.join().unwrap());
        assert_conserved(&core, held, 2);
    });
}

/// *Threads*: an owner that puts and takes back; two collectors that take everything.
/// *Proves*: collectors exclude each other by their claims.
/// *Fails if*: a claim is a store instead of an exchange.
#[test]
fn two_who_take_everything() {
    explore("magazine: put get || take all || take all", Some(1), 400, || {
        let core = core();
        let takers: Vec<_> = (0..2)
            .map(|_| {
                let other = Arc::clone(&core);
                thread::spawn(move || other.take_all())
            })
            .collect();
        let mut held = Vec::new();
        {
            let me = core.join();
            assert!(me.put(Item::new(0)).is_empty());
            held.extend(me.get());
        }
        for taker in takers {
            held.extend(taker.join().unwrap());
        }
        assert_conserved(&core, held, 1);
    });
}

/// *Threads*: an owner that puts and then stands still; a collector.
/// *Proves*: an idle owner's object is reclaimed without its help, and not before two cycles (4).
/// *Fails if*: the note of where the owner stood is skipped.
#[test]
fn an_idle_owner_keeps_nothing() {
    explore("magazine: idle owner || two cycles", None, 1, || {
        let core = core();
        let me = core.join();
        assert!(me.put(Item::new(0)).is_empty());
        let other = Arc::clone(&core);
        let collector = thread::spawn(move || {
            assert!(other.cycle().is_empty(), "it was in use in this cycle");
            let dead = other.cycle();
            assert_eq!(dead.len(), 1, "it was not in use in this one");
            dead
        });
        let held = collector.join().unwrap();
        assert_conserved(&core, held, 1);
    });
}

/// *Threads*: an owner that uses its object; a collector that runs two cycles.
/// *Proves*: an object in use is never taken; one that was taken is not lost.
/// *Fails if*: a collector does not look at `inside` again after its fence.
#[test]
fn cycles_against_an_owner_at_work() {
    explore("magazine: put get put || two cycles", Some(2), 1_000, || {
        let core = core();
        let collector = two_cycles_beside(&core);
        let mut held = Vec::new();
        {
            let me = core.join();
            let item = Item::new(0);
            touch(&item);
            assert!(me.put(item).is_empty());
            if let Some(item) = me.get() {
                touch(&item);
                held.extend(me.put(item));
            }
        }
        held.extend(collector.join().unwrap());
        assert_conserved(&core, held, 1);
    });
}

/// *Threads*: an owner that puts and takes back; one that takes from its magazine.
/// *Proves*: who closes another's gate is its only holder (1, 2), and the books agree.
/// *Fails if*: the gate's Release or Acquire is weaker, or what another takes counts as the owner's hit too.
#[test]
fn another_takes_from_the_magazine() {
    explore("magazine: put get put || sibling sibling", None, 20_000, || {
        let core = core();
        let other = Arc::clone(&core);
        drop(core.seat(0).get());
        drop(core.seat(1).get());
        let sibling = thread::spawn(move || {
            let found = [other.seat(1).get_from_siblings(), other.seat(1).get_from_siblings()];
            found.into_iter().flatten().inspect(|held| _ = touch(held)).collect::<Vec<_>>()
        });
        let me = core.seat(0);
        let mut held = Vec::new();
        assert!(me.put(Item::new(0)).is_empty());
        held.extend(me.get().inspect(|held| _ = touch(held)));
        assert!(me.put(Item::new(1)).is_empty());
        held.extend(sibling.join().unwrap());
        let (puts, hits) = core.puts_and_hits();
        assert_eq!((puts, hits), (2, held.len() as u64));
        assert_conserved(&core, held, 2);
    });
}

/// *Threads*: two workers' threads, each of which takes from the other's magazine.
/// *Proves*: neither waits, and no object is in both hands.
/// *Fails if*: a gate that is closed is waited for.
#[test]
fn each_takes_from_the_other() {
    explore("magazine: put sibling || put sibling", None, 20_000, || {
        let core = core();
        let other = Arc::clone(&core);
        drop(core.seat(0).get());
        drop(core.seat(1).get());
        let neighbour = thread::spawn(move || {
            assert!(other.seat(1).put(Item::new(1)).is_empty());
            // From the other's on.
            other.seat(0).get_from_siblings().inspect(|held| _ = touch(held))
        });
        assert!(core.seat(0).put(Item::new(0)).is_empty());
        let mut held =
            Vec::from_iter(core.seat(1).get_from_siblings().inspect(|held| _ = touch(held)));
        held.extend(neighbour.join().unwrap());
        assert_conserved(&core, held, 2);
    });
}

/// *Threads*: a user; one that finds out that objects are expensive.
/// *Proves*: what was in a magazine moves down once; the magazine holds nothing afterwards (1, 3).
/// *Fails if*: a magazine that was in hand keeps what it has for good.
#[test]
fn objects_turn_out_to_be_expensive() {
    explore("magazine: put get put || turn expensive", Some(2), 100, || {
        let core = core();
        let other = Arc::clone(&core);
        let finder = thread::spawn(move || other.turn_expensive());
        let me = core.join();
        let put = |held| assert!(me.put(held).is_empty());
        put(Item::new(0));
        let held: Vec<_> = me.get().into_iter().inspect(|held| _ = touch(held)).collect();
        put(Item::new(1));
        finder.join().unwrap();
        held.into_iter().for_each(put);
        core.maintain();
        let found: Vec<_> = (0..2).filter_map(|_| core.get_without_worker()).collect();
        assert_eq!(found.len(), 2, "below the magazine");
        assert_conserved(&core, found, 2);
    });
}

/// *Threads*: a user that takes from siblings; another user; a collector that takes everything.
/// *Proves*: of a sibling and a collector, one gets an object (1).
/// *Fails if*: a sibling takes from a magazine that was stopped.
#[test]
fn a_sibling_against_a_collector() {
    explore("magazine: sibling || put get || take all", Some(1), 100, || {
        let core = core();
        let (one, two) = (Arc::clone(&core), Arc::clone(&core));
        let taker = thread::spawn(move || {
            let taken = one.take_all();
            taken.iter().for_each(|held| _ = touch(held));
            taken
        });
        let sibling = thread::spawn(move || {
            let found = two.seat(1).get_from_siblings();
            found.inspect(|held| _ = touch(held))
        });
        let me = core.seat(0);
        let item = Item::new(0);
        touch(&item);
        assert!(me.put(item).is_empty());
        let mut held: Vec<_> = me.get().inspect(|held| _ = touch(held)).into_iter().collect();
        held.extend(sibling.join().unwrap());
        held.extend(taker.join().unwrap());
        assert_conserved(&core, held, 1);
    });
}
