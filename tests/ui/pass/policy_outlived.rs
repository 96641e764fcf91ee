//! The twin of fail/policy_outlived.rs, which compiles.
use stealpool::Pool;

fn main() {
    let size = 16;
    let pool = Pool::new(|| Vec::<u8>::with_capacity(size));
    drop(pool.get());
}
