//! Bounds: never exceeded, and the books are right afterwards.

mod common;

use common::{Bound, Item, assert_conserved, explore, two_cycles_beside};
use loom::thread;
use std::sync::Arc;
use stealpool::model::{Core, Seat};

/// *Threads*: a worker whose objects grow; a collector that takes the magazine's share back.
/// *Proves*: whatever the order, what is charged is what is there.
/// *Fails if*: a share is given back twice, or kept by an empty magazine.
#[test]
fn a_share_against_a_collector() {
    explore("budget: put get, bigger put || take all", Some(2), 500, || {
        let core = Arc::new(Core::bounded(1, 4, 8));
        let other = Arc::clone(&core);
        let taker = thread::spawn(move || other.take_all());
        let mut held = Vec::new();
        {
            let me = core.join();
            held.extend(me.put(Item::weighing(0, 1)));
            held.extend(me.get());
            held.extend(me.put(Item::weighing(1, 3)));
        }
        held.extend(taker.join().unwrap());
        assert!(core.charged().0 <= 4 && core.charged().1 <= 8);
        held.extend(core.take_all());
        assert_eq!(core.charged(), (0, 0), "nothing is idle, and no share is reserved");
        assert_conserved(&core, held, 2);
    });
}

/// *Threads*: an owner and a thief that take what a bounded pool keeps.
/// *Proves*: each object that leaves is refunded, by whatever way it leaves.
/// *Fails if*: a refund is left out.
#[test]
fn what_is_taken_is_refunded() {
    explore("budget: put put put get || get", Some(3), 200, || {
        let core = Arc::new(Core::bounded(1, 4, 8));
        let other = Arc::clone(&core);
        let thief = thread::spawn(move || other.join().get());
        let mut held = Vec::new();
        {
            let me = core.join();
            for id in 0..3 {
                held.extend(me.put(Item::new(id)));
            }
            held.extend(me.get());
            held.extend(me.get());
        }
        held.extend(thief.join().unwrap());
        held.extend(core.take_all());
        assert_eq!(core.charged(), (0, 0));
        assert_conserved(&core, held, 3);
    });
}

/// A magazine for two with two objects in it, 0 and 1.
fn filled(me: &Seat<'_, Item>) {
    for id in 0..2 {
        assert!(me.put(Item::new(id)).is_empty());
    }
    let held: Vec<_> = (0..2).filter_map(|_| me.get()).collect();
    for object in held {
        assert!(me.put(object).is_empty());
    }
}

/// *Threads*: an owner of a deep magazine in a pool with a bound, which takes and gives; a collector.
/// *Proves*: what a cycle sinks or takes out of a deep magazine leaves the books right: the bound is never
/// exceeded, and when nothing is idle only what is lent is charged (6).
/// *Fails if*: the tail of a magazine takes more or less of the share along than it was covered by.
#[test]
fn a_deep_magazine_of_a_pool_with_a_bound() {
    explore("budget: deep, get put put || two cycles", Bound::of(Some(1), Some(2)), 500, || {
        let core = Arc::new(Core::deep_bounded(1, 2, 8));
        let me = core.join();
        filled(&me);
        let collector = two_cycles_beside(&core);
        let mut held = Vec::new();
        if let Some(object) = me.get() {
            held.extend(me.put(object));
        }
        held.extend(me.put(Item::new(2)));
        assert!(core.charged().0 <= 8);
        held.extend(collector.join().unwrap());
        held.extend(core.cycle());
        held.extend(core.cycle());
        assert_eq!((core.idle(), core.charged()), (0, (0, 0)));
        assert_conserved(&core, held, 3);
    });
}

/// *Threads*: an owner of a deep magazine in a pool with a bound, which gives more than there is room for; a
/// thief.
/// *Proves*: of a chain for which there is no room as a whole, what fits stays and the rest comes back.
/// *Fails if*: a chain is charged in part and kept as a whole, or the other way round.
#[test]
fn a_chain_that_does_not_fit() {
    explore("budget: deep, put x 3 || get", Bound::of(Some(1), Some(2)), 100, || {
        let core = Arc::new(Core::deep_bounded(1, 2, 4));
        let me = core.join();
        filled(&me);
        let other = Arc::clone(&core);
        let thief = thread::spawn(move || {
            let me = other.join();
            let gets = if cfg!(feature = "whole") { 2 } else { 1 };
            (0..gets).filter_map(|_| me.get()).collect::<Vec<_>>()
        });
        let mut held = Vec::new();
        for id in 2..5 {
            held.extend(me.put(Item::new(id)));
            assert!(core.charged().0 <= 4);
        }
        held.extend(thief.join().unwrap());
        assert!(core.idle() <= 4);
        assert_conserved(&core, held, 5);
    });
}

/// *Threads*: an owner whose magazine may be deeper, because it finds in a slot what it had put there; a
/// collector that takes the share back meanwhile.
/// *Proves*: a magazine is never lent more than the books say (6).
/// *Fails if*: a raise that came too late is kept.
#[test]
fn a_full_share_against_a_collector() {
    explore("budget: put put, get get || take all", None, 300, || {
        let core = Arc::new(Core::deep_bounded(1, 2, 8));
        let me = core.join();
        for id in 0..2 {
            assert!(me.put(Item::new(id)).is_empty());
        }
        let other = Arc::clone(&core);
        let collector = thread::spawn(move || other.take_all());
        let mut held: Vec<_> = (0..2).filter_map(|_| me.get()).collect();
        held.extend(collector.join().unwrap());
        held.extend(core.take_all());
        assert_eq!(core.charged(), (0, 0));
        assert_conserved(&core, held, 2);
    });
}

/// *Threads*: an owner that gives more than there is room for, so that its magazine gives back what it does
/// not use; a collector that takes the share back meanwhile.
/// *Proves*: what a magazine is lent is given back once (6).
/// *Fails if*: the owner changes the share of a magazine that a collector has claimed.
#[test]
fn a_share_that_is_given_back_against_a_collector() {
    explore("budget: deep and full, put || take all", Bound::of(Some(1), Some(2)), 500, || {
        let core = Arc::new(Core::deep_bounded(1, 2, 4));
        let me = core.join();
        filled(&me);
        for id in 2..4 {
            assert!(me.put(Item::new(id)).is_empty());
        }
        let other = Arc::clone(&core);
        let collector = thread::spawn(move || other.take_all());
        let mut held = me.put(Item::new(4));
        assert!(core.charged().0 <= 4);
        held.extend(collector.join().unwrap());
        held.extend(core.take_all());
        assert_eq!(core.charged(), (0, 0));
        assert_conserved(&core, held, 5);
    });
}

/// *Threads*: an owner that takes a chain up from a slot; a thief that wants it, too.
/// *Proves*: what comes up is refunded, for the magazine is lent the room (6).
/// *Fails if*: a chain is charged below and lent above.
#[test]
fn a_chain_that_comes_up() {
    explore("budget: deep, get get get || get", Some(3), 4, || {
        let core = Arc::new(Core::deep_bounded(1, 2, 8));
        let me = core.join();
        filled(&me);
        for id in 2..4 {
            assert!(me.put(Item::new(id)).is_empty());
        }
        let other = Arc::clone(&core);
        let thief = thread::spawn(move || {
            let me = other.join();
            let held: Vec<_> = me.get().into_iter().collect();
            held
        });
        let mut held: Vec<_> = (0..3).filter_map(|_| me.get()).collect();
        held.extend(thief.join().unwrap());
        held.extend(core.take_all());
        assert_eq!(core.charged(), (0, 0));
        assert_conserved(&core, held, 4);
    });
}
