//! How a pool finds its parts: two pointers, null until the first use.
//!
//! One leads to the interior: whoever is first publishes it, and it stays until the pool is dropped. The other
//! leads straight to the table that restartable sequences work on, so that a hit follows one pointer; it stays
//! null where there are no sequences.

use super::panics::Payload;
use super::state::{Interior, Relief};
use crate::builder::Builder;
use crate::collector::roster;
use crate::engine::budget::Budget;
use crate::sys::magazine::{self, Table};
use std::fmt;
use std::mem;
use std::ptr::{self, NonNull};
use std::sync::atomic::AtomicPtr;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Release};
use std::sync::{Arc, Weak};

/// How a pool finds its parts.
pub(crate) struct Link<T> {
    /// The first entry of the workers' table, or null.
    table: AtomicPtr<magazine::Entry>,
    /// From `Arc::into_raw`, or null before the first use.
    interior: AtomicPtr<Interior<T>>,
}

// SAFETY: a link owns an `Arc<Interior<T>>`, which moves `T`s between threads and never shares one:
// no `&T` leaves the engine. Two threads with a `&Link` can hand each other `T`s by value.
unsafe impl<T: Send> Sync for Link<T> {}
// SAFETY: as above; the objects inside go with the link.
unsafe impl<T: Send> Send for Link<T> {}

impl<T> Link<T> {
    /// A link to nothing; allocates nothing.
    pub(crate) const fn new() -> Self {
        Link { table: AtomicPtr::new(ptr::null_mut()), interior: AtomicPtr::new(ptr::null_mut()) }
    }

    /// The interior, if the pool has been used.
    #[inline]
    pub(crate) fn interior(&self) -> Option<&Interior<T>> {
        // Acquire: pairs with the exchange in `open`.
        let interior = self.interior.load(Acquire);
        // SAFETY: a non-null pointer came from `Arc::into_raw`, whose count is given back in
        // `close` only, by `&mut self`.
        unsafe { interior.as_ref() }
    }

    /// What restartable sequences work on. `None` before the first use, and where there are no sequences.
    #[inline(always)]
    pub(crate) fn table(&self) -> Option<&Table> {
        // Acquire: pairs with the Release in `open`; the table is built.
        let table = NonNull::new(self.table.load(Acquire))?;
        // SAFETY: the table of this pool's workers, which lives as long as the interior.
        Some(unsafe { magazine::table_at(table) })
    }
}

impl<T: Send + 'static> Link<T> {
    /// The interior; makes it on the first use.
    pub(crate) fn open(
        &self,
        settings: &Builder,
        budget: Budget,
        relief: Option<Arc<dyn Relief>>,
    ) -> &Interior<T> {
        if let Some(interior) = self.interior() {
            return interior;
        }
        let mut made = Interior::new(settings, budget, relief);
        let made = Arc::new_cyclic(|this: &Weak<Interior<T>>| {
            made.place = Some(roster::enter(this.clone()));
            made
        });
        let raw = Arc::into_raw(made).cast_mut();
        // Release: publishes the interior. Acquire: a loser uses the winner's.
        match self.interior.compare_exchange(ptr::null_mut(), raw, AcqRel, Acquire) {
            Ok(_) => {
                // SAFETY: `raw` is kept by `self.interior` from now on.
                let interior = unsafe { &*raw };
                if let Some(table) = interior.engine.workers.table() {
                    // Release: publishes the table.
                    self.table.store(table.as_ptr().cast_mut(), Release);
                }
                interior
            }
            Err(theirs) => {
                // SAFETY: `raw` was not published.
                let made = unsafe { Arc::from_raw(raw) };
                leave(&made);
                drop(made);
                // SAFETY: published by the winner, and kept as long as the link.
                unsafe { &*theirs }
            }
        }
    }
}

/// Removes a pool from the roster.
fn leave<T>(interior: &Interior<T>) {
    if let Some(place) = interior.place {
        // SAFETY: `open` entered it, and this is called once: for one that was not published, or when the
        // one that was is taken out.
        unsafe { place.leave() };
    }
}

impl<T> Link<T> {
    /// Leaves the roster and drops every idle object.
    pub(crate) fn close(&mut self) -> Result<(), Payload> {
        let interior = mem::replace(self.interior.get_mut(), ptr::null_mut());
        if interior.is_null() {
            return Ok(());
        }
        // SAFETY: the pointer came from `Arc::into_raw` in `open`, and was just cleared.
        let interior = unsafe { Arc::from_raw(interior) };
        leave(&interior);
        // SAFETY: `&mut self`: no thread uses the pool any more.
        unsafe { interior.close() }.map(drop)
    }
}

impl<T> fmt::Debug for Link<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").finish_non_exhaustive()
    }
}
