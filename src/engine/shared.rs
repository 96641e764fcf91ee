//! The shared store, for what has no place in a worker.
//!
//! What is given while the processor's worker is in other hands comes here, and what does not fit into its
//! deque. The store has two sides like a worker has, and ages with them. Each side is a few stacks (as many as
//! processors, at most eight).

use super::generation::Side;
use super::object::Chain;
use crate::sys::atomic::AtomicUsize;
use crate::sys::atomic::Ordering::{Acquire, Relaxed, Release};
use crate::sys::chaos::point;
use crate::sys::shelf::Shelf;

/// The most stacks a side may have.
const MOST: usize = 8;

/// Stacks that any thread may use.
#[derive(Debug)]
pub(crate) struct Shared<T> {
    sides: [Stacks<T>; 2],
    shards: usize,
}

#[derive(Debug)]
struct Stacks<T> {
    /// Chains in the stacks; counted after a push and after a steal, so it may lag (and wrap below
    /// zero for a moment), but is exact when nobody is at it.
    chains: AtomicUsize,
    stacks: [Shelf<Chain<T>>; MOST],
}

impl<T> Shared<T> {
    /// An empty store for a machine with so many processors. Allocates nothing.
    pub(crate) fn new(processors: usize) -> Self {
        let side = || Stacks {
            chains: AtomicUsize::new(0),
            stacks: std::array::from_fn(|_| Shelf::new()),
        };
        Shared {
            sides: [side(), side()],
            shards: processors.clamp(1, MOST),
        }
    }

    /// Adds a chain. `whose` spreads the callers over the stacks.
    pub(crate) fn push(&self, side: Side, whose: usize, chain: Chain<T>) {
        let side = &self.sides[side as usize];
        side.stacks[whose % self.shards].add(chain);
        point("shared: pushed");
        // Release: pairs with the Acquire in `steal`; who sees the count finds the chain.
        side.chains.fetch_add(1, Release);
    }

    /// Takes a chain of one side, from the stack of `whose` on.
    pub(crate) fn steal(&self, side: Side, whose: usize) -> Option<Chain<T>> {
        let side = &self.sides[side as usize];
        // Acquire: pairs with the Release in `push`.
        if side.chains.load(Acquire) == 0 {
            return None;
        }
        let mut shards = (0..self.shards).map(|turn| whose.wrapping_add(turn) % self.shards);
        let chain = shards.find_map(|shard| side.stacks[shard].take())?;
        // Relaxed: a count that publishes nothing when it falls.
        side.chains.fetch_sub(1, Relaxed);
        Some(chain)
    }
}
