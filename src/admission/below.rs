//! A least capacity, together with any other rule.

use super::Elastic;
use crate::policy::Policy;

/// Drops a buffer whose capacity is below a limit. Another policy decides everything else.
///
/// Users may replace a buffer while they have it, or put one that the pool did not make. Without this rule, a later get
/// may return a buffer that is smaller than what the constructor makes (dotnet/corefx#5949).
///
/// The limit holds after the other policy has cleaned the buffer. So no buffer is kept if the limit is above what the
/// constructor makes, or above that of a [`ShrinkAbove`](super::ShrinkAbove).
///
/// ```
/// use stealpool::{Pool, admission::{DropAbove, DropBelow}};
///
/// let buffers = DropAbove::new(64 << 10, || Vec::<u8>::with_capacity(4096));
/// let pool = Pool::new(DropBelow::new(4096, buffers));
/// std::mem::take(&mut *pool.get());
/// pool.put(Vec::new());
/// assert!(pool.get().capacity() >= 4096);
/// assert_eq!(pool.stats().drops.refused, 2);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct DropBelow<P> {
    bytes: usize,
    policy: P,
}

impl<P> DropBelow<P> {
    /// A policy that keeps buffers with room for at least `bytes`, if `policy` keeps them too.
    pub const fn new(bytes: usize, policy: P) -> Self {
        DropBelow { bytes, policy }
    }

    /// The other policy.
    pub const fn policy(&self) -> &P {
        &self.policy
    }
}

impl<T: Elastic, P: Policy<T>> Policy<T> for DropBelow<P> {
    fn create(&self) -> T {
        self.policy.create()
    }
    fn recycle(&self, buffer: &mut T) -> bool {
        self.policy.recycle(buffer) && buffer.room() >= self.bytes
    }
    fn footprint(&self, buffer: &T) -> usize {
        self.policy.footprint(buffer)
    }
}
