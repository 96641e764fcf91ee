//! Every execution of a few threads on processors with store buffers, with preemption, migration, restartable
//! sequences, and barriers that interrupt everybody.
//!
//! **Processors** are those of x86-TSO (Sewell et al., CACM 53, 2010): each has a queue of its own stores,
//! reads its own newest one, and a store reaches memory at any later time, in order. Locked instructions,
//! fences and context switches empty the queue; a store that finds no room writes the oldest one first.
//!
//! **Threads** run where the scheduler puts them: at any moment a processor may turn to any thread that may
//! run there, one that runs elsewhere included. A step is one access to memory, with what needs none. A thread
//! jumps forwards only, and waits for nothing but a barrier; only a sequence that is restarted goes back. So
//! a thread that stands still, wherever that is, keeps nobody from the end of its program.
//!
//! **Sequences** are the kernel's (`rseq`): whoever is preempted, migrated, or hit by a signal or a barrier
//! between a sequence's beginning and its commit begins it again.
//!
//! **Barriers** are `membarrier`'s: each processor is interrupted at some moment between the call's beginning
//! and its end.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hash, Hasher};

/// A place in memory.
pub(crate) type Place = u8;

const PLACES: usize = 14;
const PROCESSORS: usize = 3;
const THREADS: usize = 4;

/// How many stores a processor's queue has room for.
const ROOM: usize = 5;

/// What is explored.
pub(crate) trait Model {
    /// An instruction.
    type Op: Copy + PartialEq;
    /// What a thread knows.
    type Registers: Registers;
    /// What no thread can see, and executions are judged by.
    type Ghost: Copy + Eq + Hash;

    /// Whether an instruction looks at nothing but the thread's registers.
    fn is_local(op: Self::Op) -> bool;

    /// Does what an instruction says. At most one access to memory.
    fn execute(cpu: &mut Cpu<'_, Self>, op: Self::Op) -> Result<Flow<Self::Op>, &'static str>;

    /// Judges a state in which all threads have ended and every store has reached memory.
    fn end(state: &Of<Self>) -> Result<(), &'static str>;
}

pub(crate) trait Registers: Copy + Default + Eq + Hash {
    /// Forgets what the sequence that starts again has loaded.
    fn restart(&mut self);
}

/// A model's state.
pub(crate) type Of<M> = State<<M as Model>::Registers, <M as Model>::Ghost>;

/// Where a thread goes after an instruction.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Flow<Op> {
    Next,
    /// Behind the next instruction like this.
    Behind(Op),
    /// Waits for a barrier, then to the next instruction.
    Await(Barrier),
}

/// What an interrupt does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Barrier {
    pub(crate) fences: bool,
    pub(crate) restarts: bool,
}

