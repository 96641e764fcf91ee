//! The part of a pool that stands still while the pool itself may move: the engine and the clock.
//!
//! It is made on the first use, found through one pointer ([`Link`]), and shared with the roster. What
//! a cycle takes is dropped here, after the engine has let go of it: each object for itself, so
//! that a panicking destructor costs that object and no other.

use crate::batch::Batch;
use crate::current;
use crate::engine::{Engine, Plan};
use crate::rental::Rental;
use crate::roster::{self, Member, PoolId};
use crate::stats::Collected;
use crate::worker::{Owner, Worker};
use std::any::Any;
use std::fmt;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::{self, NonNull};
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use std::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Instant;

/// What a panic carries.
pub(crate) type Payload = Box<dyn Any + Send>;

/// Engine and clock of one pool.
pub(crate) struct Interior<T> {
    pub(crate) engine: Engine<T>,
    clock: Clock,
    pub(crate) rental: Rental,
    /// The pool's number, or 0 if the roster is full.
    id: AtomicU64,
}

impl<T> Interior<T> {
    /// Runs one cycle and drops what it took. The panic, if any, is the first.
    fn cycle(&self) -> Result<Collected, Payload> {
        let mut dead = Batch::new();
        self.engine.cycle(&mut dead);
        let dropped = dead.len();
        let aged = self.engine.stats().idle;
        bury(dead)?;
        Ok(Collected { aged, dropped })
    }

    /// Runs one cycle; a destructor's panic goes on once everything is dropped.
    pub(crate) fn collect(&self) -> Collected {
        self.cycle().unwrap_or_else(|payload| {
            go_on(payload);
            Collected::default()
        })
    }

    /// Runs a cycle if the clock says so. To be called once in a while.
    #[cold]
    pub(crate) fn tick(&self) {
        if self.clock.is_due() {
            self.collect();
        }
    }
}

impl<T: Send> Member for Interior<T> {
    fn collect(&self) -> Collected {
        Interior::collect(self)
    }

    fn leave(&self, index: usize, tenancy: u32) {
        if let Some(worker) = self.engine.registry.get(index) {
            // SAFETY: the calling thread holds this tenancy until `leave` gives it back.
            self.engine.leave(unsafe { worker.owner() }, tenancy);
        }
    }
}

impl<T> Drop for Interior<T> {
    /// Whoever lets go last, be it a collector or a thread that ends while the pool is dropped, may
    /// find what a claim kept from the pool's own drop. No destructor's panic escapes from here.
    fn drop(&mut self) {
        let sweep = || {
            let mut left = Batch::new();
            self.engine.take_all(&mut left);
            bury(left)
        };
        if let Err(payload) = catch_unwind(AssertUnwindSafe(sweep)).and_then(|end| end) {
            dispose(payload);
        }
    }
}

/// Drops every object, whatever the destructors do. The first panic comes back.
pub(crate) fn bury<T>(mut dead: Batch<T>) -> Result<(), Payload> {
    let mut first = Ok(());
    while let Some(object) = dead.pop() {
        let end = catch_unwind(AssertUnwindSafe(|| drop(object)));
        match end {
            Err(payload) if first.is_ok() => first = Err(payload),
            Err(payload) => dispose(payload),
            Ok(()) => {}
        }
    }
    first
}

/// Drops what a panic carried, which may panic in its turn; what *that* carries is leaked.
pub(crate) fn dispose(payload: Payload) {
    if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        mem::forget(second);
    }
}

/// Lets a destructor's panic go on, unless this thread is panicking already: a second one would abort
/// the process.
pub(crate) fn go_on(payload: Payload) {
    if !thread::panicking() {
        resume_unwind(payload);
    }
    dispose(payload);
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
        Clock {
            start: Instant::now(),
            interval,
            due: AtomicU64::new(interval),
        }
    }

    /// Whether a cycle is due; of several threads that ask, one is told so.
    fn is_due(&self) -> bool {
        if self.interval == u64::MAX {
            return false;
        }
        let now = u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        // Relaxed: the exchange decides, and nothing is published.
        let due = self.due.load(Relaxed);
        let next = now.saturating_add(self.interval);
        now >= due
            && self
                .due
                .compare_exchange(due, next, Relaxed, Relaxed)
                .is_ok()
    }
}

/// How a pool finds its interior, and a thread its worker in it.
pub(crate) struct Link<T> {
    /// A copy of the interior's number for the hot path, or 0 before any thread has a worker.
    id: AtomicU64,
    /// From `Arc::into_raw`, or null before the first use.
    interior: AtomicPtr<Interior<T>>,
}

// SAFETY: a link owns an `Arc<Interior<T>>`, which moves `T`s between threads and never shares one:
// no `&T` leaves the engine. Two threads with a `&Link` can hand each other `T`s by value.
unsafe impl<T: Send> Sync for Link<T> {}
// SAFETY: as above; the objects inside go with the link.
unsafe impl<T: Send> Send for Link<T> {}

