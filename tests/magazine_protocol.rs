//! The protocol of a magazine, which loom cannot see: every execution of its restartable sequences, of threads
//! that close its gate, and of collectors that stop it, on processors with store buffers.
//!
//! The programs are those of `src/sys/rseq.rs`, `src/engine/worker.rs`, `src/engine/held.rs` and
//! `src/engine/cycle.rs`, a step an access to memory. Shown, whatever is preempted, migrated or interrupted
//! when: an object belongs to one at a time and is never lost; who takes it sees what its last holder wrote;
//! nobody reads one that was freed; each put is counted once; a closed magazine has one user; nobody waits. Each
//! rule has a variant that breaks it, which must be caught.

#[path = "tso/magazine.rs"]
mod magazine;
#[path = "tso/mod.rs"]
mod tso;

use magazine::{HELD, If, Mark, Op, STOPPED, run};
use std::time::Instant;
use tso::Barrier;

type Ops = Vec<Op>;

/// What the parties do.
#[derive(Clone, Debug)]
struct Protocol {
    pop: Ops,
    /// What finds no room is freed.
    push: Ops,
    /// A thread closes its processor's magazine by a sequence, moves an object, opens it.
    close: Ops,
    /// The same where there are no sequences: the first magazine, by an exchange.
    enter: Ops,
    /// A collector empties the first magazine.
    collect: Ops,
    /// The same where there are no sequences.
    collect_entered: Ops,
    /// A collector whose barrier the kernel refuses.
    refused: Ops,
    /// Preemption restarts sequences.
    restarts: bool,
}

/// The kernel's barrier for restartable sequences.
const BARRIER: Op = Op::Barrier(Barrier {
    fences: true,
    restarts: true,
});

const POP: &[Op] = &[
    Op::Unless(If::HandEmpty, Mark::End),
    Op::Begin,
    Op::Here,
    Op::LoadGate,
    Op::LoadHeader,
    Op::Unless(If::Poppable, Mark::End),
    Op::LoadNewest,
    Op::LoadShare,
    Op::CommitPop,
    Op::Read,
    Op::Write,
    Op::Mark(Mark::End),
    Op::Return,
];

const PUSH: &[Op] = &[
    Op::Unless(If::HandFull, Mark::End),
    Op::Begin,
    Op::Here,
    Op::LoadGate,
    Op::LoadHeader,
    Op::Unless(If::Pushable, Mark::Full),
    Op::StorePointer,
    Op::CommitPush,
    Op::Mark(Mark::Full),
    Op::Free,
    Op::Mark(Mark::End),
    Op::Return,
];

const CLOSE: &[Op] = &[
    Op::Begin,
    Op::Here,
    Op::LoadGate,
    Op::Unless(If::IsOpen, Mark::End),
    Op::CommitHeld,
];

const ENTER: &[Op] = &[
    Op::There,
    Op::LoadGate,
    Op::Unless(If::IsOpen, Mark::End),
    Op::Shut(HELD),
    Op::Unless(If::Succeeded, Mark::End),
    Op::Enter,
];

/// Of who has closed it: puts what is in hand on top, or takes the oldest. Opens.
const WORK: &[Op] = &[
    Op::LoadHeader,
    Op::Unless(If::HandFull, Mark::Taking),
    Op::Unless(If::Pushable, Mark::Opening),
    Op::StorePointer,
    Op::StorePut,
    Op::Unless(If::Never, Mark::Opening),
    Op::Mark(Mark::Taking),
    Op::Unless(If::HasOne, Mark::Opening),
    Op::LoadOldest,
    Op::Unless(If::HasTwo, Mark::Last),
    Op::LoadSecond,
    Op::StoreOldest,
    Op::Mark(Mark::Last),
    Op::StoreTaken,
    Op::Mark(Mark::Opening),
    Op::Open,
    Op::Unless(If::HandFull, Mark::End),
    Op::Read,
    Op::Write,
    Op::Mark(Mark::End),
    Op::Return,
];

const STOP: &[Op] = &[
    Op::There,
    Op::Claim,
    Op::Unless(If::Succeeded, Mark::End),
    Op::LoadGate,
    Op::Unless(If::IsOpen, Mark::Leaving),
    Op::Shut(STOPPED),
    Op::Unless(If::Succeeded, Mark::Leaving),
];

/// Of a collector that has stopped a magazine.
const EMPTY: &[Op] = &[
    BARRIER,
    Op::Look,
    Op::Unless(If::IsStopped, Mark::Leaving),
    Op::Enter,
    Op::LoadHeader,
    Op::Unless(If::HasOne, Mark::Opening),
    Op::LoadOldest,
    Op::Drop,
    Op::Unless(If::HasTwo, Mark::Last),
    Op::LoadNewest,
    Op::Drop,
    Op::Mark(Mark::Last),
    Op::StoreEmpty,
    Op::Mark(Mark::Opening),
    Op::Open,
];

