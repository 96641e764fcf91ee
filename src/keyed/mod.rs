//! A pool for each key, all under one bound.
//!
//! The map of keys is immutable. A new key copies it, because keys are few and live long. So a `get` takes no lock.
//!
//! The pools share one budget. If a put finds no room, the idle objects of the least recently used key are dropped, and
//! the put tries again.

mod entry;

use crate::builder::Builder;
use crate::engine::Budget;
use crate::guard::OwnedGuard;
use crate::policy::Policy;
use crate::pool::Pool;
use crate::pool::panics::{Panics, Payload};
use crate::pool::state::Evictor;
use crate::stats::{Collected, Stats};
use arc_swap::{ArcSwap, Guard};
use entry::Entry;
use std::borrow::Borrow;
use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Weak};
use std::time::Instant;

/// The default for `max_keys`.
const KEYS: usize = 1024;

/// A pool for each key: a compression level, a language, a tenant.
///
/// The bounds of the [`Builder`] hold for all keys together. If an object comes back and there is no room, the idle
/// objects of the least recently used key are dropped first. The time of a use is in milliseconds. All other settings
/// apply to each pool by itself.
///
/// [`get`](Self::get) lends an [`OwnedGuard`]. If you use one key again and again, keep its [`pool`](Self::pool): that
/// saves the search.
///
/// Finding a key takes no lock. A new key copies the map of all keys. So this is for up to some thousands of keys, not
/// for a new key in each request.
///
/// ```
/// use stealpool::KeyedPool;
///
/// // A scratch buffer of each size.
/// let buffers = KeyedPool::new(|&size: &usize| move || Vec::<u8>::with_capacity(size));
/// let small = buffers.get(&100);
/// let large = buffers.get(&10_000);
/// assert!(small.capacity() < large.capacity());
/// drop((small, large));
/// assert!(buffers.get(&10_000).capacity() >= 10_000);
/// assert_eq!((buffers.keys().len(), buffers.stats().creates), (2, 2));
/// ```
pub struct KeyedPool<K, T: Send + 'static, P: Policy<T> = fn() -> T> {
    shared: Arc<Shared<K, T, P>>,
}

struct Shared<K, T: Send + 'static, P: Policy<T>> {
    map: ArcSwap<Map<K, T, P>>,
    policy: Box<dyn Fn(&K) -> P + Send + Sync>,
    settings: Builder,
    budget: Budget,
    most: usize,
    start: Instant,
    /// When all entries were checked last, in milliseconds after the start.
    looked: AtomicU64,
}

type Map<K, T, P> = HashMap<K, Arc<Entry<T, P>>>;

