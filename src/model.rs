//! The core as the models in `loom-tests/` drive it: explicit workers, no thread-locals, no policy.
//!
//! Compiled under `cfg(loom)` only. Objects travel as [`Held`], which keeps its box: a box that is
//! freed may come back at the same address, and a stale pointer would then go unnoticed.

use crate::batch::Batch;
use crate::engine::{Engine, Plan};
use crate::object::Object;
use crate::sync::deque;
use crate::worker::{Owner, Tenancy};

/// An object out of the pool.
#[derive(Debug)]
pub struct Held<T>(Object<T>);

impl<T> Held<T> {
    /// Boxes a value that weighs `bytes`.
    pub fn new(value: T, bytes: usize) -> Self {
        Held(Object::new(value).weighing(bytes as u64))
    }

    /// The value.
    pub fn value(&self) -> &T {
        self.0.value()
    }
}

/// The moving part of a pool.
#[derive(Debug)]
pub struct Core<T>(Engine<T>);

impl<T> Core<T> {
    /// A core for a machine with `cores` (a quarter of the workers that keep deques) and a bound on
    /// idle objects.
    pub fn new(cores: usize, max_idle: u64) -> Self {
        Core(Engine::new(Plan {
            max_idle,
            idle_bytes: u64::MAX,
            cores,
            deepest: 1,
        }))
    }

    /// A core whose private slots may hold up to `deepest` objects.
    pub fn deep(cores: usize, deepest: u16) -> Self {
        Core(Engine::new(Plan {
            max_idle: u64::MAX,
            idle_bytes: u64::MAX,
            cores,
            deepest,
        }))
    }

    /// The same with a bound on idle bytes.
    pub fn bounded(cores: usize, max_idle: u64, idle_bytes: u64) -> Self {
        Core(Engine::new(Plan {
            max_idle,
            idle_bytes,
            cores,
            deepest: 1,
        }))
    }

    /// A core with a bound on idle objects whose private slots may hold up to `deepest`.
    pub fn deep_bounded(cores: usize, deepest: u16, max_idle: u64) -> Self {
        Core(Engine::new(Plan {
            max_idle,
            idle_bytes: u64::MAX,
            cores,
            deepest,
        }))
    }

    /// Objects and bytes charged against the bounds.
    pub fn charged(&self) -> (u64, u64) {
        self.0.budget.charged()
    }

    /// Objects and bytes lent to private slots.
    pub fn lent(&self) -> (u64, u64) {
        self.0.budget.lent()
    }

    /// Makes the calling thread the owner of a worker.
    pub fn join(&self) -> Seat<'_, T> {
        let (worker, tenancy) = self.0.join().expect("the registry has room");
        // SAFETY: the tenancy was just claimed by this thread, and a `Seat` stays in it.
        let owner = unsafe { worker.owner() };
        Seat {
            core: self,
            owner,
            tenancy,
        }
    }

    /// A second owner of a worker that has one: breaks the contract of every owner operation. For
    /// the canary, which must see it.
    pub fn impostor(&self) -> Seat<'_, T> {
        let worker = self.0.registry.iter().next().expect("somebody has joined");
        // SAFETY: none. The model that does this must fail, and nothing but loom's cells is at risk.
        let owner = unsafe { worker.owner() };
        Seat {
            core: self,
            owner,
            tenancy: 0,
        }
    }

    /// One cycle; what must die.
    pub fn cycle(&self) -> Vec<Held<T>> {
        let mut dead = Batch::new();
        self.0.cycle(&mut dead);
        Self::held(dead)
    }

    /// Every idle object.
    pub fn take_all(&self) -> Vec<Held<T>> {
        let mut taken = Batch::new();
        self.0.take_all(&mut taken);
        Self::held(taken)
    }

    /// Says that no seat is left.
    pub fn close(&self) {
        self.0.close();
    }

    /// A put by a thread without a worker.
    pub fn put_ownerless(&self, held: Held<T>) -> Option<Held<T>> {
        self.0.give_ownerless(held.0).err().map(Held)
    }

    /// A get by a thread without a worker.
    pub fn get_ownerless(&self) -> Option<Held<T>> {
        self.0.take_ownerless().map(Held)
    }

    /// An object from the slot of another thread, for one without a worker.
    pub fn take_from_others(&self) -> Option<Held<T>> {
        self.0.take_from_others(None).map(Held)
    }

    /// How many objects are idle, by the books.
    pub fn idle(&self) -> usize {
        self.0.stats().idle
    }

    /// How many bytes are idle, by the books.
    pub fn idle_bytes(&self) -> usize {
        self.0.stats().idle_bytes
    }

    /// How many workers there are.
    pub fn workers(&self) -> usize {
        self.0.stats().workers
    }

    fn held(mut batch: Batch<T>) -> Vec<Held<T>> {
        std::iter::from_fn(|| batch.pop().map(Held)).collect()
    }
}

/// A worker that this thread owns.
#[derive(Debug)]
pub struct Seat<'c, T> {
    core: &'c Core<T>,
    owner: Owner<'c, T>,
    tenancy: Tenancy,
}

impl<T> Seat<'_, T> {
    /// The whole ladder.
    pub fn get(&self) -> Option<Held<T>> {
        let object = self
            .owner
            .take_private()
            .or_else(|| self.core.0.take_below(self.owner));
        object.map(Held)
    }

    /// Puts an object in; gives back what finds no room.
    pub fn put(&self, held: Held<T>) -> Vec<Held<T>> {
        let weight = held.0.weight();
        let placed = self.owner.put_private(held.0, weight).0;
        let refused = self.core.0.settle(self.owner, placed, weight).err();
        let mut refused = refused.unwrap_or_else(Batch::new);
        std::iter::from_fn(|| refused.pop()).map(Held).collect()
    }

    /// Where the worker stands.
    pub fn index(&self) -> usize {
        self.owner.worker().index()
    }

    /// Ends the tenancy, as a thread does when it ends.
    pub fn leave(self) {
        self.core.0.leave(self.owner, self.tenancy);
    }
}

/// To be called at the end of each execution, when every core is gone.
pub fn end_of_execution() {
    deque::free_retired();
}
