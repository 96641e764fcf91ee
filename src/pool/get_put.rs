//! A get and a put, around the engine.
//!
//! A get takes an object from the engine, or creates one. A put recycles the object, judges it, and gives it to the
//! engine. The policy runs here and nowhere below. The object is then an [`Object`] in a local variable, and the thread
//! holds nothing of the engine. So each callback may use the pool again, and may panic. Unwinding then drops the object
//! and counts it.
//!
//! A hit is one restartable sequence on the magazine of the thread's processor. Everything else is out of line, and the
//! same code for all types: see `slow_path`.

use crate::engine::{AnyObject, Object, Outcome};
use crate::policy::Policy;
use crate::pool::Pool;
use crate::sys::scale::{MISS_TICK, TICK};
use crate::sys::{magazine, rseq};
use std::convert::Infallible;
use std::thread;
use std::time::Instant;

impl<T: Send + 'static, P: Policy<T>> Pool<T, P> {
    /// Puts an object: recycles it, judges it, and keeps or drops it.
    ///
    /// It is small, so that it is inlined where a guard is dropped, and the guard stays in registers.
    #[inline]
    pub(crate) fn give_back(&self, object: Object<T>) {
        if thread::panicking() {
            return self.discard(object, Outcome::Panicked);
        }
        self.judge(object);
    }

    /// The rest of [`give_back`](Self::give_back). It needs no stack frame on a hit.
    #[inline(never)]
    fn judge(&self, object: Object<T>) {
        if self.settings.max_idle == 0 {
            return self.discard(object, Outcome::Disabled);
        }
        let mut judged = Judged { pool: self, object: Some(object), outcome: Outcome::Panicked };
        let Some(object) = &mut judged.object else {
            return;
        };
        if !self.policy.recycle(object.value_mut()) {
            judged.outcome = Outcome::Refused;
            return;
        }
        let bytes = self.policy.footprint(object.value());
        if bytes > self.settings.max_object_bytes {
            judged.outcome = Outcome::TooBig;
            return;
        }
        if let Some(object) = judged.object.take() {
            self.keep(object, bytes as u64);
        }
    }

    /// Drops and counts an object that is not kept.
    #[cold]
    #[inline(never)]
    pub(crate) fn discard(&self, object: Object<T>, outcome: Outcome) {
        self.count(outcome, 1);
        drop(object);
    }

    /// Boxes and counts an object from outside.
    pub(crate) fn adopt(&self, value: T) -> Object<T> {
        let object = Object::new(value);
        self.count(Outcome::Adopted, 1);
        object
    }

    /// Counts the outcome of some objects.
    pub(crate) fn count(&self, outcome: Outcome, objects: u64) {
        self.state().engine.count(outcome, objects);
    }

    /// Gives an object to the engine, and ages the pool if it is time. `false`: there was no room, and this object or
    /// another one was dropped.
    #[inline]
    pub(crate) fn keep(&self, object: Object<T>, weight: u64) -> bool {
        let object = object.into_any();
        let Ok(light) = u16::try_from(weight) else {
            return self.keep_slowly(object, weight);
        };
        let Some(table) = self.state.table() else {
            return self.keep_by_exchange(object, weight);
        };
        let object = object.into_raw();
        // SAFETY: a table exists only where there are sequences, and the state keeps it. The caller owned the object.
        let header = unsafe { rseq::push(table, light, object) };
        if header == 0 {
            // SAFETY: the sequence failed, so it did not take the object.
            let object = unsafe { AnyObject::from_raw(object) };
            return self.keep_slowly(object, weight);
        }
        let count = magazine::count(header);
        if count & (TICK - 1) == 0 {
            self.tick_at(count);
        }
        true
    }

    // Each of the following is a function of its own, so that a hit needs no stack frame for it.

    #[cold]
    #[inline(never)]
    fn keep_slowly(&self, object: AnyObject, weight: u64) -> bool {
        self.state().keep_slowly(object, weight)
    }

    #[inline(never)]
    fn keep_by_exchange(&self, object: AnyObject, weight: u64) -> bool {
        match self.state.get() {
            Some(state) => state.keep_by_exchange(object, weight),
            None => self.keep_slowly(object, weight),
        }
    }

    #[cold]
    #[inline(never)]
    fn tick_at(&self, count: u64) {
        self.state().tick_at(count);
    }

    #[cold]
    #[inline(never)]
    fn take_slowly(&self) -> Option<AnyObject> {
        self.state().take_slowly()
    }

    #[cold]
    #[inline(never)]
    fn missed(&self) {
        self.state().missed();
    }

    /// An object of this pool, with its type again.
    #[inline(always)]
    fn typed(object: AnyObject) -> Object<T> {
        // SAFETY: the pool's objects are `T`s, and so are those of its engine and its state (`engine::object`).
        unsafe { object.typed() }
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

    /// Takes an idle object; creates none.
    #[inline]
    pub(crate) fn try_take(&self) -> Option<Object<T>> {
        self.take().or_else(|| {
            self.missed();
            None
        })
    }

    #[inline]
    fn take(&self) -> Option<Object<T>> {
        let object = self.take_at_hand().or_else(|| self.take_slowly());
        object.map(Self::typed)
    }

    /// Pops an object from the magazine.
    #[inline]
    fn take_at_hand(&self) -> Option<AnyObject> {
        let Some(table) = self.state.table() else {
            return self.state.get()?.take_by_exchange();
        };
        // SAFETY: a table exists only where there are sequences, and the state keeps it.
        let object = unsafe { rseq::pop(table) };
        if object.is_null() {
            return None;
        }
        // SAFETY: the sequence popped it from a magazine of this pool.
        Some(unsafe { AnyObject::from_raw(object) })
    }

    #[cold]
    #[inline(never)]
    fn create<E>(&self, create: impl FnOnce() -> Result<T, E>) -> Result<Object<T>, E> {
        let state = self.state();
        let created = state.created_here();
        let begun = state.engine.cost.is_sampled(created.get()).then(Instant::now);
        let object = Object::new(create().inspect_err(|_| state.missed())?);
        let ticks = created.add(1) & (MISS_TICK - 1) == 0;
        if begun.is_none() && !ticks {
            return Ok(object);
        }
        Ok(Self::typed(state.created(object.into_any(), begun, ticks)))
    }
}

/// An object that is being judged. Dropping this discards the object.
struct Judged<'a, T: Send + 'static, P: Policy<T>> {
    pool: &'a Pool<T, P>,
    object: Option<Object<T>>,
    /// How a discarded object is counted.
    outcome: Outcome,
}

impl<T: Send + 'static, P: Policy<T>> Drop for Judged<'_, T, P> {
    #[inline]
    fn drop(&mut self) {
        if let Some(object) = self.object.take() {
            self.pool.discard(object, self.outcome);
        }
    }
}
