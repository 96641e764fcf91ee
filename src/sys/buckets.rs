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
//!
//! The heads of the first `NEAR` buckets are in the structure, room for 16 entries; those of all others in an
//! array that is made when one of them is needed, likewise by one compare-exchange. Most pools have few
//! workers, and would pay for 46 heads in each of six such structures.

use super::atomic::AtomicPtr;
use super::atomic::Ordering::{AcqRel, Acquire};
use std::marker::PhantomData;
use std::ptr;

/// How many buckets there are: room for 2^23 entries.
const BUCKETS: usize = 46;

/// An append-only array of `T` that grows without moving.
#[derive(Debug)]
pub(crate) struct Buckets<T, const NEAR: usize = 8> {
    near: [AtomicPtr<T>; NEAR],
    /// The heads of the other buckets, each where its number says; null until one is needed.
    far: AtomicPtr<Far<T>>,
    /// Neither `Send` nor `Sync` by itself, as the pointers are for any `T`.
    owns: PhantomData<*mut T>,
}

// SAFETY: the entries go with the whole, as a `Vec`'s.
unsafe impl<T: Send, const NEAR: usize> Send for Buckets<T, NEAR> {}
// SAFETY: a shared one gives out `&T`, and takes in a `T` that another thread may drop.
unsafe impl<T: Send + Sync, const NEAR: usize> Sync for Buckets<T, NEAR> {}

type Far<T> = [AtomicPtr<T>; BUCKETS];

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

impl<T, const NEAR: usize> Buckets<T, NEAR> {
    /// Indices are below this.
    pub(crate) const CAPACITY: usize = 1 << (BUCKETS / 2);

    /// Storage without a bucket; allocates nothing.
    #[cfg(not(loom))]
    pub(crate) const fn new() -> Self {
        Buckets {
            near: [const { AtomicPtr::new(ptr::null_mut()) }; NEAR],
            far: AtomicPtr::new(ptr::null_mut()),
            owns: PhantomData,
        }
    }

    /// Storage without a bucket (loom's atomics have no `const` constructor).
    #[cfg(loom)]
    pub(crate) fn new() -> Self {
        Buckets {
            near: std::array::from_fn(|_| AtomicPtr::new(ptr::null_mut())),
            far: AtomicPtr::new(ptr::null_mut()),
            owns: PhantomData,
        }
    }

    /// Where the head of a bucket is kept, if there is such a place yet.
    #[inline]
    fn head(&self, bucket: usize) -> Option<&AtomicPtr<T>> {
        if bucket < NEAR {
            return self.near.get(bucket);
        }
        // Acquire: pairs with the Release of the exchange in `head_or_grow`; the heads are null at least.
        let far = self.far.load(Acquire);
        // SAFETY: a non-null pointer is a boxed array that is freed in `drop` only, which has `&mut self`.
        unsafe { far.as_ref() }?.get(bucket)
    }

    /// Where the head of a bucket is kept; makes room for it first when there is none.
    fn head_or_grow(&self, bucket: usize) -> Option<&AtomicPtr<T>> {
        if let Some(head) = self.head(bucket) {
            return Some(head);
        }
        let heads: Far<T> = std::array::from_fn(|_| AtomicPtr::new(ptr::null_mut()));
        let fresh = Box::into_raw(Box::new(heads));
        // Release: publishes the heads. Acquire: a loser uses the winner's.
        let won = self
            .far
            .compare_exchange(ptr::null_mut(), fresh, AcqRel, Acquire);
        if won.is_err() {
            // SAFETY: `fresh` came from `Box::into_raw` above and was not published.
            drop(unsafe { Box::from_raw(fresh) });
        }
        self.head(bucket)
    }

    /// The entry at `i`, if its bucket exists.
    #[inline]
    pub(crate) fn get(&self, i: usize) -> Option<&T> {
        let (bucket, _, offset) = place(i);
        // Acquire: pairs with the Release of the exchange in `get_or_grow`; the entries are built.
        let head = self.head(bucket)?.load(Acquire);
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
        let head = self.head_or_grow(bucket)?;
        let fresh: Box<[T]> = (0..size).map(|_| make()).collect();
        let fresh = Box::into_raw(fresh);
        // Release: publishes the entries to every `get`. Acquire: a loser reads the winner's.
        let won = head.compare_exchange(ptr::null_mut(), fresh.cast::<T>(), AcqRel, Acquire);
        if won.is_err() {
            // SAFETY: `fresh` came from `Box::into_raw` above and was not published.
            drop(unsafe { Box::from_raw(fresh) });
        }
        self.get(i)
    }
}

/// Frees the entries of a bucket, if it was made.
///
/// # Safety
///
/// Nobody uses them any more, and this is the one call for this bucket.
unsafe fn free<T>(bucket: usize, head: &AtomicPtr<T>) {
    // Acquire: pairs with the exchange that published the bucket.
    let head = head.load(Acquire);
    if !head.is_null() {
        let slice = ptr::slice_from_raw_parts_mut(head, size(bucket));
        // SAFETY: `head` is the start of the boxed slice of this bucket's size that `get_or_grow`
        // published, and the caller says that nobody reads it any more.
        drop(unsafe { Box::from_raw(slice) });
    }
}

impl<T, const NEAR: usize> Drop for Buckets<T, NEAR> {
    fn drop(&mut self) {
        for (bucket, head) in self.near.iter().enumerate() {
            // SAFETY: `&mut self` ends all use, and each bucket comes once.
            unsafe { free(bucket, head) };
        }
        // Acquire: pairs with the exchange that published the array.
        let far = self.far.load(Acquire);
        if far.is_null() {
            return;
        }
        // SAFETY: a boxed array that `head_or_grow` published; `&mut self` ends all use.
        let far = unsafe { Box::from_raw(far) };
        for (bucket, head) in far.iter().enumerate() {
            // SAFETY: as above; the heads of near buckets are null here.
            unsafe { free(bucket, head) };
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::thread;

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
        let (last, entries, offset) = place(<Buckets<u8>>::CAPACITY - 1);
        assert_eq!((last, offset), (BUCKETS - 1, entries - 1));
    }

    #[test]
    fn entries_never_move() {
        let buckets = <Buckets<u64>>::new();
        assert!(buckets.get(0).is_none());
        let first: *const u64 = buckets.get_or_grow(0, || 7).unwrap();
        for i in 1..1000 {
            assert_eq!(*buckets.get_or_grow(i, || 7).unwrap(), 7);
        }
        assert!(std::ptr::eq(first, buckets.get(0).unwrap()));
        assert!(
            buckets
                .get_or_grow(<Buckets<u64>>::CAPACITY, || 7)
                .is_none()
        );
    }

    /// Entries on both sides of the heads' border, from threads that race to make them; each is made by one, and
    /// all of them end with the whole.
    #[test]
    fn buckets_near_and_far() {
        struct Entry(usize, Arc<()>);
        let (buckets, alive) = (<Buckets<Entry>>::new(), Arc::new(()));
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for i in 0..200 {
                        let entry = buckets.get_or_grow(i, || Entry(i, Arc::clone(&alive)));
                        let entry = entry.expect("below the capacity");
                        assert!(place(entry.0).0 == place(i).0 && Arc::ptr_eq(&entry.1, &alive));
                        assert!(ptr::eq(entry, buckets.get(i).unwrap()));
                    }
                });
            }
        });
        let made = (0..).map_while(|i| buckets.get(i)).count();
        assert!(made >= 200);
        assert_eq!(Arc::strong_count(&alive), made + 1);
        drop(buckets);
        assert_eq!(Arc::strong_count(&alive), 1);
    }
}
