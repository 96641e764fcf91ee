//! The twin of fail/use_after_put.rs, which compiles.
use stealpool::Pool;

fn main() {
    let pool: Pool<Vec<u8>> = Pool::new(Vec::new);
    let mut buffer = vec![1];
    buffer.push(2);
    pool.put(buffer);
}
