//! Objects that were taken out of a pool and are to be dropped.
//!
//! Each is dropped separately, so that a panicking destructor affects no other object.

use super::panics::{Panics, Payload, caught, dispose};
use crate::engine::batch::Batch;
use crate::engine::counters::Counter;
use std::mem;

/// Objects that were taken out of a pool. Dropping this counts and drops them, also when a panic unwinds.
pub(crate) struct Taken<'a, T> {
    pub(super) objects: Batch<T>,
    counted: &'a Counter,
}

impl<'a, T> Taken<'a, T> {
    pub(super) fn new(counted: &'a Counter) -> Self {
        Taken { objects: Batch::new(), counted }
    }

    /// Counts the objects and returns them.
    pub(crate) fn into_objects(mut self) -> Batch<T> {
        self.count()
    }

    /// Counts and drops the objects. Returns how many.
    pub(super) fn drop_each(mut self) -> Result<usize, Payload> {
        let objects = self.count();
        let count = objects.len();
        drop_each(objects).map(|()| count)
    }

    fn count(&mut self) -> Batch<T> {
        self.counted.add(self.objects.len() as u64);
        mem::replace(&mut self.objects, Batch::new())
    }
}

impl<T> Drop for Taken<'_, T> {
    fn drop(&mut self) {
        drop_each(self.count()).unwrap_or_else(dispose);
    }
}

/// Drops every object, even if destructors panic. Returns the first panic.
pub(crate) fn drop_each<T>(mut objects: Batch<T>) -> Result<(), Payload> {
    let mut panics = Panics::default();
    while let Some(object) = objects.pop() {
        panics.keep(caught(|| {
            drop(object);
            Ok(())
        }));
    }
    panics.first()
}
