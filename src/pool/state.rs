//! The part of a pool that stands still while the pool itself may move: the engine and the clock.
//!
//! It is made on the first use, found through one pointer (`lazy_state.rs`), and shared with the registry. What
//! a cycle takes is dropped here, after the engine has let go of it: each object for itself, so
//! that a panicking destructor costs that object and no other.

use super::panics::{Panics, Payload, caught, dispose};
use super::taken::{Taken, drop_each};
use crate::builder::Builder;
use crate::collector::background;
use crate::collector::export;
use crate::collector::registry::{ErasedPool, Place};
use crate::engine::batch::Batch;
use crate::engine::budget::Budget;
use crate::engine::counters::Counter;
use crate::engine::{Engine, Plan};
use crate::stats::{Collected, Stats};
use crate::sys;
use crate::sys::fast_path::fast_path;
use crate::sys::nesting::Nesting;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicU64, fence};
use std::time::Instant;

/// How many objects a user's thread frees at one of its looks at the clock, for a cycle on use.
const STEP: usize = 64;

/// Makes room in a budget that several pools share.
pub(crate) trait Evictor: Send + Sync {
    /// Drops idle objects of the pool that was not used for longest.
    fn make_room(&self) -> Result<(), Payload>;

    /// Told now and then that the pool is in use.
    fn used(&self);
}

/// Engine and clock of one pool.
pub(crate) struct State<T> {
    pub(crate) engine: Engine<T>,
    clock: Clock,
    /// Which cycle users' threads work at, step by step: twice its number, and one more if it was due once before.
    due: AtomicU64,
    /// Gets by the last look at the budget of the process.
    noted_gets: AtomicU64,
    evictor: Option<Arc<dyn Evictor>>,
    /// Whether the pool is to keep nothing any more.
    retired: AtomicBool,
    name: Option<&'static str>,
    /// Where the pool is in the registry.
    pub(super) place: Option<Place>,
}

impl<T> State<T> {
    /// With a budget that others may keep to, too, and then who makes room in it.
    pub(crate) fn new(settings: &Builder, budget: Budget, evictor: Option<Arc<dyn Evictor>>) -> Self {
        let plan = Plan {
            path: fast_path(),
            processors: sys::usable_processors(),
            workers: sys::processors(),
            capacity: usize::from(settings.deepest),
        };
        State {
            engine: Engine::new(plan, budget),
            evictor,
            retired: AtomicBool::new(false),
            clock: Clock::new(settings.interval()),
            due: AtomicU64::new(0),
            noted_gets: AtomicU64::new(0),
            name: settings.name,
            place: None,
        }
    }

    /// Works at a cycle if the clock says so: takes and drops a bounded number of objects. To be called once in
    /// a while. Nothing while a collector runs.
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
            // Relaxed: a wish; the generation turns once.
            self.due.store(2 * (cycle + 1) + overdue, Relaxed);
        }
        self.advance(STEP)
    }

    /// Takes and drops so many victims for the cycle that is under way, if any; at its end, also what is in
    /// magazines that nobody uses. Nothing in a destructor that runs for this: it would run the next one, and
    /// that the next, until the stack is full.
    ///
    /// A thread that puts objects down in the pool advances by twice as many. So a cycle ends before as many
    /// have come as it began with, whatever the rhythm, and no call pays for more than its own.
    #[inline]
    pub(crate) fn advance(&self, objects: usize) -> Result<(), Payload> {
        let cycle = self.engine.generation.cycle();
        if self.is_due(cycle) {
            return self.work_at(cycle, objects);
        }
        Ok(())
    }

    /// Whether a put that found room has nothing else to do: no cycle is due, and the pool is one that no one retires.
    #[inline]
    pub(crate) fn is_quiet(&self) -> bool {
        self.evictor.is_none() && !self.is_due(self.engine.generation.cycle())
    }

    #[inline]
    fn is_due(&self, cycle: u64) -> bool {
        // Relaxed: a wish.
        self.due.load(Relaxed) / 2 == cycle + 1
    }

    #[cold]
    #[inline(never)]
    fn work_at(&self, cycle: u64, objects: usize) -> Result<(), Payload> {
        let Some(_outermost) = Nesting::enter() else {
            return Ok(());
        };
        caught(|| {
            let mut dead = Taken::new(&self.engine.counters.aged_out);
            // Relaxed: a wish.
            let overdue = self.due.load(Relaxed) % 2 == 1;
            let taken = &mut dead.objects;
            self.engine.step(cycle, objects, overdue, taken);
            let dropped = dead.objects.len();
            let mut panics = Panics::default();
            panics.keep(dead.drop_each());
            panics.keep(self.clear_if_retired());
            if self.engine.generation.cycle() != cycle {
                export::cycle_ended(self.name, || self.stats(), dropped);
            }
            panics.first()
        })
    }

    /// Gives what found no room another try, when others that share the budget have made some. What still
    /// finds none comes back.
    pub(crate) fn make_room(&self, mut refused: Batch<T>, panics: &mut Panics) -> Batch<T> {
        let Some(evictor) = &self.evictor else {
            return refused;
        };
        // Caught: what was refused is in hand.
        panics.keep(caught(|| evictor.make_room()));
        let mut left = Batch::new();
        while let Some(object) = refused.pop() {
            self.engine.give_unheld(object, &mut left);
        }
        left
    }

    /// Drops every idle object of a pool that shares a budget, and keeps none any more.
    pub(crate) fn retire(&self) -> Result<usize, Payload> {
        // Relaxed: the fence orders it.
        self.retired.store(true, Relaxed);
        // Pairs with the fence in `clear_if_retired`: a put sees the store, or its object is found here.
        fence(SeqCst);
        self.clear()
    }

    /// To be called by whoever has had a worker or a chain in hand: drops what `retire` has missed for that reason.
    #[inline]
    pub(crate) fn clear_if_retired(&self) -> Result<(), Payload> {
        if self.evictor.is_none() {
            return Ok(());
        }
        // Pairs with the fence in `retire`.
        fence(SeqCst);
        // Relaxed: the fence orders it.
        if self.retired.load(Relaxed) {
            return self.clear().map(drop);
        }
        Ok(())
    }

    /// Takes out every idle object, which counts as this.
    pub(crate) fn take_all<'a>(&'a self, counted: &'a Counter) -> Taken<'a, T> {
        let mut taken = Taken::new(counted);
        self.engine.take_all(&mut taken.objects);
        taken
    }
}

