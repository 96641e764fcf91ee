//! A pool goes to another thread only with its factory (opool asks nothing of the allocator).
use stealpool::Pool;
use std::rc::Rc;

fn main() {
    let seed = Rc::new(1u8);
    let pool = Pool::new(move || vec![*seed]);
    std::thread::spawn(move || drop(pool.get()));
}
