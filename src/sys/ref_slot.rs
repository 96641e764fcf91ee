//! A place whose content may leave while others look at it: whoever goes last takes it out.
//!
//! ```text
//!               settle                 leave                  the last one out
//!   vacant ───────────────▶ settled ───────────────▶ leaving ───────────────────▶ vacant
//! ```
//!
//! The state and the number of those who look are one word, so a look is one addition to enter and one
//! subtraction to go. Nobody waits: who enters a place that is not settled touches nothing and goes again.
//!
//! **Invariant.** The content is there while the word says `SETTLED` or `LEAVING`. Only who entered while it
//! said `SETTLED` looks at it, and is counted for as long; only who turns `LEAVING` without a count into
//! nothing takes it out, and one exchange decides who that is. Every change of the word is a
//! read-modify-write, so all of them from `settle` on are one release sequence.

use super::Witness;
use super::atomic::AtomicUsize;
use super::atomic::Ordering::{Acquire, Relaxed, Release};
use super::chaos::point;
use std::cell::UnsafeCell;

/// Somebody may look.
const SETTLED: usize = 1;
/// Nobody new may look.
const LEAVING: usize = 2;
/// One who looks.
const LOOK: usize = 4;

/// Room for one `T`, looked at by many, left to nobody.
pub(crate) struct RefSlot<T> {
    word: AtomicUsize,
    content: UnsafeCell<Option<T>>,
    witness: Witness,
}

// SAFETY: looks give `&T` to several threads, and the last one out takes the `T` to another than put it in.
unsafe impl<T: Send + Sync> Sync for RefSlot<T> {}

impl<T> RefSlot<T> {
    /// A vacant one.
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
    /// The slot is vacant, its last content was taken out by what happens-before this, and no other call of
    /// `settle` overlaps.
    pub(crate) unsafe fn settle(&self, content: T) {
        point("registry: entered");
        self.witness.exclusive(|| {
            // SAFETY: nobody looks at a vacant slot's content, and the caller is the only one to settle.
            unsafe { *self.content.get() = Some(content) };
        });
        // Release: who finds it settled finds the content.
        self.word.fetch_add(SETTLED, Release);
    }

    /// Shows the content to `f`, if there is any. Also gives a content itself, if it left meanwhile and this
    /// was the last look at it; after a long stop on the way out that may be a later one than was shown. `f`
    /// must not panic: the content would never leave.
    pub(crate) fn look<R>(&self, f: impl FnOnce(&T) -> R) -> (Option<R>, Option<T>) {
        // Acquire: pairs with the Release in `settle`.
        let before = self.word.fetch_add(LOOK, Acquire);
        point("registry: looking");
        let seen = if before & SETTLED == 0 {
            None
        } else {
            // SAFETY: entered while it was settled and counted since, so the content stays, and nobody writes.
            let content = unsafe { &*self.content.get() };
            content.as_ref().map(f)
        };
        // Release: what was looked at is not taken out before.
        let after = self.word.fetch_sub(LOOK, Release) - LOOK;
        let left = (after == LEAVING).then(|| self.last_out());
        (seen, left.flatten())
    }

    /// Lets nobody new look, and takes the content out, unless somebody still looks who will.
    ///
    /// # Safety
    ///
    /// The slot is settled, and this is the one call of `leave` since.
    pub(crate) unsafe fn leave(&self) -> Option<T> {
        // Release: what the caller wrote elsewhere for this tenancy comes before what the next tenant writes there.
        let before = self.word.fetch_add(LEAVING - SETTLED, Release);
        point("registry: leaving");
        let left = (before == SETTLED).then(|| self.last_out());
        left.flatten()
    }

    /// Takes the content out, for one of those who saw that nobody looks any more.
    fn last_out(&self) -> Option<T> {
        // Acquire: pairs with the Release of all who looked. Relaxed: somebody came in meanwhile, or another
        // was faster; both say that it is not for us.
        self.word.compare_exchange(LEAVING, 0, Acquire, Relaxed).ok()?;
        self.witness.exclusive(|| {
            // SAFETY: of all who saw `LEAVING` alone, the exchange chose this one; nobody looks at what is not
            // settled, and nobody settles before this one has told.
            unsafe { (*self.content.get()).take() }
        })
    }
}
