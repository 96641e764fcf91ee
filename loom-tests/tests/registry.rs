//! Who sits where: workers are found, never shared, and used again.

mod common;

use common::{Bound, Item, assert_conserved, core, explore, explore_broken, touch};
use loom::thread;
use std::sync::Arc;
use stealpool::model::{Held, Seat};

fn put(me: &Seat<'_, Item>, id: usize) {
    let item = Item::new(id);
    touch(&item);
    assert!(me.put(item).is_empty());
}

fn touched(held: Vec<Held<Item>>) -> Vec<Held<Item>> {
    held.iter().for_each(|held| _ = touch(held));
    held
}

/// *Threads*: three that join.
/// *Proves*: each has a worker of its own (2).
/// *Fails if*: two threads get one index.
#[test]
fn newcomers_have_workers_of_their_own() {
    explore("registry: join || join || join", Some(2), 20, || {
        let core = core();
        let newcomer = || {
            let core = Arc::clone(&core);
            thread::spawn(move || core.join().index())
        };
        let (one, two) = (newcomer(), newcomer());
        let mut seats = [
            core.join().index(),
            one.join().unwrap(),
            two.join().unwrap(),
        ];
        seats.sort_unstable();
        assert_eq!(seats, [0, 1, 2]);
    });
}

/// *Threads*: a newcomer that puts two; one that takes everything.
/// *Proves*: a worker that a collector sees is built (2), and what it missed is still there.
/// *Fails if*: a worker is found before it is furnished.
#[test]
fn a_newcomer_against_one_who_takes_everything() {
    explore("registry: join put put || take all", None, 100, || {
        let core = core();
        let other = Arc::clone(&core);
        let newcomer = thread::spawn(move || {
            let me = other.join();
            (0..2).for_each(|id| put(&me, id));
        });
        let held = touched(core.take_all());
        newcomer.join().unwrap();
        assert_conserved(&core, held, 2);
    });
}

/// *Threads*: a newcomer that puts two; a thief that has a worker.
/// *Proves*: the bitmap knows a newcomer's deque (1).
/// *Fails if*: a bit of a word that is just being made is lost.
#[test]
fn a_newcomer_against_a_thief() {
    explore("registry: join put put; get || get", None, 20, || {
        let core = core();
        let first = core.join();
        let other = Arc::clone(&core);
        let thief = thread::spawn(move || touched(other.join().get().into_iter().collect()));
        let me = core.join();
        (0..2).for_each(|id| put(&me, id));
        let mut held = thief.join().unwrap();
        held.extend(touched(first.get().into_iter().collect()));
        assert_eq!(held.len(), 1, "the other one is in the newcomer's slot");
        first.leave();
        me.leave();
        assert_conserved(&core, held, 2);
    });
}

/// *Threads*: a third worker, whose bit is the first of the bitmap's second word; a thief.
/// *Proves*: a thief that knows two workers yet takes nothing of the third's out of reach (1).
/// *Fails if*: the upper word loses a bit.
#[test]
fn the_second_word_of_the_bitmap() {
    explore("registry: join put put; get || get get", None, 20, || {
        let core = core();
        let (first, second) = (core.join(), core.join());
        assert!(second.put(Item::new(2)).is_empty());
        let other = Arc::clone(&core);
        let thief = thread::spawn(move || {
            let get = || other.get_ownerless();
            touched(get().into_iter().chain(get()).collect())
        });
        let third = core.join();
        (0..2).for_each(|id| put(&third, id));
        let mut held = thief.join().unwrap();
        held.extend(touched(first.get().into_iter().collect()));
        assert_eq!(held.len(), 1);
        first.leave();
        second.leave();
        third.leave();
        assert_conserved(&core, held, 3);
    });
}

/// *Threads*: one that leaves and comes back; one that comes in its place.
/// *Proves*: a tenancy is one thread's: whoever is late finds another worker (2).
/// *Fails if*: a tenancy's number can be two threads'.
#[test]
fn leaving_and_coming_back() {
    explore(
        "registry: put leave join get || join get leave",
        Some(3),
        100,
        || {
            let core = core();
            let me = core.join();
            put(&me, 0);
            let other = Arc::clone(&core);
            let heir = thread::spawn(move || {
                let me = other.join();
                let held = touched(me.get().into_iter().collect());
                me.leave();
                held
            });
            me.leave();
            let me = core.join();
            let mut held = touched(me.get().into_iter().collect());
            held.extend(heir.join().unwrap());
            // Three, if we came back while the other one looked into what we had left.
            assert!(core.workers() <= 3);
            me.leave();
            assert_conserved(&core, held, 1);
        },
    );
}

/// *Threads*: two that come and go, one after the other each; an onlooker that takes everything.
/// *Proves*: no more workers than threads alive at once, and nothing is lost from one tenant to the next.
/// *Fails if*: an orphan is forgotten.
#[test]
fn coming_and_going() {
    explore(
        "registry: join put leave x 2 || the same || take all",
        Bound::of(Some(1), Some(1)),
        100,
        || {
            let core = core();
            let visitor = |base: usize| {
                let core = Arc::clone(&core);
                thread::spawn(move || {
                    for id in base..base + 2 {
                        let me = core.join();
                        put(&me, id);
                        me.leave();
                    }
                })
            };
            let (one, two) = (visitor(0), visitor(2));
            let held = touched(core.take_all());
            one.join().unwrap();
            two.join().unwrap();
            assert!(core.workers() <= 3, "{}", core.workers());
            assert_conserved(&core, held, 4);
        },
    );
}

/// Two owners of one worker, one after the other without a hand-over, must be seen.
#[test]
fn a_worker_taken_without_its_tenancy_is_seen() {
    explore_broken("registry: put || impostor gets", || {
        let core = core();
        let me = core.join();
        let other = Arc::clone(&core);
        let impostor =
            thread::spawn(move || _ = touched(other.impostor().get().into_iter().collect()));
        put(&me, 0);
        _ = touched(me.get().into_iter().collect());
        impostor.join().unwrap();
    });
}
