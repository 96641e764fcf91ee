//! Objects made and kept by threads that take turns, and by threads that all run at once. Counts, no times.

pub mod plot;
pub mod table;

use crate::contenders::{Visitor, all, all_of_vectors};
use crate::crew::Crew;
use crate::go::Go;
use crate::heap;
use crate::measure::progress;
use crate::shelf::{Held, Shelf};
use crate::thing::{Dear, Thing, created, live};
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// The sizes of the buffers.
pub const SIZES: [usize; 2] = [16 << 10, 1 << 20];

/// Works by name. Go's program knows them by these names, too.
pub const IN_TURN: [&str; 2] = ["in turn, Vec of 16 KiB", "in turn, Vec of 1 MiB"];
pub const AT_ONCE: [&str; 2] = ["all at once, Vec of 16 KiB", "all at once, Vec of 1 MiB"];
pub const DEAR: &str = "in turn, a constructor of 1 ms";

/// How many threads use a dear object in turn: one each, if nobody shares, costs a millisecond each.
const DEAR_THREADS: usize = 64;

/// What one contender came to with so many threads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Turns {
    pub work: String,
    pub contender: String,
    pub threads: usize,
    /// Calls of the constructor, if they can be counted.
    pub made: Option<u64>,
    /// The most threads that were between the begin of a get and the end of its put at once.
    pub users: u64,
    /// Objects idle at the end, while all threads still live; if they can be counted.
    pub idle: Option<u64>,
    /// Allocated at the end, the pool included; of Go, the idle objects alone.
    pub kib: f64,
}

/// How much is done.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    threads: &'static [usize],
    /// How often each thread gets its turn.
    pub rounds: usize,
    /// How long all run at once, from when the last one has begun.
    pub long: Duration,
}

impl Effort {
    pub fn new(quick: bool) -> Self {
        match quick {
            true => Effort { threads: &[1, 8, 64], rounds: 3, long: Duration::from_millis(10) },
            false => {
                Effort { threads: &[1, 8, 64, 512], rounds: 10, long: Duration::from_millis(50) }
            }
        }
    }
}

/// Everybody at everything, Go after the others.
pub fn all_works(
    effort: Effort,
    go: &Result<Rc<RefCell<Go>>, String>,
) -> Result<Vec<Turns>, String> {
    let mut works: Vec<(&'static str, usize)> = Vec::new();
    for work in IN_TURN.into_iter().chain(AT_ONCE) {
        works.extend(effort.threads.iter().map(|threads| (work, *threads)));
    }
    works.push((DEAR, DEAR_THREADS));
    let mut visit = Visit { effort, work: DEAR, threads: DEAR_THREADS, found: Vec::new() };
    for (done, (work, threads)) in works.iter().enumerate() {
        progress("taking turns", done, works.len(), work);
        (visit.work, visit.threads) = (work, *threads);
        match *work {
            DEAR => all::<Dear>(&mut visit),
            work if work == IN_TURN[0] || work == AT_ONCE[0] => {
                all_of_vectors::<{ SIZES[0] }>(&mut visit);
            }
            _ => all_of_vectors::<{ SIZES[1] }>(&mut visit),
        }
        if let Ok(go) = go {
            let found = go.borrow_mut().turns(work, *threads, &effort)?;
            visit.found.push(found);
        }
    }
    progress("turns taken", works.len(), works.len(), "");
    Ok(visit.found)
}

struct Visit {
    effort: Effort,
    work: &'static str,
    threads: usize,
    found: Vec<Turns>,
}

impl<T: Thing> Visitor<T> for Visit {
    fn visit<S: Shelf<T>>(&mut self) {
        // Without a pool every get allocates and nothing is idle, whoever the allocator is.
        let plain = S::NAME.starts_with("no pool");
        if plain && S::NAME != "no pool, system malloc" {
            return;
        }
        // poolshark makes its vectors by the constructor, and holds them by itself.
        let makes = S::TELLS || S::NAME == "poolshark";
        // Threads of its own: what others have left in thread-locals is gone.
        let crew = Crew::new(self.threads);
        crew.together(|_| drop(T::make()));
        let (mut most, mut made, mut idle, mut kib) = (0, 0, 0, 0.0);
        heap::counted(|| {
            let (before, alive, bytes) = (created(), live(), heap::bytes());
            let users = Arc::new(Users {
                shelf: S::new(),
                now: AtomicU64::new(0),
                most: AtomicU64::new(0),
            });
            self.use_it(&crew, &users);
            most = users.most.load(Relaxed);
            made = created() - before;
            idle = live() - alive;
            kib = (heap::bytes() - bytes) as f64 / 1024.0;
        });
        self.found.push(Turns {
            work: self.work.to_string(),
            contender: S::NAME.to_string(),
            threads: self.threads,
            made: (!plain && makes).then_some(made),
            users: most,
            idle: S::TELLS.then_some(idle),
            kib,
        });
    }
}

impl Visit {
    fn use_it<T: Thing, S: Shelf<T>>(&self, crew: &Crew, users: &Arc<Users<S>>) {
        let users = Arc::clone(users);
        if !AT_ONCE.contains(&self.work) {
            return crew.pass_round(self.effort.rounds, move |_| users.one::<T>());
        }
        let (threads, long) = (self.threads, self.effort.long);
        let (begun, all_there) = (AtomicUsize::new(0), OnceLock::new());
        crew.together(move |_| {
            // Relaxed: a count; the time goes through the lock.
            if begun.fetch_add(1, Relaxed) + 1 == threads {
                all_there.get_or_init(Instant::now);
            }
            // Looked at after each get: one may take long, where threads that are not running hold up others.
            loop {
                users.one::<T>();
                let since = all_there.get();
                if since.is_some_and(|since: &Instant| since.elapsed() >= long) {
                    return;
                }
            }
        });
    }
}

/// A shelf, and how many are between the begin of a get and the end of its put.
struct Users<S> {
    shelf: S,
    now: AtomicU64,
    most: AtomicU64,
}

impl<S> Users<S> {
    fn one<T: Thing>(&self)
    where
        S: Shelf<T>,
    {
        // Relaxed, all: counts.
        let now = self.now.fetch_add(1, Relaxed) + 1;
        if now > self.most.load(Relaxed) {
            self.most.fetch_max(now, Relaxed);
        }
        self.shelf.get().touch();
        self.now.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shelf::{Boxes, Local};
    use crate::thing::Buffer;
    use std::sync::Mutex;

    #[test]
    fn who_shares_makes_one_and_who_does_not_one_a_thread() {
        type Small = Buffer<64>;
        let mut visit =
            Visit { effort: Effort::new(true), work: IN_TURN[0], threads: 5, found: Vec::new() };
        Visitor::<Small>::visit::<Boxes<Mutex<Vec<Box<Small>>>>>(&mut visit);
        Visitor::<Small>::visit::<Boxes<Local>>(&mut visit);
        let found = visit.found.iter();
        let found = found.map(|one| (one.made, one.users, one.idle));
        let expected = [(Some(1), 1, Some(1)), (Some(5), 1, Some(5))];
        assert_eq!(found.collect::<Vec<_>>(), expected);
    }
}