/// The machine, what is to run on it, and what is there at the start.
#[derive(Clone, Debug)]
pub(crate) struct Setup<Op, Ghost> {
    pub(crate) processors: usize,
    /// Each thread's program, and on which processors it may run, a bit each.
    pub(crate) threads: Vec<(Vec<Op>, u8)>,
    /// Whether the kernel restarts the sequence of whom it preempts.
    pub(crate) restarts: bool,
    pub(crate) memory: Vec<u8>,
    pub(crate) ghost: Ghost,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct State<R, G> {
    pub(crate) memory: [u8; PLACES],
    processors: [Processor; PROCESSORS],
    pub(crate) threads: [Thread<R>; THREADS],
    pub(crate) ghost: G,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
struct Processor {
    /// Whom it runs.
    thread: Option<u8>,
    /// How many stores wait, where they go, and what they store.
    waiting: u8,
    places: [Place; ROOM],
    values: [u8; ROOM],
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct Thread<R> {
    next: u8,
    pub(crate) registers: R,
    /// The first instruction of the sequence that is under way.
    sequence: Option<u8>,
    /// The barrier it waits for, and which processors that has interrupted, a bit each.
    barrier: Option<(Barrier, u8)>,
}

/// A thread on its processor.
pub(crate) struct Cpu<'a, M: Model + ?Sized> {
    state: &'a mut Of<M>,
    me: usize,
    number: usize,
    accesses: u8,
}

impl<M: Model + ?Sized> Cpu<'_, M> {
    /// This processor's number.
    pub(crate) fn number(&self) -> u8 {
        self.number as u8
    }

    pub(crate) fn registers(&mut self) -> &mut M::Registers {
        &mut self.state.threads[self.me].registers
    }

    pub(crate) fn ghost(&mut self) -> &mut M::Ghost {
        &mut self.state.ghost
    }

    pub(crate) fn load(&mut self, place: Place) -> u8 {
        self.accesses += 1;
        let processor = &self.state.processors[self.number];
        let waiting = &processor.places[..usize::from(processor.waiting)];
        match waiting.iter().rposition(|stored| *stored == place) {
            Some(own) => processor.values[own],
            None => self.state.memory[usize::from(place)],
        }
    }

    pub(crate) fn store(&mut self, place: Place, value: u8) {
        self.accesses += 1;
        if usize::from(self.state.processors[self.number].waiting) == ROOM {
            self.state.flush_one(self.number);
        }
        let processor = &mut self.state.processors[self.number];
        let newest = usize::from(processor.waiting);
        (processor.places[newest], processor.values[newest]) = (place, value);
        processor.waiting += 1;
    }

    /// A locked compare-exchange; whether it succeeded.
    pub(crate) fn exchange(&mut self, place: Place, from: u8, to: u8) -> bool {
        self.fence();
        let memory = &mut self.state.memory[usize::from(place)];
        let succeeds = *memory == from;
        if succeeds {
            *memory = to;
        }
        succeeds
    }

    /// Counts as an access.
    pub(crate) fn fence(&mut self) {
        self.accesses += 1;
        self.state.flush(self.number);
    }

    /// Others may do something here.
    pub(crate) fn pause(&mut self) {
        self.accesses += 1;
    }

    /// A sequence begins with this instruction.
    pub(crate) fn begin(&mut self) {
        let thread = &mut self.state.threads[self.me];
        thread.sequence = Some(thread.next);
    }

    /// A sequence ends, by its commit or without one.
    pub(crate) fn leave(&mut self) {
        self.state.threads[self.me].sequence = None;
    }
}

impl<R: Registers, G> State<R, G> {
    fn flush_one(&mut self, processor: usize) {
        let processor = &mut self.processors[processor];
        self.memory[usize::from(processor.places[0])] = processor.values[0];
        processor.places.copy_within(1.., 0);
        processor.values.copy_within(1.., 0);
        // What does not wait is zero, so that equal states are equal.
        (processor.places[ROOM - 1], processor.values[ROOM - 1]) = (0, 0);
        processor.waiting -= 1;
    }

    fn flush(&mut self, processor: usize) {
        while self.processors[processor].waiting > 0 {
            self.flush_one(processor);
        }
    }

    /// A thread's sequence, if one is under way, starts again.
    fn restart(&mut self, thread: u8) {
        let thread = &mut self.threads[usize::from(thread)];
        if let Some(start) = thread.sequence.take() {
            thread.next = start;
            thread.registers.restart();
        }
    }

    /// A processor turns to a thread, or to none.
    fn switch(&mut self, processor: usize, to: Option<u8>, restarts: bool) {
        self.flush(processor);
        let old = std::mem::replace(&mut self.processors[processor].thread, to);
        if let (true, Some(old)) = (restarts, old) {
            self.restart(old);
        }
    }

    /// A barrier reaches a processor.
    fn interrupt(&mut self, processor: usize, waiter: usize, processors: usize) {
        let Some((barrier, reached)) = self.threads[waiter].barrier else {
            return;
        };
        if barrier.fences {
            self.flush(processor);
        }
        if let (true, Some(thread)) = (barrier.restarts, self.processors[processor].thread) {
            self.restart(thread);
        }
        let reached = reached | 1 << processor;
        let is_over = reached + 1 == 1 << processors;
        self.threads[waiter].barrier = (!is_over).then_some((barrier, reached));
    }
}

impl<R: Hash, G> Hash for State<R, G> {
    /// Of what tells most states apart.
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        hasher.write(&self.memory);
        for processor in &self.processors {
            hasher.write(&processor.values);
        }
        for thread in &self.threads {
            hasher.write_u8(thread.next);
            thread.registers.hash(hasher);
        }
    }
}

