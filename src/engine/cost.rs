//! The cost of a creation, and whether it is expensive: then objects bypass the magazine, so that a get on any processor
//! finds them.
//!
//! The pool times all creations until two samples exist, then the first two of each worker and one in 64: a look at the
//! clock costs as much as a cheap constructor. A sample may be too long, because the thread was preempted. So a shorter
//! sample replaces the cost at once. A longer one raises it by an eighth of the difference, and by no more than an
//! eighth. The first sample alone decides only if it is very long: waiting for a second one would cost as much.

use crate::sys::atomic::AtomicU64;
use crate::sys::atomic::Ordering::Relaxed;
use std::time::Duration;

/// The nanoseconds of a creation from which on an object is expensive.
///
/// Without the magazine, a get and a put together cost two more locked instructions, about a ten-thousandth of this.
const EXPENSIVE: u64 = 100_000;

/// The nanoseconds of a creation from which on the first sample decides alone.
///
/// It is wrong if only the first call of a constructor is slow. Then gets and puts are slower by those two instructions
/// until a second object is made.
const EXPENSIVE_AT_ONCE: u64 = 1_000_000;

/// One creation in this many is timed on each worker, besides the second.
const SAMPLE: u64 = 64;

/// The cost of a creation in one pool.
#[derive(Default)]
pub(crate) struct Cost {
    /// Nanoseconds of a creation; 0 before the second sample.
    creation: AtomicU64,
    /// The first sample, in nanoseconds; 0 before it.
    first: AtomicU64,
}

impl Cost {
    /// Whether to time a creation, after `before` creations on this worker.
    #[inline]
    pub(crate) fn is_sampled(&self, before: u64) -> bool {
        // Relaxed: a figure.
        self.creation.load(Relaxed) == 0 || before == 1 || before % SAMPLE == 0
    }

    /// Whether an object is expensive.
    #[inline]
    pub(crate) fn is_expensive(&self) -> bool {
        // Relaxed: an estimate.
        self.creation.load(Relaxed) >= EXPENSIVE
    }

    /// Adds a sample. Returns whether objects are expensive now and were not before.
    pub(crate) fn created(&self, took: Duration) -> bool {
        let new = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX).max(1);
        // Relaxed, all: a lost update is a lost sample.
        let (first, old) = (self.first.load(Relaxed), self.creation.load(Relaxed));
        let next = match (first, old) {
            (0, _) => {
                self.first.store(new, Relaxed);
                if new < EXPENSIVE_AT_ONCE {
                    return false;
                }
                new
            }
            (first, 0) => new.min(first),
            (_, old) if new < old => new,
            (_, old) => old + (new - old).min(old) / 8,
        };
        self.creation.store(next, Relaxed);
        old < EXPENSIVE && next >= EXPENSIVE
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const CHEAP: Duration = Duration::from_nanos(100);
    const LONG: Duration = Duration::from_micros(200);
    const VERY_LONG: Duration = Duration::from_millis(2);

    fn cost(samples: &[Duration]) -> Cost {
        let cost = Cost::default();
        samples.iter().for_each(|&took| _ = cost.created(took));
        cost
    }

    #[test]
    fn two_samples_decide() {
        assert!(!cost(&[]).is_expensive() && !cost(&[LONG]).is_expensive());
        assert!(cost(&[LONG, LONG]).is_expensive());
        assert!(!cost(&[LONG, CHEAP]).is_expensive() && !cost(&[CHEAP, LONG]).is_expensive());
    }

    #[test]
    fn one_that_is_very_long_decides_until_there_is_another() {
        assert!(cost(&[VERY_LONG]).is_expensive());
        let cost = cost(&[VERY_LONG, CHEAP]);
        assert!(!cost.is_expensive());
        cost.created(VERY_LONG);
        assert!(!cost.is_expensive(), "it is not the first any more");
    }

    #[test]
    fn a_sample_that_is_too_long_is_soon_forgotten() {
        let cost = cost(&[LONG, LONG, CHEAP]);
        assert!(!cost.is_expensive());
        cost.created(Duration::from_secs(1));
        assert!(!cost.is_expensive(), "a longer one counts by an eighth");
    }

    #[test]
    fn what_gets_more_expensive_is_noticed() {
        let cost = cost(&[CHEAP, CHEAP]);
        for _ in 0..200 {
            cost.created(LONG);
        }
        assert!(cost.is_expensive());
    }

    #[test]
    fn the_first_creations_are_timed_and_few_later_ones() {
        let timed = |cost: &Cost| (1..=640).filter(|&before| cost.is_sampled(before)).count();
        assert_eq!((timed(&cost(&[CHEAP])), timed(&cost(&[CHEAP, CHEAP]))), (640, 11));
    }
}
