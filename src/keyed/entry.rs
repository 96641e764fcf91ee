//! The pool of one key, and the time of its last use.
//!
//! A get by the key stores the time. The pool itself does so now and then. Other uses, by a handle to the pool, are
//! found by comparing its counters.

use crate::policy::Policy;
use crate::pool::Pool;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

pub(super) struct Entry<T: Send + 'static, P: Policy<T>> {
    pub(super) pool: Arc<Pool<T, P>>,
    /// The last known use, in milliseconds after the start.
    used: Arc<AtomicU64>,
    /// Its gets and puts at the last check.
    uses: AtomicU64,
}

impl<T: Send + 'static, P: Policy<T>> Entry<T, P> {
    /// The pool stores the time in `used` now and then.
    pub(super) fn new(pool: Pool<T, P>, used: Arc<AtomicU64>) -> Self {
        Entry { pool: Arc::new(pool), used, uses: AtomicU64::new(0) }
    }

    pub(super) fn used(&self) -> u64 {
        // Relaxed: a figure.
        self.used.load(Relaxed)
    }

    pub(super) fn touch(&self, now: u64) {
        // Written at most once a millisecond, so that threads do not contend for the cache line.
        if self.used() < now {
            // Relaxed: a figure.
            self.used.fetch_max(now, Relaxed);
        }
    }

    /// Sets the time of use to `last`, the time of the last check, if the pool was used since then.
    pub(super) fn look(&self, last: u64) {
        let stats = self.pool.stats();
        let uses = stats.gets + stats.puts;
        // Relaxed, both: figures.
        if self.uses.swap(uses, Relaxed) != uses {
            self.used.fetch_max(last, Relaxed);
        }
    }
}
