//! Every live pool of the process, for `collect_all` and the collector.
//!
//! An entry is a [`RefSlot`]'s content: a pool may leave while others turn its entry into a strong reference;
//! nobody waits, and no thread is made known to anything. Entries are in blocks of 64, which are never freed.
//!
//! **Invariant.** An entry whose bit of `vacant` is set has no content and is nobody's. Who clears the bit has the entry
//! to itself; whoever takes the content out sets it again. A process that is forked in between has lost one entry in
//! the child.

use super::idle_budget;
use crate::pool::panics::{Panics, Payload};
use crate::stats::{Collected, Stats};
use crate::sys::chaos::point;
use crate::sys::once_box::OnceBox;
use crate::sys::ref_slot::RefSlot;
use std::iter;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::{Arc, Weak};

/// What the process may ask of a pool whose type it does not know.
pub(crate) trait Member {
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

/// A pool of whatever type.
pub(crate) type AnyPool = dyn Member + Send + Sync;

/// Where a pool stands in the roster.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    block: &'static Block,
    index: u32,
}

/// Room for 64 pools, and for more.
struct Block {
    entries: [RefSlot<Weak<AnyPool>>; 64],
    /// A bit for each entry.
    vacant: AtomicU64,
    next: OnceBox<Block>,
}

static ROSTER: Block = Block::new();

/// Enters a pool. O(live pools / 64).
pub(crate) fn enter(member: Weak<AnyPool>) -> Place {
    let mut block = &ROSTER;
    loop {
        if let Some(index) = block.claim() {
            point("roster: entered");
            // SAFETY: the entry is ours alone since its bit was cleared; the bit was set after the last content had been
            // taken out.
            unsafe { block.entries[index as usize].settle(member) };
            return Place { block, index };
        }
        block = block.next.get_or_make(Block::new);
    }
}

/// Removes a pool.
///
/// # Safety
///
/// [`enter`] gave this place, and this is the one call for it.
pub(crate) unsafe fn exit(Place { block, index }: Place) {
    // SAFETY: `enter` has settled it, and this is the one call of `exit` since.
    if unsafe { block.entries[index as usize].leave() }.is_some() {
        block.vacate(index);
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
    let mut panics = Panics::default();
    for member in members() {
        sum += panics.keep(member.collect());
    }
    sum.dropped += idle_budget::enforce(|_, payload| panics.keep(Err(payload)));
    panics.resume();
    sum
}

/// The pools that are alive when it comes to them, one after the other.
pub(crate) fn members() -> impl Iterator<Item = Arc<AnyPool>> {
    let blocks = || iter::successors(Some(&ROSTER), |block| block.next.get());
    // Those that there are now: a destructor may make pools without end.
    let blocks = blocks().take(blocks().count());
    blocks.flat_map(|block| (0..u64::BITS).filter_map(|index| block.member(index)))
}

impl Block {
    const fn new() -> Self {
        Block {
            entries: [const { RefSlot::new() }; 64],
            vacant: AtomicU64::new(u64::MAX),
            next: OnceBox::new(),
        }
    }

    /// Takes a vacant entry.
    fn claim(&self) -> Option<u32> {
        // Relaxed: the exchange decides. Acquire: pairs with the Release in `vacate`.
        let claim = |vacant: u64| (vacant != 0).then(|| vacant & (vacant - 1));
        let before = self.vacant.fetch_update(Acquire, Relaxed, claim).ok()?;
        Some(before.trailing_zeros())
    }

    /// Gives an entry back whose content was taken out.
    fn vacate(&self, index: u32) {
        // Release: the content was taken out before.
        self.vacant.fetch_or(1 << index, Release);
    }

    /// The pool of an entry, if it is alive.
    fn member(&self, index: u32) -> Option<Arc<AnyPool>> {
        // Relaxed: of pools that enter or leave meanwhile, either answer is true.
        if self.vacant.load(Relaxed) & 1 << index != 0 {
            return None;
        }
        let (member, left) = self.entries[index as usize].look(Weak::upgrade);
        if left.is_some() {
            self.vacate(index);
        }
        member.flatten()
    }
}
