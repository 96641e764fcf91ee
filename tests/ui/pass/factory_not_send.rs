//! The twin of fail/factory_not_send.rs, which compiles.
use stealpool::Pool;
use std::sync::Arc;

fn main() {
    let seed = Arc::new(1u8);
    let pool = Pool::new(move || vec![*seed]);
    std::thread::spawn(move || drop(pool.get()));
}
