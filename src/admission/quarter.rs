//! Keep a buffer that is small or well used; drop one that has been badly used too often.

use super::Elastic;
use crate::policy::Policy;
use crate::recycle::Recycle;
use std::fmt;
use std::ops::{Deref, DerefMut};

/// Buffers of up to so many bytes are always kept.
const SMALL: usize = 4 << 10;

/// How often in a row a buffer may come back badly used.
const STRIKES: u8 = 4;

/// Drops a buffer that comes back less than a quarter used for the fifth time in a row.
///
/// Buffers of up to 4 KiB are always kept. So a buffer is at least a twentieth used in the long run: the
/// worst that keeps one is a quarter of it every fifth time. This is the rule of `encoding/json/v2` of
/// Go, with its constants (golang/go#27735).
///
/// The strikes belong to the buffer, so the pool's objects are [`Striking`], which is the buffer by
/// `Deref`.
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
    /// Buffers made by `create`.
    pub const fn new(create: C) -> Self {
        QuarterUsed { create }
    }
}

/// A buffer and how often in a row it came back badly used. Use it as the buffer.
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
