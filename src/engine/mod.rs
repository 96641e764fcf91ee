//! The core of a pool: where a get finds an object, and where a put leaves one.
//!
//! Idle objects are in two kinds of places. Each processor has both.
//!
//! * A **magazine** is a stack of at most 64 light objects. Only threads that run on its processor use it, by
//!   restartable sequences ([`rseq`](crate::sys::rseq)): without a lock and without a locked instruction.
//! * A **slot** holds one chain of objects. Any thread of any processor claims it by a compare-exchange.
//!
//! ```text
//!        processor 0                      processor 1
//!
//!      get │   ▲ put                    get │   ▲ put
//!          ▼   │                            ▼   │
//!       [ magazine ]                     [ magazine ]        sequences of this processor
//!    refill ▲   │ spill               refill ▲   │ spill
//!           │   ▼                            │   ▼
//!     [ primary slots ] ◄──── steal ───► [ primary slots ]   a claim, from anywhere
//!     [ victim slots  ] ◄──── steal ───► [ victim slots  ]
//! ```
//!
//! **A get** tries these places in order, and stops at the first object.
//!
//! 1. It pops the newest object of its processor's magazine. Most gets end here.
//! 2. It claims the newest chain of its processor's slots and takes one object. Half a magazine of the rest refills
//!    the magazine.
//! 3. It steals from the oldest chain of another processor's slots.
//! 4. It takes a victim, its own processor's first.
//! 5. It repeats steps 3 and 4, unless all slots are empty and none is claimed: an object may have moved behind the
//!    search.
//! 6. It finds nothing, and the pool creates an object.
//!
//! **A put** pushes onto its processor's magazine. If the magazine is full, the older half goes to the processor's slots
//! as one chain. A put is refused if a bound on idle objects leaves no room.
//!
//! **Heavy and expensive objects bypass the magazine.** Heavy is from 64 KiB on, expensive from 0.1 ms a creation on
//! ([`cost`]). A magazine hides what it holds from other processors, and no processor may keep such an object to itself.
//!
//! **Ageing.** Slots have two sides. A cycle ([`cycle`](self::cycle)) takes what is on the victim side. Then the sides
//! change roles, by one increment ([`generation`]). The cycle also takes what is in magazines that nothing has come to
//! since the last cycle. So an object that nobody uses is gone after two cycles.
//!
//! **A worker** ([`worker`]) is one processor's magazine with its counters. A thread that must do more to a magazine than
//! push or pop closes its gate first, and is then its only user ([`held`]). A thread that finds a gate closed does not
//! wait: it uses the slots.
//!
//! **Without restartable sequences**, a processor has several workers, and each push or pop closes and opens a gate.
//! Before the pool creates, a get also tries the magazines of other workers.
//!
//! **No user code runs here.** The engine has no policy and does not know the type of the objects. It moves them; the
//! pool creates, cleans, judges and drops them. So the engine is compiled once for all types.
//!
//! To read on: `take` is a get after step 1, `give` a put, `cycle` what a collector does. `workers` finds a thread's
//! worker, `slots` holds chains of `object`s, `budget` keeps the bounds, `cost` tells what is expensive, and `counters`
//! adds up what happened. `docs/design.md` says why all this is right.

mod batch;
mod budget;
mod cost;
mod counters;
mod cycle;
mod generation;
pub(crate) mod give;
mod held;
pub(crate) mod object;
mod slots;
mod take;
#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
mod worker;
mod workers;

pub(crate) use batch::Batch;
pub(crate) use budget::Budget;
pub(crate) use counters::{Counter, Outcome};
#[cfg(not(loom))]
pub(crate) use object::Dropper;
pub(crate) use object::{AnyObject, HEAVIEST, Object};

use crate::sys::FastPath;
use crate::sys::atomic::AtomicBool;
use crate::sys::atomic::Ordering::Release;
use budget::Share;
use cost::Cost;
use counters::{LocalCounter, Outcomes, PoolCounters};
use generation::{Generation, Side};
use held::Held;
use object::Chain;
use slots::Slots;
use worker::Worker;
use workers::Workers;

/// What an engine must know when it is made.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) path: FastPath,
    /// How many processors this process may use. They share the bounds.
    pub(crate) processors: usize,
    /// How many processors the machine may have. Without sequences, workers of one processor are this far apart.
    pub(crate) workers: usize,
    /// The most objects a magazine may hold.
    pub(crate) capacity: usize,
    /// How many idle objects cycles leave.
    pub(crate) min_idle: usize,
}

/// The engine of a pool. Its owner takes all objects before it drops it: the engine would leak them.
pub(crate) struct Engine {
    pub(crate) workers: Workers,
    pub(crate) generation: Generation,
    pub(crate) slots: Slots,
    /// Its own, or one that several engines share.
    pub(crate) budget: Budget,
    pub(crate) counters: PoolCounters,
    pub(crate) cost: Cost,
    /// How much each magazine may hold.
    share: Share,
    min_idle: usize,
    closed: AtomicBool,
}

impl Engine {
    /// An engine that keeps to this budget, alone or together with others.
    pub(crate) fn new(plan: Plan, budget: Budget) -> Self {
        let share = budget.share(plan.processors, plan.capacity);
        // With bounds, a magazine reserves its share when the first object comes.
        let capacity = if budget.is_unbounded() { share.objects as u32 } else { 0 };
        let workers = Workers::new(plan.path, plan.workers, capacity, share.bytes);
        Engine {
            slots: Slots::new(workers.places()),
            workers,
            generation: Generation::default(),
            budget,
            counters: PoolCounters::default(),
            cost: Cost::default(),
            share,
            min_idle: plan.min_idle,
            closed: AtomicBool::new(false),
        }
    }

    /// Whether this thread's magazine is open.
    pub(crate) fn is_open_here(&self) -> bool {
        let worker = self.workers.get(self.workers.here());
        worker.is_some_and(Worker::is_open)
    }

    /// The worker on which threads of this processor count. Makes it if it does not exist yet.
    #[inline]
    pub(crate) fn counter(&self, index: usize) -> &Worker {
        self.workers.get(index).unwrap_or_else(|| self.make(index))
    }

    #[cold]
    fn make(&self, index: usize) -> &Worker {
        if let Some(mut me) = self.workers.make(index) {
            if self.cost.is_expensive() {
                // Otherwise it would open with room for objects.
                self.release_share(&mut me, 0, 0);
            }
            return me.worker();
        }
        self.workers.get(index).expect("a worker that was made stays")
    }

    /// Counts the outcome of some objects.
    pub(crate) fn count(&self, outcome: Outcome, objects: u64) {
        let worker = self.counter(self.workers.here());
        worker.outcomes.get_or_make(Outcomes::default).add(outcome, objects);
    }

    /// Whether a magazine has a share of the bounds.
    pub(crate) fn has_shares(&self) -> bool {
        !self.budget.is_unbounded() && self.workers.iter().any(Worker::is_open)
    }

    /// Tells the engine that no user will come again. From now on magazines are reclaimed without a barrier, which the
    /// system might refuse.
    ///
    /// # Safety
    ///
    /// All gets and puts happen-before this.
    pub(crate) unsafe fn close(&self) {
        // Release: pairs with the Acquire in `needs_barrier`.
        self.closed.store(true, Release);
    }
}
