//! A policy that learns the size of buffers from recent uses.

use super::Elastic;
use crate::policy::Policy;
use std::cell::Cell;
use std::fmt;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU32, AtomicUsize};

/// The number of size classes: up to 64 bytes, up to 128, and so on. The last one is 32 MiB and more.
const CLASSES: usize = 20;
const SMALLEST: usize = 64;

/// One use in this many is counted, so that threads seldom write the same counters.
const SAMPLE: u32 = 16;

/// The number of counted uses of one class that starts a calibration: 42,000 uses, as in bytebufferpool.
const ENOUGH: u32 = 42_000 / SAMPLE;

/// Makes buffers of the most used size, and drops buffers that are larger than 95 % of the uses need.
///
/// Uses are counted by size class. Each class is twice as large as the one before. When one class has 42,000 uses, the
/// policy calibrates and starts to count again:
///
/// * `create` makes buffers of the most used size.
/// * Buffers are dropped if they are larger than 95 % of the uses need: the most used classes count, until they make up
///   95 %, and the largest of them is the limit.
///
/// All buffers are kept before the first calibration. So the policy follows a changing load, and rare huge buffers do not
/// stay.
///
/// This is the rule of `valyala/bytebufferpool`, with one difference: it counts one use in sixteen, chosen at random. The
/// original counts all uses, and all threads share the counters.
///
/// ```
/// use stealpool::{Pool, admission::Calibrated};
///
/// static BUFFERS: Pool<Vec<u8>, Calibrated<fn(usize) -> Vec<u8>>> =
///     Pool::new(Calibrated::new(Vec::with_capacity));
///
/// for i in 0..200_000 {
///     let size = if i % 100 == 0 { 1_000_000 } else { 1_000 };
///     BUFFERS.get().resize(size, 0);
/// }
/// // A thousand bytes at most, once it has learned that it is enough for 99 of 100.
/// assert!(BUFFERS.policy().limit() <= Some(2048));
/// ```
pub struct Calibrated<C> {
    create: C,
    counts: [AtomicU32; CLASSES],
    /// The most used size, in bytes.
    usual: AtomicUsize,
    /// The largest capacity that is kept, in bytes. 0 before the first calibration.
    limit: AtomicUsize,
}

impl<C> Calibrated<C> {
    /// A policy whose buffers `create` makes. Its argument is the most used size in bytes, or 0 before the first
    /// calibration.
    pub const fn new(create: C) -> Self {
        Calibrated {
            create,
            counts: [const { AtomicU32::new(0) }; CLASSES],
            usual: AtomicUsize::new(0),
            limit: AtomicUsize::new(0),
        }
    }

    /// The largest capacity that is kept, in bytes. `usize::MAX` if more than 32 MiB are often needed. `None` before the
    /// first calibration.
    pub fn limit(&self) -> Option<usize> {
        // Relaxed: a figure.
        match self.limit.load(Relaxed) {
            0 => None,
            limit => Some(limit),
        }
    }

    /// The most used size, in bytes. `None` before the first calibration.
    pub fn usual(&self) -> Option<usize> {
        // Relaxed: a figure.
        self.limit().map(|_| self.usual.load(Relaxed))
    }

    fn count(&self, used: usize) {
        // Relaxed: statistics. The thread whose increment reaches the threshold calibrates.
        let before = self.counts[class(used)].fetch_add(1, Relaxed);
        if before + 1 == ENOUGH {
            self.calibrate();
        }
    }

    #[cold]
    fn calibrate(&self) {
        let mut classes: [(u32, usize); CLASSES] = std::array::from_fn(|class| {
            // Relaxed: a use that is counted meanwhile belongs to either calibration.
            (self.counts[class].swap(0, Relaxed), SMALLEST << class)
        });
        // The most used class first; of equal ones the smaller.
        classes.sort_by_key(|&(count, size)| (std::cmp::Reverse(count), size));
        let sum: u64 = classes.iter().map(|&(count, _)| u64::from(count)).sum();
        let (mut seen, mut limit) = (0, 0);
        for (count, size) in classes {
            if seen * 100 >= sum * 95 {
                break;
            }
            seen += u64::from(count);
            limit = limit.max(size);
        }
        // Relaxed, both: hints.
        self.usual.store(classes[0].1, Relaxed);
        // The last class has no upper bound.
        let largest = SMALLEST << (CLASSES - 1);
        let limit = if limit == largest { usize::MAX } else { limit };
        self.limit.store(limit, Relaxed);
    }
}

