//! The state of a pool: its engine and its clock, without the type of its objects.
//!
//! The state is made at the first use and has a fixed address, while the pool itself may move. The registry shares it.
//! The objects that a cycle takes are dropped here, after the engine has let go of them. Each is dropped separately, so
//! that a panicking destructor affects no other object.

use super::panics::{Panics, Payload, caught, dispose, drop_each};
use crate::builder::Builder;
use crate::collector::registry::Place;
use crate::collector::{background, export};
use crate::engine::{AnyObject, Batch, Budget, Counter, Dropper, Engine, Plan};
use crate::stats::{Collected, Stats};
use crate::sys::nesting::Nesting;
use crate::sys::{self, fast_path};
use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicU64, fence};
use std::time::Instant;

/// How many objects a user's thread frees when it looks at the clock, in a cycle on use.
const STEP: usize = 64;

/// Makes room in a budget that several pools share.
pub(crate) trait Evictor: Send + Sync {
    /// Drops idle objects of the pool that was not used for longest.
    fn make_room(&self) -> Result<(), Payload>;

    /// Called now and then while the pool is in use. Must not panic.
    fn used(&self);
}

/// The engine and the clock of one pool.
pub(crate) struct State {
    pub(crate) engine: Engine,
    /// Drops objects of the pool's type.
    dropper: Dropper,
    clock: Clock,
    /// The cycle that users' threads do in steps: twice its number, plus 1 if it is overdue.
    due: AtomicU64,
    /// The gets by the last check of the process's budget.
    noted_gets: AtomicU64,
    evictor: Option<Arc<dyn Evictor>>,
    /// Whether the pool must not keep objects any more.
    retired: AtomicBool,
    name: Option<&'static str>,
    /// Where the pool is in the registry.
    pub(super) place: Option<Place>,
    #[cfg(feature = "loans")]
    pub(crate) loans: super::loans::Loans,
}

impl State {
    /// A state with a budget. If the budget is shared, `evictor` makes room in it.
    pub(crate) fn new(
        settings: &Builder,
        budget: Budget,
        evictor: Option<Arc<dyn Evictor>>,
        dropper: Dropper,
    ) -> Self {
        let plan = Plan {
            path: fast_path(),
            processors: sys::usable_processors(),
            workers: sys::processors(),
            capacity: usize::from(settings.deepest),
            min_idle: usize::from(settings.min_idle),
        };
        State {
            engine: Engine::new(plan, budget),
            dropper,
            evictor,
            retired: AtomicBool::new(false),
            clock: Clock::new(settings.interval()),
            due: AtomicU64::new(0),
            noted_gets: AtomicU64::new(0),
            name: settings.name,
            place: None,
            #[cfg(feature = "loans")]
            loans: super::loans::Loans::default(),
        }
    }

    /// Drops an object of this pool.
    pub(super) fn drop_object(&self, object: AnyObject) {
        // SAFETY: the pool's objects are of one type (`engine::object`), and the dropper is for that type.
        unsafe { self.dropper.drop(object) }
    }

    /// Drops objects of this pool, even if destructors panic. Returns the first panic.
    pub(super) fn drop_each(&self, objects: Batch) -> Result<(), Payload> {
        drop_each(objects, |object| self.drop_object(object))
    }

    /// The same, after counting the objects. Returns how many they were.
    fn drop_counted(&self, objects: Batch, counted: &Counter) -> Result<usize, Payload> {
        let count = objects.len();
        counted.add(count as u64);
        self.drop_each(objects).map(|()| count)
    }

    /// Looks at the clock, and does a step of a cycle if one is due. A step drops a bounded number of objects. Does
    /// nothing while a background collector runs.
    #[cold]
    pub(crate) fn tick(&self) -> Result<(), Payload> {
        if let Some(evictor) = &self.evictor {
            evictor.used();
        }
        if self.clock.is_never() || background::runs() {
            return Ok(());
        }
        if self.clock.is_due() {
            let cycle = self.engine.generation.cycle();
            let overdue = u64::from(self.is_due(cycle));
            // Relaxed: a hint; the generation turns once.
            self.due.store(2 * (cycle + 1) + overdue, Relaxed);
        }
        self.advance(STEP)
    }

    /// Drops up to `objects` victims if a cycle is under way. The step that ends the cycle also reclaims unused
    /// magazines.
    ///
    /// A put that moves objects to slots advances the cycle by twice as many. So the cycle ends before as many objects
    /// have come as it began with, and no call pays for much more than its own work.
    ///
    /// Does nothing in a destructor that such a step runs. Otherwise destructors could nest until the stack is full.
    #[inline]
    pub(crate) fn advance(&self, objects: usize) -> Result<(), Payload> {
        let cycle = self.engine.generation.cycle();
        if self.is_due(cycle) {
            return self.work_at(cycle, objects);
        }
        Ok(())
    }

    /// Whether a put that found room is finished: no cycle is due, and the pool cannot be retired.
    #[inline]
    pub(crate) fn is_quiet(&self) -> bool {
        self.evictor.is_none() && !self.is_due(self.engine.generation.cycle())
    }

    #[inline]
    fn is_due(&self, cycle: u64) -> bool {
        // Relaxed: a hint.
        self.due.load(Relaxed) / 2 == cycle + 1
    }

