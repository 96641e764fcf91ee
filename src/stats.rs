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
use crate::tally::{Count, Fate, SharedFates};
use std::fmt;

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
    /// What has become of objects in hands without a worker.
    pub(crate) fates: SharedFates,
    /// Objects that `clear` and memory pressure dropped.
    pub(crate) cleared: Count,
    /// Objects that `drain` took out.
    pub(crate) drained: Count,
    /// Of the overflowed, those that a worker had counted as descended.
    pub(crate) refused_by_workers: Count,
    /// Objects that cycles took and dropped.
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
    /// while panicking, or pooling is off. See [`drops`](Self::drops).
    pub discarded: u64,
    /// Objects dropped because `max_idle` or `idle_bytes` was reached.
    pub overflowed: u64,
    /// Objects dropped by cycles.
    pub aged_out: u64,
    /// Objects dropped by [`clear`](crate::Pool::clear), under memory pressure, or because the budget of
    /// the process was exceeded.
    pub cleared: u64,
    /// Why objects were dropped.
    pub drops: Drops,
    /// Objects that belong to the pool now: lent and idle.
    pub live: usize,
    /// Objects idle now, with those that a cycle on use has taken and not dropped yet: a call drops a
    /// bounded number, and leaves the others to later calls.
    pub idle: usize,
    /// Bytes they keep alive, by the policy's `footprint` when each was given.
    pub idle_bytes: usize,
    /// Workers: the peak number of threads that used the pool at the same time.
    pub workers: usize,
    /// Cycles completed.
    pub cycles: u64,
}

/// How many objects a pool has dropped, by reason.
///
/// ```
/// use stealpool::{Builder, Guard, Pool};
///
/// let pool: Pool<Vec<u8>> = Builder::new().max_object_bytes(1000).build(Vec::new);
/// pool.get().reserve(5000);
/// Guard::discard(pool.get());
/// let drops = pool.stats().drops;
/// assert_eq!((drops.too_big, drops.by_hand, drops.total()), (1, 1, 2));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Drops {
    /// [`Policy::recycle`](crate::Policy::recycle) said so.
    pub refused: u64,
    /// The footprint was over [`max_object_bytes`](crate::Builder::max_object_bytes).
    pub too_big: u64,
    /// [`Guard::discard`](crate::Guard::discard).
    pub by_hand: u64,
    /// Given back while the thread was panicking, or the policy panicked.
    pub panicked: u64,
    /// Pooling is off: `max_idle(0)`.
    pub disabled: u64,
    /// No room by [`max_idle`](crate::Builder::max_idle) or [`idle_bytes`](crate::Builder::idle_bytes).
    pub over_budget: u64,
    /// Not used for two cycles.
    pub aged: u64,
    /// [`Pool::clear`](crate::Pool::clear), memory pressure, or the budget of the process.
    pub cleared: u64,
}

impl Drops {
    /// Each reason by the name of its field, with its count.
    pub fn by_reason(&self) -> [(&'static str, u64); 8] {
        [
            ("refused", self.refused),
            ("too_big", self.too_big),
            ("by_hand", self.by_hand),
            ("panicked", self.panicked),
            ("disabled", self.disabled),
            ("over_budget", self.over_budget),
            ("aged", self.aged),
            ("cleared", self.cleared),
        ]
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.by_reason().iter().map(|(_, count)| count).sum()
    }
}

/// Adds figure by figure, for several pools together.
impl std::ops::AddAssign for Stats {
    fn add_assign(&mut self, other: Self) {
        self.gets += other.gets;
        self.private_hits += other.private_hits;
        self.local_hits += other.local_hits;
        self.steals += other.steals;
        self.victim_hits += other.victim_hits;
        self.creates += other.creates;
        self.puts += other.puts;
        self.discarded += other.discarded;
        self.overflowed += other.overflowed;
        self.aged_out += other.aged_out;
        self.cleared += other.cleared;
        self.drops += other.drops;
        self.live += other.live;
        self.idle += other.idle;
        self.idle_bytes += other.idle_bytes;
        self.workers += other.workers;
        self.cycles += other.cycles;
    }
}

impl std::ops::AddAssign for Drops {
    fn add_assign(&mut self, other: Self) {
        self.refused += other.refused;
        self.too_big += other.too_big;
        self.by_hand += other.by_hand;
        self.panicked += other.panicked;
        self.disabled += other.disabled;
        self.over_budget += other.over_budget;
        self.aged += other.aged;
        self.cleared += other.cleared;
    }
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
             {} put, {} discarded, {} overflowed, {} aged out, {} cleared, {} idle of {} ({} bytes), \
             {} workers, {} cycles",
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
            self.cleared,
            self.idle,
            self.live,
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
    /// How often a fate has befallen objects of this engine.
    fn fate(&self, fate: Fate) -> u64 {
        let workers = 0..self.registry.len();
        let theirs = workers.filter_map(|index| self.fates.get(index));
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
        let misses = sum.created + ledger.ownerless_created.get();
        let creates = misses + ledger.reserved.get();
        let drops = self.drops();
        let gone = drops.total() + self.fate(Fate::Released) + ledger.drained.get();
        let went_below = descended.wrapping_add(ledger.ownerless_puts.get());
        let left_below = sum.local_hits + steals + sum.victim_hits + ledger.taken_below.get();
        let below_bytes = sum.deep_bytes.wrapping_add(ledger.deep_bytes.get());
        Stats {
            gets: private_hits + sum.local_hits + steals + sum.victim_hits + misses,
            private_hits,
            local_hits: sum.local_hits,
            steals,
            victim_hits: sum.victim_hits,
            creates,
            puts: difference(
                given + ledger.ownerless_puts.get(),
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
            idle: (held + difference(went_below, left_below + ledger.refused_by_workers.get()))
                as usize,
            idle_bytes: held_bytes.saturating_add(difference(below_bytes, 0)) as usize,
            workers: self.registry.len(),
            cycles: self.generation.cycle(),
        }
    }
}
