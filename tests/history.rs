//! The checker of histories (`common/history.rs`) by itself: each rule by a forged history that breaks it,
//! and by one that comes close to it and does not.

mod common;

use common::history::{self, Event, Op, Sums, judge};
use common::{Census, Puppet};
use std::mem;
use std::sync::Arc;
use stealpool::{Guard, OwnedGuard};

/// Who and what, in the order of time; the cycles' object is nobody.
fn forged(script: &[(Op, u32)]) -> Vec<Event> {
    let event =
        |(time, (op, id)): (usize, &(Op, u32))| Event { op: *op, id: *id, thread: time as u32 % 2 };
    script.iter().enumerate().map(event).collect()
}

fn right(script: &[(Op, u32)], idle: usize) -> Sums {
    judge(&forged(script), idle).unwrap_or_else(|violation| panic!("{violation}"))
}

/// Breaks this rule by the events at these two times.
#[track_caller]
fn wrong(rule: &str, [first, then]: [usize; 2], script: &[(Op, u32)]) {
    let events = forged(script);
    // What is left is idle, so that nothing else is wrong.
    let count = |op| events.iter().filter(|event| event.op == op).count();
    let gone = count(Op::Dropped) + count(Op::AgedOut) + count(Op::Leaked);
    let idle = count(Op::Made).saturating_sub(gone);
    let violation = judge(&events, idle).expect_err(rule);
    assert_eq!(violation.rule, rule);
    assert_eq!(
        [violation.first, violation.then],
        [first, then].map(|time| Some((time, events[time])))
    );
}

use Op::{AgedOut, CycleBegan, CycleEnded, Dropped, Gave, Leaked, LetGo, Made, Took};

#[test]
fn what_may_happen_is_accepted() {
    let sums = right(
        &[
            (Made, 0),
            (Took, 0),
            (Made, 1),
            (Gave, 1),
            (Made, 2),
            (Took, 2),
            (Leaked, 2),
            // Taken before it came back to the other: these times are when calls ended and began.
            (Gave, 0),
            (Took, 0),
            (LetGo, 0),
            (Gave, 0),
            // Made by `reserve`, and out for good.
            (Made, 3),
            (Took, 3),
            (LetGo, 3),
            (Dropped, 3),
            (CycleBegan, 0),
            (Made, 4),
            (Took, 4),
            (Gave, 4),
            (CycleEnded, 0),
            (CycleBegan, 0),
            (AgedOut, 1),
            // It came while the first cycle was on.
            (AgedOut, 4),
            (CycleEnded, 0),
        ],
        1,
    );
    let expected = Sums { made: 5, dropped: 3, leaked: 1, idle: 1 };
    assert_eq!(sums, expected);
    assert_eq!(right(&[], 0), Sums::default());
}

#[test]
fn an_object_has_one_holder() {
    let script = [(Made, 0), (Took, 0), (Took, 0), (Gave, 0), (Gave, 0)];
    wrong(history::TWO_HOLDERS, [1, 2], &script);
}

#[test]
fn an_object_is_lent_again_when_it_has_come_back() {
    let script = [(Made, 0), (Took, 0), (LetGo, 0), (Took, 0), (Gave, 0)];
    wrong(history::NOT_GIVEN, [2, 3], &script);
    let script = [(Made, 0), (Took, 0), (Gave, 0), (Gave, 0)];
    wrong(history::GIVEN_TWICE, [2, 3], &script);
}

#[test]
fn an_object_is_made_once() {
    wrong(history::MADE_TWICE, [1, 2], &[(Made, 0), (Gave, 0), (Made, 0)]);
    let violation = judge(&forged(&[(Took, 0)]), 0).unwrap_err();
    assert_eq!(violation.rule, history::BEFORE_IT_WAS_MADE);
}