impl<T> ErasedPool for State<T> {
    fn name(&self) -> Option<&'static str> {
        self.name
    }

    fn stats(&self) -> Stats {
        self.engine.stats()
    }

    fn uses_since(&self, gets: u64) -> u64 {
        // Relaxed: a figure.
        gets.saturating_sub(self.noted_gets.swap(gets, Relaxed))
    }

    fn collect(&self) -> Result<Collected, Payload> {
        caught(|| {
            let mut dead = Taken::new(&self.engine.counters.aged_out);
            self.engine.cycle(&mut dead.objects);
            let aged = self.stats().idle;
            let dropped = dead.drop_each()?;
            self.clear_if_retired()?;
            export::cycle_ended(self.name, || self.stats(), dropped);
            Ok(Collected { aged, dropped })
        })
    }

    fn clear(&self) -> Result<usize, Payload> {
        caught(|| self.take_all(&self.engine.counters.cleared).drop_each())
    }

    fn shrink(&self, bytes: u64) -> Result<usize, Payload> {
        caught(|| {
            let mut taken = Taken::new(&self.engine.counters.cleared);
            self.engine.take_bytes(bytes, &mut taken.objects);
            let count = taken.drop_each()?;
            self.clear_if_retired().map(|()| count)
        })
    }
}

impl<T> State<T> {
    /// Drops every object, when no user is left.
    ///
    /// # Safety
    ///
    /// All gets and puts happen-before this.
    pub(super) unsafe fn close(&self) -> Result<usize, Payload> {
        // SAFETY: the caller says so.
        unsafe { self.engine.close() };
        self.clear()
    }
}

impl<T> Drop for State<T> {
    /// Whoever lets go last, the pool or a collector, may find what a claim kept from the pool's own drop. No
    /// destructor's panic escapes from here.
    fn drop(&mut self) {
        // SAFETY: `&mut self` ends all use.
        unsafe { self.close() }.map_or_else(dispose, drop);
        let mut rest = Batch::new();
        self.engine.take_rest(&mut rest);
        drop_each(rest).unwrap_or_else(dispose);
    }
}

/// When the next cycle on use is due.
struct Clock {
    start: Instant,
    /// Nanoseconds between cycles; `u64::MAX` for never.
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

    /// Whether a cycle is due; of several threads that ask, one is told so.
    fn is_due(&self) -> bool {
        let now = u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        // Relaxed: the exchange decides, and nothing is published.
        let due = self.due.load(Relaxed);
        let next = now.saturating_add(self.interval);
        now >= due && self.due.compare_exchange(due, next, Relaxed, Relaxed).is_ok()
    }
}
