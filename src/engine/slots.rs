//! Slots for single objects that go past the magazines: a few for each processor, open to every thread.
//!
//! What is heavy or dear must not be private to a processor, and its holder must not lose it because another
//! thread was preempted while it had the worker. A slot has no owner. A put claims an empty one by a
//! compare-exchange, notes what the object weighs, counts itself, and publishes the object by a store. A get
//! takes the object out by a compare-exchange. Nobody waits: who finds a slot claimed goes on to the next.
//!
//! **Invariant.** While a slot is [`CLAIMED`], its note and its count are those of the thread that claimed it. Who
//! exchanges an object's pointer for null owns the object, whichever time it stands there: nothing is read
//! through the pointer before that, so that the object may have gone and come back meanwhile.
//!
//! A processor has slots of both sides, which age as its deques do. Like a magazine, a slot counts no hit: of its
//! puts, those are hits that are neither there any more nor have [left](Slots::steal) otherwise.
//!
//! The shape is that of .NET's `DefaultObjectPool`, of which each processor has one here.

use super::counters::{Count, Tally};
use super::generation::Side;
use super::object::{Measure, Object};
use crate::sys::atomic::Ordering::{Acquire, Relaxed, Release};
use crate::sys::atomic::{AtomicPtr, AtomicU64};
use crate::sys::chaos::point;
use crate::sys::magazine::Head;
use crate::sys::once_box::OnceBox;
use crate::sys::scale::{REAL, TICK};
use std::marker::PhantomData;
use std::ptr;
use std::sync::Mutex;

/// Slots of one side: both have room in four cache lines.
const SLOTS: usize = if REAL { 5 } else { 1 };

/// The slots of a pool's processors.
#[derive(Debug)]
pub(crate) struct Slots<T> {
    /// Made when something first goes past a magazine, each when its processor first needs it.
    lines: OnceBox<Box<[OnceBox<Line<T>>]>>,
    processors: usize,
}

/// One processor's: [`SLOTS`] of each side.
#[repr(align(128))]
#[derive(Debug)]
struct Line<T> {
    sides: [[Slot; SLOTS]; 2],
    /// Objects that were stolen from here.
    left: Count,
    /// How many puts there were when one was last told to look at the clock.
    looked: AtomicU64,
    /// `Send` and `Sync` as a mutex is: objects come and go through a shared reference.
    owns: PhantomData<Mutex<T>>,
}

const _: () = assert!(size_of::<Line<u8>>() == 256 || size_of::<usize>() != 8 || !REAL);

/// A place for one object.
#[derive(Debug, Default)]
struct Slot {
    /// Null: empty.
    object: AtomicPtr<Head>,
    weight: Tally,
    puts: Tally,
}

/// So many puts into one processor's slots may go by between two looks at the clock. Gets that find nothing are counted
/// elsewhere, up to [`TICK`]: together with as many hits as puts no more than twice that.
const LOOK: u64 = TICK / 2;

/// Stands in a slot while a put fills it.
const CLAIMED: *mut Head = ptr::without_provenance_mut(1);

/// What is in slots, and what was.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Census {
    pub(crate) objects: u64,
    pub(crate) bytes: u64,
    pub(crate) puts: u64,
    pub(crate) left: u64,
}

impl Slot {
    fn is_full(&self) -> bool {
        // Relaxed: who sees an object takes it by an exchange.
        let object = self.object.load(Relaxed);
        !object.is_null() && object != CLAIMED
    }

    #[inline]
    fn claim(&self) -> bool {
        let (slot, empty) = (&self.object, ptr::null_mut());
        // Relaxed: the exchange decides. Acquire: pairs with the Release of the put before, through the get in
        // between; its count is seen.
        let claimed = || slot.compare_exchange(empty, CLAIMED, Acquire, Relaxed);
        slot.load(Relaxed).is_null() && claimed().is_ok()
    }

