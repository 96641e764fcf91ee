//! The workers of one pool: one for each processor, made when first used.
//!
//! The table has one place for each processor that may exist, and never grows. With sequences, the index is the
//! processor's number, read inside the sequence. Without sequences, a processor has several workers, because a preempted
//! thread keeps the worker that it has closed. A thread uses the worker of its [`shard`]. If that one is closed, it moves
//! to another worker of the same processor.

use super::{Held, Worker};
use crate::sys::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use crate::sys::atomic::{AtomicPtr, AtomicUsize};
use crate::sys::magazine::{self, HEAD, Magazine, Table};
use crate::sys::scale::{LEAST_WORKERS, WORKERS_EACH};
use crate::sys::{FastPath, move_to_shard, point, rseq, shard};
use std::ptr;

/// The workers of one pool.
pub(crate) struct Workers {
    path: FastPath,
    table: Box<Table>,
    /// Without sequences, the distance between two workers of one processor.
    stride: usize,
    /// All workers that exist have smaller indices.
    made: AtomicUsize,
    /// How many objects and bytes a new worker's magazine may hold.
    capacity: u32,
    bytes: u64,
}

impl Workers {
    /// An empty table, for this many processors where there are no sequences.
    pub(crate) fn new(path: FastPath, processors: usize, capacity: u32, bytes: u64) -> Self {
        let stride = processors.max(1);
        let length = match path {
            FastPath::Sequence => rseq::processors().max(1),
            FastPath::Exchange => (stride * WORKERS_EACH).max(LEAST_WORKERS),
        };
        let head = rseq::head().into_iter();
        let head = head.map(ptr::without_provenance_mut::<Magazine>);
        Workers {
            path,
            table: head.chain((0..length).map(|_| magazine::none())).map(AtomicPtr::new).collect(),
            stride,
            made: AtomicUsize::new(0),
            capacity,
            bytes,
        }
    }

    /// How gets and puts reach a magazine.
    pub(crate) fn path(&self) -> FastPath {
        self.path
    }

    /// The table that sequences work on; `None` where there are no sequences.
    pub(crate) fn table(&self) -> Option<&Table> {
        (self.path == FastPath::Sequence).then_some(&self.table)
    }

    /// The places for workers.
    fn entries(&self) -> &[magazine::Entry] {
        &self.table[HEAD..]
    }

    /// How many workers there may be.
    pub(crate) fn places(&self) -> usize {
        self.entries().len()
    }

    /// The worker of this index, if it exists.
    pub(crate) fn get(&self, index: usize) -> Option<&Worker> {
        // Acquire: pairs with the exchange in `make`; the worker is built.
        let magazine = self.entries().get(index)?.load(Acquire);
        // SAFETY: it came from `make`, or is `none`, which `worker_of` checks.
        unsafe { worker_of(magazine) }
    }

