//! Threads whose processors change while they use a pool, by their own will between two operations and by
//! another's in the middle of them: nothing is lost or lent twice, all counts are exact, and what was made is
//! what is in use and what magazines hide. A process with one processor uses one worker.
#![cfg(target_os = "linux")]

mod common;

use common::{
    Census, Counted, CountedPool, MAGAZINE, Maker, Random, hides, hits, in_child, most_workers,
    processors, run_on, scaled,
};
use std::collections::HashSet;
use std::mem;
use std::sync::Barrier;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Release};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize};
use std::thread;
use stealpool::Guard;

/// A set of processors.
#[derive(Clone, Copy)]
struct Set(libc::cpu_set_t);

impl Set {
    /// Those that the calling thread may use.
    fn allowed() -> Self {
        // SAFETY: plain data.
        let mut set: libc::cpu_set_t = unsafe { mem::zeroed() };
        let size = size_of::<libc::cpu_set_t>();
        // SAFETY: a place for the set; 0 is this thread.
        let got = unsafe { libc::sched_getaffinity(0, size, &raw mut set) };
        assert_eq!(got, 0);
        Set(set)
    }

    fn one(processor: usize) -> Self {
        // SAFETY: plain data, and all zeros is the empty set.
        let mut set: libc::cpu_set_t = unsafe { mem::zeroed() };
        // SAFETY: from a set of processors, so below its size.
        unsafe { libc::CPU_SET(processor, &mut set) };
        Set(set)
    }

    fn members(&self) -> Vec<usize> {
        // SAFETY: below the size of the set.
        let has = |processor: &usize| unsafe { libc::CPU_ISSET(*processor, &self.0) };
        (0..libc::CPU_SETSIZE as usize).filter(has).collect()
    }

    /// Has a thread, or the calling one (0), run on these only. `false`: the thread has ended.
    fn keep(&self, thread: i32) -> bool {
        let size = size_of::<libc::cpu_set_t>();
        // SAFETY: reads the set.
        unsafe { libc::sched_setaffinity(thread, size, &raw const self.0) == 0 }
    }
}

/// Who says that an object is lent, by its number.
struct Lent(Vec<AtomicBool>);

impl Lent {
    fn hold<'a>(&self, pool: &'a CountedPool, objects: usize) -> Vec<Guard<'a, Counted, Maker>> {
        let held: Vec<_> = (0..objects).map(|_| pool.get()).collect();
        for object in &held {
            assert!(!self.0[object.id].swap(true, AcqRel), "lent twice");
        }
        held
    }

    fn give_back(&self, held: Vec<Guard<'_, Counted, Maker>>) {
        for object in held {
            self.0[object.id].store(false, Release);
        }
    }
}

/// All that the counts say, when nobody uses the pool.
fn assert_exact(pool: &CountedPool, census: &Census, gets: usize) {
    let stats = pool.stats();
    assert_eq!((stats.gets, stats.puts), (gets as u64, gets as u64), "{stats}");
    assert_eq!(stats.creates as usize, census.made(), "{stats}");
    assert_eq!(hits(&stats), stats.gets - stats.creates, "{stats}");
    assert_eq!((stats.idle, stats.live), (census.alive(), census.alive()));
    assert!(stats.workers <= most_workers(), "{stats}");
}

fn assert_empties(pool: &CountedPool, census: &Census) {
    let ids: HashSet<usize> = pool.drain().map(|object| object.id).collect();
    assert_eq!((ids.len(), pool.idle()), (census.made(), 0));
    assert_eq!(census.alive(), 0);
}

const THREADS: usize = 6;
const HELD: usize = 3;
const CYCLES: u64 = 1_000;
/// More than are made, as no cycle drops more than there are.
const OBJECTS: usize = 1 << 17;

/// Threads that use the pool and move now and then, and one that moves them all the time.
fn wander(rounds: usize, cycles: bool) -> usize {
    let processors_here = Set::allowed().members();
    let census = Census::new();
    let pool = census.pool();
    let lent = Lent((0..OBJECTS).map(|_| AtomicBool::new(false)).collect());
    let ids: Vec<_> = (0..THREADS).map(|_| AtomicI32::new(0)).collect();
    let done = AtomicUsize::new(0);
    let start = Barrier::new(THREADS);
    thread::scope(|scope| {
        for (number, id) in ids.iter().enumerate() {
            let (pool, lent, start, done) = (&pool, &lent, &start, &done);
            let there = &processors_here;
            scope.spawn(move || {
                let mut random = Random::new(number as u64 + 1);
                // SAFETY: takes nothing.
                id.store(unsafe { libc::gettid() }, Release);
                start.wait();
                for _ in 0..rounds {
                    let objects = 1 + random.below(HELD);
                    let held = lent.hold(pool, objects);
                    if random.below(8) == 0 {
                        run_on(there[random.below(there.len())]);
                    }
                    lent.give_back(held);
                    if random.below(8) == 0 {
                        run_on(there[random.below(there.len())]);
                    }
                }
                done.fetch_add(1, AcqRel);
            });
        }
        let mut random = Random::new(99);
        while done.load(Acquire) < THREADS {
            let thread = ids[random.below(THREADS)].load(Acquire);
            let there = processors_here[random.below(processors_here.len())];
            if thread != 0 {
                Set::one(there).keep(thread);
            }
            if cycles && random.below(100) == 0 && pool.stats().cycles < CYCLES {
                pool.collect();
            }
            thread::yield_now();
        }
    });
    let stats = pool.stats();
    assert_exact(&pool, &census, stats.gets as usize);
    let alive = census.alive();
    if !cycles {
        assert_empties(&pool, &census);
    }
    pool.collect();
    pool.collect();
    assert_eq!((pool.idle(), census.alive()), (0, 0));
    alive
}

