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

/// Where the collector of one process is to be found. A forked child makes its own: its parent's lock may be in the
/// hands of a thread that is not there.
struct Sleeper {
    process: u32,
    wake: Mutex<Option<Arc<dyn Wake>>>,
}

impl Sleeper {
    /// That of this process, if it has ever had a collector.
    fn here() -> Option<&'static Sleeper> {
        SLEEPER.get().filter(|known| known.process == process::id())
    }

    fn set(&self, wake: Option<Arc<dyn Wake>>) {
        *self.wake.lock().unwrap_or_else(PoisonError::into_inner) = wake;
    }
}

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
        let wake = Mutex::new(None);
        let made = || {
            SLEEPER.set(Sleeper {
                process: here,
                wake,
            })
        };
        Sleeper::here().unwrap_or_else(made).set(Some(sleeper));
        reign
    })
}

fn end() {
    DOZE.get_up();
    if let Some(sleeper) = Sleeper::here() {
        sleeper.set(None);
    }
    // Release: a later collector comes after this one.
    PROCESS.store(0, Release);
}

/// Wakes the collector, if one runs.
pub(crate) fn wake() {
    let Some(sleeper) = Sleeper::here() else {
        return;
    };
    if let Some(sleeper) = &*sleeper.wake.lock().unwrap_or_else(PoisonError::into_inner) {
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
    let sleeper = Sleeper::here().and_then(|sleeper| sleeper.wake.try_lock().ok());
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
