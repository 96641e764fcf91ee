//! Two workers: what one puts, the other finds; nothing twice, nothing lost.

mod common;

use common::{Item, assert_conserved, core, explore, put, touch};
use loom::thread;
use std::sync::Arc;
use stealpool::model::{Core, Held};

fn thief(core: &Arc<Core<Item>>, gets: usize) -> thread::JoinHandle<Vec<Held<Item>>> {
    let core = Arc::clone(core);
    thread::spawn(move || {
        let me = core.join();
        let held: Vec<_> = (0..gets).filter_map(|_| me.get()).collect();
        held.iter().for_each(|held| {
            touch(held);
        });
        held
    })
}

/// *Threads*: an owner that puts two and takes two; a thief that takes one.
/// *Proves*: conservation (1), and happens-before along a steal (2).
/// *Fails if*: a slot is published without Release and Acquire.
#[test]
fn put_get_against_a_thief() {
    explore("steal: put put get get || get", None, 228, || {
        let core = core();
        let thief = thief(&core, 1);
        let mut held = Vec::new();
        {
            let me = core.join();
            put(&me, 0);
            put(&me, 1);
            held.extend(me.get());
            held.extend(me.get());
        }
        held.iter().for_each(|held| {
            touch(held);
        });
        held.extend(thief.join().unwrap());
        assert_conserved(&core, held, 2);
    });
}

/// *Threads*: an owner that overflows twice; a thief that takes two; then a third worker.
/// *Proves*: what is in a slot can be found once nobody is at it (3: nobody creates while something is in reach).
/// *Fails if*: what a claim leaves is lost.
#[test]
fn nothing_in_a_slot_is_out_of_reach() {
    explore("steal: put put put || get get; then get", None, 64, || {
        let core = core();
        let thief = thief(&core, 2);
        let me = core.join();
        put(&me, 0);
        put(&me, 1);
        put(&me, 2);
        let mut held = thief.join().unwrap();
        let third = core.join();
        while held.len() < 3 {
            let found = third.get().or_else(|| third.get_from_siblings());
            held.push(found.expect("within reach"));
        }
        assert_conserved(&core, held, 3);
    });
}

/// *Threads*: an owner; two thieves.
/// *Proves*: two thieves never get the same object.
/// *Fails if*: a claim is not exclusive.
#[test]
fn two_thieves() {
    explore("steal: put put get || get || get", Some(3), 97, || {
        let core = core();
        let thieves = [thief(&core, 1), thief(&core, 1)];
        let mut held = Vec::new();
        {
            let me = core.join();
            put(&me, 0);
            put(&me, 1);
            held.extend(me.get());
        }
        for thief in thieves {
            held.extend(thief.join().unwrap());
        }
        assert_conserved(&core, held, 2);
    });
}

/// *Threads*: two workers that both put and get.
/// *Proves*: conservation when each is owner and thief at once.
/// *Fails if*: slots are made twice, or their pointer is lost.
#[test]
fn two_workers_that_give_and_take() {
    explore("steal: put put get || put put get", None, 4, || {
        let core = core();
        let other = Arc::clone(&core);
        let worker = thread::spawn(move || {
            let me = other.join();
            put(&me, 0);
            put(&me, 1);
            me.get().into_iter().collect::<Vec<_>>()
        });
        let mut held = Vec::new();
        {
            let me = core.join();
            put(&me, 2);
            put(&me, 3);
            held.extend(me.get());
        }
        held.extend(worker.join().unwrap());
        assert_conserved(&core, held, 4);
    });
}

/// *Threads*: a thread without a worker that puts; an owner that gets.
/// *Proves*: the shared store conserves, and hands over with happens-before.
/// *Fails if*: the store loses or doubles what it holds.
#[test]
fn without_a_worker() {
    explore("steal: ownerless put get || get", None, 8, || {
        let core = core();
        let thief = thief(&core, 1);
        let item = Item::new(0);
        touch(&item);
        assert!(core.put_without_worker(item).is_none());
        let mut held: Vec<_> = core.get_without_worker().into_iter().collect();
        held.iter().for_each(|held| {
            touch(held);
        });
        held.extend(thief.join().unwrap());
        assert_conserved(&core, held, 1);
    });
}

/// *Threads*: two that find their worker in other hands, and put and get.
/// *Proves*: slots hand out each object once (1), and its put happens-before that (2); nobody misses one.
/// *Fails if*: it looks empty to one while the other is at it.
#[test]
fn two_without_a_worker() {
    explore("steal: ownerless put get || the same", Some(3), 10, || {
        let core = core();
        let put_get = |core: &Core<Item>, id| {
            let item = Item::new(id);
            touch(&item);
            assert!(core.put_without_worker(item).is_none());
            core.get_without_worker().inspect(|held| _ = touch(held))
        };
        let other = Arc::clone(&core);
        let second = thread::spawn(move || put_get(&other, 1));
        let mut held: Vec<_> = put_get(&core, 0).into_iter().collect();
        held.extend(second.join().unwrap());
        assert_eq!(held.len(), 2, "each finds what it or the other has put");
        assert_conserved(&core, held, 2);
    });
}
