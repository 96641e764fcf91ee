//! Every live pool of the process, for `collect_all` and the collector.
//!
//! A pool may leave while others turn its entry into a strong reference; nobody waits, and no thread is made known to
//! anything.

use super::idle_budget;
use crate::pool::panics::{Panics, Payload};
use crate::stats::{Collected, Stats};
use crate::sys::blocks::{self, Block};
use std::sync::{Arc, Weak};

/// What the process may ask of a pool whose type it does not know.
pub(crate) trait Member {
    /// What its builder called it.
    fn name(&self) -> Option<&'static str>;
    /// What it has done and what it holds.
    fn stats(&self) -> Stats;
    /// Notes how often something was taken from it by now; how often since the last note.
    fn uses_since(&self, gets: u64) -> u64;
    /// Runs one cycle and drops what it took. The error is a destructor's panic.
    fn collect(&self) -> Result<Collected, Payload>;
    /// Drops every idle object.
    fn clear(&self) -> Result<usize, Payload>;
    /// Drops idle objects of about so many bytes.
    fn shrink(&self, bytes: u64) -> Result<usize, Payload>;
}

/// A pool of whatever type.
pub(crate) type AnyPool = dyn Member + Send + Sync;

/// Where a pool stands in the roster.
pub(crate) type Place = blocks::Place<'static, Weak<AnyPool>>;

static ROSTER: Block<Weak<AnyPool>> = Block::new();

/// Enters a pool.
pub(crate) fn enter(member: Weak<AnyPool>) -> Place {
    ROSTER.enter(member)
}

/// Runs one cycle on every live pool of the process.
///
/// Pools that other threads make or drop meanwhile may or may not take part. A pool that has not
/// been used yet has nothing to age and is not known here. Takes time in proportion to the number
/// of workers of all pools, and to what must be dropped.
///
/// # Panics
///
/// If the destructor of a dropped object panics, with that panic, once all pools are done.
///
/// ```
/// use stealpool::Pool;
///
/// static LINES: Pool<String> = Pool::new(String::new);
/// static BYTES: Pool<Vec<u8>> = Pool::new(Vec::new);
///
/// drop((LINES.get(), BYTES.get()));
/// assert_eq!((LINES.idle(), BYTES.idle()), (1, 1));
/// stealpool::collect_all();
/// stealpool::collect_all();
/// assert_eq!((LINES.idle(), BYTES.idle()), (0, 0));
/// ```
pub fn collect_all() -> Collected {
    let mut sum = Collected::default();
    let mut panics = Panics::default();
    for member in members() {
        sum += panics.keep(member.collect());
    }
    sum.dropped += idle_budget::enforce(|_, payload| panics.keep(Err(payload)));
    panics.resume();
    sum
}

/// The pools that are alive when it comes to them, one after the other.
pub(crate) fn members() -> impl Iterator<Item = Arc<AnyPool>> {
    ROSTER.look(Weak::upgrade)
}
