//! The benchmark programs that the peers publish: the same works, written anew, with every contender in each.
//!
//! * opool: a pair of a vector with room for 1 GiB, of which only the capacity is read, on one thread and on all cores.
//! * object-pool: a pair of `()`, by a borrowed and by an owned guard; an object taken out for good and given back.
//! * lockfree-object-pool: gets of 16 KiB vectors that are kept, and their drops, on one thread and on five; gets after
//!   twice as many came back; one object a message through a locked queue, from one or five threads to one or five.
//! * sharded-slab: a vector that is filled with numbers, one after the other, and given back.

use super::case;
use super::many::{Together, cores, from_first_to_last, on_each_core};
use super::single::Hold;
use crate::contenders::{SendVisitor, Visitor};
use crate::contenders::{all_of_vectors, all_or_anew, all_owned, all_that_move};
use crate::measure::{Case, Suite};
use crate::shelf::Shelf;
use crate::thing::{Buffer, Numbers, Thing, Unit, Vast};
use std::collections::VecDeque;
use std::sync::{Barrier, Condvar, Mutex};
use std::thread::scope;
use std::time::{Duration, Instant};

/// What lockfree-object-pool's program pools.
const SIXTEEN: usize = 16 << 10;

/// Threads of lockfree-object-pool's program.
const THREADS: usize = 5;

/// Objects that one thread holds at once, and how often. Twice as many fit into every contender.
const HELD: u64 = 2048;
const TIMES: u64 = 10;

pub fn all_of_them(suite: &mut Suite) {
    opool(suite);
    object_pool(suite);
    lockfree_object_pool(suite);
    sharded_slab(suite);
}

fn opool(suite: &mut Suite) {
    // Without a pool, each is two system calls.
    fixed(suite, 20_000, |suite| {
        all_or_anew::<Vast>(&mut Hold { suite, work: "theirs, opool: 1 GiB", hold: 1 });
        let (work, threads) = ("theirs, opool: 1 GiB, all cores", cores());
        all_or_anew::<Vast>(&mut Together { suite, work, threads, starve: false });
    });
}

/// Samples of this many objects, for works that take long.
fn fixed(suite: &mut Suite, objects: u64, add: impl FnOnce(&mut Suite)) {
    let first = suite.cases.len();
    add(suite);
    for case in &mut suite.cases[first..] {
        case.fixed = Some(objects);
    }
}

fn object_pool(suite: &mut Suite) {
    all_or_anew::<Unit>(&mut Hold { suite, work: "theirs, object-pool: ()", hold: 1 });
    all_owned::<Unit>(&mut Hold { suite, work: "theirs, object-pool: (), owned", hold: 1 });
    all_or_anew::<Unit>(&mut Detach { suite });
}

fn lockfree_object_pool(suite: &mut Suite) {
    for part in [Part::Get, Part::Drop, Part::Reuse] {
        all_of_vectors::<SIXTEEN>(&mut Many { suite, part });
    }
    for part in [Part::Get, Part::Drop] {
        all_of_vectors::<SIXTEEN>(&mut OnFive { suite, part });
    }
    for (from, to) in [(5, 5), (1, 5), (5, 1), (1, 1)] {
        all_that_move::<SIXTEEN>(&mut Forward { suite, from, to });
    }
}

fn sharded_slab(suite: &mut Suite) {
    numbers::<512>(suite);
    numbers::<1024>(suite);
    numbers::<4086>(suite);
    numbers::<10512>(suite);
}

fn numbers<const N: usize>(suite: &mut Suite) {
    let work = &format!("theirs, sharded-slab: {N} numbers");
    fixed(suite, 10_000_000 / N as u64, |suite| {
        all_or_anew::<Numbers<N>>(&mut Hold { suite, work, hold: 1 });
    });
}

struct Detach<'s> {
    suite: &'s mut Suite,
}

impl<T: Thing> Visitor<T> for Detach<'_> {
    fn visit<S: Shelf<T>>(&mut self) {
        let work = "theirs, object-pool: (), out and in";
        if !S::ATTACHES {
            return self.suite.absent(work, S::NAME, "objects cannot be put back");
        }
        let shelf = S::new();
        self.suite.add(case(work, S::NAME, move |objects| {
            let begun = Instant::now();
            for _ in 0..objects {
                shelf.detach_and_attach();
            }
            begun.elapsed()
        }));
    }
}

/// What is timed.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    /// Gets of a new pool.
    Get,
    /// The drops after that.
    Drop,
    /// Gets after twice as many have come back.
    Reuse,
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Part::Get => "allocation",
            Part::Drop => "free",
            Part::Reuse => "reuse",
        }
    }
}

struct Many<'s> {
    suite: &'s mut Suite,
    part: Part,
}

impl<T: Thing> Visitor<T> for Many<'_> {
    fn visit<S: Shelf<T>>(&mut self) {
        let part = self.part;
        let work = format!("theirs, lockfree-object-pool: {}", part.name());
        let case = case(&work, S::NAME, move |objects| {
            (0..objects / HELD).map(|_| get_and_drop::<T, S>(part)).sum()
        });
        self.suite.add(Case { fixed: Some(HELD * TIMES), ..case });
    }
}

