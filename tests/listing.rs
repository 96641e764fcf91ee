//! What the list of named pools shows, and what may be done by it.

mod common;

use common::Census;
use stealpool::{Builder, NamedPool, Pool, policy};

/// The one pool of this name.
fn named(name: &str) -> NamedPool {
    let mut found = stealpool::registry().filter(|pool| pool.name() == name);
    let pool = found.next().expect("a pool of this name");
    assert!(found.next().is_none(), "one pool of this name");
    pool
}

fn is_listed(name: &str) -> bool {
    stealpool::registry().any(|pool| pool.name() == name)
}

#[test]
fn a_pool_is_listed_from_its_first_use_to_its_drop() {
    let census = Census::new();
    let pool = census.pool_with(Builder::new().name("listed").collect_manually());
    assert!(!is_listed("listed"), "nobody has used it");
    drop(pool.get());
    let seen = named("listed");
    drop(pool);
    assert!(!is_listed("listed"));
    assert_eq!(census.alive(), 0, "the list keeps no objects");
    assert_eq!(seen.stats().creates, 1, "the books stay");
    assert_eq!(seen.clear(), 0);
}

#[test]
fn a_named_pool_is_aged_and_cleared_by_its_name() {
    let census = Census::new();
    let pool = census.pool_with(Builder::new().name("far away").collect_manually());
    drop((pool.get(), pool.get()));
    let found = named("far away");
    assert_eq!(found.stats(), pool.stats());
    assert_eq!((found.collect().aged, census.alive()), (2, 2));
    assert_eq!((found.collect().dropped, census.alive()), (2, 0));
    pool.reserve(3);
    assert_eq!((found.clear(), census.alive()), (3, 0));
    let text = format!("{found:?}");
    assert!(text.contains("far away") && text.contains("cycles: 2"), "{text}");
}

#[test]
#[cfg_attr(not(panic = "unwind"), ignore = "needs panics that unwind")]
fn a_destructor_s_panic_comes_out_of_what_dropped_the_object() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            std::panic::resume_unwind(Box::new("boom"));
        }
    }
    let bombs: Pool<Bomb, _> = Builder::new()
        .name("bombs")
        .collect_manually()
        .build(policy(|| Bomb).recycle_with(|_| true));
    let found = || std::panic::AssertUnwindSafe(named("bombs"));
    bombs.reserve(2);
    bombs.collect();
    let pool = found();
    let end = std::panic::catch_unwind(move || pool.collect());
    assert_eq!(end.unwrap_err().downcast_ref(), Some(&"boom"));
    assert_eq!(bombs.idle(), 0, "both are gone");
    bombs.reserve(2);
    let pool = found();
    let end = std::panic::catch_unwind(move || pool.clear());
    assert_eq!(end.unwrap_err().downcast_ref(), Some(&"boom"));
    assert_eq!(bombs.idle(), 0, "both are gone");
}
