//! The named pools of the process, for whoever watches them.

use crate::collector::roster::{self, AnyPool};
use crate::pool::panics::or_resume;
use crate::stats::{Collected, Stats};
use std::fmt;
use std::sync::Arc;

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
    roster::members().filter_map(|member| {
        let name = member.name()?;
        Some(NamedPool { name, member })
    })
}

/// A pool of the process, found by [`registry`].
///
/// Keeps the pool's books, not its objects: when the pool is dropped, its objects are, too, and what is
/// read here are the last figures.
pub struct NamedPool {
    name: &'static str,
    member: Arc<AnyPool>,
}

impl NamedPool {
    /// What its builder called it.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// As [`Pool::stats`](crate::Pool::stats).
    pub fn stats(&self) -> Stats {
        self.member.stats()
    }

    /// As [`Pool::collect`](crate::Pool::collect).
    ///
    /// # Panics
    ///
    /// As that.
    pub fn collect(&self) -> Collected {
        or_resume(self.member.collect())
    }

    /// As [`Pool::clear`](crate::Pool::clear).
    ///
    /// # Panics
    ///
    /// As that.
    pub fn clear(&self) -> usize {
        or_resume(self.member.clear())
    }
}

impl fmt::Debug for NamedPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NamedPool").field("name", &self.name).field("stats", &self.stats()).finish()
    }
}
