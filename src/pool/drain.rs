//! The iterator over idle objects that were taken out of a pool.

use crate::engine::{Batch, Object};
use crate::pool::panics::{drop_each, or_resume};
use std::mem;

/// The idle objects of a pool, taken out by [`Pool::drain`](crate::Pool::drain).
///
/// Dropping this drops the objects that it has not returned.
#[derive(Debug)]
pub struct Drain<T> {
    taken: Batch<T>,
}

impl<T> Drain<T> {
    pub(crate) fn new(taken: Batch<T>) -> Self {
        Drain { taken }
    }
}

/// Each object is dropped, whatever the destructor of another does.
impl<T> Drop for Drain<T> {
    fn drop(&mut self) {
        let rest = mem::replace(&mut self.taken, Batch::new());
        or_resume(drop_each(rest));
    }
}

impl<T> Iterator for Drain<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.taken.pop().map(Object::into_value)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.taken.len(), Some(self.taken.len()))
    }
}

impl<T> ExactSizeIterator for Drain<T> {}
impl<T> std::iter::FusedIterator for Drain<T> {}