    /// All workers that exist.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Worker> {
        (0..self.places()).filter_map(|index| self.get(index))
    }

    /// Makes the worker of this index. The caller holds it. `None`: it exists already, or there is no such index.
    #[cold]
    pub(crate) fn make(&self, index: usize) -> Option<Held<'_>> {
        let place = self.entries().get(index)?;
        let made = Box::into_raw(Box::new(Worker::new(index, self.bytes)));
        point("workers: making");
        // Release: publishes the worker. Acquire: a loser uses the winner's worker.
        let won = place.compare_exchange(magazine::none(), made.cast(), AcqRel, Acquire);
        if won.is_err() {
            // SAFETY: from `Box::into_raw` above, and not published.
            drop(unsafe { Box::from_raw(made) });
            return None;
        }
        // Relaxed: a bound for searches. A search that misses the newest worker misses an empty one.
        self.made.fetch_max(index + 1, Relaxed);
        // SAFETY: published, and freed only with the table.
        let worker = unsafe { &*made };
        let gate = u64::from(self.capacity);
        // SAFETY: this thread has made it, and its gate was never open.
        Some(unsafe { worker.held(gate) })
    }

    /// Closes this thread's worker. `None`: another thread has closed it, or this thread has no processor number.
    // Inlined: a result in memory, written in words and read as a whole, would stall on store forwarding.
    #[inline(always)]
    pub(crate) fn enter(&self) -> Option<Held<'_>> {
        match self.path {
            FastPath::Sequence => self.close_here().or_else(|| self.make_here()),
            FastPath::Exchange => {
                let start = self.here();
                self.enter_at(start).or_else(|| self.enter_another(start))
            }
        }
    }

    /// Closes the worker of this thread's shard, if it exists. Only where there are no sequences; else `None`.
    #[inline]
    pub(crate) fn enter_shard(&self) -> Option<Held<'_>> {
        if self.path == FastPath::Sequence {
            return None;
        }
        self.get(self.here())?.try_enter()
    }

    /// Closes another worker of the same processor. The one at `start` is closed by another thread.
    #[cold]
    fn enter_another(&self, start: usize) -> Option<Held<'_>> {
        let same = (start % self.stride..self.places()).step_by(self.stride);
        let mut others = same.filter(|&other| other != start);
        let held = others.find_map(|other| self.enter_at(other))?;
        move_to_shard(held.worker().index());
        Some(held)
    }

    #[inline(always)]
    fn close_here(&self) -> Option<Held<'_>> {
        // SAFETY: there are sequences, and the table lives as long as `self`.
        let (closed, gate) = unsafe { rseq::close(&self.table) }?;
        // SAFETY: as in `get`.
        let worker = unsafe { worker_of(closed) }?;
        // SAFETY: the sequence has closed it just now, on this thread.
        Some(unsafe { worker.held(gate) })
    }

    /// Makes this processor's worker, or closes it if another thread has just made it. `None`: it exists for longer, or that
    /// thread holds it, or this thread has no processor number.
    #[cold]
    fn make_here(&self) -> Option<Held<'_>> {
        let index = rseq::here()?;
        match self.get(index) {
            Some(_) => None,
            None => self.make(index).or_else(|| self.close_here()),
        }
    }

    /// Closes the worker of this index; makes it if needed. Only where there are no sequences. `None`: another thread has
    /// closed it.
    pub(crate) fn enter_at(&self, index: usize) -> Option<Held<'_>> {
        match self.get(index) {
            Some(worker) => worker.try_enter(),
            None => self.make(index).or_else(|| self.get(index).and_then(Worker::try_enter)),
        }
    }

    /// Closes each worker that is `wanted`, one after the other, from the one at `start` on. None where there are
    /// sequences.
    pub(crate) fn siblings(
        &self,
        start: usize,
        wanted: impl Fn(&Worker) -> bool,
    ) -> impl Iterator<Item = Held<'_>> {
        let places = match self.path {
            FastPath::Sequence => 0,
            // Relaxed: as in `make`.
            FastPath::Exchange => self.made.load(Relaxed),
        };
        let start = if start < places { start } else { 0 };
        let order = (0..places)
            .map(move |i| if start + i < places { start + i } else { start + i - places });
        let others = order.filter_map(|index| self.get(index));
        others.filter(move |other| wanted(other)).filter_map(Worker::try_enter)
    }

    /// The index of the worker that this thread counts on. The thread may be on another processor right after.
    #[inline]
    pub(crate) fn here(&self) -> usize {
        let number = match self.path {
            FastPath::Sequence => rseq::here().unwrap_or(0),
            FastPath::Exchange => shard(),
        };
        // Without a division where possible: it would cost more than all the rest.
        let most = self.places();
        if number < most { number } else { number % most }
    }
}

/// The worker whose first field is this magazine. `None` for [`magazine::none`].
///
/// # Safety
///
/// The magazine came from a table of workers, and the table outlives `'w`.
unsafe fn worker_of<'w>(magazine: *mut Magazine) -> Option<&'w Worker> {
    if magazine == magazine::none() {
        return None;
    }
    // SAFETY: `make` stored a pointer to a worker, whose first field is the magazine.
    Some(unsafe { &*magazine.cast::<Worker>() })
}

impl Drop for Workers {
    fn drop(&mut self) {
        for place in self.entries() {
            // Acquire: pairs with the exchange in `make`.
            let magazine = place.load(Acquire);
            if magazine != magazine::none() {
                // SAFETY: boxed by `make`, and `&mut self` ends all use.
                drop(unsafe { Box::from_raw(magazine.cast::<Worker>()) });
            }
        }
    }
}
