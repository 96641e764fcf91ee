//! Objects on their way out of a pool, and the panics of what is dropped.
//!
//! Each object is dropped for itself, so that a destructor that panics costs that object and no other. The first
//! panic comes out when all are gone.

use crate::engine::batch::Batch;
use crate::engine::counters::Count;
use crate::engine::object::Object;
use std::any::Any;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;

/// What a panic carries.
pub(crate) type Payload = Box<dyn Any + Send>;

/// Objects that were taken out of a pool. Counted and dropped, each for itself, by unwinding too.
pub(crate) struct Taken<'a, T> {
    pub(super) objects: Batch<T>,
    counted: &'a Count,
}

impl<'a, T> Taken<'a, T> {
    pub(super) fn new(counted: &'a Count) -> Self {
        Taken { objects: Batch::new(), counted }
    }

    /// Counts them, and gives them up.
    pub(crate) fn into_objects(mut self) -> Batch<T> {
        self.counted.add(self.objects.len() as u64);
        mem::replace(&mut self.objects, Batch::new())
    }

    /// Counts and drops them; how many.
    pub(super) fn bury(self) -> Result<usize, Payload> {
        let objects = self.into_objects();
        let count = objects.len();
        bury(objects).map(|()| count)
    }
}

impl<T> Drop for Taken<'_, T> {
    fn drop(&mut self) {
        let objects = mem::replace(&mut self.objects, Batch::new());
        self.counted.add(objects.len() as u64);
        bury(objects).unwrap_or_else(dispose);
    }
}

/// What the panic that ends `work`, if any, carries.
pub(super) fn caught<R>(work: impl FnOnce() -> Result<R, Payload>) -> Result<R, Payload> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(Err)
}

/// Drops every object, whatever the destructors do. The first panic comes back.
pub(crate) fn bury<T>(mut dead: Batch<T>) -> Result<(), Payload> {
    let mut first = Ok(());
    while let Some(object) = dead.pop() {
        first = first_of(first, bury_one(object));
    }
    first
}

fn bury_one<T>(object: Object<T>) -> Result<(), Payload> {
    catch_unwind(AssertUnwindSafe(|| drop(object)))
}

/// The first panic of two; the other is disposed of.
#[inline]
pub(crate) fn first_of(
    first: Result<(), Payload>,
    then: Result<(), Payload>,
) -> Result<(), Payload> {
    match (first, then) {
        (Err(first), Err(then)) => {
            dispose(then);
            Err(first)
        }
        (first, then) => first.and(then),
    }
}

/// Drops what a panic carried, which may panic in its turn; what *that* carries is leaked.
pub(crate) fn dispose(payload: Payload) {
    if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        mem::forget(second);
    }
}

/// Lets a destructor's panic go on, unless this thread is panicking already: a second one would abort
/// the process.
pub(crate) fn go_on(payload: Payload) {
    if !thread::panicking() {
        resume_unwind(payload);
    }
    dispose(payload);
}
