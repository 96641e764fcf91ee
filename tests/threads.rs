//! Threads that come, share, sleep and end: whose object is whose, and what is left of a thread.

mod common;

use common::{
    Census, Counted, CountedPool, MAGAZINE, Puppet, Random, at_end, patiently, processors, scaled,
    stay_here,
};
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::mpsc;
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use stealpool::{Builder, Guard, OwnedGuard, Pool, Recycle, policy};

#[test]
fn one_thread_after_the_other_makes_one_object_a_processor() {
    let census = Census::new();
    let pool = census.pool();
    for _ in 0..10_000 {
        let pool = Arc::clone(&pool);
        thread::spawn(move || drop(pool.get())).join().unwrap();
    }
    let stats = pool.stats();
    assert!(stats.workers <= common::most_workers() && census.made() <= processors(), "{stats}");
}

#[test]
fn workers_never_exceed_the_processors() {
    const WAVE: usize = 8;
    let census = Census::watched();
    let pool = census.pool();
    for wave in 0..500 {
        let threads: Vec<_> = (0..1 + wave % WAVE)
            .map(|_| {
                let pool = Arc::clone(&pool);
                thread::spawn(move || take_two(&pool))
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }
    census.checked(pool.idle());
    let stats = pool.stats();
    assert!(stats.workers <= common::most_workers(), "{stats}");
    assert!(
        census.made() <= 2 * WAVE + MAGAZINE * processors(),
        "two held by each, and what the magazines hold: {stats}"
    );
    // Growing and shrinking again changes nothing.
    let all_there = Arc::new(Barrier::new(3 * WAVE));
    let crowd: Vec<_> = (0..3 * WAVE)
        .map(|_| {
            let (pool, all_there) = (Arc::clone(&pool), Arc::clone(&all_there));
            thread::spawn(move || {
                drop(pool.get());
                all_there.wait();
            })
        })
        .collect();
    crowd.into_iter().for_each(|thread| thread.join().unwrap());
    one_use_by_each_of(100, &pool);
    assert!(pool.stats().workers <= common::most_workers());
}

fn one_use_by_each_of(threads: usize, pool: &Arc<CountedPool>) {
    for _ in 0..threads {
        let pool = Arc::clone(pool);
        thread::spawn(move || drop(pool.get())).join().unwrap();
    }
}

#[test]
fn a_thread_that_ends_leaves_its_objects_to_the_others() {
    stay_here();
    let census = Census::new();
    let pool = census.pool();
    let (same, makes) = (Arc::clone(&pool), census.clone());
    thread::spawn(move || (0..10).for_each(|_| same.put(makes.object()))).join().unwrap();
    assert_eq!((pool.idle(), census.dropped()), (10, 0));
    let held: Vec<_> = (0..10).map(|_| pool.get()).collect();
    assert_eq!(census.made(), 10);
    drop(held);
}

/// Those who were there before can take them, too: what is idle is reachable, whoever left it.
#[test]
fn a_thread_that_ends_leaves_its_last_object_to_those_who_stay() {
    stay_here();
    let census = Census::new();
    let pool = census.pool();
    drop(pool.wrap(census.object()));
    drop(pool.try_get().map(Guard::into_inner));
    let (same, makes) = (Arc::clone(&pool), census.clone());
    thread::spawn(move || same.put(makes.object())).join().unwrap();
    assert_eq!(pool.idle(), 1);
    let found = pool.try_get().map(|object| object.id);
    assert_eq!(found, Some(1));
}

#[test]
fn a_thread_that_ends_runs_no_destructor() {
    let census = Census::new();
    let pool = census.pool();
    let puppets: Vec<_> = (0..4).map(|_| Puppet::new()).collect();
    for puppet in &puppets {
        let (pool, census) = (Arc::clone(&pool), census.clone());
        puppet.run(move || (0..3).for_each(|_| pool.put(census.object())));
    }
    puppets.into_iter().for_each(Puppet::end);
    assert_eq!((pool.idle(), census.dropped()), (12, 0));
    drop(pool);
    assert_eq!(census.dropped(), 12);
}

/// Invariant: objects alive never exceed the peak number of simultaneous holders and what the slots of
/// the workers may hold. Without stealing, each of the threads would make its own.
#[test]
fn objects_never_exceed_the_peak_of_holders_and_a_slot_a_worker() {
    for depth in [1, 8] {
        objects_stay_few(depth);
    }
}

fn objects_stay_few(depth: usize) {
    let census = Census::watched();
    let settings = Builder::new().collect_manually().private_depth(depth);
    let pool = census.pool_with(settings);
    let puppets: Vec<_> = (0..6).map(|_| Puppet::new()).collect();
    let mut random = Random::new(3);
    let mut held: Vec<OwnedGuard<Counted, common::Maker>> = Vec::new();
    let mut peak = 0;
    for _ in 0..scaled(20_000) {
        let puppet = &puppets[random.below(puppets.len())];
        if held.is_empty() || (held.len() < 20 && random.below(5) > 1) {
            let pool = Arc::clone(&pool);
            let guard = puppet.run(move || pool.get_owned());
            guard.took();
            held.push(guard);
        } else {
            let guard = held.swap_remove(random.below(held.len()));
            puppet.run(move || drop(guard));
        }
        peak = peak.max(held.len());
        let bound = peak + depth.min(MAGAZINE) * processors();
        assert!(census.made() <= bound, "{} made, {bound} allowed", census.made());
    }
    assert_eq!(census.dropped(), 0);
    drop(held);
    puppets.into_iter().for_each(Puppet::end);
    census.checked(pool.idle());
}

/// The same among threads that run freely; of what one could hold at most, not of what was held.
#[test]
fn objects_stay_few_among_threads_that_run_freely() {
    Census::both().into_iter().for_each(objects_stay_few_among);
}

fn objects_stay_few_among(census: Census) {
    const THREADS: usize = 8;
    const HELD: usize = 4;
    let pool = census.pool();
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let pool = Arc::clone(&pool);
            thread::spawn(move || {
                let mut random = Random::new(thread as u64);
                for _ in 0..scaled(100_000) {
                    let held: Vec<_> = (0..=random.below(HELD)).map(|_| pool.get()).collect();
                    held.iter().for_each(|object| object.took());
                    if random.below(16) == 0 {
                        thread::yield_now();
                    }
                    drop(held);
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let bound = THREADS * HELD + MAGAZINE * processors();
    assert!(census.made() <= bound, "{} made, {bound} allowed", census.made());
    assert_eq!(census.made(), pool.idle());
    census.checked(pool.idle());
}

/// An object that notices when two threads have it, or one thread after it was dropped.
struct Canary {
    user: AtomicUsize,
    /// Written with plain stores while in use.
    song: [usize; 4],
    counted: Counted,
}

const DEAD: usize = usize::MAX;

impl Canary {
    fn begin(&mut self, me: usize) {
        let before = self.user.compare_exchange(0, me, AcqRel, Acquire);
        assert_eq!(before, Ok(0), "in two hands, or dead");
        let first = self.song[0];
        assert!(self.song.iter().all(|note| *note == first), "torn: {:?}", self.song);
        self.song = [me; 4];
    }

    fn end(&mut self, me: usize) {
        assert_eq!(self.song, [me; 4], "somebody else wrote");
        let before = self.user.compare_exchange(me, 0, AcqRel, Acquire);
        assert_eq!(before, Ok(me), "in two hands, or dead");
    }
}

impl Recycle for Canary {
    fn recycle(&mut self) {
        assert_eq!(self.user.load(Acquire), 0, "given back while in use");
        self.counted.recycle();
    }
}

impl Drop for Canary {
    fn drop(&mut self) {
        let user = self.user.swap(DEAD, AcqRel);
        if user != 0 {
            eprintln!("object {} dropped while {user} has it", self.counted.id);
            std::process::abort();
        }
    }
}

type CanaryPool = Pool<Canary, Box<dyn Fn() -> Canary + Send + Sync>>;

fn canaries(census: &Census, settings: Builder) -> Arc<CanaryPool> {
    let census = census.clone();
    Arc::new(settings.build(Box::new(move || Canary {
        user: AtomicUsize::new(0),
        song: [0; 4],
        counted: census.object(),
    })))
}

/// Everything at once: threads that come and go, guards that travel, objects that leave and come
/// back, cycles, clears and drains. No object is ever in two hands, none is lost.
fn stress(settings: Builder, ages_on_use: bool) {
    for census in Census::both() {
        stress_one(settings, ages_on_use, &census);
    }
}

fn stress_one(settings: Builder, ages_on_use: bool, census: &Census) {
    const THREADS: usize = 6;
    let pool = canaries(census, settings);
    let post = Arc::new(Mutex::new(Vec::new()));
    let taken_out = Arc::new(AtomicUsize::new(0));
    let user = |me: usize, rounds: usize| {
        let (pool, post) = (Arc::clone(&pool), Arc::clone(&post));
        let taken_out = Arc::clone(&taken_out);
        move || {
            let mut random = Random::new(me as u64);
            let mut held: Vec<OwnedGuard<Canary, _>> = Vec::new();
            for _ in 0..rounds {
                match random.below(16) {
                    0..6 => {
                        let mut canary = pool.get_owned();
                        canary.counted.took();
                        canary.begin(me);
                        held.push(canary);
                    }
                    6 => {
                        if let Some(mut canary) = pool.try_get() {
                            canary.counted.took();
                            canary.begin(me);
                            canary.end(me);
                        }
                    }
                    7 => {
                        let mut canary = Guard::into_inner(pool.get());
                        canary.counted.took();
                        canary.begin(me);
                        canary.end(me);
                        pool.put(canary);
                    }
                    8 => {
                        if let Some(mut canary) = held.pop() {
                            canary.end(me);
                            let mut post = post.lock().unwrap();
                            if post.len() < 8 {
                                post.push(canary);
                            }
                        }
                    }
                    9 => {
                        let letter = post.lock().unwrap().pop();
                        if let Some(mut canary) = letter {
                            canary.begin(me);
                            canary.end(me);
                        }
                    }
                    10 => {
                        if let Some(mut canary) = held.pop() {
                            canary.end(me);
                            canary.counted.let_go();
                            OwnedGuard::discard(canary);
                            taken_out.fetch_add(1, Relaxed);
                        }
                    }
                    _ => {
                        if let Some(mut canary) = held.pop() {
                            canary.end(me);
                        }
                    }
                }
                if held.len() > 5 {
                    held.drain(..).for_each(|mut canary| canary.end(me));
                }
            }
            held.drain(..).for_each(|mut canary| canary.end(me));
        }
    };
    let users: Vec<_> = (1..=THREADS)
        .map(|me| {
            let long = user(me, scaled(75_000));
            let short: Vec<_> = (0..20).map(|i| user(me * 100 + i, 50)).collect();
            thread::spawn(move || {
                // Short threads first, so that threads end while others run.
                for short in short {
                    thread::spawn(short).join().unwrap();
                }
                long();
            })
        })
        .collect();
    let mut round = 0;
    while users.iter().any(|user| !user.is_finished()) {
        round += 1;
        match round % 64 {
            0 => drop(pool.clear()),
            1 => pool.drain().for_each(|mut canary| {
                canary.counted.took();
                canary.begin(1_000_000);
                canary.end(1_000_000);
                canary.counted.let_go();
            }),
            // Cycles on use are collectors, too.
            _ if ages_on_use => drop(pool.collect()),
            _ => drop(census.cycle(|| pool.collect())),
        }
        thread::yield_now();
    }
    users.into_iter().for_each(|user| user.join().unwrap());
    post.lock().unwrap().clear();
    let stats = pool.stats();
    assert_eq!(stats.creates, census.made() as u64);
    assert!(stats.workers <= common::most_workers(), "{stats}");
    assert_eq!(stats.idle, census.alive(), "none lost, none doubled: {stats}");
    assert!(stats.discarded >= taken_out.load(Relaxed) as u64, "{stats}");
    drop(pool);
    assert_eq!(census.alive(), 0);
    census.checked(0);
}

#[test]
fn stress_an_unbounded_pool() {
    stress(Builder::new().collect_manually(), false);
}

#[test]
fn stress_a_pool_that_ages_on_use() {
    stress(Builder::new().collect_every(std::time::Duration::ZERO), true);
}

#[test]
fn stress_a_bounded_pool() {
    stress(Builder::new().max_idle(4).idle_bytes(10_000).collect_manually(), false);
}

/// What was written to an object is there when it is dropped, by whatever thread.
#[test]
fn destructors_see_what_users_wrote() {
    Census::both().into_iter().for_each(what_was_written);
}

fn what_was_written(census: Census) {
    struct Written(Vec<usize>, Arc<AtomicUsize>, Counted);
    impl Drop for Written {
        fn drop(&mut self) {
            let ok = self.0.len() == 100 && self.0.iter().all(|word| *word == self.0[0]);
            self.1.fetch_add(usize::from(ok), AcqRel);
        }
    }
    let whole = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&whole);
    let makes = census.clone();
    let create = move || Written(Vec::new(), Arc::clone(&count), makes.object());
    let recycle = |written: &mut Written| {
        written.2.recycle();
        true
    };
    let pool =
        Arc::new(Builder::new().collect_manually().build(policy(create).recycle_with(recycle)));
    let done = Arc::new(AtomicBool::new(false));
    let collector = {
        let (pool, done) = (Arc::clone(&pool), Arc::clone(&done));
        let census = census.clone();
        thread::spawn(move || {
            while !done.load(Acquire) {
                census.cycle(|| pool.collect());
            }
        })
    };
    let users: Vec<_> = (0..3)
        .map(|user| {
            let pool = Arc::clone(&pool);
            thread::spawn(move || {
                for i in 0..scaled(25_000) {
                    let mut both = [pool.get(), pool.get()];
                    for object in &mut both {
                        object.2.took();
                        object.0 = vec![user * 1_000_000 + i; 100];
                    }
                    drop(both);
                    if i % 100 == 0 {
                        thread::yield_now();
                    }
                }
            })
        })
        .collect();
    users.into_iter().for_each(|user| user.join().unwrap());
    done.store(true, Release);
    collector.join().unwrap();
    let made = pool.stats().creates as usize;
    drop(pool);
    assert_eq!(whole.load(Acquire), made);
    census.checked(0);
}

/// Starts a thread that uses the pool, and runs `job` when its locals are destroyed: before or after
/// the pool's own, for the order is that in which they were first touched. Returns the job's result.
fn at_thread_end<R: Send + 'static>(
    pool: &Arc<CountedPool>,
    touched_first: bool,
    uses: bool,
    job: impl FnOnce() -> R + Send + 'static,
) -> R {
    let (send, receive) = mpsc::channel();
    let pool = Arc::clone(pool);
    let job = move || {
        let result = catch_unwind(AssertUnwindSafe(job));
        drop(send.send(result));
    };
    let body = move || {
        let touch = || at_end::run(job);
        if touched_first {
            touch();
            if uses {
                drop(pool.get());
            }
        } else {
            if uses {
                drop(pool.get());
            }
            touch();
        }
    };
    thread::spawn(body).join().expect("the thread ends well");
    let result = receive.recv().expect("the job ran");
    result.unwrap_or_else(|_| panic!("the job panicked"))
}

/// The three ways in which a thread's end may meet the pool's own thread-local.
const ORDERS: [(bool, bool); 4] = [(true, true), (false, true), (true, false), (false, false)];

/// thread_local-rs#74, thread_local-rs#94: what ends a thread may use the pool.
#[test]
fn guards_may_be_dropped_while_a_thread_ends() {
    for (first, uses) in ORDERS {
        let census = Census::new();
        let pool = census.pool();
        let guards = [pool.get_owned(), pool.get_owned(), pool.get_owned()];
        at_thread_end(&pool, first, uses, move || drop(guards));
        assert_eq!((census.dropped(), pool.idle()), (0, census.made()), "{first} {uses}");
    }
}

#[test]
fn a_static_guard_may_be_dropped_while_a_thread_ends() {
    static POOL: Pool<Vec<u8>> = Pool::new(Vec::new);
    thread_local! {
        static HELD: RefCell<Option<Guard<'static, Vec<u8>>>> = const { RefCell::new(None) };
    }
    for first in [true, false] {
        POOL.clear();
        thread::spawn(move || {
            if first {
                HELD.with_borrow_mut(|held| *held = None);
            }
            let guard = POOL.get();
            HELD.with_borrow_mut(|held| *held = Some(guard));
        })
        .join()
        .unwrap();
        assert_eq!(POOL.idle(), 1, "{first}");
    }
}

#[test]
fn get_and_put_work_while_a_thread_ends() {
    for (first, uses) in ORDERS {
        let census = Census::new();
        let pool = census.pool();
        (0..3).for_each(|_| pool.put(census.object()));
        let (same, makes) = (Arc::clone(&pool), census.clone());
        let workers = pool.stats().workers;
        let found = at_thread_end(&pool, first, uses, move || {
            let held: Vec<_> = (0..10).map(|_| same.get()).collect();
            drop(held);
            let found = std::iter::from_fn(|| same.try_get().map(Guard::into_inner)).count();
            (0..found).for_each(|_| same.put(makes.object()));
            drop(same.get_owned());
            drop(same.wrap(makes.object()));
            drop(same.get_with(|| makes.object()));
            found
        });
        assert!(found >= 9, "{first} {uses}: {found}");
        assert_eq!(pool.idle(), census.alive(), "{first} {uses}");
        assert!(pool.stats().workers <= common::most_workers().max(workers), "{first} {uses}");
        let gets = usize::from(uses) + 10 + found + 1 + 1;
        assert_eq!(pool.stats().gets, gets as u64, "{first} {uses}: {}", pool.stats());
        drop(pool);
        assert_eq!(census.alive(), 0, "{first} {uses}");
    }
}

#[test]
fn everything_else_works_while_a_thread_ends() {
    for (first, uses) in ORDERS {
        let census = Census::new();
        let pool = census.pool();
        let same = Arc::clone(&pool);
        let (reserved, collected, cleared, drained) =
            at_thread_end(&pool, first, uses, move || {
                same.clear();
                same.reserve(5);
                let reserved = same.idle();
                let collected = [same.collect(), same.collect()];
                same.reserve(4);
                let cleared = same.clear();
                same.reserve(3);
                (reserved, collected, cleared, same.drain().count())
            });
        let [young, old] = collected;
        assert_eq!((reserved, cleared, drained), (5, 4, 3), "{first} {uses}");
        assert_eq!((young.dropped + old.dropped, old.aged), (5, 0), "{first} {uses}");
        assert_eq!((pool.idle(), census.alive()), (0, 0));
    }
}

#[test]
fn a_pool_may_be_dropped_while_a_thread_ends() {
    for (first, uses) in ORDERS {
        let census = Census::new();
        let (pool, other) = (census.pool(), census.pool());
        (0..5).for_each(|_| pool.put(census.object()));
        at_thread_end(&other, first, uses, move || drop(pool));
        assert_eq!(census.alive(), other.idle(), "{first} {uses}");
    }
}

#[test]
fn a_pool_may_be_first_used_while_a_thread_ends() {
    for (first, uses) in ORDERS {
        let census = Census::new();
        let (pool, other) = (census.pool(), census.pool());
        let same = Arc::clone(&pool);
        at_thread_end(&other, first, uses, move || drop([same.get(), same.get()]));
        assert_eq!(pool.idle(), 2, "{first} {uses}");
        assert_eq!(pool.collect().aged, 2);
        assert_eq!(pool.collect().dropped, 2);
        one_use_by_each_of(10, &pool);
        assert!(pool.stats().workers <= common::most_workers(), "{first} {uses}: {}", pool.stats());
    }
}

/// A scope does not wait for its threads' locals; the pool must be happy with either order.
#[test]
fn scoped_threads_may_end_after_the_scope() {
    let census = Census::new();
    let pool = census.pool();
    for _ in 0..scaled(5_000) {
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    let guard = pool.get_owned();
                    at_end::run(move || drop(guard));
                });
            }
        });
    }
    let left = Arc::downgrade(&pool);
    drop(pool);
    assert!(patiently(|| left.strong_count() == 0), "a guard is lost");
    // The last guard is dropped by some ending thread, and the pool with it.
    assert!(patiently(|| census.alive() == 0), "an object is lost");
}

