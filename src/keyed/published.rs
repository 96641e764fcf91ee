//! A value that many read and few replace.
//!
//! Readers pin an epoch, and take no lock. **A value that was replaced** is dropped when no reader is left.
//! Its drop may run user code (in a map of pools, the end of a pool), and what crossbeam-epoch defers runs in
//! the middle of anything, even of itself, without end once a thread's locals are gone. So what is deferred
//! here only says that the value may go; the next replacement, or a sweep, drops it.

use crate::sys::stack::Stack;
use crossbeam_epoch::{self as epoch, Atomic, Owned, Shared as Pointer};
use std::sync::Arc;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicUsize};

/// The value, and those before it that readers may still look at.
pub(super) struct Published<V> {
    value: Atomic<V>,
    replaced: Stack<Replaced<V>>,
    /// How many more are to be replaced before the next sweep.
    waiting: AtomicUsize,
}

impl<V: Send + Sync> Published<V> {
    pub(super) fn new(value: V) -> Self {
        Published {
            value: Atomic::new(value),
            replaced: Stack::new(),
            waiting: AtomicUsize::new(0),
        }
    }

    pub(super) fn read<R>(&self, read: impl FnOnce(&V) -> R) -> R {
        let guard = epoch::pin();
        // Acquire: pairs with the AcqRel in `replace`; the value is built.
        let value = self.value.load(Acquire, &guard);
        // SAFETY: never null, and a value that was linked while we are pinned is not freed before we unpin.
        read(unsafe { value.deref() })
    }

    /// Replaces the value by what `change` makes of it, if anything; tries again when another thread was
    /// first.
    pub(super) fn replace<R>(&self, mut change: impl FnMut(&V) -> (Option<V>, R)) -> R {
        let guard = epoch::pin();
        let result = loop {
            // Acquire: as in `read`.
            let value = self.value.load(Acquire, &guard);
            // SAFETY: as in `read`.
            let (changed, result) = change(unsafe { value.deref() });
            let Some(changed) = changed else {
                return result;
            };
            // AcqRel: publishes the new value, and follows whoever published the old one. Acquire: the
            // next round reads theirs.
            let exchange =
                self.value
                    .compare_exchange(value, Owned::new(changed), AcqRel, Acquire, &guard);
            if exchange.is_ok() {
                let unread = Arc::new(AtomicBool::new(false));
                let replaced = Replaced {
                    value: value.as_raw().cast_mut(),
                    unread: Arc::clone(&unread),
                };
                // Release: pairs with the Acquire in `sweep`; the readers are done.
                guard.defer(move || unread.store(true, Release));
                self.replaced.add(replaced);
                break result;
            }
        };
        drop(guard);
        // Only after as many replacements as the last sweep has left values: none is looked at for ever,
        // however long a reader stays.
        // Relaxed, both: figures.
        let waiting = self.waiting.load(Relaxed);
        if waiting == 0 {
            self.sweep();
        } else {
            self.waiting.store(waiting - 1, Relaxed);
        }
        result
    }

    /// Drops the replaced values that nobody reads any more. All of them are taken out before one is
    /// dropped, for that may come back here.
    pub(super) fn sweep(&self) {
        // The epoch moves on by one each time, unless a reader is in its way; at the third, what was deferred
        // is done.
        (0..3).for_each(|_| epoch::pin().flush());
        let all = self.replaced.take_all().into_iter();
        // Acquire: pairs with the Release in `replace`.
        let (unread, read): (Vec<_>, Vec<_>) = all.partition(|old| old.unread.load(Acquire));
        // Relaxed: a figure.
        self.waiting.store(read.len(), Relaxed);
        read.into_iter().for_each(|old| self.replaced.add(old));
        drop(unread);
    }
}

impl<V> Drop for Published<V> {
    fn drop(&mut self) {
        // SAFETY: `&mut self`: nobody reads the value any more.
        let guard = unsafe { epoch::unprotected() };
        // Relaxed: as above.
        let value = self.value.swap(Pointer::null(), Relaxed, guard);
        if !value.is_null() {
            // SAFETY: linked until now, and unlinked by this.
            drop(unsafe { value.into_owned() });
        }
        // Nobody reads these either. A panic of one does not keep the others.
        drop(self.replaced.take_all());
    }
}

/// A value that was replaced, and whether all are gone who may have read it.
struct Replaced<V> {
    value: *mut V,
    unread: Arc<AtomicBool>,
}

// SAFETY: it owns the value, as a box would; the pointer is used by its drop alone.
unsafe impl<V: Send> Send for Replaced<V> {}

impl<V> Drop for Replaced<V> {
    fn drop(&mut self) {
        // SAFETY: the value was made by `Owned::new` and unlinked by the one exchange that made this. It is
        // dropped only once no reader is left: by `sweep`, or with the `Published` that readers borrow.
        drop(unsafe { Owned::from_raw(self.value) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn each_value_is_dropped_once_and_none_while_it_is_read() {
        struct Noted(u32, Arc<()>);
        impl Drop for Noted {
            fn drop(&mut self) {
                self.0 = u32::MAX;
            }
        }
        let alive = Arc::new(());
        let published = Published::new(Noted(0, Arc::clone(&alive)));
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for _ in 0..300 {
                        let next = |old: &Noted| (Some(Noted(old.0 + 1, Arc::clone(&old.1))), ());
                        published.replace(next);
                        assert!(published.read(|value| value.0) <= 900);
                    }
                });
            }
            scope.spawn(|| {
                for _ in 0..2_000 {
                    published.read(|value| {
                        let first = value.0;
                        thread::yield_now();
                        assert!(first == value.0 && first <= 900);
                    });
                }
            });
        });
        assert_eq!(published.read(|value| value.0), 900);
        published.sweep();
        drop(published);
        assert_eq!(Arc::strong_count(&alive), 1);
    }
}
