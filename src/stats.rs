//! The statistics of a pool.

use std::fmt;

/// A snapshot of a pool's statistics.
///
/// It is exact if no other thread uses the pool meanwhile, and close otherwise. Reading it is O(workers). A hit pays
/// nothing for it. [`Pool::stats`](crate::Pool::stats) has an example.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Stats {
    /// Objects lent, whether found or created.
    pub gets: u64,
    /// Objects found in the magazine of the thread's processor.
    pub private_hits: u64,
    /// Objects found in the slots of the thread's processor.
    pub local_hits: u64,
    /// Objects found by the search that follows: in slots of any processor, or, without sequences, in any magazine.
    pub steals: u64,
    /// Objects found among the victims. The next cycle would have dropped them.
    pub victim_hits: u64,
    /// Objects created by a `get` that found none, or by [`reserve`](crate::Pool::reserve).
    pub creates: u64,
    /// Objects given back and kept, including those of `reserve`.
    pub puts: u64,
    /// Objects dropped instead of kept: refused by the policy, too big, discarded by hand, given back while panicking, or
    /// pooling is off. See [`drops`](Self::drops).
    pub discarded: u64,
    /// Objects dropped because `max_idle` or `idle_bytes` was reached.
    pub overflowed: u64,
    /// Objects dropped by cycles.
    pub aged_out: u64,
    /// Objects dropped by [`clear`](crate::Pool::clear), under memory pressure, or because the process was over its
    /// budget.
    pub cleared: u64,
    /// Objects dropped, by reason.
    pub drops: Drops,
    /// Objects that belong to the pool now: lent and idle.
    pub live: usize,
    /// Objects idle now.
    pub idle: usize,
    /// The sum of their footprints, as each was when the object was given back.
    pub idle_bytes: usize,
    /// Workers: one for each processor on which the pool was used. With
    /// [`FastPath::Exchange`](crate::FastPath::Exchange), a processor may have several.
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
    /// [`Policy::recycle`](crate::Policy::recycle) returned `false`.
    pub refused: u64,
    /// The footprint was larger than [`max_object_bytes`](crate::Builder::max_object_bytes).
    pub too_big: u64,
    /// [`Guard::discard`](crate::Guard::discard).
    pub by_hand: u64,
    /// The object came back while the thread was panicking, or the policy panicked.
    pub panicked: u64,
    /// Pooling is off: `max_idle(0)`.
    pub disabled: u64,
    /// There was no room within [`max_idle`](crate::Builder::max_idle) or [`idle_bytes`](crate::Builder::idle_bytes).
    pub over_budget: u64,
    /// The object was unused for two cycles.
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

    /// The sum.
    pub fn total(&self) -> u64 {
        self.by_reason().iter().map(|(_, count)| count).sum()
    }
}

/// Implements `+=` by adding each field. A field that is left out does not compile.
macro_rules! add_fields {
    ($type:ident: $($field:ident)* $(, saturating $bytes:ident)?) => {
        /// Adds each figure, for the sum of several pools.
        impl std::ops::AddAssign for $type {
            fn add_assign(&mut self, other: Self) {
                let Self { $($field,)* $($bytes)? } = other;
                $(self.$field += $field;)*
                $(self.$bytes = self.$bytes.saturating_add($bytes);)?
            }
        }
    };
}

// Footprints come from policies, so their sum may overflow.
add_fields!(Stats: gets private_hits local_hits steals victim_hits creates puts discarded overflowed aged_out cleared
    drops live idle workers cycles, saturating idle_bytes);
add_fields!(Drops: refused too_big by_hand panicked disabled over_budget aged cleared);
add_fields!(Collected: aged dropped);

impl Stats {
    /// The share of gets that found an object, from 0 to 1. 0 if there was no get.
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

/// The result of a cycle.
///
/// [`Pool::collect`](crate::Pool::collect) has an example.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Collected {
    /// Objects still idle after the cycle. The next cycle drops them unless they are used.
    pub aged: usize,
    /// Objects that the cycle dropped.
    pub dropped: usize,
}
