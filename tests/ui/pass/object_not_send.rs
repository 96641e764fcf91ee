//! The twin of fail/object_not_send.rs, which compiles.
use stealpool::{Pool, policy};
use std::sync::Arc;

fn main() {
    let pool = Pool::new(policy(|| Arc::new(1)).recycle_with(|_| true));
    drop(pool.get());
}
