//! The rules: stealpool itself, and models of what else there is.
//!
//! A model keeps idle objects as the step of their last use, the newest on top: all take the newest first.

use crate::trace::STEPS;
use std::collections::VecDeque;
use std::time::Duration;
use stealpool::{Builder, Collector, Guard, Policy, Pool};

/// Keeps idle objects by some rule.
pub trait Rule {
    /// Takes so many; how many had to be made.
    fn take(&mut self, count: usize) -> usize;
    /// Gives all that were taken back.
    fn give(&mut self);
    /// A step of time is over.
    fn tick(&mut self, step: usize);
    /// How many are idle.
    fn idle(&self) -> usize;
    /// The threads that used it have ended, others take their place.
    fn renew_threads(&mut self) {}
}

/// stealpool and its collector, one cycle an interval.
pub struct Stealpool {
    pool: &'static Pool<Thing, Make>,
    held: Vec<Guard<'static, Thing, Make>>,
    collector: Collector,
    interval: usize,
}

pub struct Thing;

pub struct Make;

impl Policy<Thing> for Make {
    fn create(&self) -> Thing {
        Thing
    }
    fn recycle(&self, _: &mut Thing) -> bool {
        true
    }
}

impl Stealpool {
    /// The interval in steps. One at a time.
    pub fn new(interval: usize) -> Self {
        // One for each replay; as in a program, it lives to the end.
        let pool: &'static Pool<Thing, Make> = Box::leak(Box::new(Builder::new().build(Make)));
        let collector =
            Collector::builder().every(Duration::MAX).on_memory_pressure(false).trim(false).spawn();
        Stealpool { pool, held: Vec::new(), collector: collector.expect("one at a time"), interval }
    }
}

impl Drop for Stealpool {
    fn drop(&mut self) {
        self.held.clear();
        self.pool.clear();
    }
}

impl Rule for Stealpool {
    fn take(&mut self, count: usize) -> usize {
        let before = self.pool.stats().creates;
        self.held.extend((0..count).map(|_| self.pool.get()));
        (self.pool.stats().creates - before) as usize
    }
    fn give(&mut self) {
        self.held.clear();
    }
    fn tick(&mut self, step: usize) {
        if step.is_multiple_of(self.interval) {
            self.collector.pulse();
        }
    }
    fn idle(&self) -> usize {
        self.pool.idle()
    }
    fn renew_threads(&mut self) {
        // A thread of its own gives all back, and ends.
        let held = std::mem::take(&mut self.held);
        std::thread::scope(|scope| drop(scope.spawn(move || drop(held)).join()));
    }
}

/// What the models share: the idle objects and those in use.
#[derive(Default)]
struct Shelf {
    /// The step of the last use, the newest at the back.
    idle: VecDeque<usize>,
    held: usize,
    now: usize,
    /// The fewest idle objects since this was last read.
    lowest: usize,
}

impl Shelf {
    fn take(&mut self, count: usize) -> usize {
        let found = count.min(self.idle.len());
        self.idle.truncate(self.idle.len() - found);
        self.lowest = self.lowest.min(self.idle.len());
        self.held += count;
        count - found
    }
    fn give(&mut self) {
        self.idle.extend(std::iter::repeat_n(self.now, self.held));
        self.held = 0;
    }
    /// Drops the oldest.
    fn drop_oldest(&mut self, count: usize) {
        self.idle.drain(..count.min(self.idle.len()));
    }
}

/// A model: a shelf, and what is done to it as time passes.
pub struct Model<F> {
    shelf: Shelf,
    pass: F,
}

fn model(pass: impl FnMut(&mut Shelf, usize)) -> Model<impl FnMut(&mut Shelf, usize)> {
    Model { shelf: Shelf::default(), pass }
}

