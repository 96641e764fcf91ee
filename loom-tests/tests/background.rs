//! What a collector in the background adds: cycles in steps, and batches that wait.

mod common;

use common::{assert_conserved, core, explore, put, touched, two_cycles_beside};
use loom::thread;
use std::sync::Arc;

/// *Threads*: two users that take steps of the same cycle, one object each; a third that takes.
/// *Proves*: each victim dies once or is taken once, and the generation turns once (1, 4).
/// *Fails if*: a step takes what another has taken, or turns a cycle that is over.
#[test]
fn steps_of_one_cycle() {
    explore("background: step || step || get", Some(2), 224, || {
        let core = core();
        let me = core.join();
        (0..4).for_each(|id| put(&me, id));
        assert!(core.cycle().is_empty());
        let (one, two) = (Arc::clone(&core), Arc::clone(&core));
        let stepper = thread::spawn(move || touched(one.step(1, 1)));
        let taker = thread::spawn(move || {
            let seat = two.join();
            touched(seat.get())
        });
        let mut held = touched(core.step(1, 1));
        held.extend(stepper.join().unwrap());
        held.extend(taker.join().unwrap());
        assert!(core.cycles() <= 2);
        // What is left of the cycle is done by whoever comes next; then another has nothing to do.
        while core.cycles() < 2 {
            held.extend(core.step(1, 1));
        }
        assert_eq!(core.idle(), 0, "no victim outlives its cycle");
        (4..6).for_each(|id| put(&me, id));
        assert!(core.step(1, 9).is_empty(), "that cycle is over");
        assert_conserved(&core, held, 6);
    });
}

/// *Threads*: a user that takes steps of a cycle; a collector that runs cycles.
/// *Proves*: after two cycles of the collector's nothing is left, whatever steps were taken (4).
/// *Fails if*: a step that comes late takes from the new primary, or keeps the collector from ending.
#[test]
fn steps_against_a_collector() {
    explore("background: put, step step || two cycles", Some(2), 300, || {
        let core = core();
        let me = core.join();
        (0..2).for_each(|id| put(&me, id));
        let collector = two_cycles_beside(&core);
        let mut held = touched(core.step(0, 1));
        held.extend(touched(core.step(1, 1)));
        held.extend(collector.join().unwrap());
        held.extend(core.cycle());
        held.extend(core.cycle());
        assert_eq!(core.idle(), 0);
        assert_conserved(&core, held, 2);
    });
}

/// *Threads*: an owner that puts and takes; one that takes idle objects by their bytes.
/// *Proves*: what is taken for a budget is nobody else's (1).
/// *Fails if*: it takes without a claim.
#[test]
fn a_budget_against_an_owner() {
    explore("background: put put get || take bytes", Some(2), 200, || {
        let core = core();
        let me = core.join();
        put(&me, 0);
        let other = Arc::clone(&core);
        let taker = thread::spawn(move || touched(other.take_bytes(1)));
        put(&me, 1);
        let mut held = touched(me.get());
        held.extend(taker.join().unwrap());
        assert_conserved(&core, held, 2);
    });
}
