//! The whole core: several workers, thieves, and collectors at once.

mod common;

use common::{Bound, Item, assert_conserved, explore, explore_broken, touch, touched};
use loom::thread;
use std::sync::Arc;
use stealpool::model::{Core, Held, Seat};

/// What a thread does with its worker; the objects it is left with.
fn work(
    core: &Core<Item>,
    part: impl FnOnce(&Seat<'_, Item>) -> Vec<Held<Item>>,
) -> Vec<Held<Item>> {
    let me = core.join();

    touched(part(&me))
}

fn put(me: &Seat<'_, Item>, id: usize) -> Vec<Held<Item>> {
    let item = Item::new(id);
    touch(&item);
    me.put(item)
}

/// What one thread does; the objects it is left with.
type Part = fn(&Core<Item>) -> Vec<Held<Item>>;

/// Plays several parts at once, over what `before` has left, and counts at the end.
fn play<const N: usize>(
    core: Core<Item>,
    before: impl Fn(&Core<Item>) -> Vec<Held<Item>>,
    parts: [Part; N],
    objects: usize,
) {
    let core = Arc::new(core);
    let mut held = before(&core);
    let others: Vec<_> = parts[1..]
        .iter()
        .map(|part| {
            let (core, part) = (Arc::clone(&core), *part);
            thread::spawn(move || part(&core))
        })
        .collect();
    held.extend(parts[0](&core));
    for other in others {
        held.extend(other.join().unwrap());
    }
    assert_conserved(&core, held, objects);
    assert_eq!(core.charged(), (0, 0));
}

fn give_and_take(core: &Core<Item>) -> Vec<Held<Item>> {
    work(core, |me| {
        let mut held = put(me, 0);
        held.extend(me.get());
        held
    })
}

fn give_two(core: &Core<Item>) -> Vec<Held<Item>> {
    work(core, |me| {
        let mut held = put(me, 1);
        held.extend(put(me, 2));
        held
    })
}

fn give_one(core: &Core<Item>) -> Vec<Held<Item>> {
    work(core, |me| put(me, 1))
}

fn nothing(_: &Core<Item>) -> Vec<Held<Item>> {
    Vec::new()
}

/// Two objects, 1 and 2, in the magazine and a slot of a thread that has ended.
fn two_left(core: &Core<Item>) -> Vec<Held<Item>> {
    give_two(core)
}

/// *Threads*: two workers that give and take; a collector.
/// *Proves*: nothing is lost or doubled (1), with all parties of the protocol at work.
/// *Fails if*: any of the moves is not one.
#[test]
fn two_workers_and_a_collector() {
    explore("whole: put get || put || cycle", Bound::of(Some(0), Some(1)), 36, || {
        play(
            Core::new(1, u64::MAX),
            nothing,
            [give_and_take, give_one, |core| touched(core.cycle())],
            2,
        );
    });
}

/// *Threads*: a worker; a thread without one; a collector in steps. A bound on what is idle.
/// *Proves*: what has no worker takes part as all others do (1, 6).
/// *Fails if*: the shared store is left out of a step.
#[test]
fn a_worker_a_stranger_and_steps() {
    explore(
        "whole: put get || ownerless put get || step, at most 3",
        Bound::of(Some(1), Some(2)),
        500,
        || {
            play(
                Core::new(1, 3),
                two_left,
                [
                    give_and_take,
                    |core| {
                        let item = Item::new(3);
                        touch(&item);
                        let mut held: Vec<_> = core.put_without_worker(item).into_iter().collect();
                        held.extend(core.get_without_worker());
                        touched(held)
                    },
                    |core| touched(core.step(core.cycles(), 1)),
                ],
                4,
            );
        },
    );
}

/// *Threads*: a worker of a pool with deep magazines and a bound; a collector. Over what an ended thread has left.
/// *Proves*: chains go up and down, and the books agree at the end (1, 6).
/// *Fails if*: a chain is cut or charged wrong on any of its ways.
#[test]
fn deep_magazines_bounds_and_a_collector() {
    explore(
        "whole: put get || cycle, deep, at most 8, over two left",
        Bound::of(Some(3), None),
        100,
        || {
            play(
                Core::deep_bounded(1, 2, 8),
                two_left,
                [give_and_take, |core| touched(core.cycle())],
                3,
            );
        },
    );
}

/// *Threads*: two users of one worker; a collector. Over what is in its magazine.
/// *Proves*: three ways into one magazine exclude each other (2).
/// *Fails if*: one of them goes by what it saw before it closed the gate.
#[test]
fn two_users_of_one_worker_and_a_collector() {
    explore("whole: get put || get, one worker || cycle", Bound::of(Some(1), Some(2)), 500, || {
        play(
            Core::deep(1, 2),
            |core| put(&core.seat(0), 0),
            [
                |core| {
                    let me = core.seat(0);
                    let held = me.get();
                    held.map(|held| me.put(held)).unwrap_or_default()
                },
                |core| touched(core.seat(0).get()),
                |core| touched(core.cycle()),
            ],
            1,
        );
    });
}

/// *Threads*: one that takes bytes back; one that takes everything; a worker.
/// *Proves*: two who take share what there is, and a worker goes on meanwhile (1).
/// *Fails if*: what is put back is lost.
#[test]
fn two_who_take_and_a_worker() {
    explore("whole: put get || take bytes || take all", Bound::of(Some(0), Some(1)), 10, || {
        play(
            Core::bounded(1, 4, 8),
            two_left,
            [give_and_take, |core| touched(core.take_bytes(1)), |core| touched(core.take_all())],
            3,
        );
    });
}

/// *Threads*: two collectors; a worker at work.
/// *Proves*: collectors that meet leave nothing claimed and nothing behind (1, 4).
/// *Fails if*: a claim is released by another than its holder.
#[test]
fn two_collectors_and_a_worker() {
    explore(
        "whole: put get || cycle || cycle, over two left",
        Bound::of(Some(1), Some(1)),
        1_000,
        || {
            play(
                Core::new(1, u64::MAX),
                two_left,
                [give_and_take, |core| touched(core.cycle()), |core| touched(core.cycle())],
                3,
            );
        },
    );
}

/// A thief that keeps an object and does not say so: the count at the end must see it.
#[test]
fn an_object_kept_in_secret_is_seen() {
    explore_broken("whole: put, get || steal, forget", || {
        let forgetful: Part = |core| {
            work(core, |me| {
                me.get().into_iter().for_each(std::mem::forget);
                Vec::new()
            })
        };
        play(
            Core::new(1, u64::MAX),
            |core| {
                work(core, |me| {
                    let mut held = put(me, 0);
                    held.extend(put(me, 1));
                    held
                })
            },
            [forgetful, |core| work(core, |me| me.get().into_iter().collect())],
            2,
        );
    });
}
