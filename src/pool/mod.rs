//! The pool: its constructors, gets, puts and figures.

pub(crate) mod drain;
mod get_put;
mod lazy_state;
#[cfg(feature = "loans")]
pub(crate) mod loans;
mod maintain;
pub(crate) mod panics;
mod slow_path;
pub(crate) mod state;

use crate::builder::Builder;
use crate::engine::{Budget, Dropper};
use crate::guard::{Guard, OwnedGuard};
use crate::policy::Policy;
use crate::stats::Stats;
use lazy_state::LazyState;
use panics::or_resume;
use state::{Evictor, State};
use std::fmt;
use std::marker::PhantomData;
use std::panic::UnwindSafe;
use std::sync::{Arc, Mutex};

/// A pool of `T`s that any number of threads share.
///
/// The policy `P` makes, cleans and weighs the objects. Any `Fn() -> T` is a policy if `T` implements
/// [`Recycle`](crate::Recycle). The pool is `Sync` if `T: Send` and `P: Sync`. `T` need not be `Sync`, because one
/// thread at a time uses an object.
///
/// Each processor keeps a few idle objects in its *magazine*. The others are in slots, and every processor can take them.
/// [`fast_path`](crate::fast_path) returns how a magazine is accessed on this system.
///
/// An unused pool is 64 bytes plus `P` and owns no memory, so thousands of pools are cheap. Dropping a pool drops all its
/// idle objects. If a collector has taken some of them at that moment, the collector drops those.
///
/// # Happens-before
///
/// What a thread does to an object before it gives it back happens-before what the next user does with it, on any thread.
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
    pub(crate) state: LazyState,
    pub(crate) settings: Builder,
    pub(crate) policy: P,
    /// A shared pool moves objects between threads, as a shared mutex does. Invariant, because an object of a subtype
    /// could be put and then be lent as a `T`.
    owns: PhantomData<Arc<Mutex<T>>>,
}

// It may be larger if the compiler is told to shuffle fields.
const _: () = assert!(size_of::<Pool<Vec<u8>, ()>>() <= 64 || cfg!(stealpool_any_layout));

