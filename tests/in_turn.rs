//! How many objects threads make between them: in turn, a processor's worth; all at once, as many as there
//! are users and what the magazines hide, also where a semaphore says who may use one. Counts, whatever the number
//! of threads.

mod common;

use common::{MAGAZINE, processors};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{AcqRel, Acquire};
use std::sync::{Arc, Barrier, Condvar, Mutex};
use std::thread;
use std::time::Duration;
use stealpool::{Builder, Policy, Pool};
use tokio::runtime::{self, Handle};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;
const THREADS: [usize; 3] = [8, 64, 512];

/// Gets in one test, by all threads together: 512 threads have two turns each.
const GETS: usize = 1024;

/// No bound, and one that is not reached.
fn settings() -> [Builder; 2] {
    [Builder::new(), Builder::new().max_idle(4096)].map(Builder::collect_manually)
}

fn buffers(settings: Builder, bytes: usize) -> Pool<Vec<u8>, impl Policy<Vec<u8>> + Sync> {
    settings.build(move || Vec::<u8>::with_capacity(bytes))
}

/// Makes an object in a millisecond; long to make, small to keep.
fn expensive(settings: Builder) -> Pool<Vec<u8>, impl Policy<Vec<u8>> + Sync> {
    settings.build(|| {
        thread::sleep(Duration::from_millis(1));
        Vec::<u8>::new()
    })
}

fn use_one(pool: &Pool<Vec<u8>, impl Policy<Vec<u8>>>) {
    pool.get().push(1);
}

/// Threads that live on and pass a baton round: who has it does the job, nobody else does.
fn pass_round(threads: usize, job: impl Fn() + Sync) {
    let baton = Mutex::new(0);
    let whose: Vec<Condvar> = (0..threads).map(|_| Condvar::new()).collect();
    let (baton, whose, job) = (&baton, &whose, &job);
    thread::scope(|scope| {
        for me in 0..threads {
            scope.spawn(move || {
                for round in 0..GETS / threads {
                    let mine = round * threads + me;
                    let turn = baton.lock().unwrap();
                    let mut turn = whose[me].wait_while(turn, |turn| *turn != mine).unwrap();
                    job();
                    *turn += 1;
                    whose[(me + 1) % threads].notify_one();
                }
            });
        }
    });
}

/// Threads that live for one job each, one after the other.
fn one_after_the_other(threads: usize, job: impl Fn() + Sync) {
    for _ in 0..threads {
        thread::scope(|scope| drop(scope.spawn(&job)));
    }
}

/// Runs that may be tried before one makes few.
const TRIES: usize = 3;

/// How many objects may be made: in every run, and in one of some. There is no wait in a pool, so now and then
/// a run makes more than it needs: a thread is moved to another processor between get and put, and leaves an
/// object there; a get looks in one place after the other, and an object moves to where it has been.
struct Allowed {
    always: usize,
    mostly: usize,
}

impl Allowed {
    fn keeps(&self, who: &str, pool: &Pool<Vec<u8>, impl Policy<Vec<u8>>>) -> bool {
        let (stats, always) = (pool.stats(), self.always);
        let made = stats.creates as usize;
        assert!(made <= always, "{who}: {made} made, {always} allowed: {stats}");
        assert_eq!((stats.gets, pool.idle()), (stats.puts, made), "{who}: {stats}");
        assert!(stats.workers <= common::most_workers(), "{who}: {stats}");
        made <= self.mostly
    }
}

/// Runs it until it keeps to what is allowed mostly.
fn mostly(who: &str, run: impl Fn(&str) -> bool) {
    let kept = (0..TRIES).any(|_| run(who));
    assert!(kept, "{who}: {TRIES} times too many");
}

fn each_case(case: impl Fn(usize, Builder)) {
    for threads in THREADS {
        settings().into_iter().for_each(|settings| case(threads, settings));
    }
}

fn in_turn<P: Policy<Vec<u8>> + Sync>(make: impl Fn(Builder) -> Pool<Vec<u8>, P>, most: &Allowed) {
    each_case(|threads, settings| {
        mostly(&format!("{threads} threads that live on"), |who| {
            let pool = make(settings);
            pass_round(threads, || use_one(&pool));
            assert_eq!(pool.stats().gets as usize, GETS, "{who}");
            most.keeps(who, &pool)
        });
        mostly(&format!("{threads} new threads"), |who| {
            let pool = make(settings);
            one_after_the_other(threads, || use_one(&pool));
            assert_eq!(pool.stats().gets as usize, threads, "{who}");
            most.keeps(who, &pool)
        });
    });
}

#[test]
fn in_turn_threads_make_an_object_a_processor() {
    let bytes = 16 * KIB;
    let most = Allowed { always: 1 + processors() * in_a_magazine(bytes), mostly: processors() };
    in_turn(|settings| buffers(settings, bytes), &most);
}

/// One holder; what is heavy is in no magazine, so the number of processors does not matter.
#[test]
fn in_turn_threads_share_what_is_heavy() {
    let holders = 1;
    let most = Allowed { always: holders + 1, mostly: holders };
    in_turn(|settings| buffers(settings, MIB), &most);
}

/// What the first one took to make is known before it comes back.
#[test]
fn in_turn_threads_share_what_is_expensive() {
    let most = Allowed { always: 1, mostly: 1 };
    in_turn(expensive, &most);
}

