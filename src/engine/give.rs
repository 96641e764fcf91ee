//! A put that the fast path could not serve: into the magazine, a slot, or nowhere if a bound is reached.

use super::{AnyObject, Batch, Chain, Engine, Held, Side, Worker};
use crate::sys::magazine::{self, COUNTED, NOTED};
use crate::sys::point;
use crate::sys::scale::TICK;

/// What a put has done, apart from the objects that it refused. It has two words, so that it is passed in registers.
#[derive(Clone, Copy)]
pub(crate) struct PutResult {
    /// How many objects went to slots.
    pub(crate) down: usize,
    /// Whether it is time to look at the clock.
    pub(crate) ticks: bool,
}

impl Engine {
    /// Keeps an object. An object without room goes to `refused`; the caller drops and counts it.
    #[inline]
    pub(crate) fn give(&self, object: AnyObject, weight: u64, refused: &mut Batch) -> PutResult {
        if !self.is_private(weight) && self.budget.charge(1, weight) {
            return self.give_here(self.workers.here(), object.weighing(weight));
        }
        self.give_to_worker(object, weight, refused)
    }

    #[inline(never)]
    fn give_to_worker(&self, object: AnyObject, weight: u64, refused: &mut Batch) -> PutResult {
        match self.workers.enter() {
            Some(mut me) => self.give_as(&mut me, object, weight, refused),
            None => self.give_unheld(object.weighing(weight), refused),
        }
    }

    /// Whether an object of this weight may be in a magazine at all.
    #[inline]
    pub(crate) fn is_private(&self, weight: u64) -> bool {
        weight <= self.share.bytes && self.share.objects > 0 && !self.cost.is_expensive()
    }

    /// Puts an object, which was charged, into a slot of this processor.
    #[inline]
    pub(crate) fn give_here(&self, index: usize, object: AnyObject) -> PutResult {
        let ticks = self.slots.put(self.generation.primary(), index, Chain::of(object));
        PutResult { down: 1, ticks }
    }

    /// Pushes onto the magazine of this thread's shard and counts the put, by a compare-exchange and a few stores. Only
    /// where there are no sequences. Returns the count, or the object if the magazine cannot take it.
    #[inline]
    pub(crate) fn give_at_hand(&self, object: AnyObject, weight: u64) -> Result<u64, AnyObject> {
        match self.workers.enter_shard() {
            Some(me) => me.push(object, weight, COUNTED).map(magazine::count),
            None => Err(object),
        }
    }

    /// Counts a put and keeps the object: in the magazine, whose older half makes room, or in slots. An object without
    /// room goes to `refused`.
    pub(crate) fn give_as(
        &self,
        me: &mut Held<'_>,
        object: AnyObject,
        weight: u64,
        refused: &mut Batch,
    ) -> PutResult {
        let mut given = PutResult { down: 0, ticks: me.count_put() & (TICK - 1) == 0 };
        let mut object = object;
        while self.admits(me, weight) {
            match me.push(object, weight, 0) {
                Ok(_) => return given,
                Err(back) => object = back,
            }
            // The older half makes room.
            let half = me.len().div_ceil(2);
            let Some(chain) = me.take_oldest(half) else {
                break;
            };
            given.down += self.spill(me, chain, refused);
        }
        given.down += self.spill(me, Chain::of(object.weighing(weight)), refused);
        given
    }

    /// Whether the magazine may hold an object of this weight. Reserves the magazine's share if it has none. Flushes a
    /// magazine that may hold nothing any more.
    pub(super) fn admits(&self, me: &mut Held<'_>, weight: u64) -> bool {
        if self.cost.is_expensive() {
            self.flush(me, self.generation.primary());
            return false;
        }
        if weight > self.share.bytes || self.share.objects == 0 {
            return false;
        }
        if me.capacity() == 0 && self.budget.reserve(self.share) {
            me.set_capacity(self.share.objects as u32);
        }
        me.capacity() > 0
    }

