//! The shared store, for objects without a worker.
//!
//! A thread in teardown has no worker any more, and past four threads a core a worker keeps no deque:
//! its overflow comes here, so that memory does not grow with the number of threads. The store has
//! two sides like a worker has, and ages with them. Each side is a few first-in-first-out queues
//! (as many as cores, at most eight), made when first used.

use crate::generation::Side;
use crate::object::Chain;
use crate::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use crate::sync::atomic::{AtomicPtr, AtomicUsize};
use crate::sync::chaos::point;
use crate::sync::deque::Queue;
use std::ptr;

/// The most queues a side may have.
const MOST: usize = 8;

/// Queues that any thread may use.
#[derive(Debug)]
pub(crate) struct Shared<T> {
    sides: [Shelf<T>; 2],
    shards: usize,
}

#[derive(Debug)]
struct Shelf<T> {
    /// Chains in the queues; counted after a push and after a steal, so it may lag (and wrap below
    /// zero for a moment), but is exact when nobody is at it.
    chains: AtomicUsize,
    queues: [AtomicPtr<Queue<Chain<T>>>; MOST],
}

impl<T> Shared<T> {
    /// An empty store for a machine with `cores`. Allocates nothing.
    pub(crate) fn new(cores: usize) -> Self {
        let shelf = || Shelf {
            chains: AtomicUsize::new(0),
            queues: std::array::from_fn(|_| AtomicPtr::new(ptr::null_mut())),
        };
        Shared {
            sides: [shelf(), shelf()],
            shards: cores.clamp(1, MOST),
        }
    }

    /// Adds a chain. `whose` spreads the callers over the queues.
    pub(crate) fn push(&self, side: Side, whose: usize, chain: Chain<T>) {
        let shelf = &self.sides[side as usize];
        shelf.queue(whose % self.shards).push(chain);
        point("shared: pushed");
        // Release: pairs with the Acquire in `steal`; who sees the count finds the chain.
        shelf.chains.fetch_add(1, Release);
    }

    /// Takes a chain of one side, from the queue of `whose` on.
    pub(crate) fn steal(&self, side: Side, whose: usize) -> Option<Chain<T>> {
        let shelf = &self.sides[side as usize];
        // Acquire: pairs with the Release in `push`.
        if shelf.chains.load(Acquire) == 0 {
            return None;
        }
        for turn in 0..self.shards {
            // Acquire: pairs with the exchange in `queue`.
            let queue = shelf.queues[(whose + turn) % self.shards].load(Acquire);
            // SAFETY: a non-null pointer is a boxed queue that is freed with the store only.
            if let Some(chain) = unsafe { queue.as_ref() }.and_then(Queue::steal) {
                // Relaxed: a count that publishes nothing when it falls.
                shelf.chains.fetch_sub(1, Relaxed);
                return Some(chain);
            }
        }
        None
    }
}

impl<T> Shelf<T> {
    fn queue(&self, shard: usize) -> &Queue<Chain<T>> {
        let place = &self.queues[shard];
        // Acquire: pairs with the exchange below.
        let mut queue = place.load(Acquire);
        if queue.is_null() {
            let made = Box::into_raw(Box::new(Queue::new()));
            // Release: publishes the queue. Acquire: a loser uses the winner's.
            queue = match place.compare_exchange(ptr::null_mut(), made, AcqRel, Acquire) {
                Ok(_) => made,
                Err(theirs) => {
                    // SAFETY: `made` was not published.
                    drop(unsafe { Box::from_raw(made) });
                    theirs
                }
            };
        }
        // SAFETY: a boxed queue, freed with the store only.
        unsafe { &*queue }
    }
}

impl<T> Drop for Shelf<T> {
    fn drop(&mut self) {
        for queue in &self.queues {
            // Acquire: pairs with the exchange in `queue`.
            let queue = queue.load(Acquire);
            if !queue.is_null() {
                // SAFETY: published once, never replaced, and `&mut self` ends all use.
                drop(unsafe { Box::from_raw(queue) });
            }
        }
    }
}
