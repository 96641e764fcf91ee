//! The core as the models in `loom-tests/` drive it: explicit workers, no policy.
//!
//! Compiled under `cfg(loom)` only. Objects travel as [`Held`], which keeps its box: a box that is
//! freed may come back at the same address, and a stale pointer would then go unnoticed.

mod cpu;

pub use cpu::Cpu;

use crate::engine::{AnyObject, Batch, Budget, Engine, Object, Plan};
use crate::sys::FastPath;
use crate::sys::blocks::Block;
use crate::sys::ref_slot::RefSlot;
use crate::sys::rseq;
use std::marker::PhantomData;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// An object out of the pool.
pub struct Held<T>(Object<T>);

impl<T> Held<T> {
    /// Boxes a value that weighs `bytes`.
    pub fn new(value: T, bytes: usize) -> Self {
        Self::of(Object::new(value).into_any().weighing(bytes as u64))
    }

    /// Only for objects of a core of this type, and of `new`.
    fn of(object: AnyObject) -> Self {
        // SAFETY: a `Core<T>` gets objects by its own methods, which take `Held<T>`s.
        Held(unsafe { object.typed() })
    }

    /// The value.
    pub fn value(&self) -> &T {
        self.0.value()
    }
}

/// The moving part of a pool.
pub struct Core<T> {
    engine: Engine,
    joined: AtomicUsize,
    owns: PhantomData<Mutex<T>>,
}

/// Workers of a core without sequences.
const WORKERS: usize = 3;

impl<T> Core<T> {
    /// A core whose magazines hold one object, for so many processors to share a bound on idle objects.
    pub fn new(processors: usize, max_idle: u64) -> Self {
        Self::made(FastPath::Exchange, processors, 1, max_idle, u64::MAX)
    }

    /// A core whose magazines hold up to `capacity` objects.
    pub fn deep(processors: usize, capacity: usize) -> Self {
        Self::made(FastPath::Exchange, processors, capacity, u64::MAX, u64::MAX)
    }

    /// One with bounds on idle objects and bytes.
    pub fn bounded(processors: usize, max_idle: u64, idle_bytes: u64) -> Self {
        Self::made(FastPath::Exchange, processors, 1, max_idle, idle_bytes)
    }

    /// One with a bound on idle objects whose magazines hold up to `capacity`.
    pub fn deep_bounded(processors: usize, capacity: usize, max_idle: u64) -> Self {
        Self::made(FastPath::Exchange, processors, capacity, max_idle, u64::MAX)
    }

    /// A core without any worker yet.
    pub fn unmade() -> Self {
        Self::empty(FastPath::Exchange, 1, 1, u64::MAX, u64::MAX)
    }

    /// A core whose users come by restartable sequences; see [`on`](Self::on).
    pub fn by_sequences(capacity: usize, max_idle: u64) -> Self {
        Self::made(FastPath::Sequence, rseq::processors(), capacity, max_idle, u64::MAX)
    }

    fn made(
        path: FastPath,
        processors: usize,
        capacity: usize,
        max_idle: u64,
        idle_bytes: u64,
    ) -> Self {
        let core = Self::empty(path, processors, capacity, max_idle, idle_bytes);
        let workers = &core.engine.workers;
        // Made beforehand: loom forgets to try the other order of a load and an exchange where the thread of
        // the exchange has loaded before.
        match path {
            FastPath::Exchange => (0..WORKERS).for_each(|index| drop(workers.enter_at(index))),
            FastPath::Sequence => {
                for processor in 0..rseq::processors() {
                    rseq::migrate(processor);
                    drop(workers.enter());
                }
            }
        }
        core
    }

    fn empty(
        path: FastPath,
        processors: usize,
        capacity: usize,
        max_idle: u64,
        idle_bytes: u64,
    ) -> Self {
        let plan = Plan { path, processors, workers: WORKERS, capacity, min_idle: 0 };
        Core {
            engine: Engine::new(plan, Budget::new(max_idle, idle_bytes)),
            joined: AtomicUsize::new(0),
            owns: PhantomData,
        }
    }

