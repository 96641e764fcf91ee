//! Every live pool of the process, for `collect_all` and for threads that end.
//!
//! A pool is named by a number that is never used again: a serial number, with the place in the
//! roster in its high bits. Places are used again, through a free list. An entry is a [`Berth`]'s content:
//! a pool may leave while others turn its entry into a strong reference; nobody waits. No epoch is
//! pinned: a thread's first pin makes it a member of crossbeam-epoch's collector, which for a thread that
//! lives for twenty gets costs more than all of them.
//!
//! The free list is a Treiber stack over places that are never freed; its head carries a tag that
//! counts up, so a place that comes and goes between a load and an exchange is noticed.

use crate::idle_budget;
use crate::interior::{Payload, first_of, go_on};
use crate::stats::{Collected, Stats};
use crate::sync::berth::Berth;
use crate::sync::buckets::Buckets;
use crate::sync::chaos::point;
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
    /// Ends the calling thread's tenancy of a worker.
    fn leave(&self, index: usize, tenancy: u32);
}

/// A pool's number, never used again; 0 is no pool.
///
/// ```text
///   63        40 39                     5 4   0
///   ┌───────────┬────────────────────────┬─────┐
///   │   place   │         serial         │  0  │
///   └───────────┴────────────────────────┴─────┘
/// ```
///
/// Serial numbers count up by one, so the low bits of an id, shifted as they are, make the byte
/// offset of a seat in a thread's table (see [`current`](crate::current)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PoolId(u64);

impl PoolId {
    /// The low bits that are always zero.
    pub(crate) const SHIFT: u32 = 5;
    /// The place takes what is left: at most 2^23 pools live at a time, and 2^35 ever.
    const PLACE_SHIFT: u32 = 40;
    const MOST_SERIALS: u64 = 1 << (Self::PLACE_SHIFT - Self::SHIFT);

    fn new(serial: u64, place: usize) -> Option<Self> {
        let id = (place as u64) << Self::PLACE_SHIFT | serial << Self::SHIFT;
        (serial < Self::MOST_SERIALS).then_some(PoolId(id))
    }
    pub(crate) fn get(self) -> u64 {
        self.0
    }
    pub(crate) fn from_raw(raw: u64) -> Self {
        PoolId(raw)
    }
    fn place(self) -> usize {
        (self.0 >> Self::PLACE_SHIFT) as usize
    }
}

struct Entry {
    id: PoolId,
    member: Weak<dyn Member>,
}

struct Place {
    /// The tenant's number, or 0.
    id: AtomicU64,
    entry: Berth<Entry>,
    /// In the free list: the place below, plus one.
    below: AtomicU32,
}

impl Place {
    fn new() -> Self {
        Place {
            id: AtomicU64::new(0),
            entry: Berth::new(),
            below: AtomicU32::new(0),
        }
    }
}

struct Roster {
    places: Buckets<Place>,
    used: AtomicUsize,
    /// Upper half: the tag. Lower half: the top place plus one, or 0.
    free: AtomicU64,
    serial: AtomicU64,
}

static ROSTER: Roster = Roster {
    places: Buckets::new(),
    used: AtomicUsize::new(0),
    free: AtomicU64::new(0),
    serial: AtomicU64::new(1),
};

/// Enters a pool. `None` when 2^23 pools are alive, or 2^35 have been.
pub(crate) fn enter(member: Weak<dyn Member>) -> Option<PoolId> {
    let index = ROSTER.free_place()?;
    let place = ROSTER.places.get_or_grow(index, Place::new)?;
    point("roster: entered");
    // Relaxed: the read-modify-write alone makes it unique.
    let serial = ROSTER.serial.fetch_add(1, Relaxed);
    let Some(id) = PoolId::new(serial, index) else {
        // Relaxed: keeps a number that is out of range from ever wrapping.
        ROSTER.serial.fetch_sub(1, Relaxed);
        ROSTER.release_place(index);
        return None;
    };
    // SAFETY: the place is ours alone since it came off the free list, or was never used; it went there
    // after its last entry had been taken out.
    unsafe { place.entry.settle(Entry { id, member }) };
    // Release: a thread that reads this number finds the entry.
    place.id.store(id.get(), Release);
    Some(id)
}

/// Removes a pool.
///
/// # Safety
///
/// [`enter`] gave this number, and this is the one call for it.
pub(crate) unsafe fn exit(id: PoolId) {
    let Some(place) = ROSTER.places.get(id.place()) else {
        return;
    };
    // Relaxed: a reader may see the old number for a while. `leave` sees to it that the next tenant's
    // comes after this.
    place.id.store(0, Relaxed);
    // SAFETY: `enter` has settled it, and this is the one call of `exit` since.
    if unsafe { place.entry.leave() }.is_some() {
        ROSTER.release_place(id.place());
    }
}

/// Whether the pool of this number is alive.
pub(crate) fn is_live(id: PoolId) -> bool {
    // Relaxed: a pool seen alive may be gone right after anyway.
    ROSTER
        .places
        .get(id.place())
        .is_some_and(|place| place.id.load(Relaxed) == id.get())
}

/// A strong reference to a live pool.
pub(crate) fn find(id: PoolId) -> Option<Arc<dyn Member>> {
    ROSTER.member_at(id.place(), Some(id))
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
    places.filter_map(|index| ROSTER.member_at(index, None))
}

impl Roster {
    fn member_at(&self, index: usize, id: Option<PoolId>) -> Option<Arc<dyn Member>> {
        let place = self.places.get(index)?;
        let (member, left) = place.entry.look(|entry| {
            let meant = id.is_none_or(|id| id == entry.id);
            meant.then(|| entry.member.upgrade()).flatten()
        });
        if left.is_some() {
            self.release_place(index);
        }
        member.flatten()
    }

    fn free_place(&self) -> Option<usize> {
        // Acquire: pairs with the Release in `release_place`; `below` is written.
        let mut head = self.free.load(Acquire);
        while let Some(index) = (head as u32).checked_sub(1) {
            let place = self.places.get(index as usize)?;
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
        if index >= <Buckets<Place>>::CAPACITY {
            // Relaxed: only undoes the reservation.
            self.used.fetch_sub(1, Relaxed);
            return None;
        }
        Some(index)
    }

    fn release_place(&self, index: usize) {
        let Some(place) = self.places.get(index) else {
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
