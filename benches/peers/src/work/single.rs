//! Works of one thread.

use super::{KIB, case};
use crate::contenders::{Visitor, all, all_of_vectors};
use crate::floor::FreeList;
use crate::measure::Suite;
use crate::shelf::{Held, Shelf};
use crate::thing::{Buffer, Inline, Thing, Word, Zeroed};
use std::time::{Duration, Instant};

pub fn pair(suite: &mut Suite) {
    let mut pair = Hold { suite, work: "pair, Vec of 1 KiB", hold: 1 };
    all_of_vectors::<KIB>(&mut pair);
    Visitor::<Buffer<KIB>>::visit::<FreeList>(&mut pair);
    pair.work = "pair, Vec of 64 KiB";
    all_of_vectors::<{ 64 << 10 }>(&mut pair);
    pair.work = "pair, Vec of 1 MiB";
    all_of_vectors::<{ 1 << 20 }>(&mut pair);
    pair.work = "pair, 64 KiB of zeros";
    all::<Zeroed<{ 64 << 10 }>>(&mut pair);
    pair.work = "pair, 1 MiB of zeros";
    all::<Zeroed<{ 1 << 20 }>>(&mut pair);
    pair.work = "pair, 8 bytes";
    all::<Word>(&mut pair);
    pair.work = "pair, 64 KiB in line";
    all::<Inline>(&mut pair);
}

pub fn burst(suite: &mut Suite) {
    for hold in [8, 64, 100, 1000] {
        let work = &format!("burst, hold {hold}");
        all_of_vectors::<KIB>(&mut Hold { suite, work, hold });
    }
}

pub fn pools(suite: &mut Suite) {
    for pools in [8, 100] {
        all_of_vectors::<KIB>(&mut InTurn { suite, pools });
    }
}

/// Holds so many at a time.
pub struct Hold<'s, 'n> {
    pub suite: &'s mut Suite,
    pub work: &'n str,
    pub hold: usize,
}

impl<T: Thing> Visitor<T> for Hold<'_, '_> {
    fn visit<S: Shelf<T>>(&mut self) {
        let (shelf, hold) = (S::new(), self.hold);
        self.suite.add(case(self.work, S::NAME, move |objects| {
            if hold == 1 {
                one::<T, S>(&shelf, objects)
            } else {
                hold_and_drop::<T, S>(&shelf, hold, objects)
            }
        }));
    }
}

fn one<T: Thing, S: Shelf<T>>(shelf: &S, objects: u64) -> Duration {
    let begun = Instant::now();
    for _ in 0..objects {
        shelf.get().touch();
    }
    begun.elapsed()
}

/// Holds so many, gives them back, and again.
pub fn hold_and_drop<T: Thing, S: Shelf<T>>(shelf: &S, hold: usize, objects: u64) -> Duration {
    let mut held = Vec::with_capacity(hold);
    let begun = Instant::now();
    for _ in 0..objects / hold as u64 {
        for _ in 0..hold {
            let mut lent = shelf.get();
            lent.touch();
            held.push(lent);
        }
        held.clear();
    }
    begun.elapsed()
}

struct InTurn<'s> {
    suite: &'s mut Suite,
    pools: usize,
}

impl<T: Thing> Visitor<T> for InTurn<'_> {
    fn visit<S: Shelf<T>>(&mut self) {
        let shelves: Vec<S> = (0..self.pools).map(|_| S::new()).collect();
        let work = format!("pools, {} in turn", self.pools);
        self.suite.add(case(&work, S::NAME, move |objects| {
            let begun = Instant::now();
            for _ in 0..objects / shelves.len() as u64 {
                for shelf in &shelves {
                    shelf.get().touch();
                }
            }
            begun.elapsed()
        }));
    }
}
