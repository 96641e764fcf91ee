//! Policies made of closures: what is given is asked, and what is not is as the type says.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use stealpool::{Policy, Pool, policy};

/// What is idle in bytes, and what the next get finds, after an object came back with some text.
fn after<P: Policy<String>>(policy: P) -> (usize, String) {
    let pool: Pool<String, P> = Pool::new(policy);
    pool.get().push_str("text");
    let idle = pool.stats().idle_bytes;
    (idle, pool.get().clone())
}

fn new() -> String {
    String::with_capacity(100)
}

#[test]
fn without_closures_the_type_says_all() {
    assert_eq!(after(policy(new)), (100, String::new()));
}

#[test]
fn a_footprint_alone() {
    let footprint = |text: &String| text.capacity() + 7;
    assert_eq!(after(policy(new).footprint_with(footprint)), (107, String::new()));
}

#[test]
fn a_recycling_alone() {
    let recycle = |text: &mut String| {
        text.push('!');
        true
    };
    let size = size_of::<String>();
    assert_eq!(after(policy(new).recycle_with(recycle)), (size, String::from("text!")));
}

#[test]
fn both_and_the_footprint_sees_what_recycling_left() {
    let both = || {
        policy(new)
            .recycle_with(|text: &mut String| {
                text.truncate(2);
                true
            })
            .footprint_with(|text: &String| text.len())
    };
    assert_eq!(after(both()), (2, String::from("te")));
    assert!(format!("{:?}", both()).starts_with("Closures"));
}

#[test]
fn an_object_is_weighed_once_and_only_if_it_is_kept() {
    let weighed = AtomicUsize::new(0);
    let weigh = |_: &String| {
        // Relaxed: one thread.
        weighed.fetch_add(1, Relaxed);
        1
    };
    let kept = |text: &mut String| text.is_empty();
    let pool = Pool::new(policy(new).recycle_with(kept).footprint_with(weigh));
    drop(pool.get());
    pool.get().push('x');
    assert_eq!(weighed.load(Relaxed), 1);
    assert_eq!((pool.idle(), pool.stats().drops.refused), (0, 1));
}
