//! An object goes from thread to thread, so it must be `Send`: an `Rc` must not.
use stealpool::{Pool, policy};
use std::rc::Rc;

fn main() {
    let _pool = Pool::new(policy(|| Rc::new(1)).recycle_with(|_| true));
}