/// How each collector ends.
const UNCLAIM: &[Op] = &[
    Op::Mark(Mark::Leaving),
    Op::Unclaim,
    Op::Mark(Mark::End),
    Op::Return,
];

fn right() -> Protocol {
    let collect = [STOP, EMPTY, UNCLAIM].concat();
    Protocol {
        pop: POP.to_vec(),
        push: PUSH.to_vec(),
        close: [CLOSE, WORK].concat(),
        enter: [ENTER, WORK].concat(),
        collect_entered: edited(&collect, BARRIER, &[]),
        collect,
        refused: [STOP, &[Op::Undo], UNCLAIM].concat(),
        restarts: true,
    }
}

/// Puts these instructions in the place of that one.
fn edited(ops: &[Op], op: Op, by: &[Op]) -> Ops {
    assert!(ops.contains(&op), "no {op:?} in {ops:?}");
    let put = |one: &Op| if *one == op { by.to_vec() } else { vec![*one] };
    ops.iter().flat_map(put).collect()
}

/// Moves an instruction to before another one.
fn moved(ops: &[Op], op: Op, to: Op) -> Ops {
    edited(&edited(ops, op, &[]), to, &[op, to])
}

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
    vec![
        ([&p.pop[..], &p.push].concat(), ANY),
        (p.close.clone(), ANY),
        (p.collect.clone(), ANY),
    ]
}

/// An object that is made on the way, and goes from thread to thread.
fn handed_on(p: &Protocol) -> Vec<(Ops, u8)> {
    vec![
        ([&[Op::Create(3)], &p.push[..], &p.pop].concat(), ANY),
        ([&p.close[..], &p.close].concat(), FIRST),
        (p.collect.clone(), SECOND),
    ]
}