#[test]
fn an_object_is_dropped_once_and_not_in_use() {
    let script = [(Made, 0), (Gave, 0), (Dropped, 0), (Dropped, 0)];
    wrong(history::DROPPED_TWICE, [2, 3], &script);
    let script = [(Made, 0), (Took, 0), (Dropped, 0)];
    wrong(history::DROPPED_IN_USE, [1, 2], &script);
    let script = [(Made, 0), (Gave, 0), (Dropped, 0), (Took, 0)];
    wrong(history::USED_AFTER_DROP, [2, 3], &script);
    let script = [(Made, 0), (Took, 0), (Leaked, 0), (Took, 0)];
    wrong(history::USED_AFTER_LEAK, [2, 3], &script);
}

#[test]
fn an_object_outlives_its_first_cycle() {
    let cycle = [(CycleBegan, 0), (AgedOut, 0), (CycleEnded, 0)];
    let mut script = vec![(Made, 0), (Gave, 0)];
    script.extend(cycle);
    wrong(history::AGED_EARLY, [1, 3], &script);
    // A cycle that was over when it came does not count; one that was on does.
    let late = |end: [(Op, u32); 2]| {
        let mut script = vec![(Made, 0), (Took, 0), (CycleBegan, 0)];
        script.extend(end);
        script.extend(cycle);
        script
    };
    wrong(history::AGED_EARLY, [4, 6], &late([(CycleEnded, 0), (Gave, 0)]));
    right(&late([(Gave, 0), (CycleEnded, 0)]), 0);
    // Use makes it young again.
    let mut script = vec![(Made, 0), (Gave, 0), (CycleBegan, 0), (CycleEnded, 0)];
    script.extend([(Took, 0), (Gave, 0)]);
    script.extend(cycle);
    wrong(history::AGED_EARLY, [5, 7], &script);
    let script = [(CycleBegan, 0), (CycleBegan, 0)];
    wrong(history::TWO_COLLECTORS, [0, 1], &script);
}

#[test]
fn every_object_is_accounted_for() {
    let script = [(Made, 0), (Took, 0), (Made, 1), (Took, 1), (Gave, 1)];
    let events = forged(&script);
    let violation = judge(&events, 1).unwrap_err();
    assert_eq!(violation.rule, history::LOST);
    assert_eq!(violation.then, Some((1, events[1])));
    // The pool says that it has more, or fewer, than came.
    for idle in [0, 2] {
        let violation = judge(&events[2..], idle).unwrap_err();
        assert_eq!(violation.rule, history::LOST);
    }
    right(&script[2..], 1);
}

/// From all threads, and in the right order.
#[test]
fn a_run_is_written_down() {
    let census = Census::watched();
    let pool = census.pool();
    let other = Puppet::new();
    let (theirs, makes) = (Arc::clone(&pool), census.clone());
    let guard = other.run(move || {
        theirs.put(makes.object());
        let guard = theirs.get_owned();
        guard.took();
        guard
    });
    drop(guard);
    let kept = pool.get();
    kept.took();
    kept.let_go();
    Guard::discard(kept);
    let forgotten = pool.get_owned();
    forgotten.took();
    forgotten.leaks();
    mem::forget(OwnedGuard::into_inner(forgotten));
    pool.put(census.object());
    census.cycle(|| pool.collect());
    census.cycle(|| pool.collect());
    other.end();
    let ops: Vec<_> = census.events().iter().map(|it| (it.op, it.id)).collect();
    let expected = [
        (Made, 0),
        (Gave, 0),
        (Took, 0),
        (Gave, 0),
        (Took, 0),
        (LetGo, 0),
        (Dropped, 0),
        (Made, 1),
        (Took, 1),
        (Leaked, 1),
        (Made, 2),
        (Gave, 2),
        (CycleBegan, 0),
        (CycleEnded, 0),
        (CycleBegan, 0),
        (AgedOut, 2),
        (CycleEnded, 0),
    ];
    assert_eq!(ops, expected);
}
