//! One thread's storage: a private slot and two deques.
//!
//! A worker belongs to one thread at a time, its owner; others may steal from its deques, and a
//! collector may call in its private slot. A thread that never holds two objects at once uses one
//! pair of cache lines and nothing else: each deque is made when something first overflows into it.
//!
//! **Fields.** `tenancy`: whoever claims or gives back the worker. `seen`: collectors. `deques`:
//! written once by the owner, read by all. The tallies: written by the owner, read by all.
//!
//! **Ownership** is a fact of types. What only the owner may do takes an [`Owner`], which cannot
//! leave its thread and is made by one `unsafe` call, [`Worker::owner`].

use crate::allowance::Allowance;
use crate::generation::Side;
use crate::moved::{Placed, Seized, Turn};
use crate::object::{Chain, Object};
use crate::private::Private;
use crate::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use crate::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64};
use crate::sync::chaos::point;
use crate::sync::deque::Deque;
use crate::sync::scale::REAL;
use crate::tally::Tally;
use std::marker::PhantomData;
use std::ptr;

/// Where a `get` that the private slot could not serve found something.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Outcome {
    /// The owner's own primary deque had one.
    Local,
    /// Another worker's primary deque, or the shared store, had one.
    Stolen,
    /// A victim had one.
    Victim,
}

/// Even: free for adoption. Odd: owned. Counts up, so that no two tenancies are equal.
pub(crate) type Tenancy = u32;

/// The tenancy a worker is made with: it belongs to whoever reserves its place, so nobody can adopt
/// it before it is furnished.
pub(crate) const FIRST_TENANCY: Tenancy = 1;

/// One thread's storage in one pool.
#[repr(C, align(128))]
#[derive(Debug)]
pub(crate) struct Worker<T> {
    tenancy: AtomicU32,
    index: AtomicU32,
    /// The cycle (upper half) in which a collector last looked, and the arrivals by then (lower half).
    pub(crate) seen: AtomicU64,
    deques: [AtomicPtr<Deque<Chain<T>>>; 2],
    local_hits: Tally,
    victim_hits: Tally,
    created: Tally,
    /// Arrivals at the private slot that were no puts: chains from below, and misses.
    others: Tally,
    pub(crate) private: Private<T>,
    /// Objects that went from the private slot down, less those that came up again in a chain.
    descended: Tally,
    stolen: Tally,
    /// Bytes this worker put below its slot, less those it took from there.
    deep_bytes: Tally,
}

// 128 bytes are two 64-byte lines: one for what thieves read, one for what the owner writes on every
// operation. Adjacent lines are fetched in pairs, hence the alignment.
const _: () = assert!(size_of::<Worker<u8>>() == 128 || size_of::<usize>() != 8 || !REAL);

impl<T> Worker<T> {
    /// A worker in its first tenancy, not furnished yet.
    pub(crate) fn reserved() -> Self {
        Worker {
            tenancy: AtomicU32::new(FIRST_TENANCY),
            index: AtomicU32::new(0),
            seen: AtomicU64::new(0),
            deques: [
                AtomicPtr::new(ptr::null_mut()),
                AtomicPtr::new(ptr::null_mut()),
            ],
            local_hits: Tally::default(),
            victim_hits: Tally::default(),
            created: Tally::default(),
            others: Tally::default(),
            private: Private::new(),
            descended: Tally::default(),
            stolen: Tally::default(),
            deep_bytes: Tally::default(),
        }
    }

    /// Claims the worker if it is vacant.
    pub(crate) fn move_in(&self) -> Option<Tenancy> {
        // Relaxed: the exchange decides.
        let tenancy = self.tenancy.load(Relaxed);
        if tenancy % 2 == 1 {
            return None;
        }
        // Acquire: pairs with the Release in `move_out`; the former owner's plain stores and its
        // deques' owner halves are ours.
        let won = self
            .tenancy
            .compare_exchange(tenancy, tenancy + 1, Acquire, Relaxed);
        won.is_ok().then_some(tenancy + 1)
    }

    /// Gives the worker up. Objects stay where they are, for thieves and for the next tenant.
    pub(crate) fn move_out(&self, tenancy: Tenancy) -> bool {
        // Release: pairs with the Acquire in `move_in`.
        let vacant = tenancy.wrapping_add(1);
        self.tenancy
            .compare_exchange(tenancy, vacant, Release, Relaxed)
            .is_ok()
    }

