//! The collector's side of the hand-off: claim, heavy fence, seize, release.

use super::Private;
use crate::allowance::Allowance;
use crate::moved::Seized;
use crate::object::{Chain, Measure};
use crate::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use crate::sync::chaos::point;
use std::ptr::NonNull;

impl<T> Private<T> {
    /// First half of the collector's side: claims the slot. `false`: another collector has it.
    ///
    /// After a claim come a heavy fence, [`seize`](Self::seize) and [`release`](Self::release).
    pub(crate) fn claim(&self) -> bool {
        // Acquire: pairs with the Release in `release`; the previous collector's use is over.
        self.claim.compare_exchange(0, 1, Acquire, Relaxed).is_ok()
    }

    /// Second half: takes what is in the slot, and the allowance if `reclaim`, unless the owner is
    /// inside, or `still` is given and something has come since there were so many arrivals.
    ///
    /// # Safety
    ///
    /// The caller claimed the slot with [`claim`](Self::claim), then made a heavy fence that
    /// succeeded, and has not released the claim.
    pub(crate) unsafe fn seize(&self, still: Option<u32>, reclaim: bool) -> Option<Seized<T>> {
        if self.is_inside() || still.is_some_and(|still| still != self.arrivals() as u32) {
            return None;
        }
        // The slot is ours until the claim is released.
        point("slot: seizing");
        let seized = self.clear_out(reclaim);
        point("slot: seized");
        Some(seized)
    }

    /// Second half: takes all but the newest object and, if `reclaim`, the allowance but for one like
    /// it, unless the owner is inside. An empty slot keeps room for one of average weight.
    ///
    /// # Safety
    ///
    /// As for [`seize`](Self::seize).
    pub(crate) unsafe fn seize_tail(&self, reclaim: bool) -> Option<Seized<T>> {
        if self.is_inside() {
            return None;
        }
        self.witness.exclusive(|| {
            // Relaxed: the slot is ours until the claim is released.
            let head = NonNull::new(self.head.load(Relaxed));
            let (weight, tail) = match head {
                None => (None, None),
                Some(head) => {
                    // SAFETY: `head` owns its chain; `hold` overwrites it.
                    let chain = unsafe { Chain::from_raw(head) }.measuring(self.measure());
                    let (newest, tail) = chain.split();
                    let weight = newest.weight();
                    self.hold(Chain::of(newest), Measure::new(weight, 1));
                    (Some(weight), tail)
                }
            };
            let old = self.allowance();
            let lent = (reclaim && old != Allowance::NOTHING).then(|| {
                let rest = Allowance::new(1, weight.unwrap_or(old.bytes() / old.objects()));
                self.allow(rest);
                // At least what the tail was covered by.
                old.beyond(rest)
            });
            Some(Seized { chain: tail, lent })
        })
    }

    /// Gives the slot back to its owner. Only for who has claimed it.
    pub(crate) fn release(&self) {
        // Release: pairs with the Acquire loads in `enter` and `claim`.
        self.claim.store(0, Release);
    }
}
