//! The twin of fail/guard_of_cell_not_sync.rs, which compiles.
use stealpool::{Pool, policy};
use std::cell::Cell;

fn main() {
    let pool = Pool::new(policy(|| Cell::new(1)).recycle_with(|_| true));
    let guard = pool.get();
    std::thread::scope(|scope| {
        scope.spawn(move || guard.set(2));
    });
}
