//! Fresh against pooled, in turns.

use serde::{Deserialize, Serialize};
use std::fmt::Write;
use std::hint::black_box;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};
use stealpool::{Pool, policy};

/// What is done with a buffer.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) enum Use {
    /// Room for so many bytes; 64 of them are written.
    Touch,
    /// So many zeros, one of which is changed.
    Zero,
    /// So many bytes are copied in.
    Fill,
    /// A line of so many characters is formatted.
    Format,
    /// An object of 64 bytes whose making takes about so many nanoseconds.
    Make,
}

impl Use {
    /// All of them.
    pub(crate) const ALL: [Use; 5] = [Use::Touch, Use::Zero, Use::Fill, Use::Format, Use::Make];

    /// What is done, in words.
    pub(crate) fn about(self) -> &'static str {
        match self {
            Use::Touch => "a buffer of which 64 bytes are written",
            Use::Zero => "a buffer of zeros",
            Use::Fill => "a buffer that is filled",
            Use::Format => "a String that a line is formatted into",
            Use::Make => "an object that takes time to make",
        }
    }

    /// Bytes; nanoseconds for [`Use::Make`].
    fn sizes(self) -> &'static [usize] {
        match self {
            Use::Touch | Use::Zero | Use::Fill => {
                &[64, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20]
            }
            Use::Format => &[16, 64, 256, 1 << 10],
            Use::Make => &[2, 5, 10, 20, 50, 100, 1000],
        }
    }
}

/// One figure: nanoseconds for each use, the median of all rounds.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Point {
    pub(crate) what: Use,
    pub(crate) size: usize,
    pub(crate) threads: usize,
    pub(crate) fresh: f64,
    pub(crate) pooled: f64,
}

/// How long a round of one figure takes, nearly.
const ROUND: Duration = Duration::from_millis(4);

/// Measures everything under this process's allocator.
pub(crate) fn all(rounds: u32) -> Vec<Point> {
    let mut points = Vec::new();
    for threads in [1, 2] {
        for what in Use::ALL {
            for &size in what.sizes() {
                points.push(point(what, size, threads, rounds));
            }
        }
    }
    points
}

fn point(what: Use, size: usize, threads: usize, rounds: u32) -> Point {
    let source = vec![7u8; size];
    let (fresh, pooled) = match what {
        Use::Touch => {
            let buffers = Pool::new(move || Vec::<u8>::with_capacity(size));
            in_turns(
                rounds,
                threads,
                || touch(&mut Vec::with_capacity(size)),
                || touch(&mut buffers.get()),
            )
        }
        Use::Zero => {
            // What a pool gives back has to be zeroed by hand.
            let buffers = Pool::new(move || Vec::<u8>::with_capacity(size));
            in_turns(
                rounds,
                threads,
                || {
                    let mut zeros = vec![0u8; size];
                    black_box(&mut zeros[..])[size / 2] = 1;
                },
                || {
                    let mut zeros = buffers.get();
                    zeros.resize(size, 0);
                    black_box(&mut zeros[..])[size / 2] = 1;
                },
            )
        }
        Use::Fill => {
            let buffers = Pool::new(move || Vec::<u8>::with_capacity(size));
            in_turns(
                rounds,
                threads,
                || fill(&mut Vec::with_capacity(size), &source),
                || fill(&mut buffers.get(), &source),
            )
        }
        Use::Format => {
            let lines = Pool::new(String::new);
            let text = "x".repeat(size);
            in_turns(
                rounds,
                threads,
                || format(&mut String::new(), &text),
                || format(&mut lines.get(), &text),
            )
        }
        Use::Make => {
            let turns = turns_for(size);
            let made = policy(move || Made::new(turns)).recycle_with(|_| true);
            let objects = Pool::new(made);
            in_turns(
                rounds,
                threads,
                || {
                    black_box(&mut Made::new(turns));
                },
                || {
                    black_box(&mut *objects.get());
                },
            )
        }
    };
    Point { what, size, threads, fresh, pooled }
}

fn touch(buffer: &mut Vec<u8>) {
    buffer.extend_from_slice(&[1; 64]);
    black_box(buffer);
}

fn fill(buffer: &mut Vec<u8>, source: &[u8]) {
    buffer.extend_from_slice(source);
    black_box(buffer);
}

fn format(line: &mut String, text: &str) {
    // A String takes all.
    let _infallible = write!(line, "{}: {text}", black_box(17));
    black_box(line);
}

/// 64 bytes that were computed.
struct Made {
    _state: [u64; 8],
}

impl Made {
    fn new(turns: u32) -> Self {
        let mut state = [1u64; 8];
        for _ in 0..turns {
            // A chain of multiplications that cannot be shortened.
            state[0] = black_box(state[0].wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 1);
        }
        Made { _state: state }
    }
}

/// How many turns of [`Made::new`] take so many nanoseconds here.
fn turns_for(nanos: usize) -> u32 {
    const TRIAL: u32 = 200_000;
    let begun = Instant::now();
    black_box(Made::new(TRIAL));
    let each = begun.elapsed().as_secs_f64() * 1e9 / f64::from(TRIAL);
    ((nanos as f64 / each).round() as u32).max(1)
}

/// Medians of both, in nanoseconds; who begins changes each round.
fn in_turns(
    rounds: u32,
    threads: usize,
    fresh: impl Fn() + Sync,
    pooled: impl Fn() + Sync,
) -> (f64, f64) {
    let (many_fresh, many_pooled) = (calibrate(&fresh), calibrate(&pooled));
    let (mut of_fresh, mut of_pooled) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        if round % 2 == 0 {
            of_fresh.push(time(&fresh, many_fresh, threads));
            of_pooled.push(time(&pooled, many_pooled, threads));
        } else {
            of_pooled.push(time(&pooled, many_pooled, threads));
            of_fresh.push(time(&fresh, many_fresh, threads));
        }
    }
    (median(of_fresh), median(of_pooled))
}

/// How many uses fill a round. Warms up, too.
fn calibrate(work: &impl Fn()) -> u32 {
    let mut many = 1;
    loop {
        let begun = Instant::now();
        (0..many).for_each(|_| work());
        let taken = begun.elapsed();
        if taken * 4 >= ROUND || many >= 1 << 24 {
            let share = ROUND.as_secs_f64() / taken.as_secs_f64().max(1e-9);
            return ((f64::from(many) * share) as u32).max(1);
        }
        many *= 2;
    }
}

/// Nanoseconds for each use, on the slowest of the threads.
fn time(work: &(impl Fn() + Sync), many: u32, threads: usize) -> f64 {
    let ready = Barrier::new(threads);
    let on_one = || {
        ready.wait();
        let begun = Instant::now();
        (0..many).for_each(|_| work());
        begun.elapsed().as_secs_f64() * 1e9 / f64::from(many)
    };
    thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(on_one)).collect();
        let own = on_one();
        let others = others.into_iter().map(|other| other.join());
        others.fold(own, |slowest, other| slowest.max(other.expect("a use panicked")))
    })
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_use_is_measured_at_every_size() {
        for what in Use::ALL {
            let point = point(what, what.sizes()[0], 2, 1);
            assert!(point.fresh > 0.0 && point.pooled > 0.0, "{point:?}");
        }
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert!(turns_for(1000) > turns_for(10));
    }
}