    /// Uses the worker for a moment, if no thread has it.
    pub(crate) fn visit<R>(&self, visit: impl FnOnce(Owner<'_, T>) -> R) -> Option<R> {
        let tenancy = self.move_in()?;
        point("worker: visiting");
        // SAFETY: this thread holds the tenancy until it moves out below.
        let result = visit(unsafe { self.owner() });
        self.move_out(tenancy);
        Some(result)
    }

    /// Whether a thread that ended has left something in the private slot.
    pub(crate) fn is_legacy(&self) -> bool {
        // Relaxed: a look before the exchange in `move_in`, or after a fence.
        self.tenancy.load(Relaxed) % 2 == 0 && self.census().0 > 0
    }

    /// Where the worker stands in its registry.
    pub(crate) fn index(&self) -> usize {
        // Relaxed: the owner asks; the first one wrote it, and later ones acquired the tenancy.
        self.index.load(Relaxed) as usize
    }

    /// Tells a new worker its index and its slot's allowance.
    pub(crate) fn furnish(&self, index: usize, allowance: Allowance) {
        // Relaxed: the first tenant does this itself, and the next one acquires its tenancy.
        self.index.store(index as u32, Relaxed);
        self.private.allow(allowance);
    }

    /// The token of the owner.
    ///
    /// # Safety
    ///
    /// The calling thread holds the current tenancy of this worker, and while it uses the token no
    /// other thread uses one of the same worker.
    #[inline(always)]
    pub(crate) unsafe fn owner(&self) -> Owner<'_, T> {
        Owner {
            worker: self,
            stays: PhantomData,
        }
    }

    /// One of the deques, if anything has ever overflowed into it.
    #[inline]
    pub(crate) fn deque(&self, side: Side) -> Option<&Deque<Chain<T>>> {
        // Acquire: pairs with the Release in `Owner::deque`; the deque is built.
        let deque = self.deques[side as usize].load(Acquire);
        // SAFETY: a non-null pointer came from `Box::into_raw`, and the box is freed only when the
        // worker is dropped, which takes `&mut self`.
        unsafe { deque.as_ref() }
    }

    /// Objects and bytes in the private slot.
    pub(crate) fn census(&self) -> (u64, u64) {
        self.private.census()
    }

    /// Objects created by this worker's owners.
    pub(crate) fn created(&self) -> u64 {
        self.created.get()
    }

    /// This worker's counts.
    pub(crate) fn tallies(&self) -> Tallies {
        Tallies {
            arrivals: self.private.arrivals(),
            local_hits: self.local_hits.get(),
            victim_hits: self.victim_hits.get(),
            stolen: self.stolen.get(),
            created: self.created.get(),
            others: self.others.get(),
            descended: self.descended.get(),
            deep_bytes: self.deep_bytes.get(),
        }
    }
}

/// A snapshot of a worker's counts.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tallies {
    pub(crate) arrivals: u64,
    pub(crate) local_hits: u64,
    pub(crate) victim_hits: u64,
    pub(crate) stolen: u64,
    pub(crate) created: u64,
    pub(crate) others: u64,
    pub(crate) descended: u64,
    pub(crate) deep_bytes: u64,
}

impl std::ops::AddAssign for Tallies {
    fn add_assign(&mut self, other: Self) {
        self.arrivals += other.arrivals;
        self.local_hits += other.local_hits;
        self.victim_hits += other.victim_hits;
        self.stolen += other.stolen;
        self.created += other.created;
        self.others += other.others;
        self.descended = self.descended.wrapping_add(other.descended);
        self.deep_bytes = self.deep_bytes.wrapping_add(other.deep_bytes);
    }
}

impl<T> Drop for Worker<T> {
    fn drop(&mut self) {
        for deque in &self.deques {
            // Acquire: pairs with the Release in `Owner::deque`.
            let deque = deque.load(Acquire);
            if !deque.is_null() {
                // SAFETY: the pointer came from `Box::into_raw`, and `&mut self` ends all use.
                drop(unsafe { Box::from_raw(deque) });
            }
        }
    }
}

/// Proof that this thread owns the worker.
#[derive(Debug)]
pub(crate) struct Owner<'w, T> {
    worker: &'w Worker<T>,
    stays: PhantomData<*mut ()>,
}

impl<T> Clone for Owner<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Owner<'_, T> {}

