//! Counts, read by summing workers; they cost the fast path nothing.
//!
//! A hit counts nothing. A put is counted by the store that moves the object, in the magazine's header, and
//! everything that leaves the fast path is counted where it does. With, summed over the workers,
//!
//! * `puts` = objects given, wherever they went,
//! * `descended` = objects that went from the magazines below, less those that came up again,
//! * `held` = objects in magazines now, `called_in` = those that collectors took from there,
//!
//! each put adds one object to a magazine (one that goes past it descends at once), each that descends, is
//! called in, or is a hit takes one out. Hence `hits = puts - descended - held - called_in`.
//!
//! The sums are exact when no other thread uses the pool, and close otherwise: they are read one
//! after the other.
//!
//! A [`Tally`] is written with plain stores by who holds the worker; a [`Count`] by any thread, with a
//! read-modify-write, off the fast path. [`Fates`] is a block of counts for what happens seldom in most pools
//! (an object is dropped, adopted, released): a worker gets one when it first needs one.

use super::Engine;
use super::held::Held;
use super::worker::Tallies;
use crate::stats::{Drops, Stats};
use crate::sys::atomic::AtomicU64;
use crate::sys::atomic::Ordering::Relaxed;

/// A count that one thread at a time writes, with plain stores, and any thread reads.
#[derive(Debug, Default)]
pub(crate) struct Tally(AtomicU64);

impl Tally {
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

    /// Adds to the count; wraps, so that a difference of tallies stays right. For the
    /// holder only: what two threads add at once is lost in part.
    #[inline]
    pub(crate) fn add(&self, n: u64) {
        // Relaxed: only the holder writes, and nobody concludes anything from the order.
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
    }
}

/// A count that any thread may change. Off the hot path only.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
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
    #[inline]
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

/// How often each fate has befallen objects: a cache line.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(crate) struct Fates([Count; FATES]);

impl Fates {
    pub(crate) fn add(&self, fate: Fate, n: u64) {
        self.0[fate as usize].add(n);
    }

    fn get(&self, fate: Fate) -> u64 {
        self.0[fate as usize].get()
    }
}

/// What is counted for the whole pool, not for a worker.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Objects that collectors took from magazines.
    pub(crate) called_in: Count,
    /// Objects that collectors moved from magazines below.
    pub(crate) sunk: Count,
    /// Objects that collectors took from below the magazines.
    pub(crate) taken_below: Count,
    /// Bytes that went below the magazines otherwise than through a worker, less those taken: of each weight the
    /// lower half, 32 bits. With the upper half, sums of figures that no machine has would overflow.
    deep_bytes: Count,
    /// The upper halves, of the workers' too.
    deep_units: Count,
    /// What threads without a worker found, gave and made; and what gets found at their second look.
    pub(crate) shared_hits: Count,
    pub(crate) shared_puts: Count,
    pub(crate) shared_created: Count,
    pub(crate) shared_misses: Count,
    /// Created ahead, by `reserve`.
    pub(crate) reserved: Count,
    /// What has become of objects in the hands of threads without a worker.
    pub(crate) fates: Fates,
    /// Objects that `clear` and memory pressure dropped.
    pub(crate) cleared: Count,
    /// Objects that `drain` took out.
    pub(crate) drained: Count,
    /// Of the overflowed, those that a worker had counted as descended.
    pub(crate) refused_by_workers: Count,
    /// Objects that cycles took and dropped.
    pub(crate) aged_out: Count,
}

/// The lower half of a weight has so many bits.
const HALF: u32 = 32;

fn lower_half(bytes: u64) -> u64 {
    bytes & ((1 << HALF) - 1)
}

impl Ledger {
    /// Counts bytes that went below the magazines otherwise than through a worker.
    pub(crate) fn add_deep(&self, bytes: u64) {
        self.deep_bytes.add(lower_half(bytes));
        self.add_upper_half(bytes);
    }

    /// Counts bytes that were taken from there.
    pub(crate) fn subtract_deep(&self, bytes: u64) {
        self.deep_bytes.subtract(lower_half(bytes));
        self.subtract_upper_half(bytes);
    }

    fn add_upper_half(&self, bytes: u64) {
        if bytes >> HALF > 0 {
            self.deep_units.add(bytes >> HALF);
        }
    }

