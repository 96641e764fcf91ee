//! Idle objects may outlive whoever made them, so they borrow nothing.
use stealpool::{Pool, policy};

fn main() {
    let text = String::from("short-lived");
    let pool = Pool::new(policy(|| text.as_str()).recycle_with(|_| true));
    drop(pool.get());
}
