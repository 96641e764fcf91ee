//! A slot: a place for one chain.
//!
//! A thread claims a slot by a compare-exchange, changes its chain, and publishes the new chain by a store. Nobody
//! waits: a thread that finds a slot claimed tries the next one.
//!
//! **Invariant.** While a slot is [`CLAIMED`], all of it belongs to the thread that claimed it. No thread follows the
//! chain's pointer before its claim. So it is harmless if the chain is gone and another one is at the same address (ABA).

use crate::engine::LocalCounter;
use crate::engine::object::{Chain, Measure, Node};
use crate::sys::atomic::AtomicPtr;
use crate::sys::atomic::Ordering::{AcqRel, Acquire, Release};
use crate::sys::scale::SLOT_TICK;
use crate::sys::{Witness, point};
use std::ptr::{self, NonNull};

/// The value of `chain` while a thread has the slot claimed.
const CLAIMED: usize = 1;

/// A place for one chain.
#[repr(align(32))]
pub(super) struct Slot {
    /// Null: empty.
    chain: AtomicPtr<Node>,
    /// Length and weight of the chain.
    measure: LocalCounter,
    /// Puts of single objects by users.
    pub(super) puts: LocalCounter,
    /// Hits of gets of the slot's processor.
    pub(super) hits: LocalCounter,
    witness: Witness,
}

/// A slot that this thread has claimed. Dropping it publishes `chain`.
pub(crate) struct Claim<'s> {
    pub(super) slot: &'s Slot,
    pub(crate) chain: Option<Chain>,
}

impl Slot {
    pub(super) fn new() -> Self {
        Slot {
            chain: AtomicPtr::new(ptr::null_mut()),
            measure: LocalCounter::default(),
            puts: LocalCounter::default(),
            hits: LocalCounter::default(),
            witness: Witness::default(),
        }
    }

    /// The chain's pointer, unless the slot is claimed. The pointer may be exchanged, but not followed.
    #[inline]
    pub(super) fn look(&self) -> Option<*mut Node> {
        // Acquire: pairs with the Release in `claim` and in `Claim::drop`. A thread that sees a chain gone also sees what
        // its taker had put elsewhere before.
        let chain = self.chain.load(Acquire);
        (chain.addr() != CLAIMED).then_some(chain)
    }

    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.look().is_some_and(|chain| !chain.is_null())
    }

    /// The measure of the chain that is or was here.
    pub(super) fn measure(&self) -> Measure {
        Measure::from_bits(self.measure.get())
    }

    /// Claims the slot if its chain is `wanted`.
    #[inline]
    pub(super) fn claim(&self, wanted: impl FnOnce(*mut Node) -> bool) -> Option<Claim<'_>> {
        let chain = self.look().filter(|&chain| wanted(chain))?;
        let claimed = ptr::without_provenance_mut(CLAIMED);
        // AcqRel: Acquire pairs with the Release in `Claim::drop`; Release pairs with `look`. Acquire, on failure: as in
        // `look`.
        let won = self.chain.compare_exchange(chain, claimed, AcqRel, Acquire);
        // The pointer that the exchange took out, not the one read before: another object may be at that address now.
        let chain = won.ok()?;
        point("slots: claimed");
        let chain = self.witness.exclusive(|| {
            // SAFETY: `Claim::drop` gave up the chain for this pointer, and the exchange has taken it out, once.
            NonNull::new(chain).map(|chain| unsafe { Chain::from_raw(chain) })
        });
        Some(Claim { slot: self, chain })
    }

    #[inline]
    pub(super) fn claim_full(&self) -> Option<Claim<'_>> {
        self.claim(|chain| !chain.is_null())
    }

    #[inline]
    pub(super) fn claim_empty(&self) -> Option<Claim<'_>> {
        self.claim(|chain| chain.is_null())
    }
}

impl Claim<'_> {
    /// Adds a chain in front. Returns it if the sum would be too long.
    #[inline]
    pub(super) fn add(&mut self, chain: Chain) -> Result<(), Chain> {
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

    /// Counts a put of a user. Returns whether it is time to look at the clock.
    #[inline]
    pub(super) fn count_put(&self) -> bool {
        self.slot.puts.add(1);
        self.slot.puts.get() & (SLOT_TICK - 1) == 0
    }

    /// Counts a hit of the slot's processor.
    #[inline]
    pub(crate) fn count_hit(&self) {
        self.slot.hits.add(1);
    }
}

impl Drop for Claim<'_> {
    #[inline]
    fn drop(&mut self) {
        let slot = self.slot;
        let chain = slot.witness.exclusive(|| {
            self.chain.take().map_or(ptr::null_mut(), |chain| {
                slot.measure.set(chain.measure().to_bits());
                chain.into_raw().as_ptr()
            })
        });
        // Release: publishes the chain and the slot's counters.
        slot.chain.store(chain, Release);
    }
}
