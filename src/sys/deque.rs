//! crossbeam's work-stealing deque, shaped for the pool.
//!
//! [`Deque`] joins the two halves of a `crossbeam_deque` LIFO deque, because a pool keeps them in
//! one place: the owner's end ([`push`](Deque::push), [`pop`](Deque::pop)) and everybody's end
//! ([`steal`](Deque::steal)). The owner's end is `unsafe` to use, and opens only to
//! the engine, for who holds the worker.
//!
//! # No user code inside
//!
//! When a crossbeam deque grows or shrinks, its owner pins crossbeam-epoch's default collector in the
//! middle of the operation, and that collector runs what the whole process has deferred: destructors
//! of values in skip lists and caches, any closure, which may panic. So a deque here **never grows**: it is
//! full at [`ROOM`], and what does not fit goes to the shared store, which uses no epoch. It never shrinks
//! either, then, and retires no buffer. Because `ROOM` is a constant of another crate's, soundness does not
//! rest on it: whatever ran there would find the worker in other hands.
//!
//! A thief pins before it looks at anything, so what runs there runs outside.
//!
//! Under loom, the owner's end and the thieves' end are the *shipped* source of `crossbeam-deque`,
//! rewritten to loom's types by `loom-tests/build.rs`.
//!
//! The algorithm: Chase and Lev, *Dynamic circular work-stealing deque*, SPAA 2005; Lê, Pop, Cohen
//! and Zappa Nardelli, *Correct and efficient work-stealing for weak memory models*, PPoPP 2013.

use super::chaos::point;

#[cfg(not(loom))]
use crossbeam_deque::{Steal, Stealer, Worker};
#[cfg(loom)]
use model::{Steal, Stealer, Worker};

/// Elements in crossbeam's smallest buffer (`MIN_CAP`), and the most that a deque holds.
pub(crate) const ROOM: usize = if cfg!(loom) { 2 } else { 64 };

/// A deque whose owner's end is guarded by a contract instead of by a type.
pub(crate) struct Deque<E> {
    owner: Worker<E>,
    thieves: Stealer<E>,
}

// SAFETY: `Worker` is `!Sync` because two threads must not use the owner's end at once. That end is
// reached only through `push` and `pop`, whose contract forbids just that; `Stealer` is `Sync` for `E: Send` already.
unsafe impl<E: Send> Sync for Deque<E> {}

impl<E> std::fmt::Debug for Deque<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deque").finish_non_exhaustive()
    }
}

impl<E> Deque<E> {
    /// An empty deque. Allocates crossbeam's smallest buffer (64 elements).
    pub(crate) fn new() -> Self {
        let owner = Worker::new_lifo();
        let thieves = owner.stealer();
        Deque { owner, thieves }
    }

    /// Adds an element at the owner's end, or gives it back: the deque is full.
    ///
    /// # Safety
    ///
    /// The caller is the deque's one owner: no other thread's `push` or `pop` overlaps this one, and
    /// the previous one happens-before it.
    pub(crate) unsafe fn push(&self, element: E) -> Result<(), E> {
        if self.owner.len() >= ROOM {
            return Err(element);
        }
        point("deque: pushing");
        self.owner.push(element);
        Ok(())
    }

    /// Takes the newest element; `None` means empty.
    ///
    /// # Safety
    ///
    /// As for [`push`](Self::push).
    pub(crate) unsafe fn pop(&self) -> Option<E> {
        point("deque: popping");
        self.owner.pop()
    }

    /// Takes the oldest element, from any thread. `None` means empty: a lost race is tried again,
    /// and each loss is some other thread's success.
    pub(crate) fn steal(&self) -> Option<E> {
        point("deque: stealing");
        loop {
            match self.thieves.steal() {
                Steal::Success(element) => return Some(element),
                Steal::Empty => return None,
                Steal::Retry => {}
            }
        }
    }

    /// Whether the deque looks empty. Exact when nobody pushes or takes.
    pub(crate) fn is_empty(&self) -> bool {
        self.thieves.is_empty()
    }
}

/// Makes the pins of a whole sweep of steals cheap.
#[cfg(not(loom))]
pub(crate) fn pin() -> impl Sized {
    crossbeam_epoch::pin()
}

#[cfg(loom)]
pub(crate) use model::{free_retired, pin};

/// What stands in for crossbeam under loom.
#[cfg(loom)]
mod model {
    pub(super) use shipped::{Steal, Stealer, Worker};

    /// `crossbeam-deque/src/deque.rs`, rewritten by `loom-tests/build.rs`.
    #[allow(
        dead_code,
        unused_imports,
        missing_docs,
        unreachable_pub,
        missing_debug_implementations,
        unsafe_op_in_unsafe_fn,
        clippy::all,
        clippy::undocumented_unsafe_blocks,
        clippy::multiple_unsafe_ops_per_block,
        reason = "crossbeam's source, not ours"
    )]
    mod shipped {
        include!(concat!(env!("OUT_DIR"), "/deque.rs"));
    }

    pub(crate) use shipped::epoch_stand_in::drain as free_retired;

    /// Nothing: the deque pins for itself, and our pin must not lend the model a fence.
    pub(crate) fn pin() -> impl Sized {
        struct NoPin;
        NoPin
    }
}
