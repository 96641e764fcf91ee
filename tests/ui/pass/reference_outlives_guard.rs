//! The twin of fail/reference_outlives_guard.rs, which compiles.
use stealpool::Pool;

fn main() {
    let pool: Pool<Vec<u8>> = Pool::new(Vec::new);
    let buffer = pool.get();
    let bytes: &[u8] = &buffer[..];
    assert!(bytes.is_empty());
}
