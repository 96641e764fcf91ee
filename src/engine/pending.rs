//! What cycles on use have taken and not dropped yet.
//!
//! A call that works at a cycle drops a bounded number of objects; what is left waits here for a later
//! call. Nobody can be lent it any more, but its memory is the pool's: until a call drops it, it is idle.
//! Otherwise a pool would look empty that is not, and a collector would sleep beside it.
//!
//! A batch is counted before it is here, and until it is dropped or goes its own way: the counts are never
//! too small, and nobody's part in them hides anything from anyone.

use super::batch::Batch;
use super::counters::Count;
use crate::sys::stack::Stack;

/// Batches that wait to be dropped, and what they come to.
#[derive(Debug)]
pub(crate) struct Pending<T> {
    batches: Stack<Batch<T>>,
    objects: Count,
    bytes: Count,
}

impl<T> Pending<T> {
    pub(crate) fn new() -> Self {
        Pending {
            batches: Stack::new(),
            objects: Count::default(),
            bytes: Count::default(),
        }
    }

    /// How many objects.
    pub(crate) fn objects(&self) -> usize {
        self.objects.get() as usize
    }

    /// What they weigh, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.get()
    }

    /// Whether there is nothing to take, at a glance.
    pub(crate) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// Counts objects that are about to be [left](Self::leave).
    pub(crate) fn count(&self, batch: &Batch<T>) {
        self.objects.add(batch.len() as u64);
        self.bytes.add(batch.bytes());
    }

    /// Counts objects no more that were [taken](Self::take).
    pub(crate) fn forget(&self, batch: &Batch<T>) {
        self.objects.subtract(batch.len() as u64);
        self.bytes.subtract(batch.bytes());
    }

    /// Leaves objects for later, if any, that are counted. Allocates a link.
    pub(crate) fn leave(&self, batch: Batch<T>) {
        if batch.len() > 0 {
            self.batches.add(batch);
        }
    }

    /// Takes a batch out, which stays counted.
    pub(crate) fn take(&self) -> Option<Batch<T>> {
        self.batches.take()
    }
}