fn collectors(p: &Protocol) -> Vec<(Ops, u8)> {
    vec![
        ([&p.close[..], &p.pop].concat(), ANY),
        (p.collect.clone(), ANY),
        (p.collect.clone(), ANY),
    ]
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

fn assert_holds(scenarios: &[(usize, Scenario)]) {
    for (processors, scenario) in scenarios {
        let begun = Instant::now();
        let states = explored(*processors, *scenario, &right()).expect("right");
        assert!(states > 10_000, "only {states} states");
        println!("{states} states in {:.1?}", begun.elapsed());
    }
}

#[test]
fn one_holder_and_sequences_keep_every_object_once() {
    assert_holds(&[(2, sequences), (2, holder), (2, handed_on)]);
}

#[test]
fn several_collectors_keep_every_object_once() {
    assert_holds(&[(2, collectors), (3, collectors), (2, refusal), (2, all)]);
}

#[test]
fn exchanges_keep_every_object_once() {
    assert_holds(&[(2, without_sequences)]);
}

/// The broken variant must come to grief in this scenario.
fn assert_caught(name: &str, scenario: Scenario, spoil: impl FnOnce(&mut Protocol)) {
    let mut protocol = right();
    spoil(&mut protocol);
    match explored(2, scenario, &protocol) {
        Ok(states) => panic!("{name}: not caught in {states} states"),
        Err(what) => println!("{name}: {what}"),
    }
}

#[test]
fn a_weaker_barrier_is_caught() {
    let other = |fences, restarts| Op::Barrier(Barrier { fences, restarts });
    let by = |op| move |p: &mut Protocol| p.collect = edited(&p.collect, BARRIER, &[op]);
    assert_caught("none", sequences, by(Op::Pause));
    assert_caught("one that only fences", sequences, by(other(true, false)));
    assert_caught("the same, with a holder", collectors, by(other(true, false)));
    assert_caught("one that only restarts", sequences, by(other(false, true)));
    assert_caught("before the stop", holder, |p| p.collect = moved(&p.collect, BARRIER, Op::LoadGate));
}

#[test]
fn a_collector_that_looks_wrongly_is_caught() {
    let look = Op::Unless(If::IsStopped, Mark::Leaving);
    assert_caught("not at all", holder, |p| p.collect = edited(&p.collect, look, &[]));
    assert_caught("before the barrier", holder, |p| p.collect = moved(&p.collect, Op::Look, BARRIER));
    assert_caught("at the header before the barrier", sequences, |p| {
        p.collect = moved(&p.collect, Op::LoadHeader, BARRIER);
    });
}

#[test]
fn a_collector_that_stops_or_opens_wrongly_is_caught() {
    let stop = Op::Shut(STOPPED);
    assert_caught("stops by a store", holder, |p| p.collect = edited(&p.collect, stop, &[Op::StoreGate(STOPPED)]));
    assert_caught("opens what another has closed", holder, |p| {
        p.collect = edited(&p.collect, Op::Unclaim, &[Op::Open, Op::Unclaim]);
    });
    assert_caught("opens before it is done", sequences, |p| {
        p.collect = moved(&p.collect, Op::Open, Op::StoreEmpty);
    });
    assert_caught("undoes by a store", refusal, |p| p.refused = edited(&p.refused, Op::Undo, &[Op::Open]));
    assert_caught("does not undo", refusal, |p| p.refused = edited(&p.refused, Op::Undo, &[]));
    assert_caught("goes on when refused", sequences, |p| p.collect = edited(&p.collect, BARRIER, &[Op::Pause]));
}

/// Drops the claim before this instruction.
fn unclaims_before(ops: &[Op], op: Op) -> Ops {
    let ops = edited(ops, Op::Mark(Mark::Leaving), &[Op::Unless(If::Never, Mark::End), Op::Mark(Mark::Leaving)]);
    let ops = edited(&ops, Op::Unless(If::IsStopped, Mark::Leaving), &[Op::Unless(If::IsStopped, Mark::End)]);
    edited(&ops, op, &[Op::Unclaim, op])
}

#[test]
fn a_collector_without_its_claim_is_caught() {
    assert_caught("none", collectors, |p| {
        p.collect = edited(&p.collect, Op::Claim, &[Op::Pause]);
        p.collect = edited(&p.collect, Op::Unless(If::Succeeded, Mark::End), &[]);
    });
    for before in [BARRIER, Op::Look, Op::LoadHeader, Op::StoreEmpty, Op::Open] {
        let mut p = right();
        p.collect = unclaims_before(&p.collect, before);
        println!("exp {before:?} {:?} {:?}", explored(2, collectors, &p), explored(2, all, &p));
    }
    assert_caught("dropped before the undoing", refusal, |p| p.refused = moved(&p.refused, Op::Unclaim, Op::Undo));
}

#[test]
fn a_sequence_in_the_wrong_order_is_caught() {
    assert_caught("pop: header before gate", holder, |p| p.pop = moved(&p.pop, Op::LoadHeader, Op::LoadGate));
    assert_caught("push: header before gate", holder, |p| p.push = moved(&p.push, Op::LoadHeader, Op::LoadGate));
    assert_caught("pop: header before gate/seq", sequences, |p| p.pop = moved(&p.pop, Op::LoadHeader, Op::LoadGate));
    assert_caught("push: header before gate/seq", sequences, |p| p.push = moved(&p.push, Op::LoadHeader, Op::LoadGate));
    assert_caught("push: pointer after the commit", sequences, |p| {
        let ops = edited(&p.push, Op::StorePointer, &[]);
        p.push = edited(&ops, Op::CommitPush, &[Op::CommitPush, Op::StoreLate]);
    });
    assert_caught("push: counted by a second store", sequences, |p| {
        p.push = edited(&p.push, Op::CommitPush, &[Op::CommitUncounted, Op::CountPut]);
    });
}

#[test]
fn a_sequence_that_is_not_one_is_caught() {
    assert_caught("not restarted", sequences, |p| p.restarts = false);
    assert_caught("pop", sequences, |p| p.pop = edited(&p.pop, Op::Begin, &[]));
    assert_caught("push", sequences, |p| p.push = edited(&p.push, Op::Begin, &[]));
    assert_caught("close", holder, |p| p.close = edited(&p.close, Op::Begin, &[]));
    let late = [Op::Here, Op::Pause, Op::Begin];
    let number = |ops: &Ops| edited(&edited(ops, Op::Begin, &[]), Op::Here, &late);
    assert_caught("pop: number read before", sequences, |p| p.pop = number(&p.pop));
    assert_caught("push: number read before", sequences, |p| p.push = number(&p.push));
    assert_caught("close: number read before", holder, |p| p.close = number(&p.close));
    let late = [Op::LoadGate, Op::Begin];
    let gate = |ops: &Ops| edited(&edited(ops, Op::Begin, &[]), Op::LoadGate, &late);
    assert_caught("pop: gate read before", sequences, |p| p.pop = gate(&p.pop));
    assert_caught("push: gate read before", sequences, |p| p.push = gate(&p.push));
    assert_caught("close: gate read before", holder, |p| p.close = gate(&p.close));
    assert_caught("pop: ends before commit", sequences, |p| p.pop = edited(&p.pop, Op::CommitPop, &[Op::Leave, Op::CommitPop]));
}

#[test]
fn a_sequence_that_ignores_the_gate_is_caught() {
    assert_caught("pop", sequences, |p| {
        p.pop = edited(&p.pop, Op::Unless(If::Poppable, Mark::End), &[Op::Unless(If::HasOne, Mark::End)]);
    });
    assert_caught("close, if stopped", holder, |p| {
        p.close = edited(&p.close, Op::Unless(If::IsOpen, Mark::End), &[Op::Unless(If::IsNotHeld, Mark::End)]);
    });
}

#[test]
fn a_holder_that_opens_wrongly_is_caught() {
    assert_caught("before the header", holder, |p| p.close = moved(&p.close, Op::Open, Op::StoreTaken));
    assert_caught("where it is by now", holder, |p| p.close = edited(&p.close, Op::Open, &[Op::Here, Op::Open]));
    assert_caught("entered by a store", without_sequences, |p| {
        p.enter = edited(&p.enter, Op::Shut(HELD), &[Op::StoreGate(HELD)]);
    });
}
