//! Places that many may enter and leave while others look at what is there.
//!
//! A place is a [`RefSlot`]. Places are in blocks, which are never freed before the whole.
//!
//! **Invariant.** A place whose bit of `vacant` is set has no content and is nobody's. Who clears the bit has the place to
//! itself; whoever takes the content out sets it again. A process that is forked in between has lost one place in the
//! child.

use super::atomic::AtomicU64;
use super::atomic::Ordering::{Acquire, Relaxed, Release};
use super::once_box::OnceBox;
use super::ref_slot::RefSlot;
use std::iter;

/// Places in a block.
const PLACES: usize = if cfg!(loom) { 1 } else { 64 };
const ALL: u64 = u64::MAX >> (64 - PLACES);

/// Some places, and more.
pub(crate) struct Block<T> {
    places: [RefSlot<T>; PLACES],
    /// A bit for each place.
    vacant: AtomicU64,
    next: OnceBox<Block<T>>,
}

/// Where something has entered.
pub(crate) struct Place<'b, T> {
    block: &'b Block<T>,
    index: u32,
}

impl<T> Block<T> {
    /// Room for nothing but what it has room for by itself; allocates nothing.
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

    /// Puts something in. O(what is in / 64).
    pub(crate) fn enter(&self, content: T) -> Place<'_, T> {
        let mut block = self;
        loop {
            if let Some(index) = block.claim() {
                // SAFETY: the place is ours alone since its bit was cleared; the bit was set after the last content had been
                // taken out.
                unsafe { block.places[index as usize].settle(content) };
                return Place { block, index };
            }
            block = block.next.get_or_make(Block::new);
        }
    }

    /// What `look` makes of all that is in when it comes to it, one after the other. It must not panic.
    pub(crate) fn look<'b, R: 'b>(
        &'b self,
        look: impl Fn(&T) -> Option<R> + Copy + 'b,
    ) -> impl Iterator<Item = R> + 'b {
        // The blocks that there are now: who is looked at may make others enter, without end.
        let blocks = self.and_more().take(self.and_more().count());
        blocks.flat_map(move |block| {
            (0..PLACES as u32).filter_map(move |index| block.look_at(index, look))
        })
    }

    /// Takes a vacant place.
    fn claim(&self) -> Option<u32> {
        // Relaxed: the exchange decides. Acquire: pairs with the Release in `vacate`.
        let claim = |vacant: u64| (vacant != 0).then(|| vacant & (vacant - 1));
        let before = self.vacant.fetch_update(Acquire, Relaxed, claim).ok()?;
        Some(before.trailing_zeros())
    }

    /// Gives a place back whose content was taken out.
    fn vacate(&self, index: u32) {
        // Release: the content was taken out before.
        self.vacant.fetch_or(1 << index, Release);
    }

    fn look_at<R>(&self, index: u32, look: impl Fn(&T) -> Option<R>) -> Option<R> {
        // Relaxed: of what enters or leaves meanwhile, either answer is true.
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

impl<T> Clone for Place<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Place<'_, T> {}

impl<T> Place<'_, T> {
    /// Takes out what has entered, now or when the last one has looked.
    ///
    /// # Safety
    ///
    /// [`enter`](Block::enter) gave this place, and this is the one call for it.
    pub(crate) unsafe fn leave(self) {
        // SAFETY: `enter` has settled it, and this is the one call since.
        if unsafe { self.block.places[self.index as usize].leave() }.is_some() {
            self.block.vacate(self.index);
        }
    }
}
