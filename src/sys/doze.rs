//! A sleeper that must not miss the first work, and workers that pay nothing to wake it.
//!
//! A background collector sleeps without end while there is nothing to collect. Whoever makes the first
//! object must wake it, and creating must not cost a read-modify-write or a fence for that. So the price
//! is moved, as in [`membarrier`](super::membarrier):
//!
//! | worker | sleeper |
//! |---|---|
//! | makes the work visible (a count) | says that it sleeps |
//! | **light fence** | **heavy fence** |
//! | does anyone sleep? then wakes it, once | is there work? then does not sleep |
//!
//! One fence comes first. If the worker's does, the sleeper sees the work. If the sleeper's does, the
//! worker sees the sleeper.

use super::atomic::AtomicBool;
use super::atomic::Ordering::{AcqRel, Relaxed};
use super::membarrier::{heavy, light};

/// Whether somebody sleeps.
#[derive(Debug)]
pub(crate) struct Doze {
    asleep: AtomicBool,
}

impl Doze {
    #[cfg(not(loom))]
    pub(crate) const fn new() -> Self {
        Doze {
            asleep: AtomicBool::new(false),
        }
    }

    /// The same (loom's atomics have no `const` constructor).
    #[cfg(loom)]
    pub(crate) fn new() -> Self {
        Doze {
            asleep: AtomicBool::new(false),
        }
    }

    /// The sleeper lies down. It sees all work that was there before anyone could see it asleep, so it
    /// must look once more. `false`: it must not sleep, for a fence was refused.
    #[must_use]
    pub(crate) fn lie_down(&self) -> bool {
        // Relaxed: the heavy fence orders it before the look at the work.
        self.asleep.store(true, Relaxed);
        let fenced = heavy();
        if !fenced {
            self.get_up();
        }
        fenced
    }

    /// The sleeper is awake again.
    pub(crate) fn get_up(&self) {
        // Relaxed: at worst it is woken once more.
        self.asleep.store(false, Relaxed);
    }

    /// To be called after work was made visible. `true`: the caller must wake the sleeper; of several
    /// callers, one is told so.
    #[inline]
    pub(crate) fn must_wake(&self) -> bool {
        light();
        // Relaxed: the light fence orders it after the work.
        self.asleep.load(Relaxed) && self.rouse()
    }

    #[cold]
    fn rouse(&self) -> bool {
        // AcqRel: of several callers one finds `true`; nothing else is passed on.
        self.asleep.swap(false, AcqRel)
    }
}