    /// Objects and bytes charged against the bounds.
    pub fn charged(&self) -> (u64, u64) {
        self.engine.budget.charged()
    }

    /// A worker that no other seat has, in a core without sequences.
    pub fn join(&self) -> Seat<'_, T> {
        // Relaxed: not a part of the model.
        let index = self.joined.fetch_add(1, Relaxed) % WORKERS;
        Seat { core: self, index }
    }

    /// The worker of this index.
    pub fn seat(&self, index: usize) -> Seat<'_, T> {
        Seat { core: self, index }
    }

    /// The calling thread, on this processor from now on, in a core with sequences.
    pub fn on(&self, processor: usize) -> Cpu<'_, T> {
        rseq::migrate(processor);
        Cpu::new(self)
    }

    /// A get by one that has not closed the worker's gate. For the canary, which must see it.
    pub fn get_unheld(&self, index: usize) -> Option<Held<T>> {
        let worker = self.engine.workers.get(index)?;
        // SAFETY: none. The model that does this must fail, and nothing but loom's cells is at risk.
        let held = unsafe { worker.held(1) };
        let found = held.pop().map(Held::of);
        std::mem::forget(held);
        found
    }

    /// One cycle; what must die.
    pub fn cycle(&self) -> Vec<Held<T>> {
        let mut dead = Batch::new();
        self.engine.cycle(&mut dead);
        Self::held(dead)
    }

    /// A step of the cycle that ends `cycle`, as a user's thread takes it: so many objects.
    pub fn step(&self, cycle: u64, objects: usize) -> Vec<Held<T>> {
        let mut dead = Batch::new();
        self.engine.step(cycle, objects, false, &mut dead);
        Self::held(dead)
    }

    /// Cycles completed.
    pub fn cycles(&self) -> u64 {
        self.engine.generation.cycle()
    }

    /// Idle objects of about so many bytes.
    pub fn take_bytes(&self, bytes: u64) -> Vec<Held<T>> {
        let mut taken = Batch::new();
        self.engine.take_bytes(bytes, &mut taken);
        Self::held(taken)
    }

    /// Every idle object.
    pub fn take_all(&self) -> Vec<Held<T>> {
        let mut taken = Batch::new();
        self.engine.take_all(&mut taken);
        Self::held(taken)
    }

    /// Finds out that objects are expensive.
    pub fn turn_expensive(&self) {
        assert!(self.engine.cost.created(Duration::from_secs(1)));
        self.engine.flush_magazines();
    }

    /// What a look at the clock does besides, on the worker of the calling thread.
    pub fn maintain(&self) {
        self.engine.maintain(0);
    }

    /// Says that no user is left.
    pub fn close(&self) {
        // SAFETY: a model calls it when its users are joined.
        unsafe { self.engine.close() };
    }

    /// A put by a thread that finds its worker in other hands.
    pub fn put_without_worker(&self, held: Held<T>) -> Option<Held<T>> {
        let mut refused = Batch::new();
        self.engine.give_unheld(held.0.into_any(), &mut refused);
        Self::held(refused).pop()
    }

    /// A get by a thread that finds its worker in other hands.
    pub fn get_without_worker(&self) -> Option<Held<T>> {
        self.engine.steal(0, || None).map(Held::of)
    }

    /// How many objects are idle, by the books.
    pub fn idle(&self) -> usize {
        self.engine.stats().idle
    }

    /// How many bytes are idle, by the books.
    pub fn idle_bytes(&self) -> usize {
        self.engine.stats().idle_bytes
    }

    /// How many workers there are.
    pub fn workers(&self) -> usize {
        self.engine.stats().workers
    }

    /// Puts and hits, by the books.
    pub fn puts_and_hits(&self) -> (u64, u64) {
        let stats = self.engine.stats();
        let hits = stats.private_hits + stats.local_hits + stats.steals + stats.victim_hits;
        (stats.puts, hits)
    }

    fn held(mut batch: Batch) -> Vec<Held<T>> {
        std::iter::from_fn(|| batch.pop().map(Held::of)).collect()
    }
}

