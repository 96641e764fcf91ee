//! What happens to one object on its way out of a pool and back in.
//!
//! Out: take one from the engine, or create one. In: recycle it, judge it, give it to the engine.
//! Everything of the user's runs here, while the object is in hand and the engine is in the middle
//! of nothing: each callback may use the pool again, and may panic. Then the object is dropped by
//! the unwinding, and counted.
//!
//! A hit touches the thread's worker and the object, nothing else; whatever leaves that path is
//! in a function of its own.

use crate::background;
use crate::batch::Batch;
use crate::guard::Guard;
use crate::interior::{Payload, bury, first_of, go_on};
use crate::moved::{Placed, Turn};
use crate::object::Object;
use crate::policy::Policy;
use crate::pool::Pool;
use crate::tally::Fate;
use crate::worker::Owner;
use std::convert::Infallible;
use std::thread;
use std::time::Instant;

impl<T: Send + 'static, P: Policy<T>> Pool<T, P> {
    /// Recycles, judges, and keeps or drops an object that comes back.
    ///
    /// Small, so that it becomes a part of whoever drops a guard, and the guard need not exist in
    /// memory.
    #[inline]
    pub(crate) fn give_back(&self, object: Object<T>) {
        if thread::panicking() {
            return self.discard(object, Fate::Panicked);
        }
        self.judge(object);
    }

    /// The rest of a [`give_back`](Self::give_back): one call, without a stack frame on a hit.
    #[inline(never)]
    fn judge(&self, object: Object<T>) {
        if self.settings.max_idle == 0 {
            return self.discard(object, Fate::Disabled);
        }
        let mut judged = Judged {
            pool: self,
            object: Some(object),
            fate: Fate::Panicked,
        };
        let Some(object) = &mut judged.object else {
            return;
        };
        if !self.policy.recycle(object.value_mut()) {
            judged.fate = Fate::Refused;
            return;
        }
        let bytes = self.policy.footprint(object.value());
        if bytes > self.settings.max_object_bytes {
            judged.fate = Fate::TooBig;
            return;
        }
        if let Some(object) = judged.object.take() {
            self.keep(object, bytes as u64);
        }
    }

    /// Drops an object that was not kept, and counts it.
    #[cold]
    #[inline(never)]
    pub(crate) fn discard(&self, object: Object<T>, fate: Fate) {
        self.count(fate, 1);
        drop(object);
    }

    /// Counts an object from outside.
    pub(crate) fn adopt(&self) {
        self.count(Fate::Adopted, 1);
        background::stir();
    }

    /// Counts what has become of objects in this thread's hands.
    pub(crate) fn count(&self, fate: Fate, objects: u64) {
        let engine = &self.interior().engine;
        engine.count(self.link.seated_owner(), fate, objects);
    }

    /// Gives an object to the engine, and ages the pool when it is time. `false`: it, or one in its
    /// place, found no room and was dropped.
    #[inline]
    pub(crate) fn keep(&self, object: Object<T>, weight: u64) -> bool {
        let Some(me) = self
            .link
            .owner()
            .filter(|me| me.worker().private.is_empty())
        else {
            return self.keep_on_top(object, weight);
        };
        match me.put_private_first(object, weight) {
            (Placed::Kept, turn) if !turn.is_tick() => true,
            (placed, turn) => self.keep_slowly(me, placed, weight, turn),
        }
    }

    /// A [`keep`](Self::keep) into a private slot that holds something already: one of several that
    /// the thread held at once. A function of its own, for the sake of the other's registers.
    #[inline(never)]
    fn keep_on_top(&self, object: Object<T>, weight: u64) -> bool {
        let Some(me) = self.link.owner() else {
            return self.keep_joining(object, weight);
        };
        match me.put_private(object, weight) {
            (Placed::Kept, turn) if !turn.is_tick() => true,
            (placed, turn) => self.keep_slowly(me, placed, weight, turn),
        }
    }

    /// The rest of a [`keep`](Self::keep) that went past the private slot, or is due for a tick.
    #[cold]
    #[inline(never)]
    fn keep_slowly(&self, me: Owner<'_, T>, placed: Placed<T>, weight: u64, turn: Turn) -> bool {
        let interior = self.interior();
        let down = match &placed {
            Placed::Displaced(chain) => chain.len() as usize,
            Placed::Kept | Placed::Refused(_) => 1,
        };
        let refused = interior.engine.settle(me, placed, weight).err();
        let (kept, end) = refused.map_or((true, Ok(())), |refused| self.overflow(refused));
        let end = first_of(end, interior.advance(2 * down));
        let end = if turn.is_tick() {
            first_of(end, interior.tick())
        } else {
            end
        };
        end.unwrap_or_else(go_on);
        kept
    }

    /// What found no room: is kept after all if others make some, or dropped and counted. Whether all
    /// is kept.
    fn overflow(&self, refused: Batch<T>) -> (bool, Result<(), Payload>) {
        let (left, end) = self.interior().make_room(refused);
        let kept = left.len() == 0;
        if !kept {
            self.count(Fate::Overflowed, left.len() as u64);
        }
        (kept, first_of(end, bury(left)))
    }

    #[cold]
    #[inline(never)]
    fn keep_joining(&self, object: Object<T>, weight: u64) -> bool {
        let interior = self.interior();
        match self.link.join() {
            Some(me) => {
                let (placed, turn) = me.put_private(object, weight);
                self.keep_slowly(me, placed, weight, turn)
            }
            None => {
                let given = interior.engine.give_ownerless(object.weighing(weight));
                let refused = given.err().map(Batch::of);
                let (kept, end) = refused.map_or((true, Ok(())), |refused| self.overflow(refused));
                end.unwrap_or_else(go_on);
                kept
            }
        }
    }

    /// Takes an idle object, or boxes a new one.
    #[inline]
    pub(crate) fn take_or(&self, create: impl FnOnce() -> T) -> Object<T> {
        match self.take_or_try(|| Ok::<T, Infallible>(create())) {
            Ok(object) => object,
            Err(never) => match never {},
        }
    }

    /// Takes an idle object, or boxes a new one if that succeeds.
    #[inline]
    pub(crate) fn take_or_try<E>(
        &self,
        create: impl FnOnce() -> Result<T, E>,
    ) -> Result<Object<T>, E> {
        match self.take() {
            Some(object) => Ok(object),
            None => self.create(create),
        }
    }

    #[cold]
    #[inline(never)]
    fn create<E>(&self, create: impl FnOnce() -> Result<T, E>) -> Result<Object<T>, E> {
        let interior = self.interior();
        let rental = &interior.rental;
        if rental.pays() {
            let begun = Instant::now();
            let found = interior.engine.take_from_others(self.link.seated_owner());
            rental.looked(begun.elapsed());
            if let Some(object) = found {
                return Ok(object);
            }
        }
        // The clock costs as much as a cheap constructor, so most creations are not timed.
        let made = self.link.seated_owner().map(|me| me.worker().created());
        let begun = (rental.is_new() || made.is_none_or(|made| made % 16 == 0)).then(Instant::now);
        let object = Object::new(create()?);
        if let Some(begun) = begun {
            rental.created(begun.elapsed());
        }
        match self.link.seated_owner() {
            Some(me) => me.count_creation(),
            None => interior.engine.ledger.ownerless_created.add(1),
        }
        background::stir();
        Ok(object)
    }

    /// Takes an idle object.
    #[inline]
    pub(crate) fn take(&self) -> Option<Object<T>> {
        let Some(me) = self.link.owner() else {
            return self.take_joining();
        };
        match me.take_private() {
            Some(object) => Some(object),
            None => self.take_slowly(me),
        }
    }

    /// The rest of a [`take`](Self::take) that goes past the private slot. If it brought nothing to the
    /// slot, it does not look at the clock: what it has found had its put.
    #[cold]
    #[inline(never)]
    fn take_slowly(&self, me: Owner<'_, T>) -> Option<Object<T>> {
        let interior = self.interior();
        let before = me.worker().private.last_turn();
        let found = interior.engine.take_below(me);
        if found.is_none() {
            me.count_miss();
        }
        let turn = me.worker().private.last_turn();
        if turn == before || !turn.is_tick() {
            return found;
        }
        // A destructor's panic in the cycle must not lose the object.
        let found = found.map(|object| Guard::new(self, object));
        interior.tick().unwrap_or_else(go_on);
        found.map(Guard::into_object)
    }

    #[cold]
    #[inline(never)]
    fn take_joining(&self) -> Option<Object<T>> {
        let interior = self.interior();
        match self.link.join() {
            Some(me) => me.take_private().or_else(|| self.take_slowly(me)),
            None => interior.engine.take_ownerless(),
        }
    }
}

/// An object under judgement: discarded unless taken out.
struct Judged<'a, T: Send + 'static, P: Policy<T>> {
    pool: &'a Pool<T, P>,
    object: Option<Object<T>>,
    /// Why, if so.
    fate: Fate,
}

impl<T: Send + 'static, P: Policy<T>> Drop for Judged<'_, T, P> {
    #[inline]
    fn drop(&mut self) {
        if let Some(object) = self.object.take() {
            self.pool.discard(object, self.fate);
        }
    }
}
