//! One bound on the idle bytes of all pools together.
//!
//! The collector, `collect_all` and `set_idle_budget` itself enforce it. Nothing is counted in between, so that pools
//! share no counter. After a burst, idle bytes may be over the budget until the next check.

use crate::collector::background;
use crate::collector::registry;
use crate::pool::panics::{Panics, Payload};
use crate::pool::state::State;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

static BUDGET: AtomicUsize = AtomicUsize::new(usize::MAX);

/// Bounds the idle bytes of all pools of the process together. The default is `usize::MAX`: no bound.
///
/// The budget is enforced at once. After that it is enforced once a second while a [`Collector`](crate::Collector)
/// runs, and by each [`collect_all`](crate::collect_all). In between, the sum may be over the budget. The bound
/// [`idle_bytes`](crate::Builder::idle_bytes) of one pool holds at every moment.
///
/// If the sum is over the budget, the pools with the fewest gets for each idle byte drop objects first. Gets count
/// since the last check. Within a pool, the longest unused objects are dropped first.
///
/// # Panics
///
/// If a destructor panics, after all objects are dropped.
///
/// ```
/// use stealpool::Pool;
///
/// let busy: Pool<Vec<u8>> = Pool::new(|| vec![0; 1000]);
/// let idle: Pool<Vec<u8>> = Pool::new(|| vec![0; 1000]);
/// drop((busy.get(), idle.get()));
/// (0..100).for_each(|_| drop(busy.get()));
///
/// stealpool::set_idle_budget(1500);
/// assert_eq!((busy.idle(), idle.idle()), (1, 0));
/// # stealpool::set_idle_budget(usize::MAX);
/// ```
pub fn set_idle_budget(bytes: usize) {
    // Relaxed: a setting. The wake-up publishes it to the collector.
    BUDGET.store(bytes, Relaxed);
    // A collector that sleeps until its next cycle must check once a second from now on.
    background::wake();
    let mut panics = Panics::default();
    enforce(|_, payload| panics.keep(Err(payload)));
    panics.resume();
}

/// Whether there is a bound.
pub(crate) fn is_set() -> bool {
    // Relaxed: a setting.
    BUDGET.load(Relaxed) != usize::MAX
}

/// A pool with its gets and its idle bytes.
struct Claim {
    pool: Arc<State>,
    idle_bytes: usize,
    uses: u64,
}

impl Claim {
    /// Orders pools by gets for each idle byte, the fewest first.
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let share = |uses: u64, bytes: usize| uses as u128 * bytes as u128;
        let (mine, theirs) =
            (share(self.uses, other.idle_bytes), share(other.uses, self.idle_bytes));
        // Of equal pools, the larger one first, so that fewer pools are touched.
        mine.cmp(&theirs).then(other.idle_bytes.cmp(&self.idle_bytes))
    }
}

/// Drops idle objects until the sum is within the budget. Returns how many. Panics of destructors go to `panicked`.
pub(crate) fn enforce(mut panicked: impl FnMut(Option<&'static str>, Payload)) -> usize {
    // Relaxed: a setting.
    let budget = BUDGET.load(Relaxed);
    if budget == usize::MAX {
        return 0;
    }
    let claim = |pool: Arc<State>| {
        let stats = pool.stats();
        Claim { uses: pool.uses_since(stats.gets), idle_bytes: stats.idle_bytes, pool }
    };
    let mut claims: Vec<Claim> = registry::pools().map(claim).collect();
    let sum: u128 = claims.iter().map(|claim| claim.idle_bytes as u128).sum();
    let mut excess = sum.saturating_sub(budget as u128);
    claims.sort_by(Claim::cmp);
    let mut dropped = 0;
    for claim in claims {
        if excess == 0 {
            break;
        }
        let wanted = excess.min(claim.idle_bytes as u128) as usize;
        let shrunk = match (wanted, claim.idle_bytes) {
            (0, _) => continue,
            // The figure saturates, so the pool may have more.
            (_, usize::MAX) => claim.pool.clear(),
            _ => claim.pool.shrink(wanted as u64),
        };
        match shrunk {
            Ok(count) => dropped += count,
            Err(payload) => panicked(claim.pool.name(), payload),
        }
        let left = claim.pool.stats().idle_bytes;
        excess = excess.saturating_sub(claim.idle_bytes.saturating_sub(left) as u128);
    }
    dropped
}