/// A scope ends when its threads' closures have, which is before the threads themselves have.
#[test]
fn objects_of_threads_that_are_just_ending_are_not_missed() {
    let used_by_four = |settings: Builder| {
        let totals = settings.build(policy(|| 0u64).recycle_with(|_| true));
        thread::scope(|scope| {
            (0..4).for_each(|_| drop(scope.spawn(|| *totals.get() += 10)));
        });
        totals
    };
    for round in 0..scaled(20_000) {
        let settings = Builder::new().collect_manually();
        let settings = match round % 2 {
            0 => settings,
            _ => settings.max_idle(100),
        };
        assert_eq!(used_by_four(settings).drain().sum::<u64>(), 40);
        let aged = used_by_four(settings);
        aged.collect();
        aged.collect();
        assert_eq!(aged.idle(), 0);
        let cleared = used_by_four(settings);
        let created = cleared.stats().creates as usize;
        assert_eq!((cleared.clear(), cleared.idle()), (created, 0));
    }
}

#[test]
fn a_pool_may_be_dropped_by_a_thread_that_never_used_it() {
    let census = Census::new();
    let pool = census.pool();
    let puppets: Vec<_> = (0..3).map(|_| Puppet::new()).collect();
    for puppet in &puppets {
        let pool = Arc::clone(&pool);
        puppet.run(move || drop([pool.get(), pool.get()]));
    }
    thread::spawn(move || drop(pool)).join().unwrap();
    assert_eq!(census.alive(), 0);
    // Those who used it must not follow it anywhere.
    let next = census.pool();
    for puppet in puppets {
        let same = Arc::clone(&next);
        puppet.run(move || drop(same.get()));
        puppet.end();
    }
    assert_eq!(census.alive(), next.idle());
}

