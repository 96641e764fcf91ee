//! The engine by explicit workers, with magazines as large as they are: in models, a chain is one object.

use super::{AnyObject, Batch, Budget, Engine, Object, Plan};
use crate::sys::atomic::Ordering::Relaxed;
use crate::sys::magazine::{CAPACITY, MOST_BYTES};
use crate::sys::{FastPath, fast_path};
use std::ops::{Deref, DerefMut};

/// What an object weighs here.
const WEIGHT: u64 = 100;

/// An object of the engine's unit tests: a number.
pub(super) fn number(value: usize) -> AnyObject {
    Object::new(value).into_any()
}

/// Frees such an object.
pub(super) fn value(object: AnyObject) -> usize {
    // SAFETY: in these tests all objects are from `number`.
    unsafe { object.typed::<usize>() }.into_value()
}

/// What holds objects that are numbers. It frees what is left.
struct Numbers<H: Holds>(H);

trait Holds {
    fn free(&mut self);
}

impl Holds for Batch {
    fn free(&mut self) {
        while self.pop().map(value).is_some() {}
    }
}

impl Holds for Engine {
    fn free(&mut self) {
        let mut rest = Numbers(Batch::new());
        self.take_all(&mut rest);
        self.take_rest(&mut rest);
    }
}

impl<H: Holds> Deref for Numbers<H> {
    type Target = H;

    fn deref(&self) -> &H {
        &self.0
    }
}

impl<H: Holds> DerefMut for Numbers<H> {
    fn deref_mut(&mut self) -> &mut H {
        &mut self.0
    }
}

impl<H: Holds> Drop for Numbers<H> {
    fn drop(&mut self) {
        self.0.free();
    }
}

fn engine(budget: Budget) -> Numbers<Engine> {
    entered_by(FastPath::Exchange, budget)
}

fn entered_by(path: FastPath, budget: Budget) -> Numbers<Engine> {
    let plan = Plan { path, processors: 2, workers: 2, capacity: CAPACITY, min_idle: 0 };
    Numbers(Engine::new(plan, budget))
}

fn unbounded() -> Numbers<Engine> {
    engine(Budget::new(u64::MAX, u64::MAX))
}

fn put(engine: &Engine, index: usize, value: usize) {
    let mut me = engine.workers.enter_at(index).expect("nobody else");
    let mut refused = Numbers(Batch::new());
    let object = number(value).weighing(WEIGHT);
    engine.give_as(&mut me, object, WEIGHT, &mut refused);
    assert_eq!(refused.len(), 0);
}

fn get(engine: &Engine, index: usize) -> Option<usize> {
    let at_hand = engine.workers.enter_at(index).expect("nobody else").pop();
    let found = at_hand.or_else(|| engine.take_here(index, || engine.workers.enter_at(index)));
    let found = found.or_else(|| engine.steal(index, || engine.workers.enter_at(index)));
    found.map(value)
}

fn held(engine: &Engine, index: usize) -> Option<u64> {
    engine.workers.get(index).map(|worker| worker.census().0)
}

fn dead(engine: &Engine) -> Vec<usize> {
    let mut dead = Numbers(Batch::new());
    engine.cycle(&mut dead);
    std::iter::from_fn(|| dead.pop().map(value)).collect()
}

/// A worker that nothing was put on since the last cycle, but what it stole is younger than that.
#[test]
fn what_was_stolen_survives_its_first_cycle() {
    let engine = unbounded();
    drop(engine.workers.enter_at(1));
    assert!(dead(&engine).is_empty());
    (0..=CAPACITY).for_each(|value| put(&engine, 0, value));
    assert!(get(&engine, 1).is_some());
    assert_eq!(held(&engine, 1), Some(CAPACITY as u64 / 2 - 1));
    assert!(dead(&engine).is_empty());
}

/// One object is used again and again, on top of one that nobody uses.
#[test]
fn what_lies_below_an_object_in_use_ages() {
    let engine = unbounded();
    put(&engine, 0, 1);
    put(&engine, 0, 2);
    for (expected, idle) in [(vec![], 2), (vec![1], 1), (vec![], 1)] {
        assert_eq!(dead(&engine), expected);
        assert_eq!(engine.stats().idle_bytes as u64, idle * WEIGHT);
        assert_eq!(get(&engine, 0), Some(2));
        put(&engine, 0, 2);
    }
    assert_eq!(engine.stats().victim_hits, 0, "what is in use stays");
}

