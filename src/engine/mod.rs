//! The core: where a get finds an object, and where a put leaves it.
//!
//! ```text
//!   get                                        put
//!    1 this processor's magazine                1 this processor's magazine (when it is full,
//!    2 its slots              newest first        its older half goes down as one chain)
//!    3 other processors'      oldest first      2 its slots
//!    4 victims: own, others'                    3 refused: over budget
//!    5 once more 3 and 4, if anything is seen there
//!    6 nothing: the pool creates
//! ```
//!
//! Where there are no sequences, a get looks into its siblings' magazines before the pool creates.
//!
//! Step 1 is a restartable sequence where the system has them ([`rseq`](crate::sys::rseq)). What else is done to a
//! magazine, a thread does that closes the gate of its processor's worker and is its only user for the moment
//! ([`worker`]). Who finds it closed does not wait, and uses the [`slots`], which have no owner.
//!
//! **What is heavy or expensive goes past the magazine**, into a slot, where a get on any processor finds it: a
//! magazine hides what it holds from all processors but its own, and of what is heavy, or takes long to make,
//! no processor may keep one to itself.
//!
//! Each idea has its file: `take` and `give` are the two columns above, `cycle` is what a collector does, `held`
//! what may be done with a closed worker, `workers` how one gets there.
//!
//! The engine knows no policy. It moves objects; what must be created, cleaned, judged or dropped is the
//! caller's affair, so no user code runs inside the protocol.

pub(crate) mod batch;
pub(crate) mod budget;
pub(crate) mod cost;
pub(crate) mod counters;
mod cycle;
pub(crate) mod generation;
pub(crate) mod give;
mod held;
pub(crate) mod object;
mod slots;
mod take;
#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
pub(crate) mod worker;
pub(crate) mod workers;

use crate::sys::atomic::AtomicBool;
use crate::sys::atomic::Ordering::Release;
use crate::sys::fast_path::FastPath;
use batch::Batch;
use budget::{Budget, Share};
use cost::Cost;
use counters::{Outcome, Outcomes, PoolCounters};
use generation::Generation;
use slots::Slots;
use worker::Worker;
use workers::Workers;

/// What an engine must know when it is made.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) path: FastPath,
    /// Processors that this process may use: so many share what the bounds allow.
    pub(crate) processors: usize,
    /// Processors that the machine may have: so far apart are workers of one, where there are no sequences.
    pub(crate) workers: usize,
    /// The most objects a magazine may hold.
    pub(crate) capacity: usize,
}

/// The moving part of a pool.
pub(crate) struct Engine<T> {
    pub(crate) workers: Workers<T>,
    pub(crate) generation: Generation,
    pub(crate) slots: Slots<T>,
    /// Its own, or one that several engines share.
    pub(crate) budget: Budget,
    pub(crate) counters: PoolCounters,
    pub(crate) cost: Cost,
    /// What each magazine may hold.
    share: Share,
    closed: AtomicBool,
}

impl<T> Engine<T> {
    /// An engine that keeps to this budget, alone or together with others.
    pub(crate) fn new(plan: Plan, budget: Budget) -> Self {
        let share = budget.share(plan.processors, plan.capacity);
        // With bounds, a magazine gets its share when something first comes into it.
        let capacity = if budget.is_unbounded() { share.objects as u32 } else { 0 };
        let workers = Workers::new(plan.path, plan.workers, capacity, share.bytes);
        Engine {
            slots: Slots::new(workers.places()),
            workers,
            generation: Generation::new(),
            budget,
            counters: PoolCounters::default(),
            cost: Cost::new(),
            share,
            closed: AtomicBool::new(false),
        }
    }

    /// Whether this thread's magazine is open.
    pub(crate) fn is_open_here(&self) -> bool {
        let worker = self.workers.get(self.workers.here());
        worker.is_some_and(Worker::is_open)
    }

    /// The worker on which threads of that processor count; made if need be.
    #[inline]
    pub(crate) fn counter(&self, index: usize) -> &Worker<T> {
        self.workers.get(index).unwrap_or_else(|| self.make(index))
    }

    #[cold]
    fn make(&self, index: usize) -> &Worker<T> {
        if let Some(mut me) = self.workers.make(index) {
            if self.cost.is_expensive() {
                // It is open otherwise.
                self.release_share(&mut me, 0, 0);
            }
            return me.worker();
        }
        self.workers.get(index).expect("a worker that was made stays")
    }

    /// Counts what has become of objects.
    pub(crate) fn count(&self, outcome: Outcome, objects: u64) {
        let worker = self.counter(self.workers.here());
        worker.outcomes.get_or_make(Outcomes::default).add(outcome, objects);
    }

    /// Whether a magazine has a share of the bounds.
    pub(crate) fn has_shares(&self) -> bool {
        !self.budget.is_unbounded() && self.workers.iter().any(Worker::is_open)
    }

    /// Says that no user will ever come again: magazines are called in without a barrier, which the system might
    /// refuse.
    ///
    /// # Safety
    ///
    /// All gets and puts happen-before this.
    pub(crate) unsafe fn close(&self) {
        // Release: pairs with the Acquire in `barrier`.
        self.closed.store(true, Release);
    }
}

/// What its owner has not [taken](Engine::take_rest) goes with it.
impl<T> Drop for Engine<T> {
    fn drop(&mut self) {
        self.take_rest(&mut Batch::new());
    }
}
