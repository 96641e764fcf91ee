//! Buffers that can grow and shrink.

use crate::recycle::Recycle;
use std::collections::VecDeque;

/// A buffer that can grow and shrink.
///
/// `Vec`, `VecDeque` and `String` implement it. So does `bytes::BytesMut` with the feature `bytes`. An object that owns a
/// buffer can forward the calls:
///
/// ```
/// use stealpool::{Pool, Recycle, admission::{DropAbove, Elastic}};
///
/// struct Encoder { out: Vec<u8>, depth: usize }
///
/// impl Recycle for Encoder {
///     fn recycle(&mut self) { self.out.recycle(); self.depth = 0; }
///     fn footprint(&self) -> usize { size_of_val(self) + self.out.footprint() }
/// }
/// impl Elastic for Encoder {
///     fn used(&self) -> usize { self.out.used() }
///     fn room(&self) -> usize { self.out.room() }
///     fn shrink(&mut self, bytes: usize) { self.out.shrink(bytes) }
/// }
///
/// let new = || Encoder { out: Vec::new(), depth: 0 };
/// let encoders = Pool::new(DropAbove::new(1000, new));
/// encoders.get().out.reserve(2000);
/// assert_eq!(encoders.stats().drops.refused, 1);
/// ```
pub trait Elastic: Recycle {
    /// The bytes of its content.
    fn used(&self) -> usize;

    /// The bytes of content that fit without growing.
    fn room(&self) -> usize;

    /// Reduces the capacity to about `bytes`, or to the content if that is more.
    fn shrink(&mut self, bytes: usize);
}

/// The number of elements that fit into `bytes`.
fn elements<T>(bytes: usize) -> usize {
    bytes.checked_div(size_of::<T>()).unwrap_or(usize::MAX)
}

macro_rules! elastic {
    ($([$($generics:tt)*] $type:ty, $element:ty;)*) => {$(
        impl<$($generics)*> Elastic for $type {
            fn used(&self) -> usize {
                self.len().saturating_mul(size_of::<$element>())
            }
            fn room(&self) -> usize {
                self.capacity().saturating_mul(size_of::<$element>())
            }
            fn shrink(&mut self, bytes: usize) {
                self.shrink_to(elements::<$element>(bytes));
            }
        }
    )*};
}

elastic! {
    [T] Vec<T>, T;
    [T] VecDeque<T>, T;
    [] String, u8;
}

#[cfg(feature = "bytes")]
impl Elastic for bytes::BytesMut {
    fn used(&self) -> usize {
        self.len()
    }
    fn room(&self) -> usize {
        self.capacity()
    }
    fn shrink(&mut self, bytes: usize) {
        // There is no other way to shrink one.
        let mut less = bytes::BytesMut::with_capacity(bytes.max(self.len()));
        less.extend_from_slice(self);
        *self = less;
    }
}
