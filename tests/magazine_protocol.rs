//! The protocol of a magazine, which loom cannot see: every execution of its restartable sequences, of threads
//! that close its gate, and of collectors that stop it, on processors with store buffers.
//!
//! The programs are those of `src/sys/rseq.rs`, `src/engine/worker.rs`, `src/engine/held.rs` and
//! `src/engine/cycle.rs`, a step an access to memory. Shown, whatever is preempted, migrated or interrupted
//! when: an object belongs to one at a time and is never lost; who takes it sees what its last holder wrote;
//! nobody reads one that was freed; each put is counted once; a closed magazine has one user; nobody waits.
//! Each rule has a variant that breaks it, which must be caught.

#[path = "tso/magazine.rs"]
mod magazine;
#[path = "tso/programs.rs"]
mod programs;
#[path = "tso/mod.rs"]
mod tso;

use magazine::run;
use programs::{BARRIER, HELD, If, Mark, Op, Ops, Protocol, STOPPED, edited, moved, right};
use std::time::Instant;
use tso::Barrier;

/// What each thread does, and the processors that it may run on, a bit each.
type Scenario = fn(&Protocol) -> Vec<(Ops, u8)>;

const FIRST: u8 = 1;
const SECOND: u8 = 2;
const ANY: u8 = 7;

fn explored(
    processors: usize,
    scenario: Scenario,
    protocol: &Protocol,
) -> Result<usize, &'static str> {
    run(processors, protocol.restarts, scenario(protocol))
}

/// Threads that only use sequences.
fn sequences(p: &Protocol) -> Vec<(Ops, u8)> {
    vec![
        ([&p.pop[..], &p.push].concat(), ANY),
        ([&p.pop[..], &p.push].concat(), FIRST),
        (p.collect.clone(), ANY),
    ]
}

/// One that closes the magazine.
fn holder(p: &Protocol) -> Vec<(Ops, u8)> {
    vec![([&p.pop[..], &p.push].concat(), ANY), (p.close.clone(), ANY), (p.collect.clone(), ANY)]
}

/// A holder that may be on the other processor when it opens.
fn no_collector(p: &Protocol) -> Vec<(Ops, u8)> {
    vec![([&p.pop[..], &p.push].concat(), ANY), ([&p.close[..], &p.push].concat(), ANY)]
}

/// An object that is made on the way, and goes to another thread that has made room for it.
fn handed_on(p: &Protocol) -> Vec<(Ops, u8)> {
    vec![
        ([&[Op::Create(3)], &p.push[..]].concat(), ANY),
        ([&p.close[..], &[Op::Free], &p.pop].concat(), FIRST),
        (p.collect.clone(), SECOND),
    ]
}

fn collectors(p: &Protocol) -> Vec<(Ops, u8)> {
    vec![([&p.close[..], &p.pop].concat(), ANY), (p.collect.clone(), ANY), (p.collect.clone(), ANY)]
}

fn refusal(p: &Protocol) -> Vec<(Ops, u8)> {
    vec![
        ([&p.close[..], &p.push].concat(), ANY),
        (p.refused.clone(), ANY),
        (p.collect.clone(), ANY),
    ]
}

/// Everybody at once.
fn all(p: &Protocol) -> Vec<(Ops, u8)> {
    vec![
        (p.close.clone(), FIRST),
        ([&p.pop[..], &p.push].concat(), FIRST),
        (p.refused.clone(), SECOND),
        (p.collect.clone(), SECOND),
    ]
}

fn without_sequences(p: &Protocol) -> Vec<(Ops, u8)> {
    vec![
        ([&p.enter[..], &p.enter].concat(), ANY),
        ([&p.enter[..], &p.enter].concat(), ANY),
        (p.collect_entered.clone(), ANY),
        (p.collect_entered.clone(), ANY),
    ]
}

#[test]
fn one_collector_takes_what_is_nobodys() {
    assert_holds(&[(2, sequences), (2, holder), (2, handed_on)]);
}

#[test]
fn several_collectors_take_turns() {
    assert_holds(&[(2, collectors), (3, collectors), (2, refusal), (2, all)]);
}

#[test]
fn exchanges_do_without_a_barrier() {
    assert_holds(&[(2, without_sequences)]);
}

