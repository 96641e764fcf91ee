//! The slots alone.

use super::*;
use crate::engine::object::Object;
use std::thread;

const WEIGHT: u64 = 1 << 20;

fn one(value: usize) -> Chain<usize> {
    Chain::of(Object::new(value).weighing(WEIGHT))
}

fn value(chain: Chain<usize>) -> usize {
    let (object, rest) = chain.split();
    assert!(rest.is_none());
    object.into_value()
}

fn first(mut claim: Claim<'_, usize>) -> Option<usize> {
    let (object, rest) = claim.chain.take()?.split();
    claim.chain = rest;
    Some(object.into_value())
}

fn newest(slots: &Slots<usize>, index: usize) -> Option<usize> {
    let claim = slots.newest(Side::Even, index)?;
    claim.count_hit();
    first(claim)
}

fn oldest(slots: &Slots<usize>, index: usize) -> Option<usize> {
    first(slots.oldest(Side::Even, index)?)
}

fn put(slots: &Slots<usize>, index: usize, number: usize) -> Result<bool, usize> {
    slots.put(Side::Even, index, one(number)).map_err(value)
}

#[test]
fn newest_first_for_its_processor_and_oldest_first_for_others() {
    let slots = Slots::new(2);
    assert!((0..SLOTS).all(|value| put(&slots, 1, value).is_ok()));
    assert_eq!(put(&slots, 1, SLOTS), Ok(false), "in line with the newest");
    assert_eq!(put(&slots, 2, 0), Err(0), "no such processor");
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
    let slots = Slots::new(1);
    let (mut puts, mut looks) = (0, 0);
    for round in 0..3 * LOOK as usize {
        let held = 1 + round % (2 * SLOTS);
        puts += held as u64;
        looks += (0..held).filter(|&value| put(&slots, 0, value) == Ok(true)).count() as u64;
        (0..held).for_each(|_| assert!(newest(&slots, 0).is_some()));
    }
    assert_eq!(looks, puts / LOOK);
}

/// Who has put something finds something, whatever others of its processor do.
#[test]
fn each_object_is_taken_once_and_counted() {
    const EACH: usize = 20_000;
    let slots = Slots::new(1);
    let user = |base: usize| {
        let user = |i| {
            put(&slots, 0, base + i).expect("fewer users than slots");
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
