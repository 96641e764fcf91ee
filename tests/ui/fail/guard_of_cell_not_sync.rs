//! A guard gives out `&T`, so it is `Sync` only if `T` is.
use stealpool::{Pool, policy};
use std::cell::Cell;

fn main() {
    let pool = Pool::new(policy(|| Cell::new(1)).recycle_with(|_| true));
    let guard = pool.get();
    std::thread::scope(|scope| {
        scope.spawn(|| guard.set(2));
    });
}
