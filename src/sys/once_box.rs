//! A box that is made at its first use, without a lock.

use super::atomic::AtomicPtr;
use super::atomic::Ordering::{AcqRel, Acquire};
use std::marker::PhantomData;
use std::ptr;

/// Null, or a box that stays until the `OnceBox` is dropped.
pub(crate) struct OnceBox<V> {
    pointer: AtomicPtr<V>,
    /// Neither `Send` nor `Sync`; the implementations below have the right bounds.
    owns: PhantomData<*mut V>,
}

// SAFETY: it owns the box.
unsafe impl<V: Send> Send for OnceBox<V> {}
// SAFETY: a shared one gives access to `&V`, and takes a `V` that another thread may drop.
unsafe impl<V: Send + Sync> Sync for OnceBox<V> {}

impl<V> OnceBox<V> {
    /// Not made yet.
    #[cfg(not(loom))]
    pub(crate) const fn new() -> Self {
        OnceBox { pointer: AtomicPtr::new(ptr::null_mut()), owns: PhantomData }
    }

    /// The same (loom's atomics have no `const` constructor).
    #[cfg(loom)]
    pub(crate) fn new() -> Self {
        OnceBox { pointer: AtomicPtr::new(ptr::null_mut()), owns: PhantomData }
    }

    /// The value, if it was made.
    #[inline]
    pub(crate) fn get(&self) -> Option<&V> {
        // Acquire: pairs with the Release in `make`.
        let pointer = self.pointer.load(Acquire);
        // SAFETY: a non-null pointer came from `Box::into_raw`, and is freed in `drop` only.
        unsafe { pointer.as_ref() }
    }

    /// The value; makes it first if needed. If several threads make one at once, one value stays.
    #[inline]
    pub(crate) fn get_or_make(&self, make: impl FnOnce() -> V) -> &V {
        self.get().unwrap_or_else(|| self.make(make))
    }

    #[cold]
    fn make(&self, make: impl FnOnce() -> V) -> &V {
        let made = Box::into_raw(Box::new(make()));
        // Release: publishes the value. Acquire: a loser uses the winner's value.
        match self.pointer.compare_exchange(ptr::null_mut(), made, AcqRel, Acquire) {
            // SAFETY: the box stays until `drop`.
            Ok(_) => unsafe { &*made },
            Err(theirs) => {
                // SAFETY: from `Box::into_raw` above, and not published.
                drop(unsafe { Box::from_raw(made) });
                // SAFETY: the winner published it, and it stays until `drop`.
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
