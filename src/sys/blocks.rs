//! A growing set of entries. Threads add and remove entries while others read them.
//!
//! Each entry is in a [`RefSlot`]. Slots are in blocks, which are freed only with the whole set.
//!
//! **Invariant.** A slot whose bit in `vacant` is set is empty, and no thread uses it. The thread that clears the bit
//! owns the slot. The thread that takes the content out sets the bit again. If a process is forked in between, the
//! child loses one slot.

use super::atomic::AtomicU64;
use super::atomic::Ordering::{Acquire, Relaxed, Release};
use super::once_box::OnceBox;
use super::ref_slot::RefSlot;
use std::iter;

/// How many slots a block has.
const PLACES: usize = if cfg!(loom) { 1 } else { 64 };
const ALL: u64 = u64::MAX >> (64 - PLACES);

/// Some slots, and a link to more.
pub(crate) struct Block<T> {
    places: [RefSlot<T>; PLACES],
    /// One bit for each slot.
    vacant: AtomicU64,
    next: OnceBox<Block<T>>,
}

/// The slot of an entry.
pub(crate) struct Place<'b, T> {
    block: &'b Block<T>,
    index: u32,
}

impl<T> Block<T> {
    /// An empty set. Allocates nothing.
    #[cfg(not(loom))]
    pub(crate) const fn new() -> Self {
        Block {
            places: [const { RefSlot::new() }; PLACES],
            vacant: AtomicU64::new(ALL),
            next: OnceBox::new(),
        }
    }

    /// The same (loom's atomics have no `const` constructor).
    #[cfg(loom)]
    pub(crate) fn new() -> Self {
        Block {
            places: std::array::from_fn(|_| RefSlot::new()),
            vacant: AtomicU64::new(ALL),
            next: OnceBox::new(),
        }
    }

    fn and_more(&self) -> impl Iterator<Item = &Self> {
        iter::successors(Some(self), |block| block.next.get())
    }

    /// Adds an entry. O(number of entries / 64).
    pub(crate) fn enter(&self, content: T) -> Place<'_, T> {
        let mut block = self;
        loop {
            if let Some(index) = block.claim() {
                // SAFETY: `claim` cleared the bit, so this thread owns the slot. The bit was set after the last content
                // was taken out.
                unsafe { block.places[index as usize].settle(content) };
                return Place { block, index };
            }
            block = block.next.get_or_make(Block::new);
        }
    }

    /// Calls `look` on each entry, one after the other, and returns its results. `look` must not panic.
    pub(crate) fn look<'b, R: 'b>(
        &'b self,
        look: impl Fn(&T) -> Option<R> + Copy + 'b,
    ) -> impl Iterator<Item = R> + 'b {
        // Only the blocks that exist now: the caller may add entries in response, without end.
        let blocks = self.and_more().take(self.and_more().count());
        blocks.flat_map(move |block| {
            (0..PLACES as u32).filter_map(move |index| block.look_at(index, look))
        })
    }

    /// Claims a vacant slot.
    fn claim(&self) -> Option<u32> {
        // Relaxed: the exchange decides. Acquire: pairs with the Release in `vacate`.
        let claim = |vacant: u64| (vacant != 0).then(|| vacant & (vacant - 1));
        let before = self.vacant.fetch_update(Acquire, Relaxed, claim).ok()?;
        Some(before.trailing_zeros())
    }

    /// Returns a slot whose content was taken out.
    fn vacate(&self, index: u32) {
        // Release: pairs with the Acquire in `claim`. The content was taken out before.
        self.vacant.fetch_or(1 << index, Release);
    }

    fn look_at<R>(&self, index: u32, look: impl Fn(&T) -> Option<R>) -> Option<R> {
        // Relaxed: an entry that is added or removed meanwhile may be seen or not.
        if self.vacant.load(Relaxed) & 1 << index != 0 {
            return None;
        }
        let (seen, left) = self.places[index as usize].look(look);
        if left.is_some() {
            self.vacate(index);
        }
        seen.flatten()
    }
}

impl<T> Place<'_, T> {
    /// Removes the entry: now, or when its last reader is done.
    ///
    /// # Safety
    ///
    /// [`enter`](Block::enter) returned this place, and this is the only call for it.
    pub(crate) unsafe fn leave(&self) {
        // SAFETY: `enter` has settled the slot, and the caller calls this once.
        if unsafe { self.block.places[self.index as usize].leave() }.is_some() {
            self.block.vacate(self.index);
        }
    }
}
