//! The twin of fail/object_sync_but_not_send.rs, which compiles.
use stealpool::{Pool, policy};
use std::sync::Mutex;

fn main() {
    let make = || Mutex::new(1);
    let pool = Pool::new(policy(make).recycle_with(|_: &mut Mutex<u8>| true));
    drop(pool.get());
}
