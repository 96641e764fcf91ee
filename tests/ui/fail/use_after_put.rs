//! What was put is the pool's (Go's TestRacePool finds this at run time).
use stealpool::Pool;

fn main() {
    let pool: Pool<Vec<u8>> = Pool::new(Vec::new);
    let mut buffer = vec![1];
    pool.put(buffer);
    buffer.push(2);
}
