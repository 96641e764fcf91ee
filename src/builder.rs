//! The settings of a pool. All functions are `const`, and every value is valid.

use crate::engine::{Budget, HEAVIEST};
use crate::policy::Policy;
use crate::pool::Pool;
use crate::sys::magazine::CAPACITY;
use std::time::Duration;

/// The settings of a [`Pool`]. They can be used in a `static`.
///
/// | setting | default | zero | huge |
/// |---|---|---|---|
/// | [`max_idle`](Self::max_idle) | no bound | pooling off | no bound |
/// | [`max_object_bytes`](Self::max_object_bytes) | no bound | keep only objects of footprint 0 | 2^44 - 1 bytes (of 32-bit pointers: no bound) |
/// | [`idle_bytes`](Self::idle_bytes) | no bound | keep only objects of footprint 0 | from 2^44 on (of 32-bit pointers: `usize::MAX`), no bound |
/// | [`collect_every`](Self::collect_every) | 10 s | at every look at the clock | never |
/// | [`private_depth`](Self::private_depth) | 64 | 1 | 64 |
/// | [`min_idle`](Self::min_idle) | 0 | cycles leave nothing | 65,535 |
///
/// ```
/// use std::time::Duration;
/// use stealpool::{Builder, Pool};
///
/// static BUFFERS: Pool<Vec<u8>> = Builder::new()
///     .max_idle(64)
///     .max_object_bytes(1 << 20)
///     .collect_every(Duration::from_secs(5))
///     .name("buffers")
///     .build(Vec::new);
///
/// BUFFERS.get().extend_from_slice(b"hello");
/// assert_eq!(BUFFERS.idle(), 1);
/// assert_eq!(BUFFERS.name(), Some("buffers"));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Builder {
    pub(crate) max_idle: usize,
    pub(crate) max_object_bytes: usize,
    pub(crate) idle_bytes: usize,
    /// Milliseconds between cycles. `u32::MAX`: never.
    interval: u32,
    /// The most objects a magazine may hold.
    pub(crate) deepest: u16,
    /// How many idle objects cycles leave.
    pub(crate) min_idle: u16,
    pub(crate) name: Option<&'static str>,
}

impl Builder {
    /// The defaults: no bounds, a cycle every 10 seconds while the pool is used, no name.
    pub const fn new() -> Self {
        Builder {
            max_idle: usize::MAX,
            max_object_bytes: HEAVIEST,
            idle_bytes: usize::MAX,
            interval: 10_000,
            deepest: CAPACITY as u16,
            min_idle: 0,
            name: None,
        }
    }

    /// Keeps at most `count` objects idle. 0 turns pooling off: every get creates and every put drops.
    ///
    /// The bound holds at every moment. Up to half of it is reserved for magazines, in equal shares for the processors.
    /// A processor reserves its share at its first put. So a put may be refused although fewer than `count` objects are
    /// idle.
    ///
    /// ```
    /// use stealpool::{Builder, Pool};
    ///
    /// let pool: Pool<Vec<u8>> = Builder::new().max_idle(2).build(Vec::new);
    /// let three = [pool.get(), pool.get(), pool.get()];
    /// drop(three);
    /// assert_eq!(pool.idle(), 2);
    /// assert_eq!(pool.stats().overflowed, 1);
    /// ```
    #[must_use]
    pub const fn max_idle(mut self, count: usize) -> Self {
        self.max_idle = count;
        self
    }

    /// Drops an object when it comes back if its footprint is larger than `bytes`. So a few large objects do not stay
    /// in a busy pool for ever.
    ///
    /// ```
    /// use stealpool::{Builder, Pool};
    ///
    /// let pool: Pool<Vec<u8>> = Builder::new().max_object_bytes(1000).build(Vec::new);
    /// pool.get().reserve_exact(1000);
    /// assert_eq!(pool.idle(), 1);
    /// pool.get().reserve_exact(1001);
    /// assert_eq!(pool.idle(), 0);
    /// assert_eq!(pool.stats().discarded, 1);
    /// ```
    #[must_use]
    pub const fn max_object_bytes(mut self, bytes: usize) -> Self {
        self.max_object_bytes = if bytes < HEAVIEST { bytes } else { HEAVIEST };
        self
    }

    /// Keeps idle objects of at most `bytes` together. The footprint of each counts, as it was when the object came back.
    ///
    /// The bound holds at every moment. Up to half of it is reserved as for [`max_idle`](Self::max_idle).
    ///
    /// ```
    /// use stealpool::{Builder, Pool};
    ///
    /// let pool: Pool<Vec<u8>> = Builder::new().idle_bytes(250).build(Vec::new);
    /// for _ in 0..5 {
    ///     pool.put(Vec::with_capacity(100));
    /// }
    /// assert_eq!(pool.idle(), 2);
    /// assert_eq!(pool.stats().idle_bytes, 200);
    /// ```
    #[must_use]
    pub const fn idle_bytes(mut self, bytes: usize) -> Self {
        self.idle_bytes = bytes;
        self
    }

