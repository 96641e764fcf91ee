//! A magazine's instructions, and what must hold whatever they are mixed with.
//!
//! A magazine has a header (a length, and a count of puts), a gate, a collectors' claim and two objects. An
//! object has a content, which each holder changes. Some instructions say to the judge what they mean: who owns
//! which object, and who is inside a closed magazine.

use crate::programs::{HELD, If, OPEN, Op, STOPPED};
use crate::tso::{self, Cpu, Flow, Model, Of, Place, Setup, explore};

/// Places of a magazine's words; then its objects, two.
const HEADER: Place = 0;
const GATE: Place = 1;
const CLAIM: Place = 2;
const OBJECTS: Place = 3;
const SIZE: Place = 5;

const MAGAZINES: u8 = 2;

/// How many objects there are at most; they have numbers from 1 on.
const ALL: usize = 3;

/// Where an object's content is.
fn content(object: u8) -> Place {
    MAGAZINES * SIZE + object
}

fn capacity(gate: u8) -> u8 {
    if gate & 4 == 0 { 0 } else { gate & 3 }
}

/// A header: its length in the lowest bits, and above how many puts it has counted.
const LENGTH: u8 = 3;
const COUNTED: u8 = 4;

#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct Registers {
    hand: u8,
    magazine: u8,
    gate: u8,
    header: u8,
    object: u8,
    /// The second object; what an exchange or a look has found.
    other: u8,
}

impl tso::Registers for Registers {
    fn restart(&mut self) {
        // The magazine stays, for who does not look again.
        let Registers { hand, magazine, .. } = *self;
        *self = Registers { hand, magazine, ..Registers::default() };
    }
}

/// Objects in magazines, objects freed, and magazines that somebody is in: a bit each. What objects hold.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct Ghost {
    pooled: u8,
    freed: u8,
    inside: u8,
    contents: [u8; ALL + 1],
    puts: u8,
}

type Judged = Result<(), &'static str>;

/// An error unless it is so.
fn judge(is_so: bool, otherwise: &'static str) -> Judged {
    if is_so { Ok(()) } else { Err(otherwise) }
}

impl Ghost {
    fn put(&mut self, object: u8) -> Judged {
        judge(self.pooled >> object & 1 == 0, "an object is put twice")?;
        self.pooled |= 1 << object;
        self.puts += 1;
        Ok(())
    }

    fn take(&mut self, object: u8) -> Judged {
        judge(self.pooled >> object & 1 == 1, "an object is taken twice")?;
        self.pooled &= !(1 << object);
        Ok(())
    }

    fn touch(&self, object: u8) -> Judged {
        judge(object != 0, "there is no object")?;
        judge(self.freed >> object & 1 == 0, "a freed object is read")
    }

    fn enter(&mut self, magazine: u8) -> Judged {
        judge(self.inside >> magazine & 1 == 0, "two are inside")?;
        self.inside |= 1 << magazine;
        Ok(())
    }

    /// A sequence commits to the header.
    fn commit(&self, magazine: u8) -> Judged {
        judge(self.inside >> magazine & 1 == 0, "a sequence commits while one is inside")
    }
}

pub(crate) struct Magazines;

impl Model for Magazines {
    type Op = Op;
    type Registers = Registers;
    type Ghost = Ghost;

    fn is_local(op: Op) -> bool {
        matches!(op, Op::Free | Op::Enter | Op::Unless(..) | Op::Mark(_) | Op::Return)
    }