/// Fast rather than strong; states are no adversaries.
#[derive(Default)]
struct Mix(u64);

impl Hasher for Mix {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_ne_bytes(word));
        }
    }

    fn write_u8(&mut self, byte: u8) {
        self.write_u64(byte.into());
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 32
    }
}

/// Explores every execution. How many states there are, or what is wrong in one of them.
pub(crate) fn explore<M: Model>(setup: &Setup<M::Op, M::Ghost>) -> Result<usize, &'static str> {
    let mut start = State {
        memory: [0; PLACES],
        processors: Default::default(),
        threads: Default::default(),
        ghost: setup.ghost,
    };
    start.memory[..setup.memory.len()].copy_from_slice(&setup.memory);
    let mut seen = HashSet::<_, BuildHasherDefault<Mix>>::from_iter([start]);
    let (mut left, mut followers) = (vec![start], Vec::new());
    while let Some(state) = left.pop() {
        follow::<M>(setup, &state, &mut followers)?;
        if followers.is_empty() {
            M::end(&state)?;
        }
        left.extend(followers.drain(..).filter(|follower| seen.insert(*follower)));
    }
    Ok(seen.len())
}

fn follow<M: Model>(
    setup: &Setup<M::Op, M::Ghost>,
    state: &Of<M>,
    followers: &mut Vec<Of<M>>,
) -> Result<(), &'static str> {
    for (number, processor) in state.processors[..setup.processors].iter().enumerate() {
        let mut follower = |change: &dyn Fn(&mut Of<M>)| {
            let mut next = *state;
            change(&mut next);
            followers.push(next);
        };
        if processor.waiting > 0 {
            follower(&|next| next.flush_one(number));
        }
        for (waiter, thread) in state.threads.iter().enumerate() {
            let waits = thread.barrier.filter(|(_, reached)| reached >> number & 1 == 0);
            if waits.is_some() {
                follower(&|next| next.interrupt(number, waiter, setup.processors));
            }
        }
        for (thread, (program, processors)) in setup.threads.iter().enumerate() {
            let has_ended = usize::from(state.threads[thread].next) == program.len();
            let me = Some(thread as u8);
            if processors >> number & 1 == 0 || has_ended || processor.thread == me {
                continue;
            }
            let elsewhere = state.processors.iter().position(|other| other.thread == me);
            follower(&|next| {
                if let Some(elsewhere) = elsewhere {
                    next.switch(elsewhere, None, setup.restarts);
                }
                next.switch(number, me, setup.restarts);
            });
        }
        let Some(me) = processor.thread else {
            continue;
        };
        if state.threads[usize::from(me)].sequence.is_some() {
            // A signal.
            follower(&|next| next.restart(me));
        }
        if state.threads[usize::from(me)].barrier.is_none() {
            followers.push(step::<M>(setup, state, number, usize::from(me))?);
        }
    }
    Ok(())
}

fn step<M: Model>(
    setup: &Setup<M::Op, M::Ghost>,
    state: &Of<M>,
    number: usize,
    me: usize,
) -> Result<Of<M>, &'static str> {
    let mut next = *state;
    let mut cpu = Cpu { state: &mut next, me, number, accesses: 0 };
    let program = &setup.threads[me].0;
    // What comes before the access, the access, and what then needs no other.
    while let Some(op) = program.get(usize::from(cpu.state.threads[me].next)) {
        if cpu.accesses > 0 && !M::is_local(*op) {
            break;
        }
        let flow = M::execute(&mut cpu, *op)?;
        assert!(cpu.accesses <= 1, "a step accesses memory once");
        let thread = &mut cpu.state.threads[me];
        thread.next += 1;
        match flow {
            Flow::Next => {}
            Flow::Behind(mark) => {
                let mut rest = program[usize::from(thread.next)..].iter();
                let over = rest.position(|op| *op == mark).expect("a mark below");
                thread.next += over as u8 + 1;
            }
            Flow::Await(barrier) => {
                thread.barrier = Some((barrier, 0));
                cpu.state.interrupt(number, me, setup.processors);
                return Ok(next);
            }
        }
    }
    if usize::from(cpu.state.threads[me].next) == program.len() {
        next.processors[number].thread = None;
    }
    Ok(next)
}
