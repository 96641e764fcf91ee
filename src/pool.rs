//! The public face: lend, take back, age, and say what there is.

use crate::batch::Batch;
use crate::builder::Builder;
use crate::drain::Drain;
use crate::engine::Plan;
use crate::guard::{Guard, OwnedGuard};
use crate::interior::{Interior, Link, bury, cores, go_on};
use crate::object::Object;
use crate::policy::Policy;
use crate::stats::{Collected, Stats};
use std::fmt;
use std::sync::Arc;

/// A pool of `T`s that any number of threads share.
///
/// `P` makes, cleans and weighs the objects; any `Fn() -> T` will do when `T` implements
/// [`Recycle`](crate::Recycle). Shareable (`Sync`) when `T: Send`: each object is in one thread's hands at a time, so
/// `T` need not be `Sync`.
///
/// Untouched, a pool is one cache line (64 bytes) and `P`, and owns no memory, so thousands of them
/// are cheap. Dropping it drops every idle object.
///
/// # Happens-before
///
/// What a thread did to an object before giving it back happens-before what the next user does with
/// it, on whatever thread.
///
/// ```
/// use stealpool::Pool;
///
/// static BUFFERS: Pool<Vec<u8>> = Pool::new(Vec::new);
///
/// fn greet(name: &str) -> String {
///     let mut buf = BUFFERS.get();
///     buf.extend_from_slice(b"Hello, ");
///     buf.extend_from_slice(name.as_bytes());
///     String::from_utf8_lossy(&buf).into_owned()
/// }
///
/// assert_eq!(greet("Ferris"), "Hello, Ferris");
/// assert_eq!(BUFFERS.idle(), 1);
/// ```
pub struct Pool<T, P = fn() -> T> {
    pub(crate) link: Link<T>,
    pub(crate) settings: Builder,
    pub(crate) policy: P,
}

const _: () = assert!(size_of::<Pool<Vec<u8>, ()>>() <= 64);

