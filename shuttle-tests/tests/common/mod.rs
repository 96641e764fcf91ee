//! How a scenario is run under many schedules, and what it moves.
#![allow(dead_code, reason = "each file uses its part")]

use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, Runner};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use stealpool::{Builder, Pool, Recycle};

/// Schedules of each scheduler and scenario.
const SCHEDULES: usize = if cfg!(feature = "whole") { 6_000 } else { 300 };

/// Runs `scenario` by chance, and with 2 to 5 well-placed switches (Burckhardt et al., *A randomized
/// scheduler with probabilistic guarantees of finding bugs*, ASPLOS 2010). A failure prints its schedule,
/// which `shuttle::replay` runs again.
pub fn explore(name: &str, scenario: fn()) {
    let _alone = alone();
    let start = Instant::now();
    let mut schedules = run(RandomScheduler::new_from_seed(7, SCHEDULES), scenario);
    for depth in 2..=5 {
        schedules += run(PctScheduler::new_from_seed(7 + depth as u64, depth, SCHEDULES), scenario);
    }
    let time = start.elapsed().as_secs_f64();
    println!("{name:<48} random, PCT 2-5 {schedules:>7} schedules {time:>7.2} s");
    assert_eq!(schedules, 5 * SCHEDULES);
}

/// A scenario that must fail under some schedule.
pub fn explore_broken(name: &str, scenario: fn()) {
    let _alone = alone();
    for depth in 2..=5 {
        let scheduler = PctScheduler::new_from_seed(depth as u64, depth, 10_000);
        if catch_unwind(AssertUnwindSafe(|| run(scheduler, scenario))).is_err() {
            println!("{name:<48} caught by PCT {depth}");
            return;
        }
    }
    panic!("{name} passed, but is broken");
}

/// The library's statics are shuttle's, too, which one execution at a time may use.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn run(scheduler: impl Scheduler + 'static, scenario: fn()) -> usize {
    let mut config = Config::new();
    config.stack_size = 1 << 18;
    config.max_steps = shuttle::MaxSteps::FailAfter(10_000_000);
    Runner::new(scheduler, config).run(scenario)
}

/// What became of the objects of one execution. Not shuttle's atomics: to count is no step.
#[derive(Clone, Default)]
pub struct Census(Arc<Counts>);

#[derive(Default)]
struct Counts {
    made: AtomicUsize,
    dropped: AtomicUsize,
}

/// An object that sees two holders, and a drop in somebody's hands.
pub struct Item {
    pub id: usize,
    held: Cell<bool>,
    census: Census,
}

impl Item {
    /// What a holder does, with a step of another thread in between.
    pub fn using(&self) {
        assert!(!self.held.replace(true), "object {} has two holders", self.id);
        shuttle::thread::yield_now();
        assert!(self.held.replace(false));
    }
}

impl Recycle for Item {
    fn recycle(&mut self) {
        assert!(!self.held.get(), "object {} is put in use", self.id);
    }
}

impl Drop for Item {
    fn drop(&mut self) {
        assert!(!self.held.get(), "object {} is dropped in use", self.id);
        self.census.0.dropped.fetch_add(1, Relaxed);
    }
}

impl Census {
    pub fn item(&self) -> Item {
        Item { id: self.0.made.fetch_add(1, Relaxed), held: Cell::new(false), census: self.clone() }
    }

    pub fn alive(&self) -> usize {
        self.0.made.load(Relaxed) - self.0.dropped.load(Relaxed)
    }

    pub fn pool(&self, settings: Builder) -> ItemPool {
        let census = self.clone();
        let create: Create = Box::new(move || census.item());
        Arc::new(settings.build(create))
    }
}

type Create = Box<dyn Fn() -> Item + Send + Sync>;

pub type ItemPool = Arc<Pool<Item, Create>>;

pub const MANUAL: Builder = Builder::new().collect_manually();

/// After all threads have ended: what is alive is idle, and two cycles end it.
pub fn assert_settled(pool: &ItemPool, census: &Census) {
    assert_eq!(pool.idle(), census.alive(), "the books say what is there");
    pool.collect();
    pool.collect();
    assert_eq!((pool.idle(), census.alive()), (0, 0), "two cycles without use");
}
