//! What stays allocated after a burst, at once, after steps of ageing, and over time.

use crate::contenders::{Visitor, all_of_vectors};
use crate::crew::Crew;
use crate::heap;
use crate::measure::progress;
use crate::shelf::{Held, Shelf};
use crate::thing::{Buffer, Thing, live};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

/// The burst: four threads hold so many vectors of 1 KiB at once.
pub const BURST: usize = 1_000;
const THREADS: usize = 4;
/// A step of ageing over time, and how long is looked.
pub const STEP: Duration = Duration::from_millis(100);
pub const LOOKED: Duration = Duration::from_millis(450);
const LOOK: Duration = Duration::from_millis(10);

/// What one contender keeps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    pub contender: String,
    /// Objects, if they can be counted, and KiB: at once, after one step of ageing, and after two.
    pub objects: Option<[u64; 3]>,
    pub kib: Option<[f64; 3]>,
    /// Milliseconds since the burst and objects (KiB of those who hide them), with one object in use
    /// now and then.
    pub over_time: Vec<(f64, f64)>,
}

/// Everybody.
pub fn all() -> Vec<Kept> {
    let mut visit = Visit { crew: Crew::new(THREADS), kept: Vec::new() };
    all_of_vectors::<1024>(&mut visit);
    visit.kept
}

struct Visit {
    crew: Crew,
    kept: Vec<Kept>,
}

impl<T: Thing> Visitor<T> for Visit {
    fn visit<S: Shelf<T>>(&mut self) {
        progress("retaining", self.kept.len(), 21, S::NAME);
        let hides = !S::TELLS;
        let (mut objects, mut kib) = ([0; 3], [0.0; 3]);
        // A thread-local list may hold what an earlier work has left.
        drop(S::new());
        heap::counted(|| {
            let (before, bytes) = (live(), heap::bytes());
            let shelf = Arc::new(S::new());
            self.burst::<T, S>(&shelf);
            for step in 0..3 {
                objects[step] = live() - before;
                kib[step] = (heap::bytes() - bytes) as f64 / 1024.0;
                shelf.cycle();
            }
        });
        let over_time = heap::counted(|| {
            let (before, bytes) = (live(), heap::bytes());
            let shelf = Arc::new(S::ageing(STEP));
            self.burst::<T, S>(&shelf);
            let begun = Instant::now();
            let mut points = Vec::new();
            while begun.elapsed() < LOOKED {
                shelf.get().touch();
                let kept = match hides {
                    true => (heap::bytes() - bytes) as f64 / 1024.0,
                    false => (live() - before) as f64,
                };
                points.push((begun.elapsed().as_secs_f64() * 1e3, kept));
                std::thread::sleep(LOOK);
            }
            points
        });
        self.kept.push(Kept {
            contender: S::NAME.to_string(),
            objects: (!hides).then_some(objects),
            kib: Some(kib),
            over_time,
        });
    }
}

impl Visit {
    fn burst<T: Thing, S: Shelf<T>>(&self, shelf: &Arc<S>) {
        let (shelf, all_hold) = (Arc::clone(shelf), Barrier::new(THREADS));
        self.crew.together(move |_| {
            let hold = (0..BURST / THREADS).map(|_| {
                let mut lent = shelf.get();
                lent.touch();
                lent
            });
            let held: Vec<_> = hold.collect();
            all_hold.wait();
            drop(held);
        });
    }
}

/// Bytes that a worker costs which holds nothing: pools that each thread has used, over pools times
/// threads.
pub fn bytes_a_worker() -> (usize, usize, f64) {
    let (pools, threads) = (1_500, 64);
    let crew = Crew::new(threads);
    let bytes = heap::counted(|| {
        let before = heap::bytes();
        type Shelves = Vec<crate::shelf::Stealpool<Buffer<1024>, false>>;
        let shelves: Arc<Shelves> = Arc::new((0..pools).map(|_| Shelf::new()).collect());
        let used = Arc::clone(&shelves);
        crew.in_turn(move |_| used.iter().for_each(|shelf| shelf.get().touch()));
        for shelf in shelves.iter() {
            shelf.cycle();
            shelf.cycle();
        }
        heap::bytes() - before
    });
    (pools, threads, bytes as f64 / (pools * threads) as f64)
}
