//! The protocol of sequences and collectors in small, with each of its rules as a switch: without any one of
//! them a model must fail, or the models of `sequences.rs` prove nothing.
//!
//! One magazine for one object, of the first of two processors. A sequence is what it is in
//! `loom-tests/model/sequences.rs`: it counts itself as an interruption of whoever was under way, and commits only if
//! nothing has interrupted it since.

mod common;

use common::{explore, explore_broken};
use loom::cell::UnsafeCell;
use loom::sync::Mutex;
use loom::sync::atomic::AtomicUsize;
use loom::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use loom::thread;
use std::sync::Arc;

const OPEN: usize = 1;
const HELD: usize = 0;
const STOPPED: usize = 2;

/// One rule that is left out.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Weak {
    Nothing,
    /// A pop or a push does not look at the gate.
    NoGate,
    /// The header is read before the gate.
    GateAfterHeader,
    /// The collector has no barrier.
    NoBarrier,
    /// The barrier comes before the stop.
    BarrierBeforeStop,
    /// The collector does not look at the gate after its barrier.
    NoSecondLook,
    /// Collectors do not exclude each other.
    NoClaim,
    /// A sequence that was interrupted goes on.
    NoRestart,
    /// A push commits before the pointer is written.
    CommitBeforePointer,
    /// The processor's number is read before the sequence begins: it may be another one's by then.
    NumberBefore,
    /// A close is two stores: the look at the gate is over before the sequence begins.
    CloseInTwo,
}

struct Magazine {
    weak: Weak,
    /// Of each processor.
    interruptions: [Mutex<usize>; 2],
    /// How many objects there are: 0 or 1.
    header: AtomicUsize,
    gate: AtomicUsize,
    claim: AtomicUsize,
    /// The object's number, or 0.
    object: AtomicUsize,
    /// Whoever holds the magazine is alone in it.
    inside: UnsafeCell<()>,
    /// Who has the object uses it alone.
    used: UnsafeCell<()>,
}

// SAFETY: whether the protocol keeps the cells exclusive is what the models ask.
unsafe impl Sync for Magazine {}
// SAFETY: as above.
unsafe impl Send for Magazine {}

impl Magazine {
    fn new(weak: Weak) -> Arc<Self> {
        Arc::new(Magazine {
            weak,
            interruptions: [Mutex::new(0), Mutex::new(0)],
            header: AtomicUsize::new(0),
            gate: AtomicUsize::new(OPEN),
            claim: AtomicUsize::new(0),
            object: AtomicUsize::new(0),
            inside: UnsafeCell::new(()),
            used: UnsafeCell::new(()),
        })
    }

    fn interrupt(&self, processor: usize) -> usize {
        let mut count = self.interruptions[processor].lock().unwrap();
        *count += 1;
        *count
    }

    /// The barrier.
    fn interrupt_all(&self) {
        (0..2).for_each(|processor| _ = self.interrupt(processor));
    }

    /// One step of a sequence of the first processor, unless it was interrupted.
    fn step(&self, began: usize, step: impl FnOnce()) -> bool {
        self.step_on(0, began, step)
    }

    fn step_on(&self, processor: usize, began: usize, step: impl FnOnce()) -> bool {
        let count = self.interruptions[processor].lock().unwrap();
        let goes_on = *count == began || self.weak == Weak::NoRestart;
        if goes_on {
            step();
        }
        goes_on
    }

    fn gate_and_header(&self) -> (usize, usize) {
        if self.weak == Weak::GateAfterHeader {
            let header = self.header.load(Acquire);
            return (self.gate.load(Acquire), header);
        }
        (self.gate.load(Acquire), self.header.load(Acquire))
    }

    fn pop(&self) -> bool {
        self.pop_on(0)
    }

    /// A pop by a thread of that processor.
    fn pop_on(&self, processor: usize) -> bool {
        loop {
            let began = self.interrupt(processor);
            let (gate, header) = self.gate_and_header();
            if (gate != OPEN && self.weak != Weak::NoGate) || header == 0 {
                return false;
            }
            let mut object = 0;
            if self.step_on(processor, began, || object = self.object.load(Acquire))
                && self.step_on(processor, began, || self.header.store(0, Release))
            {
                assert_eq!(object, 1, "an object that was never put");
                self.used.with_mut(|_| ());
                return true;
            }
        }
    }

    fn push(&self) -> bool {
        self.used.with_mut(|_| ());
        loop {
            let began = self.interrupt(0);
            let (gate, header) = self.gate_and_header();
            if (gate != OPEN && self.weak != Weak::NoGate) || header == 1 {
                return false;
            }
            let write = || self.object.store(1, Relaxed);
            let commit = || self.header.store(1, Release);
            let committed = if self.weak == Weak::CommitBeforePointer {
                self.step(began, commit) && {
                    self.step(began, write);
                    true
                }
            } else {
                self.step(began, write) && self.step(began, commit)
            };
            if committed {
                return true;
            }
        }
    }

    fn close(&self) -> bool {
        loop {
            let mut began = self.interrupt(0);
            if self.gate.load(Acquire) != OPEN {
                return false;
            }
            if self.weak == Weak::CloseInTwo {
                began = self.interrupt(0);
            }
            // An exchange, for loom orders a store against the collector's only if it is one, too.
            if self.step(began, || _ = self.gate.swap(HELD, Release)) {
                return true;
            }
        }
    }

    /// Takes the object out by hand; whoever calls this holds the magazine.
    fn take_out(&self) -> bool {
        self.inside.with_mut(|_| {
            let found = self.header.load(Relaxed) == 1;
            if found {
                assert_eq!(self.object.swap(0, Relaxed), 1, "an object twice");
                self.used.with_mut(|_| ());
            }
            self.header.store(0, Relaxed);
            found
        })
    }

