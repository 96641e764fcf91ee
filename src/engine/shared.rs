//! The shared store, for what has no place in a worker.
//!
//! What is given while the processor's worker is in other hands comes here, and what does not fit into its
//! deque. The store has two sides like a worker has, and ages with them. Each side is a few
//! first-in-first-out queues (as many as processors, at most eight), made when first used.

use super::generation::Side;
use super::object::Chain;
use crate::sys::atomic::AtomicUsize;
use crate::sys::atomic::Ordering::{Acquire, Relaxed, Release};
use crate::sys::chaos::point;
use crate::sys::deque::Queue;
use crate::sys::once_box::OnceBox;

/// The most queues a side may have.
const MOST: usize = 8;

/// Queues that any thread may use.
#[derive(Debug)]
pub(crate) struct Shared<T> {
    sides: [Queues<T>; 2],
    shards: usize,
}

#[derive(Debug)]
struct Queues<T> {
    /// Chains in the queues; counted after a push and after a steal, so it may lag (and wrap below
    /// zero for a moment), but is exact when nobody is at it.
    chains: AtomicUsize,
    queues: [OnceBox<Queue<Chain<T>>>; MOST],
}

impl<T> Shared<T> {
    /// An empty store for a machine with so many processors. Allocates nothing.
    pub(crate) fn new(processors: usize) -> Self {
        let side = || Queues {
            chains: AtomicUsize::new(0),
            queues: std::array::from_fn(|_| OnceBox::new()),
        };
        Shared {
            sides: [side(), side()],
            shards: processors.clamp(1, MOST),
        }
    }

    /// Adds a chain. `whose` spreads the callers over the queues.
    pub(crate) fn push(&self, side: Side, whose: usize, chain: Chain<T>) {
        let side = &self.sides[side as usize];
        let queue = side.queues[whose % self.shards].get_or_make(Queue::new);
        queue.push(chain);
        point("shared: pushed");
        // Release: pairs with the Acquire in `steal`; who sees the count finds the chain.
        side.chains.fetch_add(1, Release);
    }

    /// Takes a chain of one side, from the queue of `whose` on.
    pub(crate) fn steal(&self, side: Side, whose: usize) -> Option<Chain<T>> {
        let side = &self.sides[side as usize];
        // Acquire: pairs with the Release in `push`.
        if side.chains.load(Acquire) == 0 {
            return None;
        }
        let shards = (0..self.shards).map(|turn| (whose.wrapping_add(turn)) % self.shards);
        let mut queues = shards.filter_map(|shard| side.queues[shard].get());
        let chain = queues.find_map(Queue::steal)?;
        // Relaxed: a count that publishes nothing when it falls.
        side.chains.fetch_sub(1, Relaxed);
        Some(chain)
    }
}
