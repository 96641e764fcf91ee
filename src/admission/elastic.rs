//! What the rules must know of a buffer.

use crate::recycle::Recycle;
use std::collections::VecDeque;

/// A buffer that grows: how much of it is used, how much room it has, and how it gives room back.
///
/// Implemented for `Vec`, `VecDeque` and `String`, and for `bytes::BytesMut` with the feature `bytes`. For
/// an object that owns a buffer, pass the calls on:
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
    /// Bytes of content.
    fn used(&self) -> usize;

    /// Bytes of content that would fit without growing.
    fn room(&self) -> usize;

    /// Gives room back, down to about `bytes` or the content, whichever is more.
    fn shrink(&mut self, bytes: usize);
}

/// Elements for bytes; an element without size takes none.
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
