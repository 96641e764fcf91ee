//! The same for a guard that owns its pool.
use stealpool::Pool;
use std::cell::Cell;
use std::sync::Arc;

fn main() {
    let calls = Cell::new(0u8);
    let pool = Arc::new(Pool::new(move || vec![calls.replace(1)]));
    let guard = pool.get_owned();
    std::thread::spawn(move || drop(guard));
}
