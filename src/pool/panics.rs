//! Panics of user code: they are kept while the work goes on, and the first one is resumed at its end.

use crate::engine::{AnyObject, Batch};
use std::any::Any;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;

/// The payload of a panic.
pub(crate) type Payload = Box<dyn Any + Send>;

/// The first of several panics, if there was any.
#[derive(Default)]
pub(crate) struct Panics(Option<Payload>);

impl Panics {
    /// Returns the result of some work. If it ended in a panic, keeps that panic if it is the first.
    pub(crate) fn keep<R: Default>(&mut self, end: Result<R, Payload>) -> R {
        match (end, &self.0) {
            (Ok(result), _) => return result,
            (Err(first), None) => self.0 = Some(first),
            (Err(later), Some(_)) => dispose(later),
        }
        R::default()
    }

    /// The first one.
    pub(crate) fn first(mut self) -> Result<(), Payload> {
        self.0.take().map_or(Ok(()), Err)
    }

    /// Resumes the first one; see [`or_resume`].
    #[inline]
    pub(crate) fn resume(self) {
        or_resume(self.first());
    }
}

/// Another panic is unwinding: that one goes on, and this one is disposed of.
impl Drop for Panics {
    #[inline]
    fn drop(&mut self) {
        if let Some(first) = self.0.take() {
            dispose(first);
        }
    }
}

/// Returns the result of some work, or resumes its panic. A thread that is panicking already disposes of it: a second
/// panic would abort the process.
pub(crate) fn or_resume<R: Default>(end: Result<R, Payload>) -> R {
    end.unwrap_or_else(|payload| {
        if !thread::panicking() {
            resume_unwind(payload);
        }
        dispose(payload);
        R::default()
    })
}

/// Runs `work` and returns a panic as an error.
pub(crate) fn caught<R>(work: impl FnOnce() -> Result<R, Payload>) -> Result<R, Payload> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(Err)
}

/// Drops a payload. If that panics too, the second payload is leaked.
pub(crate) fn dispose(payload: Payload) {
    if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        mem::forget(second);
    }
}

/// Drops every object by `drop`, even if destructors panic. Returns the first panic.
pub(crate) fn drop_each(mut objects: Batch, drop: impl Fn(AnyObject)) -> Result<(), Payload> {
    let mut panics = Panics::default();
    while let Some(object) = objects.pop() {
        panics.keep(caught(|| {
            drop(object);
            Ok(())
        }));
    }
    panics.first()
}
