//! Bounds: never exceeded, and the books are right afterwards.

mod common;

use common::{Item, assert_conserved, explore};
use loom::thread;
use std::sync::Arc;
use stealpool::model::Core;

/// *Threads*: an owner whose objects grow, so that its slot's allowance is raised; a collector that
/// takes the allowance back.
/// *Proves*: whatever the order, what is charged is what is there.
/// *Fails if*: the owner does not look again whether its allowance has changed, or does not undo a
/// raise that came too late.
#[test]
fn a_raise_against_a_collector() {
    explore(
        "budget: put get, bigger put || take all",
        Some(2),
        500,
        || {
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
            assert_eq!(
                core.charged(),
                (0, 0),
                "nothing is idle, and no allowance is lent"
            );
            assert_conserved(&core, held, 2);
        },
    );
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

/// *Threads*: an owner that leaves with an object in its slot; a collector.
/// *Proves*: what the slot was lent follows the object, or comes back.
/// *Fails if*: the allowance is not converted.
#[test]
fn leaving_against_a_collector() {
    explore("budget: put leave || take all", Some(2), 100, || {
        let core = Arc::new(Core::bounded(1, 4, 8));
        let other = Arc::clone(&core);
        let taker = thread::spawn(move || other.take_all());
        let mut held = Vec::new();
        let me = core.join();
        held.extend(me.put(Item::weighing(0, 2)));
        me.leave();
        held.extend(taker.join().unwrap());
        held.extend(core.take_all());
        assert_eq!(core.charged(), (0, 0));
        assert_conserved(&core, held, 1);
    });
}

/// *Threads*: one that puts and ends; one that gets.
/// *Proves*: what a slot was lent comes back with the object that a thief takes from an orphan, and
/// from one that is empty at once.
/// *Fails if*: a thief does not convert the allowance, or an empty slot keeps it.
#[test]
fn an_orphan_s_allowance_comes_back() {
    explore("budget: put leave || get; get", None, 50, || {
        let core = Arc::new(Core::bounded(1, 4, 8));
        let me = core.join();
        let other = Arc::clone(&core);
        let ending = thread::spawn(move || {
            let me = other.join();
            let back = me.put(Item::weighing(0, 2));
            me.leave();
            back
        });
        let mut held: Vec<_> = me.get().into_iter().collect();
        held.extend(ending.join().unwrap());
        held.extend(me.get());
        assert_eq!(held.len(), 1);
        assert_eq!((core.charged(), core.lent()), ((0, 0), (0, 0)));
        let heir = core.join();
        assert!(heir.put(Item::weighing(1, 2)).is_none());
        held.extend(heir.get());
        heir.leave();
        assert_eq!((core.charged(), core.lent()), ((0, 0), (0, 0)), "empty");
        me.leave();
        assert_conserved(&core, held, 2);
    });
}
