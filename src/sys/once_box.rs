//! A box that is made when it is first needed, by whoever is first, without a lock.

use super::atomic::AtomicPtr;
use super::atomic::Ordering::{AcqRel, Acquire};
use std::marker::PhantomData;
use std::ptr;

/// Null, or a box that stays until the whole is dropped.
pub(crate) struct OnceBox<V> {
    pointer: AtomicPtr<V>,
    /// Neither `Send` nor `Sync` by itself, as the pointer is for any `V`.
    owns: PhantomData<*mut V>,
}

// SAFETY: the box goes with the whole.
unsafe impl<V: Send> Send for OnceBox<V> {}
// SAFETY: a shared one gives out `&V`, and takes in a `V` that another thread may drop.
unsafe impl<V: Send + Sync> Sync for OnceBox<V> {}

impl<V> OnceBox<V> {
    /// Nothing yet.
    #[cfg(not(loom))]
    pub(crate) const fn new() -> Self {
        OnceBox { pointer: AtomicPtr::new(ptr::null_mut()), owns: PhantomData }
    }

    /// The same (loom's atomics have no `const` constructor).
    #[cfg(loom)]
    pub(crate) fn new() -> Self {
        OnceBox { pointer: AtomicPtr::new(ptr::null_mut()), owns: PhantomData }
    }

    /// What is there, if it was made.
    #[inline]
    pub(crate) fn get(&self) -> Option<&V> {
        // Acquire: pairs with the Release in `make`; it is built.
        let pointer = self.pointer.load(Acquire);
        // SAFETY: a non-null pointer came from `Box::into_raw`, and is freed in `drop` only.
        unsafe { pointer.as_ref() }
    }

    /// What is there; made first if need be. Of several that are made at once, one stays.
    #[inline]
    pub(crate) fn get_or_make(&self, make: impl FnOnce() -> V) -> &V {
        self.get().unwrap_or_else(|| self.make(make))
    }

    #[cold]
    fn make(&self, make: impl FnOnce() -> V) -> &V {
        let made = Box::into_raw(Box::new(make()));
        // Release: publishes it. Acquire: a loser uses the winner's.
        match self.pointer.compare_exchange(ptr::null_mut(), made, AcqRel, Acquire) {
            // SAFETY: it stays until `drop`.
            Ok(_) => unsafe { &*made },
            Err(theirs) => {
                // SAFETY: not published.
                drop(unsafe { Box::from_raw(made) });
                // SAFETY: published by the winner, and stays until `drop`.
                unsafe { &*theirs }
            }
        }
    }
}

impl<V> Drop for OnceBox<V> {
    fn drop(&mut self) {
        // Acquire: pairs with the exchange in `make`.
        let pointer = self.pointer.load(Acquire);
        if !pointer.is_null() {
            // SAFETY: from `Box::into_raw`, and `&mut self` ends all use.
            drop(unsafe { Box::from_raw(pointer) });
        }
    }
}