impl<T> Drop for Core<T> {
    fn drop(&mut self) {
        // SAFETY: `&mut self`: its users are gone.
        unsafe { self.engine.close() };
        drop(self.take_all());
        let mut rest = Batch::new();
        self.engine.take_rest(&mut rest);
        drop(Self::held(rest));
    }
}

/// A thread that uses one worker of a core without sequences.
pub struct Seat<'c, T> {
    core: &'c Core<T>,
    index: usize,
}

impl<T> Seat<'_, T> {
    /// A get: by a slot, by the worker, or past it if it is in other hands.
    pub fn get(&self) -> Option<Held<T>> {
        let engine = &self.core.engine;
        let enter = || engine.workers.enter_at(self.index);
        let found = enter().and_then(|me| me.pop());
        let found = found.or_else(|| engine.take_here(self.index, enter));
        let found = found.or_else(|| engine.steal(self.index, enter));
        found.map(Held::of)
    }

    /// A get out of any worker's magazine that is not in other hands.
    pub fn get_from_siblings(&self) -> Option<Held<T>> {
        self.core.engine.take_from_siblings(self.index).map(Held::of)
    }

    /// A put likewise; what finds no room comes back.
    pub fn put(&self, held: Held<T>) -> Vec<Held<T>> {
        let engine = &self.core.engine;
        let object = held.0.into_any();
        let weight = object.weight();
        let mut refused = Batch::new();
        if !engine.is_private(weight) && engine.budget.charge(1, weight) {
            engine.give_here(self.index, object);
            return Core::<T>::held(refused);
        }
        match engine.workers.enter_at(self.index) {
            Some(mut me) => engine.give_as(&mut me, object, weight, &mut refused),
            None => engine.give_unheld(object, &mut refused),
        };
        Core::<T>::held(refused)
    }

    /// Which worker.
    pub fn index(&self) -> usize {
        self.index
    }
}

/// A place that is looked at while its content leaves.
pub struct Place<T>(RefSlot<T>);

impl<T> Place<T> {
    /// A vacant one.
    #[expect(clippy::new_without_default, reason = "as the real one")]
    pub fn new() -> Self {
        Place(RefSlot::new())
    }

    /// Puts the content in, which must be out again before the next.
    pub fn settle(&self, content: T) {
        // SAFETY: a model settles it when it has the last content in hand, and one thread at a time.
        unsafe { self.0.settle(content) }
    }

    /// Looks; also gives the content, if it left meanwhile and nobody else looks.
    pub fn look<R>(&self, f: impl FnOnce(&T) -> R) -> (Option<R>, Option<T>) {
        self.0.look(f)
    }

    /// Lets nobody new look; gives the content, if nobody looks.
    pub fn leave(&self) -> Option<T> {
        // SAFETY: a model calls it once for each time that it settles it.
        unsafe { self.0.leave() }
    }
}

/// Room for one at a time, and more.
pub struct Room<T>(Block<T>);

impl<T> Room<T> {
    /// Nobody is in.
    #[expect(clippy::new_without_default, reason = "as the real one")]
    pub fn new() -> Self {
        Room(Block::new())
    }

    /// Enters, does something, and leaves.
    pub fn visit<R>(&self, content: T, meanwhile: impl FnOnce() -> R) -> R {
        let place = self.0.enter(content);
        let result = meanwhile();
        // SAFETY: once for this place.
        unsafe { place.leave() };
        result
    }

    /// Looks at all that is in.
    pub fn look<R>(&self, look: impl Fn(&T) -> R + Copy) -> Vec<R> {
        self.0.look(|content| Some(look(content))).collect()
    }
}
