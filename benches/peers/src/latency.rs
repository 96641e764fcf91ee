//! How long one get takes while another thread frees what is idle.

use crate::shelf::{Boxes, Held, Shelf, Stealpool};
use crate::thing::{Thing, Word};
use serde::{Deserialize, Serialize};
use std::sync::Mutex;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Instant;

/// Idle objects that are freed each time.
pub const IDLE: usize = 100_000;

/// Percentiles that are told, in per mille of the gets.
pub const PERCENTILES: [(&str, f64); 5] =
    [("50 %", 0.5), ("90 %", 0.9), ("99 %", 0.99), ("99.9 %", 0.999), ("99.99 %", 0.9999)];

/// Nanoseconds of a get and a drop, at the percentiles, while nothing is freed and while it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    pub contender: String,
    pub quiet: Vec<f64>,
    pub freeing: Vec<f64>,
    /// The longest of all while freeing.
    pub longest: f64,
    /// Milliseconds of one pass that frees; for Go the longest stop of the world too.
    pub pass: f64,
    pub stopped: Option<f64>,
}

/// Percentiles of some times in nanoseconds.
pub fn percentiles(times: &mut [u32]) -> Vec<f64> {
    times.sort_unstable();
    let at = |share: f64| times.get((times.len() as f64 * share) as usize);
    PERCENTILES
        .iter()
        .map(|(_, share)| at(*share).or(times.last()).map_or(f64::NAN, |t| f64::from(*t)))
        .collect()
}

/// All who have a way to free what is idle while others use the pool.
pub fn all(rounds: usize) -> Vec<Latency> {
    vec![
        one::<Word, Stealpool<Word, false>>(rounds, |shelf| {
            shelf.cycle();
            shelf.cycle();
        }),
        one::<Word, Boxes<Mutex<Vec<Box<Word>>>>>(rounds, Shelf::clear),
        one::<Word, Boxes<crossbeam_queue::SegQueue<Box<Word>>>>(rounds, Shelf::clear),
    ]
}

fn one<T: Thing, S: Shelf<T>>(rounds: usize, free: impl Fn(&S) + Sync) -> Latency {
    let shelf = S::new();
    let (freeing, over) = (AtomicBool::new(false), AtomicBool::new(false));
    let passed = AtomicU64::new(0);
    let (mut quiet, mut busy) = std::thread::scope(|scope| {
        let user = scope.spawn(|| {
            let (mut quiet, mut busy) = (Vec::new(), Vec::new());
            while !over.load(Relaxed) {
                let before = freeing.load(Acquire);
                let begun = Instant::now();
                shelf.get().touch();
                let time = begun.elapsed().as_nanos() as u32;
                // Counted where it began and ended.
                match (before, freeing.load(Acquire)) {
                    (false, false) => quiet.push(time),
                    _ => busy.push(time),
                }
            }
            (quiet, busy)
        });
        for _ in 0..rounds {
            let held: Vec<_> = (0..IDLE).map(|_| shelf.get()).collect();
            drop(held);
            freeing.store(true, Release);
            let begun = Instant::now();
            free(&shelf);
            passed.fetch_add(begun.elapsed().as_nanos() as u64, Relaxed);
            freeing.store(false, Release);
            // As long without.
            let pause = begun.elapsed();
            let begun = Instant::now();
            while begun.elapsed() < pause {
                std::hint::spin_loop();
            }
        }
        over.store(true, Relaxed);
        user.join().expect("nobody panics")
    });
    let longest = busy.iter().max().copied().unwrap_or(0);
    Latency {
        contender: S::NAME.to_string(),
        quiet: percentiles(&mut quiet),
        freeing: percentiles(&mut busy),
        longest: f64::from(longest),
        pass: passed.into_inner() as f64 / 1e6 / rounds as f64,
        stopped: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_ten_thousand() {
        let mut times: Vec<u32> = (0..10_000).rev().collect();
        assert_eq!(percentiles(&mut times)[..4], [5_000.0, 9_000.0, 9_900.0, 9_990.0]);
        assert!(percentiles(&mut [])[0].is_nan());
    }
}
