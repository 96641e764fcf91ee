//! The public face: create, clean and judge around the engine.
//!
//! Everything of the user's runs here, and never while the engine is in the middle of anything: an
//! object is taken, then used; cleaned and judged, then given. So each callback may use the pool
//! again, and may panic; an [`Object`] in hand is dropped by the unwinding, and counted.

use crate::builder::Builder;
use crate::engine::{Given, Plan};
use crate::guard::{Guard, OwnedGuard};
use crate::interior::{Interior, Link, bury, cores};
use crate::object::{Batch, Object};
use crate::policy::Policy;
use crate::private::Placed;
use crate::stats::{Collected, Stats};
use crate::worker::{Outcome, Owner};
use std::convert::Infallible;
use std::fmt;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread;

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
    link: Link<T>,
    settings: Builder,
    policy: P,
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
    /// If [`Policy::create`] does, or, once in 1,024 operations at most, the destructor of an aged
    /// object that this call drops.
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
        let object = self.take().or_else(|| {
            self.count_get(Outcome::Nothing);
            None
        })?;
        Some(Guard::new(self, object))
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
    /// If a destructor does, with the first such panic, once all the objects are dropped.
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
        bury(taken).unwrap_or_else(|payload| resume_unwind(payload));
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
        Drain {
            taken: self.take_all(),
        }
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
            let mut object = Object::new(self.policy.create());
            let bytes = self.policy.footprint(object.value());
            if bytes > self.settings.max_object_bytes {
                return;
            }
            object.set_weight(bytes);
            self.interior().engine.ledger.reserved.add(1);
            if self.keep(object).is_err() {
                return;
            }
        }
    }

    /// How many objects are idle. Exact when no other thread uses the pool; O(workers).
    pub fn idle(&self) -> usize {
        self.stats().idle
    }

    /// What the pool has done and what it holds. O(workers).
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

    /// Recycles, judges, and keeps or drops an object that comes back.
    #[inline]
    pub(crate) fn give_back(&self, object: Object<T>) {
        if thread::panicking() || self.settings.max_idle == 0 {
            return self.discard(object);
        }
        let mut judged = Judged {
            pool: self,
            object: Some(object),
        };
        let Some(object) = &mut judged.object else {
            return;
        };
        if !self.policy.recycle(object.value_mut()) {
            return;
        }
        let bytes = self.policy.footprint(object.value());
        if bytes > self.settings.max_object_bytes {
            return;
        }
        object.set_weight(bytes);
        let Some(object) = judged.object.take() else {
            return;
        };
        if let Err(refused) = self.keep(object) {
            drop(refused);
        }
    }

    /// Drops an object that was not kept, and counts it.
    #[cold]
    pub(crate) fn discard(&self, object: Object<T>) {
        self.interior().engine.ledger.discarded.add(1);
        drop(object);
    }

    /// Gives an object to the engine, and ages the pool when it is time.
    #[inline]
    fn keep(&self, object: Object<T>) -> Given<T> {
        let Some(me) = self.link.owner() else {
            return self.keep_joining(object);
        };
        match me.put_private(object) {
            (Placed::Kept, false) => Ok(()),
            (placed, tick) => self.keep_below(me, placed, tick),
        }
    }

    #[inline(never)]
    fn keep_below(&self, me: Owner<'_, T>, placed: Placed<T>, tick: bool) -> Given<T> {
        let interior = self.interior();
        let given = interior.engine.settle(me, placed);
        if tick {
            interior.tick();
        }
        given
    }

    #[cold]
    fn keep_joining(&self, object: Object<T>) -> Given<T> {
        let interior = self.interior();
        match self.link.join() {
            Some(me) => interior.engine.give(me, object),
            None => interior.engine.give_ownerless(object),
        }
    }

    #[inline]
    fn take_or(&self, create: impl FnOnce() -> T) -> Object<T> {
        match self.take_or_try(|| Ok::<T, Infallible>(create())) {
            Ok(object) => object,
            Err(never) => match never {},
        }
    }

    #[inline]
    fn take_or_try<E>(&self, create: impl FnOnce() -> Result<T, E>) -> Result<Object<T>, E> {
        match self.take() {
            Some(object) => Ok(object),
            None => self.create(create),
        }
    }

    #[cold]
    fn create<E>(&self, create: impl FnOnce() -> Result<T, E>) -> Result<Object<T>, E> {
        // Counted as nothing unless it succeeds, and only then: `create` may panic.
        let mut miss = Miss {
            pool: self,
            outcome: Outcome::Nothing,
        };
        let object = Object::new(create()?);
        miss.outcome = Outcome::Created;
        Ok(object)
    }

    /// Takes an idle object. A `None` must be followed by one [`count_get`](Self::count_get).
    #[inline]
    fn take(&self) -> Option<Object<T>> {
        let Some(me) = self.link.owner() else {
            return self.take_joining();
        };
        let (object, tick) = me.take_private();
        if tick {
            return self.take_ticking(me, object);
        }
        match object {
            Some(object) => Some(object),
            None => self.take_below(me),
        }
    }

    #[inline(never)]
    fn take_below(&self, me: Owner<'_, T>) -> Option<Object<T>> {
        self.link.interior()?.engine.take_below(me)
    }

    #[cold]
    fn take_ticking(&self, me: Owner<'_, T>, object: Option<Object<T>>) -> Option<Object<T>> {
        // In a guard, so that a destructor's panic in the cycle does not lose the object.
        let object = object.or_else(|| self.take_below(me));
        let guard = object.map(|object| Guard::new(self, object));
        self.interior().tick();
        guard.map(Guard::into_object)
    }

    #[cold]
    fn take_joining(&self) -> Option<Object<T>> {
        let interior = self.interior();
        match self.link.join() {
            Some(me) => me
                .take_private()
                .0
                .or_else(|| interior.engine.take_below(me)),
            None => interior.engine.take_ownerless(),
        }
    }

    fn take_all(&self) -> Batch<T> {
        let mut taken = Batch::new();
        if let Some(interior) = self.link.interior() {
            interior.engine.take_all(&mut taken);
        }
        taken
    }

    /// Counts how a get ended that found nothing.
    fn count_get(&self, outcome: Outcome) {
        match (self.link.owner(), outcome) {
            (Some(me), _) => me.count_get(outcome),
            (None, Outcome::Created) => self.interior().engine.ledger.ownerless_created.add(1),
            (None, _) => {}
        }
    }

    fn interior(&self) -> &Interior<T> {
        self.link.open(|| {
            let bound = |n: usize| if n == usize::MAX { u64::MAX } else { n as u64 };
            let plan = Plan {
                max_idle: bound(self.settings.max_idle),
                idle_bytes: bound(self.settings.idle_bytes),
                cores: cores(),
            };
            (plan, self.settings.interval)
        })
    }
}