/// Order, charges and figures of a magazine that overflows and is filled again.
#[test]
fn what_goes_down_and_comes_up_is_charged_once() {
    let engine = engine(Budget::new(4 * CAPACITY as u64, 1 << 20));
    let (capacity, half) = (CAPACITY as u64, CAPACITY as u64 / 2);
    (0..=CAPACITY).for_each(|value| put(&engine, 0, value));
    assert_eq!(held(&engine, 0), Some(capacity + 1 - half));
    let share = |below: u64| (capacity + below, MOST_BYTES + below * WEIGHT);
    assert_eq!(engine.budget.charged(), share(half));
    for value in (half as usize..=CAPACITY).rev() {
        assert_eq!(get(&engine, 0), Some(value), "the newest first");
    }
    assert_eq!(engine.budget.charged(), share(half));
    assert!(get(&engine, 0).is_some());
    assert_eq!(held(&engine, 0), Some(half - 1));
    assert_eq!(engine.budget.charged(), share(0));
    let stats = engine.stats();
    assert_eq!(stats.idle, CAPACITY / 2 - 1);
    assert_eq!(stats.idle_bytes as u64, (half - 1) * WEIGHT);
    let mut rest = Numbers(Batch::new());
    engine.take_all(&mut rest);
    assert_eq!(rest.len(), CAPACITY / 2 - 1);
    assert_eq!(engine.budget.charged(), (0, 0));
}

/// As in a process that was forked while other threads had claimed one worker and held another: what is claimed
/// is taken, what is held is leaked, and both give back their room.
#[test]
fn what_a_fork_left_behind_gives_back_its_room() {
    let budget = Budget::new(4 * CAPACITY as u64, u64::MAX);
    let mut engine = engine(budget.clone());
    (0..3).for_each(|value| put(&engine, 0, value));
    put(&engine, 1, 3);
    let claim = &engine.workers.get(0).expect("used").claim;
    // Relaxed: one thread.
    claim.store(1, Relaxed);
    let held = engine.workers.enter_at(1).expect("open");
    let leaked = held.pop().expect("one");
    std::mem::forget(held);
    let mut rest = Numbers(Batch::new());
    engine.take_all(&mut rest);
    assert_eq!((rest.len(), budget.charged().0), (0, 2 * CAPACITY as u64));
    engine.take_rest(&mut rest);
    assert_eq!((rest.len(), budget.charged().0), (3, 0));
    engine.take_rest(&mut rest);
    assert_eq!((rest.len(), budget.charged().0), (3, 0), "once");
    value(leaked);
}

/// A pool whose table is not published yet is asked for a shard: a gate that sequences use is not closed by an
/// exchange.
#[test]
fn sequences_share_no_gate_with_exchanges() {
    let path = fast_path();
    let engine = entered_by(path, Budget::new(u64::MAX, u64::MAX));
    let mut refused = Numbers(Batch::new());
    engine.give(number(1), 0, &mut refused);
    let by_exchange = path == FastPath::Exchange;
    assert_eq!(engine.take_at_hand().map(value).is_some(), by_exchange);
    assert_eq!(engine.give_at_hand(number(2), 0).map_err(value).is_ok(), by_exchange);
}

/// Of a chain of victims that a get has found, the rest ages on.
#[test]
fn the_rest_of_a_victim_stays_a_victim() {
    let engine = unbounded();
    (0..=CAPACITY).for_each(|value| put(&engine, 0, value));
    assert!(dead(&engine).is_empty());
    assert!(get(&engine, 0).is_some() && get(&engine, 0).is_some());
    assert_eq!(engine.stats().victim_hits, 1);
    assert_eq!(dead(&engine).len(), CAPACITY + 1 - 2);
}

/// Cycles leave three objects, whether these are in slots or in a magazine.
#[test]
fn a_floor_stays() {
    for objects in [2, CAPACITY, CAPACITY + 1] {
        let mut engine = unbounded();
        engine.min_idle = 3;
        (0..objects).for_each(|value| put(&engine, 0, value));
        let gone: usize = (0..5).map(|_| dead(&engine).len()).sum();
        assert_eq!((gone, engine.stats().idle), (objects.saturating_sub(3), objects.min(3)));
    }
    // With bounds, what is put back is charged, and the magazine's share is free.
    let mut engine = engine(Budget::new(4 * CAPACITY as u64, 1 << 20));
    engine.min_idle = 3;
    (0..5).for_each(|value| put(&engine, 0, value));
    (0..5).for_each(|_| _ = dead(&engine));
    assert_eq!(engine.budget.charged(), (3, 3 * WEIGHT));
    assert_eq!(held(&engine, 0), Some(0), "where every processor finds it");
}

/// What a thread without a worker leaves of a chain is there for others.
#[test]
fn the_rest_of_a_stolen_chain_is_found() {
    let engine = unbounded();
    (0..=CAPACITY).for_each(|value| put(&engine, 0, value));
    assert!(engine.steal(0, || None).map(value).is_some());
    assert_eq!(engine.stats().idle, CAPACITY);
    let mut rest = Numbers(Batch::new());
    engine.take_all(&mut rest);
    assert_eq!((rest.len(), engine.stats().idle), (CAPACITY, 0));
    assert_eq!(engine.stats().private_hits, 0, "what was reclaimed is no hit");
}

