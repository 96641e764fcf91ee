//! A policy may borrow, and the pool must go first: its guards call the policy.
use stealpool::Pool;

fn main() {
    let pool;
    let size = 16;
    pool = Pool::new(|| Vec::<u8>::with_capacity(size));
    drop(pool.get());
}
