//! User code that panics, in the middle of what others do.
//!
//! No user code runs inside the protocol: a constructor, a judgement and a destructor run when an object
//! is out. So a panic must find the pool whole, with whatever others are doing at that moment.

mod common;

use common::{Item, assert_conserved, core, explore, explore_broken, put, touch, touched};
use loom::thread;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use stealpool::model::{Held, Seat};

/// Puts its object back when it goes out of scope, by unwinding too, as a guard does.
struct Guard<'s, 'c> {
    seat: &'s Seat<'c, Item>,
    held: Option<Held<Item>>,
}

impl Drop for Guard<'_, '_> {
    fn drop(&mut self) {
        let held = self.held.take().expect("put back once");
        touch(&held);
        assert!(self.seat.put(held).is_empty());
    }
}

fn panicking(f: impl FnOnce()) {
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        f();
        // No hook: a model's panic is not a failure.
        resume_unwind(Box::new("the user's"));
    }));
    assert!(outcome.is_err());
}

/// *Threads*: one that panics with an object in its hands; one that takes everything.
/// *Proves*: a guard dropped by a panic puts back as any other does (5).
/// *Fails if*: unwinding leaves the owner inside its magazine.
#[test]
fn a_holder_that_panics() {
    explore("panic: get, unwind (put) || take all", None, 50, || {
        let core = core();
        let me = core.join();
        put(&me, 0);
        let other = Arc::clone(&core);
        let taker = thread::spawn(move || touched(other.take_all()));
        panicking(|| {
            let _guard = me.get().map(|held| {
                touch(&held);
                Guard { seat: &me, held: Some(held) }
            });
            resume_unwind(Box::new("the user's"));
        });
        let held = taker.join().unwrap();
        assert_conserved(&core, held, 1);
    });
}

/// *Threads*: one that finds nothing and whose constructor panics; a thief that wants what comes next.
/// *Proves*: a get that ends in a panic leaves no trace: the next one works (5).
/// *Fails if*: a miss claims something that only a success releases.
#[test]
fn a_constructor_that_panics() {
    explore("panic: get, unwind, put, get || put, get", Some(2), 1, || {
        let core = core();
        let other = Arc::clone(&core);
        let user = thread::spawn(move || {
            let me = other.seat(0);
            put(&me, 1);

            touched(me.get())
        });
        let me = core.seat(0);
        let mut held = Vec::new();
        panicking(|| held.extend(me.get()));
        put(&me, 0);
        held.extend(me.get());
        let mut held = touched(held);
        held.extend(user.join().unwrap());
        assert_conserved(&core, held, 2);
    });
}

/// *Threads*: a collector whose dead panic when they are dropped; an owner at work.
/// *Proves*: what a cycle has taken is out of the pool before the first destructor runs (5).
/// *Fails if*: a claim is still held when the dead are handed over.
#[test]
fn a_destructor_that_panics_in_a_collector() {
    explore("panic: cycle cycle, unwind || put get put", Some(2), 500, || {
        let core = core();
        let other = Arc::clone(&core);
        let collector = thread::spawn(move || {
            let mut dead = Vec::new();
            for _ in 0..2 {
                panicking(|| dead.extend(touched(other.cycle())));
            }
            dead
        });
        let me = core.join();
        put(&me, 0);
        let held = touched(me.get());
        put(&me, 1);
        let mut held = held;
        held.extend(collector.join().unwrap());
        // Nothing stays claimed: the owner's magazine works.
        put(&me, 2);
        held.extend(me.get());
        assert_conserved(&core, held, 3);
    });
}

/// *Threads*: one whose judgement panics, so that its object is dropped and not put; a thief.
/// *Proves*: the others' objects are where they were (5).
/// *Fails if*: a put that never came is counted.
#[test]
fn a_judgement_that_panics() {
    explore("panic: get, unwind (drop), put || get", None, 20, || {
        let core = core();
        let me = core.join();
        put(&me, 0);
        put(&me, 1);
        let other = Arc::clone(&core);
        let thief = thread::spawn(move || {
            let me = other.join();

            touched(me.get())
        });
        let mut held = Vec::new();
        panicking(|| held.extend((0..2).filter_map(|_| me.get())));
        put(&me, 2);
        held.extend(thief.join().unwrap());
        assert_conserved(&core, touched(held), 3);
    });
}

/// A guard whose unwinding forgets its object must be seen.
#[test]
fn a_guard_that_forgets_is_seen() {
    explore_broken("panic: get, unwind (forget) || take all", || {
        let core = core();
        let me = core.join();
        put(&me, 0);
        let other = Arc::clone(&core);
        let taker = thread::spawn(move || other.take_all());
        let mine = me.get();
        std::mem::forget(mine);
        let held = taker.join().unwrap();
        assert_conserved(&core, held, 1);
    });
}
