//! Counters. Statistics are sums over workers and slots; the fast path pays nothing for them.
//!
//! A hit in a magazine counts nothing, and the store that pushes an object also counts the put, in the magazine's header.
//! Each put adds one object to a magazine; one that finds no room counts as spilled at once. Each hit, each spilled and
//! each reclaimed object leaves one. So the sums over the workers give the hits: `puts - spilled - held - reclaimed`.
//! All other events are counted where they happen (section 9 of `docs/design.md`).
//!
//! The sums are exact when no other thread uses the pool. Otherwise they are close: they are read one after the other.

use super::{Engine, Worker};
use crate::stats::{Drops, Stats};
use crate::sys::atomic::AtomicU64;
use crate::sys::atomic::Ordering::Relaxed;

/// A counter that one thread at a time writes with plain stores, and any thread reads.
#[derive(Default)]
pub(crate) struct LocalCounter(AtomicU64);

impl LocalCounter {
    #[inline]
    pub(crate) fn get(&self) -> u64 {
        // Relaxed: a figure.
        self.0.load(Relaxed)
    }

    /// Sets the value. Only for the holder.
    #[inline]
    pub(crate) fn set(&self, n: u64) {
        // Relaxed: as in `add`.
        self.0.store(n, Relaxed);
    }

    /// Adds, and wraps, so that differences stay right. Only for the holder.
    #[inline]
    pub(crate) fn add(&self, n: u64) {
        // Relaxed: only the holder writes, and no thread relies on the order.
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
    }
}

/// A counter that any thread may change. Only off the fast path.
#[derive(Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    #[inline]
    pub(crate) fn get(&self) -> u64 {
        // Relaxed: a figure.
        self.0.load(Relaxed)
    }
    /// Adds, and returns the sum.
    #[inline]
    pub(crate) fn add(&self, n: u64) -> u64 {
        // Relaxed: a figure.
        self.0.fetch_add(n, Relaxed).wrapping_add(n)
    }
}

/// How an object came to a pool or left it, other than by a creation, a hit, a put that kept it, or a collector.
#[derive(Clone, Copy)]
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

/// How many objects had each outcome. One cache line. A worker gets one when it first needs it.
#[derive(Default)]
#[repr(align(64))]
pub(crate) struct Outcomes([Counter; Outcome::Overflowed as usize + 1]);

impl Outcomes {
    pub(crate) fn add(&self, outcome: Outcome, n: u64) {
        self.0[outcome as usize].add(n);
    }

    fn get(&self, outcome: Outcome) -> u64 {
        self.0[outcome as usize].get()
    }
}

/// Counters of the whole pool.
#[derive(Default)]
pub(crate) struct PoolCounters {
    /// Objects that collectors took from magazines.
    pub(crate) reclaimed: Counter,
    /// Objects that `reserve` created.
    pub(crate) reserved: Counter,
    /// Objects that `clear` and memory pressure dropped.
    pub(crate) cleared: Counter,
    /// Objects that `drain` took out.
    pub(crate) drained: Counter,
    /// Overflowed objects that a worker had counted as spilled.
    pub(crate) refused_by_workers: Counter,
    /// Objects that cycles took and dropped.
    pub(crate) aged_out: Counter,
}

impl Engine {
    /// How many objects of this engine had this outcome.
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

    /// How many objects are idle.
    pub(crate) fn idle(&self) -> usize {
        let held: u64 = self.workers.iter().map(|worker| worker.census().0).sum();
        (held + self.slots.census().objects) as usize
    }

    /// Adds all counters up.
    pub(crate) fn stats(&self) -> Stats {
        let counters = &self.counters;
        let sum =
            |figure: fn(&Worker) -> u64| self.workers.iter().map(figure).fold(0, u64::wrapping_add);
        let held = sum(|worker| worker.census().0);
        let held_bytes = sum(|worker| worker.census().1);
        let puts = sum(Worker::puts);
        let victim_hits = sum(|worker| worker.victim_hits.get());
        let slots = self.slots.census();
        // Not below zero: the parts may not fit together while other threads change them.
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
