//! Every live pool of the process, for `collect_all` and the collector.
//!
//! A pool may leave while others turn its entry into a strong reference; nobody waits.
//!
//! Places are used again, through a free list: a Treiber stack over places that are never freed. Its head
//! carries a tag that counts up, so a place that comes and goes between a load and an exchange is noticed.

use super::idle_budget;
use crate::pool::taken::{Payload, first_of, go_on};
use crate::stats::{Collected, Stats};
use crate::sys::buckets::Buckets;
use crate::sys::chaos::point;
use arc_swap::ArcSwapOption;
use std::mem;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize};
use std::sync::{Arc, Weak};

/// What the process may ask of a pool whose type it does not know.
pub(crate) trait Member: Send + Sync {
    /// What its builder called it.
    fn name(&self) -> Option<&'static str>;
    /// What it has done and what it holds.
    fn stats(&self) -> Stats;
    /// Notes how often something was taken from it by now; how often since the last note.
    fn uses_since(&self, gets: u64) -> u64;
    /// Runs one cycle and drops what it took. The error is a destructor's panic.
    fn collect(&self) -> Result<Collected, Payload>;
    /// Drops every idle object.
    fn clear(&self) -> Result<usize, Payload>;
    /// Drops idle objects of about so many bytes.
    fn shrink(&self, bytes: u64) -> Result<usize, Payload>;
}

/// Where a pool stands in the roster.
#[derive(Debug)]
pub(crate) struct Place(usize);

struct Entry {
    member: ArcSwapOption<Weak<dyn Member>>,
    /// In the free list: the place below, plus one.
    below: AtomicU32,
}

impl Entry {
    fn new() -> Self {
        Entry {
            member: ArcSwapOption::empty(),
            below: AtomicU32::new(0),
        }
    }
}

struct Roster {
    entries: Buckets<Entry>,
    used: AtomicUsize,
    /// Upper half: the tag. Lower half: the top place plus one, or 0.
    free: AtomicU64,
}

static ROSTER: Roster = Roster {
    entries: Buckets::new(),
    used: AtomicUsize::new(0),
    free: AtomicU64::new(0),
};

/// Enters a pool. `None` when 2^23 pools are alive.
pub(crate) fn enter(member: Weak<dyn Member>) -> Option<Place> {
    let index = ROSTER.free_place()?;
    let entry = ROSTER.entries.get_or_grow(index, Entry::new)?;
    point("roster: entered");
    entry.member.store(Some(Arc::new(member)));
    Some(Place(index))
}

/// Removes a pool. To be called once for a place.
pub(crate) fn exit(&Place(index): &Place) {
    if let Some(entry) = ROSTER.entries.get(index) {
        entry.member.store(None);
        ROSTER.release_place(index);
    }
}

/// Runs one cycle on every live pool of the process.
///
/// Pools that other threads make or drop meanwhile may or may not take part. A pool that has not
/// been used yet has nothing to age and is not known here. Takes time in proportion to the number
/// of workers of all pools, and to what must be dropped.
///
/// # Panics
///
/// If the destructor of a dropped object panics, with that panic, once all pools are done.
///
/// ```
/// use stealpool::Pool;
///
/// static LINES: Pool<String> = Pool::new(String::new);
/// static BYTES: Pool<Vec<u8>> = Pool::new(Vec::new);
///
/// drop((LINES.get(), BYTES.get()));
/// assert_eq!((LINES.idle(), BYTES.idle()), (1, 1));
/// stealpool::collect_all();
/// stealpool::collect_all();
/// assert_eq!((LINES.idle(), BYTES.idle()), (0, 0));
/// ```
pub fn collect_all() -> Collected {
    let mut sum = Collected::default();
    let mut first = Ok(());
    for member in members() {
        match member.collect() {
            Ok(collected) => sum += collected,
            Err(payload) => first = first_of(first, Err(payload)),
        }
    }
    let mut over = Ok(());
    sum.dropped += idle_budget::enforce(|_, payload| {
        over = first_of(mem::replace(&mut over, Ok(())), Err(payload));
    });
    first = first_of(first, over);
    first.unwrap_or_else(go_on);
    sum
}

/// The pools that are alive when it comes to them, one after the other.
pub(crate) fn members() -> impl Iterator<Item = Arc<dyn Member>> {
    // Acquire: pairs with the AcqRel in `free_place`.
    let places = 0..ROSTER.used.load(Acquire);
    places.filter_map(|index| ROSTER.member_at(index))
}

impl Roster {
    fn member_at(&self, index: usize) -> Option<Arc<dyn Member>> {
        let member = self.entries.get(index)?.member.load();
        member.as_ref()?.upgrade()
    }

    fn free_place(&self) -> Option<usize> {
        // Acquire: pairs with the Release in `release_place`; `below` is written.
        let mut head = self.free.load(Acquire);
        while let Some(index) = (head as u32).checked_sub(1) {
            let place = self.entries.get(index as usize)?;
            // Relaxed: a stale value loses the exchange, by the tag.
            let below = place.below.load(Relaxed);
            let next = next_tag(head) | u64::from(below);
            // Acquire: the next round reads `below` of a new top.
            match self
                .free
                .compare_exchange_weak(head, next, Acquire, Acquire)
            {
                Ok(_) => return Some(index as usize),
                Err(now) => head = now,
            }
        }
        // AcqRel: pairs with the Acquire in `members`.
        let index = self.used.fetch_add(1, AcqRel);
        if index >= <Buckets<Entry>>::CAPACITY {
            // Relaxed: only undoes the reservation.
            self.used.fetch_sub(1, Relaxed);
            return None;
        }
        Some(index)
    }

    fn release_place(&self, index: usize) {
        let Some(place) = self.entries.get(index) else {
            return;
        };
        // Relaxed: the exchange decides.
        let mut head = self.free.load(Relaxed);
        loop {
            // Relaxed: published by the exchange.
            place.below.store(head as u32, Relaxed);
            let next = next_tag(head) | (index as u64 + 1);
            // Release: publishes `below`.
            match self
                .free
                .compare_exchange_weak(head, next, Release, Relaxed)
            {
                Ok(_) => return,
                Err(now) => head = now,
            }
        }
    }
}

/// The upper half of a free-list head, one up.
fn next_tag(head: u64) -> u64 {
    ((head >> 32) as u32).wrapping_add(1) as u64 * (1 << 32)
}