    #[cold]
    #[inline(never)]
    fn work_at(&self, cycle: u64, objects: usize) -> Result<(), Payload> {
        let Some(_outermost) = Nesting::enter() else {
            return Ok(());
        };
        caught(|| {
            let mut dead = Batch::new();
            // Relaxed: a hint.
            let overdue = self.due.load(Relaxed) % 2 == 1;
            self.engine.step(cycle, objects, overdue, &mut dead);
            let dropped = dead.len();
            let mut panics = Panics::default();
            panics.keep(self.clear_if_retired());
            panics.keep(self.drop_counted(dead, &self.engine.counters.aged_out));
            if self.engine.generation.cycle() != cycle {
                export::cycle_ended(self.name, || self.stats(), dropped);
            }
            panics.first()
        })
    }

    /// Makes room in a shared budget and tries to keep refused objects again. Returns those that still have no room.
    pub(crate) fn make_room(&self, mut refused: Batch, panics: &mut Panics) -> Batch {
        let Some(evictor) = &self.evictor else {
            return refused;
        };
        // Caught, because the refused objects are in a local variable.
        panics.keep(caught(|| evictor.make_room()));
        let mut left = Batch::new();
        while let Some(object) = refused.pop() {
            self.engine.give_unheld(object, &mut left);
        }
        left
    }

    /// Drops all idle objects of a pool that shares a budget. From now on the pool keeps none.
    pub(crate) fn retire(&self) -> Result<usize, Payload> {
        // Relaxed: the fence orders it.
        self.retired.store(true, Relaxed);
        // SeqCst: pairs with the fence in `clear_if_retired`. Either the put sees the store, or its object is found here.
        fence(SeqCst);
        self.clear()
    }

    /// Drops what `retire` has missed. A thread calls this after it has held a worker or claimed a slot: `retire`
    /// cannot see what is in there.
    #[inline]
    pub(crate) fn clear_if_retired(&self) -> Result<(), Payload> {
        if self.evictor.is_none() {
            return Ok(());
        }
        // SeqCst: pairs with the fence in `retire`.
        fence(SeqCst);
        // Relaxed: the fence orders it.
        if self.retired.load(Relaxed) {
            return self.clear().map(drop);
        }
        Ok(())
    }

    /// What the pool's builder called it.
    pub(crate) fn name(&self) -> Option<&'static str> {
        self.name
    }

    /// The pool's statistics.
    pub(crate) fn stats(&self) -> Stats {
        self.engine.stats()
    }

    /// The gets since the last call. `gets` is their number now.
    pub(crate) fn uses_since(&self, gets: u64) -> u64 {
        // Relaxed: a figure.
        gets.saturating_sub(self.noted_gets.swap(gets, Relaxed))
    }

    /// Runs one cycle and drops what it took. The error is a destructor's panic.
    pub(crate) fn collect(&self) -> Result<Collected, Payload> {
        caught(|| {
            let mut dead = Batch::new();
            self.engine.cycle(&mut dead);
            let aged = self.stats().idle;
            let mut panics = Panics::default();
            // First, because a destructor may take its time.
            panics.keep(self.clear_if_retired());
            let dropped = panics.keep(self.drop_counted(dead, &self.engine.counters.aged_out));
            panics.first()?;
            export::cycle_ended(self.name, || self.stats(), dropped);
            Ok(Collected { aged, dropped })
        })
    }

    /// Drops every idle object.
    pub(crate) fn clear(&self) -> Result<usize, Payload> {
        let mut taken = Batch::new();
        self.engine.take_all(&mut taken);
        self.drop_counted(taken, &self.engine.counters.cleared)
    }

    /// Drops idle objects of about so many bytes.
    pub(crate) fn shrink(&self, bytes: u64) -> Result<usize, Payload> {
        let mut taken = Batch::new();
        self.engine.take_bytes(bytes, &mut taken);
        let mut panics = Panics::default();
        panics.keep(self.clear_if_retired());
        let count = panics.keep(self.drop_counted(taken, &self.engine.counters.cleared));
        panics.first().map(|()| count)
    }

    /// Drops all objects. The pool has no user left.
    ///
    /// # Safety
    ///
    /// All gets and puts happen-before this.
    pub(super) unsafe fn close(&self) -> Result<usize, Payload> {
        // SAFETY: the caller's contract.
        unsafe { self.engine.close() };
        self.clear()
    }
}

impl Drop for State {
    /// The pool or a collector lets go last. It may find objects that a claim kept from the pool's own drop. No panic
    /// of a destructor leaves this function.
    fn drop(&mut self) {
        // SAFETY: `&mut self`: all gets and puts are over.
        unsafe { self.close() }.map_or_else(dispose, drop);
        let mut rest = Batch::new();
        self.engine.take_rest(&mut rest);
        self.drop_each(rest).unwrap_or_else(dispose);
    }
}

/// The clock: when the next cycle on use is due.
struct Clock {
    start: Instant,
    /// Nanoseconds between cycles. `u64::MAX`: never.
    interval: u64,
    /// Nanoseconds after `start`.
    due: AtomicU64,
}

impl Clock {
    fn new(interval: u64) -> Self {
        Clock { start: Instant::now(), interval, due: AtomicU64::new(interval) }
    }

    /// Whether there are no cycles on use.
    fn is_never(&self) -> bool {
        self.interval == u64::MAX
    }

    /// Whether a cycle is due. Of several threads that ask, one gets `true`.
    fn is_due(&self) -> bool {
        let now = u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        // Relaxed: the exchange decides, and publishes nothing.
        let due = self.due.load(Relaxed);
        let next = now.saturating_add(self.interval);
        now >= due && self.due.compare_exchange(due, next, Relaxed, Relaxed).is_ok()
    }
}