    fn execute(cpu: &mut Cpu<'_, Self>, op: Op) -> Result<Flow<Op>, &'static str> {
        let Registers { hand, magazine, gate, header, object, other } = *cpu.registers();
        let length = header & LENGTH;
        let word = |word| magazine * SIZE + word;
        match op {
            Op::Create(object) => {
                cpu.store(content(object), 1);
                cpu.ghost().contents[usize::from(object)] = 1;
                cpu.registers().hand = object;
            }
            Op::Write => {
                let value = cpu.ghost().contents[usize::from(hand)] + 1;
                cpu.ghost().contents[usize::from(hand)] = value;
                cpu.store(content(hand), value);
            }
            Op::Read => {
                cpu.ghost().touch(hand)?;
                let value = cpu.load(content(hand));
                judge(value == cpu.ghost().contents[usize::from(hand)], "an old content is read")?;
            }
            Op::Free => {
                cpu.ghost().freed |= 1 << hand & !1;
                cpu.registers().hand = 0;
            }

            Op::Begin => cpu.begin(),
            Op::Leave => cpu.leave(),
            Op::Pause => cpu.pause(),
            Op::Here => cpu.registers().magazine = cpu.number(),
            Op::There => cpu.registers().magazine = 0,
            Op::LoadGate => cpu.registers().gate = cpu.load(word(GATE)),
            Op::LoadHeader => cpu.registers().header = cpu.load(word(HEADER)),
            Op::LoadNewest => cpu.registers().object = cpu.load(word(OBJECTS + length - 1)),
            Op::StorePointer => cpu.store(word(OBJECTS + length), hand),
            Op::CommitPop => {
                cpu.ghost().commit(magazine)?;
                cpu.ghost().take(object)?;
                cpu.store(word(HEADER), header - 1);
                cpu.registers().hand = object;
                cpu.leave();
            }
            Op::CommitPush | Op::CommitUncounted => {
                cpu.ghost().commit(magazine)?;
                cpu.ghost().put(hand)?;
                let counted = if op == Op::CommitPush { COUNTED } else { 0 };
                cpu.store(word(HEADER), header + 1 + counted);
                cpu.registers().hand = 0;
                cpu.registers().object = hand;
                cpu.leave();
            }
            Op::StoreLate => cpu.store(word(OBJECTS + length), object),
            Op::CountPut => cpu.store(word(HEADER), header + 1 + COUNTED),
            Op::CommitHeld => {
                cpu.ghost().enter(magazine)?;
                cpu.store(word(GATE), HELD);
                cpu.leave();
            }

            Op::Shut(closed) => {
                cpu.registers().other = cpu.exchange(word(GATE), gate, closed).into()
            }
            Op::StoreGate(closed) => cpu.store(word(GATE), closed),
            Op::Enter => cpu.ghost().enter(magazine)?,
            Op::LoadOldest => cpu.registers().object = cpu.load(word(OBJECTS)),
            Op::LoadSecond => cpu.registers().other = cpu.load(word(OBJECTS + 1)),
            Op::StoreOldest => cpu.store(word(OBJECTS), other),
            Op::StoreTaken => {
                cpu.ghost().take(object)?;
                cpu.store(word(HEADER), header - 1);
                cpu.registers().hand = object;
            }
            Op::StorePut => {
                cpu.ghost().put(hand)?;
                cpu.store(word(HEADER), header + 1 + COUNTED);
                cpu.registers().hand = 0;
            }
            Op::Open => {
                cpu.ghost().inside &= !(1 << magazine);
                cpu.store(word(GATE), gate);
            }

            Op::Claim => cpu.registers().other = cpu.exchange(word(CLAIM), 0, 1).into(),
            Op::Barrier(barrier) => {
                cpu.pause();
                return Ok(Flow::Await(barrier));
            }
            Op::Look => cpu.registers().other = cpu.load(word(GATE)),
            Op::Drop => {
                cpu.ghost().touch(object)?;
                cpu.ghost().take(object)?;
                let value = cpu.load(content(object));
                let ghost = cpu.ghost();
                ghost.freed |= 1 << object;
                judge(value == ghost.contents[usize::from(object)], "an old content is freed")?;
            }
            Op::StoreEmpty => cpu.store(word(HEADER), header & !LENGTH),
            Op::Undo => _ = cpu.exchange(word(GATE), STOPPED, gate),
            Op::Unclaim => cpu.store(word(CLAIM), 0),

            Op::Unless(what, mark) => {
                let is_so = match what {
                    If::HandEmpty => hand == 0,
                    If::HandFull => hand != 0,
                    If::Poppable => length.wrapping_sub(1) < capacity(gate),
                    If::Pushable => length < capacity(gate),
                    If::IsOpen => gate & 4 != 0,
                    If::IsNotHeld => gate != HELD,
                    If::IsStopped => other == STOPPED,
                    If::Succeeded => other != 0,
                    If::HasOne => length >= 1,
                    If::HasTwo => length >= 2,
                    If::HasRoom => length < 2,
                    If::Never => false,
                };
                if !is_so {
                    return Ok(Flow::Behind(Op::Mark(mark)));
                }
            }
            Op::Mark(_) => {}
            Op::Return => {
                *cpu.registers() = Registers { hand, ..Registers::default() };
                cpu.leave();
            }
        }
        Ok(Flow::Next)
    }

    fn end(state: &Of<Self>) -> Judged {
        let ghost = &state.ghost;
        let (mut pooled, mut puts) = (0, 0);
        for magazine in 0..MAGAZINES {
            let words = &state.memory[usize::from(magazine * SIZE)..][..usize::from(SIZE)];
            let header = words[usize::from(HEADER)];
            judge(words[usize::from(GATE)] == OPEN, "a magazine stays closed")?;
            judge(words[usize::from(CLAIM)] == 0, "a magazine stays claimed")?;
            for object in &words[usize::from(OBJECTS)..][..usize::from(header & LENGTH)] {
                judge(pooled >> object & 1 == 0, "an object is in two places")?;
                pooled |= 1 << object;
            }
            puts += header / COUNTED;
        }
        judge(pooled == ghost.pooled, "an object is lost")?;
        judge(puts == ghost.puts, "the count of puts is wrong")
    }
}

/// Runs programs on the first processors, each on those that its bits name. The first magazine has two objects.
pub(crate) fn run(
    processors: usize,
    restarts: bool,
    threads: Vec<(Vec<Op>, u8)>,
) -> Result<usize, &'static str> {
    let empty = [0, OPEN, 0, 0, 0];
    let memory = [[2, OPEN, 0, 1, 2], empty].concat();
    let ghost = Ghost { pooled: 0b110, ..Ghost::default() };
    let setup = Setup { processors, threads, restarts, memory, ghost };
    explore::<Magazines>(&setup)
}
