//! Works of several threads.

use super::{KIB, case};
use crate::contenders::{SendVisitor, Visitor, all_of_vectors, all_owned, all_that_move};
use crate::measure::{Case, Suite};
use crate::shelf::{Held, Shelf};
use crate::thing::{Buffer, Thing};
use crossbeam_queue::ArrayQueue;
use std::sync::Barrier;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::thread::{available_parallelism, yield_now};
use std::time::{Duration, Instant};

/// Guards in one message of a transfer, and messages that wait for one receiver.
const BATCH: usize = 64;
const WAITING: usize = 4;

pub fn cores() -> usize {
    available_parallelism().map_or(1, usize::from)
}

pub fn threads(suite: &mut Suite) {
    for threads in [1, 2, 4, 8, 64] {
        let work = &format!("threads, {threads}");
        all_of_vectors::<KIB>(&mut Together { suite, work, threads, starve: false });
    }
}

pub fn owned(suite: &mut Suite) {
    for threads in [1, 2, 8, 64] {
        let work = &format!("owned, {threads}");
        all_owned::<Buffer<KIB>>(&mut Together { suite, work, threads, starve: false });
    }
}

pub fn starvation(suite: &mut Suite) {
    all_of_vectors::<KIB>(&mut Together {
        suite,
        work: "starvation",
        threads: cores(),
        starve: true,
    });
}

pub fn transfer(suite: &mut Suite) {
    for (from, to) in [(1, 1), (4, 1), (1, 4), (4, 4)] {
        all_that_move::<KIB>(&mut Transfer { suite, from, to });
    }
}

/// The pair, or the starvation, on so many threads.
pub struct Together<'s, 'n> {
    pub suite: &'s mut Suite,
    pub work: &'n str,
    pub threads: usize,
    pub starve: bool,
}

impl<T: Thing> Visitor<T> for Together<'_, '_> {
    fn visit<S: Shelf<T>>(&mut self) {
        let (threads, starve) = (self.threads, self.starve);
        if starve && !S::DISCARDS {
            let why = "objects cannot be taken out";
            return self.suite.absent(self.work, S::NAME, why);
        }
        let shelf = S::new();
        let case = case(self.work, S::NAME, move |objects| {
            if starve {
                together(threads, objects, |objects| {
                    hold_and_drop_two_thirds::<T, S>(&shelf, objects)
                })
            } else {
                together(threads, objects, |objects| {
                    for _ in 0..objects {
                        shelf.get().touch();
                    }
                })
            }
        });
        let case = on_each_core(case, threads.min(cores()));
        // Threads that share a core take turns of some milliseconds.
        let longer = if threads > cores() { 10 } else { 4 };
        self.suite.add(Case { longer, ..case });
    }
}

/// What so many cores create together, for each.
pub fn on_each_core(mut case: Case, cores: usize) -> Case {
    case.run = Box::new(move |objects| {
        let mut sample = (case.run)(objects);
        sample.created = sample.created.map(|created| created / cores as u64);
        sample
    });
    case
}

/// As Go's `BenchmarkPoolStarvation`: of 100, 33 do not come back.
fn hold_and_drop_two_thirds<T: Thing, S: Shelf<T>>(shelf: &S, objects: u64) {
    let mut held = Vec::with_capacity(100);
    for _ in 0..objects.div_ceil(100) {
        for _ in 0..100 {
            let mut lent = shelf.get();
            lent.touch();
            held.push(lent);
        }
        held.drain(67..).for_each(S::discard);
        held.clear();
    }
}

/// The work on so many threads at once; each core does so many objects in all.
fn together(threads: usize, objects: u64, work: impl Fn(u64) + Sync) -> Duration {
    let start = Barrier::new(threads);
    let each = objects * threads.min(cores()) as u64 / threads as u64;
    let times = std::thread::scope(|scope| {
        let one = || {
            work(100);
            start.wait();
            let begun = Instant::now();
            work(each);
            (begun, Instant::now())
        };
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(one)).collect();
        let times = threads.into_iter().map(|thread| thread.join());
        let times = times.map(|time| time.expect("nobody panics"));
        times.collect::<Vec<_>>()
    });
    from_first_to_last(&times)
}

