//! What is to be dropped, but not now.
//!
//! A `get` or a drop that runs a cycle frees a bounded number of objects; what is left waits here for the
//! next one. So do the maps of a keyed pool that a reader may still look at. A stack: anyone pushes, anyone
//! takes all. Taking all by one exchange leaves no room for ABA: no pointer is followed that another thread
//! might free.

use crate::sync::atomic::AtomicPtr;
use crate::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::marker::PhantomData;
use std::ptr;

/// One thing and what lies below it.
#[derive(Debug)]
struct Plot<V> {
    batch: V,
    below: *mut Plot<V>,
}

/// The stack.
#[derive(Debug)]
pub(crate) struct Grave<V> {
    top: AtomicPtr<Plot<V>>,
    /// Neither `Send` nor `Sync` by itself, as the pointer is for any `V`.
    owns: PhantomData<*mut V>,
}

// SAFETY: what lies there goes with the whole, as a `Vec`'s entries.
unsafe impl<V: Send> Send for Grave<V> {}
// SAFETY: who shares it may put a `V` in and take another's out; no `&V` is ever given out.
unsafe impl<V: Send> Sync for Grave<V> {}

impl<V> Grave<V> {
    pub(crate) fn new() -> Self {
        Grave {
            top: AtomicPtr::new(ptr::null_mut()),
            owns: PhantomData,
        }
    }

    /// Adds one. Allocates a link.
    pub(crate) fn add(&self, batch: V) {
        // Relaxed: the exchange decides.
        let mut below = self.top.load(Relaxed);
        let plot = Box::into_raw(Box::new(Plot { batch, below }));
        // Release: pairs with the Acquire in `take`; the plot is built.
        while let Err(now) = self
            .top
            .compare_exchange_weak(below, plot, Release, Relaxed)
        {
            below = now;
            // SAFETY: nobody else knows of `plot` until the exchange succeeds.
            unsafe { (*plot).below = below };
        }
    }

    /// Whether there is nothing, at a glance.
    pub(crate) fn is_empty(&self) -> bool {
        // Relaxed: a look, to spare an exchange; what is missed waits.
        self.top.load(Relaxed).is_null()
    }

    /// Takes one out; the others go back.
    pub(crate) fn take(&self) -> Option<V> {
        if self.is_empty() {
            return None;
        }
        let (first, mut rest) = unearth(self.dig())?;
        while let Some((batch, below)) = unearth(rest) {
            self.add(batch);
            rest = below;
        }
        Some(first)
    }

    /// Everything, linked as it was; nobody else has it from now on.
    fn dig(&self) -> *mut Plot<V> {
        // Acquire: pairs with the Release in `add`.
        self.top.swap(ptr::null_mut(), Acquire)
    }

    /// Takes all out, the last one first.
    pub(crate) fn take_all(&self) -> Vec<V> {
        let mut top = self.dig();
        let next = || {
            let (found, below) = unearth(top)?;
            top = below;
            Some(found)
        };
        std::iter::from_fn(next).collect()
    }
}

/// The top of a stack that was taken out, and what lies below.
fn unearth<V>(top: *mut Plot<V>) -> Option<(V, *mut Plot<V>)> {
    if top.is_null() {
        return None;
    }
    // SAFETY: `top` came from `Box::into_raw` in `add` and was taken out of the stack by an exchange,
    // so it is this thread's alone.
    let plot = unsafe { Box::from_raw(top) };
    Some((plot.batch, plot.below))
}

impl<V> Drop for Grave<V> {
    fn drop(&mut self) {
        self.take_all().into_iter().for_each(drop);
    }
}
