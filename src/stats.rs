//! Counts, read by summing workers; costs nothing to keep.
//!
//! A hit counts nothing. What comes into a private slot is counted there, and everything that leaves
//! the fast path is counted where it does. With, summed over the workers,
//!
//! * `arrivals` = puts, and `others`: chains that came up from below, and gets that found nothing,
//! * `descended` = objects that went from the private slots below, less those that came up again,
//! * `held` = objects in private slots now, `called_in` = those that collectors took from there,
//!
//! each put adds one object to a private slot (one that is turned away there goes below at once), each
//! that descends, is called in, or is a private hit takes one out. Hence `puts = arrivals - others`,
//! and `private hits = puts - descended - held - called_in`.
//!
//! The sums are exact when no other thread uses the pool, and close otherwise: they are read one
//! after the other.

use crate::engine::Engine;
use crate::sync::atomic::AtomicU64;
use crate::sync::atomic::Ordering::Relaxed;
use std::fmt;

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

/// What is counted for the whole pool, not for a worker.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Objects that collectors took from private slots.
    pub(crate) called_in: Count,
    /// Objects that collectors moved from private slots below.
    pub(crate) sunk: Count,
    /// Objects that collectors took from below the private slots.
    pub(crate) taken_below: Count,
    /// Bytes that went below the private slots otherwise than through a worker, less those taken.
    pub(crate) deep_bytes: Count,
    pub(crate) ownerless_hits: Count,
    pub(crate) ownerless_puts: Count,
    pub(crate) ownerless_created: Count,
    pub(crate) reserved: Count,
    pub(crate) discarded: Count,
    pub(crate) overflowed: Count,
    /// Of the overflowed, those that a worker had counted as descended.
    pub(crate) refused_by_workers: Count,
    pub(crate) aged_out: Count,
    pub(crate) fence_failures: Count,
}

/// A snapshot of what a pool has done and what it holds.
///
/// Exact when no other thread uses the pool meanwhile, close otherwise. Reading it takes time in
/// proportion to the number of workers; keeping it costs a hit nothing.
/// [`Pool::stats`](crate::Pool::stats) has an example.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Stats {
    /// Objects handed out, found or created: the hits below and the misses.
    pub gets: u64,
    /// Found in the thread's private slot.
    pub private_hits: u64,
    /// Found in the thread's own deque.
    pub local_hits: u64,
    /// Taken from another worker or from the shared store.
    pub steals: u64,
    /// Found among the victims, one cycle away from being dropped.
    pub victim_hits: u64,
    /// Objects created: by a `get` that found none, or ahead by [`reserve`](crate::Pool::reserve).
    pub creates: u64,
    /// Objects that were kept when they were given, those of `reserve` included.
    pub puts: u64,
    /// Objects dropped instead of kept: the policy said so, too big, discarded by hand, given back
    /// while panicking, or pooling is off.
    pub discarded: u64,
    /// Objects dropped because `max_idle` or `idle_bytes` was reached.
    pub overflowed: u64,
    /// Objects dropped by cycles.
    pub aged_out: u64,
    /// Objects idle now.
    pub idle: usize,
    /// Bytes they keep alive, by the policy's `footprint` when each was given.
    pub idle_bytes: usize,
    /// Workers: the peak number of threads that used the pool at the same time.
    pub workers: usize,
    /// Cycles completed.
    pub cycles: u64,
}

impl Stats {
    /// The share of gets that found an object, from 0 to 1; 0 when there was none.
    pub fn hit_rate(&self) -> f64 {
        if self.gets == 0 {
            return 0.0;
        }
        self.hits() as f64 / self.gets as f64
    }

    /// Gets that found an object.
    fn hits(&self) -> u64 {
        self.private_hits + self.local_hits + self.steals + self.victim_hits
    }
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} gets ({:.1} % hits: {} private, {} local, {} stolen, {} victim), {} created, \
             {} put, {} discarded, {} overflowed, {} aged out, {} idle ({} bytes), {} workers, \
             {} cycles",
            self.gets,
            self.hit_rate() * 100.0,
            self.private_hits,
            self.local_hits,
            self.steals,
            self.victim_hits,
            self.creates,
            self.puts,
            self.discarded,
            self.overflowed,
            self.aged_out,
            self.idle,
            self.idle_bytes,
            self.workers,
            self.cycles
        )
    }
}

/// What one cycle came to.
///
/// [`Pool::collect`](crate::Pool::collect) has an example.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Collected {
    /// Objects still idle after the cycle: one cycle older, and due at the next unless used.
    pub aged: usize,
    /// Objects that the cycle dropped.
    pub dropped: usize,
}

impl std::ops::AddAssign for Collected {
    fn add_assign(&mut self, other: Self) {
        self.aged += other.aged;
        self.dropped += other.dropped;
    }
}

impl<T> Engine<T> {
    /// Sums everything up.
    pub(crate) fn stats(&self) -> Stats {
        let ledger = &self.ledger;
        let mut sum = crate::worker::Tallies::default();
        let (mut held, mut held_bytes) = (0, 0);
        for worker in self.registry.iter() {
            sum += worker.tallies();
            let (objects, bytes) = worker.census();
            held += objects;
            held_bytes += bytes;
        }
        // Signed, and never below zero: read while others work, the parts may not fit together.
        let difference = |plus: u64, minus: u64| (plus.wrapping_sub(minus) as i64).max(0) as u64;
        let descended = sum.descended.wrapping_add(ledger.sunk.get());
        let given = difference(sum.arrivals, sum.others);
        let left = descended.wrapping_add(held + ledger.called_in.get());
        let private_hits = difference(given, left);
        let steals = sum.stolen + ledger.ownerless_hits.get();
        let creates = sum.created + ledger.ownerless_created.get();
        let overflowed = ledger.overflowed.get();
        let went_below = descended.wrapping_add(ledger.ownerless_puts.get());
        let left_below = sum.local_hits + steals + sum.victim_hits + ledger.taken_below.get();
        let below_bytes = sum.deep_bytes.wrapping_add(ledger.deep_bytes.get());
        Stats {
            gets: private_hits + sum.local_hits + steals + sum.victim_hits + creates,
            private_hits,
            local_hits: sum.local_hits,
            steals,
            victim_hits: sum.victim_hits,
            creates: creates + ledger.reserved.get(),
            puts: difference(
                given + ledger.ownerless_puts.get(),
                ledger.refused_by_workers.get(),
            ),
            discarded: ledger.discarded.get(),
            overflowed,
            aged_out: ledger.aged_out.get(),
            idle: (held + difference(went_below, left_below + ledger.refused_by_workers.get()))
                as usize,
            idle_bytes: held_bytes.saturating_add(difference(below_bytes, 0)) as usize,
            workers: self.registry.len(),
            cycles: self.generation.cycle(),
        }
    }
}
