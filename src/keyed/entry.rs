//! One key's pool, and when it was used last.
//!
//! A get by the key notes the time. So does the pool itself, once in a while; and what it was used for in between,
//! through a handle, shows in its counts at the next look.

use crate::policy::Policy;
use crate::pool::Pool;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

pub(super) struct Entry<T: Send + 'static, P: Policy<T>> {
    pub(super) pool: Arc<Pool<T, P>>,
    /// When it was used last, as far as is known: milliseconds after the start.
    used: Arc<AtomicU64>,
    /// Its gets and puts by the last look.
    uses: AtomicU64,
}

impl<T: Send + 'static, P: Policy<T>> Entry<T, P> {
    /// A pool that notes in `used` now and then that it is in use.
    pub(super) fn new(pool: Pool<T, P>, used: Arc<AtomicU64>) -> Self {
        Entry { pool: Arc::new(pool), used, uses: AtomicU64::new(0) }
    }

    pub(super) fn used(&self) -> u64 {
        // Relaxed: a figure.
        self.used.load(Relaxed)
    }

    pub(super) fn touch(&self, now: u64) {
        // Written once a millisecond only, so that threads do not fight for the line.
        if self.used() < now {
            // Relaxed: a figure.
            self.used.fetch_max(now, Relaxed);
        }
    }

    /// If the pool was used since the last look, at `last`, it was used after that.
    pub(super) fn look(&self, last: u64) {
        let stats = self.pool.stats();
        let uses = stats.gets + stats.puts;
        // Relaxed, both: figures.
        if self.uses.swap(uses, Relaxed) != uses {
            self.used.fetch_max(last, Relaxed);
        }
    }
}
