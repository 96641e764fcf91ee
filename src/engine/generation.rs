//! The cycle number; its parity says which side is primary: even, odd, even, and so on. The other side has the victims.
//!
//! Turning the generation moves no object: primaries become victims where they are. No thread waits for the turn. A
//! thread that still uses the old number puts its chain on the side of the victims, where it ages one cycle early.
//!
//! **Orderings.** Every access is `Relaxed`, because the number publishes nothing: chains are found through their slots.
//! Users rely on this: an object that is put after a cycle survives the next cycle (if one collector runs at a time; see
//! [`cycle`](super::cycle)). It follows from coherence alone: a put that happens-after the turn cannot read an older
//! number.

use crate::sys::atomic::AtomicU64;
use crate::sys::atomic::Ordering::Relaxed;

/// A side of the slots.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Even = 0,
    Odd = 1,
}

impl Side {
    fn of(cycle: u64) -> Self {
        if cycle % 2 == 0 { Side::Even } else { Side::Odd }
    }

    #[inline]
    pub(crate) fn other(self) -> Self {
        match self {
            Side::Even => Side::Odd,
            Side::Odd => Side::Even,
        }
    }
}

/// The cycle number of a pool.
#[derive(Default)]
pub(crate) struct Generation {
    cycle: AtomicU64,
}

impl Generation {
    /// Cycles completed so far.
    #[inline]
    pub(crate) fn cycle(&self) -> u64 {
        // Relaxed: see the module's orderings.
        self.cycle.load(Relaxed)
    }

    /// The side that objects go to now. The other side holds the victims.
    #[inline]
    pub(crate) fn primary(&self) -> Side {
        Side::of(self.cycle())
    }

    /// The side of the victims during `cycle`.
    #[inline]
    pub(crate) fn victim_of(cycle: u64) -> Side {
        Side::of(cycle).other()
    }

    /// Ends `cycle`. Of several collectors, one succeeds.
    pub(crate) fn turn(&self, cycle: u64) -> bool {
        // Relaxed: see the module's orderings. The exchange turns once.
        self.cycle.compare_exchange(cycle, cycle + 1, Relaxed, Relaxed).is_ok()
    }
}
