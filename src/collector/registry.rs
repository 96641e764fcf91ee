//! The registry: every live pool of the process, for `collect_all`, for the collector, and for those who watch.
//!
//! A pool may be removed while others turn its entry into a strong reference. Nobody waits, and no thread registers
//! itself.

use super::idle_budget;
use crate::pool::panics::{Panics, or_resume};
use crate::pool::state::State;
use crate::stats::{Collected, Stats};
use crate::sys::blocks::{self, Block};
use std::fmt;
use std::sync::{Arc, Weak};

/// Where a pool is in the registry.
pub(crate) type Place = blocks::Place<'static, Weak<State>>;

static POOLS: Block<Weak<State>> = Block::new();

/// Registers a pool.
pub(crate) fn register(pool: Weak<State>) -> Place {
    POOLS.enter(pool)
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
    for pool in pools() {
        sum += panics.keep(pool.collect());
    }
    sum.dropped += idle_budget::enforce(|_, payload| panics.keep(Err(payload)));
    panics.resume();
    sum
}

/// The live pools, one after the other. A pool that dies before its turn is left out.
pub(crate) fn pools() -> impl Iterator<Item = Arc<State>> {
    POOLS.look(Weak::upgrade)
}

/// The named pools of the process that are in use, in no order.
///
/// A pool is known from its first use on, and by the name that [`Builder::name`](crate::Builder::name)
/// gave it. Pools that other threads make or drop meanwhile may or may not be among them; several may
/// have one name.
///
/// ```
/// use stealpool::{Builder, Pool};
///
/// static LINES: Pool<String> = Builder::new().name("lines").build(String::new);
///
/// drop(LINES.get());
/// for pool in stealpool::registry() {
///     println!("{}: {}", pool.name(), pool.stats());
/// }
/// let names: Vec<_> = stealpool::registry().map(|pool| pool.name()).collect();
/// assert_eq!(names, ["lines"]);
/// ```
pub fn registry() -> impl Iterator<Item = NamedPool> {
    pools().filter_map(|pool| {
        let name = pool.name()?;
        Some(NamedPool { name, pool })
    })
}

/// A pool of the process, found by [`registry`].
///
/// It keeps the statistics alive, not the objects. After the pool is dropped, the last figures are read here.
pub struct NamedPool {
    name: &'static str,
    pool: Arc<State>,
}

impl NamedPool {
    /// The name given by [`Builder::name`](crate::Builder::name).
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// As [`Pool::stats`](crate::Pool::stats).
    pub fn stats(&self) -> Stats {
        self.pool.stats()
    }

    /// As [`Pool::collect`](crate::Pool::collect).
    ///
    /// # Panics
    ///
    /// As [`Pool::collect`](crate::Pool::collect).
    pub fn collect(&self) -> Collected {
        or_resume(self.pool.collect())
    }

    /// As [`Pool::clear`](crate::Pool::clear).
    ///
    /// # Panics
    ///
    /// As [`Pool::clear`](crate::Pool::clear).
    pub fn clear(&self) -> usize {
        or_resume(self.pool.clear())
    }
}

impl fmt::Debug for NamedPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NamedPool").field("name", &self.name).field("stats", &self.stats()).finish()
    }
}
