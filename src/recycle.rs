//! Types that can be brought back to the state of a new value.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque};
use std::ffi::OsString;
use std::hash::BuildHasher;
use std::io::Cursor;
use std::path::PathBuf;

/// A type that can be brought back to the state of a new value, and keeps its memory.
///
/// The collections of `std`, `String`, `PathBuf`, `OsString`, `Cursor<Vec<u8>>`, `Box<T>` and tuples implement it. So
/// does `bytes::BytesMut` with the feature `bytes`.
///
/// # Contract
///
/// After [`recycle`](Self::recycle), the value is like a new one, except for its capacity. The correctness of *your*
/// program may depend on that. The soundness of the pool does not.
///
/// ```
/// use stealpool::{Pool, Recycle};
///
/// struct Request {
///     path: String,
///     body: Vec<u8>,
///     keep_alive: bool,
/// }
///
/// impl Recycle for Request {
///     fn recycle(&mut self) {
///         self.path.clear();
///         self.body.clear();
///         self.keep_alive = false;
///     }
///     fn footprint(&self) -> usize {
///         size_of_val(self) + self.path.capacity() + self.body.capacity()
///     }
/// }
///
/// let new = || Request { path: String::new(), body: Vec::new(), keep_alive: false };
/// let pool = Pool::new(new);
/// {
///     let mut request = pool.get();
///     request.path.push_str("/index");
///     request.keep_alive = true;
/// }
/// let next = pool.get();
/// assert!(next.path.is_empty() && !next.keep_alive);
/// assert!(next.path.capacity() >= 6, "the same buffer");
/// ```
pub trait Recycle {
    /// Brings the value back to the state of a new one.
    fn recycle(&mut self);

    /// The bytes that the value keeps allocated while it is idle. The default is its size, which is right for a type that
    /// owns no other memory.
    ///
    /// A collection of `std` returns the memory of its capacity. A tree or a list has none after it was cleared.
    /// Elements do not count: there are none when this is called.
    fn footprint(&self) -> usize {
        size_of_val(self)
    }
}

/// Implements `Recycle` by clearing. The footprint is the capacity, in elements of the type given. Without one, a
/// cleared value owns no memory.
macro_rules! recycle_by_clearing {
    ($([$($generics:tt)*] $type:ty $(, $element:ty)?;)*) => {$(
        impl<$($generics)*> Recycle for $type {
            #[inline]
            fn recycle(&mut self) {
                self.clear();
            }
            $(
                #[inline]
                fn footprint(&self) -> usize {
                    // A collection of zero-sized elements has an unlimited capacity, and no memory.
                    self.capacity().saturating_mul(size_of::<$element>())
                }
            )?
        }
    )*};
}

recycle_by_clearing! {
    [T] Vec<T>, T;
    [T] VecDeque<T>, T;
    [T: Ord] BinaryHeap<T>, T;
    [K, V, S: BuildHasher] HashMap<K, V, S>, (K, V);
    [T, S: BuildHasher] HashSet<T, S>, T;
    [] String, u8;
    [] OsString, u8;
    [] PathBuf, u8;
    [K, V] BTreeMap<K, V>;
    [T] BTreeSet<T>;
    [T] LinkedList<T>;
}

impl Recycle for Cursor<Vec<u8>> {
    #[inline]
    fn recycle(&mut self) {
        self.set_position(0);
        self.get_mut().clear();
    }

    #[inline]
    fn footprint(&self) -> usize {
        self.get_ref().capacity()
    }
}

impl<T: Recycle + ?Sized> Recycle for Box<T> {
    #[inline]
    fn recycle(&mut self) {
        (**self).recycle();
    }

    #[inline]
    fn footprint(&self) -> usize {
        (**self).footprint()
    }
}

#[cfg(feature = "bytes")]
impl Recycle for bytes::BytesMut {
    /// Clears the buffer, and reclaims the memory of parts that were [split](bytes::BytesMut::split) off and dropped.
    #[inline]
    fn recycle(&mut self) {
        self.clear();
        // This fails if a part is still in use. Then the buffer keeps less memory.
        let _ = self.try_reclaim(self.capacity() + 1);
    }

    #[inline]
    fn footprint(&self) -> usize {
        self.capacity()
    }
}

macro_rules! recycle_tuple {
    ($($name:ident)*) => {
        impl<$($name: Recycle),*> Recycle for ($($name,)*) {
            #[inline]
            #[expect(non_snake_case, reason = "the macro names each field after its type")]
            fn recycle(&mut self) {
                let ($($name,)*) = self;
                $($name.recycle();)*
            }
            #[inline]
            #[expect(non_snake_case, reason = "the macro names each field after its type")]
            fn footprint(&self) -> usize {
                let ($($name,)*) = self;
                0usize $(.saturating_add($name.footprint()))*
            }
        }
    };
}

recycle_tuple!(A);
recycle_tuple!(A B);
recycle_tuple!(A B C);
recycle_tuple!(A B C D);
recycle_tuple!(A B C D E);
recycle_tuple!(A B C D E F);
recycle_tuple!(A B C D E F G);
recycle_tuple!(A B C D E F G H);

impl Recycle for () {
    fn recycle(&mut self) {}
}
