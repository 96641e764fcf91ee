//! What workers put below their magazines is found by thieves; workers that are just being made.

mod common;

use common::{Item, assert_conserved, core, explore, put, touched};
use loom::thread;
use std::sync::Arc;
use stealpool::model::Core;

/// *Threads*: a newcomer that puts two; a thief that has a worker.
/// *Proves*: a newcomer's slots are found (1).
/// *Fails if*: a line that is just being made is passed over.
#[test]
fn a_newcomer_against_a_thief() {
    explore("workers: put put; get || get", None, 3, || {
        let core = core();
        let first = core.join();
        let other = Arc::clone(&core);
        let thief = thread::spawn(move || touched(other.join().get()));
        let me = core.join();
        (0..2).for_each(|id| put(&me, id));
        let mut held = thief.join().unwrap();
        held.extend(touched(first.get()));
        assert_eq!(held.len(), 1, "the other one is in the newcomer's magazine");
        assert_conserved(&core, held, 2);
    });
}

/// *Threads*: a third worker; a thief.
/// *Proves*: a thief that knows two workers yet takes nothing of the third's out of reach (1).
/// *Fails if*: a thief stops at the lines that it knew.
#[test]
fn a_third_worker() {
    explore("workers: put put; get || get get", None, 6, || {
        let core = core();
        let (first, second) = (core.join(), core.join());
        assert!(second.put(Item::new(2)).is_empty());
        let other = Arc::clone(&core);
        let thief = thread::spawn(move || {
            let get = || other.get_without_worker();
            touched(get().into_iter().chain(get()))
        });
        let third = core.join();
        (0..2).for_each(|id| put(&third, id));
        let mut held = thief.join().unwrap();
        held.extend(touched(first.get()));
        assert_eq!(held.len(), 1);
        assert_conserved(&core, held, 3);
    });
}

/// *Threads*: one that makes a worker and puts; one that takes everything.
/// *Proves*: who finds a worker finds it built (2).
/// *Fails if*: the table's pointer is not published.
#[test]
fn a_new_worker_is_built_when_it_is_found() {
    explore("workers: make, put || take all", None, 20, || {
        let core = Arc::new(Core::unmade());
        let other = Arc::clone(&core);
        let taker = thread::spawn(move || touched(other.take_all()));
        put(&core.seat(0), 0);
        let held = taker.join().unwrap();
        assert_conserved(&core, held, 1);
    });
}

/// *Threads*: two that make the same worker and put.
/// *Proves*: there is one of each (1); who comes second puts into it, or past it.
/// *Fails if*: the second takes its own for the worker.
#[test]
fn two_make_one_worker() {
    explore("workers: make, put || make, put", None, 10, || {
        let core = Arc::new(Core::unmade());
        let other = Arc::clone(&core);
        let second = thread::spawn(move || put(&other.seat(0), 1));
        put(&core.seat(0), 0);
        second.join().unwrap();
        assert_eq!(core.workers(), 1);
        assert_conserved(&core, Vec::new(), 2);
    });
}
