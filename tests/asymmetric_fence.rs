//! The asymmetric fence, which loom cannot see: every execution of the hand-off, and of the doze, on processors
//! with store buffers, where the light side has no fence at all and the heavy side interrupts everybody.
//!
//! The programs are those of `src/private.rs` and `src/sync/doze.rs`, one instruction a memory access. Broken
//! variants of each must be caught, or the explorer proves nothing.

#[path = "tso/mod.rs"]
mod tso;

use tso::{Op, State, explore};

const INSIDE: usize = 0;
const CLAIM: usize = 1;
const CONTENT: usize = 2;

/// One side's fence.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Side {
    /// For the compiler alone.
    Nothing,
    /// The processor's own.
    Local,
    /// Everybody's.
    Barrier,
}

fn fence(side: Side) -> Vec<Op> {
    match side {
        Side::Nothing => vec![],
        Side::Local => vec![Op::Fence],
        Side::Barrier => vec![Op::Barrier],
    }
}

/// `Private::enter`, so many times: announces itself, looks at the claim, uses the slot or turns away, leaves.
fn owner(light: Side, rounds: usize) -> Vec<Op> {
    let mut round = vec![Op::Store(INSIDE, 1)];
    round.extend(fence(light));
    round.extend([
        Op::Load(CLAIM),
        Op::SkipUnless(0, 3),
        Op::Enter,
        Op::Use(CONTENT),
        Op::Leave,
        Op::Store(INSIDE, 0),
    ]);
    round.repeat(rounds)
}

/// `claim`, heavy fence, `seize`, `release`, so many times.
fn collector(heavy: Side, rounds: usize) -> Vec<Op> {
    let work = [
        Op::Load(INSIDE),
        Op::SkipUnless(0, 3),
        Op::Enter,
        Op::Use(CONTENT),
        Op::Leave,
        Op::Store(CLAIM, 0),
    ];
    let heavy = fence(heavy);
    let mut round = vec![
        Op::Exchange(CLAIM, 0, 1),
        Op::SkipUnless(1, heavy.len() + work.len()),
    ];
    round.extend(heavy);
    round.extend(work);
    round.repeat(rounds)
}

fn any(_: &State) -> Result<(), &'static str> {
    Ok(())
}

#[test]
fn the_hand_off_is_exclusive() {
    let mut states = 0;
    for (light, heavy) in [(Side::Nothing, Side::Barrier), (Side::Local, Side::Local)] {
        let programs = [owner(light, 3), collector(heavy, 2)];
        states += explore(&programs, any).expect("right");
        let programs = [owner(light, 2), collector(heavy, 1), collector(heavy, 1)];
        states += explore(&programs, any).expect("right, with two collectors");
    }
    assert!(states > 20_000, "only {states} states");
    println!("{states} states");
}

#[test]
fn a_hand_off_without_its_fences_is_caught() {
    for heavy in [Side::Nothing, Side::Local] {
        let programs = [owner(Side::Nothing, 1), collector(heavy, 1)];
        explore(&programs, any).expect_err("the owner's store may wait in its buffer");
    }
}

/// The claim looked at before the announcement.
#[test]
fn a_hand_off_in_the_wrong_order_is_caught() {
    let owner = vec![
        Op::Load(CLAIM),
        Op::Store(INSIDE, 1),
        Op::SkipUnless(0, 3),
        Op::Enter,
        Op::Use(CONTENT),
        Op::Leave,
        Op::Store(INSIDE, 0),
    ];
    let programs = [owner, collector(Side::Barrier, 1)];
    explore(&programs, any).expect_err("a claim in between is not seen");
}

/// The owner looked for before the barrier.
#[test]
fn a_look_before_the_barrier_is_caught() {
    let collector = vec![
        Op::Exchange(CLAIM, 0, 1),
        Op::Load(INSIDE),
        Op::Barrier,
        Op::SkipUnless(0, 3),
        Op::Enter,
        Op::Use(CONTENT),
        Op::Leave,
        Op::Store(CLAIM, 0),
    ];
    let programs = [owner(Side::Nothing, 1), collector];
    explore(&programs, any).expect_err("an owner that came in between is not seen");
}

/// A barrier that its own side's claim follows.
#[test]
fn a_claim_after_the_barrier_is_caught() {
    let collector = vec![
        Op::Barrier,
        Op::Exchange(CLAIM, 0, 1),
        Op::Load(INSIDE),
        Op::SkipUnless(0, 3),
        Op::Enter,
        Op::Use(CONTENT),
        Op::Leave,
        Op::Store(CLAIM, 0),
    ];
    let programs = [owner(Side::Nothing, 1), collector];
    explore(&programs, any).expect_err("the owner's store may wait in its buffer");
}

const OBJECTS: usize = 0;
const ASLEEP: usize = 1;
const WOKEN: usize = 2;

/// Counts an object, then looks whether anyone sleeps.
fn creator(light: Side) -> Vec<Op> {
    let mut program = vec![Op::Store(OBJECTS, 1)];
    program.extend(fence(light));
    program.extend([
        Op::Load(ASLEEP),
        Op::SkipUnless(1, 3),
        Op::Exchange(ASLEEP, 1, 0),
        Op::SkipUnless(1, 1),
        Op::Store(WOKEN, 1),
    ]);
    program
}

/// Says that it sleeps, then looks whether there is an object.
fn sleeper(heavy: Side) -> Vec<Op> {
    let mut program = vec![Op::Store(ASLEEP, 1)];
    program.extend(fence(heavy));
    program.push(Op::Load(OBJECTS));
    program
}

/// The sleeper is the first thread; its register is what it saw.
fn nobody_oversleeps(state: &State) -> Result<(), &'static str> {
    if state.threads[0].register == 0 && state.memory[WOKEN] == 0 {
        return Err("it sleeps, and nobody wakes it");
    }
    Ok(())
}

#[test]
fn the_first_object_is_not_slept_through() {
    for (light, heavy) in [(Side::Nothing, Side::Barrier), (Side::Local, Side::Local)] {
        let programs = [sleeper(heavy), creator(light)];
        explore(&programs, nobody_oversleeps).expect("right");
        let programs = [sleeper(heavy), creator(light), creator(light)];
        let states = explore(&programs, nobody_oversleeps).expect("right, with two creators");
        assert!(states > 500, "only {states} states");
    }
}

#[test]
fn a_doze_without_its_fences_is_caught() {
    for heavy in [Side::Nothing, Side::Local] {
        let programs = [sleeper(heavy), creator(Side::Nothing)];
        explore(&programs, nobody_oversleeps).expect_err("the count may wait in a buffer");
    }
    let programs = [sleeper(Side::Nothing), creator(Side::Local)];
    explore(&programs, nobody_oversleeps).expect_err("so may the sleeper's word");
}
