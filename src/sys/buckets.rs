//! Append-only storage: entries never move, and nothing is freed before the whole.
//!
//! ```text
//!   bucket   0  1    2    3     ...
//!   index    0  1-2  3-6  7-14  ...     each twice as long as the one before
//! ```
//!
//! A bucket is made by whoever first needs it; a reader needs no pin and no lock. The shape is that of
//! `thread_local` and of seize's `raw/tls`.

use super::once_box::OnceBox;

/// How many buckets there are: room for 2^30 entries, less one. In models few, each with its own bookkeeping.
const BUCKETS: usize = if cfg!(loom) { 4 } else { 30 };

/// An append-only array of `T` that grows without moving.
#[derive(Debug)]
pub(crate) struct Buckets<T>([OnceBox<Box<[T]>>; BUCKETS]);

/// Where index `i` lives: its bucket, and the offset in it.
fn place(i: usize) -> (usize, usize) {
    let bucket = (i + 1).ilog2() as usize;
    (bucket, i + 1 - (1 << bucket))
}

impl<T> Buckets<T> {
    /// Indices are below this.
    pub(crate) const CAPACITY: usize = (1 << BUCKETS) - 1;

    /// Storage without a bucket; allocates nothing.
    #[cfg(not(loom))]
    pub(crate) const fn new() -> Self {
        Buckets([const { OnceBox::new() }; BUCKETS])
    }

    /// The same (loom's atomics have no `const` constructor).
    #[cfg(loom)]
    pub(crate) fn new() -> Self {
        Buckets(std::array::from_fn(|_| OnceBox::new()))
    }

    /// The entry at `i`, if its bucket exists.
    pub(crate) fn get(&self, i: usize) -> Option<&T> {
        let (bucket, offset) = place(i);
        self.0.get(bucket)?.get()?.get(offset)
    }

    /// The entry at `i`; makes its bucket first when there is none. `None` beyond [`CAPACITY`].
    ///
    /// [`CAPACITY`]: Self::CAPACITY
    pub(crate) fn get_or_grow(&self, i: usize, make: impl Fn() -> T) -> Option<&T> {
        let (bucket, offset) = place(i);
        let entries = || (0..1 << bucket).map(|_| make()).collect();
        self.0.get(bucket)?.get_or_make(entries).get(offset)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::{ptr, thread};

    #[test]
    fn places_are_dense_and_distinct() {
        let after = |(bucket, offset)| match 1usize << bucket {
            length if offset + 1 == length => (bucket + 1, 0),
            _ => (bucket, offset + 1),
        };
        let mut expected = (0, 0);
        for i in 0..100_000 {
            assert_eq!(place(i), expected, "index {i}");
            expected = after(expected);
        }
        let last = place(<Buckets<u8>>::CAPACITY - 1);
        assert_eq!(after(last), (BUCKETS, 0));
    }

    #[test]
    fn entries_never_move_and_there_is_one_of_each() {
        let buckets = <Buckets<u64>>::new();
        assert!(buckets.get(0).is_none());
        let grown = |i| ptr::from_ref(buckets.get_or_grow(i, || 7).unwrap()).addr();
        let all = || (0..1000).map(grown).collect::<Vec<_>>();
        thread::scope(|scope| {
            let others = [(); 3].map(|()| scope.spawn(all));
            let mine = all();
            for other in others {
                assert_eq!(other.join().unwrap(), mine);
            }
            assert!(mine.iter().eq(all().iter()));
        });
        assert!(buckets.get_or_grow(Buckets::<u64>::CAPACITY, || 7).is_none());
    }
}
