//! Any number of objects that left the pool together: to be dropped, or handed out one by one.
//!
//! Collecting them allocates nothing: they hang on their own links.

use super::object::{Chain, Node, Object};
use std::fmt;
use std::marker::PhantomData;
use std::mem;
use std::ptr::{self, NonNull};

/// A stack of objects of any height.
pub(crate) struct Batch<T> {
    /// Made by [`Object::link`], or null; the links below are, too.
    top: *mut Node<T>,
    count: usize,
    bytes: u64,
    owns: PhantomData<T>,
}

// SAFETY: a batch owns its objects as a `Vec<Box<T>>` would.
unsafe impl<T: Send> Send for Batch<T> {}
// SAFETY: a shared batch gives out nothing but its count.
unsafe impl<T> Sync for Batch<T> {}

impl<T> Batch<T> {
    /// No object.
    pub(crate) fn new() -> Self {
        Batch {
            top: ptr::null_mut(),
            count: 0,
            bytes: 0,
            owns: PhantomData,
        }
    }

    /// One object.
    pub(crate) fn of(object: Object<T>) -> Self {
        let mut batch = Batch::new();
        batch.add(Chain::of(object));
        batch
    }

    /// How many objects.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// What they weigh, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
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
        self.bytes = self.bytes.saturating_add(object.weight());
        self.top = object.link(self.top).as_ptr();
        self.count += 1;
    }

    /// Adds every object of `other`. Takes time in proportion to the smaller of the two.
    pub(crate) fn append(&mut self, mut other: Self) {
        if self.count < other.count {
            mem::swap(self, &mut other);
        }
        while let Some(object) = other.pop() {
            self.push(object);
        }
    }

    /// Takes at most `count` objects out.
    pub(crate) fn split(&mut self, count: usize) -> Self {
        let mut taken = Batch::new();
        while taken.count < count {
            let Some(object) = self.pop() else { break };
            taken.push(object);
        }
        taken
    }

    /// Takes one object out.
    pub(crate) fn pop(&mut self) -> Option<Object<T>> {
        let top = NonNull::new(self.top)?;
        // SAFETY: `top` came from `link`, and is replaced by what is below right here.
        let (object, below) = unsafe { Object::unlink(top) };
        self.top = below;
        self.count -= 1;
        self.bytes = self.bytes.saturating_sub(object.weight());
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
        batch.add(Chain::of(object()).preceded_by(object()));
        batch.add(Chain::of(object()));
        assert_eq!(batch.len(), 3);
        drop(batch.pop());
        assert_eq!((batch.len(), Rc::strong_count(&token)), (2, 3));
        drop(batch);
        assert_eq!(Rc::strong_count(&token), 1);
    }

    #[test]
    fn batches_are_joined_and_split_and_know_what_they_weigh() {
        let of = |weights: &[u64]| {
            let mut batch = Batch::new();
            for &weight in weights {
                batch.add(Chain::of(Object::new(weight).weighing(weight)));
            }
            batch
        };
        let weigh = |mut batch: Batch<u64>| {
            let mut values: Vec<u64> =
                std::iter::from_fn(|| batch.pop().map(Object::into_value)).collect();
            values.sort_unstable();
            assert_eq!((batch.len(), batch.bytes()), (0, 0));
            values
        };
        for (one, other) in [(&[1, 2][..], &[4, 8, 16][..]), (&[1, 2, 4], &[8, 16])] {
            let mut batch = of(one);
            batch.append(of(other));
            assert_eq!((batch.len(), batch.bytes()), (5, 31));
            let two = batch.split(2);
            assert_eq!((two.len(), batch.len()), (2, 3));
            assert_eq!(two.bytes() + batch.bytes(), 31);
            let mut all = weigh(two);
            all.extend(weigh(batch.split(9)));
            all.sort_unstable();
            assert_eq!(all, [1, 2, 4, 8, 16]);
            assert_eq!((batch.len(), batch.bytes()), (0, 0));
        }
    }
}
