//! A get past the fast path: down the ladder until something is found.

use super::Engine;
use super::generation::Side;
use super::held::{Held, Outcome};
use super::object::{Chain, Object};
use super::worker::Worker;
use crate::sys::chaos::point;

impl<T> Engine<T> {
    /// Takes an object for a get that the fast path could not serve, and counts what it finds. The error is the
    /// worker's count of puts and misses.
    #[inline]
    pub(crate) fn take(&self) -> Result<Object<T>, u64> {
        if let Some(object) = self.take_past(self.workers.here()) {
            return Ok(object);
        }
        self.take_from_workers()
    }

    #[inline(never)]
    fn take_from_workers(&self) -> Result<Object<T>, u64> {
        let Some(mut me) = self.workers.enter() else {
            let found = self.take_shared().or_else(|| self.look_again());
            return found.ok_or_else(|| self.ledger.shared_misses.add(1));
        };
        let found = self.take_as(&mut me);
        let found = found.or_else(|| self.take_from_siblings(&me));
        let found = found.or_else(|| self.look_again());
        found.ok_or_else(|| me.count_miss())
    }

    /// Takes an object out of a slot of that processor.
    #[inline]
    pub(crate) fn take_past(&self, index: usize) -> Option<Object<T>> {
        let object = self.slots.take(self.generation.primary(), index)?;
        self.budget.refund(1, object.weight());
        Some(object)
    }

    /// Takes what was on its way at the first look, from a place that was still to be looked at to one that had been.
    #[inline]
    fn look_again(&self) -> Option<Object<T>> {
        let sides = [Side::Even, Side::Odd];
        let nothing = |side| {
            self.workers.is_empty(side) && self.slots.is_empty(side) && self.shared.is_empty(side)
        };
        if sides.into_iter().all(nothing) {
            return None;
        }
        self.take_shared()
    }

    /// Takes from the magazine of this thread's shard, where there are no sequences: a compare-exchange and a
    /// store.
    #[inline]
    pub(crate) fn take_at_hand(&self) -> Option<Object<T>> {
        self.workers.enter_shard()?.pop()
    }

    /// The same as the holder of a worker.
    pub(crate) fn take_as(&self, me: &mut Held<'_, T>) -> Option<Object<T>> {
        if let Some(object) = me.pop() {
            return Some(object);
        }
        if self.cost.is_dear() {
            // A magazine that was just made is open.
            self.vacate(me);
        }
        let primary = self.generation.primary();
        let victim = primary.other();
        let here = me.worker().index();
        let random = (me.worker().arrivals() ^ here as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let (chain, outcome) = me
            .pop_below(primary)
            .map(|chain| (chain, Outcome::Local))
            .or_else(|| {
                let stolen = self.steal(primary, random, here);
                stolen.map(|chain| (chain, Outcome::Stolen))
            })
            .or_else(|| {
                let own = me.pop_below(victim);
                let found = own.or_else(|| self.steal(victim, random, here));
                found.map(|chain| (chain, Outcome::Victim))
            })?;
        let (object, rest) = chain.split();
        me.count_get(outcome);
        self.subtract_deep(me, object.weight());
        self.budget.refund(1, object.weight());
        match (outcome, rest) {
            (Outcome::Local | Outcome::Stolen, Some(rest)) => self.refill(me, rest),
            // Victims stay victims: what nobody wants is to age.
            (Outcome::Victim, Some(rest)) => self.push_below(me, victim, rest),
            (_, None) => {}
        }
        Some(object)
    }

    /// Takes an object out of another worker's magazine, where there are no sequences: then any thread may close
    /// any gate that is open.
    pub(crate) fn take_from_siblings(&self, me: &Held<'_, T>) -> Option<Object<T>> {
        let full = |other: &Worker<T>| other.census().0 > 0;
        let object = self.workers.siblings(me.worker(), full).find_map(|other| {
            let object = other.pop()?;
            other.count_descent(1);
            Some(object)
        })?;
        me.count_get(Outcome::Stolen);
        Some(object)
    }

    /// Moves a chain up into the empty magazine, as far as it fits there.
    fn refill(&self, me: &mut Held<'_, T>, chain: Chain<T>) {
        point("engine: refilling");
        let rest = if self.opens(me, 0) {
            let (objects, bytes, rest) = me.push_chain(chain);
            me.count_ascent(objects);
            self.subtract_deep(me, bytes);
            self.budget.refund(objects, bytes);
            rest
        } else {
            Some(chain)
        };
        if let Some(rest) = rest {
            self.push_below(me, self.generation.primary(), rest);
        }
    }

    /// Takes an object for a thread that has no worker just now. Counts what it finds.
    pub(crate) fn take_shared(&self) -> Option<Object<T>> {
        let random = self.ledger.shared_hits.get();
        let random = random.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        // What this processor has put there last is warm.
        let here = self.workers.here();
        let mut side = self.generation.primary();
        let found = self.steal(side, random, here).or_else(|| {
            side = side.other();
            self.steal(side, random, here)
        });
        let (object, rest) = found?.split();
        if let Some(rest) = rest {
            self.shared.push(side, here, rest);
        }
        self.ledger.shared_hits.add(1);
        self.ledger.subtract_deep(object.weight());
        self.budget.refund(1, object.weight());
        Some(object)
    }

    /// The oldest chain of some worker's deque, or one of the slots or of the shared store.
    fn steal(&self, side: Side, random: u64, whose: usize) -> Option<Chain<T>> {
        // No pin of ours: each steal pins for itself, and most misses find no deque to ask.
        self.workers
            .steal(side, random)
            .or_else(|| self.steal_open(side, whose))
    }

    /// An object of a slot, booked as if it had been in the shared store; or a chain that is there.
    pub(super) fn steal_open(&self, side: Side, whose: usize) -> Option<Chain<T>> {
        match self.slots.steal(side, whose) {
            Some(object) => {
                self.ledger.add_deep(object.weight());
                Some(Chain::of(object))
            }
            None => self.shared.steal(side, whose),
        }
    }
}