fn assert_holds(scenarios: &[(usize, Scenario)]) {
    for (processors, scenario) in scenarios {
        let begun = Instant::now();
        let states = explored(*processors, *scenario, &right()).expect("right");
        assert!(states > 10_000, "only {states} states");
        println!("{states} states in {:.1?}", begun.elapsed());
    }
}

/// A spoiled variant must come to grief in this scenario, and not before threads meet.
fn assert_caught(name: &str, scenario: Scenario, spoil: impl FnOnce(&mut Protocol)) {
    let mut protocol = right();
    spoil(&mut protocol);
    for (program, _) in scenario(&protocol) {
        let alone = run(1, protocol.restarts, vec![(program, FIRST)]);
        alone.expect("right if alone");
    }
    match explored(2, scenario, &protocol) {
        Ok(states) => panic!("{name}: not caught in {states} states"),
        Err(what) => println!("{name}: {what}"),
    }
}

#[test]
fn a_weaker_barrier_is_caught() {
    let barrier = |fences, restarts| Op::Barrier(Barrier { fences, restarts });
    let by = |op| move |p: &mut Protocol| p.collect = edited(&p.collect, BARRIER, &[op]);
    assert_caught("none, or a refusal ignored", sequences, by(Op::Pause));
    assert_caught("only fences", sequences, by(barrier(true, false)));
    assert_caught("only fences, a holder", collectors, by(barrier(true, false)));
    assert_caught("only restarts", sequences, by(barrier(false, true)));
    assert_caught("comes before the stop", holder, |p| {
        p.collect = moved(&p.collect, BARRIER, Op::LoadGate);
    });
}

#[test]
fn a_collector_that_looks_wrongly_is_caught() {
    assert_caught("does not look", holder, |p| {
        let turn_away = Op::Unless(If::IsStopped, Mark::Leaving);
        p.collect = edited(&p.collect, turn_away, &[]);
    });
    assert_caught("looks before the barrier", holder, |p| {
        p.collect = moved(&p.collect, Op::Look, BARRIER);
    });
    assert_caught("reads the header before the barrier", sequences, |p| {
        p.collect = moved(&p.collect, Op::LoadHeader, BARRIER);
    });
}

#[test]
fn a_collector_that_stops_or_opens_wrongly_is_caught() {
    assert_caught("stops by a store", holder, |p| {
        p.collect = edited(&p.collect, Op::Shut(STOPPED), &[Op::StoreGate(STOPPED)]);
    });
    assert_caught("opens before the header", sequences, |p| {
        let open = [Op::Open, Op::StoreEmpty, Op::Unless(If::Never, Mark::Leaving)];
        p.collect = edited(&p.collect, Op::StoreEmpty, &open);
    });
    assert_caught("opens what it turned away from", holder, |p| {
        p.collect = edited(&p.collect, Op::Unclaim, &[Op::Open, Op::Unclaim]);
    });
    assert_caught("undoes by a store", refusal, |p| {
        p.refused = edited(&p.refused, Op::Undo, &[Op::Open]);
    });
}

#[test]
fn a_collector_without_its_claim_is_caught() {
    assert_caught("never claims", collectors, |p| {
        let ops = edited(&p.collect, Op::Claim, &[Op::Pause]);
        p.collect = edited(&ops, Op::Unless(If::Succeeded, Mark::End), &[]);
    });
    for before in [BARRIER, Op::Look] {
        assert_caught("drops it before the look", collectors, |p| {
            let stopped = |mark| Op::Unless(If::IsStopped, mark);
            let leave = [Op::Unless(If::Never, Mark::End), Op::Mark(Mark::Leaving)];
            let ops = edited(&p.collect, before, &[Op::Unclaim, before]);
            let ops = edited(&ops, stopped(Mark::Leaving), &[stopped(Mark::End)]);
            p.collect = edited(&ops, Op::Mark(Mark::Leaving), &leave);
        });
    }
    assert_caught("drops it before the undoing", refusal, |p| {
        let leave = [Op::Unclaim, Op::Undo, Op::Unless(If::Never, Mark::End)];
        p.refused = edited(&p.refused, Op::Undo, &leave);
    });
}