    /// The time between cycles. An object that is unused for two cycles is dropped.
    ///
    /// Nothing runs in the background. On each processor, threads look at the clock once in 512 puts into the magazine, in
    /// 32 into one slot, in 256 creations, and in 256 gets that find and create nothing (without sequences: on each
    /// worker). When a cycle is due, one of these threads runs it. [`Duration::ZERO`] runs one at every look. The time is
    /// rounded up to milliseconds. More than 49 days is never.
    #[must_use]
    pub const fn collect_every(mut self, interval: Duration) -> Self {
        let millis = interval.as_nanos().div_ceil(1_000_000);
        self.interval = if millis < u32::MAX as u128 { millis as u32 } else { u32::MAX };
        self
    }

    /// The most objects in a processor's magazine. Other processors cannot take them.
    ///
    /// The default is 64, which is also the maximum. All objects of a magazine together weigh less than 64 KiB. So the
    /// pool creates hardly more objects than were ever in use at once, plus those in magazines. A smaller magazine
    /// makes work with several objects at once slower. In a pool with [`max_idle`](Self::max_idle) or
    /// [`idle_bytes`](Self::idle_bytes), all magazines together get at most half of the bound.
    ///
    /// ```
    /// use stealpool::{Builder, Pool};
    ///
    /// let pool: Pool<Vec<u8>> = Builder::new().private_depth(1).build(Vec::new);
    /// drop([pool.get(), pool.get(), pool.get()]);
    /// // One is in the magazine of this processor; the others can be taken everywhere.
    /// let found = std::thread::scope(|scope| {
    ///     scope.spawn(|| std::iter::from_fn(|| pool.try_get()).collect::<Vec<_>>().len()).join()
    /// });
    /// assert!(found.unwrap() >= 1);
    /// ```
    #[must_use]
    pub const fn private_depth(mut self, objects: usize) -> Self {
        self.deepest = match objects {
            0 => 1,
            1..0xffff => objects as u16,
            _ => 0xffff,
        };
        self
    }

    /// The number of idle objects that cycles leave, so that the first gets after a quiet time need not create
    /// (zalando/skipper#1303).
    ///
    /// The price is their memory, for as long as the pool (in a [`KeyedPool`](crate::KeyedPool): the key) lives. Which of
    /// the unused objects stay is not specified. A cycle takes all unused objects and puts these back, so a get may miss
    /// meanwhile. The number is exact if no other thread uses the pool. Only cycles keep to it: bounds,
    /// [`set_idle_budget`](crate::set_idle_budget), memory pressure, `clear` and `drain` do not. The pool creates nothing by
    /// itself: see [`Pool::reserve`].
    ///
    /// ```
    /// use stealpool::{Builder, Pool};
    ///
    /// let pool: Pool<Vec<u8>> = Builder::new().min_idle(8).build(|| Vec::with_capacity(4096));
    /// pool.reserve(20);
    /// (0..5).for_each(|_| _ = pool.collect());
    /// assert_eq!(pool.idle(), 8);
    /// ```
    #[must_use]
    pub const fn min_idle(mut self, objects: usize) -> Self {
        self.min_idle = if objects < 0xffff { objects as u16 } else { 0xffff };
        self
    }

    /// The bounds on idle objects and bytes.
    pub(crate) fn budget(&self) -> Budget {
        let bound = |n: usize| if n == usize::MAX { u64::MAX } else { n as u64 };
        Budget::new(bound(self.max_idle), bound(self.idle_bytes))
    }

    /// Nanoseconds between cycles. `u64::MAX`: never.
    pub(crate) const fn interval(&self) -> u64 {
        match self.interval {
            u32::MAX => u64::MAX,
            millis => millis as u64 * 1_000_000,
        }
    }

    /// Runs no cycle on use. Only [`collect`](Pool::collect), [`collect_all`](crate::collect_all) and a
    /// [`Collector`](crate::Collector) age the pool.
    #[must_use]
    pub const fn collect_manually(mut self) -> Self {
        self.interval = u32::MAX;
        self
    }

    /// Names the pool, for its `Debug` output and for [`registry`](crate::registry()).
    #[must_use]
    pub const fn name(mut self, name: &'static str) -> Self {
        self.name = Some(name);
        self
    }

    /// Builds the pool. Allocates nothing; a pool allocates at its first use.
    pub const fn build<T: Send + 'static, P: Policy<T>>(self, policy: P) -> Pool<T, P> {
        Pool::with_settings(self, policy)
    }
}

impl Default for Builder {
    fn default() -> Self {
        Self::new()
    }
}
