//! Stacks of numbers that any thread may use, and that nobody ever waits for.
//!
//! Treiber's, over nodes that somebody else has and that are never freed. A node is named by its number, so that a top
//! is one word: the number, and a tag that each pop counts up. A node that comes and goes between a load of the top
//! and the exchange is noticed by the tag.
//!
//! **Invariant.** A node is in one stack, or with the one thread that has popped it or made it. A process that is forked
//! in the middle of a push or a pop has lost one node in the child.

use super::atomic::Ordering::{Acquire, Relaxed, Release};
use super::atomic::{AtomicU32, AtomicU64};
use super::buckets::Buckets;

/// The part of a top that is a node's number, plus one; 0: no node.
const NUMBER: u64 = (1 << 30) - 1;

// Every number, plus one, fits.
const _: () = assert!(<Buckets<u8>>::CAPACITY as u64 <= NUMBER);

/// The number of the node below, plus one.
pub(crate) type Below = AtomicU32;

/// The top of a stack of nodes that somebody else has.
#[derive(Debug)]
pub(crate) struct Top(AtomicU64);

impl Top {
    /// Of an empty stack.
    #[cfg(not(loom))]
    pub(crate) const fn new() -> Self {
        Top(AtomicU64::new(0))
    }

    /// The same (loom's atomics have no `const` constructor).
    #[cfg(loom)]
    pub(crate) fn new() -> Self {
        Top(AtomicU64::new(0))
    }

    /// Adds a node, which is in no stack.
    pub(crate) fn push(&self, number: usize, below: &Below) {
        // Relaxed: the exchange decides.
        let mut top = self.0.load(Relaxed);
        loop {
            // Relaxed: published by the exchange.
            below.store((top & NUMBER) as u32, Relaxed);
            let next = top & !NUMBER | (number as u64 + 1);
            // Release: publishes the node. All changes of a top are exchanges, so this holds for later tops, too.
            match self.0.compare_exchange_weak(top, next, Release, Relaxed) {
                Ok(_) => return,
                Err(now) => top = now,
            }
        }
    }

    /// Takes the newest node out.
    pub(crate) fn pop<'a>(&self, below: impl Fn(usize) -> Option<&'a Below>) -> Option<usize> {
        // Acquire: pairs with the Release in `push`, here and below.
        let mut top = self.0.load(Acquire);
        loop {
            let number = (top & NUMBER).checked_sub(1)? as usize;
            // Relaxed: if the node has moved since, the exchange fails by the tag.
            let below = below(number)?.load(Relaxed);
            let tag = (top & !NUMBER).wrapping_add(NUMBER + 1);
            match self.0.compare_exchange_weak(top, tag | u64::from(below), Acquire, Acquire) {
                Ok(_) => return Some(number),
                Err(now) => top = now,
            }
        }
    }
}
