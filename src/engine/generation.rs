//! The cycle number; its parity says which side is primary.
//!
//! ```text
//!   cycle     0           1           2
//!   primary   even        odd         even
//!   victim    odd         even        odd
//! ```
//!
//! Turning the generation moves no object: what was primary is now the victim, where it stands.
//! Nobody waits for the turn. A thread that still goes by the old number puts a chain into
//! what has become the victim, where it ages a cycle early, and that is all.
//!
//! **Orderings.** Every access is `Relaxed`, except that the turn is a read-modify-write: the number
//! publishes nothing (chains are found through their slots). What users rely on, that an
//! object put after a cycle survives the next one (while one collector runs at a time; see
//! [`cycle`](super::cycle)), follows from coherence alone: a put that
//! happens-after the turn cannot read an older number.

use crate::sys::atomic::AtomicU64;
use crate::sys::atomic::Ordering::Relaxed;

/// Which slots.
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
pub(crate) struct Generation {
    cycle: AtomicU64,
}

impl Generation {
    pub(crate) fn new() -> Self {
        Generation { cycle: AtomicU64::new(0) }
    }

    /// Cycles completed so far.
    #[inline]
    pub(crate) fn cycle(&self) -> u64 {
        // Relaxed: see the module's orderings.
        self.cycle.load(Relaxed)
    }

    /// Where objects go now; the other side holds the victims.
    #[inline]
    pub(crate) fn primary(&self) -> Side {
        Side::of(self.cycle())
    }

    /// The side that is emptied when `cycle` ends.
    #[inline]
    pub(crate) fn victim_of(cycle: u64) -> Side {
        Side::of(cycle).other()
    }

    /// Ends `cycle`, unless another collector has: of several, one succeeds.
    pub(crate) fn turn(&self, cycle: u64) -> bool {
        // Relaxed: see the module's orderings; the exchange makes the turn happen once.
        self.cycle.compare_exchange(cycle, cycle + 1, Relaxed, Relaxed).is_ok()
    }
}