/// An object under judgement: discarded unless taken out.
struct Judged<'a, T: Send + 'static, P: Policy<T>> {
    pool: &'a Pool<T, P>,
    object: Option<Object<T>>,
}

impl<T: Send + 'static, P: Policy<T>> Drop for Judged<'_, T, P> {
    #[inline]
    fn drop(&mut self) {
        if let Some(object) = self.object.take() {
            self.pool.discard(object);
        }
    }
}

/// A get that found nothing; counts itself.
struct Miss<'a, T: Send + 'static, P: Policy<T>> {
    pool: &'a Pool<T, P>,
    outcome: Outcome,
}

impl<T: Send + 'static, P: Policy<T>> Drop for Miss<'_, T, P> {
    fn drop(&mut self) {
        self.pool.count_get(self.outcome);
    }
}

impl<T, P> Drop for Pool<T, P> {
    fn drop(&mut self) {
        if let Err(payload) = bury(self.link.close()) {
            if !thread::panicking() {
                resume_unwind(payload);
            }
        }
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

/// The idle objects of a pool, taken out by [`Pool::drain`].
#[derive(Debug)]
pub struct Drain<T> {
    taken: Batch<T>,
}

impl<T> Iterator for Drain<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.taken.pop().map(Object::into_value)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.taken.len(), Some(self.taken.len()))
    }
}

impl<T> ExactSizeIterator for Drain<T> {}
impl<T> std::iter::FusedIterator for Drain<T> {}
