//! Any number of objects that left the pool together: to be dropped, or handed out one by one.
//!
//! Collecting them allocates nothing: they hang on their own links.

use super::object::{Chain, Node, Object};
use std::fmt;
use std::marker::PhantomData;
use std::ptr::{self, NonNull};

/// A stack of objects of any height.
pub(crate) struct Batch<T> {
    /// Made by [`Object::link`], or null; the links below are, too.
    top: *mut Node<T>,
    count: usize,
    owns: PhantomData<T>,
}

// SAFETY: a batch owns its objects as a `Vec<Box<T>>` would.
unsafe impl<T: Send> Send for Batch<T> {}
// SAFETY: a shared batch gives out nothing but its count.
unsafe impl<T> Sync for Batch<T> {}

impl<T> Batch<T> {
    /// No object.
    pub(crate) fn new() -> Self {
        Batch { top: ptr::null_mut(), count: 0, owns: PhantomData }
    }

    /// How many objects.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Adds every object of `chain`.
    pub(crate) fn add(&mut self, chain: Chain<T>) {
        let mut rest = Some(chain);
        while let Some(chain) = rest {
            let (object, next) = chain.split();
            self.push(object);
            rest = next;
        }
    }

    fn push(&mut self, object: Object<T>) {
        self.top = object.link(self.top).as_ptr();
        self.count += 1;
    }

    /// Takes one object out.
    pub(crate) fn pop(&mut self) -> Option<Object<T>> {
        let top = NonNull::new(self.top)?;
        // SAFETY: `top` came from `link`, and is replaced by what is below right here.
        let (object, below) = unsafe { Object::unlink(top) };
        self.top = below;
        self.count -= 1;
        Some(object)
    }
}

impl<T> Drop for Batch<T> {
    fn drop(&mut self) {
        while self.pop().is_some() {}
    }
}

impl<T> fmt::Debug for Batch<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").field("len", &self.count).finish()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::rc::Rc;

    #[test]
    fn every_object_is_dropped_once() {
        let token = Rc::new(());
        let object = || Object::new(Rc::clone(&token));
        let mut batch = Batch::new();
        let two = Chain::of(object()).before(Chain::of(object()));
        batch.add(two.expect("light enough"));
        batch.add(Chain::of(object()));
        assert_eq!(batch.len(), 3);
        drop(batch.pop());
        assert_eq!((batch.len(), Rc::strong_count(&token)), (2, 3));
        drop(batch);
        assert_eq!(Rc::strong_count(&token), 1);
    }
}
