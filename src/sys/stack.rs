//! Stacks that any thread may use, and that nobody ever waits for.
//!
//! Treiber's, over nodes that are never freed before the whole. A node is named by its number, so that a top is one
//! word: the number, and a tag that each pop counts up. A node that comes and goes between a load of the top and the
//! exchange is noticed by the tag. Nodes that hold nothing are in stacks of their own.
//!
//! **Invariant.** A node is in one stack, or with the one thread that has popped it or made it; its value is that
//! thread's. A process that is forked in the middle of a push or a pop has lost one node in the child.

use super::Witness;
use super::atomic::Ordering::{Acquire, Relaxed, Release};
use super::atomic::{AtomicU32, AtomicU64, AtomicUsize};
use super::buckets::Buckets;
use super::chaos::point;
use std::cell::UnsafeCell;

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

    /// Whether there is no node just now.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        // Relaxed: who sees a node takes it by an exchange.
        self.0.load(Relaxed) & NUMBER == 0
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
            match self
                .0
                .compare_exchange_weak(top, tag | u64::from(below), Acquire, Acquire)
            {
                Ok(_) => return Some(number),
                Err(now) => top = now,
            }
        }
    }
}

/// A place for one value.
#[derive(Debug)]
struct Node<V> {
    value: UnsafeCell<Option<V>>,
    below: Below,
    witness: Witness,
}

// SAFETY: a value is touched by the thread alone that has the node in hand.
unsafe impl<V: Send> Sync for Node<V> {}

/// The nodes of several stacks.
#[derive(Debug)]
pub(crate) struct Nodes<V> {
    nodes: Buckets<Node<V>>,
    /// Nodes that were made have lower numbers.
    made: AtomicUsize,
}

impl<V> Nodes<V> {
    /// None yet; allocates nothing.
    pub(crate) fn new() -> Self {
        Nodes {
            nodes: Buckets::new(),
            made: AtomicUsize::new(0),
        }
    }

    fn below(&self, number: usize) -> Option<&Below> {
        Some(&self.nodes.get(number)?.below)
    }

    /// Adds a value to the stack `full`, in a node of the stack `free` or a new one. Gives it back if there may be
    /// no more nodes.
    pub(crate) fn push(&self, full: &Top, free: &Top, value: V) -> Result<(), V> {
        let free = free.pop(|number| self.below(number));
        // Relaxed: each number is given out once.
        let number = free.unwrap_or_else(|| self.made.fetch_add(1, Relaxed));
        let make = || Node {
            value: UnsafeCell::new(None),
            below: Below::new(0),
            witness: Witness::default(),
        };
        let Some(node) = self.nodes.get_or_grow(number, make) else {
            return Err(value);
        };
        point("stack: node in hand");
        // SAFETY: the node is this thread's, by the module's invariant.
        let old = node
            .witness
            .exclusive(|| unsafe { (*node.value.get()).replace(value) });
        debug_assert!(old.is_none());
        full.push(number, &node.below);
        Ok(())
    }

    /// Takes the newest value of the stack `full`; its node goes to the stack `free`.
    pub(crate) fn pop(&self, full: &Top, free: &Top) -> Option<V> {
        let number = full.pop(|number| self.below(number))?;
        let node = self.nodes.get(number)?;
        point("stack: node in hand");
        // SAFETY: as in `push`.
        let value = node
            .witness
            .exclusive(|| unsafe { (*node.value.get()).take() });
        free.push(number, &node.below);
        value
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::thread;

    /// Who has added something before it takes finds something, whatever others do at the same time.
    #[test]
    fn each_value_is_taken_once_and_nobody_misses_one() {
        const EACH: usize = 20_000;
        let (nodes, full, free) = (Nodes::new(), Top::new(), Top::new());
        let user = |base: usize| {
            let user = |i| {
                nodes.push(&full, &free, base + i).expect("few nodes");
                nodes.pop(&full, &free).expect("there is at least one")
            };
            (0..EACH).map(user).collect::<Vec<_>>()
        };
        let mut all: Vec<_> = thread::scope(|scope| {
            let users = [0, 1, 2, 3].map(|who| scope.spawn(move || user(who * EACH)));
            users
                .into_iter()
                .flat_map(|user| user.join().expect("no panic"))
                .collect()
        });
        all.sort_unstable();
        assert!(all.into_iter().eq(0..4 * EACH));
        assert!(nodes.made.load(Relaxed) <= 4, "nodes are used again");
    }
}
