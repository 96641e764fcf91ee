//! Ready-made policies for buffers that grow.
//!
//! Ageing does not help a pool that is always busy. A few requests make a few buffers huge, later requests use a small
//! part of them, and no buffer is ever unused for two cycles (golang/go#23199). So these policies judge each buffer
//! when it comes back. There are five rules:
//!
//! | rule | a buffer that comes back | for | from |
//! |---|---|---|---|
//! | [`DropAbove`] | is dropped if it is larger than a limit | sizes with a natural bound | `fmt` and `encoding/json` of Go: 64 KiB |
//! | [`ShrinkAbove`] | is shrunk to a limit if it is larger | buffers in objects that are expensive to make | `Vec::shrink_to` |
//! | [`QuarterUsed`] | is dropped if, five times in a row, less than a quarter of it was used | sizes that vary, without a natural bound | `encoding/json/v2` of Go (golang/go#27735) |
//! | [`Calibrated`] | is dropped if it is larger than 95 % of the uses need | many buffers of one purpose | `valyala/bytebufferpool` |
//! | [`DropBelow`] | is dropped if it is smaller than a limit, or if another rule drops it | code that relies on the constructor's capacity | dotnet/corefx#5949 |
//!
//! [`Builder::max_object_bytes`](crate::Builder::max_object_bytes) is the first rule for any type.
//!
//! ```
//! use stealpool::{Pool, admission::DropAbove};
//!
//! type Buffers = Pool<Vec<u8>, DropAbove<fn() -> Vec<u8>>>;
//! static BUFFERS: Buffers = Pool::new(DropAbove::new(64 << 10, Vec::new));
//!
//! BUFFERS.get().reserve(1 << 20); // one huge request
//! assert_eq!(BUFFERS.idle(), 0);
//! BUFFERS.get().reserve(1 << 10);
//! assert_eq!(BUFFERS.idle(), 1);
//! ```

mod below;
mod calibrated;
mod elastic;
mod quarter;

pub use below::DropBelow;
pub use calibrated::Calibrated;
pub use elastic::Elastic;
pub use quarter::{QuarterUsed, Striking};

use crate::policy::Policy;
use std::fmt;

/// Drops a buffer whose capacity is above a limit.
///
/// ```
/// use stealpool::{Pool, admission::DropAbove};
///
/// let pool = Pool::new(DropAbove::new(1000, || vec![0u8; 100]));
/// pool.get().reserve(1 << 20);
/// assert_eq!(pool.idle(), 0);
/// drop(pool.get());
/// assert_eq!(pool.idle(), 1);
/// ```
#[derive(Clone, Copy)]
pub struct DropAbove<C> {
    bytes: usize,
    create: C,
}

impl<C> DropAbove<C> {
    /// A policy that keeps buffers of up to `bytes`. `create` makes them.
    ///
    /// ```
    /// use stealpool::admission::DropAbove;
    ///
    /// const SMALL: DropAbove<fn() -> String> = DropAbove::new(4096, String::new);
    /// # drop(SMALL);
    /// ```
    pub const fn new(bytes: usize, create: C) -> Self {
        DropAbove { bytes, create }
    }
}

impl<T: Elastic, C: Fn() -> T> Policy<T> for DropAbove<C> {
    fn create(&self) -> T {
        (self.create)()
    }
    fn recycle(&self, buffer: &mut T) -> bool {
        let keeps = buffer.room() <= self.bytes;
        if keeps {
            buffer.recycle();
        }
        keeps
    }
    fn footprint(&self, buffer: &T) -> usize {
        buffer.footprint()
    }
}

impl<C> fmt::Debug for DropAbove<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DropAbove").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

/// Shrinks a buffer whose capacity is above a limit, and keeps it.
///
/// ```
/// use stealpool::{Pool, admission::ShrinkAbove};
///
/// let pool = Pool::new(ShrinkAbove::new(1000, || vec![0u8; 100]));
/// pool.get().reserve(1 << 20);
/// assert!((100..=1000).contains(&pool.stats().idle_bytes));
/// ```
#[derive(Clone, Copy)]
pub struct ShrinkAbove<C> {
    bytes: usize,
    create: C,
}

impl<C> ShrinkAbove<C> {
    /// A policy that shrinks buffers to `bytes`. `create` makes them.
    ///
    /// ```
    /// use stealpool::admission::ShrinkAbove;
    ///
    /// const MODEST: ShrinkAbove<fn() -> String> = ShrinkAbove::new(4096, String::new);
    /// # drop(MODEST);
    /// ```
    pub const fn new(bytes: usize, create: C) -> Self {
        ShrinkAbove { bytes, create }
    }
}

impl<T: Elastic, C: Fn() -> T> Policy<T> for ShrinkAbove<C> {
    fn create(&self) -> T {
        (self.create)()
    }
    fn recycle(&self, buffer: &mut T) -> bool {
        buffer.recycle();
        if buffer.room() > self.bytes {
            buffer.shrink(self.bytes);
        }
        true
    }
    fn footprint(&self, buffer: &T) -> usize {
        buffer.footprint()
    }
}

impl<C> fmt::Debug for ShrinkAbove<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShrinkAbove").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}
