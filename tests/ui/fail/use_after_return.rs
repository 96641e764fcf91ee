//! A guard that was given back is gone.
use stealpool::{Guard, Pool};

fn main() {
    let pool: Pool<Vec<u8>> = Pool::new(Vec::new);
    let mut buffer = pool.get();
    Guard::put(buffer);
    buffer.push(1);
}
