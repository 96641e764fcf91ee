//! `Sync` is no substitute for `Send`: a mutex guard must be unlocked where it was locked
//! (lockfree-object-pool, sharded-slab and objectpool ask for the wrong one).
use stealpool::{Pool, policy};
use std::sync::{Mutex, MutexGuard};

static LOCK: Mutex<u8> = Mutex::new(1);

fn main() {
    let make = || LOCK.lock().unwrap();
    let _pool = Pool::new(policy(make).recycle_with(|_: &mut MutexGuard<'static, u8>| true));
}
