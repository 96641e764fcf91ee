//! The twin of fail/guard_outlives_pool.rs, which compiles.
use stealpool::Pool;
use std::sync::Arc;

fn main() {
    let guard = {
        let pool: Arc<Pool<Vec<u8>>> = Arc::new(Pool::new(Vec::new));
        pool.get_owned()
    };
    drop(guard);
}