    /// Moves the magazine's objects to slots, closes it to new ones, and returns its share to the budget.
    pub(super) fn flush(&self, me: &mut Held<'_>, side: Side) {
        let (mut objects, mut bytes) = (0, 0);
        if let Some(chain) = me.take_oldest(usize::MAX) {
            (objects, bytes) = (chain.len(), chain.weight());
            self.push_down(side, me, chain);
        }
        self.release_share(me, objects, bytes);
    }

    /// Takes the magazine's objects, closes it to new ones, and returns its share to the budget.
    pub(super) fn drain_magazine(&self, me: &mut Held<'_>) -> Option<Chain> {
        let chain = me.take_oldest(usize::MAX);
        self.release_share(me, 0, 0);
        chain
    }

    /// Closes an empty magazine to new objects and returns its share to the budget. The objects that it held, with these
    /// bytes, stay charged.
    pub(super) fn release_share(&self, me: &mut Held<'_>, objects: u64, bytes: u64) {
        if me.capacity() > 0 && (!self.budget.is_unbounded() || self.cost.is_expensive()) {
            // In this order: a child that is forked in between loses the share, and does not return it twice.
            me.set_capacity(0);
            self.budget.release(self.share, objects, bytes);
        }
    }

    /// Adds a chain from a magazine to the slots of its processor. Its objects are charged, one by one or by the
    /// magazine's share.
    pub(super) fn push_down(&self, side: Side, me: &Held<'_>, chain: Chain) {
        me.worker().spilled.add(chain.len());
        self.slots.add(side, me.worker().index(), chain);
    }

    /// Moves a chain from the magazine to slots, as far as the budget allows. Returns the number of objects.
    fn spill(&self, me: &mut Held<'_>, chain: Chain, refused: &mut Batch) -> usize {
        point("engine: going down");
        let objects = chain.len();
        if self.charge_down(me, &chain) {
            self.push_down(self.generation.primary(), me, chain);
        } else {
            self.spill_one_by_one(me, chain, refused);
        }
        objects as usize
    }

    /// Charges for a chain that goes to slots. If there is no room, the magazine first returns its share: from then on
    /// its objects are charged one by one.
    fn charge_down(&self, me: &mut Held<'_>, chain: &Chain) -> bool {
        let (objects, bytes) = (chain.len(), chain.weight());
        if self.budget.charge(objects, bytes) {
            return true;
        }
        // The share covers the chain too: it was in this magazine.
        self.flush(me, self.generation.primary());
        if self.budget.charge(objects, bytes) {
            return true;
        }
        // Without sequences any thread may close any gate, so other magazines can return their shares too.
        let mut others = self.workers.siblings(me.worker().index(), Worker::is_open);
        others.any(|mut other| {
            self.flush(&mut other, self.generation.primary());
            self.budget.charge(objects, bytes)
        })
    }

    /// Keeps as many objects of a chain as there is room for.
    fn spill_one_by_one(&self, me: &Held<'_>, chain: Chain, refused: &mut Batch) {
        let mut rest = Some(chain);
        while let Some(chain) = rest.take() {
            let (object, others) = chain.split();
            rest = others;
            if self.budget.charge(1, object.weight()) {
                self.push_down(self.generation.primary(), me, Chain::of(object));
            } else {
                me.worker().spilled.add(1);
                self.counters.refused_by_workers.add(1);
                refused.add(Chain::of(object));
            }
        }
    }

    /// Keeps the magazine's count, which is `count` now, from overflowing. Flushes the magazine if objects are expensive.
    pub(crate) fn maintain(&self, count: u64) {
        let expensive = self.cost.is_expensive();
        if count >= NOTED || expensive {
            if let Some(mut me) = self.workers.enter() {
                me.note_count();
                if expensive {
                    self.flush(&mut me, self.generation.primary());
                }
            }
        }
    }

    /// Keeps an object for a thread that could not close a worker.
    pub(crate) fn give_unheld(&self, object: AnyObject, refused: &mut Batch) -> PutResult {
        if self.budget.charge(1, object.weight()) {
            return self.give_here(self.workers.here(), object);
        }
        refused.add(Chain::of(object));
        PutResult { down: 1, ticks: false }
    }
}