#[test]
fn moved_threads_make_what_is_in_use_and_what_magazines_hide() {
    in_child("moved_threads_make_what_is_in_use_and_what_magazines_hide", || {
        let most = THREADS * HELD + processors() * MAGAZINE;
        for _ in 0..3 {
            let alive = wander(scaled(60_000), false);
            assert!(alive <= most, "{alive} of {most}");
        }
    });
}

#[test]
fn moved_threads_and_a_collector_lose_nothing() {
    in_child("moved_threads_and_a_collector_lose_nothing", || {
        _ = wander(scaled(60_000), true);
    });
}

/// What is got on one processor and given back on another comes round.
#[test]
fn what_moves_with_its_thread_is_found_again() {
    in_child("what_moves_with_its_thread_is_found_again", || {
        let there = Set::allowed().members();
        let census = Census::new();
        let pool = census.pool();
        // So that numbers of processors that are given out by the system are not one thread's.
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            for &processor in &there {
                let stop = &stop;
                scope.spawn(move || {
                    run_on(processor);
                    while !stop.load(Acquire) {
                        thread::yield_now();
                    }
                });
            }
            for round in 0..scaled(5_000) {
                run_on(there[round % there.len()]);
                let held = [pool.get(), pool.get()];
                run_on(there[(round + 1) % there.len()]);
                drop(held);
            }
            stop.store(true, Release);
        });
        assert_exact(&pool, &census, 2 * scaled(5_000));
        assert!(census.made() <= 2 + processors() * MAGAZINE, "{}", pool.stats());
        assert_empties(&pool, &census);
    });
}

#[test]
fn one_processor_is_one_worker_for_any_number_of_threads() {
    const MANY: usize = 32;
    const ROUNDS: usize = scaled(2_000);
    let allowed = Set::allowed();
    let there = allowed.members();
    let one = Set::one(there[there.len() - 1]);
    // Before the process begins, so that none of its threads ever had another.
    assert!(one.keep(0));
    in_child("one_processor_is_one_worker_for_any_number_of_threads", || {
        let census = Census::new();
        let pool = census.pool();
        let (used, wider) = (Barrier::new(MANY + 1), Barrier::new(MANY + 1));
        thread::scope(|scope| {
            for number in 0..MANY {
                let (pool, used, wider) = (&pool, &used, &wider);
                scope.spawn(move || {
                    let rounds = || {
                        for round in 0..ROUNDS {
                            let held = [pool.get(), pool.get()];
                            if (round + number) % 16 == 0 {
                                thread::yield_now();
                            }
                            drop(held);
                        }
                    };
                    rounds();
                    used.wait();
                    wider.wait();
                    rounds();
                });
            }
            used.wait();
            assert_exact(&pool, &census, MANY * ROUNDS * 2);
            // By sequences, a processor has one worker.
            let stats = pool.stats();
            let most = if hides() { 1 } else { most_workers() };
            assert!((1..=most).contains(&stats.workers), "{stats}");
            assert!(census.made() <= MANY * 2 + MAGAZINE, "{}", pool.stats());
            everybody_may_use(&every_processor());
            wider.wait();
        });
        assert_exact(&pool, &census, 2 * MANY * ROUNDS * 2);
        assert!(census.made() <= MANY * 2 + processors() * MAGAZINE, "{}", pool.stats());
        assert_empties(&pool, &census);
    });
    assert!(allowed.keep(0));
}

/// All that there are; the system takes those that it lets this process have.
fn every_processor() -> Set {
    // SAFETY: plain data, and all zeros is the empty set.
    let mut set: libc::cpu_set_t = unsafe { mem::zeroed() };
    for processor in 0..processors().min(libc::CPU_SETSIZE as usize) {
        // SAFETY: below the size of the set.
        unsafe { libc::CPU_SET(processor, &mut set) };
    }
    Set(set)
}

/// Lets all threads of this process run there.
fn everybody_may_use(set: &Set) {
    for thread in std::fs::read_dir("/proc/self/task").expect("a directory") {
        let name = thread.expect("an entry").file_name();
        let id = name.to_str().and_then(|name| name.parse().ok());
        assert!(set.keep(id.expect("a number")));
    }
}