    fn open(&self) {
        self.gate.store(OPEN, Release);
    }

    fn collect(&self) -> bool {
        let claims = self.weak != Weak::NoClaim;
        if claims && self.claim.compare_exchange(0, 1, Acquire, Relaxed).is_err() {
            return false;
        }
        let mut taken = false;
        if self.weak == Weak::BarrierBeforeStop {
            self.interrupt_all();
        }
        let stopped = self.gate.compare_exchange(OPEN, STOPPED, AcqRel, Relaxed);
        if stopped.is_ok() {
            if ![Weak::NoBarrier, Weak::BarrierBeforeStop].contains(&self.weak) {
                self.interrupt_all();
            }
            if self.weak == Weak::NoSecondLook || self.gate.load(Acquire) == STOPPED {
                taken = self.take_out();
                self.open();
            }
        }
        if claims {
            self.claim.store(0, Release);
        }
        taken
    }
}

/// A user that pops, pushes, and closes; another one of its processor; a collector. The object is found as
/// often as it was put.
fn users_and_a_collector(weak: Weak) {
    let magazine = Magazine::new(weak);
    assert!(magazine.push());
    let (neighbour, other) = (Arc::clone(&magazine), Arc::clone(&magazine));
    let collector = thread::spawn(move || usize::from(other.collect()));
    let user = thread::spawn(move || {
        let mut found = 0;
        if neighbour.close() {
            found += usize::from(neighbour.take_out());
            neighbour.open();
        }
        found
    });
    let (mut put, mut found) = (1, 0);
    if magazine.pop() {
        found += 1;
        put += usize::from(magazine.push());
    }
    found += user.join().unwrap() + collector.join().unwrap();
    found += usize::from(magazine.pop());
    assert_eq!(found, put, "found as often as put");
}

/// A user that closes the gate and opens it again; two collectors.
fn a_user_and_two_collectors(weak: Weak) {
    let magazine = Magazine::new(weak);
    assert!(magazine.push());
    let collectors: Vec<_> = (0..2)
        .map(|_| {
            let other = Arc::clone(&magazine);
            thread::spawn(move || usize::from(other.collect()))
        })
        .collect();
    let mut found = 0;
    if magazine.close() {
        found += usize::from(magazine.take_out());
        magazine.open();
    }
    for collector in collectors {
        found += collector.join().unwrap();
    }
    found += usize::from(magazine.pop());
    assert_eq!(found, 1, "found as often as put");
}

/// A holder that changes the header and opens; a neighbour whose sequence is under way meanwhile. It is not
/// interrupted where the holder has moved to another processor.
fn a_holder_that_moved(weak: Weak) {
    let magazine = Magazine::new(weak);
    assert!(magazine.push());
    assert!(magazine.close());
    let other = Arc::clone(&magazine);
    let neighbour = thread::spawn(move || usize::from(other.pop()));
    let mut found = usize::from(magazine.take_out());
    magazine.open();
    found += neighbour.join().unwrap();
    assert_eq!(found, 1, "found as often as put");
}

/// One that pushes; another of its processor that pops.
fn a_push_against_a_pop(weak: Weak) {
    let magazine = Magazine::new(weak);
    let other = Arc::clone(&magazine);
    let neighbour = thread::spawn(move || usize::from(other.pop()));
    assert!(magazine.push());
    let found = neighbour.join().unwrap() + usize::from(magazine.pop());
    assert_eq!(found, 1, "found as often as put");
}

/// One that was moved to the second processor, whose magazine is empty; another one on the first.
fn a_user_that_moved(weak: Weak) {
    let magazine = Magazine::new(weak);
    assert!(magazine.push());
    let other = Arc::clone(&magazine);
    let neighbour = thread::spawn(move || usize::from(other.pop()));
    let mut found = usize::from(weak == Weak::NumberBefore && magazine.pop_on(1));
    found += neighbour.join().unwrap();
    assert_eq!(found, 1, "found as often as put");
}

#[test]
fn with_all_rules_they_pass() {
    explore("weak: pop push || close || collect", Some(2), 100, || {
        users_and_a_collector(Weak::Nothing);
    });
    explore("weak: close || collect || collect", Some(3), 100, || {
        a_user_and_two_collectors(Weak::Nothing);
    });
    explore("weak: push || pop", Some(3), 10, || {
        a_push_against_a_pop(Weak::Nothing);
    });
    explore("weak: take out, open || pop", None, 5, || {
        a_holder_that_moved(Weak::Nothing);
    });
    explore("weak: moved || pop", None, 1, || a_user_that_moved(Weak::Nothing));
}

#[test]
fn without_any_one_they_fail() {
    for weak in [
        Weak::NoGate,
        Weak::NoBarrier,
        Weak::BarrierBeforeStop,
        Weak::NoRestart,
        Weak::CloseInTwo,
        Weak::NoSecondLook,
    ] {
        explore_broken(&format!("canary: {weak:?}"), move || {
            users_and_a_collector(weak);
        });
    }
    explore_broken("canary: CommitBeforePointer", || {
        a_push_against_a_pop(Weak::CommitBeforePointer);
    });
    explore_broken("canary: NoClaim", || {
        a_user_and_two_collectors(Weak::NoClaim);
    });
    explore_broken("canary: GateAfterHeader", || {
        a_holder_that_moved(Weak::GateAfterHeader);
    });
    explore_broken("canary: NumberBefore", || a_user_that_moved(Weak::NumberBefore));
}