    fn subtract_upper_half(&self, bytes: u64) {
        if bytes >> HALF > 0 {
            self.deep_units.subtract(bytes >> HALF);
        }
    }
}

impl<T> Engine<T> {
    /// Counts bytes that went below a worker's magazine.
    pub(super) fn add_deep(&self, me: &Held<'_, T>, bytes: u64) {
        me.worker().deep_bytes.add(lower_half(bytes));
        self.ledger.add_upper_half(bytes);
    }

    /// Counts bytes that came back from there.
    pub(super) fn subtract_deep(&self, me: &Held<'_, T>, bytes: u64) {
        me.worker().deep_bytes.add(lower_half(bytes).wrapping_neg());
        self.ledger.subtract_upper_half(bytes);
    }

    /// How often a fate has befallen objects of this engine.
    fn fate(&self, fate: Fate) -> u64 {
        let theirs = self.workers.iter().filter_map(|worker| worker.fates.get());
        self.ledger.fates.get(fate) + theirs.map(|fates| fates.get(fate)).sum::<u64>()
    }

    fn drops(&self) -> Drops {
        Drops {
            refused: self.fate(Fate::Refused),
            too_big: self.fate(Fate::TooBig),
            by_hand: self.fate(Fate::Discarded),
            panicked: self.fate(Fate::Panicked),
            disabled: self.fate(Fate::Disabled),
            over_budget: self.fate(Fate::Overflowed),
            aged: self.ledger.aged_out.get(),
            cleared: self.ledger.cleared.get(),
        }
    }

    /// Sums everything up.
    pub(crate) fn stats(&self) -> Stats {
        let ledger = &self.ledger;
        let mut sum = Tallies::default();
        let (mut held, mut held_bytes, mut workers) = (0, 0, 0);
        for worker in self.workers.iter() {
            sum += worker.tallies();
            let (objects, bytes) = worker.census();
            held += objects;
            held_bytes += bytes;
            workers += 1;
        }
        let slots = self.slots.census();
        // Signed, and never below zero: read while others work, the parts may not fit together.
        let difference = |plus: u64, minus: u64| (plus.wrapping_sub(minus) as i64).max(0) as u64;
        let descended = sum.descended.wrapping_add(ledger.sunk.get());
        let left = descended.wrapping_add(held + ledger.called_in.get());
        let private_hits = difference(sum.puts, left);
        let local_hits =
            sum.local_hits + difference(slots.puts, slots.objects.wrapping_add(slots.left));
        let steals = sum.stolen + ledger.shared_hits.get();
        let misses = sum.created + ledger.shared_created.get();
        let creates = misses + ledger.reserved.get();
        let drops = self.drops();
        let gone = drops.total() + self.fate(Fate::Released) + ledger.drained.get();
        let went_below = descended.wrapping_add(ledger.shared_puts.get() + slots.left);
        let left_below = sum.local_hits + steals + sum.victim_hits + ledger.taken_below.get();
        let lower = sum.deep_bytes.wrapping_add(ledger.deep_bytes.get()) as i64;
        let upper = ledger.deep_units.get() as i64;
        let below_bytes = (i128::from(upper) << HALF) + i128::from(lower);
        let idle_bytes =
            below_bytes.max(0) as u128 + u128::from(held_bytes) + u128::from(slots.bytes);
        Stats {
            gets: private_hits + local_hits + steals + sum.victim_hits + misses,
            private_hits,
            local_hits,
            steals,
            victim_hits: sum.victim_hits,
            creates,
            puts: difference(
                sum.puts + ledger.shared_puts.get() + slots.puts,
                ledger.refused_by_workers.get(),
            ),
            discarded: drops.refused
                + drops.too_big
                + drops.by_hand
                + drops.panicked
                + drops.disabled,
            overflowed: drops.over_budget,
            aged_out: drops.aged,
            cleared: drops.cleared,
            drops,
            live: difference(creates + self.fate(Fate::Adopted), gone) as usize,
            idle: (held
                + slots.objects
                + difference(went_below, left_below + ledger.refused_by_workers.get()))
                as usize,
            idle_bytes: usize::try_from(idle_bytes).unwrap_or(usize::MAX),
            workers,
            cycles: self.generation.cycle(),
        }
    }
}
