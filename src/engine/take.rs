//! A get that the fast path could not serve: steps 2 to 5 of a [get](super).

use super::{AnyObject, Chain, Engine, Held, Side, Worker};
use crate::sys::point;

impl Engine {
    /// Takes an object from a slot, or from a sibling's magazine, and counts where it came from.
    #[inline]
    pub(crate) fn take(&self) -> Option<AnyObject> {
        let index = self.workers.here();
        let found = self.take_here(index, || self.workers.enter());
        found.or_else(|| self.take_elsewhere(index))
    }

    /// Takes an object from the slots of this processor. Half a magazine of the rest of its chain refills the worker that
    /// `enter` closes.
    #[inline]
    pub(crate) fn take_here<'e>(
        &'e self,
        index: usize,
        enter: impl FnOnce() -> Option<Held<'e>>,
    ) -> Option<AnyObject> {
        let mut claim = self.slots.newest(self.generation.primary(), index)?;
        claim.count_hit();
        let (object, rest) = claim.chain.take()?.split();
        self.budget.refund(1, object.weight());
        claim.chain = match rest {
            // Objects that may not be in a magazine stay in the slot.
            Some(rest) if self.is_private(object.weight()) => match enter() {
                Some(mut me) => self.refill(&mut me, rest),
                None => Some(rest),
            },
            rest => rest,
        };
        Some(object)
    }

    #[inline(never)]
    fn take_elsewhere(&self, index: usize) -> Option<AnyObject> {
        let found = self.steal(index, || self.workers.enter());
        let found = found.or_else(|| self.take_from_siblings(index));
        found.or_else(|| self.look_again(index))
    }

    /// Steals once more. An object may have moved during the first search, from a slot not yet read to one already read.
    #[inline]
    fn look_again(&self, index: usize) -> Option<AnyObject> {
        let sides = [Side::Even, Side::Odd];
        // A claimed slot counts as full: its thread may put objects back.
        if sides.into_iter().all(|side| self.slots.is_bare(side)) {
            return None;
        }
        self.steal(index, || None)
    }

    /// Pops from the magazine of this thread's shard, by a compare-exchange and a store. Only where there are no
    /// sequences.
    #[inline]
    pub(crate) fn take_at_hand(&self) -> Option<AnyObject> {
        self.workers.enter_shard()?.pop()
    }

    /// Takes the first object of the oldest chain, of any processor from this one on. Takes a victim if there is no
    /// primary. Half a magazine of a primary chain's rest refills the worker that `enter` closes. What is left then
    /// moves to that worker's slots.
    pub(crate) fn steal<'e>(
        &'e self,
        index: usize,
        enter: impl FnOnce() -> Option<Held<'e>>,
    ) -> Option<AnyObject> {
        let primary = self.generation.primary();
        let find = |side| Some((self.slots.oldest(side, index)?, side));
        let (mut claim, side) = find(primary).or_else(|| find(primary.other()))?;
        let (object, rest) = claim.chain.take()?.split();
        let is_victim = side != primary;
        self.budget.refund(1, object.weight());
        claim.chain = match rest {
            // Victims stay victims, so that they age out if nobody takes them.
            Some(rest) if !is_victim && self.is_private(object.weight()) => match enter() {
                Some(mut me) => {
                    let rest = self.refill(&mut me, rest);
                    let index = me.worker().index();
                    rest.and_then(|rest| self.slots.move_to(side, index, rest).err())
                }
                None => Some(rest),
            },
            rest => rest,
        };
        drop(claim);
        let me = self.counter(index);
        let found = if is_victim { &me.victim_hits } else { &me.stolen };
        found.add(1);
        Some(object)
    }

    /// Pops from the magazine of any worker. Only where there are no sequences: then any thread may close any open gate.
    pub(crate) fn take_from_siblings(&self, index: usize) -> Option<AnyObject> {
        let full = |other: &Worker| other.census().0 > 0;
        let object = self.workers.siblings(index, full).find_map(|other| {
            let object = other.pop()?;
            other.worker().spilled.add(1);
            Some(object)
        })?;
        self.counter(index).stolen.add(1);
        Some(object)
    }

    /// Moves half a magazine of a chain to the magazine. Returns the rest of the chain.
    fn refill(&self, me: &mut Held<'_>, chain: Chain) -> Option<Chain> {
        point("engine: refilling");
        if !self.admits(me, 0) {
            return Some(chain);
        }
        let (objects, bytes, rest) = me.push_chain(chain, me.capacity().div_ceil(2));
        me.worker().refills.add(1);
        me.worker().spilled.add(objects.wrapping_neg());
        self.budget.refund(objects, bytes);
        rest
    }
}
