//! A policy that drops a large buffer after several small uses.

use super::Elastic;
use crate::policy::Policy;
use crate::recycle::Recycle;
use std::fmt;
use std::ops::{Deref, DerefMut};

/// Buffers of up to this many bytes are always kept.
const SMALL: usize = 4 << 10;

/// How many small uses in a row a buffer may have.
const STRIKES: u8 = 4;

/// Drops a buffer if less than a quarter of it was used, five times in a row.
///
/// Buffers of up to 4 KiB are always kept. In the long run at least a twentieth of each larger buffer is used: in the
/// worst case, a quarter of it every fifth time. This is the rule of Go's `encoding/json/v2`, with its constants
/// (golang/go#27735).
///
/// The strikes are counted in the object, so the pool's objects are [`Striking`], which dereferences to the buffer.
///
/// ```
/// use stealpool::{Pool, admission::{QuarterUsed, Striking}};
///
/// static BUFFERS: Pool<Striking<Vec<u8>>, QuarterUsed<fn() -> Vec<u8>>> =
///     Pool::new(QuarterUsed::new(Vec::new));
///
/// BUFFERS.get().extend_from_slice(&[1; 100_000]);
/// for _ in 0..4 {
///     BUFFERS.get().push(1);
///     assert_eq!(BUFFERS.idle(), 1);
/// }
/// BUFFERS.get().push(1);
/// assert_eq!(BUFFERS.idle(), 0, "100,000 bytes, five times for one");
/// ```
#[derive(Clone, Copy)]
pub struct QuarterUsed<C> {
    create: C,
}

impl<C> QuarterUsed<C> {
    /// A policy whose buffers `create` makes.
    pub const fn new(create: C) -> Self {
        QuarterUsed { create }
    }
}

/// A buffer with the number of its small uses in a row. It dereferences to the buffer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Striking<T> {
    buffer: T,
    strikes: u8,
}

impl<T> Striking<T> {
    /// A buffer without strikes.
    pub const fn new(buffer: T) -> Self {
        Striking { buffer, strikes: 0 }
    }

    /// The buffer alone.
    pub fn into_inner(self) -> T {
        self.buffer
    }
}

impl<T> Deref for Striking<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.buffer
    }
}

impl<T> DerefMut for Striking<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.buffer
    }
}

impl<T: Recycle> Recycle for Striking<T> {
    fn recycle(&mut self) {
        self.buffer.recycle();
    }
    fn footprint(&self) -> usize {
        self.buffer.footprint()
    }
}

impl<T: Elastic> Elastic for Striking<T> {
    fn used(&self) -> usize {
        self.buffer.used()
    }
    fn room(&self) -> usize {
        self.buffer.room()
    }
    fn shrink(&mut self, bytes: usize) {
        self.buffer.shrink(bytes);
    }
}

impl<T: Elastic, C: Fn() -> T> Policy<Striking<T>> for QuarterUsed<C> {
    fn create(&self) -> Striking<T> {
        Striking::new((self.create)())
    }

    fn recycle(&self, object: &mut Striking<T>) -> bool {
        let (used, room) = (object.buffer.used(), object.buffer.room());
        object.strikes = if room <= SMALL || room / 4 <= used { 0 } else { object.strikes + 1 };
        let keeps = object.strikes <= STRIKES;
        if keeps {
            object.buffer.recycle();
        }
        keeps
    }

    fn footprint(&self, object: &Striking<T>) -> usize {
        object.buffer.footprint()
    }
}

impl<C> fmt::Debug for QuarterUsed<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QuarterUsed").finish_non_exhaustive()
    }
}
