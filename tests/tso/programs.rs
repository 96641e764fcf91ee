//! The protocol of a magazine, instruction by instruction: what `src/sys/rseq.rs`, `src/engine/worker.rs`,
//! `src/engine/held.rs` and `src/engine/cycle.rs` do, a line an access to memory.

use crate::tso::Barrier;

/// A gate: closed by a thread, stopped by a collector, or open for two objects.
pub(crate) const HELD: u8 = 0;
pub(crate) const STOPPED: u8 = 1;
pub(crate) const OPEN: u8 = 4 | 2;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Op {
    /// An object is made, and is in hand.
    Create(u8),
    /// Writes into the object in hand.
    Write,
    /// Reads what its last holder wrote there.
    Read,
    /// Frees the object in hand, if there is one.
    Free,

    /// A sequence begins.
    Begin,
    /// The magazine is this processor's.
    Here,
    /// It is the first one.
    There,
    LoadGate,
    LoadHeader,
    LoadNewest,
    StorePointer,
    /// What the three sequences commit.
    CommitPop,
    CommitPush,
    CommitHeld,

    /// Exchanges an open gate.
    Shut(u8),
    /// Nobody else is inside from here on, until `Open`.
    Enter,
    LoadOldest,
    LoadSecond,
    /// The second is the oldest now.
    StoreOldest,
    StoreTaken,
    StorePut,
    Open,

    Claim,
    Barrier(Barrier),
    Look,
    /// An object is taken out, and freed.
    Drop,
    StoreEmpty,
    /// What was stopped is open again.
    Undo,
    Unclaim,

    /// Unless this is so, goes on behind the mark.
    Unless(If, Mark),
    Mark(Mark),
    /// The end of a call.
    Return,

    // For broken variants only.
    Pause,
    Leave,
    CommitUncounted,
    CountPut,
    StoreLate,
    StoreGate(u8),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum If {
    HandEmpty,
    HandFull,
    /// There is something to pop, by header and gate.
    Poppable,
    /// There is room to push, by header and gate.
    Pushable,
    IsOpen,
    IsNotHeld,
    IsStopped,
    /// The last exchange did.
    Succeeded,
    /// By the header.
    HasOne,
    HasTwo,
    HasRoom,
    Never,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Mark {
    End,
    Full,
    Taking,
    Last,
    Opening,
    Leaving,
}

pub(crate) type Ops = Vec<Op>;

/// What the parties do.
#[derive(Clone, Debug)]
pub(crate) struct Protocol {
    pub(crate) pop: Ops,
    /// What finds no room is freed.
    pub(crate) push: Ops,
    /// A thread closes its processor's magazine by a sequence, moves an object, opens it.
    pub(crate) close: Ops,
    /// The same where there are no sequences: the first magazine, by an exchange.
    pub(crate) enter: Ops,
    /// A collector empties the first magazine.
    pub(crate) collect: Ops,
    /// The same where there are no sequences.
    pub(crate) collect_entered: Ops,
    /// A collector whose barrier the kernel refuses.
    pub(crate) refused: Ops,
    /// Preemption restarts sequences.
    pub(crate) restarts: bool,
}

/// The kernel's barrier for restartable sequences.
pub(crate) const BARRIER: Op = Op::Barrier(Barrier { fences: true, restarts: true });

const POP: &[Op] = &[
    Op::Unless(If::HandEmpty, Mark::End),
    Op::Begin,
    Op::Here,
    Op::LoadGate,
    Op::LoadHeader,
    Op::Unless(If::Poppable, Mark::End),
    Op::LoadNewest,
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

const CLOSE: &[Op] =
    &[Op::Begin, Op::Here, Op::LoadGate, Op::Unless(If::IsOpen, Mark::End), Op::CommitHeld];

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
const UNCLAIM: &[Op] = &[Op::Mark(Mark::Leaving), Op::Unclaim, Op::Mark(Mark::End), Op::Return];

pub(crate) fn right() -> Protocol {
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
pub(crate) fn edited(ops: &[Op], op: Op, by: &[Op]) -> Ops {
    assert!(ops.contains(&op), "no {op:?} in {ops:?}");
    let put = |one: &Op| if *one == op { by.to_vec() } else { vec![*one] };
    ops.iter().flat_map(put).collect()
}

/// Moves an instruction to before another one.
pub(crate) fn moved(ops: &[Op], op: Op, to: Op) -> Ops {
    edited(&edited(ops, op, &[]), to, &[op, to])
}
