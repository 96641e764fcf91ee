//! The twin of fail/use_after_return.rs, which compiles.
use stealpool::{Guard, Pool};

fn main() {
    let pool: Pool<Vec<u8>> = Pool::new(Vec::new);
    let mut buffer = pool.get();
    buffer.push(1);
    Guard::put(buffer);
}
