//! Whether a collector runs in the background of this process, and how to wake it.
//!
//! At most one collector runs. While it runs, no user's thread does any ageing work. A forked child has no background
//! thread, so the process is part of the answer.

use crate::collector::signals::Signals;
use arc_swap::ArcSwapOption;
use std::process;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{AcqRel, Relaxed, Release};

/// The process whose collector runs, or 0.
static PROCESS: AtomicU32 = AtomicU32::new(0);
/// Those of its collector. A forked child finds its parent's here, and ignores them. (While a collector of its own begins,
/// one wake-up may go to the parent's. That is harmless.)
static SIGNALS: ArcSwapOption<Signals> = ArcSwapOption::const_empty();

/// Whether a collector runs.
pub(crate) fn runs() -> bool {
    // Relaxed: with an old answer, a thread ages a pool once too often, or a little later.
    match PROCESS.load(Relaxed) {
        0 => false,
        process => process == process::id(),
    }
}

/// A collector's claim on the process. Dropping it, also when a panic unwinds, lets users' threads do the ageing again.
pub(crate) struct Claim(());

impl Drop for Claim {
    fn drop(&mut self) {
        SIGNALS.store(None);
        // Release: pairs with the exchange in `begin`; a later collector comes after this one.
        PROCESS.store(0, Release);
    }
}

/// Claims the process for a collector. `None`: one runs already.
pub(crate) fn begin(signals: Arc<Signals>) -> Option<Claim> {
    // Relaxed: the exchange decides.
    let before = PROCESS.load(Relaxed);
    let here = process::id();
    // AcqRel: pairs with the Release in `drop`; this comes after what a former collector did.
    let free = before != here && PROCESS.compare_exchange(before, here, AcqRel, Relaxed).is_ok();
    free.then(|| {
        SIGNALS.store(Some(signals));
        Claim(())
    })
}

/// Wakes the collector, if one runs.
#[cold]
pub(crate) fn wake() {
    // In this order: a thread that finds a collector's signals here also sees its process.
    if let Some(signals) = &*SIGNALS.load() {
        if runs() {
            signals.wake();
        }
    }
}
