//! What has left the pool and is not dropped yet: the rest of a cycle on use.
//!
//! A `get` or a drop that runs a cycle frees a bounded number of objects; what is left waits here for the
//! next one. A stack of batches: anyone pushes, anyone takes all. Taking all by one exchange leaves no
//! room for ABA: no pointer is followed that another thread might free.

use crate::batch::Batch;
use crate::sync::atomic::AtomicPtr;
use crate::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::ptr;

/// One batch and what lies below it.
#[derive(Debug)]
struct Plot<T> {
    batch: Batch<T>,
    below: *mut Plot<T>,
}

/// The stack.
#[derive(Debug)]
pub(crate) struct Grave<T> {
    top: AtomicPtr<Plot<T>>,
}

impl<T> Grave<T> {
    pub(crate) fn new() -> Self {
        Grave {
            top: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// Adds a batch. Allocates a link.
    pub(crate) fn add(&self, batch: Batch<T>) {
        if batch.len() == 0 {
            return;
        }
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

    /// Takes one batch out; the others go back.
    pub(crate) fn take(&self) -> Option<Batch<T>> {
        // Relaxed: a look, to spare an exchange; what is missed waits.
        if self.top.load(Relaxed).is_null() {
            return None;
        }
        // Acquire: pairs with the Release in `add`.
        let top = self.top.swap(ptr::null_mut(), Acquire);
        let (first, mut rest) = unearth(top)?;
        while let Some((batch, below)) = unearth(rest) {
            self.add(batch);
            rest = below;
        }
        Some(first)
    }
}

/// The top batch of a stack that was taken out, and what lies below.
fn unearth<T>(top: *mut Plot<T>) -> Option<(Batch<T>, *mut Plot<T>)> {
    if top.is_null() {
        return None;
    }
    // SAFETY: `top` came from `Box::into_raw` in `add` and was taken out of the stack by an exchange,
    // so it is this thread's alone.
    let plot = unsafe { Box::from_raw(top) };
    Some((plot.batch, plot.below))
}

impl<T> Drop for Grave<T> {
    fn drop(&mut self) {
        while let Some(batch) = self.take() {
            drop(batch);
        }
    }
}
