//! The workers of one pool: one for each processor, made when first used.
//!
//! A fixed table, as long as there may be processors; with sequences, the processor's number is the index,
//! read inside the sequence. Without, a processor has several workers, for a thread that is preempted keeps the one it
//! has closed. A thread goes to the worker of its [`shard`], and moves to another of its processor's if that one
//! is taken.

use super::held::Held;
use super::worker::Worker;
use crate::sys::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use crate::sys::atomic::{AtomicPtr, AtomicUsize};
use crate::sys::chaos::point;
use crate::sys::fast_path::FastPath;
use crate::sys::magazine::{self, HEAD, Magazine, Table};
use crate::sys::scale::{LEAST_WORKERS, WORKERS_EACH};
use crate::sys::{move_to_shard, rseq, shard};
use std::marker::PhantomData;
use std::ptr;

/// The workers of one pool.
pub(crate) struct Workers<T> {
    path: FastPath,
    table: Box<Table>,
    /// Without sequences, workers of one processor are so far apart.
    stride: usize,
    /// Workers that were made have indices below this.
    made: AtomicUsize,
    /// What a new worker's magazine may hold: objects, and bytes together.
    capacity: u32,
    bytes: u64,
    /// The workers behind the table are ours.
    owns: PhantomData<AtomicPtr<T>>,
}

impl<T> Workers<T> {
    /// No worker yet. Without sequences, for so many processors.
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
            owns: PhantomData,
        }
    }

    /// How a thread comes to its worker.
    pub(crate) fn path(&self) -> FastPath {
        self.path
    }

    /// What sequences work on; `None` where there are none.
    pub(crate) fn table(&self) -> Option<&Table> {
        (self.path == FastPath::Sequence).then_some(&self.table)
    }

    /// One for each processor.
    fn entries(&self) -> &[magazine::Entry] {
        &self.table[HEAD..]
    }

    /// How many there may be.
    pub(crate) fn places(&self) -> usize {
        self.entries().len()
    }

    /// The worker of this index, if it was made.
    pub(crate) fn get(&self, index: usize) -> Option<&Worker<T>> {
        // Acquire: pairs with the exchange in `make`; the worker is built.
        let magazine = self.entries().get(index)?.load(Acquire);
        // SAFETY: it came from `make`, or is the stand-in for none, which `worker_of` knows.
        unsafe { worker_of(magazine) }
    }

    /// Every worker that was made.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Worker<T>> {
        (0..self.places()).filter_map(|index| self.get(index))
    }

    /// Makes the worker of this index, whose gate the caller holds. `None`: it is there.
    #[cold]
    pub(crate) fn make(&self, index: usize) -> Option<Held<'_, T>> {
        let place = self.entries().get(index)?;
        let made = Box::into_raw(Box::new(Worker::<T>::new(index, self.bytes)));
        point("workers: making");
        // Release: publishes the worker. Acquire: who loses uses the winner's.
        let won = place.compare_exchange(magazine::none(), made.cast(), AcqRel, Acquire);
        if won.is_err() {
            // SAFETY: from `Box::into_raw` above, and not published.
            drop(unsafe { Box::from_raw(made) });
            return None;
        }
        // Relaxed: a bound for those who look at all; who misses the newest misses what it has just made.
        self.made.fetch_max(index + 1, Relaxed);
        // SAFETY: published, and freed only with the table.
        let worker = unsafe { &*made };
        let gate = u64::from(self.capacity);
        // SAFETY: its gate is closed from the start, and only who made it may open it.
        Some(unsafe { worker.held(gate) })
    }

    /// This thread's worker for the moment. `None`: it is in other hands, or the thread has none.
    // In line: a result in memory, written word by word and read as a whole, would stall each time.
    #[inline(always)]
    pub(crate) fn enter(&self) -> Option<Held<'_, T>> {
        match self.path {
            FastPath::Sequence => self.enter_here(),
            FastPath::Exchange => {
                let start = self.here();
                self.enter_at(start).or_else(|| self.enter_another(start))
            }
        }
    }

    /// The worker of this thread's shard, where there are no sequences, if it was made. `None` where there are: a
    /// pool that is just being opened is asked, too.
    #[inline]
    pub(crate) fn enter_shard(&self) -> Option<Held<'_, T>> {
        if self.path == FastPath::Sequence {
            return None;
        }
        self.get(self.here())?.try_enter()
    }

    /// Another worker of the same processor than that one, which is in other hands.
    #[cold]
    fn enter_another(&self, start: usize) -> Option<Held<'_, T>> {
        let same = (start % self.stride..self.places()).step_by(self.stride);
        let mut others = same.filter(|&other| other != start);
        let held = others.find_map(|other| self.enter_at(other))?;
        move_to_shard(held.worker().index());
        Some(held)
    }

    #[inline(always)]
    fn enter_here(&self) -> Option<Held<'_, T>> {
        self.close_here().or_else(|| self.make_here())
    }

    #[inline(always)]
    fn close_here(&self) -> Option<Held<'_, T>> {
        // SAFETY: there are sequences, and the table lives as long as `self`.
        let (closed, gate) = unsafe { rseq::close(&self.table) }?;
        // SAFETY: as in `get`.
        let worker = unsafe { worker_of(closed) }?;
        // SAFETY: this thread has closed it just now.
        Some(unsafe { worker.held(gate) })
    }

    /// Makes this processor's worker, if that is why it could not be closed.
    #[cold]
    fn make_here(&self) -> Option<Held<'_, T>> {
        loop {
            let index = rseq::here()?;
            if self.get(index).is_some() {
                return None;
            }
            if let Some(held) = self.make(index) {
                return Some(held);
            }
            if index >= self.places() {
                return None;
            }
            if let Some(held) = self.close_here() {
                return Some(held);
            }
        }
    }

    /// The worker of this index, where there are no sequences. `None`: it is in other hands.
    pub(crate) fn enter_at(&self, index: usize) -> Option<Held<'_, T>> {
        match self.get(index) {
            Some(worker) => worker.try_enter(),
            None => self.make(index).or_else(|| self.get(index).and_then(Worker::try_enter)),
        }
    }

    /// All workers that are wanted and can be closed from here, one after the other, from that one on.
    pub(crate) fn siblings(
        &self,
        start: usize,
        wanted: impl Fn(&Worker<T>) -> bool,
    ) -> impl Iterator<Item = Held<'_, T>> {
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

    /// The number of the worker that this thread counts on. A figure: it may be another one right after.
    #[inline]
    pub(crate) fn here(&self) -> usize {
        let number = match self.path {
            FastPath::Sequence => rseq::here().unwrap_or(0),
            FastPath::Exchange => shard(),
        };
        // A division costs more than all the rest.
        let most = self.places();
        if number < most { number } else { number % most }
    }
}

/// The worker that a magazine is the first part of.
///
/// # Safety
///
/// It came from a table of workers of this `T`, which outlives `'w`.
unsafe fn worker_of<'w, T>(magazine: *mut Magazine) -> Option<&'w Worker<T>> {
    if magazine == magazine::none() {
        return None;
    }
    // SAFETY: `make` put a worker there, whose first field is the magazine.
    Some(unsafe { &*magazine.cast::<Worker<T>>() })
}

impl<T> Drop for Workers<T> {
    fn drop(&mut self) {
        for place in self.entries() {
            // Acquire: pairs with the exchange in `make`.
            let magazine = place.load(Acquire);
            if magazine != magazine::none() {
                // SAFETY: boxed by `make`, and `&mut self` ends all use.
                drop(unsafe { Box::from_raw(magazine.cast::<Worker<T>>()) });
            }
        }
    }
}