impl<T> Link<T> {
    /// A link to nothing; allocates nothing.
    pub(crate) const fn new() -> Self {
        Link {
            id: AtomicU64::new(0),
            interior: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// The interior, if the pool has been used.
    #[inline]
    pub(crate) fn interior(&self) -> Option<&Interior<T>> {
        // Acquire: pairs with the exchange in `open`.
        let interior = self.interior.load(Acquire);
        // SAFETY: a non-null pointer came from `Arc::into_raw`, whose count is given back in
        // `close` only, by `&mut self`.
        unsafe { interior.as_ref() }
    }

    /// The calling thread's worker, if it is found at the first look: the hot path's way.
    #[inline(always)]
    pub(crate) fn owner(&self) -> Option<Owner<'_, T>> {
        // Relaxed: a thread takes its seat under a number after it has read that number.
        let worker = current::find(self.id.load(Relaxed))?;
        // SAFETY: the table has it under this pool's number.
        Some(unsafe { self.owner_of(worker) })
    }

    /// The calling thread's worker, if it has one.
    pub(crate) fn seated_owner(&self) -> Option<Owner<'_, T>> {
        // Relaxed: as in `owner`.
        let worker = current::probe(self.id.load(Relaxed))?;
        // SAFETY: as in `owner`.
        Some(unsafe { self.owner_of(worker) })
    }

    /// # Safety
    ///
    /// The calling thread's table has `worker` under this pool's number.
    #[inline(always)]
    unsafe fn owner_of(&self, worker: NonNull<()>) -> Owner<'_, T> {
        // SAFETY: no other pool ever has this number, so the pointer is to a worker of this pool's
        // engine, of this `T`. The engine lives as long as the link, which is borrowed for `'_`, and
        // its workers never move.
        let worker = unsafe { worker.cast::<Worker<T>>().as_ref() };
        // SAFETY: the seat is this thread's, and is given up when the tenancy ends.
        unsafe { worker.owner() }
    }
}

impl<T: Send + 'static> Link<T> {
    /// The interior; makes it on the first use.
    pub(crate) fn open(&self, plan: impl FnOnce() -> (Plan, u64)) -> &Interior<T> {
        if let Some(interior) = self.interior() {
            return interior;
        }
        let (plan, interval) = plan();
        let made = Arc::new(Interior {
            engine: Engine::new(plan),
            clock: Clock::new(interval),
            rental: Rental::new(),
            id: AtomicU64::new(0),
        });
        let member: Weak<Interior<T>> = Arc::downgrade(&made);
        let id = roster::enter(member);
        // Relaxed: published with the interior.
        made.id.store(id.map_or(0, PoolId::get), Relaxed);
        let raw = Arc::into_raw(made).cast_mut();
        // Release: publishes the interior. Acquire: a loser uses the winner's.
        match self
            .interior
            .compare_exchange(ptr::null_mut(), raw, AcqRel, Acquire)
        {
            // SAFETY: `raw` is kept by `self.interior` from now on.
            Ok(_) => unsafe { &*raw },
            Err(theirs) => {
                if let Some(id) = id {
                    roster::exit(id);
                }
                // SAFETY: `raw` was not published.
                drop(unsafe { Arc::from_raw(raw) });
                // SAFETY: published by the winner, and kept as long as the link.
                unsafe { &*theirs }
            }
        }
    }

    /// The calling thread's worker; takes a seat when it has none. `None` while the thread ends, or
    /// if there is no room.
    #[cold]
    pub(crate) fn join(&self) -> Option<Owner<'_, T>> {
        if let Some(me) = self.seated_owner() {
            return Some(me);
        }
        let interior = self.interior()?;
        // Relaxed: written before the interior was published.
        let id = interior.id.load(Relaxed);
        if id == 0 || current::is_ending() {
            return None;
        }
        // Relaxed: every thread writes the same number, and reads it again only to look at its own
        // table.
        self.id.store(id, Relaxed);
        let engine = &interior.engine;
        let (worker, tenancy) = engine.join()?;
        let raw = NonNull::from(worker).cast::<()>();
        if !current::sit(PoolId::from_raw(id), raw, worker.index(), tenancy) {
            engine.registry.leave(worker, tenancy);
            return None;
        }
        self.seated_owner()
    }
}

impl<T> Link<T> {
    /// Leaves the roster and takes every idle object out.
    pub(crate) fn close(&mut self) -> Batch<T> {
        let mut taken = Batch::new();
        let interior = mem::replace(self.interior.get_mut(), ptr::null_mut());
        if interior.is_null() {
            return taken;
        }
        // SAFETY: the pointer came from `Arc::into_raw` in `open`, and was just cleared.
        let interior = unsafe { Arc::from_raw(interior) };
        // Relaxed: written before the interior was published.
        let id = interior.id.load(Relaxed);
        if id != 0 {
            roster::exit(PoolId::from_raw(id));
            current::forget(id);
        }
        interior.engine.close();
        interior.engine.take_all(&mut taken);
        taken
    }
}

impl<T> fmt::Debug for Link<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Processors of the machine, asked once.
pub(crate) fn cores() -> usize {
    static CORES: AtomicUsize = AtomicUsize::new(0);
    // Relaxed: every thread comes to the same answer.
    match CORES.load(Relaxed) {
        0 => {
            let cores = num_cpus::get().max(1);
            // Relaxed: as above.
            CORES.store(cores, Relaxed);
            cores
        }
        cores => cores,
    }
}
