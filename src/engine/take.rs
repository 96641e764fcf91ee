//! A get past the fast path: down the ladder until something is found.

use super::Engine;
use super::generation::Side;
use super::held::Held;
use super::object::{Chain, Object};
use super::slots::Claim;
use super::worker::Worker;
use crate::sys::chaos::point;

impl<T> Engine<T> {
    /// Takes an object for a get that the fast path could not serve, and counts what it finds. The error is the
    /// worker's count of puts and misses.
    #[inline]
    pub(crate) fn take(&self) -> Result<Object<T>, u64> {
        match self.take_here(self.workers.here(), || self.workers.enter()) {
            Some(object) => Ok(object),
            None => self.take_elsewhere(),
        }
    }

    /// Takes from the slots of that processor. Half a magazine of what else is in line there goes up, if `enter` closes a
    /// worker.
    #[inline]
    pub(crate) fn take_here<'e>(
        &'e self,
        index: usize,
        enter: impl FnOnce() -> Option<Held<'e, T>>,
    ) -> Option<Object<T>> {
        let mut claim = self.slots.newest(self.generation.primary(), index)?;
        claim.count_hit();
        let (object, rest) = claim.chain.take()?.split();
        self.budget.refund(1, object.weight());
        claim.chain = match rest {
            // What may not be in a magazine stays where it is.
            Some(rest) if self.is_private(object.weight()) => match enter() {
                Some(mut me) => self.refill(&mut me, rest),
                None => Some(rest),
            },
            rest => rest,
        };
        Some(object)
    }

    #[inline(never)]
    fn take_elsewhere(&self) -> Result<Object<T>, u64> {
        let Some(mut me) = self.workers.enter() else {
            let found = self.take_unheld().or_else(|| self.look_again());
            return found.ok_or_else(|| self.ledger.unheld_misses.add(1));
        };
        let found = self.take_as(&mut me);
        let found = found.or_else(|| self.take_from_siblings(&me));
        let found = found.or_else(|| self.look_again());
        found.ok_or_else(|| me.count_miss())
    }

    /// Takes what was on its way at the first look, from a place that was still to be looked at to one that had been.
    #[inline]
    fn look_again(&self) -> Option<Object<T>> {
        let sides = [Side::Even, Side::Odd];
        // What somebody has in hand may be back by then.
        if sides.into_iter().all(|side| self.slots.is_bare(side)) {
            return None;
        }
        self.take_unheld()
    }

    /// Takes from the magazine of this thread's shard, where there are no sequences: a compare-exchange and a
    /// store.
    #[inline]
    pub(crate) fn take_at_hand(&self) -> Option<Object<T>> {
        self.workers.enter_shard()?.pop()
    }

    /// Takes an object as the holder of a worker.
    pub(crate) fn take_as(&self, me: &mut Held<'_, T>) -> Option<Object<T>> {
        if let Some(object) = me.pop() {
            return Some(object);
        }
        if self.cost.is_dear() {
            // A magazine that was just made is open.
            self.shut(me, 0, 0);
        }
        let index = me.worker().index();
        let primary = self.generation.primary();
        let (mut claim, side) = self.oldest(primary, index)?;
        let (object, rest) = claim.chain.take()?.split();
        let is_victim = side != primary;
        let found = if is_victim { &me.worker().victim_hits } else { &me.worker().stolen };
        found.add(1);
        self.budget.refund(1, object.weight());
        claim.chain = match rest {
            // Victims stay victims: what nobody wants is to age.
            Some(rest) if !is_victim && self.is_private(object.weight()) => {
                let rest = self.refill(me, rest);
                rest.and_then(|rest| self.slots.move_to(side, index, rest).err())
            }
            rest => rest,
        };
        Some(object)
    }

    /// Takes an object out of another worker's magazine, where there are no sequences: then any thread may close
    /// any gate that is open.
    pub(crate) fn take_from_siblings(&self, me: &Held<'_, T>) -> Option<Object<T>> {
        let full = |other: &Worker<T>| other.census().0 > 0;
        let object = self.workers.siblings(me.worker(), full).find_map(|other| {
            let object = other.pop()?;
            other.worker().descended.add(1);
            Some(object)
        })?;
        me.worker().stolen.add(1);
        Some(object)
    }

    /// Moves half a magazine of a chain up; what is left of it.
    fn refill(&self, me: &mut Held<'_, T>, chain: Chain<T>) -> Option<Chain<T>> {
        point("engine: refilling");
        if !self.opens(me, 0) {
            return Some(chain);
        }
        let (objects, bytes, rest) = me.push_chain(chain, me.capacity().div_ceil(2));
        me.worker().refills.add(1);
        me.worker().descended.add(objects.wrapping_neg());
        self.budget.refund(objects, bytes);
        rest
    }

    /// Takes an object for a thread that has no worker just now. Counts what it finds.
    pub(crate) fn take_unheld(&self) -> Option<Object<T>> {
        let (mut claim, _) = self.oldest(self.generation.primary(), self.workers.here())?;
        let (object, rest) = claim.chain.take()?.split();
        claim.chain = rest;
        self.ledger.unheld_hits.add(1);
        self.budget.refund(1, object.weight());
        Some(object)
    }

    /// A chain that is no victim, or one that is, from that processor's on.
    fn oldest(&self, primary: Side, index: usize) -> Option<(Claim<'_, T>, Side)> {
        let find = |side| Some((self.slots.oldest(side, index)?, side));
        find(primary).or_else(|| find(primary.other()))
    }
}
