//! What is heavy goes past the magazines, through slots: nothing twice, nothing lost, the books right.

mod common;

use common::{Item, assert_conserved, core, explore, touch, touched};
use loom::thread;
use std::sync::Arc;
use stealpool::model::{Core, Held, Seat};

/// More than a magazine holds.
const HEAVY: usize = 1 << 20;

fn put(me: &Seat<'_, Item>, id: usize) {
    let item = Item::weighing(id, HEAVY);
    touch(&item);
    assert!(me.put(item).is_empty());
}

fn assert_booked(core: &Core<Item>, held: Vec<Held<Item>>, count: usize) {
    assert_eq!(core.idle_bytes(), core.idle() * HEAVY);
    assert_conserved(core, held, count);
    assert_eq!((core.idle(), core.idle_bytes()), (0, 0));
}

/// *Threads*: two of one processor, each of which puts one and gets one.
/// *Proves*: conservation (1), happens-before through a slot (2), and that each put is counted.
/// *Fails if*: a slot is filled without a claim, or the claim does not see the count of the last one.
#[test]
fn two_of_one_processor() {
    explore("slots: put get || put get", Some(3), 500, || {
        let core = core();
        let other = Arc::clone(&core);
        let second = thread::spawn(move || {
            let me = other.seat(0);
            put(&me, 1);
            touched(me.get())
        });
        let me = core.seat(0);
        put(&me, 0);
        let mut held = touched(me.get());
        held.extend(second.join().unwrap());
        let (puts, hits) = core.puts_and_hits();
        assert_eq!((puts, hits), (2, held.len() as u64));
        assert_booked(&core, held, 2);
    });
}

/// *Threads*: one that puts an object, takes it and puts it again; a thief that has seen it the first time.
/// *Proves*: an object that is back in its slot is taken as if it had never been away.
/// *Fails if*: a get does not acquire what the last put has published.
#[test]
fn what_has_come_back_is_as_good() {
    explore("slots: put get put || get", None, 100, || {
        let core = core();
        let other = Arc::clone(&core);
        let thief = thread::spawn(move || touched(other.seat(1).get()));
        let me = core.seat(0);
        put(&me, 0);
        if let Some(held) = me.get() {
            touch(&held);
            assert!(me.put(held).is_empty());
        }
        let held = thief.join().unwrap();
        let (puts, hits) = core.puts_and_hits();
        assert_eq!(puts - hits, core.idle() as u64, "each put is idle or was a hit");
        assert_booked(&core, held, 1);
    });
}

/// *Threads*: one that puts more than its slots hold; a thief.
/// *Proves*: what finds no slot is within reach all the same.
/// *Fails if*: a full slot loses what it gives back.
#[test]
fn what_finds_no_slot_is_within_reach() {
    explore("slots: put put || get", None, 50, || {
        let core = core();
        let other = Arc::clone(&core);
        let thief = thread::spawn(move || touched(other.seat(1).get()));
        let me = core.seat(0);
        (0..2).for_each(|id| put(&me, id));
        let mut held = thief.join().unwrap();
        let third = core.seat(2);
        while held.len() < 2 {
            held.extend(touched(Some(third.get().expect("within reach"))));
        }
        assert!(third.get().is_none());
        assert_booked(&core, held, 2);
    });
}

/// *Threads*: one that puts and gets; a collector that runs a cycle.
/// *Proves*: what is put or taken while the generation turns is there once, and what came after a cycle outlives
/// the next.
/// *Fails if*: a collector takes what is not in the victims.
#[test]
fn a_cycle_against_a_user() {
    explore("slots: put get put || cycle; cycle", None, 200, || {
        let core = core();
        let other = Arc::clone(&core);
        let collector = thread::spawn(move || touched(other.cycle()));
        let me = core.seat(0);
        put(&me, 0);
        let held = touched(me.get());
        assert_eq!(held.len(), 1, "no cycle takes what is young");
        put(&me, 1);
        assert!(collector.join().unwrap().is_empty());
        assert!(touched(core.cycle()).len() <= 1);
        assert_booked_rest(&core, held);
    });
}

/// What is left of two, of which the second may have aged.
fn assert_booked_rest(core: &Core<Item>, held: Vec<Held<Item>>) {
    assert_eq!(core.idle_bytes(), core.idle() * HEAVY);
    assert_eq!(held.len(), 1);
    assert!(core.take_all().len() <= 1);
    assert_eq!((core.idle(), core.idle_bytes()), (0, 0));
}

/// *Threads*: one that puts and gets; one that takes everything. With bounds.
/// *Proves*: what is charged is what is there, whoever takes it.
/// *Fails if*: a refund is left out or made twice.
#[test]
fn what_is_taken_is_refunded() {
    explore("slots: put get put || take all (bounded)", Some(2), 200, || {
        let core = Arc::new(Core::bounded(1, 2, 4 * HEAVY as u64));
        let other = Arc::clone(&core);
        let taker = thread::spawn(move || touched(other.take_all()));
        let me = core.seat(0);
        put(&me, 0);
        let mut held = touched(me.get());
        put(&me, 1);
        held.extend(taker.join().unwrap());
        held.extend(touched(core.take_all()));
        assert_eq!(core.charged(), (0, 0));
        assert_booked(&core, held, 2);
    });
}

/// *Threads*: a user on each of two processors; both put and get.
/// *Proves*: conservation when each steals from the other.
/// *Fails if*: an object is taken by two.
#[test]
fn two_processors() {
    explore("slots: put get get || put get", None, 500, || {
        let core = core();
        let other = Arc::clone(&core);
        let second = thread::spawn(move || {
            let me = other.seat(1);
            put(&me, 1);
            touched(me.get())
        });
        let me = core.seat(0);
        put(&me, 0);
        let mut held = touched(me.get());
        held.extend(touched(me.get()));
        held.extend(second.join().unwrap());
        assert_booked(&core, held, 2);
    });
}
