//! A thread that stops holds up nobody: it is parked at each named point of the protocol in turn, and all
//! others go on.
//!
//! The points exist with `--cfg stealpool_chaos` only (`verify/chaos.sh`); see `src/sys/chaos.rs`.
#![cfg(stealpool_chaos)]

mod common;
mod forked;

use common::{Census, Counted, CountedPool, MAGAZINE, apart, in_child, patiently};
use forked::fork_and;
use std::cell::Cell;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{Acquire, Release, SeqCst};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use stealpool::{Builder, Guard, KeyedPool, Pool, Recycle, chaos};

/// Where the victim stops, by its number among the points; `NOWHERE` for none.
static WHERE: AtomicUsize = AtomicUsize::new(NOWHERE);
const NOWHERE: usize = usize::MAX;

/// Whether the victim is parked, and whether it may go on.
static PARKED: Mutex<(bool, bool)> = Mutex::new((false, false));
static GO_ON: Condvar = Condvar::new();

thread_local! {
    static IS_VICTIM: Cell<bool> = const { Cell::new(false) };
}

/// Parks the victim at its point, once.
fn hook(name: &'static str) {
    let is_victim = IS_VICTIM.try_with(Cell::get).unwrap_or(false);
    if !is_victim || chaos::POINTS.get(WHERE.load(SeqCst)) != Some(&name) {
        return;
    }
    WHERE.store(NOWHERE, SeqCst);
    let mut state = PARKED.lock().unwrap();
    state.0 = true;
    while !state.1 {
        state = GO_ON.wait(state).unwrap();
    }
    *state = (false, false);
}

fn is_parked() -> bool {
    PARKED.lock().unwrap().0
}

fn unpark() {
    PARKED.lock().unwrap().1 = true;
    GO_ON.notify_all();
}

/// Objects that a magazine may hold in these tests.
const DEPTH: usize = 8;

/// A pool whose objects take a while to make, but not so long that they are expensive.
fn slow(census: &Census) -> Arc<CountedPool> {
    let census = census.clone();
    let create: Box<dyn Fn() -> Counted + Send + Sync> = Box::new(move || {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_micros(20) {}
        census.object()
    });
    let settings = Builder::new().collect_manually().max_idle(1000).private_depth(DEPTH);
    Arc::new(settings.build(create))
}

/// A bit of everything that passes a point.
fn everything(pool: &Arc<CountedPool>, census: &Census, round: usize) {
    for burst in [1 + round % 12, 30, 30] {
        drop((0..burst).map(|_| pool.get()).collect::<Vec<_>>());
    }
    pool.put(census.object());
    drop(pool.try_get());
    match round % 4 {
        0 => _ = (pool.collect(), stealpool::collect_all()),
        1 => drop(census.pool().get()),
        2 => {
            let pool = Arc::clone(pool);
            let ended = thread::spawn(move || drop([pool.get(), pool.get(), pool.get()]));
            ended.join().unwrap();
        }
        _ => {
            let held: Vec<_> = std::iter::from_fn(|| pool.try_get()).take(40).collect();
            drop(held);
            pool.clear();
        }
    }
}

/// The same in a thread of its own each.
fn a_life(pool: &Arc<CountedPool>, census: &Census, round: usize) {
    IS_VICTIM.set(true);
    (round..round + 8).for_each(|round| everything(pool, census, round));
}

