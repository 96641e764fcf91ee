//! The shared store, for what has no place in a worker.
//!
//! What is given while the processor's worker is in other hands comes here, and what does not fit into its
//! deque. The store has two sides like a worker has, and ages with them. Each side is a few stacks (as many as
//! processors, at most eight).

use super::generation::Side;
use super::object::Chain;
use crate::sys::chaos::point;
use crate::sys::shelf::{SHARDS, Shelf};
use std::mem;

/// Stacks that any thread may use.
#[derive(Debug)]
pub(crate) struct Shared<T> {
    stacks: Shelf<Chain<T>>,
    shards: usize,
}

impl<T> Shared<T> {
    /// An empty store for a machine with so many processors. Allocates nothing.
    pub(crate) fn new(processors: usize) -> Self {
        Shared {
            stacks: Shelf::new(),
            shards: processors.clamp(1, SHARDS),
        }
    }

    /// Adds a chain. `whose` spreads the callers over the stacks.
    pub(crate) fn push(&self, side: Side, whose: usize, chain: Chain<T>) {
        if let Err(chain) = self.stacks.push(side as usize, whose % self.shards, chain) {
            // As many chains as there are numbers, 2^30: leaked, for no user's destructor may run here.
            mem::forget(chain);
        }
        point("shared: pushed");
    }

    /// Takes a chain of one side, from the stack of `whose` on.
    #[inline]
    pub(crate) fn steal(&self, side: Side, whose: usize) -> Option<Chain<T>> {
        if self.is_empty(side) {
            return None;
        }
        self.search(side, whose)
    }

    /// Whether a side has nothing just now.
    #[inline]
    pub(crate) fn is_empty(&self, side: Side) -> bool {
        self.stacks.is_empty(side as usize, self.shards)
    }

    fn search(&self, side: Side, whose: usize) -> Option<Chain<T>> {
        let mut shards = (0..self.shards).map(|turn| whose.wrapping_add(turn) % self.shards);
        shards.find_map(|shard| self.stacks.pop(side as usize, shard))
    }
}