impl<F: FnMut(&mut Shelf, usize)> Rule for Model<F> {
    fn take(&mut self, count: usize) -> usize {
        self.shelf.take(count)
    }
    fn give(&mut self) {
        self.shelf.give();
    }
    fn tick(&mut self, step: usize) {
        self.shelf.now = step;
        (self.pass)(&mut self.shelf, step);
    }
    fn idle(&self) -> usize {
        self.shelf.idle.len()
    }
}

/// No pool: nothing is kept.
pub fn no_pool() -> impl Rule {
    model(|shelf, _| shelf.idle.clear())
}

/// A pool that never gives anything back.
pub fn never() -> impl Rule {
    model(|_, _| {})
}

/// Go's rule: at each collection, what was idle at the last one too is dropped. Gets take what is not
/// marked first, so what is dropped is what two collections found unused.
pub fn go(interval: usize) -> impl Rule {
    let mut last = 0;
    model(move |shelf, step| {
        if step.is_multiple_of(interval) {
            // Marked: not used since the collection before.
            let marked = shelf.idle.iter().take_while(|used| **used < last).count();
            shelf.drop_oldest(marked);
            last = step;
        }
    })
}

/// An object that was not used for so many steps is dropped.
pub fn ttl(steps: usize) -> impl Rule {
    model(move |shelf, step| {
        let dead = |used: &&usize| **used + steps < step;
        let dead = shelf.idle.iter().take_while(dead).count();
        shelf.drop_oldest(dead);
    })
}

/// At each interval, as many are dropped as were idle all through the last `window` intervals (the low-water
/// mark).
pub fn low_water(interval: usize, window: usize) -> impl Rule {
    let mut lows = VecDeque::from(vec![0; window]);
    model(move |shelf, step| {
        if step.is_multiple_of(interval) {
            lows.pop_front();
            lows.push_back(std::mem::replace(&mut shelf.lowest, usize::MAX));
            let unused = lows.iter().copied().min().unwrap_or(0);
            shelf.drop_oldest(unused);
            lows.iter_mut().for_each(|low| *low -= unused);
        }
    })
}

/// jemalloc's decay: what falls idle may stay to a part that sinks from 1 to 0 over `time` steps, along a
/// smooth step; what is above the sum of these parts is dropped.
pub fn decay(time: usize) -> impl Rule {
    // Idle objects by the step they fell idle in, the newest first.
    let mut backlog: VecDeque<usize> = VecDeque::from(vec![0; time]);
    let mut before = 0usize;
    model(move |shelf, _| {
        let idle = shelf.idle.len();
        backlog.pop_back();
        backlog.push_front(idle.saturating_sub(before));
        let part = |age: usize| {
            let x = 1.0 - age as f64 / time as f64;
            x * x * x * (x * (x * 6.0 - 15.0) + 10.0)
        };
        let limit: f64 = backlog.iter().enumerate().map(|(age, n)| *n as f64 * part(age)).sum();
        shelf.drop_oldest(idle.saturating_sub(limit.ceil() as usize));
        before = shelf.idle.len();
    })
}

/// Starts a rule.
pub type Start = Box<dyn Fn() -> Box<dyn Rule>>;

/// Every rule with its name, for an interval in seconds.
pub fn names(seconds: usize) -> Vec<(String, Start)> {
    let interval = seconds * STEPS;
    fn boxed<R: Rule + 'static>(make: impl Fn() -> R + 'static) -> Start {
        Box::new(move || Box::new(make()))
    }
    vec![
        ("stealpool".into(), boxed(move || Stealpool::new(interval))),
        ("stealpool, interval x 6".into(), boxed(move || Stealpool::new(6 * interval))),
        ("Go's rule".into(), boxed(move || go(interval))),
        ("TTL of 2 intervals".into(), boxed(move || ttl(2 * interval))),
        ("low water, 2 intervals".into(), boxed(move || low_water(interval, 2))),
        ("low water, 8 intervals".into(), boxed(move || low_water(interval, 8))),
        ("decay over 2 intervals".into(), boxed(move || decay(2 * interval))),
        ("never shrinks".into(), boxed(never)),
        ("no pool".into(), boxed(no_pool)),
    ]
}