/// With a thread parked at each of the points in turn: what `body` does with its pool. Afterwards nothing is stuck.
fn at_any_point(body: impl Fn(&Arc<CountedPool>, &Census, &'static str)) {
    assert!(chaos::set(hook));
    for (number, name) in chaos::POINTS.into_iter().enumerate() {
        let census = Census::new();
        let pool = slow(&census);
        WHERE.store(number, SeqCst);
        let stop = Arc::new(AtomicUsize::new(0));
        let victim = {
            let (pool, census, stop) = (Arc::clone(&pool), census.clone(), Arc::clone(&stop));
            thread::spawn(move || {
                let mut round = 0;
                while stop.load(Acquire) == 0 {
                    let (pool, census) = (Arc::clone(&pool), census.clone());
                    let life = thread::spawn(move || a_life(&pool, &census, round));
                    life.join().unwrap();
                    round += 1;
                }
            })
        };
        let came_by = patiently(|| {
            others(&pool, &census);
            is_parked()
        });
        assert!(came_by, "nobody came by {name:?}");
        body(&pool, &census, name);
        assert!(is_parked(), "{name:?}");
        stop.store(1, Release);
        unpark();
        victim.join().unwrap();
        pool.collect();
        pool.collect();
        assert_eq!(pool.idle(), 0, "{name:?}: nothing is stuck afterwards");
        assert_eq!(census.alive(), 0, "{name:?}");
    }
}

/// Thieves and givers, so that the victim meets full slots and empty ones.
fn others(pool: &Arc<CountedPool>, census: &Census) {
    let lives: Vec<_> = (0..2)
        .map(|_| {
            let (pool, census) = (Arc::clone(pool), census.clone());
            thread::spawn(move || (0..40).for_each(|round| everything(&pool, &census, round)))
        })
        .collect();
    lives.into_iter().for_each(|life| life.join().unwrap());
}

#[test]
fn a_thread_parked_at_any_point_holds_up_nobody() {
    in_child("a_thread_parked_at_any_point_holds_up_nobody", || {
        at_any_point(|pool, census, _| {
            // The victim stands still. All others go on, for as long as they like.
            for _ in 0..5 {
                others(pool, census);
                pool.collect();
                pool.drain().for_each(drop);
                stealpool::collect_all();
            }
        });
    });
}

/// The child has no such thread: what that one had in hand stays where it is, and what it had claimed for a cycle
/// ages no more.
#[test]
fn a_child_that_is_forked_while_a_thread_is_at_any_point_goes_on() {
    let name = "a_child_that_is_forked_while_a_thread_is_at_any_point_goes_on";
    in_child(name, || {
        at_any_point(|pool, census, name| {
            let status = fork_and(|| {
                let before = census.alive();
                others(pool, census);
                common::stay_here();
                drop(pool.get());
                drop(pool.try_get().expect("what was given back"));
                stealpool::collect_all();
                pool.collect();
                let (idle, alive, most) = (pool.idle(), census.alive(), before + DEPTH);
                assert!(idle <= alive && alive <= most, "{idle}, {alive}, {most}");
                // New pools are as ever.
                let fresh = slow(census);
                others(&fresh, census);
                (0..2).for_each(|_| _ = fresh.collect());
                assert_eq!((fresh.idle(), census.alive()), (0, alive));
            });
            assert_eq!(status, 0, "{name:?}");
        });
    });
}

/// A thread stopped while it holds a worker: a collector turns away at once, and takes the objects when it can.
#[test]
fn a_thread_that_stops_while_it_holds_a_worker_keeps_what_is_there_until_it_goes_on() {
    let name = "a_thread_that_stops_while_it_holds_a_worker_keeps_what_is_there_until_it_goes_on";
    in_child(name, || {
        assert!(chaos::set(hook));
        let pool: Arc<Pool<Vec<u8>>> = Arc::new(Builder::new().collect_manually().build(Vec::new));
        let (same, full) = (Arc::clone(&pool), MAGAZINE);
        let Some(holder) = apart() else { return };
        let (send, stopped) = std::sync::mpsc::channel();
        let job = thread::spawn(move || {
            holder.run(move || {
                (0..full).for_each(|_| same.put(Vec::new()));
                IS_VICTIM.set(true);
                stop_at("worker: held");
                send.send(()).unwrap();
                // No room in the magazine: it must be held.
                same.put(Vec::new());
            });
            holder.end();
        });
        stopped.recv().unwrap();
        assert!(patiently(is_parked));
        for _ in 0..3 {
            assert_eq!(pool.collect().dropped, 0);
        }
        assert_eq!(pool.idle(), full);
        drop(pool.get());
        unpark();
        job.join().unwrap();
        assert!(patiently(|| {
            pool.collect();
            pool.idle() == 0
        }));
    });
}

/// A thief stopped with a slot in hand hides what is in it, and nothing that comes later.
#[test]
fn a_thief_that_stops_hides_nothing_that_comes_later() {
    let name = "a_thief_that_stops_hides_nothing_that_comes_later";
    in_child(name, || {
        assert!(chaos::set(hook));
        let settings = Builder::new().collect_manually().private_depth(1);
        let pool: Arc<Pool<Vec<u8>>> = Arc::new(settings.build(Vec::new));
        let Some(thief) = apart() else { return };
        let mut held: Vec<_> = (0..60).map(|_| pool.get()).collect();
        // One stays in the magazine, one goes below.
        held.truncate(58);
        let same = Arc::clone(&pool);
        let job = thread::spawn(move || {
            thief.run(move || {
                IS_VICTIM.set(true);
                stop_at("slots: claimed");
                drop(same.try_get().expect("there is one below"));
            });
            thief
        });
        assert!(patiently(|| is_parked() && WHERE.load(SeqCst) == NOWHERE));
        drop(held);
        let found = {
            let pool = Arc::clone(&pool);
            let look = move || std::iter::from_fn(|| pool.try_get().map(Guard::into_inner)).count();
            let Some(other) = apart() else { return };
            let found = other.run(look);
            other.end();
            found
        };
        assert!(
            found >= 58,
            "{found}: all but the one in the magazine, and the one that the thief has"
        );
        unpark();
        job.join().unwrap().end();
    });
}

/// A put that had begun before its key was forgotten, and ends after, leaves nothing behind.
#[test]
fn a_put_that_stops_while_its_key_is_forgotten_keeps_nothing() {
    let name = "a_put_that_stops_while_its_key_is_forgotten_keeps_nothing";
    in_child(name, || {
        assert!(chaos::set(hook));
        for point in ["engine: going down", "slots: claimed", "worker: opening"] {
            let census = Census::new();
            let makes = census.clone();
            // A bound of one a processor, so that a put goes past the magazine.
            let settings = Builder::new().collect_manually().max_idle(4).private_depth(1);
            let pool = KeyedPool::with_settings(settings, move |_: &u32| makes.maker());
            // Keeps the key's pool alive.
            let handle = pool.pool(&1);
            let held = [handle.get_owned(), handle.get_owned()];
            let job = thread::spawn(move || {
                IS_VICTIM.set(true);
                stop_at(point);
                drop(held);
            });
            assert!(patiently(|| is_parked() && WHERE.load(SeqCst) == NOWHERE));
            pool.clear();
            unpark();
            job.join().unwrap();
            assert_eq!((handle.idle(), census.alive()), (0, 0), "stopped at {point}");
        }
    });
}

/// A get that moves objects out of magazines, for they have turned out to be expensive, when its key is forgotten meanwhile.
#[test]
fn a_get_that_stops_while_its_key_is_forgotten_keeps_nothing() {
    let name = "a_get_that_stops_while_its_key_is_forgotten_keeps_nothing";
    in_child(name, || {
        let Some(other) = apart() else { return };
        assert!(chaos::set(hook));
        let census = Census::new();
        let makes = census.clone();
        let settings = Builder::new().collect_manually();
        let pool = KeyedPool::with_settings(settings, move |_: &u32| {
            let makes = makes.clone();
            Box::new(move || {
                thread::sleep(Duration::from_millis(2));
                makes.object()
            }) as common::Maker
        });
        let handle = pool.pool(&1);
        let (same, gives) = (Arc::clone(&handle), census.clone());
        other.run(move || (0..3).for_each(|_| same.put(gives.object())));
        let getter = Arc::clone(&handle);
        let job = thread::spawn(move || {
            IS_VICTIM.set(true);
            stop_at("worker: reclaiming");
            getter.get_owned()
        });
        let hides =
            patiently(|| (is_parked() && WHERE.load(SeqCst) == NOWHERE) || job.is_finished());
        assert!(hides);
        pool.clear();
        unpark();
        let held = job.join().unwrap();
        assert_eq!((handle.idle(), census.alive()), (0, 1));
        drop(held);
        assert_eq!((handle.idle(), census.alive()), (0, 0));
        other.end();
    });
}

/// Where the victim stops next.
fn stop_at(name: &str) {
    let place = chaos::POINTS.iter().position(|point| *point == name);
    WHERE.store(place.unwrap(), SeqCst);
}

/// An object whose destructor panics if it is armed.
struct Bomb(bool);

impl Recycle for Bomb {
    fn recycle(&mut self) {}
}

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(!self.0, "on purpose");
    }
}

/// A cycle that has a magazine in hand when its key is forgotten. Then a destructor panics.
#[test]
fn a_cycle_that_stops_while_its_key_is_forgotten_keeps_nothing() {
    let name = "a_cycle_that_stops_while_its_key_is_forgotten_keeps_nothing";
    in_child(name, || {
        assert!(chaos::set(hook));
        common::stay_here();
        let settings = Builder::new().collect_manually().max_idle(64 * common::processors());
        let pool = KeyedPool::with_settings(settings, |_: &u32| || Bomb(false));
        let handle = pool.pool(&1);
        handle.put(Bomb(true));
        assert_eq!(handle.collect().aged, 1);
        handle.put(Bomb(false));
        let same = Arc::clone(&handle);
        let job = thread::spawn(move || {
            IS_VICTIM.set(true);
            stop_at("worker: reclaiming");
            same.collect();
        });
        assert!(patiently(|| is_parked() && WHERE.load(SeqCst) == NOWHERE));
        pool.clear();
        unpark();
        assert!(job.join().is_err(), "the bomb");
        assert_eq!(handle.idle(), 0, "{}", handle.stats());
    });
}
