//! The collector's thread: sleep, work, report.

use super::report::CycleReport;
use super::{Shared, trim};
use crate::collector::background::Claim;
use crate::collector::idle_budget;
use crate::collector::pressure::{PressureSource, PressureStatus, Sleep};
use crate::collector::registry;
use crate::pool::panics::dispose;
use crate::pool::state::State;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The pause after all idle objects were dropped. If memory is still short then, pools cannot help at once.
const AFTER_RELIEF: Duration = Duration::from_millis(100);

/// How often to check the budget of the process, if there is one.
const BUDGET_LOOKS: Duration = Duration::from_secs(1);

/// The state that the thread owns.
pub(super) struct Runner {
    pub(super) shared: Arc<Shared>,
    pub(super) every: Duration,
    pub(super) source: Option<Box<dyn PressureSource>>,
    /// Dropped with the thread, or if it could not be started.
    pub(super) _claim: Claim,
}

/// What ended a sleep.
enum Woken {
    Stop,
    Pressure,
    /// The time is over, or `wake` was called.
    Time,
}

impl Runner {
    pub(super) fn run(mut self) {
        let mut due = self.next_cycle();
        loop {
            match self.sleep(due) {
                Woken::Stop => return,
                Woken::Pressure => {
                    let report = relieve(&self.shared);
                    self.shared.hooks.cycled(&report);
                    self.rest(AFTER_RELIEF);
                }
                Woken::Time if due.is_some_and(|due| due <= Instant::now()) => {
                    let report = cycle(&self.shared);
                    self.shared.hooks.cycled(&report);
                    due = self.next_cycle();
                }
                Woken::Time => enforce(&self.shared),
            }
        }
    }

    /// When the next cycle is due; `None` if that is beyond the clock.
    fn next_cycle(&self) -> Option<Instant> {
        // `RandomState` has other keys each time.
        let random = RandomState::new().hash_one(0);
        let jitter = 0.9 + (random % 1024) as f64 / 1024.0 * 0.2;
        let sleep = Duration::try_from_secs_f64(self.every.as_secs_f64() * jitter).ok()?;
        Instant::now().checked_add(sleep)
    }

    /// Sleeps until the next cycle or the next check of the budget is due.
    fn sleep(&mut self, due: Option<Instant>) -> Woken {
        let look = idle_budget::is_set().then(|| Instant::now() + BUDGET_LOOKS);
        let until = due.into_iter().chain(look).min();
        let sleep = Sleep::new(until, Arc::clone(&self.shared.signals));
        let short = self.wait(&sleep);
        self.shared.signals.calm();
        if self.shared.signals.is_stopped() {
            Woken::Stop
        } else if short {
            Woken::Pressure
        } else {
            Woken::Time
        }
    }

    /// Waits for the end of the sleep. Returns early with `true` if memory is short.
    fn wait(&mut self, sleep: &Sleep) -> bool {
        if let Some(source) = &mut self.source {
            // The source, the text of its error, or its destructor may panic.
            let end = catch_unwind(AssertUnwindSafe(|| {
                source.wait(sleep).map_err(|error| error.to_string())
            }));
            let end = end.unwrap_or_else(|payload| {
                dispose(payload);
                Err(String::from("it panicked"))
            });
            match end {
                Ok(true) => return true,
                Ok(false) => {}
                Err(reason) => {
                    let reason = format!("{}: {reason}", self.shared.status.load());
                    self.shared.status.store(Arc::new(PressureStatus::Off(reason)));
                    let source = self.source.take();
                    catch_unwind(AssertUnwindSafe(|| drop(source))).unwrap_or_else(dispose);
                }
            }
        }
        // The source may have returned too early.
        while !sleep.is_over() {
            sleep.park();
        }
        false
    }

    fn rest(&self, time: Duration) {
        let until = Instant::now().checked_add(time);
        while !self.shared.signals.is_stopped() {
            let left = until.map_or(time, |until| until.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return;
            }
            std::thread::park_timeout(left);
        }
    }
}

/// Runs a cycle on every pool, and enforces the budget of the process.
pub(super) fn cycle(shared: &Shared) -> CycleReport {
    work(shared, |report| {
        for pool in registry::pools() {
            let collected = shared.hooks.report(&pool, pool.collect());
            report.pools += 1;
            report.aged += collected.dropped;
            report.idle += collected.aged;
        }
        report.over_budget = keep_to_budget(shared);
        report.idle = report.idle.saturating_sub(report.over_budget);
        #[cfg(feature = "metrics")]
        catch_unwind(crate::collector::export::record_metrics).unwrap_or_else(dispose);
    })
}

/// Drops all idle objects.
fn relieve(shared: &Shared) -> CycleReport {
    work(shared, |report| {
        for pool in registry::pools() {
            report.pools += 1;
            report.relieved += shared.hooks.report(&pool, pool.clear());
        }
    })
}

/// Enforces the budget of the process, between two cycles.
fn enforce(shared: &Shared) {
    work(shared, |report| report.over_budget = keep_to_budget(shared));
}

fn keep_to_budget(shared: &Shared) -> usize {
    idle_budget::enforce(|pool, payload| shared.hooks.panicked(pool, payload))
}

/// Runs some work, measures how long it took, and returns freed memory to the system if it was much.
fn work(shared: &Shared, run: impl FnOnce(&mut CycleReport)) -> CycleReport {
    let begun = Instant::now();
    let idle_bytes = || -> usize {
        let idle = |pool: Arc<State>| pool.stats().idle_bytes;
        registry::pools().map(idle).fold(0, usize::saturating_add)
    };
    let before = if shared.trims { idle_bytes() } else { 0 };
    let mut report = CycleReport::default();
    run(&mut report);
    let dropped = report.aged + report.relieved + report.over_budget;
    if shared.trims && dropped > 0 {
        let bytes = before.saturating_sub(idle_bytes());
        if shared.dropped.add(dropped, bytes) {
            trim::trim();
        }
    }
    report.took = begun.elapsed();
    report
}
