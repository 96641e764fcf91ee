//! How a pool finds its interior, and a thread its worker in it.
//!
//! The pool's own word is one pointer, null until the first use; whoever is first publishes an interior,
//! and it stays until the pool is dropped. A thread's worker is found by the pool's number in the
//! thread's own table (`current.rs`).

use crate::batch::Batch;
use crate::current;
use crate::interior::{Interior, Setup};
use crate::roster::{self, PoolId};
use crate::worker::{Owner, Worker};
use std::fmt;
use std::mem;
use std::ptr::{self, NonNull};
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use std::sync::atomic::{AtomicPtr, AtomicU64};
use std::sync::{Arc, Weak};

/// How a pool finds its interior, and a thread its worker in it.
pub(crate) struct Link<T> {
    /// A copy of the interior's number for the hot path, or 0 before any thread has a worker.
    id: AtomicU64,
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
        Link {
            id: AtomicU64::new(0),
            interior: AtomicPtr::new(ptr::null_mut()),
        }
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

    /// The calling thread's worker, if it is found at the first look: the hot path's way.
    #[inline(always)]
    pub(crate) fn owner(&self) -> Option<Owner<'_, T>> {
        // Relaxed: a thread takes its seat under a number after it has read that number.
        let worker = current::find(self.id.load(Relaxed))?;
        // SAFETY: the table has it under this pool's number.
        Some(unsafe { self.owner_of(worker) })
    }

    /// The calling thread's worker, if it has one.
    pub(crate) fn seated_owner(&self) -> Option<Owner<'_, T>> {
        // Relaxed: as in `owner`.
        let worker = current::probe(self.id.load(Relaxed))?;
        // SAFETY: as in `owner`.
        Some(unsafe { self.owner_of(worker) })
    }

    /// # Safety
    ///
    /// The calling thread's table has `worker` under this pool's number.
    #[inline(always)]
    unsafe fn owner_of(&self, worker: NonNull<()>) -> Owner<'_, T> {
        // SAFETY: no other pool ever has this number, so the pointer is to a worker of this pool's
        // engine, of this `T`. The engine lives as long as the link, which is borrowed for `'_`, and
        // its workers never move.
        let worker = unsafe { worker.cast::<Worker<T>>().as_ref() };
        // SAFETY: the seat is this thread's, and is given up when the tenancy ends.
        unsafe { worker.owner() }
    }
}

impl<T: Send + 'static> Link<T> {
    /// The interior; makes it on the first use.
    pub(crate) fn open(&self, setup: impl FnOnce() -> Setup) -> &Interior<T> {
        if let Some(interior) = self.interior() {
            return interior;
        }
        let made = Arc::new(Interior::new(setup()));
        let member: Weak<Interior<T>> = Arc::downgrade(&made);
        let id = roster::enter(member);
        made.number(id);
        let raw = Arc::into_raw(made).cast_mut();
        // Release: publishes the interior. Acquire: a loser uses the winner's.
        match self
            .interior
            .compare_exchange(ptr::null_mut(), raw, AcqRel, Acquire)
        {
            // SAFETY: `raw` is kept by `self.interior` from now on.
            Ok(_) => unsafe { &*raw },
            Err(theirs) => {
                if let Some(id) = id {
                    // SAFETY: entered above, and known to nobody else.
                    unsafe { roster::exit(id) };
                }
                // SAFETY: `raw` was not published.
                drop(unsafe { Arc::from_raw(raw) });
                // SAFETY: published by the winner, and kept as long as the link.
                unsafe { &*theirs }
            }
        }
    }

    /// The calling thread's worker; takes a seat when it has none. `None` while the thread ends, or
    /// if there is no room.
    #[cold]
    pub(crate) fn join(&self) -> Option<Owner<'_, T>> {
        if let Some(me) = self.seated_owner() {
            return Some(me);
        }
        let interior = self.interior()?;
        let id = interior.id();
        if id == 0 || current::is_ending() {
            return None;
        }
        // Relaxed: every thread writes the same number, and reads it again only to look at its own
        // table.
        self.id.store(id, Relaxed);
        let engine = &interior.engine;
        let (worker, tenancy) = engine.join()?;
        let raw = NonNull::from(worker).cast::<()>();
        if !current::sit(PoolId::from_raw(id), raw, worker.index(), tenancy) {
            engine.registry.leave(worker, tenancy);
            return None;
        }
        self.seated_owner()
    }
}

impl<T> Link<T> {
    /// Leaves the roster and takes every idle object out.
    pub(crate) fn close(&mut self) -> Batch<T> {
        let interior = mem::replace(self.interior.get_mut(), ptr::null_mut());
        if interior.is_null() {
            return Batch::new();
        }
        // SAFETY: the pointer came from `Arc::into_raw` in `open`, and was just cleared.
        let interior = unsafe { Arc::from_raw(interior) };
        let id = interior.id();
        if id != 0 {
            // SAFETY: the number that `open` was given; `&mut self` took the interior, so this is once.
            unsafe { roster::exit(PoolId::from_raw(id)) };
            current::forget(id);
        }
        interior.engine.close();
        interior.take_all()
    }
}

impl<T> fmt::Debug for Link<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
