//! The twin of fail/subtype.rs, which compiles.
use stealpool::Pool;

type Any = for<'a> fn(&'a u8);
type Static = fn(&'static u8);

fn shared(pool: &Pool<Any, ()>) -> &Pool<Any, ()> {
    pool
}

fn function(any: Any) -> Static {
    any
}

fn main() {
    let _ = (shared, function);
}
