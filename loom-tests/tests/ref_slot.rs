//! A pool that leaves the registry while others look it up: its entry is there for as long as anyone looks, and
//! is taken out once.
//!
//! A slot is settled twice in each model, so that who looks may be late by a whole content.

mod common;

use common::{Bound, explore, explore_broken};
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::AtomicUsize;
use loom::sync::atomic::Ordering::Relaxed;
use loom::thread;
use stealpool::model::{Place, Room};

/// What settles: written by who makes it and by who takes it out, read by who looks.
struct Entry {
    id: usize,
    written: UnsafeCell<usize>,
}

// SAFETY: loom checks that no write overlaps a read.
unsafe impl Sync for Entry {}

impl Entry {
    fn new(id: usize) -> Self {
        let entry = Entry { id, written: UnsafeCell::new(0) };
        entry.write();
        entry
    }

    fn write(&self) {
        // SAFETY: as above.
        self.written.with_mut(|times| unsafe { *times += 1 });
    }

    fn read(&self) {
        // SAFETY: as above.
        let times = self.written.with(|times| unsafe { *times });
        assert_eq!(times, 1, "somebody looks at what was taken out");
    }
}

/// Takes an entry in hand as one does who took it out: settles the next, if one is left, and lets it leave.
fn next(place: &Place<Entry>, mut taken: Option<Entry>) -> Vec<usize> {
    let mut ids = Vec::new();
    while let Some(entry) = taken.take() {
        entry.write();
        ids.push(entry.id);
        if entry.id == 0 {
            place.settle(Entry::new(1));
            taken = place.leave();
        }
    }
    ids
}

fn look(place: &Place<Entry>) -> Vec<usize> {
    let (_, taken) = place.look(Entry::read);
    next(place, taken)
}

fn tenancies(lookers: usize) {
    let place = Arc::new(Place::new());
    place.settle(Entry::new(0));
    let looking: Vec<_> = (0..lookers)
        .map(|_| {
            let place = Arc::clone(&place);
            thread::spawn(move || look(&place))
        })
        .collect();
    let mut ids = next(&place, place.leave());
    looking.into_iter().for_each(|thread| ids.extend(thread.join().unwrap()));
    ids.sort_unstable();
    assert_eq!(ids, [0, 1], "each entry is taken out once");
    assert!(place.look(|_| ()).0.is_none());
}

/// *Threads*: one lets two entries leave, one after the other; one looks.
/// *Proves*: an entry that is seen is not taken out meanwhile; who goes last takes it out.
/// *Fails if*: an ordering of the entry is weaker, or who looks is not counted.
#[test]
fn an_entry_leaves_while_it_is_looked_at() {
    explore("slot: leave, settle, leave || look", None, 20, || {
        tenancies(1);
    });
}

/// The same with two who look: of several who could be the last, one is.
#[test]
fn an_entry_leaves_while_two_look() {
    explore("slot: leave, settle, leave || look || look", Bound::of(Some(3), None), 1_000, || {
        tenancies(2)
    });
}

/// *Threads*: a tenant that takes its number off the door and leaves; two who look, of whom one may move in and put
/// up its own.
/// *Proves*: the next tenant's number stays, whoever let the last one out.
/// *Fails if*: leaving does not release.
#[test]
fn the_next_tenant_s_number_stays() {
    explore(
        "slot: unname, leave || look, name || look, name",
        Bound::of(Some(3), None),
        200,
        || {
            let (place, number) = (Arc::new(Place::new()), Arc::new(AtomicUsize::new(1)));
            place.settle(Entry::new(0));
            let move_in = |place: &Place<Entry>, number: &AtomicUsize, taken: Option<Entry>| {
                if taken.is_some() {
                    place.settle(Entry::new(1));
                    number.store(2, Relaxed);
                }
            };
            let looking: Vec<_> = (0..2)
                .map(|_| {
                    let (place, number) = (Arc::clone(&place), Arc::clone(&number));
                    thread::spawn(move || move_in(&place, &number, place.look(Entry::read).1))
                })
                .collect();
            number.store(0, Relaxed);
            move_in(&place, &number, place.leave());
            looking.into_iter().for_each(|thread| thread.join().unwrap());
            assert_eq!(number.load(Relaxed), 2, "a live tenant without a number");
        },
    );
}

/// One who goes on looking when the look is over: it must fail.
#[test]
fn a_look_that_is_not_counted_is_seen() {
    explore_broken("slot: leave || look on", || {
        let place = Arc::new(Place::new());
        place.settle(Arc::new(Entry::new(0)));
        let theirs = Arc::clone(&place);
        let looker = thread::spawn(move || {
            let (kept, taken) = theirs.look(Arc::clone);
            kept.iter().for_each(|entry| entry.read());
            taken.iter().for_each(|entry| entry.write());
        });
        place.leave().iter().for_each(|entry| entry.write());
        looker.join().unwrap();
    });
}

/// *Threads*: two that enter and leave, one place after the other's if it is vacant again; one that looks.
/// *Proves*: who finds a place vacant finds it empty, and has it alone.
/// *Fails if*: a place is given back without Release, taken without Acquire, or given back while its content is there.
#[test]
fn a_place_is_used_again() {
    explore("slot: enter, leave || enter, leave || look", Bound::of(Some(3), None), 200, || {
        let room = Arc::new(Room::new());
        let other = Arc::clone(&room);
        let visitor = thread::spawn(move || other.visit(Entry::new(1), || ()));
        let other = Arc::clone(&room);
        let onlooker = thread::spawn(move || other.look(Entry::read).len());
        room.visit(Entry::new(0), || ());
        visitor.join().unwrap();
        assert!(onlooker.join().unwrap() <= 2);
        assert!(room.look(|entry| entry.id).is_empty());
    });
}
