//! The steps of the machine of panics, and a source of memory pressure that panics where it is told to.

use super::object::{Callback, go_off};
use proptest::prelude::*;
use std::time::Duration;
use std::{fmt, io, thread};
use stealpool::{Builder, PressureSource, PressureSwitch, Sleep};

/// Where a source of memory pressure panics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SourceFault {
    Nowhere,
    Name,
    /// After so many waits.
    Wait(usize),
    /// The text of the error that it fails with.
    Text,
}

pub(crate) struct Source {
    pub(crate) switch: PressureSwitch,
    pub(crate) fault: SourceFault,
    /// Whether its destructor panics, too.
    pub(crate) is_bomb: bool,
}

/// An error whose text cannot be had.
#[derive(Debug)]
struct Unspeakable;

impl fmt::Display for Unspeakable {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        go_off()
    }
}

impl std::error::Error for Unspeakable {}

impl PressureSource for Source {
    fn name(&self) -> String {
        if self.fault == SourceFault::Name {
            go_off();
        }
        String::from("of the test")
    }

    fn wait(&mut self, sleep: &Sleep) -> io::Result<bool> {
        match &mut self.fault {
            SourceFault::Wait(0) => go_off(),
            SourceFault::Wait(left) => *left -= 1,
            SourceFault::Text => return Err(io::Error::other(Unspeakable)),
            _ => {}
        }
        self.switch.wait(sleep)
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        if self.is_bomb && !thread::panicking() {
            go_off();
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Get,
    Return(usize),
    /// The destructor of a lent object panics.
    Arm(usize),
    Discard(usize),
    TakeOut(usize),
    Put(usize),
    Wrap,
    Reserve(usize),
    Collect,
    Clear,
    Drain,
    Budget(usize),
    /// Past a look at the clock.
    Many,
    /// A collector begins, whose source's destructor and whose hooks panic if this says so.
    Spawn(SourceFault, bool, bool),
    Stop,
    Pulse,
    /// Memory is short.
    Raise,
    /// Whether recorders and subscribers panic from now on.
    Watch(bool),
    /// Figures for the recorder.
    Record,
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    let fault = prop_oneof![
        Just(SourceFault::Nowhere),
        Just(SourceFault::Name),
        (0usize..3).prop_map(SourceFault::Wait),
        Just(SourceFault::Text),
    ];
    prop_oneof![
        20 => Just(Step::Get),
        16 => (0usize..8).prop_map(Step::Return),
        4 => (0usize..8).prop_map(Step::Arm),
        2 => (0usize..8).prop_map(Step::Discard),
        2 => (0usize..8).prop_map(Step::TakeOut),
        4 => (0usize..60).prop_map(Step::Put),
        2 => Just(Step::Wrap),
        2 => (0usize..8).prop_map(Step::Reserve),
        3 => Just(Step::Collect),
        2 => Just(Step::Clear),
        2 => Just(Step::Drain),
        2 => (0usize..100).prop_map(Step::Budget),
        2 => Just(Step::Many),
        6 => (fault, any::<bool>(), any::<bool>())
            .prop_map(|(fault, is_bomb, hooks)| Step::Spawn(fault, is_bomb, hooks)),
        2 => Just(Step::Stop),
        3 => Just(Step::Pulse),
        1 => Just(Step::Raise),
        3 => any::<bool>().prop_map(Step::Watch),
        1 => Just(Step::Record),
    ]
}

/// Which callback panics in a step.
pub(crate) fn fuse() -> impl Strategy<Value = Option<Callback>> {
    let callback =
        prop_oneof![Just(Callback::Create), Just(Callback::Recycle), Just(Callback::Footprint),];
    prop_oneof![6 => Just(None), 1 => callback.prop_map(Some)]
}

pub(crate) fn settings() -> impl Strategy<Value = Builder> {
    let bound = prop_oneof![2 => Just(None), 1 => (1usize..20).prop_map(Some)];
    let depth = prop_oneof![2 => Just(1usize), 1 => Just(64)];
    (bound, depth).prop_map(|(bound, depth)| {
        let settings = Builder::new().collect_every(Duration::ZERO).name("panics");
        let settings = settings.private_depth(depth);
        bound.map_or(settings, |most| settings.max_idle(most))
    })
}