/// A step takes as many as it may, also of one chain.
#[test]
fn a_step_ends_within_a_chain() {
    let engine = unbounded();
    (0..=CAPACITY).for_each(|value| put(&engine, 0, value));
    assert!(dead(&engine).is_empty());
    let mut taken = Numbers(Batch::new());
    while engine.generation.cycle() == 1 {
        let before = taken.len();
        engine.step(1, 3, false, &mut taken);
        assert!(taken.len() <= before + 3 || engine.generation.cycle() == 2);
    }
    assert_eq!(taken.len() + engine.stats().idle, CAPACITY + 1);
    assert!(taken.len() >= CAPACITY, "all but the newest were victims");
}

/// What is too heavy for a magazine goes past it, and leaves there what is light.
#[test]
fn what_is_heavy_goes_past_the_magazine() {
    let engine = unbounded();
    put(&engine, 0, 1);
    let held_worker = engine.workers.enter_at(0);
    engine.give(number(2), MOST_BYTES + 1, &mut Numbers(Batch::new()));
    drop(held_worker);
    assert_eq!((held(&engine, 0), get(&engine, 1)), (Some(1), Some(2)));
}

/// A magazine's share that it does not use makes room, before anything of its own worker is refused.
#[test]
fn a_worker_gives_up_its_own_share_before_it_refuses() {
    let engine = engine(Budget::new(32, u64::MAX));
    put(&engine, 0, 0);
    assert_eq!(engine.budget.charged().0, 8, "a share");
    let mut refused = Numbers(Batch::new());
    for value in 1..40 {
        engine.give(number(value), MOST_BYTES + 1, &mut refused);
    }
    assert_eq!((engine.stats().idle, refused.len()), (32, 8));
}

/// One object of a megabyte, on more workers than most machines have processors, in turn.
#[test]
fn one_heavy_object_serves_all_workers_in_turn() {
    const MEGABYTE: u64 = 1 << 20;
    let plan = Plan {
        path: FastPath::Exchange,
        processors: 64,
        workers: 64,
        capacity: CAPACITY,
        min_idle: 0,
    };
    let engine = Numbers(Engine::new(plan, Budget::new(u64::MAX, u64::MAX)));
    let mut made = 0;
    for turn in 0..1_000 {
        let index = turn * 37 % 64;
        let object = get(&engine, index).unwrap_or_else(|| {
            made += 1;
            made
        });
        engine.give_here(index, number(object).weighing(MEGABYTE));
    }
    assert_eq!(made, 1);
}

/// As when a barrier was refused.
#[test]
fn a_stop_that_comes_to_nothing_undoes_itself() {
    let engine = unbounded();
    put(&engine, 0, 1);
    let worker = engine.workers.get(0).expect("used");
    for _ in 0..2 {
        assert!(worker.stop().is_some(), "and lets go of it");
    }
    assert_eq!(get(&engine, 0), Some(1));
}

/// Memory pressure takes no more than it was asked for; what it has reclaimed besides is in slots now, and counted once.
#[test]
fn what_is_put_back_is_counted_once() {
    let engine = engine(Budget::new(8, u64::MAX));
    put(&engine, 0, 0);
    (0..4).for_each(|_| {
        assert_eq!(get(&engine, 0), Some(0));
        put(&engine, 0, 0);
    });
    put(&engine, 0, 1);
    assert_eq!(held(&engine, 0), Some(2));
    let mut taken = Numbers(Batch::new());
    engine.take_bytes(WEIGHT, &mut taken);
    let stats = engine.stats();
    assert_eq!((taken.len(), stats.idle, stats.idle_bytes as u64), (1, 1, WEIGHT));
    assert_eq!(stats.private_hits, 4);
    assert_eq!(engine.budget.charged(), (1, 0));
}

/// What is heavy stays in its slot when one of several in line is taken: no magazine gets a share for it.
#[test]
fn what_is_heavy_is_not_moved_up() {
    let engine = engine(Budget::new(64, u64::MAX));
    for value in 0..9 {
        engine.give_here(0, heavy(value, &engine));
    }
    for (left, index) in [(8, 0), (7, 1), (6, 1)] {
        assert!(get(&engine, index).is_some());
        assert_eq!((engine.stats().idle, engine.budget.charged().0), (left, left as u64));
    }
}

fn heavy(value: usize, engine: &Engine) -> AnyObject {
    assert!(engine.budget.charge(1, MOST_BYTES + 1));
    number(value).weighing(MOST_BYTES + 1)
}
