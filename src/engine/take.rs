//! A get past the fast path: down the ladder until something is found.

use super::Engine;
use super::generation::Side;
use super::held::Held;
use super::object::{Chain, Object};
use super::worker::Worker;
use crate::sys::chaos::point;

impl<T> Engine<T> {
    /// Takes an object for a get that the fast path could not serve, and counts what it finds.
    #[inline]
    pub(crate) fn take(&self) -> Option<Object<T>> {
        let index = self.workers.here();
        let found = self.take_here(index, || self.workers.enter());
        found.or_else(|| self.take_elsewhere(index))
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
    fn take_elsewhere(&self, index: usize) -> Option<Object<T>> {
        let found = self.steal(index, || self.workers.enter());
        let found = found.or_else(|| self.take_from_siblings(index));
        found.or_else(|| self.look_again(index))
    }

    /// Takes what was on its way at the first look, from a place that was still to be looked at to one that had been.
    #[inline]
    fn look_again(&self, index: usize) -> Option<Object<T>> {
        let sides = [Side::Even, Side::Odd];
        // What somebody has in hand may be back by then.
        if sides.into_iter().all(|side| self.slots.is_bare(side)) {
            return None;
        }
        self.steal(index, || None)
    }

    /// Takes from the magazine of this thread's shard, where there are no sequences: a compare-exchange and a
    /// store.
    #[inline]
    pub(crate) fn take_at_hand(&self) -> Option<Object<T>> {
        self.workers.enter_shard()?.pop()
    }

    /// Takes the oldest chain's first object, from the slots of that processor on; from the victims if there is no other. Half
    /// a magazine of what else is in line there goes up, if `enter` closes a worker, and the rest comes along.
    pub(crate) fn steal<'e>(
        &'e self,
        index: usize,
        enter: impl FnOnce() -> Option<Held<'e, T>>,
    ) -> Option<Object<T>> {
        let primary = self.generation.primary();
        let find = |side| Some((self.slots.oldest(side, index)?, side));
        let (mut claim, side) = find(primary).or_else(|| find(primary.other()))?;
        let (object, rest) = claim.chain.take()?.split();
        let is_victim = side != primary;
        self.budget.refund(1, object.weight());
        claim.chain = match rest {
            // Victims stay victims: what nobody wants is to age.
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

    /// Takes an object out of any worker's magazine, where there are no sequences: then any thread may close any gate that is
    /// open.
    pub(crate) fn take_from_siblings(&self, index: usize) -> Option<Object<T>> {
        let full = |other: &Worker<T>| other.census().0 > 0;
        let object = self.workers.siblings(index, full).find_map(|other| {
            let object = other.pop()?;
            other.worker().spilled.add(1);
            Some(object)
        })?;
        self.counter(index).stolen.add(1);
        Some(object)
    }

    /// Moves half a magazine of a chain up; what is left of it.
    fn refill(&self, me: &mut Held<'_, T>, chain: Chain<T>) -> Option<Chain<T>> {
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
