//! A put past the fast path: to the first room there is.

use super::Engine;
use super::batch::Batch;
use super::generation::Side;
use super::held::Held;
use super::object::{Chain, Object};
use super::worker::Worker;
use crate::sys::chaos::point;
use crate::sys::magazine::NOTED;
use crate::sys::scale::TICK;

/// What became of a put, but for what it refused. Two words, so that it is passed in registers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Given {
    /// Objects that went below the magazine.
    pub(crate) down: usize,
    /// Whether it is time to look at the clock.
    pub(crate) ticks: bool,
}

impl<T> Engine<T> {
    /// Keeps an object that the fast path could not. What finds no room goes to `refused`; the caller counts what
    /// it drops.
    #[inline]
    pub(crate) fn give(&self, object: Object<T>, weight: u64, refused: &mut Batch<T>) -> Given {
        if !self.is_private(weight) && self.budget.charge(1, weight) {
            return self.give_past(self.workers.here(), object, weight);
        }
        self.give_to_worker(object, weight, refused)
    }

    #[inline(never)]
    fn give_to_worker(&self, object: Object<T>, weight: u64, refused: &mut Batch<T>) -> Given {
        match self.workers.enter() {
            Some(mut me) => self.give_as(&mut me, object, weight, refused),
            None => self.give_shared(object.weighing(weight), refused),
        }
    }

    /// Whether an object of this weight may be in a magazine at all.
    #[inline]
    pub(crate) fn is_private(&self, weight: u64) -> bool {
        weight <= self.share.bytes && self.share.objects > 0 && !self.cost.is_dear()
    }

    /// Keeps an object that was charged in a slot of that processor, or in the shared store when they are full.
    #[inline]
    pub(crate) fn give_past(&self, index: usize, object: Object<T>, weight: u64) -> Given {
        let side = self.generation.primary();
        let ticks = match self.slots.put(side, index, object, weight) {
            Ok(ticks) => ticks,
            Err(object) => self.push_shared(side, index, object.weighing(weight)),
        };
        Given { down: 1, ticks }
    }

    /// Puts into the magazine of this thread's shard, where there are no sequences, and counts it: a
    /// compare-exchange and a few stores. The count; gives the object back if that cannot be done.
    #[inline]
    pub(crate) fn give_at_hand(&self, object: Object<T>, weight: u64) -> Result<u64, Object<T>> {
        match self.workers.enter_shard() {
            Some(me) => me.push_counted(object, weight),
            None => Err(object),
        }
    }

    /// The same as the holder of a worker.
    pub(crate) fn give_as(
        &self,
        me: &mut Held<'_, T>,
        object: Object<T>,
        weight: u64,
        refused: &mut Batch<T>,
    ) -> Given {
        let mut given = Given {
            down: 0,
            ticks: me.count_put() & (TICK - 1) == 0,
        };
        let mut object = object;
        while self.opens(me, weight) {
            match me.push(object, weight) {
                Ok(()) => return given,
                Err(back) => object = back,
            }
            // What it held longest makes room, half of it if that will do.
            let half = me.len().div_ceil(2);
            let Some(chain) = me.take_oldest(half) else {
                break;
            };
            given.down += self.descend(me, chain, refused);
        }
        given.down += self.descend(me, Chain::of(object.weighing(weight)), refused);
        given
    }

