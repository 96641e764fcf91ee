//! The twin of fail/factory_not_sync.rs, which compiles.
use stealpool::Pool;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

fn main() {
    let calls = AtomicU8::new(0);
    let pool = Pool::new(move || vec![calls.fetch_add(1, Relaxed)]);
    std::thread::scope(|scope| {
        scope.spawn(|| drop(pool.get()));
    });
}
