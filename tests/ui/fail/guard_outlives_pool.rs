//! A guard borrows its pool (actix-web#1889, SpacetimeDB#3830); one that must outlive every handle
//! owns it.
use stealpool::Pool;

fn main() {
    let guard = {
        let pool: Pool<Vec<u8>> = Pool::new(Vec::new);
        pool.get()
    };
    drop(guard);
}
