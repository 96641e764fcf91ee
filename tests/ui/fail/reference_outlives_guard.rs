//! What points into an object goes before its guard.
use stealpool::Pool;

fn main() {
    let pool: Pool<Vec<u8>> = Pool::new(Vec::new);
    let bytes: &[u8] = {
        let buffer = pool.get();
        &buffer[..]
    };
    assert!(bytes.is_empty());
}