    /// Whether the magazine may hold an object of this weight: its share is reserved, now if not before. A
    /// magazine that may hold nothing any more is emptied.
    pub(super) fn opens(&self, me: &mut Held<'_, T>, weight: u64) -> bool {
        if self.cost.is_dear() {
            self.vacate(me);
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

    /// Moves what is in the magazine down, and gives its share back to the budget.
    pub(super) fn vacate(&self, me: &mut Held<'_, T>) {
        if let Some(chain) = self.take_out(me, true) {
            me.count_descent(chain.len());
            self.add_deep(me, chain.weight());
            self.push_below(me, self.generation.primary(), chain);
        }
    }

    /// Takes everything out of a magazine. What it was is not booked yet; if `keeps`, it stays charged.
    pub(super) fn take_out(&self, me: &mut Held<'_, T>, keeps: bool) -> Option<Chain<T>> {
        let chain = me.take_oldest(usize::MAX);
        if me.capacity() > 0 && (!self.budget.is_unbounded() || self.cost.is_dear()) {
            let kept = chain.as_ref().filter(|_| keeps);
            let (objects, bytes) = kept.map_or((0, 0), |chain| (chain.len(), chain.weight()));
            // In this order: who is forked in between loses room, and does not give it back twice.
            me.set_capacity(0);
            self.budget.release(self.share, objects, bytes);
        }
        chain
    }

    /// What did not stay in the magazine goes one down, if the budget allows; how many objects.
    fn descend(&self, me: &mut Held<'_, T>, chain: Chain<T>, refused: &mut Batch<T>) -> usize {
        point("engine: going down");
        let objects = chain.len();
        me.count_descent(objects);
        if !self.charge_down(me, &chain) {
            self.descend_one_by_one(me, chain, refused);
            return objects as usize;
        }
        point("engine: charged");
        self.add_deep(me, chain.weight());
        self.push_below(me, self.generation.primary(), chain);
        objects as usize
    }

    /// Charges for a chain that goes down. Before it is refused, the magazine gives back its share: what it
    /// holds is charged by itself then.
    fn charge_down(&self, me: &mut Held<'_, T>, chain: &Chain<T>) -> bool {
        let (objects, bytes) = (chain.len(), chain.weight());
        if self.budget.charge(objects, bytes) {
            return true;
        }
        // The magazine's older part has its room, being in hand just now.
        self.vacate(me);
        if self.budget.charge(objects, bytes) {
            return true;
        }
        // Where any thread may close any gate, other magazines have room to give back, too.
        let open = |other: &Worker<T>| other.capacity() > Some(0);
        let mut others = self.workers.siblings(me.worker(), open);
        others.any(|mut other| {
            self.vacate(&mut other);
            self.budget.charge(objects, bytes)
        })
    }

    /// Of a chain for which there is no room as a whole, keeps what there is room for.
    fn descend_one_by_one(&self, me: &Held<'_, T>, chain: Chain<T>, refused: &mut Batch<T>) {
        let mut rest = Some(chain);
        let before = refused.len();
        while let Some(chain) = rest.take() {
            let (object, others) = chain.split();
            rest = others;
            if self.budget.charge(1, object.weight()) {
                self.add_deep(me, object.weight());
                self.push_below(me, self.generation.primary(), Chain::of(object));
            } else {
                refused.add(Chain::of(object));
            }
        }
        let refused = refused.len() - before;
        self.ledger.refused_by_workers.add(refused as u64);
    }

    pub(super) fn push_below(&self, me: &Held<'_, T>, side: Side, chain: Chain<T>) {
        match me.push_below(side, chain) {
            Ok(()) => self.workers.announce(me.worker(), side),
            Err(chain) => self.shared.push(side, me.worker().index(), chain),
        }
    }

    /// Sees to it that a magazine's count, which has come so far, does not overflow, and that it holds nothing
    /// dear.
    pub(crate) fn look_after(&self, count: u64) {
        let dear = self.cost.is_dear();
        if count >= NOTED || dear {
            if let Some(mut me) = self.workers.enter() {
                me.note_count();
                if dear {
                    self.vacate(&mut me);
                }
            }
        }
    }

    /// Keeps an object of a thread that has no worker just now.
    pub(crate) fn give_shared(&self, object: Object<T>, refused: &mut Batch<T>) -> Given {
        let mut given = Given {
            down: 1,
            ticks: false,
        };
        if self.budget.charge(1, object.weight()) {
            let side = self.generation.primary();
            given.ticks = self.push_shared(side, self.workers.here(), object);
        } else {
            refused.add(Chain::of(object));
        }
        given
    }

    /// Puts an object that was charged into the shared store; whether it is time to look at the clock.
    fn push_shared(&self, side: Side, index: usize, object: Object<T>) -> bool {
        let puts = self.ledger.shared_puts.add(1);
        self.ledger.add_deep(object.weight());
        self.shared.push(side, index, Chain::of(object));
        puts & (TICK - 1) == 0
    }
}
