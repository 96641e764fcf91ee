//! A slot with one value, which may be removed while others read it. The last one out takes the value.
//!
//! ```text
//!               settle                 leave                  the last one out
//!   vacant ───────────────▶ settled ───────────────▶ leaving ───────────────────▶ vacant
//! ```
//!
//! One word holds the state and the number of readers. So a reader adds once to enter and subtracts once to leave. Nobody
//! waits: a reader that finds the slot not settled reads nothing and leaves.
//!
//! **Invariant.** The content is present while the word is `SETTLED` or `LEAVING`. Only a reader that entered while the
//! word was `SETTLED` reads the content, and it is counted meanwhile. Only the thread whose exchange turns `LEAVING`
//! without readers into 0 takes the content out. Every change of the word is a read-modify-write, so all changes from
//! `settle` on are one release sequence.

use super::Witness;
use super::atomic::AtomicUsize;
use super::atomic::Ordering::{Acquire, Relaxed, Release};
use super::chaos::point;
use std::cell::UnsafeCell;

/// The content may be read.
const SETTLED: usize = 1;
/// The content is to be removed; no new reader may read it.
const LEAVING: usize = 2;
/// One reader.
const LOOK: usize = 4;

/// A slot for one `T` with many readers.
pub(crate) struct RefSlot<T> {
    word: AtomicUsize,
    content: UnsafeCell<Option<T>>,
    witness: Witness,
}

// SAFETY: readers on several threads get `&T`, and the thread that takes the `T` out need not be the one that put it in.
unsafe impl<T: Send + Sync> Sync for RefSlot<T> {}

impl<T> RefSlot<T> {
    /// A vacant slot.
    #[cfg(not(loom))]
    pub(crate) const fn new() -> Self {
        RefSlot { word: AtomicUsize::new(0), content: UnsafeCell::new(None), witness: Witness {} }
    }

    /// The same (loom's atomics have no `const` constructor).
    #[cfg(loom)]
    pub(crate) fn new() -> Self {
        RefSlot {
            word: AtomicUsize::new(0),
            content: UnsafeCell::new(None),
            witness: Witness::default(),
        }
    }

    /// Puts the content in.
    ///
    /// # Safety
    ///
    /// The slot is vacant, taking its last content out happens-before this, and no other call of `settle` overlaps.
    pub(crate) unsafe fn settle(&self, content: T) {
        point("registry: entered");
        self.witness.exclusive(|| {
            // SAFETY: nobody reads the content of a vacant slot, and no other call of `settle` overlaps.
            unsafe { *self.content.get() = Some(content) };
        });
        // Release: pairs with the Acquire in `look`; publishes the content.
        self.word.fetch_add(SETTLED, Release);
    }

    /// Calls `f` on the content, if there is any. Also returns the content if it was removed meanwhile and this was its
    /// last reader. If this thread was preempted on its way out, that may be a later content than `f` saw. `f` must not
    /// panic: the content could never be removed.
    pub(crate) fn look<R>(&self, f: impl FnOnce(&T) -> R) -> (Option<R>, Option<T>) {
        // Acquire: pairs with the Release in `settle`.
        let before = self.word.fetch_add(LOOK, Acquire);
        point("registry: looking");
        let seen = if before & SETTLED == 0 {
            None
        } else {
            // SAFETY: entered while settled, and counted since. So the content stays, and nobody writes it.
            let content = unsafe { &*self.content.get() };
            content.as_ref().map(f)
        };
        // Release: pairs with the Acquire in `last_out`; the content is taken out after this read.
        let after = self.word.fetch_sub(LOOK, Release) - LOOK;
        let left = (after == LEAVING).then(|| self.last_out());
        (seen, left.flatten())
    }

    /// Allows no new reader, and takes the content out. If there are readers, the last of them takes it out.
    ///
    /// # Safety
    ///
    /// The slot is settled, and this is the only call of `leave` since.
    pub(crate) unsafe fn leave(&self) -> Option<T> {
        // Release: pairs with the Acquire in `last_out`. The caller's writes elsewhere come before those of the next
        // owner.
        let before = self.word.fetch_add(LEAVING - SETTLED, Release);
        point("registry: leaving");
        let left = (before == SETTLED).then(|| self.last_out());
        left.flatten()
    }

    /// Takes the content out, if this thread is the one to do so.
    fn last_out(&self) -> Option<T> {
        // Acquire: pairs with the Release of all readers. Relaxed: a new reader came, or another thread was first; either
        // way it is not for this thread.
        self.word.compare_exchange(LEAVING, 0, Acquire, Relaxed).ok()?;
        self.witness.exclusive(|| {
            // SAFETY: the exchange chose this thread. Nobody reads the content of a slot that is not settled, and nobody
            // settles it before this thread has returned the content.
            unsafe { (*self.content.get()).take() }
        })
    }
}
