//! One bound on the idle bytes of all pools together.
//!
//! Kept by whoever runs cycles: the collector, `collect_all`, and `set_idle_budget` itself. Nothing is
//! counted in between, so that the pools share no counter; what a burst leaves behind may be over the
//! budget until the next look.

use crate::collector::background;
use crate::collector::registry::{self, AnyPool};
use crate::pool::panics::{Panics, Payload};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

static BUDGET: AtomicUsize = AtomicUsize::new(usize::MAX);

/// Bounds the idle bytes of all pools of the process together; `usize::MAX` is no bound, as at first.
///
/// Acts at once, and from then on once a second while a [`Collector`](crate::Collector) runs, else with
/// each [`collect_all`](crate::collect_all). Between two looks, the sum may be over the budget. A pool's
/// own [`idle_bytes`](crate::Builder::idle_bytes) holds at every moment, and is the better choice where
/// one pool is meant.
///
/// If the sum is over the budget, the pools with the least use for each idle byte give first: those with
/// the fewest gets since the last look, divided by what they keep idle. Within a pool, what was not used
/// for longest goes first.
///
/// # Panics
///
/// If a destructor does, once all is dropped.
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
    // Relaxed: a setting; published to the collector by the wake.
    BUDGET.store(bytes, Relaxed);
    // One that sleeps until its next cycle is to look once a second from now on.
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

/// A pool and what it must have done for its bytes.
struct Claim {
    pool: Arc<AnyPool>,
    idle_bytes: usize,
    uses: u64,
}

impl Claim {
    /// Whether this one has less use for each byte.
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let share = |uses: u64, bytes: usize| uses as u128 * bytes as u128;
        let (mine, theirs) =
            (share(self.uses, other.idle_bytes), share(other.uses, self.idle_bytes));
        // Of equals, the larger gives first: fewer objects are touched.
        mine.cmp(&theirs).then(other.idle_bytes.cmp(&self.idle_bytes))
    }
}

/// Drops idle objects until the sum is within the budget; how many. Panics of destructors go to `panicked`.
pub(crate) fn enforce(mut panicked: impl FnMut(Option<&'static str>, Payload)) -> usize {
    // Relaxed: a setting.
    let budget = BUDGET.load(Relaxed);
    if budget == usize::MAX {
        return 0;
    }
    let claim = |pool: Arc<AnyPool>| {
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
            // Perhaps more than there is a figure for.
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
