//! Panics of what is dropped: each costs one object, and the first comes out when all the work is done.

use std::any::Any;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;

/// What a panic carries.
pub(crate) type Payload = Box<dyn Any + Send>;

/// The first of several panics, if there were any.
#[derive(Default)]
pub(crate) struct Panics(Option<Payload>);

impl Panics {
    /// Keeps the panic of a piece of work if it is the first, and gives what the work came to otherwise.
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

    /// Lets the first one go on; see [`or_resume`].
    #[inline]
    pub(crate) fn resume(mut self) {
        if let Some(first) = self.0.take() {
            or_resume(Err(first))
        }
    }
}

/// A panic that comes in between is the one that goes on.
impl Drop for Panics {
    #[inline]
    fn drop(&mut self) {
        if let Some(first) = self.0.take() {
            dispose(first);
        }
    }
}

/// What work came to. Lets its panic go on, unless this thread is panicking already: a second one would abort the
/// process.
pub(crate) fn or_resume<R: Default>(end: Result<R, Payload>) -> R {
    end.unwrap_or_else(|payload| {
        if !thread::panicking() {
            resume_unwind(payload);
        }
        dispose(payload);
        R::default()
    })
}

/// The panic that ends `work`, if any, as its error.
pub(crate) fn caught<R>(work: impl FnOnce() -> Result<R, Payload>) -> Result<R, Payload> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(Err)
}

/// Drops what a panic carried, which may panic in its turn; what *that* carries is leaked.
pub(crate) fn dispose(payload: Payload) {
    if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        mem::forget(second);
    }
}