impl<K, T, P> KeyedPool<K, T, P>
where
    K: Eq + Hash + Clone + Send + Sync + 'static,
    T: Send + 'static,
    P: Policy<T> + Send + Sync + 'static,
{
    /// A pool for each key, without bounds. `policy` makes the policy of a key.
    pub fn new(policy: impl Fn(&K) -> P + Send + Sync + 'static) -> Self {
        Self::with_settings(Builder::new(), policy)
    }

    /// A pool for each key, with settings. The bounds [`max_idle`](Builder::max_idle) and
    /// [`idle_bytes`](Builder::idle_bytes) hold for all keys together.
    ///
    /// ```
    /// use stealpool::{Builder, KeyedPool};
    ///
    /// let lines = KeyedPool::with_settings(
    ///     Builder::new().max_idle(2),
    ///     |_tenant: &String| || String::with_capacity(80),
    /// );
    /// for tenant in ["a", "b", "c"] {
    ///     drop(lines.get(tenant));
    ///     std::thread::sleep(std::time::Duration::from_millis(2));
    /// }
    /// assert_eq!(lines.stats().idle, 2);
    /// assert!(lines.try_get("a").is_none(), "not used for longest");
    /// assert!(lines.try_get("c").is_some());
    /// ```
    pub fn with_settings(
        settings: Builder,
        policy: impl Fn(&K) -> P + Send + Sync + 'static,
    ) -> Self {
        KeyedPool {
            shared: Arc::new(Shared {
                map: ArcSwap::from_pointee(Map::new()),
                policy: Box::new(policy),
                settings,
                budget: settings.budget(),
                most: KEYS,
                start: Instant::now(),
                looked: AtomicU64::new(0),
            }),
        }
    }

    /// The most keys: 1,024 by default, at least 1. One more key evicts the least recently used key with its idle
    /// objects.
    ///
    /// Guards of an evicted key stay valid. An object that comes back to such a key is dropped: at once if there are
    /// bounds, otherwise with the key's pool, after the last guard.
    ///
    /// # Panics
    ///
    /// If this pool has a clone. Call this right after the constructor.
    #[must_use]
    pub fn max_keys(mut self, keys: usize) -> Self {
        let shared = Arc::get_mut(&mut self.shared);
        shared.expect("nobody else uses the pool yet").most = keys.max(1);
        self
    }

    /// Lends an object of this key: an idle one if there is any, else a new one.
    ///
    /// # Panics
    ///
    /// As [`Pool::get`], and if `policy` or the key's `Hash`, `Eq` or `Clone` panics.
    #[cfg_attr(feature = "loans", track_caller)]
    pub fn get<Q>(&self, key: &Q) -> OwnedGuard<T, P>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ToOwned<Owned = K> + ?Sized,
    {
        let found = self.find(key, true);
        let pool = found.unwrap_or_else(|| self.add(key.to_owned()));
        pool.get_owned()
    }

    /// Lends an idle object of this key. Never creates an object or a key.
    #[cfg_attr(feature = "loans", track_caller)]
    pub fn try_get<Q>(&self, key: &Q) -> Option<OwnedGuard<T, P>>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.find(key, true)?.try_get_owned()
    }

    /// The pool of this key. Makes it if there is none.
    ///
    /// The pool stays valid if the key is evicted. If there are bounds, it keeps no objects then. If the key comes
    /// back, it gets another pool. This call does not count as a use of the key. Uses of the pool do.
    ///
    /// # Panics
    ///
    /// As [`get`](Self::get).
    pub fn pool<Q>(&self, key: &Q) -> Arc<Pool<T, P>>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ToOwned<Owned = K> + ?Sized,
    {
        let found = self.find(key, false);
        found.unwrap_or_else(|| self.add(key.to_owned()))
    }

    fn find<Q>(&self, key: &Q, uses: bool) -> Option<Arc<Pool<T, P>>>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let shared = &*self.shared;
        let map = shared.map.load();
        let entry = map.get(key)?;
        if uses {
            entry.touch(shared.now());
        }
        Some(Arc::clone(&entry.pool))
    }

    #[cold]
    fn add(&self, key: K) -> Arc<Pool<T, P>> {
        let shared = &self.shared;
        let evictor: Weak<Shared<K, T, P>> = Arc::downgrade(shared);
        let pool = Pool::with_settings(shared.settings, (shared.policy)(&key));
        let used = Arc::new(AtomicU64::new(shared.now()));
        let evictor = KeyEvictor { shared: evictor, used: Arc::clone(&used), start: shared.start };
        pool.share(shared.budget.clone(), Arc::new(evictor));
        let entry = Arc::new(Entry::new(pool, used));
        shared.look();
        let mut forgotten = [None, None];
        let (pool, _before) = shared.replace(|map| {
            forgotten = [None, None];
            if let Some(theirs) = map.get(&key) {
                return (None, Arc::clone(&theirs.pool));
            }
            let mut more = map.clone();
            let mut oldest = None;
            if more.len() >= shared.most {
                oldest = more.values().min_by_key(|entry| entry.used()).cloned();
            }
            if let Some(oldest) = &oldest {
                // Not by its key: a wrong `Eq` may say that the key differs from itself.
                more.retain(|_, entry| !Arc::ptr_eq(entry, oldest));
            }
            // A wrong `Eq` may now find an equal key that it did not find above.
            let replaced = more.insert(key.clone(), Arc::clone(&entry));
            forgotten = [oldest, replaced];
            (Some(more), Arc::clone(&entry.pool))
        });
        // Before the old map is dropped, because the destructors of its keys may panic.
        let mut panics = Panics::default();
        for entry in forgotten.iter().flatten() {
            panics.keep(entry.pool.retire());
        }
        panics.resume();
        pool
    }

    /// The keys, in no order.
    pub fn keys(&self) -> Vec<K> {
        self.shared.map.load().keys().cloned().collect()
    }

    /// The sum of the statistics of all keys. An evicted key does not count any more. O(keys and workers).
    pub fn stats(&self) -> Stats {
        let mut sum = Stats::default();
        for entry in self.shared.entries() {
            sum += entry.pool.stats();
        }
        sum
    }

    /// Runs one cycle on the pool of each key; see [`Pool::collect`].
    ///
    /// # Panics
    ///
    /// As [`Pool::collect`], after all keys are done.
    pub fn collect(&self) -> Collected {
        let mut sum = Collected::default();
        let mut panics = Panics::default();
        for entry in self.shared.entries() {
            sum += panics.keep(entry.pool.try_collect());
        }
        panics.resume();
        sum
    }

    /// Drops all idle objects and evicts all keys. Returns the number of objects.
    ///
    /// # Panics
    ///
    /// As [`Pool::clear`], after all keys are done.
    pub fn clear(&self) -> usize {
        let ((), before) = self.shared.replace(|_| (Some(Map::new()), ()));
        let mut panics = Panics::default();
        let count = before.values().map(|entry| panics.keep(entry.pool.retire())).sum();
        panics.resume();
        count
    }
}

