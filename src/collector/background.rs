//! Whether a collector runs in the background of this process, and how to wake it.
//!
//! One at a time. While one runs, no user's thread does any ageing work. A forked child has no
//! background thread, whatever its parent had, so the process is part of the answer.

use crate::sys::doze::Doze;
use crate::sys::leaked::Leaked;
use std::process;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{AcqRel, Relaxed, Release};
use std::sync::{Arc, Mutex, PoisonError};

/// The process whose collector runs, or 0.
static PROCESS: AtomicU32 = AtomicU32::new(0);
static DOZE: Doze = Doze::new();
static SLEEPER: Leaked<Sleeper> = Leaked::new();

type Sleeper = Mutex<Option<Arc<dyn Wake>>>;

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

/// A collector's claim on the process. Given back when dropped, by unwinding too: users' threads do the ageing
/// again.
pub(crate) struct Reign(());

impl Drop for Reign {
    fn drop(&mut self) {
        end();
    }
}

/// Claims the process for a collector. `None`: one runs already.
pub(crate) fn begin(sleeper: Arc<dyn Wake>) -> Option<Reign> {
    // Relaxed: the exchange decides.
    let before = PROCESS.load(Relaxed);
    let here = process::id();
    // AcqRel: comes after what a former collector did.
    let free = before != here
        && PROCESS
            .compare_exchange(before, here, AcqRel, Relaxed)
            .is_ok();
    free.then(|| {
        let reign = Reign(());
        let forked = before != 0;
        *whose(forked).lock().unwrap_or_else(PoisonError::into_inner) = Some(sleeper);
        reign
    })
}

/// Where the collector of this process is to be found. Made once a process and never freed: in a forked child,
/// the parent's lock may be in the hands of a thread that is not there.
fn whose(forked: bool) -> &'static Sleeper {
    let known = SLEEPER.get().filter(|_| !forked);
    known.unwrap_or_else(|| SLEEPER.set(Mutex::new(None)))
}

fn end() {
    DOZE.get_up();
    if let Some(sleeper) = SLEEPER.get() {
        *sleeper.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
    // Release: a later collector comes after this one.
    PROCESS.store(0, Release);
}

/// Wakes the collector, if one runs.
pub(crate) fn wake() {
    let Some(sleeper) = SLEEPER.get().filter(|_| runs()) else {
        return;
    };
    if let Some(sleeper) = &*sleeper.lock().unwrap_or_else(PoisonError::into_inner) {
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
    let sleeper = SLEEPER.get().and_then(|sleeper| sleeper.try_lock().ok());
    if let Some(sleeper) = sleeper.as_deref().and_then(Option::as_ref) {
        sleeper.wake();
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
