//! What happens to one object on its way out of a pool and back in.
//!
//! Out: take one from the engine, or create one. In: recycle it, judge it, give it to the engine.
//! Everything of the user's runs here, while the object is in hand and the engine is in the middle
//! of nothing: each callback may use the pool again, and may panic. Then the object is dropped by
//! the unwinding, and counted.
//!
//! A hit touches the thread's worker and the object, nothing else; whatever leaves that path is
//! in a function of its own.

use crate::guard::Guard;
use crate::moved::Placed;
use crate::object::Object;
use crate::policy::Policy;
use crate::pool::Pool;
use crate::worker::{Outcome, Owner};
use std::convert::Infallible;
use std::mem;
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
            return self.discard(object);
        }
        self.judge(object);
    }

    /// The rest of a [`give_back`](Self::give_back): one call, without a stack frame on a hit.
    #[inline(never)]
    fn judge(&self, object: Object<T>) {
        if self.settings.max_idle == 0 {
            return self.discard(object);
        }
        let mut judged = Judged {
            pool: self,
            object: Some(object),
        };
        let Some(object) = &mut judged.object else {
            return;
        };
        if !self.policy.recycle(object.value_mut()) {
            return;
        }
        let bytes = self.policy.footprint(object.value());
        if bytes > self.settings.max_object_bytes {
            return;
        }
        if let Some(object) = judged.object.take() {
            self.keep(object, bytes as u64);
        }
    }

    /// Drops an object that was not kept, and counts it.
    #[cold]
    #[inline(never)]
    pub(crate) fn discard(&self, object: Object<T>) {
        self.interior().engine.ledger.discarded.add(1);
        drop(object);
    }

    /// Gives an object to the engine, and ages the pool when it is time. `false`: it, or one in its
    /// place, found no room and was dropped.
    #[inline]
    pub(crate) fn keep(&self, object: Object<T>, weight: u64) -> bool {
        let Some(me) = self.link.owner() else {
            return self.keep_joining(object, weight);
        };
        if !me.worker().private.is_empty() {
            return self.keep_on_top(me, object, weight);
        }
        match me.put_private_first(object, weight) {
            (Placed::Kept, turn) if !turn.is_tick() => true,
            (placed, _) => self.keep_slowly(me, placed, weight),
        }
    }

    /// A [`keep`](Self::keep) into a private slot that holds something already: one of several that
    /// the thread held at once. A function of its own, for the sake of the other's registers.
    #[inline(never)]
    fn keep_on_top(&self, me: Owner<'_, T>, object: Object<T>, weight: u64) -> bool {
        match me.put_private(object, weight) {
            (Placed::Kept, turn) if !turn.is_tick() => true,
            (placed, _) => self.keep_slowly(me, placed, weight),
        }
    }

    /// The rest of a [`keep`](Self::keep) that went past the private slot, or is due for a tick.
    #[cold]
    #[inline(never)]
    fn keep_slowly(&self, me: Owner<'_, T>, placed: Placed<T>, weight: u64) -> bool {
        let interior = self.interior();
        let first = me.worker().private.last_turn();
        let refused = interior.engine.settle(me, placed, weight).err();
        let kept = refused.is_none();
        drop(refused);
        // Settling may have looked at the slot once more.
        if first.is_tick() || me.worker().private.last_turn().is_tick() {
            interior.tick();
        }
        kept
    }

    #[cold]
    #[inline(never)]
    fn keep_joining(&self, object: Object<T>, weight: u64) -> bool {
        let interior = self.interior();
        match self.link.join() {
            Some(me) => self.keep_slowly(me, me.put_private(object, weight).0, weight),
            None => interior
                .engine
                .give_ownerless(object.weighing(weight))
                .is_ok(),
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
        let rental = &self.interior().rental;
        if rental.pays() {
            let begun = Instant::now();
            let engine = &self.interior().engine;
            let found = engine.take_from_others(self.link.seated_owner());
            rental.looked(begun.elapsed());
            if let Some(object) = found {
                return Ok(object);
            }
        }
        // Counted as nothing unless it succeeds, and only then: `create` may panic.
        let mut miss = Miss {
            pool: self,
            outcome: Outcome::Nothing,
        };
        // The clock costs as much as a cheap constructor, so most creations are not timed.
        let made = self.link.seated_owner().map(|me| me.worker().created());
        let begun = (rental.is_new() || made.is_none_or(|made| made % 16 == 0)).then(Instant::now);
        let object = Object::new(create()?);
        if let Some(begun) = begun {
            rental.created(begun.elapsed());
        }
        miss.outcome = Outcome::Created;
        Ok(object)
    }

    /// Takes an idle object. A `None` must be followed by one [`count_get`](Self::count_get).
    #[inline]
    pub(crate) fn take(&self) -> Option<Object<T>> {
        let Some(me) = self.link.owner() else {
            return self.take_joining();
        };
        match me.take_private() {
            (Some(object), turn) if !turn.is_tick() => Some(object),
            (object, _) => self.take_slowly(me, object),
        }
    }

    /// The rest of a [`take`](Self::take) that goes past the private slot, or is due for a tick.
    #[cold]
    #[inline(never)]
    fn take_slowly(&self, me: Owner<'_, T>, object: Option<Object<T>>) -> Option<Object<T>> {
        let interior = self.interior();
        let tick = me.worker().private.last_turn().is_tick();
        // A destructor's panic in the cycle must not lose the object, nor the count of a miss. Nor
        // must one of what the process has deferred, which looking below may run.
        let miss = Miss {
            pool: self,
            outcome: Outcome::Nothing,
        };
        let object = object.or_else(|| interior.engine.take_below(me));
        // Taking from below may have looked at the slot once more.
        if !tick && !me.worker().private.last_turn().is_tick() {
            mem::forget(miss);
            return object;
        }
        match object.map(|object| Guard::new(self, object)) {
            Some(guard) => {
                mem::forget(miss);
                interior.tick();
                Some(guard.into_object())
            }
            None => {
                interior.tick();
                mem::forget(miss);
                None
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn take_joining(&self) -> Option<Object<T>> {
        let interior = self.interior();
        match self.link.join() {
            Some(me) => self.take_slowly(me, me.take_private().0),
            None => interior.engine.take_ownerless(),
        }
    }

    /// Counts how a get ended that found nothing.
    pub(crate) fn count_get(&self, outcome: Outcome) {
        match (self.link.seated_owner(), outcome) {
            (Some(me), _) => me.count_get(outcome),
            (None, Outcome::Created) => self.interior().engine.ledger.ownerless_created.add(1),
            (None, _) => {}
        }
    }
}

/// An object under judgement: discarded unless taken out.
struct Judged<'a, T: Send + 'static, P: Policy<T>> {
    pool: &'a Pool<T, P>,
    object: Option<Object<T>>,
}

impl<T: Send + 'static, P: Policy<T>> Drop for Judged<'_, T, P> {
    #[inline]
    fn drop(&mut self) {
        if let Some(object) = self.object.take() {
            self.pool.discard(object);
        }
    }
}

/// A get that found nothing; counts itself.
struct Miss<'a, T: Send + 'static, P: Policy<T>> {
    pool: &'a Pool<T, P>,
    outcome: Outcome,
}

impl<T: Send + 'static, P: Policy<T>> Drop for Miss<'_, T, P> {
    fn drop(&mut self) {
        self.pool.count_get(self.outcome);
    }
}