/// Counts those who are between the begin of a get and the end of its put.
#[derive(Default)]
struct Users {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Users {
    fn one(&self, job: impl FnOnce()) {
        // AcqRel, all: no user's get comes before it is counted, no put after it is not.
        let now = self.now.fetch_add(1, AcqRel) + 1;
        self.most.fetch_max(now, AcqRel);
        job();
        self.now.fetch_sub(1, AcqRel);
    }
}

/// Gets of one thread that runs together with others.
const LONG: usize = common::scaled(2_000);

/// All threads use the pool at once, and are sent away while they hold an object now and then. Twice, by
/// new threads. The most users there were.
fn all_at_once(threads: usize, pool: &Pool<Vec<u8>, impl Policy<Vec<u8>> + Sync>) -> usize {
    let users = Users::default();
    for _ in 0..2 {
        let all_there = Barrier::new(threads);
        let work = || {
            all_there.wait();
            for round in 0..LONG / threads.min(64) {
                users.one(|| {
                    let mut object = pool.get();
                    object.push(1);
                    if round % 8 == 0 {
                        thread::yield_now();
                    }
                });
            }
        };
        thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    }
    // Acquire: pairs with the AcqRel in `one`.
    users.most.load(Acquire)
}

/// Of buffers of this size, those that a magazine may hide from other processors: 64, less than 64 KiB
/// together.
fn in_a_magazine(bytes: usize) -> usize {
    MAGAZINE.min((64 * KIB - 1) / bytes)
}

#[test]
fn all_at_once_threads_make_no_more_than_users_and_magazines_hold() {
    for bytes in [16 * KIB, MIB] {
        let hidden = processors() * in_a_magazine(bytes);
        each_case(|threads, settings| {
            mostly(&format!("{threads} threads, {bytes} bytes"), |who| {
                let pool = buffers(settings, bytes);
                let users = all_at_once(threads, &pool);
                let most = Allowed { always: 2 * users + hidden, mostly: users + hidden };
                most.keeps(&format!("{who}, {users} users at once"), &pool)
            });
        });
    }
}

/// However long it goes on: an object that one thread gives away is there for the next, and no thread that stops
/// to run keeps room from others.
#[test]
fn what_is_heavy_does_not_pile_up() {
    for threads in [8, 64] {
        let gets = common::scaled(3_200_000) / threads;
        mostly(&format!("{threads} threads with heavy objects"), |who| {
            let weighs = stealpool::policy(Vec::<u8>::new).footprint_with(|_| MIB);
            let pool = Builder::new().collect_manually().build(weighs);
            let work = || (0..gets).for_each(|_| drop(pool.get()));
            thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
            assert_eq!(pool.stats().overflowed, 0, "{who}: {}", pool.stats());
            let most = Allowed { always: 4 * threads, mostly: threads + processors() };
            most.keeps(who, &pool)
        });
    }
}

/// Threads that run what blocks for tasks of a runtime.
const BLOCKING: usize = 320;

/// How many of them may hold an object at once.
const HOLDERS: usize = 8;

/// All blocking threads of a runtime use the pool at once; a permit of a semaphore lives as long as the guard.
fn blocking_threads<P>(pool: Pool<Vec<u8>, P>) -> Pool<Vec<u8>, P>
where
    P: Policy<Vec<u8>> + Send + Sync + 'static,
{
    let pool = Arc::new(pool);
    let permits = Arc::new(Semaphore::new(HOLDERS));
    let all_there = Arc::new(Barrier::new(BLOCKING));
    let mut builder = runtime::Builder::new_multi_thread();
    let builder = builder.worker_threads(2).max_blocking_threads(BLOCKING);
    let runtime = builder.thread_stack_size(256 * KIB).build().expect("a runtime");
    runtime.block_on(async {
        let jobs = (0..BLOCKING).map(|_| {
            let (pool, permits) = (Arc::clone(&pool), Arc::clone(&permits));
            let all_there = Arc::clone(&all_there);
            spawn_blocking(move || {
                all_there.wait();
                for round in 0..LONG / 16 {
                    let _permit = Handle::current().block_on(permits.acquire()).expect("open");
                    let mut object = pool.get();
                    object.push(1);
                    if round % 4 == 0 {
                        thread::yield_now();
                    }
                }
            })
        });
        for job in jobs.collect::<Vec<_>>() {
            job.await.expect("no job panics");
        }
    });
    drop(runtime);
    Arc::into_inner(pool).expect("no job has it")
}

/// What is heavy is in no magazine, and with a depth of one a magazine hides one object. So there are no more objects than
/// holders and processors. With the usual depth there may be more: a magazine hides up to 64 small ones, and mostly no more
/// than there are holders.
#[test]
fn blocking_threads_make_no_more_than_holders_and_magazines_hold() {
    for (depth, bytes) in
        [(MAGAZINE, 16), (MAGAZINE, 16 * KIB), (1, 16), (MAGAZINE, 64 * KIB), (MAGAZINE, MIB)]
    {
        let hides = in_a_magazine(bytes).min(depth);
        let most = Allowed {
            always: 2 * HOLDERS + processors() * hides,
            mostly: HOLDERS + processors() * hides.min(HOLDERS),
        };
        for settings in settings() {
            mostly(&format!("{bytes} bytes, depth {depth}"), |who| {
                let pool = blocking_threads(buffers(settings.private_depth(depth), bytes));
                most.keeps(who, &pool)
            });
        }
    }
}
