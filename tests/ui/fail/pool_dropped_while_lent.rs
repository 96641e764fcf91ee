//! Nor can the pool be dropped or moved while a guard is out.
use stealpool::Pool;

fn main() {
    let pool: Pool<Vec<u8>> = Pool::new(Vec::new);
    let guard = pool.get();
    drop(pool);
    drop(guard);
}
