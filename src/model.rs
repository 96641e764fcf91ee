//! The core as the models in `loom-tests/` drive it: explicit workers, no thread-locals, no policy.
//!
//! Compiled under `cfg(loom)` only. Objects travel as [`Held`], which keeps its box: a box that is
//! freed may come back at the same address, and a stale pointer would then go unnoticed.

use crate::engine::batch::Batch;
use crate::engine::budget::Budget;
use crate::engine::object::{Chain, Object};
use crate::engine::{Engine, Plan};
use crate::sys::berth::Berth;
use crate::sys::buckets::Buckets;
use crate::sys::deque;
use crate::sys::doze::Doze;
use crate::sys::stack::Grave;
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
        Core(Engine::new(
            Plan { cores, deepest: 1 },
            Budget::new(max_idle, u64::MAX),
        ))
    }

    /// A core whose private slots may hold up to `deepest` objects.
    pub fn deep(cores: usize, deepest: u16) -> Self {
        Core(Engine::new(
            Plan { cores, deepest },
            Budget::new(u64::MAX, u64::MAX),
        ))
    }

    /// The same with a bound on idle bytes.
    pub fn bounded(cores: usize, max_idle: u64, idle_bytes: u64) -> Self {
        Core(Engine::new(
            Plan { cores, deepest: 1 },
            Budget::new(max_idle, idle_bytes),
        ))
    }

    /// A core with a bound on idle objects whose private slots may hold up to `deepest`.
    pub fn deep_bounded(cores: usize, deepest: u16, max_idle: u64) -> Self {
        Core(Engine::new(
            Plan { cores, deepest },
            Budget::new(max_idle, u64::MAX),
        ))
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

    /// A step of the cycle that ends `cycle`, as a user's thread takes it: about so many objects.
    pub fn step(&self, cycle: u64, objects: usize) -> Vec<Held<T>> {
        let mut dead = Batch::new();
        self.0.step(cycle, objects, &mut dead);
        Self::held(dead)
    }

    /// Cycles completed.
    pub fn cycles(&self) -> u64 {
        self.0.generation.cycle()
    }

    /// Idle objects of about so many bytes.
    pub fn take_bytes(&self, bytes: u64) -> Vec<Held<T>> {
        let mut taken = Batch::new();
        self.0.take_bytes(bytes, &mut taken);
        Self::held(taken)
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

/// A deque of objects. Owner operations are safe here: the models see two owners by their cells.
#[derive(Debug)]
pub struct Line<T>(deque::Deque<Object<T>>);

impl<T> Line<T> {
    /// An empty one, which holds two at most.
    #[expect(clippy::new_without_default, reason = "as the real one")]
    pub fn new() -> Self {
        Line(deque::Deque::new())
    }

    /// The owner adds one; gives it back when the deque is full.
    pub fn push(&self, held: Held<T>) -> Option<Held<T>> {
        // SAFETY: a model's owner is one thread; one that has two must fail.
        unsafe { self.0.push(held.0) }.err().map(Held)
    }

    /// The owner takes the newest.
    pub fn pop(&self) -> Option<Held<T>> {
        // SAFETY: as in `push`.
        unsafe { self.0.pop() }.map(Held)
    }

    /// A thief takes the oldest.
    pub fn steal(&self) -> Option<Held<T>> {
        self.0.steal().map(Held)
    }
}

/// Batches that wait to be dropped.
#[derive(Debug)]
pub struct Graveyard<T>(Grave<Batch<T>>);

impl<T> Graveyard<T> {
    /// An empty one.
    #[expect(clippy::new_without_default, reason = "as the real one")]
    pub fn new() -> Self {
        Graveyard(Grave::new())
    }

    /// Adds a batch of one.
    pub fn add(&self, held: Held<T>) {
        let mut batch = Batch::new();
        batch.add(Chain::of(held.0));
        self.0.add(batch);
    }

    /// Takes a batch.
    pub fn take(&self) -> Vec<Held<T>> {
        self.0.take().map(Core::held).unwrap_or_default()
    }
}

/// Append-only storage, of whose heads one is near.
#[derive(Debug)]
pub struct Rows<T>(Buckets<T, 1>);

impl<T> Rows<T> {
    /// Empty storage.
    #[expect(clippy::new_without_default, reason = "as the real one")]
    pub fn new() -> Self {
        Rows(Buckets::new())
    }

    /// The entry at `i`, if it was made.
    pub fn get(&self, i: usize) -> Option<&T> {
        self.0.get(i)
    }

    /// The entry at `i`; made if need be.
    pub fn get_or_grow(&self, i: usize, make: impl Fn() -> T) -> &T {
        self.0.get_or_grow(i, make).expect("a small number")
    }
}

/// A place that is looked at while its content leaves.
#[derive(Debug)]
pub struct Place<T>(Berth<T>);

impl<T> Place<T> {
    /// A vacant one.
    #[expect(clippy::new_without_default, reason = "as the real one")]
    pub fn new() -> Self {
        Place(Berth::new())
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

/// A sleeper and those who wake it.
#[derive(Debug)]
pub struct Bed(Doze);

impl Bed {
    /// Nobody sleeps in it.
    #[expect(clippy::new_without_default, reason = "as the real one")]
    pub fn new() -> Self {
        Bed(Doze::new())
    }

    /// The sleeper lies down, and looks once more.
    pub fn lie_down(&self) -> bool {
        self.0.lie_down()
    }

    /// The sleeper is awake.
    pub fn get_up(&self) {
        self.0.get_up();
    }

    /// Whether the caller, which has made work, must wake the sleeper.
    pub fn must_wake(&self) -> bool {
        self.0.must_wake()
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