impl<K, T: Send + 'static, P: Policy<T>> Shared<K, T, P> {
    fn now(&self) -> u64 {
        self.start.elapsed().as_millis() as u64
    }

    /// Updates the time of use of pools that were used directly. At most once a millisecond.
    fn look(&self) {
        let now = self.now();
        // Relaxed: a figure.
        let last = self.looked.swap(now, Relaxed);
        if last == now {
            return;
        }
        self.entries().iter().for_each(|entry| entry.look(last));
    }

    fn entries(&self) -> Vec<Arc<Entry<T, P>>> {
        self.map.load().values().map(Arc::clone).collect()
    }

    /// Replaces the map by the result of `change`, if there is one. Tries again if another thread was first. Returns the
    /// last result of `change`, and the map that it was called with.
    fn replace<R>(
        &self,
        mut change: impl FnMut(&Map<K, T, P>) -> (Option<Map<K, T, P>>, R),
    ) -> (R, Arc<Map<K, T, P>>) {
        let mut map = self.map.load_full();
        loop {
            let (changed, result) = change(&map);
            let Some(changed) = changed else {
                return (result, map);
            };
            let found = self.map.compare_and_swap(&map, Arc::new(changed));
            if Arc::ptr_eq(&found, &map) {
                return (result, map);
            }
            map = Guard::into_inner(found);
        }
    }
}

/// Makes room for one key's objects by dropping those of another key.
struct KeyEvictor<K, T: Send + 'static, P: Policy<T>> {
    /// Weak, so that the pools do not keep their owner alive.
    shared: Weak<Shared<K, T, P>>,
    used: Arc<AtomicU64>,
    start: Instant,
}

impl<K, T, P> Evictor for KeyEvictor<K, T, P>
where
    K: Send + Sync,
    T: Send + 'static,
    P: Policy<T> + Send + Sync,
{
    fn make_room(&self) -> Result<(), Payload> {
        let Some(shared) = self.shared.upgrade() else {
            return Ok(());
        };
        shared.look();
        let mut entries = shared.entries();
        // Cached, because the time may change meanwhile.
        entries.sort_by_cached_key(|entry| entry.used());
        // Not the key that is in use now.
        entries.pop();
        let holder = entries.iter().find(|entry| entry.pool.takes_room());
        holder.map_or(Ok(()), |entry| entry.pool.try_clear().map(drop))
    }

    fn used(&self) {
        let now = self.start.elapsed().as_millis() as u64;
        // Relaxed: a figure.
        self.used.fetch_max(now, Relaxed);
    }
}

impl<K, T: Send + 'static, P: Policy<T>> Clone for KeyedPool<K, T, P> {
    /// The same pool.
    fn clone(&self) -> Self {
        KeyedPool { shared: Arc::clone(&self.shared) }
    }
}

impl<K: fmt::Debug, T: Send + 'static, P: Policy<T>> fmt::Debug for KeyedPool<K, T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let map = self.shared.map.load();
        let pools = map.iter().map(|(key, entry)| (key, &entry.pool));
        f.debug_map().entries(pools).finish()
    }
}
