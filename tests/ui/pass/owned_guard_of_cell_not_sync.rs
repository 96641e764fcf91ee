//! The twin of fail/owned_guard_of_cell_not_sync.rs, which compiles.
use stealpool::{Pool, policy};
use std::cell::Cell;
use std::sync::Arc;

fn main() {
    let pool = Arc::new(Pool::new(policy(|| Cell::new(1)).recycle_with(|_| true)));
    let guard = pool.get_owned();
    std::thread::scope(|scope| {
        scope.spawn(move || guard.set(2));
    });
}
