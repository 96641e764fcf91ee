//! The twin of fail/guard_with_unsync_factory.rs, which compiles.
use stealpool::Pool;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

fn main() {
    let calls = AtomicU8::new(0);
    let pool = Pool::new(move || vec![calls.swap(1, Relaxed)]);
    let guard = pool.get();
    std::thread::scope(|scope| {
        scope.spawn(move || drop(guard));
    });
}