impl<T: Send + 'static, P: Policy<T>> Pool<T, P> {
    /// A pool with the [default settings](Builder::new). Allocates nothing.
    pub const fn new(policy: P) -> Self {
        Self::with_settings(Builder::new(), policy)
    }

    pub(crate) const fn with_settings(settings: Builder, policy: P) -> Self {
        Pool { state: LazyState::new(), settings, policy, owns: PhantomData }
    }

    /// Lends an object: an idle one if there is any, else a new one.
    ///
    /// Searches this processor's magazine, its slots, the slots of other processors, then the victims. O(1), whatever the
    /// number of threads. A get that finds nothing is O(processors that have slots). A hit in the magazine takes a few
    /// nanoseconds. With [`FastPath::Sequence`](crate::FastPath::Sequence) it has no lock and no locked instruction.
    ///
    /// # Panics
    ///
    /// If [`Policy::create`] panics. A get that finds nothing may also drop aged objects, and panics if their destructor
    /// does.
    #[inline]
    #[cfg_attr(feature = "loans", track_caller)]
    pub fn get(&self) -> Guard<'_, T, P> {
        Guard::new(self, self.take_or(|| self.policy.create()))
    }

    /// Lends an idle object. Never creates one.
    ///
    /// # Panics
    ///
    /// A get that finds nothing may drop aged objects, and panics if their destructor does.
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
    #[cfg_attr(feature = "loans", track_caller)]
    pub fn try_get(&self) -> Option<Guard<'_, T, P>> {
        Some(Guard::new(self, self.try_take()?))
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
    #[cfg_attr(feature = "loans", track_caller)]
    pub fn get_with(&self, create: impl FnOnce() -> T) -> Guard<'_, T, P> {
        Guard::new(self, self.take_or(create))
    }

    /// Like [`get_with`](Self::get_with), with a constructor that may fail.
    ///
    /// # Panics
    ///
    /// As [`get`](Self::get), also in place of the error.
    ///
    /// # Errors
    ///
    /// The error of the constructor. Then the call counts neither as a get nor as a creation.
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
    #[cfg_attr(feature = "loans", track_caller)]
    pub fn try_get_with<E>(
        &self,
        create: impl FnOnce() -> Result<T, E>,
    ) -> Result<Guard<'_, T, P>, E> {
        Ok(Guard::new(self, self.take_or_try(create)?))
    }

    /// Gives an object to the pool. It is recycled and judged like an object of a guard.
    ///
    /// # Panics
    ///
    /// If the policy panics, or the destructor of an object that is not kept.
    ///
    /// ```
    /// use stealpool::Pool;
    ///
    /// let pool: Pool<Vec<u8>> = Pool::new(Vec::new);
    /// pool.put(Vec::with_capacity(100));
    /// assert!(pool.get().capacity() >= 100);
    /// ```
    pub fn put(&self, value: T) {
        self.give_back(self.adopt(value));
    }

    /// Wraps an object in a guard. Dropping the guard gives the object to the pool.
    ///
    /// ```
    /// use stealpool::Pool;
    ///
    /// let pool: Pool<Vec<u8>> = Pool::new(Vec::new);
    /// drop(pool.wrap(vec![1, 2, 3]));
    /// assert_eq!(pool.idle(), 1);
    /// ```
    #[cfg_attr(feature = "loans", track_caller)]
    pub fn wrap(&self, value: T) -> Guard<'_, T, P> {
        Guard::new(self, self.adopt(value))
    }

    /// Like [`get`](Self::get), with a guard that owns a reference to the pool.
    ///
    /// Each such guard changes the reference count of the `Arc`, which is slow if many threads do it at once. A pool
    /// that is never dropped needs no count: `get` of a `static` or [leaked](Box::leak) pool returns a
    /// `Guard<'static>`. It may be held over an `.await` and sent to a task, too.
    ///
    /// ```
    /// use stealpool::{Guard, Pool};
    ///
    /// let pool: Pool<String> = Pool::new(String::new);
    /// let pool: &'static Pool<String> = Box::leak(Box::new(pool));
    /// let guard: Guard<'static, String> = pool.get();
    /// std::thread::spawn(move || drop(guard)).join().unwrap();
    /// ```
    ///
    /// # Panics
    ///
    /// As `get`.
    #[inline]
    #[cfg_attr(feature = "loans", track_caller)]
    pub fn get_owned(self: &Arc<Self>) -> OwnedGuard<T, P> {
        OwnedGuard::new(Arc::clone(self), self.take_or(|| self.policy.create()))
    }

    /// Like [`try_get`](Self::try_get), with a guard that owns a reference to the pool.
    #[inline]
    #[cfg_attr(feature = "loans", track_caller)]
    pub fn try_get_owned(self: &Arc<Self>) -> Option<OwnedGuard<T, P>> {
        let object = self.try_take()?;
        Some(OwnedGuard::new(Arc::clone(self), object))
    }

    /// Like [`get_with`](Self::get_with), with a guard that owns a reference to the pool.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use stealpool::Pool;
    ///
    /// let pool: Arc<Pool<Vec<u8>>> = Arc::new(Pool::new(Vec::new));
    /// assert!(pool.get_owned_with(|| Vec::with_capacity(4096)).capacity() >= 4096);
    /// ```
    ///
    /// # Panics
    ///
    /// As `get`.
    #[inline]
    #[cfg_attr(feature = "loans", track_caller)]
    pub fn get_owned_with(self: &Arc<Self>, create: impl FnOnce() -> T) -> OwnedGuard<T, P> {
        OwnedGuard::new(Arc::clone(self), self.take_or(create))
    }

    /// Like [`try_get_with`](Self::try_get_with), with a guard that owns a reference to the pool.
    ///
    /// # Panics
    ///
    /// As [`get`](Self::get), also in place of the error.
    ///
    /// # Errors
    ///
    /// The error of the constructor. Then the call counts neither as a get nor as a creation.
    ///
    /// ```
    /// use std::fs::File;
    /// use std::sync::Arc;
    /// use stealpool::{Pool, policy};
    ///
    /// let new = policy(|| unreachable!("each get has its own")).recycle_with(|_: &mut File| true);
    /// let files = Arc::new(Pool::new(new));
    /// assert!(files.try_get_owned_with(|| File::open("/no/such/file")).is_err());
    /// assert_eq!(files.live(), 0);
    /// ```
    #[inline]
    #[cfg_attr(feature = "loans", track_caller)]
    pub fn try_get_owned_with<E>(
        self: &Arc<Self>,
        create: impl FnOnce() -> Result<T, E>,
    ) -> Result<OwnedGuard<T, P>, E> {
        let object = self.take_or_try(create)?;
        Ok(OwnedGuard::new(Arc::clone(self), object))
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
    #[cfg_attr(feature = "loans", track_caller)]
    pub fn wrap_owned(self: &Arc<Self>, value: T) -> OwnedGuard<T, P> {
        OwnedGuard::new(Arc::clone(self), self.adopt(value))
    }

    /// How many objects are idle. Exact if no other thread uses the pool. O(workers).
    pub fn idle(&self) -> usize {
        self.state.get().map_or(0, |state| state.engine.idle())
    }

    /// How many objects belong to the pool: lent and idle. Exact if no other thread uses the pool. O(workers).
    ///
    /// A forgotten guard counts for ever. So objects that are live, but neither idle nor held, have leaked.
    ///
    /// ```
    /// use stealpool::{Guard, Pool};
    ///
    /// let pool: Pool<Vec<u8>> = Pool::new(Vec::new);
    /// let (one, other) = (pool.get(), pool.get());
    /// drop(one);
    /// assert_eq!((pool.live(), pool.idle()), (2, 1));
    /// Guard::into_inner(other); // leaves the pool
    /// assert_eq!((pool.live(), pool.idle()), (1, 1));
    /// ```
    pub fn live(&self) -> usize {
        self.stats().live
    }

    /// The statistics of the pool. O(workers).
    ///
    /// ```
    /// use stealpool::Pool;
    ///
    /// let pool: Pool<Vec<u8>> = Pool::new(Vec::new);
    /// drop(pool.get()); // created, then given back
    /// drop(pool.get()); // found
    /// let stats = pool.stats();
    /// assert_eq!((stats.gets, stats.puts), (2, 2));
    /// assert_eq!(stats.creates + stats.private_hits, 2); // one each, unless the thread was moved in between
    /// println!("{stats}");
    /// ```
    pub fn stats(&self) -> Stats {
        self.state.get().map(|state| state.stats()).unwrap_or_default()
    }

    /// The name given by [`Builder::name`].
    pub fn name(&self) -> Option<&'static str> {
        self.settings.name
    }

    /// The policy.
    pub fn policy(&self) -> &P {
        &self.policy
    }

    /// The engine and the clock. Made at the first use.
    #[inline]
    pub(crate) fn state(&self) -> &State {
        let known = self.state.get();
        known.unwrap_or_else(|| self.first_use())
    }

    #[cold]
    #[inline(never)]
    fn first_use(&self) -> &State {
        self.state.open(&self.settings, self.settings.budget(), None, Dropper::of::<T>())
    }

    /// Opens the pool with a budget that it shares with others. Only before its first use.
    pub(crate) fn share(&self, budget: Budget, evictor: Arc<dyn Evictor>) {
        self.state.open(&self.settings, budget, Some(evictor), Dropper::of::<T>());
    }
}

// A panic of a user's function leaves no half-changed object: the pool drops the one in use. So `T` does not matter.
impl<T, P: UnwindSafe> UnwindSafe for Pool<T, P> {}

impl<T, P> Drop for Pool<T, P> {
    fn drop(&mut self) {
        or_resume(self.state.close());
    }
}

impl<T, P> fmt::Debug for Pool<T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stats = self.state.get().map(|state| state.stats());
        f.debug_struct("Pool")
            .field("name", &self.settings.name)
            .field("stats", &stats.unwrap_or_default())
            .finish_non_exhaustive()
    }
}
