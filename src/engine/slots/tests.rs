//! The slots alone.

use super::*;
use crate::engine::tests::{number, value};
use crate::sys::scale::SLOT_TICK;
use std::ops::Deref;
use std::thread;

const WEIGHT: u64 = 1 << 20;

/// Slots whose objects are numbers. They free what is left.
struct Numbers(Slots);

impl Deref for Numbers {
    type Target = Slots;

    fn deref(&self) -> &Slots {
        &self.0
    }
}

impl Drop for Numbers {
    fn drop(&mut self) {
        for side in [Side::Even, Side::Odd] {
            self.chains(side).for_each(|mut claim| while take_first(&mut claim).is_some() {});
        }
    }
}

fn slots(processors: usize) -> Numbers {
    Numbers(Slots::new(processors))
}

fn one(value: usize) -> Chain {
    Chain::of(number(value).weighing(WEIGHT))
}

fn first(mut claim: Claim<'_>) -> Option<usize> {
    take_first(&mut claim)
}

fn take_first(claim: &mut Claim<'_>) -> Option<usize> {
    let (object, rest) = claim.chain.take()?.split();
    claim.chain = rest;
    Some(value(object))
}

fn newest(slots: &Slots, index: usize) -> Option<usize> {
    let claim = slots.newest(Side::Even, index)?;
    claim.count_hit();
    first(claim)
}

fn oldest(slots: &Slots, index: usize) -> Option<usize> {
    first(slots.oldest(Side::Even, index)?)
}

fn put(slots: &Slots, index: usize, number: usize) -> bool {
    slots.put(Side::Even, index, one(number))
}

#[test]
fn newest_first_for_its_processor_and_oldest_first_for_others() {
    let slots = slots(2);
    (0..SLOTS).for_each(|value| assert!(!put(&slots, 1, value)));
    assert!(!put(&slots, 1, SLOTS), "in line with the newest");
    assert_eq!(newest(&slots, 1), Some(SLOTS));
    assert_eq!(newest(&slots, 1), Some(SLOTS - 1));
    assert_eq!(oldest(&slots, 0), Some(0));
    let census = slots.census();
    assert_eq!((census.objects, census.bytes), (2, 2 * u128::from(WEIGHT)));
    assert_eq!((census.puts, census.hits), (SLOTS as u64 + 1, 2));
    assert!(newest(&slots, 0).is_none() && slots.is_bare(Side::Odd));
    assert!(!slots.is_bare(Side::Even));
}

#[test]
fn one_put_in_so_many_looks_at_the_clock() {
    let slots = slots(1);
    let (mut puts, mut looks, mut since) = (0, 0, 0);
    for round in 0..100 * SLOT_TICK as usize {
        let held = 1 + round % (2 * SLOTS);
        for value in 0..held {
            puts += 1;
            since += 1;
            if put(&slots, 0, value) {
                looks += 1;
                since = 0;
            }
            assert!(since < SLOTS as u64 * SLOT_TICK);
        }
        (0..held).for_each(|_| assert!(newest(&slots, 0).is_some()));
    }
    assert!(looks <= puts / SLOT_TICK, "{looks} in {puts}");
}

/// Threads that do not run may have all slots in hand.
#[test]
fn what_finds_all_slots_in_other_hands_gets_more() {
    let slots = slots(2);
    for line in 0..3 {
        let all = 2 * SLOTS * 2usize.pow(line) + SLOTS * 2;
        let mut claims = Vec::new();
        for value in 0..all {
            put(&slots, value % 2, value);
            claims.extend(slots.chains(Side::Even));
        }
        assert!(!slots.is_bare(Side::Even), "in hand");
        put(&slots, 1, all);
        assert_eq!(newest(&slots, 1), Some(all));
        let held: Vec<u64> =
            claims.iter().map(|claim| claim.chain.as_ref().map_or(0, Chain::len)).collect();
        assert_eq!(held, vec![1; all], "each in a slot of its own");
        drop(claims);
        let mut found: Vec<usize> = std::iter::from_fn(|| oldest(&slots, 0)).collect();
        found.sort_unstable();
        assert!(found.into_iter().eq(0..all));
        assert!(slots.is_bare(Side::Even));
    }
    let index = 2;
    put(&slots, index, 0);
    assert_eq!(oldest(&slots, 0), Some(0), "no such processor");
}

/// A thread may stand still with a slot claimed for ever. The others need one line more, whatever they put.
#[test]
fn one_claimed_slot_costs_one_line() {
    let slots = slots(1);
    put(&slots, 0, 0);
    let claimed = slots.newest(Side::Even, 0);
    assert!(claimed.is_some());
    (1..1000).for_each(|value| _ = put(&slots, 0, value));
    assert_eq!(slots.iter().count(), 2);
    drop(claimed);
    assert_eq!(slots.census().objects, 1000);
}

/// Puts that land in later lines are looked at, too: who has the first line in hand may never give it back.
#[test]
fn puts_into_later_lines_look_at_the_clock() {
    let slots = slots(1);
    (0..SLOTS).for_each(|value| assert!(!put(&slots, 0, value)));
    let in_hand: Vec<_> = slots.chains(Side::Even).collect();
    assert_eq!(in_hand.len(), SLOTS);
    let puts = 3 * SLOT_TICK;
    let one = |value: &u64| {
        let looks = put(&slots, 0, *value as usize);
        assert!(newest(&slots, 0).is_some());
        looks
    };
    let looks = (0..puts).filter(one).count() as u64;
    assert_eq!(looks, 3);
}

/// Who takes all there is comes to an end, whatever others put meanwhile.
#[test]
fn chains_has_each_slot_once() {
    let slots = slots(3);
    (0..3).for_each(|index| _ = put(&slots, index, 0));
    let mut seen = 0;
    for claim in slots.chains(Side::Even) {
        assert_eq!(first(claim), Some(0));
        put(&slots, 0, 0);
        seen += 1;
        assert!(seen <= 3 * SLOTS);
    }
    assert!(seen >= 3);
}

/// Who has put something finds something, whatever others of its processor do.
#[test]
fn each_object_is_taken_once_and_counted() {
    const EACH: usize = if cfg!(miri) { 100 } else { 20_000 };
    let slots = slots(1);
    let user = |base: usize| {
        let user = |i| {
            put(&slots, 0, base + i);
            let mut gets = std::iter::repeat_with(|| newest(&slots, 0));
            gets.find_map(|found| found).expect("no end")
        };
        (0..EACH).map(user).collect::<Vec<_>>()
    };
    let mut all: Vec<_> = thread::scope(|scope| {
        let users = [0, 1, 2, 3].map(|who| scope.spawn(move || user(who * EACH)));
        users.into_iter().flat_map(|user| user.join().expect("no panic")).collect()
    });
    all.sort_unstable();
    assert!(all.into_iter().eq(0..4 * EACH));
    let census = slots.census();
    let all = 4 * EACH as u64;
    assert_eq!((census.objects, census.puts, census.hits), (0, all, all));
}
