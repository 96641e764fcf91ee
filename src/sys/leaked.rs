//! A value that is replaced now and then, and never freed.

use std::ptr;
use std::sync::atomic::AtomicPtr;
use std::sync::atomic::Ordering::{Acquire, Release};

/// Null, or a value that stays for ever; the one before it stays, too.
#[derive(Debug)]
pub(crate) struct Leaked<V: Sync + 'static> {
    value: AtomicPtr<V>,
}

impl<V: Sync> Leaked<V> {
    /// Nothing yet.
    pub(crate) const fn new() -> Self {
        Leaked {
            value: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// What is there, if anything was set.
    pub(crate) fn get(&self) -> Option<&'static V> {
        // Acquire: pairs with the Release in `set`; the value is built.
        let value = self.value.load(Acquire);
        // SAFETY: null, or leaked in `set`.
        unsafe { value.as_ref() }
    }

    /// Sets another one. The caller sees to it that this happens seldom.
    pub(crate) fn set(&self, value: V) -> &'static V {
        let value = Box::leak(Box::new(value));
        // Release: pairs with the Acquire in `get`.
        self.value.store(value, Release);
        value
    }
}
