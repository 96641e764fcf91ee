//! Counters: one thread's own, and everybody's.
//!
//! A [`Tally`] is written with plain stores by the one thread that owns it; a [`Count`] by any thread,
//! with a read-modify-write, off the hot path. [`Fates`] is a block of tallies for what happens seldom
//! in most pools (an object is dropped, adopted, released): a worker gets one when it first needs one.

use crate::sync::atomic::AtomicU64;
use crate::sync::atomic::Ordering::Relaxed;

/// A count that one thread writes with plain stores and any thread reads.
#[derive(Debug, Default)]
pub(crate) struct Tally(AtomicU64);

impl Tally {
    #[inline]
    pub(crate) fn get(&self) -> u64 {
        // Relaxed: a figure.
        self.0.load(Relaxed)
    }

    /// Adds to the count; wraps, so that a difference of tallies stays right. For its owner only: what
    /// two threads add at once is lost in part.
    #[inline]
    pub(crate) fn add(&self, n: u64) {
        // Relaxed: only the owner writes, and nobody concludes anything from the order.
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
    }
}

/// A count that any thread may change. Off the hot path only.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn get(&self) -> u64 {
        // Relaxed: a figure.
        self.0.load(Relaxed)
    }
    pub(crate) fn add(&self, n: u64) {
        // Relaxed: a figure.
        self.0.fetch_add(n, Relaxed);
    }
    pub(crate) fn subtract(&self, n: u64) {
        // Relaxed: a figure. Wraps; only sums of several counts are meaningful then.
        self.0.fetch_sub(n, Relaxed);
    }
}

/// How an object came to a pool or left it, otherwise than by creation, a hit, a put that kept it, or
/// a collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Came from outside, by `put` or `wrap`.
    Adopted,
    /// Went outside, by `into_inner`.
    Released,
    /// Dropped: the policy said so.
    Refused,
    /// Dropped: over `max_object_bytes`.
    TooBig,
    /// Dropped by hand.
    Discarded,
    /// Dropped: the thread was panicking, or the policy panicked.
    Panicked,
    /// Dropped: pooling is off.
    Disabled,
    /// Dropped: no room by `max_idle` or `idle_bytes`.
    Overflowed,
}

/// How many fates there are.
const FATES: usize = Fate::Overflowed as usize + 1;

/// One thread's count of each fate: a cache line of its own.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(crate) struct Fates([Tally; FATES]);

impl Fates {
    /// For the owner only, as [`Tally::add`].
    pub(crate) fn add(&self, fate: Fate, n: u64) {
        self.0[fate as usize].add(n);
    }

    pub(crate) fn get(&self, fate: Fate) -> u64 {
        self.0[fate as usize].get()
    }
}

/// Everybody's count of each fate.
#[derive(Debug, Default)]
pub(crate) struct SharedFates([Count; FATES]);

impl SharedFates {
    pub(crate) fn add(&self, fate: Fate, n: u64) {
        self.0[fate as usize].add(n);
    }

    pub(crate) fn get(&self, fate: Fate) -> u64 {
        self.0[fate as usize].get()
    }
}
