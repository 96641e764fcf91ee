//! A guard gives back to the pool wherever it is dropped, so it travels only if the pool is shared.
use stealpool::Pool;
use std::cell::Cell;

fn main() {
    let calls = Cell::new(0u8);
    let pool = Pool::new(move || vec![calls.replace(1)]);
    let guard = pool.get();
    std::thread::scope(|scope| {
        scope.spawn(move || drop(guard));
    });
}
