//! The twin of fail/owned_guard_with_unsync_factory.rs, which compiles.
use stealpool::Pool;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

fn main() {
    let calls = AtomicU8::new(0);
    let pool = Arc::new(Pool::new(move || vec![calls.swap(1, Relaxed)]));
    let guard = pool.get_owned();
    std::thread::spawn(move || drop(guard));
}
