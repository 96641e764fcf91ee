//! What a get and a put do after the fast path failed, and how they age the pool. It is the same code for all types.
//!
//! Destructors and the evictors of other pools may run here on behalf of the pool, and panic. Such a panic is caught while
//! objects are in hand: dropping an [`AnyObject`] would lose it. It goes on when the objects are kept or dropped.

use super::panics::{Panics, Payload, dispose, or_resume};
use super::state::State;
use crate::engine::give::PutResult;
use crate::engine::{AnyObject, Batch, Counter, Outcome};
use crate::sys::scale::{MISS_TICK, TICK};
use std::panic::resume_unwind;
use std::thread;
use std::time::Instant;

impl State {
    /// Keeps an object where there are no sequences. Returns as [`keep_slowly`](Self::keep_slowly).
    #[inline(never)]
    pub(super) fn keep_by_exchange(&self, object: AnyObject, weight: u64) -> bool {
        match self.engine.give_at_hand(object, weight) {
            Ok(count) if count & (TICK - 1) != 0 => {}
            Ok(count) => self.tick_at(count),
            Err(object) => return self.keep_slowly(object, weight),
        }
        or_resume(self.clear_if_retired());
        true
    }

    /// What one put in [`TICK`] does in addition.
    #[cold]
    #[inline(never)]
    pub(super) fn tick_at(&self, count: u64) {
        self.engine.maintain(count);
        let mut panics = Panics::default();
        panics.keep(self.clear_if_retired());
        panics.keep(self.tick());
        panics.resume();
    }

    /// Keeps an object after the fast path failed. `false`: there was no room, and this object or another one was
    /// dropped.
    #[cold]
    #[inline(never)]
    pub(super) fn keep_slowly(&self, object: AnyObject, weight: u64) -> bool {
        let mut refused = Batch::new();
        let given = self.engine.give(object, weight, &mut refused);
        if refused.len() == 0 && !given.ticks && self.is_quiet() {
            return true;
        }
        self.keep_and_age(given, refused)
    }

    /// The rest of that: finds room for refused objects, and ages the pool if it is time.
    #[cold]
    #[inline(never)]
    fn keep_and_age(&self, given: PutResult, refused: Batch) -> bool {
        let mut panics = Panics::default();
        let kept = refused.len() == 0 || self.overflow(refused, &mut panics);
        if given.down > 0 {
            panics.keep(self.advance(2 * given.down));
        }
        if given.ticks {
            panics.keep(self.tick());
        }
        panics.keep(self.clear_if_retired());
        panics.resume();
        kept
    }

    /// Keeps refused objects if other pools make room, and drops and counts the rest. Returns whether it kept all.
    fn overflow(&self, refused: Batch, panics: &mut Panics) -> bool {
        let left = self.make_room(refused, panics);
        let kept = left.len() == 0;
        if !kept {
            self.engine.count(Outcome::Overflowed, left.len() as u64);
        }
        panics.keep(self.drop_each(left));
        kept
    }

    /// Takes an object from the magazine where there are no sequences.
    #[inline(never)]
    pub(super) fn take_by_exchange(&self) -> Option<AnyObject> {
        let object = self.engine.take_at_hand()?;
        Some(self.in_hand(object, false))
    }

    /// Finishes a get that has an object, and ages the pool if it is time. If a destructor panics on behalf of the pool,
    /// discards the object and lets the panic go on.
    #[inline]
    fn in_hand(&self, object: AnyObject, ticks: bool) -> AnyObject {
        let mut end = self.clear_if_retired();
        if ticks {
            end = self.tick_after(end);
        }
        match end {
            Err(payload) if !thread::panicking() => {
                self.engine.count(Outcome::Panicked, 1);
                self.drop_object(object);
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
        panics.keep(self.tick());
        panics.first()
    }

    /// Takes an object after the fast path failed.
    #[cold]
    #[inline(never)]
    pub(super) fn take_slowly(&self) -> Option<AnyObject> {
        let engine = &self.engine;
        if engine.cost.is_expensive() && engine.is_open_here() {
            // The magazine was held when objects turned out to be expensive. Its objects go to slots now.
            engine.maintain(0);
        }
        if let Some(object) = engine.take() {
            return Some(self.in_hand(object, false));
        }
        // This get may have held a worker meanwhile, or claimed a slot.
        or_resume(self.clear_if_retired());
        None
    }

    /// What counts the creations of this processor.
    #[inline(never)]
    pub(super) fn created_here(&self) -> &Counter {
        &self.engine.counter(self.engine.workers.here()).created
    }

    /// Finishes a creation that was timed from `begun` on, or after which it is time to age the pool.
    #[cold]
    #[inline(never)]
    pub(super) fn created(
        &self,
        object: AnyObject,
        begun: Option<Instant>,
        ticks: bool,
    ) -> AnyObject {
        if begun.is_some_and(|begun| self.engine.cost.created(begun.elapsed())) {
            self.engine.flush_magazines();
        } else if !ticks {
            return object;
        }
        self.in_hand(object, ticks)
    }

    /// Counts a get that found nothing and created nothing. Ages the pool if it is time.
    #[cold]
    #[inline(never)]
    pub(super) fn missed(&self) {
        let missed = self.engine.counter(self.engine.workers.here()).missed.add(1);
        if missed & (MISS_TICK - 1) == 0 {
            or_resume(self.tick());
        }
    }
}