    /// Puts an object here. Gives it back if the slot is not empty.
    #[inline]
    fn put<T>(&self, object: Object<T>, weight: u64) -> Result<(), Object<T>> {
        if !self.claim() {
            return Err(object);
        }
        point("slots: claimed");
        self.weight.set(weight);
        self.puts.add(1);
        let head = object.into_head(Measure::new(weight, 1).to_bits());
        // Release: publishes the object, its weight and the count.
        self.object.store(head, Release);
        Ok(())
    }

    /// Takes the object out.
    #[inline]
    fn take<T>(&self) -> Option<Object<T>> {
        // Relaxed: the exchange decides.
        let object = self.object.load(Relaxed);
        if object.is_null() || object == CLAIMED {
            return None;
        }
        point("slots: taking");
        // Acquire: pairs with the Release in `put`.
        let won = self
            .object
            .compare_exchange(object, ptr::null_mut(), Acquire, Relaxed);
        // SAFETY: `put` gave up the object for this pointer, and the exchange has taken it out, once.
        won.ok().map(|head| unsafe { Object::from_head(head) }.0)
    }
}

impl<T> Line<T> {
    fn new() -> Self {
        Line {
            sides: [(); 2].map(|()| std::array::from_fn(|_| Slot::default())),
            left: Count::default(),
            looked: AtomicU64::new(0),
            owns: PhantomData,
        }
    }

    fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.sides.iter().flatten()
    }

    #[inline]
    fn puts(&self) -> u64 {
        self.slots().map(|slot| slot.puts.get()).sum()
    }

    /// Whether it is for this put to look at the clock.
    #[inline]
    fn is_time(&self) -> bool {
        let puts = self.puts();
        // Relaxed, both: the exchange decides who looks.
        let looked = self.looked.load(Relaxed);
        let others_have_looked = (puts.wrapping_sub(looked) as i64) < LOOK as i64;
        !others_have_looked
            && self
                .looked
                .compare_exchange(looked, puts, Relaxed, Relaxed)
                .is_ok()
    }

    fn census(&self) -> Census {
        let full = self.slots().filter(|slot| slot.is_full());
        let (objects, bytes) = full.fold((0, 0u64), |(objects, bytes), slot| {
            (objects + 1, bytes.saturating_add(slot.weight.get()))
        });
        Census {
            objects,
            bytes,
            puts: self.puts(),
            left: self.left.get(),
        }
    }
}

impl<T> Drop for Line<T> {
    fn drop(&mut self) {
        self.slots().for_each(|slot| drop(slot.take::<T>()));
    }
}

impl<T> Slots<T> {
    /// None yet, for so many processors.
    pub(crate) fn new(processors: usize) -> Self {
        Slots {
            lines: OnceBox::new(),
            processors,
        }
    }

    #[inline]
    fn line(&self, index: usize) -> Option<&Line<T>> {
        self.lines.get()?.get(index)?.get()
    }

    /// Those that were made, from one processor's on.
    fn iter(&self, first: usize) -> impl Iterator<Item = &Line<T>> {
        let lines = self.lines.get().map_or(&[][..], |lines| lines);
        let (before, after) = lines.split_at(first.min(lines.len()));
        after.iter().chain(before).filter_map(OnceBox::get)
    }

    /// Puts an object into a slot of that processor; whether it is time to look at the clock. Gives it back if
    /// they are all full.
    #[inline]
    pub(crate) fn put(
        &self,
        side: Side,
        index: usize,
        object: Object<T>,
        weight: u64,
    ) -> Result<bool, Object<T>> {
        let none = || (0..self.processors).map(|_| OnceBox::new()).collect();
        let lines = self.lines.get_or_make(none);
        let Some(line) = lines.get(index).map(|line| line.get_or_make(Line::new)) else {
            return Err(object);
        };
        let mut object = object;
        for slot in &line.sides[side as usize] {
            match slot.put(object, weight) {
                Ok(()) => return Ok(line.is_time()),
                Err(back) => object = back,
            }
        }
        Err(object)
    }

