//! An owned guard of a `Cell` is not `Sync` either (lockfree-object-pool's
//! `LinearOwnedReusable<Cell<u32>>` is).
use stealpool::{Pool, policy};
use std::cell::Cell;
use std::sync::Arc;

fn main() {
    let pool = Arc::new(Pool::new(policy(|| Cell::new(1)).recycle_with(|_| true)));
    let guard = pool.get_owned();
    std::thread::scope(|scope| {
        scope.spawn(|| guard.set(2));
    });
}
