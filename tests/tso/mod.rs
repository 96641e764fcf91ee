//! Every execution of a few threads on processors with store buffers, and a barrier that interrupts them all.
//!
//! The machine is x86-TSO (Sewell et al., CACM 53, 2010): each processor has a queue of its own stores, reads
//! its own newest store, and a store reaches memory at any later time, in order; a locked instruction and a
//! fence wait until the queue is empty. `Barrier` is `membarrier(PRIVATE_EXPEDITED)`: each other processor
//! executes a fence at some moment between its beginning and its end.

use std::collections::HashSet;

/// A place in memory.
pub(crate) type Var = usize;

/// How many places there are.
const VARS: usize = 4;

/// One instruction. Each thread has one register.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Op {
    /// Into the store buffer.
    Store(Var, u8),
    /// Into the register.
    Load(Var),
    /// Locked: if the place holds the first value, stores the second; the register says 1 if so, else 0.
    Exchange(Var, u8, u8),
    /// Waits until the own store buffer is empty.
    Fence,
    /// Waits until every other processor has emptied its store buffer once, and empties the own one.
    Barrier,
    /// Goes on so many instructions further down unless the register holds this.
    SkipUnless(u8, usize),
    /// Begins a stretch that no two threads may be in at once.
    Enter,
    /// Reads a place that belongs to whoever is inside, which must hold what its last user has written, and
    /// writes something else.
    Use(Var),
    Leave,
}

#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) memory: [u8; VARS],
    /// What the place of [`Op::Use`] holds by the order of uses.
    truth: u8,
    pub(crate) threads: Vec<Thread>,
}

#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct Thread {
    next: usize,
    pub(crate) register: u8,
    buffer: Vec<(Var, u8)>,
    is_inside: bool,
    /// Whom the barrier that this thread waits for has interrupted, a bit each; `None`: no barrier.
    barrier: Option<u8>,
}

impl State {
    fn read(&self, thread: usize, var: Var) -> u8 {
        let own = self.threads[thread].buffer.iter().rev();
        let own = own.clone().find(|(stored, _)| *stored == var);
        own.map_or(self.memory[var], |(_, value)| *value)
    }

    fn flush_one(&mut self, thread: usize) {
        let (var, value) = self.threads[thread].buffer.remove(0);
        self.memory[var] = value;
    }

    fn flush(&mut self, thread: usize) {
        while !self.threads[thread].buffer.is_empty() {
            self.flush_one(thread);
        }
    }
}

/// Explores every execution; `end` judges the states in which all threads have ended and every store has
/// reached memory. How many states there are, or what is wrong in one of them.
pub(crate) fn explore(
    programs: &[Vec<Op>],
    end: impl Fn(&State) -> Result<(), &'static str>,
) -> Result<usize, String> {
    let start = State {
        memory: [0; VARS],
        truth: 0,
        threads: vec![Thread::default(); programs.len()],
    };
    let mut seen = HashSet::from([start.clone()]);
    let mut left = vec![start];
    while let Some(state) = left.pop() {
        let followers = followers(&state, programs)?;
        if followers.is_empty() {
            let all_ended = |(thread, program): (&Thread, &Vec<Op>)| thread.next == program.len();
            if !state.threads.iter().zip(programs).all(all_ended) {
                return Err("nobody can go on".into());
            }
            end(&state)?;
        }
        for follower in followers {
            if seen.insert(follower.clone()) {
                left.push(follower);
            }
        }
    }
    Ok(seen.len())
}

fn followers(state: &State, programs: &[Vec<Op>]) -> Result<Vec<State>, String> {
    let mut followers = Vec::new();
    let everybody = (1u8 << programs.len()) - 1;
    for (me, program) in programs.iter().enumerate() {
        let thread = &state.threads[me];
        if !thread.buffer.is_empty() {
            let mut next = state.clone();
            next.flush_one(me);
            followers.push(next);
        }
        // An interrupt, for each barrier that waits for this processor.
        for (other, waiter) in state.threads.iter().enumerate() {
            if waiter.barrier.is_some_and(|bits| bits & 1 << me == 0) {
                let mut next = state.clone();
                next.flush(me);
                *next.threads[other].barrier.get_or_insert(0) |= 1 << me;
                followers.push(next);
            }
        }
        if let Some(op) = program.get(thread.next) {
            followers.extend(step(state, me, *op, everybody)?);
        }
    }
    Ok(followers)
}

/// What the next instruction of a thread leads to; `None` while it must wait.
fn step(state: &State, me: usize, op: Op, everybody: u8) -> Result<Option<State>, String> {
    let mut next = state.clone();
    let mut skip = 0;
    let is_quiet = state.threads[me].buffer.is_empty();
    let thread = &mut next.threads[me];
    match op {
        Op::Store(var, value) => thread.buffer.push((var, value)),
        Op::Load(var) => next.threads[me].register = state.read(me, var),
        Op::Exchange(var, from, to) => {
            if !is_quiet {
                return Ok(None);
            }
            let matches = state.memory[var] == from;
            thread.register = u8::from(matches);
            if matches {
                next.memory[var] = to;
            }
        }
        Op::Fence => {
            if !is_quiet {
                return Ok(None);
            }
        }
        Op::Barrier => match thread.barrier {
            None => {
                thread.barrier = Some(1 << me);
                next.flush(me);
                return Ok(Some(next));
            }
            Some(bits) if bits == everybody => thread.barrier = None,
            Some(_) => return Ok(None),
        },
        Op::SkipUnless(value, over) => skip = if thread.register == value { 0 } else { over },
        Op::Enter => {
            thread.is_inside = true;
            let inside = next.threads.iter().filter(|thread| thread.is_inside);
            if inside.count() > 1 {
                return Err("two are inside".into());
            }
        }
        Op::Use(var) => {
            if state.read(me, var) != state.truth {
                return Err("an old content is read".into());
            }
            let new = (state.truth + 1) % 4;
            thread.buffer.push((var, new));
            next.truth = new;
        }
        Op::Leave => thread.is_inside = false,
    }
    next.threads[me].next += 1 + skip;
    Ok(Some(next))
}
