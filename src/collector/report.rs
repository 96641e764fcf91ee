//! Reports of a collector to its program.

use crate::pool::panics::{Payload, dispose};
use crate::pool::state::State;
use crate::stats::Collected;
use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// What one cycle of a collector did, over all pools.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CycleReport {
    /// Pools that it visited.
    pub pools: usize,
    /// Objects still idle.
    pub idle: usize,
    /// Objects dropped because two cycles found them idle.
    pub aged: usize,
    /// Objects dropped because memory was short.
    pub relieved: usize,
    /// Objects dropped because of [`set_idle_budget`](crate::set_idle_budget).
    pub over_budget: usize,
    /// How long it took.
    pub took: Duration,
}

impl CycleReport {
    pub(super) fn collected(&self) -> Collected {
        Collected { aged: self.idle, dropped: self.aged + self.relieved + self.over_budget }
    }
}

impl fmt::Display for CycleReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} pools: {} idle; dropped {} aged, {} for want of memory, {} over budget; {:?}",
            self.pools, self.idle, self.aged, self.relieved, self.over_budget, self.took
        )
    }
}

/// A destructor's panic in the collector's thread.
pub struct DestructorPanic<'a> {
    pub(super) pool: Option<&'static str>,
    pub(super) payload: &'a (dyn Any + Send),
}

impl DestructorPanic<'_> {
    /// The name of the object's pool.
    pub fn pool(&self) -> Option<&'static str> {
        self.pool
    }

    /// The payload of the panic.
    pub fn payload(&self) -> &(dyn Any + Send) {
        self.payload
    }

    /// The message of the panic, if its payload is a text.
    pub fn message(&self) -> Option<&str> {
        let text = self.payload.downcast_ref::<&'static str>().copied();
        text.or_else(|| self.payload.downcast_ref::<String>().map(String::as_str))
    }
}

impl fmt::Debug for DestructorPanic<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DestructorPanic")
            .field("pool", &self.pool)
            .field("message", &self.message())
            .finish_non_exhaustive()
    }
}

impl fmt::Display for DestructorPanic<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a destructor panicked in pool {}: {}",
            self.pool.unwrap_or("(unnamed)"),
            self.message().unwrap_or("(no message)")
        )
    }
}

/// A hook of the program. It is called without a lock, so it may use the collector. A hook that panics is not called
/// again.
pub(super) struct Hook<F: ?Sized> {
    call: Box<F>,
    broken: AtomicBool,
}

impl<F: ?Sized> Hook<F> {
    pub(super) fn new(call: Box<F>) -> Self {
        Hook { call, broken: AtomicBool::new(false) }
    }

    fn run(&self, run: impl FnOnce(&F)) {
        // Relaxed, both: one more call after a panic is harmless.
        if self.broken.load(Relaxed) {
            return;
        }
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| run(&self.call))) {
            self.broken.store(true, Relaxed);
            dispose(payload);
        }
    }
}

pub(super) type PanicHook = dyn Fn(&DestructorPanic<'_>) + Send + Sync;
pub(super) type CycleHook = dyn Fn(&CycleReport) + Send + Sync;

/// The hooks of the program.
#[derive(Default)]
pub(super) struct Hooks {
    pub(super) panic: Option<Hook<PanicHook>>,
    pub(super) cycle: Option<Hook<CycleHook>>,
}

impl Hooks {
    pub(super) fn panicked(&self, pool: Option<&'static str>, payload: Payload) {
        let report = DestructorPanic { pool, payload: &*payload };
        if let Some(hook) = &self.panic {
            hook.run(|call| call(&report));
        }
        dispose(payload);
    }

    /// Returns the result of some work on a pool. If it ended in a panic, reports that.
    pub(super) fn report<R: Default>(&self, pool: &State, end: Result<R, Payload>) -> R {
        end.unwrap_or_else(|payload| {
            self.panicked(pool.name(), payload);
            R::default()
        })
    }

    pub(super) fn cycled(&self, report: &CycleReport) {
        if let Some(hook) = &self.cycle {
            hook.run(|call| call(report));
        }
    }
}
