//! A get and a put, around the engine.
//!
//! A get takes an object from the engine, or creates one. A put recycles the object, judges it, and gives it to the
//! engine. All user code runs here. The object is then in a local variable, and the thread holds nothing of the engine.
//! So each callback may use the pool again, and may panic. Unwinding then drops the object and counts it.
//!
//! A hit is one restartable sequence on the magazine of the thread's processor. Everything else is out of line.

use super::panics::{Panics, Payload, dispose, drop_each, or_resume};
use crate::engine::give::PutResult;
use crate::engine::{Batch, Object, Outcome};
use crate::policy::Policy;
use crate::pool::Pool;
use crate::sys::scale::{MISS_TICK, TICK};
use crate::sys::{magazine, rseq};
use std::convert::Infallible;
use std::panic::resume_unwind;
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
            let object = unsafe { Object::from_raw(object) };
            return self.keep_slowly(object, weight);
        }
        let count = magazine::count(header);
        if count & (TICK - 1) == 0 {
            self.tick_at(count);
        }
        true
    }

    /// [`keep`](Self::keep) where there are no sequences.
    #[inline(never)]
    fn keep_by_exchange(&self, object: Object<T>, weight: u64) -> bool {
        let Some(state) = self.state.get() else {
            return self.keep_slowly(object, weight);
        };
        match state.engine.give_at_hand(object, weight) {
            Ok(count) if count & (TICK - 1) != 0 => {}
            Ok(count) => self.tick_at(count),
            Err(object) => return self.keep_slowly(object, weight),
        }
        or_resume(state.clear_if_retired());
        true
    }

    /// What one put in [`TICK`] does in addition.
    #[cold]
    #[inline(never)]
    fn tick_at(&self, count: u64) {
        let state = self.state();
        state.engine.maintain(count);
        let mut panics = Panics::default();
        panics.keep(state.clear_if_retired());
        panics.keep(state.tick());
        panics.resume();
    }

    /// [`keep`](Self::keep) after the fast path failed.
    #[cold]
    #[inline(never)]
    fn keep_slowly(&self, object: Object<T>, weight: u64) -> bool {
        let state = self.state();
        let mut refused = Batch::new();
        let given = state.engine.give(object, weight, &mut refused);
        if refused.len() == 0 && !given.ticks && state.is_quiet() {
            return true;
        }
        self.keep_and_age(given, refused)
    }

    /// The rest of that: finds room for refused objects, and ages the pool if it is time.
    #[cold]
    #[inline(never)]
    fn keep_and_age(&self, given: PutResult, refused: Batch<T>) -> bool {
        let state = self.state();
        let mut panics = Panics::default();
        let kept = refused.len() == 0 || self.overflow(refused, &mut panics);
        if given.down > 0 {
            panics.keep(state.advance(2 * given.down));
        }
        if given.ticks {
            panics.keep(state.tick());
        }
        panics.keep(state.clear_if_retired());
        panics.resume();
        kept
    }

    /// Keeps refused objects if other pools make room, and drops and counts the rest. Returns whether it kept all.
    fn overflow(&self, refused: Batch<T>, panics: &mut Panics) -> bool {
        let left = self.state().make_room(refused, panics);
        let kept = left.len() == 0;
        if !kept {
            self.count(Outcome::Overflowed, left.len() as u64);
        }
        panics.keep(drop_each(left));
        kept
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
        self.take_at_hand().or_else(|| self.take_slowly())
    }

    /// Pops an object from the magazine.
    #[inline]
    fn take_at_hand(&self) -> Option<Object<T>> {
        let Some(table) = self.state.table() else {
            return self.take_by_exchange();
        };
        // SAFETY: a table exists only where there are sequences, and the state keeps it.
        let object = unsafe { rseq::pop(table) };
        if object.is_null() {
            return None;
        }
        // SAFETY: the sequence popped it from a magazine of this pool.
        Some(unsafe { Object::from_raw(object) })
    }

    /// The same where there are no sequences.
    #[inline(never)]
    fn take_by_exchange(&self) -> Option<Object<T>> {
        let object = self.state.get()?.engine.take_at_hand()?;
        Some(self.in_hand(object, false))
    }

    /// Finishes a get that has an object, and ages the pool if it is time. If a destructor panics on behalf of the pool,
    /// discards the object and lets the panic go on.
    #[inline]
    fn in_hand(&self, object: Object<T>, ticks: bool) -> Object<T> {
        let mut end = self.state().clear_if_retired();
        if ticks {
            end = self.tick_after(end);
        }
        match end {
            Err(payload) if !thread::panicking() => {
                self.discard(object, Outcome::Panicked);
                resume_unwind(payload);
            }
            end => {
                end.unwrap_or_else(dispose);
                object
            }
        }
    }

    /// Ages the pool after some work that has ended so. Returns the first panic.
    #[cold]
    fn tick_after(&self, end: Result<(), Payload>) -> Result<(), Payload> {
        let mut panics = Panics::default();
        panics.keep(end);
        panics.keep(self.state().tick());
        panics.first()
    }

    /// [`take`](Self::take) after the fast path failed.
    #[cold]
    #[inline(never)]
    fn take_slowly(&self) -> Option<Object<T>> {
        let state = self.state();
        let engine = &state.engine;
        if engine.cost.is_expensive() && engine.is_open_here() {
            // The magazine was held when objects turned out to be expensive. Its objects go to slots now.
            engine.maintain(0);
        }
        if let Some(object) = engine.take() {
            return Some(self.in_hand(object, false));
        }
        // This get may have held a worker meanwhile, or claimed a slot.
        or_resume(state.clear_if_retired());
        None
    }

    #[cold]
    #[inline(never)]
    fn create<E>(&self, create: impl FnOnce() -> Result<T, E>) -> Result<Object<T>, E> {
        let state = self.state();
        let engine = &state.engine;
        let created = &engine.counter(engine.workers.here()).created;
        let begun = engine.cost.is_sampled(created.get()).then(Instant::now);
        let object = Object::new(create().inspect_err(|_| self.missed())?);
        let ticks = created.add(1) & (MISS_TICK - 1) == 0;
        if begun.is_some_and(|begun| engine.cost.created(begun.elapsed())) {
            engine.flush_magazines();
        } else if !ticks {
            return Ok(object);
        }
        Ok(self.in_hand(object, ticks))
    }

    /// Counts a get that found nothing and created nothing. Ages the pool if it is time.
    #[cold]
    fn missed(&self) {
        let state = self.state();
        let engine = &state.engine;
        let missed = engine.counter(engine.workers.here()).missed.add(1);
        if missed & (MISS_TICK - 1) == 0 {
            or_resume(state.tick());
        }
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
