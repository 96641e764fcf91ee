//! How a process ends that has pools: in a `static`, with threads in the middle of using them, and with
//! the main thread's thread-locals holding objects.
//!
//! Without the usual harness, because only `main` runs on the main thread. Each case is a process of its own;
//! `main` without a case starts them all.

#[path = "common/again.rs"]
mod again;

use again::this_program;
use std::cell::RefCell;
use std::env;
use std::process::ExitCode;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use std::thread;
use stealpool::{Builder, Guard, Pool, Recycle};

/// Which case a child is to run.
const CASE: &str = "STEALPOOL_EXIT_CASE";

/// What a child says at its very end.
const END: &str = "end of the case";

/// Every case, and how often it runs.
const CASES: [(&str, fn(), usize); 7] = [
    ("main_returns", main_returns, RUNS),
    ("a_thread_exits", a_thread_exits, RUNS),
    ("main_exits_while_a_collector_runs", main_exits_while_a_collector_runs, RUNS / 4),
    ("drop_on_main_first", drop_on_main_first, 1),
    ("drop_on_main_last", drop_on_main_last, 1),
    ("get_on_main_first", get_on_main_first, 1),
    ("get_on_main_last", get_on_main_last, 1),
];

const RUNS: usize = if cfg!(debug_assertions) { 50 } else { 200 };

fn main() -> ExitCode {
    if let Ok(name) = env::var(CASE) {
        let case = CASES.iter().find(|(case, ..)| *case == name);
        case.expect("one of ours").1();
        return ExitCode::SUCCESS;
    }
    for (name, _, runs) in CASES {
        // Others end the process without the destructors of the main thread.
        let destroys = cfg!(any(target_env = "gnu", target_vendor = "apple")) && !cfg!(windows);
        if !destroys && name.contains("on_main") {
            continue;
        }
        for run in 0..runs {
            let output = this_program().env(CASE, name).output().expect("this runs again");
            let (out, err) =
                (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            assert!(output.status.success(), "{name}, run {run}: {}\n{out}\n{err}", output.status);
            assert!(out.contains(END) && err.is_empty(), "{name}, run {run}:\n{out}\n{err}");
        }
        println!("{name}: {runs} clean");
    }
    ExitCode::SUCCESS
}

/// An object that is filled with one number, and knows how many of its kind there are.
struct Page([usize; 64]);

static ALIVE: AtomicUsize = AtomicUsize::new(0);

impl Page {
    fn new() -> Self {
        ALIVE.fetch_add(1, AcqRel);
        Page([0; 64])
    }

    fn write(&mut self, number: usize) {
        assert!(self.0.iter().all(|word| *word == self.0[0]), "torn");
        self.0 = [number; 64];
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        ALIVE.fetch_sub(1, AcqRel);
    }
}

impl Recycle for Page {
    fn recycle(&mut self) {}
}

static POOL: Pool<Page> = Builder::new().collect_manually().build(Page::new);

/// Starts threads that use the pool until the process is no more, and waits until each of them has.
fn busy_threads() {
    static BUSY: AtomicUsize = AtomicUsize::new(0);
    const THREADS: usize = 3;
    for thread in 1..=THREADS {
        thread::spawn(move || {
            for round in 0.. {
                let mut held: Vec<_> = (0..thread).map(|_| POOL.get()).collect();
                held.iter_mut().for_each(|page| page.write(thread));
                drop(held);
                if round % 100 == 10 {
                    POOL.collect();
                    BUSY.fetch_add(usize::from(round == 10), AcqRel);
                }
            }
        });
    }
    while BUSY.load(Acquire) < THREADS {
        drop(POOL.get());
        thread::yield_now();
    }
}

/// The main thread returns in the middle of everything.
fn main_returns() {
    busy_threads();
    println!("{END}");
}

/// Another thread calls `exit`, while it holds objects.
fn a_thread_exits() {
    busy_threads();
    let exits = thread::spawn(|| {
        let _held = [POOL.get(), POOL.get()];
        println!("{END}");
        std::process::exit(0)
    });
    exits.join().expect("it does not come here")
}

/// A collector's thread is at work, and its handle in a `static`, which nobody drops.
fn main_exits_while_a_collector_runs() {
    static COLLECTOR: std::sync::OnceLock<stealpool::Collector> = std::sync::OnceLock::new();
    let collector = stealpool::Collector::builder()
        .every(std::time::Duration::from_millis(1))
        .on_memory_pressure(false)
        .spawn();
    assert!(COLLECTOR.set(collector.expect("the only one")).is_ok());
    busy_threads();
    println!("{END}");
}

/// Runs its job when the main thread's locals are destroyed.
struct AtEnd(Option<fn(Option<Guard<'static, Page>>)>, Option<Guard<'static, Page>>);

impl Drop for AtEnd {
    fn drop(&mut self) {
        // A panic in here aborts, which is a status that `main` sees.
        if let Some(job) = self.0 {
            job(self.1.take());
        }
    }
}

thread_local! {
    static AT_END: RefCell<AtEnd> = const { RefCell::new(AtEnd(None, None)) };
}

/// Uses the pool on the main thread before or after the local is first touched, so that it is
/// destroyed after or before the pool's own.
fn at_end(first: bool, job: fn(Option<Guard<'static, Page>>)) {
    if first {
        AT_END.with_borrow(|at_end| assert!(at_end.0.is_none()));
    }
    let held = POOL.get();
    drop(POOL.get());
    AT_END.with_borrow_mut(|at_end| *at_end = AtEnd(Some(job), Some(held)));
}

fn drop_on_main_first() {
    at_end(true, drop_a_guard);
}

fn drop_on_main_last() {
    at_end(false, drop_a_guard);
}

fn drop_a_guard(held: Option<Guard<'static, Page>>) {
    assert_eq!((POOL.idle(), ALIVE.load(Relaxed)), (1, 2));
    drop(held);
    assert_eq!((POOL.idle(), ALIVE.load(Relaxed)), (2, 2));
    println!("{END}");
}

fn get_on_main_first() {
    at_end(true, get_more);
}

fn get_on_main_last() {
    at_end(false, get_more);
}

fn get_more(held: Option<Guard<'static, Page>>) {
    drop([POOL.get(), POOL.get()]);
    assert_eq!((POOL.idle(), ALIVE.load(Relaxed)), (2, 3), "one found, one made");
    drop(held);
    POOL.collect();
    POOL.collect();
    assert_eq!((POOL.idle(), ALIVE.load(Relaxed)), (0, 0));
    println!("{END}");
}
