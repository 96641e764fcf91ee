//! Counts, read by summing workers; they cost the fast path nothing.
//!
//! A hit in a magazine counts nothing. A put is counted by the store that moves the object, in the magazine's header, and
//! everything that leaves the fast path is counted where it does. With, summed over the workers,
//!
//! * `puts` = objects given to workers; slots count those that go past,
//! * `spilled` = objects that went from the magazines below, less those that came up again,
//! * `held` = objects in magazines now, `reclaimed` = those that collectors took from there,
//!
//! each put adds one object to a magazine (one that finds no room spills at once), each that spills, is
//! called in, or is a hit takes one out. Hence `private_hits = puts - spilled - held - reclaimed`. Slots count their
//! puts and the hits of their own processor; what a thread finds elsewhere, creates or gets in vain is counted on the worker
//! of its processor.
//!
//! The sums are exact when no other thread uses the pool, and close otherwise: they are read one
//! after the other.
//!
//! A [`LocalCounter`] is written with plain stores by who holds the worker or the slot; a [`Counter`] by any thread, with a
//! read-modify-write, off the fast path. [`Outcomes`] is a block of counts for what happens seldom in most pools
//! (an object is dropped, adopted, released): a worker gets one when it first needs one.

use super::Engine;
use super::worker::Worker;
use crate::stats::{Drops, Stats};
use crate::sys::atomic::AtomicU64;
use crate::sys::atomic::Ordering::Relaxed;
use crate::sys::scale::SLOW_TICK;

/// A count that one thread at a time writes, with plain stores, and any thread reads.
#[derive(Default)]
pub(crate) struct LocalCounter(AtomicU64);

impl LocalCounter {
    #[inline]
    pub(crate) fn get(&self) -> u64 {
        // Relaxed: a figure.
        self.0.load(Relaxed)
    }

    /// Says what it is from now on; for the holder only.
    #[inline]
    pub(crate) fn set(&self, n: u64) {
        // Relaxed: as in `add`.
        self.0.store(n, Relaxed);
    }

    /// Adds to the count; wraps, so that a difference of local counters stays right. For the
    /// holder only: what two threads add at once is lost in part.
    #[inline]
    pub(crate) fn add(&self, n: u64) {
        // Relaxed: only the holder writes, and nobody concludes anything from the order.
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
    }
}

/// A count that any thread may change. Off the hot path only.
#[derive(Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    #[inline]
    pub(crate) fn get(&self) -> u64 {
        // Relaxed: a figure.
        self.0.load(Relaxed)
    }
    /// Adds; the sum.
    #[inline]
    pub(crate) fn add(&self, n: u64) -> u64 {
        // Relaxed: a figure.
        self.0.fetch_add(n, Relaxed).wrapping_add(n)
    }
}

/// Tells one of many who count something that it is time to look at the clock.
#[derive(Default)]
pub(crate) struct Ticker(AtomicU64);

impl Ticker {
    /// Whether it is for the caller to look, now that there are so many: [`SLOW_TICK`] or more since the last look, and
    /// nobody else was told.
    #[inline]
    pub(crate) fn is_due(&self, count: u64) -> bool {
        // Relaxed, both: the exchange decides who looks, and nothing is published.
        let looked = self.0.load(Relaxed);
        let others_have_looked = (count.wrapping_sub(looked) as i64) < SLOW_TICK as i64;
        !others_have_looked && self.0.compare_exchange(looked, count, Relaxed, Relaxed).is_ok()
    }
}

/// How an object came to a pool or left it, otherwise than by creation, a hit, a put that kept it, or
/// a collector.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
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

/// How many outcomes there are.
const OUTCOMES: usize = Outcome::Overflowed as usize + 1;

/// How often each outcome has befallen objects: a cache line.
#[derive(Default)]
#[repr(align(64))]
pub(crate) struct Outcomes([Counter; OUTCOMES]);

impl Outcomes {
    pub(crate) fn add(&self, outcome: Outcome, n: u64) {
        self.0[outcome as usize].add(n);
    }

    fn get(&self, outcome: Outcome) -> u64 {
        self.0[outcome as usize].get()
    }
}

/// What is counted for the whole pool, not for a worker.
#[derive(Default)]
pub(crate) struct PoolCounters {
    /// Objects that collectors took from magazines.
    pub(crate) reclaimed: Counter,
    /// Created ahead, by `reserve`.
    pub(crate) reserved: Counter,
    /// Objects that `clear` and memory pressure dropped.
    pub(crate) cleared: Counter,
    /// Objects that `drain` took out.
    pub(crate) drained: Counter,
    /// Of the overflowed, those that a worker had counted as spilled.
    pub(crate) refused_by_workers: Counter,
    /// Objects that cycles took and dropped.
    pub(crate) aged_out: Counter,
}

impl<T> Engine<T> {
    /// How often a outcome has befallen objects of this engine.
    fn outcome(&self, outcome: Outcome) -> u64 {
        let theirs = self.workers.iter().filter_map(|worker| worker.outcomes.get());
        theirs.map(|outcomes| outcomes.get(outcome)).sum()
    }

    fn drops(&self) -> Drops {
        Drops {
            refused: self.outcome(Outcome::Refused),
            too_big: self.outcome(Outcome::TooBig),
            by_hand: self.outcome(Outcome::Discarded),
            panicked: self.outcome(Outcome::Panicked),
            disabled: self.outcome(Outcome::Disabled),
            over_budget: self.outcome(Outcome::Overflowed),
            aged: self.counters.aged_out.get(),
            cleared: self.counters.cleared.get(),
        }
    }

    /// Sums everything up.
    pub(crate) fn stats(&self) -> Stats {
        let counters = &self.counters;
        let sum = |figure: fn(&Worker<T>) -> u64| {
            self.workers.iter().map(figure).fold(0, u64::wrapping_add)
        };
        let held = sum(|worker| worker.census().0);
        let held_bytes = sum(|worker| worker.census().1);
        let puts = sum(Worker::puts);
        let victim_hits = sum(|worker| worker.victim_hits.get());
        let slots = self.slots.census();
        // Signed, and never below zero: read while others work, the parts may not fit together.
        let difference = |plus: u64, minus: u64| (plus.wrapping_sub(minus) as i64).max(0) as u64;
        let spilled = sum(|worker| worker.spilled.get());
        let left = spilled.wrapping_add(held + counters.reclaimed.get());
        let private_hits = difference(puts, left);
        let steals = sum(|worker| worker.stolen.get());
        let made = sum(|worker| worker.created.get());
        let creates = made + counters.reserved.get();
        let drops = self.drops();
        let gone = drops.total() + self.outcome(Outcome::Released) + counters.drained.get();
        let idle_bytes = u128::from(held_bytes) + slots.bytes;
        Stats {
            gets: private_hits + slots.hits + steals + victim_hits + made,
            private_hits,
            local_hits: slots.hits,
            steals,
            victim_hits,
            creates,
            puts: difference(puts + slots.puts, counters.refused_by_workers.get()),
            discarded: drops.refused
                + drops.too_big
                + drops.by_hand
                + drops.panicked
                + drops.disabled,
            overflowed: drops.over_budget,
            aged_out: drops.aged,
            cleared: drops.cleared,
            drops,
            live: difference(creates + self.outcome(Outcome::Adopted), gone) as usize,
            idle: (held + slots.objects) as usize,
            idle_bytes: usize::try_from(idle_bytes).unwrap_or(usize::MAX),
            workers: self.workers.iter().count(),
            cycles: self.generation.cycle(),
        }
    }
}