impl<T: Send + 'static, P: Policy<T>> Pool<T, P> {
    /// A pool with the [default settings](Builder::new). Allocates nothing.
    pub const fn new(policy: P) -> Self {
        Self::with_settings(Builder::new(), policy)
    }

    pub(crate) const fn with_settings(settings: Builder, policy: P) -> Self {
        Pool {
            link: Link::new(),
            settings,
            policy,
        }
    }

    /// Lends an object: a warm one if any is idle anywhere in the pool, else a new one.
    ///
    /// Looks in the thread's own private slot, its own deque, the other workers' deques, then among
    /// the victims. O(1), whatever the number of workers; a hit in the private slot is a few
    /// nanoseconds without any atomic read-modify-write.
    ///
    /// # Panics
    ///
    /// If [`Policy::create`] does, or, now and then on a miss, the destructor of an aged object that this
    /// call drops.
    #[inline]
    pub fn get(&self) -> Guard<'_, T, P> {
        Guard::new(self, self.take_or(|| self.policy.create()))
    }

    /// Lends an idle object; never creates one.
    ///
    /// ```
    /// use stealpool::Pool;
    ///
    /// let pool: Pool<String> = Pool::new(String::new);
    /// assert!(pool.try_get().is_none());
    /// pool.put(String::from("x"));
    /// assert!(pool.try_get().is_some());
    /// ```
    #[inline]
    pub fn try_get(&self) -> Option<Guard<'_, T, P>> {
        self.take().map(|object| Guard::new(self, object))
    }

    /// Like [`get`](Self::get), with this call's own constructor.
    ///
    /// ```
    /// use stealpool::Pool;
    ///
    /// let pool: Pool<Vec<u8>> = Pool::new(Vec::new);
    /// assert!(pool.get_with(|| Vec::with_capacity(4096)).capacity() >= 4096);
    /// ```
    #[inline]
    pub fn get_with(&self, create: impl FnOnce() -> T) -> Guard<'_, T, P> {
        Guard::new(self, self.take_or(create))
    }

    /// Like [`get_with`](Self::get_with), with a constructor that may fail.
    ///
    /// # Errors
    ///
    /// The constructor's error; no count changes then.
    ///
    /// ```
    /// use std::io;
    /// use stealpool::Pool;
    ///
    /// let pool: Pool<Vec<u8>> = Pool::new(Vec::new);
    /// let failed = pool.try_get_with(|| Err(io::Error::other("no memory card")));
    /// assert_eq!(failed.unwrap_err().to_string(), "no memory card");
    /// assert_eq!(pool.stats().gets, 0);
    /// assert!(pool.try_get_with(|| Ok::<_, io::Error>(Vec::new())).is_ok());
    /// ```
    #[inline]
    pub fn try_get_with<E>(
        &self,
        create: impl FnOnce() -> Result<T, E>,
    ) -> Result<Guard<'_, T, P>, E> {
        Ok(Guard::new(self, self.take_or_try(create)?))
    }

    /// Gives an object to the pool: recycled and judged like one that comes back from a guard.
    ///
    /// # Panics
    ///
    /// If the policy does, or the destructor of an object that is not kept.
    ///
    /// ```
    /// use stealpool::Pool;
    ///
    /// let pool: Pool<Vec<u8>> = Pool::new(Vec::new);
    /// pool.put(Vec::with_capacity(100));
    /// assert!(pool.get().capacity() >= 100);
    /// ```
    pub fn put(&self, value: T) {
        self.give_back(Object::new(value));
    }

    /// Lends an object from outside through a guard, so that it comes to the pool when dropped.
    ///
    /// ```
    /// use stealpool::Pool;
    ///
    /// let pool: Pool<Vec<u8>> = Pool::new(Vec::new);
    /// drop(pool.wrap(vec![1, 2, 3]));
    /// assert_eq!(pool.idle(), 1);
    /// ```
    pub fn wrap(&self, value: T) -> Guard<'_, T, P> {
        Guard::new(self, Object::new(value))
    }

    /// Like [`get`](Self::get), with a guard that owns a reference to the pool.
    ///
    /// # Panics
    ///
    /// As `get`.
    #[inline]
    pub fn get_owned(self: &Arc<Self>) -> OwnedGuard<T, P> {
        OwnedGuard::new(Arc::clone(self), self.take_or(|| self.policy.create()))
    }

    /// Like [`wrap`](Self::wrap), with a guard that owns a reference to the pool.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use stealpool::Pool;
    ///
    /// let pool: Arc<Pool<Vec<u8>>> = Arc::new(Pool::new(Vec::new));
    /// drop(pool.wrap_owned(vec![1, 2, 3]));
    /// assert_eq!(pool.idle(), 1);
    /// ```
    pub fn wrap_owned(self: &Arc<Self>, value: T) -> OwnedGuard<T, P> {
        OwnedGuard::new(Arc::clone(self), Object::new(value))
    }

    /// Runs one ageing cycle now: drops the objects that were idle in the last cycle too.
    ///
    /// Two cycles drop every object that is not used between and after them, also those of parked
    /// and of exited threads. Users never wait for a cycle. When several threads collect at once,
    /// they share the work of one cycle, and what another thread took, it may still be dropping
    /// when this call returns.
    ///
    /// Takes time in proportion to the number of workers and of dropped objects.
    ///
    /// # Panics
    ///
    /// If a destructor does, with the first such panic, once all the objects are dropped. A thread
    /// that is panicking already swallows it.
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
        self.link
            .interior()
            .map(Interior::collect)
            .unwrap_or_default()
    }

    /// Drops all idle objects now, whatever their age, and says how many.
    ///
    /// Objects that other threads give back meanwhile may stay.
    ///
    /// # Panics
    ///
    /// As [`collect`](Self::collect).
    pub fn clear(&self) -> usize {
        let taken = self.take_all();
        let count = taken.len();
        bury(taken).unwrap_or_else(go_on);
        count
    }

    /// Takes all idle objects out, and iterates over them. What the iterator has not handed out
    /// when it is dropped is dropped with it.
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
        Drain::new(self.take_all())
    }

    /// Creates objects ahead, until at least `count` are idle or a bound is reached.
    ///
    /// They age like all others: what is not used for two cycles goes.
    ///
    /// # Panics
    ///
    /// If [`Policy::create`] does; what was created before stays.
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
        for _ in self.idle()..count {
            let object = Object::new(self.policy.create());
            let bytes = self.policy.footprint(object.value());
            self.interior().engine.ledger.reserved.add(1);
            if bytes > self.settings.max_object_bytes {
                return self.discard(object);
            }
            if !self.keep(object, bytes as u64) {
                return;
            }
        }
    }

    /// How many objects are idle. Exact when no other thread uses the pool; O(workers).
    pub fn idle(&self) -> usize {
        self.stats().idle
    }

    /// What the pool has done and what it holds. O(workers).
    ///
    /// ```
    /// use stealpool::Pool;
    ///
    /// let pool: Pool<Vec<u8>> = Pool::new(Vec::new);
    /// drop(pool.get()); // created, then given back
    /// drop(pool.get()); // found
    /// let stats = pool.stats();
    /// assert_eq!((stats.gets, stats.creates, stats.private_hits, stats.puts), (2, 1, 1, 2));
    /// assert_eq!(stats.hit_rate(), 0.5);
    /// println!("{stats}");
    /// ```
    pub fn stats(&self) -> Stats {
        self.link
            .interior()
            .map(|interior| interior.engine.stats())
            .unwrap_or_default()
    }

    /// The name given by [`Builder::name`].
    pub fn name(&self) -> Option<&'static str> {
        self.settings.name
    }

    /// The policy.
    pub fn policy(&self) -> &P {
        &self.policy
    }

    fn take_all(&self) -> Batch<T> {
        let mut taken = Batch::new();
        if let Some(interior) = self.link.interior() {
            interior.engine.take_all(&mut taken);
        }
        taken
    }

    /// Engine and clock; made on the first use.
    pub(crate) fn interior(&self) -> &Interior<T> {
        self.link.open(|| {
            let bound = |n: usize| if n == usize::MAX { u64::MAX } else { n as u64 };
            let plan = Plan {
                max_idle: bound(self.settings.max_idle),
                idle_bytes: bound(self.settings.idle_bytes),
                cores: cores(),
                deepest: self.settings.deepest,
            };
            (plan, self.settings.interval())
        })
    }
}

impl<T, P> Drop for Pool<T, P> {
    fn drop(&mut self) {
        bury(self.link.close()).unwrap_or_else(go_on);
    }
}

impl<T, P> fmt::Debug for Pool<T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stats = self.link.interior().map(|interior| interior.engine.stats());
        f.debug_struct("Pool")
            .field("name", &self.settings.name)
            .field("stats", &stats.unwrap_or_default())
            .finish_non_exhaustive()
    }
}
