//! Append-only storage: entries never move, and nothing is freed before the whole.
//!
//! ```text
//!   bucket   0  1  2  3  4    5    6     7      8      ...
//!   index    0  1  2  3  4-5  6-7  8-11  12-15  16-23  ...     size doubles every second bucket
//! ```
//!
//! A bucket is allocated by whoever first needs it and published by one compare-exchange; a reader
//! needs no pin and no lock. Doubling every second bucket instead of every one wastes at most a
//! third of the entries, which counts when thousands of pools meet a hundred threads. The shape is
//! that of `thread_local` and of seize's `raw/tls`.

use super::atomic::AtomicPtr;
use super::atomic::Ordering::{AcqRel, Acquire};
use std::ptr;

/// How many buckets there are: room for 2^23 entries.
const BUCKETS: usize = 46;

/// An append-only array of `T` that grows without moving.
#[derive(Debug)]
pub(crate) struct Buckets<T> {
    heads: [AtomicPtr<T>; BUCKETS],
}

/// Where index `i` lives: its bucket, that bucket's size, and the offset in it.
fn place(i: usize) -> (usize, usize, usize) {
    if i < 2 {
        return (i, 1, 0);
    }
    let octave = i.ilog2() as usize;
    let size = size(2 * octave);
    let upper_half = (i >> (octave - 1)) & 1;
    (2 * octave + upper_half, size, i & (size - 1))
}

/// How many entries a bucket has.
fn size(bucket: usize) -> usize {
    1 << (bucket / 2).saturating_sub(1)
}

impl<T> Buckets<T> {
    /// Indices are below this.
    pub(crate) const CAPACITY: usize = 1 << (BUCKETS / 2);

    /// Storage without a bucket; allocates nothing.
    #[cfg(not(loom))]
    pub(crate) const fn new() -> Self {
        Buckets {
            heads: [const { AtomicPtr::new(ptr::null_mut()) }; BUCKETS],
        }
    }

    /// Storage without a bucket (loom's atomics have no `const` constructor).
    #[cfg(loom)]
    pub(crate) fn new() -> Self {
        Buckets {
            heads: std::array::from_fn(|_| AtomicPtr::new(ptr::null_mut())),
        }
    }

    /// The entry at `i`, if its bucket exists.
    #[inline]
    pub(crate) fn get(&self, i: usize) -> Option<&T> {
        let (bucket, _, offset) = place(i);
        // Acquire: pairs with the Release of the exchange in `get_or_grow`; the entries are built.
        let head = self.heads.get(bucket)?.load(Acquire);
        if head.is_null() {
            return None;
        }
        // SAFETY: a non-null head points to `size` entries of one boxed slice, and `offset < size`
        // by construction of `place`.
        let entry = unsafe { head.add(offset) };
        // SAFETY: the entries were initialised before the head was published, never move, and are
        // freed in `drop` only, which has `&mut self`; only `&T` is ever given out.
        Some(unsafe { &*entry })
    }

    /// The entry at `i`; makes its bucket first when there is none. `None` beyond [`CAPACITY`].
    ///
    /// [`CAPACITY`]: Self::CAPACITY
    pub(crate) fn get_or_grow(&self, i: usize, make: impl Fn() -> T) -> Option<&T> {
        if i >= Self::CAPACITY {
            return None;
        }
        if let Some(entry) = self.get(i) {
            return Some(entry);
        }
        let (bucket, size, _) = place(i);
        let fresh: Box<[T]> = (0..size).map(|_| make()).collect();
        let fresh = Box::into_raw(fresh);
        // Release: publishes the entries to every `get`. Acquire: a loser reads the winner's.
        let won = self.heads[bucket].compare_exchange(
            ptr::null_mut(),
            fresh.cast::<T>(),
            AcqRel,
            Acquire,
        );
        if won.is_err() {
            // SAFETY: `fresh` came from `Box::into_raw` above and was not published.
            drop(unsafe { Box::from_raw(fresh) });
        }
        self.get(i)
    }
}

impl<T> Drop for Buckets<T> {
    fn drop(&mut self) {
        for (bucket, head) in self.heads.iter().enumerate() {
            // Acquire: pairs with the exchange that published the bucket.
            let head = head.load(Acquire);
            if !head.is_null() {
                let slice = ptr::slice_from_raw_parts_mut(head, size(bucket));
                // SAFETY: `head` is the start of the boxed slice of this bucket's size that
                // `get_or_grow` published, and `&mut self` means that nobody reads it any more.
                drop(unsafe { Box::from_raw(slice) });
            }
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn places_are_dense_and_distinct() {
        let mut expected = (0, 0);
        for i in 0..100_000 {
            let (bucket, entries, offset) = place(i);
            assert_eq!((bucket, offset), expected, "index {i}");
            assert_eq!(entries, size(bucket));
            expected = if offset + 1 == entries {
                (bucket + 1, 0)
            } else {
                (bucket, offset + 1)
            };
        }
        let (last, entries, offset) = place(Buckets::<u8>::CAPACITY - 1);
        assert_eq!((last, offset), (BUCKETS - 1, entries - 1));
    }

    #[test]
    fn entries_never_move() {
        let buckets = Buckets::<u64>::new();
        assert!(buckets.get(0).is_none());
        let first: *const u64 = buckets.get_or_grow(0, || 7).unwrap();
        for i in 1..1000 {
            assert_eq!(*buckets.get_or_grow(i, || 7).unwrap(), 7);
        }
        assert!(std::ptr::eq(first, buckets.get(0).unwrap()));
        assert!(
            buckets
                .get_or_grow(Buckets::<u64>::CAPACITY, || 7)
                .is_none()
        );
    }
}