/// The class of a size: the first one that it fits in, or the last.
fn class(size: usize) -> usize {
    let doublings = size.max(1).div_ceil(SMALLEST).next_power_of_two().ilog2();
    (doublings as usize).min(CLASSES - 1)
}

/// Whether to count this use: one in sixteen, at random (Marsaglia's xorshift). Counting every sixteenth use could
/// correlate with a pattern of the caller.
fn is_drawn() -> bool {
    thread_local! {
        static STATE: Cell<u32> = const { Cell::new(0x9e37_79b9) };
    }
    // A thread that ends does not count.
    STATE
        .try_with(|state| {
            let mut x = state.get();
            x ^= x << 13;
            x ^= x >> 17;
            x ^= x << 5;
            state.set(x);
            x % SAMPLE == 0
        })
        .unwrap_or(false)
}

impl<T: Elastic, C: Fn(usize) -> T> Policy<T> for Calibrated<C> {
    fn create(&self) -> T {
        (self.create)(self.usual().unwrap_or(0))
    }

    fn recycle(&self, buffer: &mut T) -> bool {
        if is_drawn() {
            self.count(buffer.used());
        }
        let keeps = self.limit().is_none_or(|limit| buffer.room() <= limit);
        if keeps {
            buffer.recycle();
        }
        keeps
    }

    fn footprint(&self, buffer: &T) -> usize {
        buffer.footprint()
    }
}

impl<C> fmt::Debug for Calibrated<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Calibrated")
            .field("usual", &self.usual())
            .field("limit", &self.limit())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_powers_of_two() {
        let classes = [(0, 0), (1, 0), (64, 0), (65, 1), (128, 1), (129, 2), (4096, 6)];
        for (size, expected) in classes {
            assert_eq!(class(size), expected, "{size}");
        }
        assert_eq!((class(usize::MAX / 2), class(33 << 20)), (19, 19));
    }

    fn calibrated(sizes: &[(usize, u32)]) -> Calibrated<fn(usize) -> Vec<u8>> {
        let policy = Calibrated::new(Vec::with_capacity as fn(usize) -> Vec<u8>);
        for &(size, count) in sizes {
            policy.counts[class(size)].store(count, Relaxed);
        }
        policy.calibrate();
        policy
    }

    #[test]
    fn the_limit_covers_95_percent() {
        let policy = calibrated(&[(100, 96), (10_000, 4)]);
        assert_eq!((policy.usual(), policy.limit()), (Some(128), Some(128)));
        let policy = calibrated(&[(100, 94), (10_000, 6)]);
        assert_eq!((policy.usual(), policy.limit()), (Some(128), Some(16_384)));
        let policy = calibrated(&[(100, 30), (1_000, 70)]);
        assert_eq!((policy.usual(), policy.limit()), (Some(1024), Some(1024)));
    }

    /// bytebufferpool#15: limits below what buffers have would drop them all. Ours are upper ends of
    /// classes, so a buffer made as told is kept.
    #[test]
    fn what_it_makes_it_keeps() {
        // Miri fills a thousand bytes in the time of others' millions.
        let most = if cfg!(miri) { 1_000 } else { usize::MAX };
        for size in [1, 64, 65, 1_000, 1 << 20, 40 << 20].into_iter().filter(|&size| size <= most) {
            let policy = calibrated(&[(size, 100)]);
            let mut buffer = policy.create();
            buffer.resize(size, 0);
            assert!(policy.recycle(&mut buffer), "{size}");
        }
    }
}
