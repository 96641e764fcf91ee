//! Functions that take any reference are functions that take a `'static` one. A pool of the former is not one of the
//! latter: someone could put a function there that takes `'static` references only.
use stealpool::Pool;

type Any = for<'a> fn(&'a u8);
type Static = fn(&'static u8);

fn shared(pool: &Pool<Any, ()>) -> &Pool<Static, ()> {
    pool
}

fn main() {}
