//! A thread that stops holds up nobody: it is parked at each named point of the protocol in turn, and all
//! others go on.
//!
//! The points exist with `--cfg stealpool_chaos` only (`verify/chaos.sh`); see `src/sync/chaos.rs`.
#![cfg(stealpool_chaos)]

mod common;

use common::{Census, Counted, CountedPool, in_child, patiently};
use std::cell::Cell;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{Acquire, Release, SeqCst};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;
use stealpool::{Builder, Guard, Pool, chaos};

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

/// A pool whose objects are dearer to make than to look for.
fn dear(census: &Census) -> Arc<CountedPool> {
    let census = census.clone();
    let create: Box<dyn Fn() -> Counted + Send + Sync> = Box::new(move || {
        thread::sleep(Duration::from_micros(100));
        census.object()
    });
    let settings = Builder::new()
        .collect_manually()
        .max_idle(1000)
        .private_depth(8);
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
        0 => _ = pool.collect(),
        1 => drop(census.pool().get()),
        2 => {
            let pool = Arc::clone(pool);
            let ended = thread::spawn(move || drop([pool.get(), pool.get(), pool.get()]));
            ended.join().unwrap();
        }
        _ => {
            // From others, where it would be dear to create.
            let held: Vec<_> = std::iter::from_fn(|| pool.try_get()).take(40).collect();
            drop(held);
            pool.clear();
        }
    }
}

/// The same in a thread of its own each, which sits down and leaves.
fn a_life(pool: &Arc<CountedPool>, census: &Census, round: usize) {
    IS_VICTIM.set(true);
    (round..round + 8).for_each(|round| everything(pool, census, round));
}

#[test]
fn a_thread_parked_at_any_point_holds_up_nobody() {
    in_child("a_thread_parked_at_any_point_holds_up_nobody", || {
        assert!(chaos::set(hook));
        for (number, name) in chaos::POINTS.into_iter().enumerate() {
            let census = Census::new();
            let pool = dear(&census);
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
            // Thieves and givers, so that the victim meets full deques and empty ones.
            let others = |pool: &Arc<CountedPool>| {
                let lives: Vec<_> = (0..2)
                    .map(|_| {
                        let (pool, census) = (Arc::clone(pool), census.clone());
                        thread::spawn(move || {
                            (0..40).for_each(|round| everything(&pool, &census, round));
                        })
                    })
                    .collect();
                lives.into_iter().for_each(|life| life.join().unwrap());
            };
            let came_by = patiently(|| {
                others(&pool);
                is_parked()
            });
            assert!(came_by, "nobody came by {name:?}");
            // The victim stands still. All others go on, for as long as they like.
            for _ in 0..5 {
                others(&pool);
                pool.collect();
                pool.drain().for_each(drop);
                stealpool::collect_all();
            }
            assert!(is_parked(), "{name:?}");
            stop.store(1, Release);
            unpark();
            victim.join().unwrap();
            pool.collect();
            pool.collect();
            assert_eq!(pool.idle(), 0, "{name:?}: nothing is stuck afterwards");
            assert_eq!(census.alive(), 0, "{name:?}");
        }
    });
}

/// An owner stopped inside its slot: a collector turns away at once, and takes the object when it can.
#[test]
fn an_owner_that_stops_inside_its_slot_keeps_its_object_until_it_leaves() {
    in_child(
        "an_owner_that_stops_inside_its_slot_keeps_its_object_until_it_leaves",
        || {
            assert!(chaos::set(hook));
            let pool: Arc<Pool<Vec<u8>>> =
                Arc::new(Builder::new().collect_manually().build(Vec::new));
            let owner = {
                let pool = Arc::clone(&pool);
                thread::spawn(move || {
                    drop(pool.get());
                    IS_VICTIM.set(true);
                    let inside = chaos::POINTS
                        .iter()
                        .position(|name| *name == "slot: inside");
                    WHERE.store(inside.unwrap(), SeqCst);
                    drop(pool.get());
                    // Idle for ever, with its object at hand.
                    thread::park();
                })
            };
            assert!(patiently(is_parked));
            for _ in 0..3 {
                assert_eq!(pool.collect().dropped, 0);
            }
            assert_eq!(pool.idle(), 1);
            unpark();
            assert!(patiently(|| {
                pool.collect();
                pool.idle() == 0
            }));
            owner.thread().unpark();
            owner.join().unwrap();
        },
    );
}

/// A thief stopped between clearing a bit of the upper word and its second look hides no more than what was
/// being pushed just then.
#[test]
fn a_thief_that_stops_while_it_tidies_up_hides_nothing_that_comes_later() {
    let name = "a_thief_that_stops_while_it_tidies_up_hides_nothing_that_comes_later";
    in_child(name, || {
        assert!(chaos::set(hook));
        let settings = Builder::new().collect_manually().private_depth(1);
        let pool: Arc<Pool<Vec<u8>>> = Arc::new(settings.build(Vec::new));
        let stop_at = |name| {
            let place = chaos::POINTS.iter().position(|point| *point == name);
            WHERE.store(place.unwrap(), SeqCst);
        };
        let mut held: Vec<_> = (0..60).map(|_| pool.get()).collect();
        // One stays at hand, one goes below.
        held.truncate(58);
        stop_at("bitmap: lowering");
        let thief = {
            let pool = Arc::clone(&pool);
            thread::spawn(move || {
                let _stolen = pool.try_get().expect("there is one below");
                assert!(pool.try_get().is_none(), "clears the lower bit");
                IS_VICTIM.set(true);
                // It may be gone on when it finds something.
                drop(pool.try_get());
            })
        };
        assert!(patiently(is_parked));
        held.truncate(50); // sets the lower bit; the upper one is there still
        stop_at("bitmap: lowered");
        unpark();
        assert!(patiently(|| is_parked() && WHERE.load(SeqCst) == NOWHERE));
        drop(held);
        let found = {
            let pool = Arc::clone(&pool);
            let look = move || std::iter::from_fn(|| pool.try_get().map(Guard::into_inner)).count();
            thread::spawn(look).join().unwrap()
        };
        assert_eq!(
            found, 58,
            "all but the one at hand, and the one that the thief has"
        );
        unpark();
        thief.join().unwrap();
    });
}