impl<'w, T> Owner<'w, T> {
    pub(crate) fn worker(self) -> &'w Worker<T> {
        self.worker
    }

    /// Takes from the private slot.
    #[inline(always)]
    pub(crate) fn take_private(self) -> Option<Object<T>> {
        // SAFETY: `self` is the owner's token.
        unsafe { self.worker.private.take() }
    }

    /// Puts into the private slot, which must be empty.
    #[inline(always)]
    pub(crate) fn put_private_first(self, object: Object<T>, weight: u64) -> (Placed<T>, Turn) {
        // SAFETY: `self` is the owner's token.
        unsafe { self.worker.private.put_first(object, weight) }
    }

    /// Puts into the private slot.
    pub(crate) fn put_private(self, object: Object<T>, weight: u64) -> (Placed<T>, Turn) {
        // SAFETY: `self` is the owner's token.
        unsafe { self.worker.private.put(object, weight) }
    }

    /// Puts into the private slot with an allowance raised from `old` to `new`.
    pub(crate) fn put_private_allowed(
        self,
        object: Object<T>,
        weight: u64,
        old: Allowance,
        new: Allowance,
    ) -> Placed<T> {
        // SAFETY: `self` is the owner's token.
        unsafe { self.worker.private.put_allowed(object, weight, old, new) }
    }

    /// Sets the private slot's allowance, raised from `old` to `new`, unless it has changed.
    pub(crate) fn raise_private(self, old: Allowance, new: Allowance) -> bool {
        // SAFETY: `self` is the owner's token.
        unsafe { self.worker.private.raise(old, new) }
    }

    /// Gives back what the private slot's content does not need: the allowance before, and now.
    pub(crate) fn shrink_private(self) -> Option<(Allowance, Allowance)> {
        // SAFETY: `self` is the owner's token.
        unsafe { self.worker.private.shrink() }
    }

    /// Puts a chain from below into the private slot, which is empty.
    pub(crate) fn refill_private(self, chain: Chain<T>) -> Result<(), Chain<T>> {
        // SAFETY: `self` is the owner's token.
        unsafe { self.worker.private.refill(chain) }
    }

    /// Notes whether a get has found something below; whether it is time to ask for more.
    pub(crate) fn starves(self, found: bool) -> bool {
        // SAFETY: `self` is the owner's token.
        unsafe { self.worker.private.starves(found) }
    }

    /// Empties the private slot.
    pub(crate) fn vacate_private(self, reclaim: bool) -> Option<Seized<T>> {
        // SAFETY: `self` is the owner's token.
        unsafe { self.worker.private.vacate(reclaim) }
    }

    /// Adds to one of the owner's deques; makes it first when there is none. A full one gives the
    /// chain back.
    pub(crate) fn push(self, side: Side, chain: Chain<T>) -> Result<(), Chain<T>> {
        // SAFETY: `self` is the owner's token, and tenancies follow each other by Release/Acquire.
        unsafe { self.deque(side).push(chain) }
    }

    /// Takes the newest chain of one of the owner's deques.
    pub(crate) fn pop(self, side: Side) -> Option<Chain<T>> {
        let deque = self.worker.deque(side)?;
        // SAFETY: as in `push`.
        unsafe { deque.pop() }
    }

    fn deque(self, side: Side) -> &'w Deque<Chain<T>> {
        self.worker.deque(side).unwrap_or_else(|| {
            let made = Box::into_raw(Box::new(Deque::new()));
            // Release: pairs with the Acquire in `Worker::deque`. A plain store will do: only the
            // owner writes here, and it found null.
            self.worker.deques[side as usize].store(made, Release);
            // SAFETY: just made, and freed only with the worker.
            unsafe { &*made }
        })
    }

    /// Counts what a `get` below the private slot came to.
    pub(crate) fn count_get(self, outcome: Outcome) {
        match outcome {
            Outcome::Local => self.worker.local_hits.add(1),
            Outcome::Stolen => self.worker.stolen.add(1),
            Outcome::Victim => self.worker.victim_hits.add(1),
        }
    }

    /// Counts a creation.
    pub(crate) fn count_creation(self) {
        self.worker.created.add(1);
    }

    /// Counts a get that found nothing, as an arrival that is none.
    pub(crate) fn count_miss(self) {
        self.worker.others.add(1);
        // SAFETY: `self` is the owner's token.
        unsafe { self.worker.private.arrive() };
    }

    /// Counts objects that went below the private slot.
    pub(crate) fn count_descent(self, objects: u64) {
        self.worker.descended.add(objects);
    }

    /// Counts a chain of so many objects that came up into the private slot.
    pub(crate) fn count_refill(self, objects: u64) {
        self.worker.others.add(1);
        self.worker.descended.add(objects.wrapping_neg());
    }

    /// Counts bytes that went below the private slot, or came back from there.
    pub(crate) fn count_deep_bytes(self, bytes: u64, came_back: bool) {
        let change = if came_back {
            bytes.wrapping_neg()
        } else {
            bytes
        };
        self.worker.deep_bytes.add(change);
    }
}
