//! The twin of fail/pool_dropped_while_lent.rs, which compiles.
use stealpool::Pool;

fn main() {
    let pool: Pool<Vec<u8>> = Pool::new(Vec::new);
    let guard = pool.get();
    drop(guard);
    drop(pool);
}
