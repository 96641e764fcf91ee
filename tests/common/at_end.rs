//! Work that runs when a thread's locals are destroyed.

use std::cell::RefCell;

struct AtEnd(Option<Box<dyn FnOnce()>>);

impl Drop for AtEnd {
    fn drop(&mut self) {
        if let Some(job) = self.0.take() {
            job();
        }
    }
}

thread_local! {
    static AT_END: RefCell<AtEnd> = const { RefCell::new(AtEnd(None)) };
}

/// Touches the thread-local. The order in which a thread first touches its locals decides the order of their destruction.
pub(crate) fn touch() {
    AT_END.with_borrow(|_| ());
}

/// Runs `job` when this thread's locals are destroyed. A panic in it aborts the process.
pub(crate) fn run(job: impl FnOnce() + 'static) {
    AT_END.with_borrow_mut(|end| end.0 = Some(Box::new(job)));
}