/// Spoils each of the three sequences in the same way.
fn assert_each_caught(name: &str, spoil: impl Fn(&Ops) -> Ops) {
    assert_caught(&format!("pop {name}"), sequences, |p| p.pop = spoil(&p.pop));
    assert_caught(&format!("push {name}"), sequences, |p| p.push = spoil(&p.push));
    assert_caught(&format!("close {name}"), holder, |p| p.close = spoil(&p.close));
}

#[test]
fn a_sequence_that_is_not_restarted_is_caught() {
    assert_caught("whoever is preempted", sequences, |p| p.restarts = false);
    assert_each_caught("is none", |ops| edited(ops, Op::Begin, &[]));
    assert_each_caught("reads the number before it begins", |ops| {
        let late = [Op::Here, Op::Pause, Op::Begin];
        edited(&edited(ops, Op::Begin, &[]), Op::Here, &late)
    });
    assert_each_caught("reads the gate before it begins", |ops| {
        let late = [Op::LoadGate, Op::Begin];
        edited(&edited(ops, Op::Begin, &[]), Op::LoadGate, &late)
    });
    let early = |op| [Op::Leave, Op::Pause, op];
    assert_caught("pop ends before it commits", sequences, |p| {
        p.pop = edited(&p.pop, Op::CommitPop, &early(Op::CommitPop));
    });
    assert_caught("push ends before it commits", sequences, |p| {
        p.push = edited(&p.push, Op::CommitPush, &early(Op::CommitPush));
    });
    assert_caught("close ends before it commits", holder, |p| {
        p.close = edited(&p.close, Op::CommitHeld, &early(Op::CommitHeld));
    });
}

/// Who holds the gate may be on another processor, and opens it after a sequence has read an old header.
#[test]
fn a_header_read_before_the_gate_is_caught() {
    assert_caught("pop", sequences, |p| p.pop = moved(&p.pop, Op::LoadHeader, Op::LoadGate));
    assert_caught("push", sequences, |p| p.push = moved(&p.push, Op::LoadHeader, Op::LoadGate));
    assert_caught("pop, no collector", no_collector, |p| {
        p.pop = moved(&p.pop, Op::LoadHeader, Op::LoadGate)
    });
}

#[test]
fn a_second_store_is_caught() {
    assert_caught("push writes the pointer after the commit", sequences, |p| {
        let ops = edited(&p.push, Op::StorePointer, &[]);
        p.push = edited(&ops, Op::CommitPush, &[Op::CommitPush, Op::StoreLate]);
    });
    assert_caught("push counts after the commit", sequences, |p| {
        let twice = [Op::CommitUncounted, Op::CountPut];
        p.push = edited(&p.push, Op::CommitPush, &twice);
    });
}

#[test]
fn a_gate_that_is_ignored_is_caught() {
    let one = Op::Unless(If::HasOne, Mark::End);
    assert_caught("by pop", sequences, |p| {
        p.pop = edited(&p.pop, Op::Unless(If::Poppable, Mark::End), &[one]);
    });
    let room = Op::Unless(If::HasRoom, Mark::Full);
    assert_caught("by push", sequences, |p| {
        p.push = edited(&p.push, Op::Unless(If::Pushable, Mark::Full), &[room]);
    });
    let not_held = Op::Unless(If::IsNotHeld, Mark::End);
    assert_caught("by close, if stopped", holder, |p| {
        p.close = edited(&p.close, Op::Unless(If::IsOpen, Mark::End), &[not_held]);
    });
}

#[test]
fn a_holder_that_closes_or_opens_wrongly_is_caught() {
    assert_caught("opens before the header", holder, |p| {
        let open = [Op::Open, Op::StoreTaken, Op::Unless(If::Never, Mark::End)];
        p.close = edited(&p.close, Op::StoreTaken, &open);
    });
    assert_caught("opens where it is by now", holder, |p| {
        p.close = edited(&p.close, Op::Open, &[Op::Here, Op::Open]);
    });
    assert_caught("enters by a store", without_sequences, |p| {
        let ops = edited(&p.enter, Op::Shut(HELD), &[Op::StoreGate(HELD)]);
        p.enter = edited(&ops, Op::Unless(If::Succeeded, Mark::End), &[]);
    });
}