/// A thread that ends gives its worker back while another drops the pool.
#[test]
fn a_pool_may_be_dropped_while_its_threads_end() {
    Census::both().into_iter().for_each(pools_dropped_meanwhile);
}

fn pools_dropped_meanwhile(census: Census) {
    for i in 0..scaled(10_000) {
        let pool = census.pool();
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let pool = Arc::clone(&pool);
                thread::spawn(move || take_two(&pool))
            })
            .collect();
        if i % 2 == 0 {
            drop(pool);
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        } else {
            while Arc::strong_count(&pool) > 1 {
                std::hint::spin_loop();
            }
            drop(pool);
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        }
    }
    assert_eq!(census.alive(), 0);
    census.checked(0);
}

fn take_two(pool: &CountedPool) {
    let both = [pool.get(), pool.get()];
    both.iter().for_each(|object| object.took());
}

#[test]
fn many_threads_meet_a_new_pool_at_once() {
    for round in 0..scaled(3_000) {
        let [watched, other] = Census::both();
        let census = if round % 2 == 0 { watched } else { other };
        let pool = census.pool();
        let start = Arc::new(Barrier::new(4));
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let (pool, start) = (Arc::clone(&pool), Arc::clone(&start));
                thread::spawn(move || {
                    start.wait();
                    take_two(&pool);
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        let stats = pool.stats();
        assert_eq!((stats.gets, stats.puts), (8, 8), "{stats}");
        assert_eq!(stats.idle, census.alive(), "{stats}");
        drop(pool);
        assert_eq!(census.alive(), 0);
        census.checked(0);
    }
}

/// A worker is found by its pool's number, not by luck: one thread, many pools, all intact.
#[test]
fn one_thread_uses_many_pools() {
    common::stay_here();
    let census = Census::new();
    let pools: Vec<_> = (0..500).map(|_| census.pool()).collect();
    for round in 0..3 {
        for (i, pool) in pools.iter().enumerate() {
            let object = pool.get();
            assert_eq!(object.id, i, "round {round}");
        }
    }
    assert!(pools.iter().all(|pool| pool.idle() <= processors()));
    // Every other one goes; the rest keep their objects.
    let kept: Vec<_> = pools.into_iter().step_by(2).collect();
    assert_eq!(census.alive(), 250);
    kept.iter().enumerate().for_each(|(i, pool)| assert_eq!(pool.get().id, 2 * i));
}
