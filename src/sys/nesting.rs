//! A guard against nested work of one thread.

use std::cell::Cell;
use std::marker::PhantomData;

#[cfg(shuttle)]
use shuttle::thread_local;
#[cfg(not(shuttle))]
use std::thread_local;

thread_local! {
    // It has no destructor, so it can be used while other thread-locals are destroyed.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Proof that this thread has begun such work. Dropping it ends the work, also when a panic unwinds.
pub(crate) struct Nesting(PhantomData<*mut ()>);

impl Nesting {
    /// Begins. `None`: the thread is already at such work, further up on its stack.
    pub(crate) fn enter() -> Option<Self> {
        let inside = INSIDE.try_with(|inside| inside.replace(true));
        // Not made if there is one already: its drop would end the other.
        (inside == Ok(false)).then(|| Nesting(PhantomData))
    }
}

impl Drop for Nesting {
    fn drop(&mut self) {
        _ = INSIDE.try_with(|inside| inside.set(false));
    }
}
