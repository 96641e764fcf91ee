//! A `static` is shared, so what recycles its objects must be `Sync`.
use stealpool::{Policy, Pool};
use std::cell::Cell;

struct Counting(Cell<u32>);

impl Policy<String> for Counting {
    fn create(&self) -> String {
        String::new()
    }
    fn recycle(&self, _: &mut String) -> bool {
        self.0.replace(1) == 0
    }
}

static POOL: Pool<String, Counting> = Pool::new(Counting(Cell::new(0)));

fn main() {
    drop(POOL.get());
}
