//! Models that nobody would think of: scripts drawn by seed, each explored exhaustively within its bound.
//!
//! A uniform draw of operations hardly ever fills slots and then drains them; so each thread has a
//! favourite. A script that fails is printed with its seed, and becomes a model of its own.

mod common;

use common::{Item, explore_up_to, touch};
use loom::thread;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;
use stealpool::model::{Core, Held};

/// How many scripts each half explores to the end; a part of them by default.
const SCRIPTS: usize = if cfg!(feature = "whole") { 250 } else { 15 };

/// A script that has more executions is given up, and another one drawn.
const LONGEST: usize = if cfg!(feature = "whole") { 2_000 } else { 1_000 };

#[derive(Clone, Copy, Debug, PartialEq)]
enum Op {
    /// Puts what is in hand, or something new.
    Put,
    Get,
    Cycle,
    Step,
    TakeAll,
    TakeBytes,
    /// As a thread that finds its worker in other hands.
    LonelyPut,
    LonelyGet,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Shallow,
    Deep,
    Bounded,
    DeepBounded,
}

#[derive(Clone, Debug)]
struct Script {
    kind: Kind,
    /// Before the threads start.
    before: Vec<Op>,
    threads: Vec<Vec<Op>>,
}

/// Marsaglia's xorshift.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % n
    }
}

fn phase(random: &mut Random, length: u64) -> Vec<Op> {
    let favourite = [Op::Put, Op::Get, Op::Put, Op::Cycle][random.below(4) as usize];
    let others = [
        Op::Put,
        Op::Get,
        Op::Get,
        Op::Cycle,
        Op::Step,
        Op::TakeAll,
        Op::TakeBytes,
        Op::LonelyPut,
        Op::LonelyGet,
    ];
    let draw = |_| match random.below(3) {
        0 => others[random.below(others.len() as u64) as usize],
        _ => favourite,
    };
    (0..length).map(draw).collect()
}

fn script(seed: u64) -> Script {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    (0..8).for_each(|_| _ = random.below(2));
    let kinds = [Kind::Shallow, Kind::Deep, Kind::Bounded, Kind::DeepBounded];
    let threads = 2 + u64::from(random.below(5) == 0);
    let length = if threads == 2 { 3 } else { 2 };
    Script {
        kind: kinds[random.below(4) as usize],
        before: (0..random.below(4)).map(|_| Op::Put).collect(),
        threads: (0..threads)
            .map(|_| {
                let length = 1 + random.below(length);
                phase(&mut random, length)
            })
            .collect(),
    }
}

/// What a thread has in hand, and the objects it has made.
struct Hands {
    held: Vec<Held<Item>>,
    made: BTreeSet<usize>,
    base: usize,
}

impl Hands {
    fn of(thread: usize) -> Self {
        Hands { held: Vec::new(), made: BTreeSet::new(), base: 100 * thread }
    }

    fn next(&mut self) -> Held<Item> {
        let held = self.held.pop().unwrap_or_else(|| {
            let id = self.base + self.made.len();
            self.made.insert(id);
            Item::new(id)
        });
        touch(&held);
        held
    }

    fn take(&mut self, held: impl IntoIterator<Item = Held<Item>>) {
        for held in held {
            touch(&held);
            self.held.push(held);
        }
    }
}

/// One thread's part, in a worker that it owns for that time.
fn play(core: &Core<Item>, ops: &[Op], mut hands: Hands) -> Hands {
    let me = core.join();
    for op in ops {
        match op {
            Op::Put => {
                let next = hands.next();
                hands.take(me.put(next));
            }
            Op::Get => hands.take(me.get()),
            Op::Cycle => hands.take(core.cycle()),
            Op::Step => hands.take(core.step(core.cycles(), 1)),
            Op::TakeAll => hands.take(core.take_all()),
            Op::TakeBytes => hands.take(core.take_bytes(1)),
            Op::LonelyPut => {
                let next = hands.next();
                hands.take(core.put_without_worker(next));
            }
            Op::LonelyGet => hands.take(core.get_without_worker()),
        }
    }
    hands
}

fn run(script: &Script) {
    let core = Arc::new(match script.kind {
        Kind::Shallow => Core::new(1, u64::MAX),
        Kind::Deep => Core::deep(1, 2),
        Kind::Bounded => Core::bounded(1, 3, 100),
        Kind::DeepBounded => Core::deep_bounded(1, 2, 6),
    });
    let bound = match script.kind {
        Kind::Shallow | Kind::Deep => usize::MAX,
        Kind::Bounded => 3,
        Kind::DeepBounded => 6,
    };
    let mut all = vec![play(&core, &script.before, Hands::of(0))];
    let (first, others) = script.threads.split_first().expect("two threads at least");
    let others: Vec<_> = others
        .iter()
        .enumerate()
        .map(|(i, ops)| {
            let (core, ops) = (Arc::clone(&core), ops.clone());
            thread::spawn(move || play(&core, &ops, Hands::of(i + 2)))
        })
        .collect();
    all.push(play(&core, first, Hands::of(1)));
    all.extend(others.into_iter().map(|thread| thread.join().unwrap()));
    let idle = core.idle();
    assert!(idle <= bound, "{idle} idle");
    let left = core.take_all();
    assert_eq!(left.len(), idle, "the books say what is there");
    let made: BTreeSet<usize> = all.iter().flat_map(|hands| &hands.made).copied().collect();
    let held = all.iter().flat_map(|hands| &hands.held).chain(&left);
    let mut found: Vec<usize> = held.map(touch).collect();
    found.sort_unstable();
    assert!(found.iter().eq(&made), "each object exists exactly once: {found:?} of {made:?}");
    assert_eq!((core.idle(), core.charged()), (0, (0, 0)), "the books");
}

#[test]
fn drawn_scripts() {
    draw("even", 0);
}

/// Apart, for a second processor.
#[test]
fn more_drawn_scripts() {
    draw("odd", 1);
}

fn draw(which: &str, first: u64) {
    let (mut executions, mut explored, mut given_up) = (0, 0, 0);
    let start = Instant::now();
    for seed in (first..).step_by(2) {
        if explored == SCRIPTS {
            break;
        }
        let script = script(seed);
        let same = script.clone();
        match explore_up_to(LONGEST, Some(2), move || run(&same)) {
            Ok((count, to_the_end)) => {
                executions += count;
                explored += usize::from(to_the_end);
                given_up += usize::from(!to_the_end);
            }
            Err(panic) => {
                println!("seed {seed}: {script:?}");
                std::panic::resume_unwind(panic);
            }
        }
    }
    let time = start.elapsed().as_secs_f64();
    let name = format!("scripts: {which} seeds, {explored} to the end, {given_up} not");
    println!("{name:<54} 2-3  2 {executions:>9} executions {time:>7.2} s");
    assert!(executions > 20 * SCRIPTS, "{executions} executions");
}
