//! Random scripts against a model that is a bag of numbers (`machine/mod.rs`).
//!
//! Properties, whatever the script and the settings, and whatever callback panics:
//!
//! * Every object is in one place: lent, outside, idle, or forgotten. A ledger sees each dropped once.
//! * On one thread, a get finds an object whenever one is idle. Among several, it misses only what
//!   waits in the magazines of other processors.
//! * A bound is never exceeded, and on one thread nothing is refused while there is room.
//! * No object is dropped by a cycle before it was idle through a whole one, and two cycles without
//!   any use empty the pool.
//! * A pool that is dropped while objects are lent lives until the last of them is back.
//! * A panic of a callback or a destructor comes out of the call that ran it, and costs one object at
//!   most.
//! * Every count is what the script made it.
//!
//! The threads of a script are real, and take turns: each step is over before the next begins. So
//! steals and victims happen in a known order.

mod cases;
mod common;
#[path = "machine/mod.rs"]
mod machine;

use cases::cases;
use machine::object::{Callback, UNLOVED};
use machine::{Settings, Step, World};
use proptest::collection::vec;
use proptest::prelude::*;
use std::time::Duration;

fn bound() -> impl Strategy<Value = Option<usize>> {
    prop_oneof![
        4 => Just(None),
        1 => Just(Some(0)),
        3 => (1usize..12).prop_map(Some),
        1 => Just(Some(usize::MAX - 1)),
        1 => Just(Some(usize::MAX)),
    ]
}

fn bytes() -> impl Strategy<Value = Option<usize>> {
    prop_oneof![
        4 => Just(None),
        1 => Just(Some(0)),
        3 => (1usize..200).prop_map(Some),
        1 => Just(Some(usize::MAX)),
    ]
}

fn settings() -> impl Strategy<Value = Settings> {
    let interval =
        prop_oneof![Just(None), Just(Some(Duration::MAX)), Just(Some(Duration::from_secs(3600))),];
    // Objects in a magazine are out of others' reach: with one each, a miss says most.
    let depth = prop_oneof![4 => Just(1), 2 => 2usize..6, 1 => Just(64)];
    (bound(), bytes(), bytes(), interval, depth).prop_map(
        |(max_idle, idle_bytes, max_object_bytes, interval, depth)| Settings {
            max_idle,
            idle_bytes,
            max_object_bytes,
            interval,
            depth,
        },
    )
}

fn weight() -> impl Strategy<Value = usize> {
    // Now and then what no machine has.
    prop_oneof![10 => Just(0), 10 => Just(UNLOVED), 10 => 0usize..60, 1 => Just(common::LARGE)]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => Just(Step::Get),
        4 => Just(Step::TryGet),
        2 => weight().prop_map(Step::GetWith),
        2 => prop_oneof![weight().prop_map(Ok), Just(Err(()))].prop_map(Step::TryGetWith),
        6 => (0usize..8, weight()).prop_map(|(at, weight)| Step::Grow(at, weight)),
        1 => (0usize..8).prop_map(Step::Arm),
        18 => (0usize..8).prop_map(Step::Return),
        2 => (0usize..8).prop_map(Step::Discard),
        2 => (0usize..8).prop_map(Step::IntoInner),
        1 => Just(Step::Forget),
        6 => weight().prop_map(Step::Put),
        4 => weight().prop_map(Step::Wrap),
        2 => (0usize..8, 0usize..8).prop_map(|(a, b)| Step::Swap(a, b)),
        2 => (0usize..8).prop_map(Step::Reserve),
        4 => Just(Step::Collect),
        2 => Just(Step::CollectTwice),
        2 => Just(Step::Clear),
        2 => (0usize..4).prop_map(Step::Drain),
        1 => Just(Step::Exit),
        1 => (0usize..8).prop_map(Step::ExitHolding),
        1 => settings().prop_map(|settings| Step::Replace(Box::new(settings))),
    ]
}

/// Which callback panics in a step, after how many calls.
fn fuse() -> impl Strategy<Value = Option<(Callback, usize)>> {
    let callback =
        prop_oneof![Just(Callback::Create), Just(Callback::Recycle), Just(Callback::Footprint),];
    let fuse = (callback, prop_oneof![3 => Just(0), 1 => 1usize..4]);
    prop_oneof![9 => Just(None), 1 => fuse.prop_map(Some)]
}

proptest! {
    #![proptest_config(cases(1000))]

    #[test]
    fn one_thread_and_the_model_agree(
        settings in settings(),
        script in vec((step(), fuse()), 0..=200),
    ) {
        let mut world = World::new(settings, 1);
        script.iter().for_each(|(step, fuse)| world.step(0, step, *fuse));
        world.end();
    }

    #[test]
    fn several_threads_and_the_model_agree(
        settings in settings(),
        script in vec((0usize..4, step(), fuse()), 0..=200),
    ) {
        let mut world = World::new(settings, 4);
        script.iter().for_each(|(who, step, fuse)| world.step(*who, step, *fuse));
        world.end();
    }
}

proptest! {
    #![proptest_config(cases(32))]

    /// More threads than most machines have processors, with the shared store behind them.
    #[test]
    fn a_crowd_and_the_model_agree(script in vec((0usize..40, step(), fuse()), 0..200)) {
        let mut world = World::new(Settings::default(), 40);
        script.iter().for_each(|(who, step, fuse)| world.step(*who, step, *fuse));
        world.end();
    }
}
