//! Where a service's objects wait between two requests: in stealpool, in the kind of pool that many such
//! services have, a bounded queue, or nowhere.

use super::PoolFigures;
use crossbeam_queue::ArrayQueue;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use stealpool::{Builder, OwnedGuard, Pool, Recycle};

/// Objects of one kind.
pub(crate) enum Store<T: Recycle + Send + 'static> {
    /// A pool.
    Pool(Arc<Pool<T>>),
    /// A queue, or what is made for each request and dropped.
    Queue(Arc<Queue<T>>),
}

/// As many as mysql_async's pool of buffers keeps.
const PLACES: usize = 128;

/// A queue of idle objects; what does not fit is dropped.
pub(crate) struct Queue<T> {
    /// `None`: nothing is kept.
    idle: Option<ArrayQueue<T>>,
    create: fn() -> T,
    gets: AtomicU64,
    creates: AtomicU64,
    overflowed: AtomicU64,
    idle_bytes: AtomicU64,
}

/// An object, lent.
pub(crate) enum Lent<T: Recycle + Send + 'static> {
    /// By a pool.
    Pool(OwnedGuard<T>),
    /// By a queue; always some until it is dropped.
    Queue(Arc<Queue<T>>, Option<T>),
}

impl<T: Recycle + Send + 'static> Store<T> {
    /// A pool with these settings.
    pub(crate) fn pool(settings: Builder, create: fn() -> T) -> Self {
        Store::Pool(Arc::new(settings.build(create)))
    }

    /// An empty queue.
    pub(crate) fn queue(create: fn() -> T) -> Self {
        Self::waiting_in(Some(ArrayQueue::new(PLACES)), create)
    }

    /// No pool.
    pub(crate) fn none(create: fn() -> T) -> Self {
        Self::waiting_in(None, create)
    }

    fn waiting_in(idle: Option<ArrayQueue<T>>, create: fn() -> T) -> Self {
        Store::Queue(Arc::new(Queue {
            idle,
            create,
            gets: AtomicU64::new(0),
            creates: AtomicU64::new(0),
            overflowed: AtomicU64::new(0),
            idle_bytes: AtomicU64::new(0),
        }))
    }

    /// Lends an object, a new one if there is none.
    pub(crate) fn get(&self) -> Lent<T> {
        match self {
            Store::Pool(pool) => Lent::Pool(pool.get_owned()),
            Store::Queue(queue) => Lent::Queue(Arc::clone(queue), Some(queue.get())),
        }
    }

    /// One ageing cycle; a queue has no such thing.
    pub(crate) fn collect(&self) {
        if let Store::Pool(pool) = self {
            pool.collect();
        }
    }

    /// How many are lent, where that is counted.
    pub(crate) fn in_use(&self) -> usize {
        match self {
            Store::Pool(pool) => {
                let stats = pool.stats();
                stats.live.saturating_sub(stats.idle)
            }
            Store::Queue(_) => 0,
        }
    }

    /// What has been counted so far.
    pub(crate) fn figures(&self, name: &str) -> PoolFigures {
        match self {
            Store::Pool(pool) => PoolFigures::of(name, &pool.stats()),
            Store::Queue(queue) => {
                // Relaxed, all: figures.
                let (gets, creates) = (queue.gets.load(Relaxed), queue.creates.load(Relaxed));
                PoolFigures {
                    name: name.to_owned(),
                    gets,
                    hit_rate: 1.0 - creates as f64 / gets.max(1) as f64,
                    creates,
                    discarded: 0,
                    overflowed: queue.overflowed.load(Relaxed),
                    aged_out: 0,
                    idle: queue.idle.as_ref().map_or(0, ArrayQueue::len) as u64,
                    idle_bytes: queue.idle_bytes.load(Relaxed),
                    cycles: 0,
                }
            }
        }
    }
}

impl<T: Recycle> Queue<T> {
    fn get(&self) -> T {
        // Relaxed, all: figures.
        self.gets.fetch_add(1, Relaxed);
        let Some(object) = self.idle.as_ref().and_then(ArrayQueue::pop) else {
            self.creates.fetch_add(1, Relaxed);
            return (self.create)();
        };
        let bytes = object.footprint() as u64;
        self.idle_bytes.fetch_sub(bytes, Relaxed);
        object
    }

    fn put(&self, mut object: T) {
        let Some(idle) = &self.idle else {
            // Relaxed: a figure.
            self.overflowed.fetch_add(1, Relaxed);
            return;
        };
        object.recycle();
        let bytes = object.footprint() as u64;
        // Relaxed, all: figures. Counted before it can be taken, so that the sum never wraps.
        self.idle_bytes.fetch_add(bytes, Relaxed);
        if idle.push(object).is_err() {
            self.idle_bytes.fetch_sub(bytes, Relaxed);
            self.overflowed.fetch_add(1, Relaxed);
        }
    }
}

const LENT: &str = "there is an object until the guard is dropped";

impl<T: Recycle + Send + 'static> Deref for Lent<T> {
    type Target = T;

    fn deref(&self) -> &T {
        match self {
            Lent::Pool(guard) => guard,
            Lent::Queue(_, object) => object.as_ref().expect(LENT),
        }
    }
}

impl<T: Recycle + Send + 'static> DerefMut for Lent<T> {
    fn deref_mut(&mut self) -> &mut T {
        match self {
            Lent::Pool(guard) => guard,
            Lent::Queue(_, object) => object.as_mut().expect(LENT),
        }
    }
}

impl AsRef<[u8]> for Lent<Vec<u8>> {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl<T: Recycle + Send + 'static> Drop for Lent<T> {
    fn drop(&mut self) {
        if let Lent::Queue(queue, object) = self
            && let Some(object) = object.take()
        {
            queue.put(object);
        }
    }
}
