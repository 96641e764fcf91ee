//! Thread-locals: `std`'s, or those of shuttle's tasks.
//!
//! `std` keeps a thread-local without a destructor until its thread is gone; shuttle ends all of them, in the
//! order of their first use. So a table that must be there while others end is asked for through
//! [`lasting`], which has a stand-in for one that is gone.

#[cfg(not(shuttle))]
pub(crate) use std::{thread::LocalKey, thread_local};

#[cfg(shuttle)]
pub(crate) use shuttle::{thread::LocalKey, thread_local};

/// Uses a thread-local that has no destructor; `gone` stands for it where it is gone all the same.
#[inline(always)]
pub(crate) fn lasting<T, R>(
    key: &'static LocalKey<T>,
    gone: impl FnOnce() -> T,
    f: impl FnOnce(&T) -> R,
) -> R {
    #[cfg(not(shuttle))]
    {
        let _never = gone;
        key.with(f)
    }
    #[cfg(shuttle)]
    {
        if key.try_with(|_| ()).is_err() {
            return f(&gone());
        }
        key.with(f)
    }
}

/// Uses a thread-local once, so that it ends before one that is used for the first time after.
#[inline(always)]
pub(crate) fn first(touch: impl FnOnce()) {
    if cfg!(shuttle) {
        touch();
    }
}
