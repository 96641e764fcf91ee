//! A held worker: what a thread may do after it has closed the gate.

use super::{AnyObject, Chain, Worker};
use crate::sys::atomic::Ordering::{Relaxed, Release};
use crate::sys::magazine::{self, COUNTED, Magazine, NOTED, OPEN};
use crate::sys::point;
use std::marker::PhantomData;

/// Proof that this thread has closed a worker's gate. Dropping it opens the gate, also when a panic unwinds.
///
/// It has two words, so that it is passed in registers.
pub(crate) struct Held<'w> {
    worker: &'w Worker,
    /// The capacity that the gate will open with, and [`CLAIMED`].
    state: u64,
    stays: PhantomData<*mut ()>,
}

/// The holder is a collector, and gives up its claim too.
const CLAIMED: u64 = 1 << 32;

impl<'w> Held<'w> {
    /// Only for the thread that has closed the gate.
    #[inline]
    pub(super) fn new(worker: &'w Worker, capacity: u32, claimed: bool) -> Self {
        let claim = if claimed { CLAIMED } else { 0 };
        Held { worker, state: u64::from(capacity) | claim, stays: PhantomData }
    }

    pub(crate) fn worker(&self) -> &'w Worker {
        self.worker
    }

    /// The capacity that the gate will open with.
    pub(crate) fn capacity(&self) -> u32 {
        self.state as u32
    }

    /// Sets the capacity that the gate will open with.
    pub(crate) fn set_capacity(&mut self, objects: u32) {
        self.state = self.state & CLAIMED | u64::from(objects);
        // Relaxed: read at the end of the pool, when nothing runs any more.
        self.worker.granted.store(objects as u16, Relaxed);
    }

    #[inline]
    fn header(&self) -> u64 {
        // Relaxed: the holder's alone.
        self.worker.magazine.header.load(Relaxed)
    }

    #[inline]
    fn set_header(&self, header: u64) {
        // Relaxed: published by the gate.
        self.worker.magazine.header.store(header, Relaxed);
    }

    /// The weight of the object at this place.
    #[inline]
    fn weight(&self, place: usize) -> u16 {
        // Relaxed: the holder's alone.
        self.worker.magazine.weights[place].load(Relaxed)
    }

    /// How many objects are in the magazine.
    pub(crate) fn len(&self) -> usize {
        magazine::length(self.header())
    }

    /// Takes the newest object of the magazine.
    pub(crate) fn pop(&self) -> Option<AnyObject> {
        self.worker.witness.exclusive(|| {
            let header = self.header();
            let newest = magazine::length(header).checked_sub(1)?;
            // Relaxed: the holder's alone.
            let object = self.worker.magazine.objects[newest].load(Relaxed);
            // SAFETY: the place is below the length, so the magazine owns the object. The next statement ends that.
            let object = unsafe { AnyObject::from_raw(object) };
            self.set_header(header - magazine::share(self.weight(newest)));
            Some(object)
        })
    }

    /// Pushes an object and adds `more` to the header, by one store. Returns the new header, or the object if there is no
    /// room.
    #[inline]
    pub(crate) fn push(&self, object: AnyObject, weight: u64, more: u64) -> Result<u64, AnyObject> {
        let before = self.header();
        let Some((header, weight)) = self.with(before + more, weight) else {
            return Err(object);
        };
        self.worker.witness.exclusive(|| {
            self.store(before, object, weight);
            self.set_header(header);
        });
        Ok(header)
    }

    /// The header with one object more, and its weight. `None`: there is no room.
    #[inline]
    fn with(&self, header: u64, weight: u64) -> Option<(u64, u16)> {
        let weight = u16::try_from(weight).ok()?;
        if magazine::length(header) >= self.capacity() as usize {
            return None;
        }
        Some((header.checked_add(magazine::share(weight))?, weight))
    }

    /// Stores an object above those that `header` counts. The new header is still to be stored.
    #[inline]
    fn store(&self, header: u64, object: AnyObject, weight: u16) {
        let (magazine, place) = (&self.worker.magazine, magazine::length(header));
        // Relaxed, both: published by the gate.
        magazine.objects[place].store(object.into_raw(), Relaxed);
        magazine.weights[place].store(weight, Relaxed);
    }

    /// Pushes up to `most` objects of a chain, as far as there is room. Returns how many, their bytes, and the rest.
    pub(crate) fn push_chain(&self, chain: Chain, most: u32) -> (u64, u64, Option<Chain>) {
        self.worker.witness.exclusive(|| {
            let (mut header, mut objects, mut bytes) = (self.header(), 0, 0);
            let mut rest = Some(chain);
            while objects < u64::from(most) {
                let Some(chain) = rest.take() else { break };
                let (object, others) = chain.split();
                let Some((more, weight)) = self.with(header, object.weight()) else {
                    rest = Some(match others {
                        Some(others) => others.preceded_by(object),
                        None => Chain::of(object),
                    });
                    break;
                };
                self.store(header, object, weight);
                header = more;
                objects += 1;
                bytes += u64::from(weight);
                rest = others;
            }
            self.set_header(header);
            (objects, bytes, rest)
        })
    }

    /// Takes the `count` oldest objects of the magazine as a chain, or all if there are fewer.
    pub(crate) fn take_oldest(&self, count: usize) -> Option<Chain> {
        self.worker.witness.exclusive(|| {
            let mut header = self.header();
            let length = magazine::length(header);
            let count = count.min(length);
            let Magazine { objects, weights, .. } = &self.worker.magazine;
            let chain = Chain::of_all((0..count).map(|place| {
                // SAFETY: the place is below the length, so the magazine owns the object. The loop below moves the rest
                // down, and the new header ends at the rest.
                // Relaxed: the holder's alone.
                let object = unsafe { AnyObject::from_raw(objects[place].load(Relaxed)) };
                let weight = self.weight(place);
                header -= magazine::share(weight);
                (object, u64::from(weight))
            }));
            for place in count..length {
                // Relaxed, all: the holder's alone.
                objects[place - count].store(objects[place].load(Relaxed), Relaxed);
                weights[place - count].store(self.weight(place), Relaxed);
            }
            self.set_header(header);
            chain
        })
    }

    /// Counts a put, whether the object stays in the magazine or not. Returns the count.
    pub(crate) fn count_put(&self) -> u64 {
        self.note_count();
        let header = self.header() + COUNTED;
        self.set_header(header);
        magazine::count(header)
    }

    /// Moves the header's count to `old_count` before it overflows.
    pub(crate) fn note_count(&self) {
        let header = self.header();
        let counted = magazine::count(header);
        if counted >= NOTED {
            self.worker.old_count.add(counted);
            self.set_header(header - counted * COUNTED);
        }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        point("worker: opening");
        debug_assert!(self.len() <= self.capacity() as usize);
        // First: who closes the gate next may look for what it left, and must find the claim free.
        if self.state & CLAIMED != 0 {
            self.worker.unclaim();
            point("worker: unclaimed");
        }
        // Release: pairs with the Acquire of whoever closes it next.
        let gate = OPEN | u64::from(self.capacity());
        self.worker.magazine.gate.store(gate, Release);
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use crate::engine::tests::{number, value};

    #[test]
    fn what_the_header_has_counted_is_noted_before_it_is_full() {
        let worker = Worker::new(0, magazine::MOST_BYTES);
        // SAFETY: nobody else knows the worker.
        let mut held = unsafe { worker.held(14) };
        held.set_capacity(2);
        assert!(held.push(number(1), 100, 0).is_ok());
        held.set_header(held.header() + (NOTED - 1) * COUNTED);
        for more in 1..4 {
            held.count_put();
            assert_eq!(worker.arrivals(), NOTED - 1 + more);
            assert_eq!(worker.census(), (1, 100));
        }
        assert!(magazine::count(held.header()) < 4, "counts from the start");
        assert_eq!(held.pop().map(value), Some(1));
        assert_eq!(worker.census(), (0, 0));
    }

    #[test]
    fn a_weight_stays_with_its_object() {
        let worker = Worker::new(0, magazine::MOST_BYTES);
        // SAFETY: nobody else knows the worker.
        let held = unsafe { worker.held(14) };
        for (object, weight) in [(1, 100), (2, 20), (3, 3)] {
            assert!(held.push(number(object), weight, 0).is_ok());
        }
        let oldest = held.take_oldest(1).expect("three");
        assert_eq!((oldest.len(), oldest.weight(), worker.census()), (1, 100, (2, 23)));
        assert_eq!(value(oldest.split().0), 1);
        for (object, left) in [(3, (1, 20)), (2, (0, 0))] {
            assert_eq!(held.pop().map(value), Some(object));
            assert_eq!(worker.census(), left);
        }
    }

    #[test]
    fn what_of_a_chain_finds_no_room_is_left() {
        let worker = Worker::new(0, 1000);
        // SAFETY: nobody else knows the worker.
        let held = unsafe { worker.held(3) };
        let chain = || Chain::of_all([3, 2, 1].map(|name| (number(name), 400)).into_iter());
        let (objects, bytes, rest) = held.push_chain(chain().expect("three"), 3);
        assert_eq!((objects, bytes), (2, 800), "too heavy for a third");
        let rest = rest.expect("one more");
        assert_eq!((rest.len(), rest.weight()), (1, 400));
        let newest = held.pop().map(value);
        assert_eq!((newest, worker.census()), (Some(2), (1, 400)));
        let (objects, _, rest) = held.push_chain(rest, 3);
        assert_eq!((objects, rest.map(|rest| rest.len())), (1, None));
        let last = [held.pop(), held.pop()].map(|object| object.map(value));
        assert_eq!(last, [Some(3), Some(1)]);
    }
}
