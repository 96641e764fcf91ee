//! Objects on their way out of a pool.
//!
//! Each is dropped for itself, so that a destructor that panics costs that object and no other.

use super::panics::{Panics, Payload, caught, dispose};
use crate::engine::batch::Batch;
use crate::engine::counters::Counter;
use std::mem;

/// Objects that were taken out of a pool. Counted and dropped, each for itself, by unwinding too.
pub(crate) struct Taken<'a, T> {
    pub(super) objects: Batch<T>,
    counted: &'a Counter,
}

impl<'a, T> Taken<'a, T> {
    pub(super) fn new(counted: &'a Counter) -> Self {
        Taken { objects: Batch::new(), counted }
    }

    /// Counts them, and gives them up.
    pub(crate) fn into_objects(mut self) -> Batch<T> {
        self.count()
    }

    /// Counts and drops them; how many.
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

/// Drops every object, whatever the destructors do. The first panic comes back.
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
