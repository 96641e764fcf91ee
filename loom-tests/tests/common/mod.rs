//! How a model is run, and what it moves.
#![allow(dead_code, reason = "each file of models uses its part")]

use loom::cell::UnsafeCell;
use loom::thread::{self, JoinHandle};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use stealpool::model::{Core, Held, Seat};

/// What is pooled in a model: an index, and a cell that loom watches. Two holders at once, or a
/// holder that does not happen-after the last one, fail the model.
pub struct Item {
    pub id: usize,
    touched: UnsafeCell<usize>,
}

impl Item {
    pub fn new(id: usize) -> Held<Item> {
        Self::weighing(id, 1)
    }

    pub fn weighing(id: usize, bytes: usize) -> Held<Item> {
        Held::new(Item { id, touched: UnsafeCell::new(0) }, bytes)
    }
}

/// Uses an object as its only holder would.
pub fn touch(held: &Held<Item>) -> usize {
    // SAFETY: the cell is written by the object's holder only; loom checks just that.
    held.value().touched.with_mut(|count| unsafe { *count += 1 });
    held.value().id
}

/// Uses all of them.
pub fn touched(held: impl IntoIterator<Item = Held<Item>>) -> Vec<Held<Item>> {
    let held: Vec<_> = held.into_iter().collect();
    held.iter().for_each(|held| _ = touch(held));
    held
}

/// A core for models.
pub fn core() -> Arc<Core<Item>> {
    Arc::new(Core::new(1, u64::MAX))
}

/// Puts a new object, which finds room.
pub fn put(seat: &Seat<'_, Item>, id: usize) {
    let item = Item::new(id);
    touch(&item);
    assert!(seat.put(item).is_empty());
}

/// Two cycles; after these nothing is left that nobody used meanwhile.
pub fn two_cycles(core: &Core<Item>) -> Vec<Held<Item>> {
    let mut dead = core.cycle();
    dead.extend(core.cycle());
    touched(dead)
}

/// The same in a thread.
pub fn two_cycles_beside(core: &Arc<Core<Item>>) -> JoinHandle<Vec<Held<Item>>> {
    let core = Arc::clone(core);
    thread::spawn(move || two_cycles(&core))
}

/// Every object that is idle or among `held`, once: the numbers below `count`.
pub fn assert_conserved(core: &Core<Item>, held: Vec<Held<Item>>, count: usize) {
    let idle = core.idle();
    let left = core.take_all();
    assert_eq!(left.len(), idle, "the books say what is there");
    let mut ids: Vec<usize> = held.iter().chain(&left).map(touch).collect();
    ids.sort_unstable();
    assert_eq!(ids, (0..count).collect::<Vec<_>>(), "each object exists exactly once");
}

/// The most preemptions that a model explores; `None`: every execution.
#[derive(Clone, Copy, Debug)]
pub struct Bound {
    quick: Option<usize>,
    whole: Option<usize>,
}

impl Bound {
    /// So many by default, and others with the feature `whole`.
    pub const fn of(quick: Option<usize>, whole: Option<usize>) -> Self {
        Bound { quick, whole }
    }

    fn get(self) -> Option<usize> {
        if cfg!(feature = "whole") { self.whole } else { self.quick }
    }
}

/// One more than that, with the feature `whole`.
impl From<Option<usize>> for Bound {
    fn from(quick: Option<usize>) -> Self {
        Bound::of(quick, quick.map(|bound| bound + 1))
    }
}

/// Explores every execution of `model` within its bound and prints how many there were. Fewer than
/// `floor` would mean that loom does not see what the model does. The name is a group and what each
/// thread does: `group: put get || get`.
pub fn explore(
    name: &str,
    bound: impl Into<Bound>,
    floor: usize,
    model: impl Fn() + Send + Sync + 'static,
) {
    let bound = bound.into().get();
    let start = Instant::now();
    let (executions, outcome) = run(bound, model);
    let threads = name.matches("||").count() + 1;
    let shown = bound.map_or("-".into(), |bound| bound.to_string());
    let time = start.elapsed().as_secs_f64();
    println!("{name:<56} {threads} {shown:>2} {executions:>9} executions {time:>7.2} s");
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
    assert!(executions >= floor, "{name}: {executions} executions, expected at least {floor}");
}

/// Explores the executions within a bound, but no more than so many: how many there were, and whether
/// these were all; or what failed.
pub fn explore_up_to(
    most: usize,
    bound: Option<usize>,
    model: impl Fn() + Send + Sync + 'static,
) -> std::thread::Result<(usize, bool)> {
    struct TooMany;
    let count = AtomicUsize::new(0);
    let (executions, outcome) = run(bound, move || {
        if count.fetch_add(1, Ordering::Relaxed) == most {
            std::panic::resume_unwind(Box::new(TooMany));
        }
        model();
    });
    match outcome {
        Ok(()) => Ok((executions, true)),
        Err(panic) if panic.is::<TooMany>() => Ok((most, false)),
        Err(panic) => Err(panic),
    }
}

/// A model that must fail: if it passes, the models prove nothing.
pub fn explore_broken(name: &str, model: impl Fn() + Send + Sync + 'static) {
    let (executions, outcome) = run(None, model);
    println!("{name:<44} caught after {executions} executions");
    assert!(outcome.is_err(), "{name} passed {executions} executions, but is broken");
}

fn run(
    bound: Option<usize>,
    model: impl Fn() + Send + Sync + 'static,
) -> (usize, std::thread::Result<()>) {
    for variable in ["LOOM_MAX_DURATION", "LOOM_MAX_PERMUTATIONS"] {
        assert!(std::env::var_os(variable).is_none(), "{variable} would end a model early");
    }
    let executions = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&executions);
    let outcome = catch_unwind(AssertUnwindSafe(move || {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = bound;
        builder.max_branches = 20_000;
        builder.max_permutations = None;
        builder.max_duration = None;
        builder.check(move || {
            count.fetch_add(1, Ordering::Relaxed);
            model();
        });
    }));
    (executions.load(Ordering::Relaxed), outcome)
}
