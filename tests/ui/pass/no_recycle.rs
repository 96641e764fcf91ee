//! The twin of fail/no_recycle.rs, which compiles.
use stealpool::{Pool, policy};

struct Parser;

fn main() {
    let pool = Pool::new(policy(|| Parser).recycle_with(|_| true));
    drop(pool.get());
}
