//! Whether a collector runs in the background of this process, and how to wake it.
//!
//! One at a time. While one runs, no user's thread does any ageing work. A forked child has no
//! background thread, whatever its parent had, so the process is part of the answer.

use crate::sys::doze::Doze;
use std::process;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{AcqRel, Relaxed, Release};
use std::sync::{Arc, Mutex, PoisonError};

/// The process whose collector runs, or 0.
static PROCESS: AtomicU32 = AtomicU32::new(0);
static DOZE: Doze = Doze::new();
static SLEEPER: Mutex<Option<Arc<dyn Wake>>> = Mutex::new(None);

/// Ends a sleep early.
pub(crate) trait Wake: Send + Sync {
    fn wake(&self);
}

/// Whether a collector runs.
pub(crate) fn runs() -> bool {
    // Relaxed: who sees an old answer ages a pool once too often, or not just now.
    match PROCESS.load(Relaxed) {
        0 => false,
        process => process == process::id(),
    }
}

/// Claims the process for a collector. `false`: one runs already.
pub(crate) fn begin(sleeper: Arc<dyn Wake>) -> bool {
    // Relaxed: the exchange decides.
    let before = PROCESS.load(Relaxed);
    let here = process::id();
    // AcqRel: comes after what a former collector did.
    let free = before != here
        && PROCESS
            .compare_exchange(before, here, AcqRel, Relaxed)
            .is_ok();
    if free {
        *SLEEPER.lock().unwrap_or_else(PoisonError::into_inner) = Some(sleeper);
    }
    free
}

/// Gives the process back. Users' threads do the ageing again.
pub(crate) fn end() {
    DOZE.get_up();
    *SLEEPER.lock().unwrap_or_else(PoisonError::into_inner) = None;
    // Release: a later collector comes after this one.
    PROCESS.store(0, Release);
}

/// Wakes the collector, if one runs.
pub(crate) fn wake() {
    let sleeper = SLEEPER.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(sleeper) = &*sleeper {
        sleeper.wake();
    }
}

/// To be called after an object was made and counted: who sleeps for want of objects is woken.
#[inline]
pub(crate) fn stir() {
    if DOZE.must_wake() {
        rouse();
    }
}

/// Never waits: whoever holds the lock wakes the collector too, or is about to start or end it.
#[cold]
fn rouse() {
    if let Ok(sleeper) = SLEEPER.try_lock() {
        if let Some(sleeper) = &*sleeper {
            sleeper.wake();
        }
    }
}

/// The collector may sleep without end, if it now finds no object anywhere.
pub(crate) fn lie_down() -> bool {
    DOZE.lie_down()
}

/// The collector is awake.
pub(crate) fn get_up() {
    DOZE.get_up();
}
