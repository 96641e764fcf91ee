//! Operations on a whole pool: age it, empty it, fill it.

use crate::engine::{Batch, Object, Outcome};
use crate::policy::Policy;
use crate::pool::Pool;
use crate::pool::drain::Drain;
use crate::pool::panics::{Payload, or_resume};
use crate::pool::state::State;
use crate::stats::Collected;

impl<T: Send + 'static, P: Policy<T>> Pool<T, P> {
    /// Runs one ageing cycle now: drops the objects that the last cycle found unused, too.
    ///
    /// Two cycles drop every object that is unused since before the first. Users never wait for a cycle. If several
    /// threads collect at once, they share the work of one cycle. When this call returns, another thread may still be
    /// dropping objects that it took.
    ///
    /// O(workers and dropped objects).
    ///
    /// # Panics
    ///
    /// If a destructor panics, with the first such panic, after all objects are dropped. A thread that is panicking
    /// already ignores it.
    ///
    /// ```
    /// use stealpool::{Collected, Pool};
    ///
    /// let pool: Pool<Vec<u8>> = Pool::new(Vec::new);
    /// drop([pool.get(), pool.get()]);
    /// assert_eq!(pool.collect(), Collected { aged: 2, dropped: 0 });
    /// drop(pool.get()); // this one is in use, and stays
    /// assert_eq!(pool.collect().dropped, 1);
    /// ```
    pub fn collect(&self) -> Collected {
        or_resume(self.try_collect())
    }

    /// The same. A destructor's panic is an error.
    pub(crate) fn try_collect(&self) -> Result<Collected, Payload> {
        let state = self.state.get();
        state.map_or_else(|| Ok(Collected::default()), State::collect)
    }

    /// Drops all idle objects now, whatever their age. Returns how many.
    ///
    /// Objects that other threads give back meanwhile may stay.
    ///
    /// # Panics
    ///
    /// As [`collect`](Self::collect).
    pub fn clear(&self) -> usize {
        or_resume(self.try_clear())
    }

    /// The same. A destructor's panic is an error.
    pub(crate) fn try_clear(&self) -> Result<usize, Payload> {
        self.state.get().map_or(Ok(0), State::clear)
    }

    /// Drops all idle objects of a pool that shares a budget. From now on the pool keeps none.
    pub(crate) fn retire(&self) -> Result<usize, Payload> {
        self.state.get().map_or(Ok(0), State::retire)
    }

    /// Whether the pool takes room in its budget.
    pub(crate) fn takes_room(&self) -> bool {
        let engine = self.state.get().map(|state| &state.engine);
        engine.is_some_and(|engine| engine.has_shares() || engine.idle() > 0)
    }

    /// Takes out all idle objects. Dropping the iterator drops the objects that it has not returned.
    ///
    /// ```
    /// use stealpool::{Pool, policy};
    ///
    /// // Counters of each thread's, merged at the end.
    /// let counters = Pool::new(policy(|| 0u64).recycle_with(|_| true));
    /// std::thread::scope(|scope| {
    ///     for _ in 0..4 {
    ///         scope.spawn(|| *counters.get() += 10);
    ///     }
    /// });
    /// assert_eq!(counters.drain().sum::<u64>(), 40);
    /// assert_eq!(counters.idle(), 0);
    /// ```
    pub fn drain(&self) -> Drain<T> {
        let mut taken = Batch::new();
        if let Some(state) = self.state.get() {
            state.engine.take_all(&mut taken);
            state.engine.counters.drained.add(taken.len() as u64);
        }
        // SAFETY: the engine has objects of this pool only.
        unsafe { Drain::new(taken) }
    }

    /// Creates objects until at least `count` are idle or a bound is reached.
    ///
    /// They age like all others: a cycle drops them if they are unused for two cycles.
    ///
    /// # Panics
    ///
    /// If [`Policy::create`] panics. The objects created before stay.
    ///
    /// ```
    /// use stealpool::Pool;
    ///
    /// let pool = Pool::new(|| Vec::<u8>::with_capacity(1 << 16));
    /// pool.reserve(8);
    /// assert_eq!((pool.idle(), pool.stats().creates), (8, 8));
    /// ```
    pub fn reserve(&self, count: usize) {
        if self.settings.max_idle == 0 {
            return;
        }
        let ready = self.state().engine.idle();
        for _ in ready..count {
            let object = Object::new(self.policy.create());
            let bytes = self.policy.footprint(object.value());
            self.state().engine.counters.reserved.add(1);
            if bytes > self.settings.max_object_bytes {
                return self.discard(object, Outcome::TooBig);
            }
            if !self.keep(object, bytes as u64) {
                return;
            }
        }
    }
}
