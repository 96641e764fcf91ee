//! What an owner does with its slot's allowance, in a pool with bounds: off the hot path.

use super::Private;
use crate::allowance::Allowance;
use crate::moved::Placed;
use crate::object::Object;

impl<T> Private<T> {
    /// Another try of a [`put`](Self::put) that was refused, with an allowance that the budget has just
    /// raised from `old`. Refused when a collector has changed the allowance in between.
    ///
    /// # Safety
    ///
    /// Owner only, as for [`enter`](Self::enter).
    pub(crate) unsafe fn put_allowed(
        &self,
        object: Object<T>,
        weight: u64,
        old: Allowance,
        new: Allowance,
    ) -> Placed<T> {
        let put = |open: bool| {
            if !open || self.allowance() != old {
                return Placed::Refused(object);
            }
            self.allow(new);
            self.place(object, weight)
        };
        // SAFETY: the caller is the owner.
        unsafe { self.enter(put) }
    }

    /// Sets an allowance that the budget has just raised from `old`. `false` when a collector is here or
    /// has changed it in between.
    ///
    /// # Safety
    ///
    /// Owner only, as for [`enter`](Self::enter).
    pub(crate) unsafe fn raise(&self, old: Allowance, new: Allowance) -> bool {
        let raise = |open: bool| {
            let raises = open && self.allowance() == old;
            if raises {
                self.allow(new);
            }
            raises
        };
        // SAFETY: the caller is the owner.
        unsafe { self.enter(raise) }
    }

    /// Gives back the part of the allowance that nothing in the slot needs: the allowance before, and
    /// now. `None` when a collector is here, or all of it is needed.
    ///
    /// # Safety
    ///
    /// Owner only, as for [`enter`](Self::enter).
    pub(crate) unsafe fn shrink(&self) -> Option<(Allowance, Allowance)> {
        let shrink = |open: bool| {
            let (old, (objects, bytes)) = (self.allowance(), self.census());
            if !open || (old.objects(), old.bytes()) == (objects, bytes) {
                return None;
            }
            let new = match objects {
                0 => Allowance::NOTHING,
                _ => Allowance::new(objects, bytes),
            };
            self.allow(new);
            Some((old, new))
        };
        // SAFETY: the caller is the owner.
        unsafe { self.enter(shrink) }
    }
}
