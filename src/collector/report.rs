//! What a collector tells its program.

use crate::interior::{Payload, dispose};
use crate::stats::Collected;
use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// What a collector did at one go, over all pools.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CycleReport {
    /// Pools that it has visited.
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
        Collected {
            aged: self.idle,
            dropped: self.aged + self.relieved + self.over_budget,
        }
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

    /// What the panic carried.
    pub fn payload(&self) -> &(dyn Any + Send) {
        self.payload
    }

    /// The panic's message, if it carried a text.
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

type PanicHook = Box<dyn FnMut(&DestructorPanic<'_>) + Send>;
type CycleHook = Box<dyn FnMut(&CycleReport) + Send>;

/// What the program wants to be told. A hook that panics is not called again.
#[derive(Default)]
pub(crate) struct Hooks {
    pub(super) panic: Option<PanicHook>,
    pub(super) cycle: Option<CycleHook>,
}

impl Hooks {
    pub(super) fn panicked(&mut self, pool: Option<&'static str>, payload: Payload) {
        let report = DestructorPanic {
            pool,
            payload: &*payload,
        };
        call(&mut self.panic, |hook| hook(&report));
        dispose(payload);
    }

    pub(super) fn cycled(&mut self, report: &CycleReport) {
        call(&mut self.cycle, |hook| hook(report));
    }
}

fn call<H>(hook: &mut Option<H>, run: impl FnOnce(&mut H)) {
    let Some(mut callee) = hook.take() else {
        return;
    };
    match catch_unwind(AssertUnwindSafe(|| run(&mut callee))) {
        Ok(()) => *hook = Some(callee),
        Err(payload) => dispose(payload),
    }
}