/// From when the first thread began to when the last one was done.
pub fn from_first_to_last(times: &[(Instant, Instant)]) -> Duration {
    let first = times.iter().map(|(begun, _)| *begun).min();
    let last = times.iter().map(|(_, done)| *done).max();
    last.zip(first).map_or(Duration::ZERO, |(last, first)| last - first)
}

struct Transfer<'s> {
    suite: &'s mut Suite,
    from: usize,
    to: usize,
}

impl<const N: usize> SendVisitor<Buffer<N>> for Transfer<'_> {
    fn visit<S>(&mut self)
    where
        S: Shelf<Buffer<N>>,
        for<'a> S::Lent<'a>: Send,
    {
        let shelf = S::new();
        let (from, to) = (self.from, self.to);
        let work = format!("transfer, {from} to {to}");
        let case = case(&work, S::NAME, move |objects| send::<N, S>(&shelf, from, to, objects));
        self.suite.add(Case { longer: 4, ..case });
    }
    fn absent(&mut self, contender: &'static str, why: &str) {
        let work = format!("transfer, {} to {}", self.from, self.to);
        self.suite.absent(&work, contender, why);
    }
}

/// Messages between threads that spin a little and then yield: what blocks costs more than any pool.
struct Channel<L> {
    full: ArrayQueue<Vec<L>>,
    empty: ArrayQueue<Vec<L>>,
}

fn wait<R>(mut until: impl FnMut() -> Option<R>) -> R {
    loop {
        for _ in 0..32 {
            if let Some(done) = until() {
                return done;
            }
            std::hint::spin_loop();
        }
        yield_now();
    }
}

fn send<const N: usize, S>(shelf: &S, from: usize, to: usize, objects: u64) -> Duration
where
    S: Shelf<Buffer<N>>,
    for<'a> S::Lent<'a>: Send,
{
    let each = (objects / from as u64).div_ceil(BATCH as u64);
    let channels: Vec<Channel<S::Lent<'_>>> = (0..to)
        .map(|_| Channel { full: ArrayQueue::new(WAITING), empty: ArrayQueue::new(WAITING + from) })
        .collect();
    let senders = AtomicUsize::new(from);
    let start = Barrier::new(from + to);
    let (channels, senders, start) = (&channels, &senders, &start);
    std::thread::scope(|scope| {
        for sender in 0..from {
            scope.spawn(move || {
                start.wait();
                for message in 0..each {
                    let channel = &channels[(sender + message as usize) % to];
                    let mut batch = channel.empty.pop().unwrap_or_default();
                    batch.reserve_exact(BATCH);
                    for _ in 0..BATCH {
                        let mut lent = shelf.get();
                        lent.touch();
                        batch.push(lent);
                    }
                    let mut batch = Some(batch);
                    wait(|| {
                        let refused = channel.full.push(batch.take()?).err();
                        batch = refused;
                        batch.is_none().then_some(())
                    });
                }
                senders.fetch_sub(1, Release);
            });
        }
        let receivers: Vec<_> = channels
            .iter()
            .map(|channel| {
                scope.spawn(move || {
                    start.wait();
                    let begun = Instant::now();
                    while let Some(mut batch) = wait(|| {
                        // Looked at first: what was sent before the end is there.
                        let over = senders.load(Acquire) == 0;
                        let batch = channel.full.pop();
                        (batch.is_some() || over).then_some(batch)
                    }) {
                        batch.clear();
                        let _full = channel.empty.push(batch);
                    }
                    begun.elapsed()
                })
            })
            .collect();
        let times = receivers.into_iter().map(|receiver| receiver.join());
        let times = times.map(|time| time.expect("nobody panics"));
        times.max().unwrap_or_default()
    })
}