    /// Takes an object of that processor, for a get there.
    #[inline]
    pub(crate) fn take(&self, side: Side, index: usize) -> Option<Object<T>> {
        let slots = &self.line(index)?.sides[side as usize];
        slots.iter().rev().find_map(Slot::take)
    }

    /// Takes an object of any processor, from that one on, for whatever else than a get there.
    pub(crate) fn steal(&self, side: Side, first: usize) -> Option<Object<T>> {
        self.iter(first).find_map(|line| {
            let object = line.sides[side as usize].iter().find_map(Slot::take)?;
            line.left.add(1);
            Some(object)
        })
    }

    /// Whether a side has nothing just now.
    pub(crate) fn is_empty(&self, side: Side) -> bool {
        let full = |line: &Line<T>| line.sides[side as usize].iter().any(Slot::is_full);
        !self.iter(0).any(full)
    }

    /// All of them together.
    pub(crate) fn census(&self) -> Census {
        let all = self.iter(0).map(Line::census);
        all.fold(Census::default(), |sum, line| Census {
            objects: sum.objects + line.objects,
            bytes: sum.bytes.saturating_add(line.bytes),
            puts: sum.puts + line.puts,
            left: sum.left + line.left,
        })
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use std::thread;

    const WEIGHT: u64 = 1 << 20;

    fn put(slots: &Slots<usize>, index: usize, value: usize) -> Result<bool, usize> {
        let put = slots.put(Side::Even, index, Object::new(value), WEIGHT);
        put.map_err(Object::into_value)
    }

    #[test]
    fn newest_first_for_its_processor_and_oldest_first_for_others() {
        let slots = Slots::new(2);
        assert!((0..SLOTS).all(|value| put(&slots, 1, value).is_ok()));
        assert_eq!(put(&slots, 1, SLOTS), Err(SLOTS), "full");
        assert_eq!(put(&slots, 2, 0), Err(0), "no such processor");
        let value = |object: Option<Object<usize>>| object.map(Object::into_value);
        assert_eq!(value(slots.take(Side::Even, 1)), Some(SLOTS - 1));
        assert_eq!(value(slots.steal(Side::Even, 0)), Some(0));
        let census = slots.census();
        assert_eq!((census.objects, census.bytes), (3, 3 * WEIGHT));
        assert_eq!((census.puts, census.left), (SLOTS as u64, 1));
        assert!(slots.take(Side::Even, 0).is_none() && slots.is_empty(Side::Odd));
        assert!(!slots.is_empty(Side::Even));
    }

    #[test]
    fn one_put_in_so_many_looks_at_the_clock() {
        let slots = Slots::new(1);
        let mut looks = 0;
        for round in 0..6 * LOOK as usize {
            let held = round % 3;
            looks += (0..=held)
                .filter(|&value| put(&slots, 0, value) == Ok(true))
                .count();
            (0..=held).for_each(|_| drop(slots.take(Side::Even, 0)));
        }
        assert_eq!(looks, 12, "two puts a round");
    }

    /// Who has put something finds something, whatever others of its processor do.
    #[test]
    fn each_object_is_taken_once_and_counted() {
        const EACH: usize = 20_000;
        let slots = Slots::new(1);
        let user = |base: usize| {
            let user = |i| {
                put(&slots, 0, base + i).expect("fewer users than slots");
                let take = || slots.take(Side::Even, 0);
                let object = std::iter::from_fn(|| Some(take())).flatten().next();
                object.expect("not the last").into_value()
            };
            (0..EACH).map(user).collect::<Vec<_>>()
        };
        let mut all: Vec<_> = thread::scope(|scope| {
            let users = [0, 1, 2, 3].map(|who| scope.spawn(move || user(who * EACH)));
            users
                .into_iter()
                .flat_map(|user| user.join().expect("no panic"))
                .collect()
        });
        all.sort_unstable();
        assert!(all.into_iter().eq(0..4 * EACH));
        let census = slots.census();
        assert_eq!((census.objects, census.puts), (0, 4 * EACH as u64));
    }
}
