//! Works in which a pool does what it does seldom: create, and find again what has aged.

use super::{case, single};
use crate::contenders::{Visitor, all};
use crate::crew::Crew;
use crate::floor::TurnsAlone;
use crate::measure::{Case, Suite};
use crate::shelf::{Held, Shelf};
use crate::thing::{Dear, Thing, Word};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

/// Objects of one sample of a miss.
const MISSES: u64 = 2_000;

pub fn expensive(suite: &mut Suite) {
    all::<Dear>(&mut Expensive { suite });
    let crew = Rc::new(Crew::new(32));
    let mut shared = Shared { suite, crew };
    all::<Dear>(&mut shared);
    Visitor::<Dear>::visit::<TurnsAlone>(&mut shared);
}

pub fn miss(suite: &mut Suite) {
    for workers in [2, 64, 1_000] {
        let crew = Rc::new(Crew::new(workers));
        let work = &format!("miss, {workers} threads");
        all::<Word>(&mut Miss { suite, work, workers, crew });
    }
}

pub fn cycle(suite: &mut Suite) {
    for (pools, hold) in [(1_000, 1), (10, 100)] {
        all::<Word>(&mut AfterCycle { suite, pools, hold });
    }
}

struct Expensive<'s> {
    suite: &'s mut Suite,
}

impl Visitor<Dear> for Expensive<'_> {
    fn visit<S: Shelf<Dear>>(&mut self) {
        let work = "expensive, hold 100";
        let case = case(work, S::NAME, move |objects| {
            let begun = Instant::now();
            let shelf = S::new();
            for _ in 0..objects / 100 {
                single::hold_and_drop::<Dear, S>(&shelf, 100, 100);
                shelf.cycle();
            }
            begun.elapsed()
        });
        self.suite.add(Case { fixed: Some(400), ..case });
    }
}

/// Threads that use an object one after the other, and one each if nobody shares.
struct Shared<'s> {
    suite: &'s mut Suite,
    crew: Rc<Crew>,
}

impl Visitor<Dear> for Shared<'_> {
    fn visit<S: Shelf<Dear>>(&mut self) {
        let work = "expensive, 32 threads in turn";
        let crew = Rc::clone(&self.crew);
        let case = case(work, S::NAME, move |_| {
            let shelf = Arc::new(S::new());
            let begun = Instant::now();
            crew.in_turn(move |_| shelf.get().touch());
            begun.elapsed()
        });
        self.suite.add(Case { fixed: Some(32), ..case });
    }
}

struct Miss<'s, 'n> {
    suite: &'s mut Suite,
    work: &'n str,
    workers: usize,
    crew: Rc<Crew>,
}

impl<T: Thing> Visitor<T> for Miss<'_, '_> {
    fn visit<S: Shelf<T>>(&mut self) {
        let (crew, workers) = (Rc::clone(&self.crew), self.workers);
        let case = case(self.work, S::NAME, move |objects| {
            let shelf = Arc::new(S::new());
            let everybodys = Arc::clone(&shelf);
            crew.in_turn(move |_| everybodys.get().touch());
            // What those threads have left, and then nothing.
            let left: Vec<_> = (0..workers).map(|_| shelf.get()).collect();
            let mut held = Vec::with_capacity(objects as usize);
            let begun = Instant::now();
            for _ in 0..objects {
                held.push(shelf.get());
            }
            let time = begun.elapsed();
            drop((held, left));
            time
        });
        self.suite.add(Case { fixed: Some(MISSES), ..case });
    }
}

struct AfterCycle<'s> {
    suite: &'s mut Suite,
    pools: usize,
    hold: usize,
}

impl<T: Thing> Visitor<T> for AfterCycle<'_> {
    fn visit<S: Shelf<T>>(&mut self) {
        let (pools, hold) = (self.pools, self.hold);
        let work = format!("cycle, then hold {hold}");
        if !S::AGES && !S::NAME.starts_with("no pool") {
            return self.suite.absent(&work, S::NAME, "nothing ages");
        }
        let shelves: Vec<S> = (0..pools).map(|_| S::new()).collect();
        let case = case(&work, S::NAME, move |_| {
            for shelf in &shelves {
                single::hold_and_drop::<T, S>(shelf, hold, hold as u64);
                shelf.cycle();
            }
            if hold > 1 {
                let time = |shelf| single::hold_and_drop::<T, S>(shelf, hold, hold as u64);
                return shelves.iter().map(time).sum();
            }
            let begun = Instant::now();
            shelves.iter().for_each(|shelf| shelf.get().touch());
            begun.elapsed()
        });
        self.suite.add(Case { fixed: Some((pools * hold) as u64), ..case });
    }
}
