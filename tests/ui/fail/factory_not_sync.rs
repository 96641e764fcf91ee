//! A pool is shared only if its factory may be called by two threads at once.
use stealpool::Pool;
use std::cell::Cell;

fn main() {
    let calls = Cell::new(0u8);
    let pool = Pool::new(move || {
        calls.set(calls.get() + 1);
        vec![calls.get()]
    });
    std::thread::scope(|scope| {
        scope.spawn(|| drop(pool.get()));
    });
}
