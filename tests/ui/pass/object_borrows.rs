//! The twin of fail/object_borrows.rs, which compiles.
use stealpool::{Pool, policy};

fn main() {
    let text: &'static str = "for ever";
    let pool = Pool::new(policy(|| text).recycle_with(|_| true));
    drop(pool.get());
}
