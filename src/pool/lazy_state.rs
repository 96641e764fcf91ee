//! The state of a pool, made at its first use.
//!
//! There are two pointers, null before the first use. One is to the state, which stays until the pool is dropped. The
//! other is to the table that restartable sequences work on, so that a hit follows one pointer. It stays null where
//! there are no sequences.

use super::panics::Payload;
use super::state::{Evictor, State};
use crate::builder::Builder;
use crate::collector::registry;
use crate::engine::{Budget, Dropper};
use crate::sys::magazine::{self, Table};
use std::mem;
use std::ptr::{self, NonNull};
use std::sync::atomic::AtomicPtr;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Release};
use std::sync::{Arc, Weak};

/// The state of a pool, made at its first use.
pub(crate) struct LazyState {
    /// The first entry of the workers' table, or null.
    table: AtomicPtr<magazine::Entry>,
    /// From `Arc::into_raw`, or null before the first use.
    state: AtomicPtr<State>,
}

impl LazyState {
    /// Not made yet; allocates nothing.
    pub(crate) const fn new() -> Self {
        LazyState { table: AtomicPtr::new(ptr::null_mut()), state: AtomicPtr::new(ptr::null_mut()) }
    }

    /// The state, if the pool has been used.
    #[inline]
    pub(crate) fn get(&self) -> Option<&State> {
        // Acquire: pairs with the exchange in `open`.
        let state = self.state.load(Acquire);
        // SAFETY: a non-null pointer came from `Arc::into_raw`. Only `close` takes it back, with `&mut self`.
        unsafe { state.as_ref() }
    }

    /// The table that sequences work on. `None`: before the first use, or where there are no sequences.
    #[inline(always)]
    pub(crate) fn table(&self) -> Option<&Table> {
        // Acquire: pairs with the Release in `open`.
        let table = NonNull::new(self.table.load(Acquire))?;
        // SAFETY: the table of this pool's workers, which lives as long as the state.
        Some(unsafe { magazine::table_at(table) })
    }

    /// The state. Makes it if needed. `dropper` is for the type of the pool's objects.
    #[cold]
    #[inline(never)]
    pub(crate) fn open(
        &self,
        settings: &Builder,
        budget: Budget,
        evictor: Option<Arc<dyn Evictor>>,
        dropper: Dropper,
    ) -> &State {
        if let Some(state) = self.get() {
            return state;
        }
        let mut made = State::new(settings, budget, evictor, dropper);
        let made = Arc::new_cyclic(|this: &Weak<State>| {
            made.place = Some(registry::register(this.clone()));
            made
        });
        let raw = Arc::into_raw(made).cast_mut();
        // Release: publishes the state. Acquire: a loser uses the winner's state.
        match self.state.compare_exchange(ptr::null_mut(), raw, AcqRel, Acquire) {
            Ok(_) => {
                // SAFETY: `raw` is kept by `self.state` from now on.
                let state = unsafe { &*raw };
                if let Some(table) = state.engine.workers.table() {
                    // Release: publishes the table.
                    self.table.store(table.as_ptr().cast_mut(), Release);
                }
                state
            }
            Err(theirs) => {
                // SAFETY: `raw` was not published.
                let made = unsafe { Arc::from_raw(raw) };
                leave(&made);
                drop(made);
                // SAFETY: published by the winner, and kept as long as `self`.
                unsafe { &*theirs }
            }
        }
    }

    /// Leaves the registry and drops every idle object.
    #[inline(never)]
    pub(crate) fn close(&mut self) -> Result<(), Payload> {
        let state = mem::replace(self.state.get_mut(), ptr::null_mut());
        if state.is_null() {
            return Ok(());
        }
        // SAFETY: the pointer came from `Arc::into_raw` in `open`, and was just cleared.
        let state = unsafe { Arc::from_raw(state) };
        leave(&state);
        // SAFETY: `&mut self`: no thread uses the pool any more.
        unsafe { state.close() }.map(drop)
    }
}

/// Removes a pool from the registry.
fn leave(state: &State) {
    if let Some(place) = &state.place {
        // SAFETY: `open` registered it. This is called once: right after that if the state was not published, or when
        // `close` takes the state out.
        unsafe { place.leave() };
    }
}
