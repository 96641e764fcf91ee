//! A constructor alone does not say how to clean an object of a type without `Recycle`.
use stealpool::Pool;

struct Parser;

fn main() {
    let _pool = Pool::new(|| Parser);
}
