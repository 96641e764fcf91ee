//! The deque alone: the shipped source of crossbeam-deque, in every interleaving of an owner and thieves.
//!
//! A script is what the owner does: `p` adds an object, `o` takes the newest. It holds two at most, so
//! every script meets both ends.

mod common;

use common::{Item, explore, explore_broken, touch};
use loom::thread;
use std::sync::Arc;
use stealpool::model::{Held, Line};

fn follow(line: &Line<Item>, script: &str, next: &mut usize) -> Vec<Held<Item>> {
    let mut held = Vec::new();
    for step in script.chars() {
        if step == 'p' {
            let item = Item::new(*next);
            touch(&item);
            *next += 1;
            held.extend(line.push(item));
        } else {
            held.extend(line.pop());
        }
    }
    held.iter().for_each(|held| _ = touch(held));
    held
}

/// The owner follows `before` alone, then `script` beside thieves that steal so often each.
fn race(before: &str, script: &str, thieves: &[usize]) {
    let line = Arc::new(Line::new());
    let mut next = 0;
    let mut held = follow(&line, before, &mut next);
    let thieves: Vec<_> = thieves
        .iter()
        .map(|steals| {
            let (line, steals) = (Arc::clone(&line), *steals);
            thread::spawn(move || {
                let stolen: Vec<_> = (0..steals).filter_map(|_| line.steal()).collect();
                stolen.iter().for_each(|held| _ = touch(held));
                stolen
            })
        })
        .collect();
    held.extend(follow(&line, script, &mut next));
    for thief in thieves {
        let stolen = thief.join().unwrap();
        assert!(
            stolen.is_sorted_by_key(|held| held.value().id),
            "a thief takes the oldest first"
        );
        held.extend(stolen);
    }
    held.extend(std::iter::from_fn(|| line.steal()));
    let mut ids: Vec<_> = held.iter().map(touch).collect();
    ids.sort_unstable();
    assert!(ids.into_iter().eq(0..next), "each object exactly once");
}

/// *Proves*, each: every object is the owner's or one thief's, once, and its use happens-before the next.
macro_rules! races {
    ($($name:ident: $before:literal, $script:literal || $($steals:literal)||+, at least $floor:literal;)+) => {$(
        #[test]
        fn $name() {
            let name = concat!("deque: [", $before, "] ", $script, $(" || steal x ", $steals,)+);
            let bound = if [$($steals),+].len() > 1 { Some(2) } else { None };
            explore(name, bound, $floor, || race($before, $script, &[$($steals),+]));
        }
    )+};
}

races! {
    one_comes: "", "p" || 1, at least 3;
    one_comes_and_goes: "", "po" || 1, at least 10;
    two_come: "", "pp" || 1, at least 5;
    two_come_one_goes: "", "ppo" || 1, at least 20;
    two_come_two_go: "", "ppoo" || 1, at least 30;
    two_come_two_go_two_are_stolen: "", "ppoo" || 2, at least 50;
    one_at_a_time: "", "popo" || 1, at least 20;
    one_at_a_time_against_two: "p", "opo" || 2, at least 40;
    the_last_one: "p", "o" || 1, at least 10;
    the_last_one_against_two: "p", "o" || 2, at least 10;
    two_are_there: "pp", "oo" || 1, at least 30;
    two_are_there_two_are_stolen: "pp", "oo" || 2, at least 50;
    the_top_is_replaced: "pp", "opo" || 1, at least 40;
    the_top_is_replaced_twice: "pp", "opop" || 1, at least 50;
    a_third_does_not_fit: "pp", "po" || 2, at least 30;
    a_full_one_has_room_again: "pp", "ppo" || 1, at least 20;
    round_and_round: "popopopp", "oo" || 2, at least 50;
    round_and_round_and_full: "popoppoop", "ppo" || 2, at least 50;
    emptied_and_filled: "pp", "oop" || 2, at least 50;
    two_thieves_want_the_last: "p", "o" || 1 || 1, at least 50;
    two_thieves_want_two: "pp", "o" || 1 || 1, at least 50;
    two_thieves_against_give_and_take: "p", "po" || 1 || 1, at least 100;
    two_thieves_of_different_speed: "pp", "oo" || 2 || 1, at least 100;
}

/// crossbeam's source with one fence less.
#[allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    unsafe_op_in_unsafe_fn,
    clippy::all,
    clippy::undocumented_unsafe_blocks,
    clippy::multiple_unsafe_ops_per_block,
    reason = "crossbeam's source, not ours"
)]
mod broken {
    include!(concat!(env!("OUT_DIR"), "/broken.rs"));
}

/// A pop without its fence must be seen: the owner and a thief take the same object.
#[test]
fn a_pop_without_its_fence_is_seen() {
    explore_broken("deque: [pp] oo || steal x 2, without a fence", || {
        let owner = broken::Worker::new_lifo();
        (0..2_usize).for_each(|id| owner.push(id));
        let stealer = owner.stealer();
        let thief = thread::spawn(move || {
            let steal = || stealer.steal().success();
            [steal(), steal()]
        });
        let popped = [owner.pop(), owner.pop()];
        let stolen = thief.join().unwrap();
        drop(owner);
        let mut ids: Vec<_> = popped.into_iter().chain(stolen).flatten().collect();
        ids.sort_unstable();
        assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
    });
}