fn get_and_drop<T: Thing, S: Shelf<T>>(part: Part) -> Duration {
    let shelf = S::new();
    if part == Part::Reuse {
        let twice: Vec<_> = (0..2 * HELD).map(|_| shelf.get()).collect();
        drop(twice);
    }
    let mut held = Vec::with_capacity(HELD as usize);
    let begun = Instant::now();
    for _ in 0..HELD {
        held.push(shelf.get());
    }
    let got = Instant::now();
    held.clear();
    if part == Part::Drop { got.elapsed() } else { got - begun }
}

struct OnFive<'s> {
    suite: &'s mut Suite,
    part: Part,
}

impl<T: Thing> Visitor<T> for OnFive<'_> {
    fn visit<S: Shelf<T>>(&mut self) {
        let part = self.part;
        let work = format!("theirs, lockfree-object-pool: {} on {THREADS} threads", part.name());
        let busy = THREADS.min(cores());
        if (S::LENDS as u64) < HELD * TIMES * busy as u64 {
            let why = &format!("lends no more than {}", S::LENDS);
            return self.suite.absent(&work, S::NAME, why);
        }
        let case = case(&work, S::NAME, move |objects| {
            get_and_drop_on_five::<T, S>(part, objects * busy as u64 / THREADS as u64)
        });
        let case = on_each_core(case, busy);
        self.suite.add(Case { fixed: Some(HELD * TIMES), ..case });
    }
}

/// From when the first thread begins to when the last one is done.
fn get_and_drop_on_five<T: Thing, S: Shelf<T>>(part: Part, each: u64) -> Duration {
    let shelf = S::new();
    let (start, all_have) = (Barrier::new(THREADS), Barrier::new(THREADS));
    let times: Vec<_> = scope(|scope| {
        let one = || {
            let mut held = Vec::with_capacity(each as usize);
            start.wait();
            let begun = Instant::now();
            for _ in 0..each {
                held.push(shelf.get());
            }
            let got = Instant::now();
            all_have.wait();
            let dropping = Instant::now();
            held.clear();
            if part == Part::Drop { (dropping, Instant::now()) } else { (begun, got) }
        };
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(one)).collect();
        let times = threads.into_iter().map(|thread| thread.join().expect("nobody panics"));
        times.collect()
    });
    from_first_to_last(&times)
}

struct Forward<'s> {
    suite: &'s mut Suite,
    from: usize,
    to: usize,
}

impl Forward<'_> {
    fn work(&self) -> String {
        format!("theirs, lockfree-object-pool: forward {} to {}", self.from, self.to)
    }
}

impl<const N: usize> SendVisitor<Buffer<N>> for Forward<'_> {
    fn visit<S>(&mut self)
    where
        S: Shelf<Buffer<N>>,
        for<'a> S::Lent<'a>: Send,
    {
        let (from, to) = (self.from, self.to);
        let case =
            case(&self.work(), S::NAME, move |objects| forward::<Buffer<N>, S>(from, to, objects));
        self.suite.add(Case { fixed: Some(HELD * TIMES), ..case });
    }
    fn absent(&mut self, contender: &'static str, why: &str) {
        let work = self.work();
        self.suite.absent(&work, contender, why);
    }
}

/// Messages behind a lock, without a bound.
struct Queue<L> {
    /// What was sent, and whether nothing more will be.
    state: Mutex<(VecDeque<L>, bool)>,
    changed: Condvar,
}

impl<L> Queue<L> {
    fn push(&self, message: L) {
        let mut state = self.state.lock().expect("nobody panics");
        state.0.push_back(message);
        if state.0.len() == 1 {
            self.changed.notify_all();
        }
    }

    fn end(&self) {
        self.state.lock().expect("nobody panics").1 = true;
        self.changed.notify_all();
    }

    /// `None`: the end.
    fn pop(&self) -> Option<L> {
        let state = self.state.lock().expect("nobody panics");
        let wait = |state: &mut (VecDeque<L>, bool)| state.0.is_empty() && !state.1;
        let mut state = self.changed.wait_while(state, wait).expect("nobody panics");
        state.0.pop_front()
    }
}

/// From the start to when the last receiver is done. The threads end after that.
fn forward<T: Thing, S>(from: usize, to: usize, objects: u64) -> Duration
where
    S: Shelf<T>,
    for<'a> S::Lent<'a>: Send,
{
    let shelf = S::new();
    let queue = Queue { state: Mutex::default(), changed: Condvar::new() };
    let start = Barrier::new(from + to + 1);
    let (sent, received) = (Barrier::new(from + 1), Barrier::new(to + 1));
    scope(|scope| {
        let receive = || {
            start.wait();
            while let Some(lent) = queue.pop() {
                drop(lent);
            }
            received.wait();
        };
        let send = || {
            start.wait();
            for _ in 0..objects / from as u64 {
                queue.push(shelf.get());
            }
            sent.wait();
        };
        for _ in 0..to {
            scope.spawn(receive);
        }
        for _ in 0..from {
            scope.spawn(send);
        }
        start.wait();
        let begun = Instant::now();
        sent.wait();
        queue.end();
        received.wait();
        begun.elapsed()
    })
}
