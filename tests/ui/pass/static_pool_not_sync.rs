//! The twin of fail/static_pool_not_sync.rs, which compiles.
use stealpool::{Policy, Pool};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

struct Counting(AtomicU32);

impl Policy<String> for Counting {
    fn create(&self) -> String {
        String::new()
    }
    fn recycle(&self, _: &mut String) -> bool {
        self.0.swap(1, Relaxed) == 0
    }
}

static POOL: Pool<String, Counting> = Pool::new(Counting(AtomicU32::new(0)));

fn main() {
    drop(POOL.get());
}
