//! Work of a thread that must not begin again within itself.

use std::cell::Cell;
use std::marker::PhantomData;

#[cfg(shuttle)]
use shuttle::thread_local;
#[cfg(not(shuttle))]
use std::thread_local;

thread_local! {
    // No destructor, so it is there while other thread-locals end.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// This thread is at such work; ends when dropped, by unwinding too.
pub(crate) struct Nesting(PhantomData<*mut ()>);

impl Nesting {
    /// Begins. `None`: the thread is at it already, further up on its stack.
    pub(crate) fn enter() -> Option<Self> {
        let inside = INSIDE.try_with(|inside| inside.replace(true));
        // Not made where there is one: its drop would end the other.
        (inside == Ok(false)).then(|| Nesting(PhantomData))
    }
}

impl Drop for Nesting {
    fn drop(&mut self) {
        _ = INSIDE.try_with(|inside| inside.set(false));
    }
}
