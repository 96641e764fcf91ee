//! A place for one chain.
//!
//! A thread claims a slot by a compare-exchange, takes from its chain or adds to it, and publishes what there is then
//! by a store. Nobody waits: who finds a slot claimed goes on to the next.
//!
//! **Invariant.** While a slot is [`CLAIMED`], all of it belongs to the thread that claimed it. Nothing is read through
//! a chain's pointer before the claim, so the chain may have gone and come back meanwhile.

use super::super::counters::LocalCounter;
use super::super::object::{Chain, Measure, Node};
use crate::sys::Witness;
use crate::sys::atomic::AtomicPtr;
use crate::sys::atomic::Ordering::{AcqRel, Acquire, Release};
use crate::sys::chaos::point;
use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::sync::Mutex;

/// Stands in a slot while a thread has it.
const CLAIMED: usize = 1;

/// A place for one chain.
#[repr(align(32))]
pub(super) struct Slot<T> {
    /// Null: empty.
    chain: AtomicPtr<Node<T>>,
    /// Of the chain.
    measure: LocalCounter,
    /// By users, of single objects.
    pub(super) puts: LocalCounter,
    /// By gets of the slot's processor.
    pub(super) hits: LocalCounter,
    witness: Witness,
    /// `Send` and `Sync` as a mutex is: chains come and go through a shared reference.
    owns: PhantomData<Mutex<T>>,
}

/// A slot that this thread has claimed. What is in `chain` when it is dropped is there for others.
pub(crate) struct Claim<'s, T> {
    pub(super) slot: &'s Slot<T>,
    pub(crate) chain: Option<Chain<T>>,
}

impl<T> Slot<T> {
    pub(super) fn new() -> Self {
        Slot {
            chain: AtomicPtr::new(ptr::null_mut()),
            measure: LocalCounter::default(),
            puts: LocalCounter::default(),
            hits: LocalCounter::default(),
            witness: Witness::default(),
            owns: PhantomData,
        }
    }

    /// What there is, if it is not claimed: a pointer that may be exchanged, but not followed.
    #[inline]
    pub(super) fn look(&self) -> Option<*mut Node<T>> {
        // Acquire: pairs with the Release in `claim` and in `Claim::drop`. Who sees that a thread has taken something here
        // sees what that thread had put elsewhere before.
        let chain = self.chain.load(Acquire);
        (chain.addr() != CLAIMED).then_some(chain)
    }

    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.look().is_some_and(|chain| !chain.is_null())
    }

    /// Of the chain that is there, or was.
    pub(super) fn measure(&self) -> Measure {
        Measure::from_bits(self.measure.get())
    }

    /// Claims the slot, if what is there is wanted.
    #[inline]
    pub(super) fn claim(&self, wanted: impl FnOnce(*mut Node<T>) -> bool) -> Option<Claim<'_, T>> {
        let chain = self.look().filter(|&chain| wanted(chain))?;
        let claimed = ptr::without_provenance_mut(CLAIMED);
        // AcqRel: Acquire pairs with the Release in `Claim::drop`, Release is for `look`. Acquire: who loses sees as much as
        // who looks.
        let won = self.chain.compare_exchange(chain, claimed, AcqRel, Acquire);
        // What the exchange took out, not what was seen before: that object may be gone, and this one be where it was.
        let chain = won.ok()?;
        point("slots: claimed");
        let chain = self.witness.exclusive(|| {
            // SAFETY: `Claim::drop` gave up the chain for this pointer, and the exchange has taken it out, once.
            NonNull::new(chain).map(|chain| unsafe { Chain::from_raw(chain) })
        });
        Some(Claim { slot: self, chain })
    }

    #[inline]
    pub(super) fn claim_full(&self) -> Option<Claim<'_, T>> {
        self.claim(|chain| !chain.is_null())
    }

    #[inline]
    pub(super) fn claim_empty(&self) -> Option<Claim<'_, T>> {
        self.claim(|chain| chain.is_null())
    }
}

impl<T> Claim<'_, T> {
    /// Adds a chain in front. Gives it back if that were too much.
    #[inline]
    pub(super) fn add(&mut self, chain: Chain<T>) -> Result<(), Chain<T>> {
        let joined = match self.chain.take() {
            Some(below) => chain.before(below),
            None => Ok(chain),
        };
        let (chain, refused) = match joined {
            Ok(chain) => (chain, Ok(())),
            Err((refused, chain)) => (chain, Err(refused)),
        };
        self.chain = Some(chain);
        refused
    }

    /// Counts a get of the slot's processor that found its object here.
    #[inline]
    pub(crate) fn count_hit(&self) {
        self.slot.hits.add(1);
    }
}

impl<T> Drop for Claim<'_, T> {
    #[inline]
    fn drop(&mut self) {
        let slot = self.slot;
        let chain = slot.witness.exclusive(|| {
            self.chain.take().map_or(ptr::null_mut(), |chain| {
                slot.measure.set(chain.measure().to_bits());
                chain.into_raw().as_ptr()
            })
        });
        // Release: publishes the chain and the figures.
        slot.chain.store(chain, Release);
    }
}

impl<T> Drop for Slot<T> {
    fn drop(&mut self) {
        if let Some(mut claim) = self.claim_full() {
            drop(claim.chain.take());
        }
    }
}
