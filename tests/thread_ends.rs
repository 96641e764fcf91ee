//! The ends of threads, spawned and scoped, and of very many one after the other: a pool in the hands of a
//! thread-local's destructor, and what is left of a thread. (The main thread's end is in `exit.rs`.)

mod common;

use common::{Census, CountedPool, MAGAZINE, in_child, patiently, processors};
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Barrier};
use std::thread;
use stealpool::{Builder, Guard, Pool, policy};

type Job = Box<dyn FnOnce() + Send>;

/// Runs a job when the thread's locals are destroyed, and says how that ended.
struct AtEnd(Option<(Job, Sender<thread::Result<()>>)>);

impl Drop for AtEnd {
    fn drop(&mut self) {
        // A panic in here would abort the process.
        if let Some((job, end)) = self.0.take() {
            drop(end.send(catch_unwind(AssertUnwindSafe(job))));
        }
    }
}

thread_local! {
    static AT_END: RefCell<AtEnd> = const { RefCell::new(AtEnd(None)) };
}

/// When the thread touches its local: std destroys the one touched last first (or the other way round,
/// on some systems), and the pool's own is touched with the pool.
#[derive(Clone, Copy, Debug)]
enum Touched {
    First,
    Last,
    Alone,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Spawned,
    Scoped,
}

/// Every way in which a thread of either kind may end, with a `job` to do at the end.
fn at_each_end(case: impl Fn(&dyn Fn(&Arc<CountedPool>, Job), Kind, Touched)) {
    use Touched::{Alone, First, Last};
    for kind in [Kind::Spawned, Kind::Scoped] {
        for touched in [First, Last, Alone] {
            let run = |pool: &Arc<CountedPool>, job: Job| end_a_thread(kind, touched, pool, job);
            case(&run, kind, touched);
        }
    }
}

fn end_a_thread(kind: Kind, touched: Touched, pool: &Arc<CountedPool>, job: Job) {
    let (send, receive) = mpsc::channel();
    let body = {
        let pool = Arc::clone(pool);
        move || {
            let at_end = AtEnd(Some((job, send)));
            let touch = || AT_END.with_borrow_mut(|mine| *mine = at_end);
            match touched {
                Touched::First => {
                    touch();
                    drop(pool.get());
                }
                Touched::Last => {
                    drop(pool.get());
                    touch();
                }
                Touched::Alone => touch(),
            }
        }
    };
    match kind {
        Kind::Spawned => thread::spawn(body).join().expect("no panic"),
        // The scope is over before the thread's locals are.
        Kind::Scoped => thread::scope(|scope| drop(scope.spawn(body))),
    }
    let end = receive.recv().expect("the job ran");
    end.expect("the job does not panic");
}

/// What the thread itself puts away may come later than its locals' jobs.
fn all_is_idle(pool: &CountedPool, census: &Census) -> bool {
    patiently(|| pool.idle() == census.alive())
}

#[test]
fn a_guard_may_be_dropped_at_any_end() {
    at_each_end(|run, kind, touched| {
        let which = format!("{kind:?} {touched:?}");
        let census = Census::new();
        let pool = census.pool();
        let held = [pool.get_owned(), pool.get_owned()];
        run(&pool, Box::new(move || drop(held)));
        assert!(all_is_idle(&pool, &census), "{which}: {}", pool.stats());
        assert_eq!(census.dropped(), 0, "{which}");
    });
}

/// What a get finds at a thread's end is what others have left, or new; the thread keeps no worker for it,
/// and what is given back there ages like all else.
#[test]
fn a_get_works_at_any_end() {
    const ENDS: usize = 20;
    at_each_end(|run, kind, touched| {
        let which = format!("{kind:?} {touched:?}");
        let census = Census::new();
        let pool = census.pool();
        drop([pool.get(), pool.get(), pool.get()]);
        for _ in 0..ENDS {
            let same = Arc::clone(&pool);
            let job = move || drop((0..10).map(|_| same.get_owned()).collect::<Vec<_>>());
            run(&pool, Box::new(job));
            assert!(all_is_idle(&pool, &census), "{which}: {}", pool.stats());
        }
        let stats = pool.stats();
        // Ten are held at once, and some may be out of reach, in slots.
        assert!(stats.creates < 5 * 10, "{which}: {stats}");
        // This thread's and the last one's; scoped ones may not have ended when the next begins.
        assert!(stats.workers < ENDS / 2, "{which}: {stats}");
        pool.collect();
        pool.collect();
        assert_eq!((pool.idle(), census.alive()), (0, 0), "{which}");
    });
}

/// Threads that use the pool, `peak` of them at a time, and end.
fn wave(
    pool: &Arc<Pool<Vec<u8>, impl stealpool::Policy<Vec<u8>> + Send + Sync + 'static>>,
    peak: usize,
) {
    let all_there = Arc::new(Barrier::new(peak));
    let threads: Vec<_> = (0..peak)
        .map(|_| {
            let (pool, all_there) = (Arc::clone(pool), Arc::clone(&all_there));
            let body = move || {
                drop([pool.get(), pool.get()]);
                all_there.wait();
            };
            let small = thread::Builder::new().stack_size(64 << 10);
            small.spawn(body).expect("a thread")
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
}

/// std gives the threads' locals one address and the system their ids, again and again; the pool has a
/// worker a processor, and takes no more memory.
#[test]
fn a_hundred_thousand_threads_leave_no_trace() {
    in_child("a_hundred_thousand_threads_leave_no_trace", || {
        const PEAK: usize = 4;
        let threads = if cfg!(debug_assertions) { 20_000 } else { 100_000 };
        let create = || Vec::with_capacity(4096);
        let settings = Builder::new().collect_manually();
        let pool = Arc::new(settings.build(policy(create).recycle_with(|_| true)));
        // Most of them alone, every tenth wave at the peak.
        let some = |threads: usize| {
            let mut started = 0;
            let mut peaks = 0;
            while started < threads {
                let peak = if peaks % 10 == 0 { PEAK } else { 1 };
                wave(&pool, peak);
                started += peak;
                peaks += 1;
            }
        };
        some(threads / 10);
        let before = common::resident();
        some(threads);
        let grown = common::resident().saturating_sub(before);
        let stats = pool.stats();
        assert!(stats.workers <= common::most_workers(), "{stats}");
        assert!(stats.creates as usize <= PEAK + MAGAZINE * processors(), "{stats}");
        // Four bytes a thread would be as much.
        assert!(grown < 4 * threads.max(65_536), "{grown} bytes");
        assert_eq!(stats.gets, stats.puts, "{stats}");
        let found = pool.try_get().map(Guard::into_inner);
        assert!(found.is_some_and(|buffer| buffer.capacity() == 4096));
    });
}
