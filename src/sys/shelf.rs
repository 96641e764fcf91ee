//! What the shared store keeps its chains in: stacks, and to loom locked queues, which stand for anything that is
//! linearizable. The stacks have models of their own.

/// So many stacks a side may have.
pub(crate) const SHARDS: usize = 8;

#[cfg(not(loom))]
use super::stack::{Nodes, Top};

/// Two sides of several stacks each.
#[cfg(not(loom))]
#[derive(Debug)]
pub(crate) struct Shelf<V> {
    full: [Line; 2],
    free: Line,
    nodes: Nodes<V>,
}

/// A cache line of tops.
#[cfg(not(loom))]
#[derive(Debug)]
#[repr(align(64))]
struct Line([Top; SHARDS]);

#[cfg(not(loom))]
impl<V> Shelf<V> {
    /// Empty; allocates nothing.
    pub(crate) fn new() -> Self {
        let line = || Line([const { Top::new() }; SHARDS]);
        Shelf {
            full: [line(), line()],
            free: line(),
            nodes: Nodes::new(),
        }
    }

    /// Adds a value to a stack. Gives it back if there may be no more.
    pub(crate) fn push(&self, side: usize, shard: usize, value: V) -> Result<(), V> {
        self.nodes
            .push(&self.full[side].0[shard], &self.free.0[shard], value)
    }

    /// Whether the first so many stacks of a side are empty just now.
    #[inline]
    pub(crate) fn is_empty(&self, side: usize, shards: usize) -> bool {
        self.full[side].0.iter().take(shards).all(Top::is_empty)
    }

    /// Takes the newest value of a stack.
    pub(crate) fn pop(&self, side: usize, shard: usize) -> Option<V> {
        self.nodes
            .pop(&self.full[side].0[shard], &self.free.0[shard])
    }
}

/// Stands in for the stacks.
#[cfg(loom)]
#[derive(Debug)]
pub(crate) struct Shelf<V>([[loom::sync::Mutex<std::collections::VecDeque<V>>; SHARDS]; 2]);

#[cfg(loom)]
impl<V> Shelf<V> {
    pub(crate) fn new() -> Self {
        let queue = |_| loom::sync::Mutex::new(std::collections::VecDeque::new());
        Shelf([(); 2].map(|()| std::array::from_fn(queue)))
    }

    pub(crate) fn push(&self, side: usize, shard: usize, value: V) -> Result<(), V> {
        self.0[side][shard]
            .lock()
            .expect("no user code")
            .push_back(value);
        Ok(())
    }

    /// Always looks as if it had something: who asks then tries to take it.
    pub(crate) fn is_empty(&self, _side: usize, _shards: usize) -> bool {
        false
    }

    pub(crate) fn pop(&self, side: usize, shard: usize) -> Option<V> {
        self.0[side][shard]
            .lock()
            .expect("no user code")
            .pop_front()
    }
}
