//! The iterator over idle objects that were taken out of a pool.

use crate::engine::{AnyObject, Batch, Object};
use crate::pool::panics::{drop_each, or_resume};
use std::fmt;
use std::marker::PhantomData;
use std::mem;

/// The idle objects of a pool, taken out by [`Pool::drain`](crate::Pool::drain).
///
/// Dropping this drops the objects that it has not returned.
pub struct Drain<T> {
    taken: Batch,
    owns: PhantomData<Box<T>>,
}

// SAFETY: it owns `T`s, so sending it sends them.
unsafe impl<T: Send> Send for Drain<T> {}
// SAFETY: a shared one gives access to nothing but the count.
unsafe impl<T> Sync for Drain<T> {}

impl<T> Drain<T> {
    /// # Safety
    ///
    /// All objects are `Object<T>`s without their type.
    pub(crate) unsafe fn new(taken: Batch) -> Self {
        Drain { taken, owns: PhantomData }
    }

    /// One of its objects.
    fn typed(object: AnyObject) -> Object<T> {
        // SAFETY: the contract of `new`.
        unsafe { object.typed() }
    }
}

impl<T> fmt::Debug for Drain<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Drain").field("taken", &self.taken).finish()
    }
}

/// Each object is dropped, whatever the destructor of another does.
impl<T> Drop for Drain<T> {
    fn drop(&mut self) {
        let rest = mem::replace(&mut self.taken, Batch::new());
        or_resume(drop_each(rest, |object| drop(Self::typed(object))));
    }
}

impl<T> Iterator for Drain<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.taken.pop().map(Self::typed).map(Object::into_value)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.taken.len(), Some(self.taken.len()))
    }
}

impl<T> ExactSizeIterator for Drain<T> {}
impl<T> std::iter::FusedIterator for Drain<T> {}
