//! Every live pool of the process, for `collect_all` and the collector.
//!
//! An entry is a [`RefSlot`]'s content: a pool may leave while others turn its entry into a strong reference;
//! nobody waits, and no thread is made known to anything.
//!
//! Places are never freed, and used again: those without a pool are in a stack.

use super::idle_budget;
use crate::pool::taken::{Payload, first_of, go_on};
use crate::stats::{Collected, Stats};
use crate::sys::buckets::Buckets;
use crate::sys::chaos::point;
use crate::sys::ref_slot::RefSlot;
use crate::sys::stack::{Below, Top};
use std::mem;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
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
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place(usize);

struct Entry {
    slot: RefSlot<Weak<dyn Member>>,
    /// While there is no pool.
    below: Below,
}

impl Entry {
    fn new() -> Self {
        Entry { slot: RefSlot::new(), below: Below::new(0) }
    }
}

struct Roster {
    entries: Buckets<Entry>,
    used: AtomicUsize,
    /// Places without a pool.
    free: Top,
}

static ROSTER: Roster =
    Roster { entries: Buckets::new(), used: AtomicUsize::new(0), free: Top::new() };

/// Enters a pool. `None` when 2^30 pools are alive.
pub(crate) fn enter(member: Weak<dyn Member>) -> Option<Place> {
    let index = ROSTER.free_place()?;
    let entry = ROSTER.entries.get_or_grow(index, Entry::new)?;
    point("roster: entered");
    // SAFETY: the place is ours alone since it came off the free list, or was never used; it went there
    // after its last content had been taken out.
    unsafe { entry.slot.settle(member) };
    Some(Place(index))
}

/// Removes a pool.
///
/// # Safety
///
/// [`enter`] gave this place, and this is the one call for it.
pub(crate) unsafe fn exit(Place(index): Place) {
    let Some(entry) = ROSTER.entries.get(index) else {
        return;
    };
    // SAFETY: `enter` has settled it, and this is the one call of `exit` since.
    if unsafe { entry.slot.leave() }.is_some() {
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
        let entry = self.entries.get(index)?;
        let (member, left) = entry.slot.look(Weak::upgrade);
        if left.is_some() {
            self.release_place(index);
        }
        member.flatten()
    }

    fn free_place(&self) -> Option<usize> {
        let below = |index| Some(&self.entries.get(index)?.below);
        if let Some(index) = self.free.pop(below) {
            return Some(index);
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
        if let Some(entry) = self.entries.get(index) {
            self.free.push(index, &entry.below);
        }
    }
}
