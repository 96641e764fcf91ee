//! The sequences as loom explores them.
//!
//! A processor counts its interruptions. A sequence counts itself as one when it begins: whoever was under way
//! there was preempted for it. It does its loads one by one, so that other processors come in between, and
//! commits only if nothing has interrupted it, in one step with that check; else it begins again, wherever its
//! thread is by then. The barrier interrupts every processor.
//!
//! Loads are Acquire and commits Release: the order of x86-64.

use super::super::magazine::{self, COUNTED, HEAD, HELD, Magazine, OPEN, Table};
use loom::sync::Mutex;
use loom::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::cell::Cell;
use std::ptr;

/// How many processors a model has.
const PROCESSORS: usize = 2;

loom::lazy_static! {
    static ref INTERRUPTIONS: [Mutex<u64>; PROCESSORS] = std::array::from_fn(|_| Mutex::new(0));
}

loom::thread_local! {
    static HERE: Cell<usize> = Cell::new(0);
}

/// Whether this process has restartable sequences. Models say for themselves.
pub(crate) fn available() -> bool {
    false
}

/// How many processors there are.
pub(crate) fn processors() -> usize {
    PROCESSORS
}

/// What a table's head holds.
pub(crate) fn head() -> [usize; HEAD] {
    [0; HEAD]
}

/// The number of the processor that this thread runs on.
pub(crate) fn here() -> Option<usize> {
    Some(HERE.with(Cell::get))
}

/// Puts the calling thread on another processor.
pub(crate) fn migrate(processor: usize) {
    HERE.with(|here| here.set(processor));
}

fn interrupt(processor: usize) -> u64 {
    let mut count = INTERRUPTIONS[processor].lock().expect("nobody panics here");
    *count += 1;
    *count
}

/// Nothing takes long here.
pub(crate) fn prepare() {}

/// The barrier: restarts all sequences under way.
pub(crate) fn restart() -> bool {
    for processor in 0..PROCESSORS {
        interrupt(processor);
    }
    true
}

/// What the loads of a sequence came to.
enum Step<R> {
    /// To be committed.
    Commit(R),
    /// Nothing to do.
    Fail,
    /// Interrupted before it wrote anything.
    Again,
}

/// Runs its argument unless the sequence was interrupted, in one step with that question. Whether it did.
type Unless<'a> = dyn Fn(&mut dyn FnMut()) -> bool + 'a;

/// Runs a sequence. What `loads` must not do once it was interrupted, it does by [`Unless`]; so is the commit.
fn sequence<R>(
    table: &Table,
    mut loads: impl FnMut(&Magazine, &Unless) -> Step<R>,
    commit: impl Fn(&Magazine, &R),
) -> Option<(*mut Magazine, R)> {
    loop {
        let here = HERE.with(Cell::get);
        let began = interrupt(here);
        let unless = |step: &mut dyn FnMut()| {
            let count = INTERRUPTIONS[here].lock().expect("nobody panics here");
            let goes_on = *count == began;
            if goes_on {
                step();
            }
            goes_on
        };
        // Acquire: the order of loads.
        let magazine = table[HEAD + here].load(Acquire);
        // SAFETY: null, or a magazine that lives as long as the table.
        let at = unsafe { magazine.as_ref() }?;
        match loads(at, &unless) {
            Step::Commit(found) => {
                if unless(&mut || commit(at, &found)) {
                    return Some((magazine, found));
                }
            }
            Step::Fail => return None,
            Step::Again => {}
        }
    }
}

/// # Safety
///
/// None is needed.
pub(crate) unsafe fn pop(table: &Table) -> *mut () {
    // Acquire, Release, all: the order of x86-64.
    let loads = |magazine: &Magazine, _: &Unless| {
        let capacity = magazine.gate.load(Acquire) as u32;
        let header = magazine.header.load(Acquire);
        let newest = (header as u8 as u32).wrapping_sub(1);
        if newest >= capacity {
            return Step::Fail;
        }
        let object = magazine.objects[newest as usize].load(Acquire);
        let weight = magazine.weights[newest as usize].load(Acquire);
        Step::Commit((object, header.wrapping_sub(magazine::share(weight))))
    };
    let commit = |magazine: &Magazine, found: &(*mut (), u64)| {
        magazine.header.store(found.1, Release);
    };
    sequence(table, loads, commit).map_or(ptr::null_mut(), |(_, (object, _))| object)
}

/// # Safety
///
/// None is needed.
pub(crate) unsafe fn push(table: &Table, weight: u16, object: *mut ()) -> u64 {
    // Acquire, Release, all: the order of x86-64.
    let loads = |magazine: &Magazine, unless: &Unless| {
        let capacity = magazine.gate.load(Acquire) as u32;
        let header = magazine.header.load(Acquire);
        let length = header as u8 as u32;
        let Some(more) =
            header.checked_add(magazine::share(weight) + COUNTED).filter(|_| length < capacity)
        else {
            return Step::Fail;
        };
        let length = length as usize;
        // Relaxed, both: nobody looks there before the commit.
        let mut above = || {
            magazine.weights[length].store(weight, Relaxed);
            magazine.objects[length].store(object, Relaxed);
        };
        if unless(&mut above) { Step::Commit(more) } else { Step::Again }
    };
    let commit = |magazine: &Magazine, header: &u64| magazine.header.store(*header, Release);
    sequence(table, loads, commit).map_or(0, |(_, header)| header)
}

/// # Safety
///
/// None is needed.
pub(crate) unsafe fn close(table: &Table) -> Option<(*mut Magazine, u64)> {
    // Acquire, Release, all: the order of x86-64.
    let loads = |magazine: &Magazine, _: &Unless| {
        let gate = magazine.gate.load(Acquire);
        if gate & OPEN != 0 { Step::Commit(gate) } else { Step::Fail }
    };
    // An exchange, for loom orders a store against a collector's exchange only if it is one, too. Release, as
    // the store.
    let commit = |magazine: &Magazine, _: &u64| _ = magazine.gate.swap(HELD, Release);
    sequence(table, loads, commit)
}
