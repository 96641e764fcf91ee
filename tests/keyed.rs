//! A pool for each key, under one bound.

mod common;

use common::{Census, Counted, Maker, at_end, in_child, patiently, scaled};
use std::cell::RefCell;
use std::hash::{Hash, Hasher};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;
use stealpool::{Builder, KeyedPool, OwnedGuard};

type Keyed = KeyedPool<u32, Counted, Maker>;

fn keyed(census: &Census, settings: Builder) -> Keyed {
    let census = census.clone();
    KeyedPool::with_settings(settings.collect_manually(), move |_| census.maker())
}

/// So that one key is used later than another.
fn later() {
    thread::sleep(Duration::from_millis(3));
}

fn hold(pool: &Keyed, key: u32, count: usize) {
    drop((0..count).map(|_| pool.get(&key)).collect::<Vec<_>>());
}

#[test]
fn each_key_has_its_own_objects() {
    let pool = KeyedPool::new(|name: &String| {
        let name = name.clone();
        move || name.clone()
    });
    assert!(pool.try_get("a").is_none() && pool.keys().is_empty());
    drop((pool.get("a"), pool.get("b")));
    let handle = pool.pool("a");
    assert_eq!((handle.idle(), pool.stats().creates), (1, 2));
    let mut keys = pool.keys();
    keys.sort();
    assert_eq!(keys, ["a", "b"]);
    let guard = pool.try_get("b").expect("idle");
    assert_eq!(pool.clear(), 1);
    assert!(pool.keys().is_empty());
    drop(guard);
    assert_eq!(pool.stats().idle, 0, "its pool is nobody's any more");
}

#[test]
fn the_least_recently_used_key_gives_first() {
    let census = Census::new();
    let pool = keyed(&census, Builder::new().max_idle(30));
    for key in [1, 2, 3] {
        hold(&pool, key, 10);
        later();
    }
    drop(pool.get(&1));
    later();
    hold(&pool, 4, 10);
    let idle = |key: u32| pool.pool(&key).idle();
    assert_eq!(idle(2), 0, "not used for longest");
    assert!(idle(1) > 0 && idle(3) > 0 && idle(4) == 10);
    assert!(pool.stats().idle <= 30);
    assert_eq!(census.alive(), pool.stats().idle);
}

#[test]
fn a_bound_in_bytes_is_shared_too() {
    let census = Census::new();
    let weighing = census.clone();
    let settings = Builder::new().idle_bytes(10_000).collect_manually();
    let pool: Keyed = KeyedPool::with_settings(settings, move |&weight| {
        let census = weighing.clone();
        Box::new(move || census.weighing(weight as usize)) as Maker
    });
    for weight in [100, 500, 1_000, 2_500, 100, 5_000] {
        hold(&pool, weight, 10);
        assert!(pool.stats().idle_bytes <= 10_000, "{}", pool.stats());
        later();
    }
    assert!(pool.pool(&5_000).idle() >= 1, "the newest key is served");
}

#[test]
fn keys_beyond_the_most_are_forgotten() {
    let census = Census::new();
    let pool = keyed(&census, Builder::new()).max_keys(3);
    let lent = pool.get(&0);
    for key in 0..10 {
        hold(&pool, key, 2);
        later();
    }
    let mut keys = pool.keys();
    keys.sort_unstable();
    assert_eq!(keys, [7, 8, 9]);
    assert_eq!(census.alive(), 7, "three keys and what is lent");
    drop(lent);
    assert_eq!(census.alive(), 6, "its pool went with its last guard");
}

#[test]
fn keys_age_like_any_pool() {
    let census = Census::new();
    let pool = keyed(&census, Builder::new());
    (0..5).for_each(|key| hold(&pool, key, 3));
    assert_eq!(pool.collect().dropped, 0);
    hold(&pool, 1, 3);
    pool.collect();
    assert_eq!((pool.stats().idle, census.alive()), (3, 3));
    drop(pool);
    assert_eq!(census.alive(), 0);
}

/// A destructor that uses the pool it is dropped by, for another key's sake.
#[test]
fn a_destructor_may_use_the_pool() {
    struct Nosy(Option<KeyedPool<u32, Nosy>>);
    impl stealpool::Recycle for Nosy {
        fn recycle(&mut self) {}
    }
    impl Drop for Nosy {
        fn drop(&mut self) {
            if let Some(pool) = &self.0 {
                drop(pool.try_get(&1));
                assert!(pool.keys().len() < 10);
            }
        }
    }
    let make: fn(&u32) -> fn() -> Nosy = |_| || Nosy(None);
    let pool: KeyedPool<u32, Nosy> = KeyedPool::with_settings(Builder::new().max_idle(2), make);
    for key in 0..5 {
        pool.get(&key).0 = Some(pool.clone());
        later();
    }
    assert!(pool.stats().idle <= 2);
    // The objects own the pool they are in.
    pool.clear();
}

#[test]
fn many_threads_many_keys() {
    let census = Census::new();
    let pool = keyed(&census, Builder::new().max_idle(64)).max_keys(20);
    let threads: Vec<_> = (0..4)
        .map(|seed| {
            let pool = pool.clone();
            thread::spawn(move || {
                let mut random = common::Random::new(seed);
                for _ in 0..common::scaled(100_000) {
                    let key = random.below(40) as u32;
                    let held: Vec<_> = (0..random.below(4)).map(|_| pool.get(&key)).collect();
                    drop(held);
                }
                assert!(pool.stats().idle <= 64);
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert!(pool.keys().len() <= 20);
    assert_eq!(pool.stats().idle, pool.stats().live);
    pool.clear();
    let gone = patiently(|| {
        pool.collect();
        census.alive() == 0
    });
    assert!(gone, "{}", census.alive());
}

/// A pool of a key that was forgotten still keeps to the bound of all.
#[test]
fn a_handle_outlives_its_key() {
    let census = Census::new();
    let pool = keyed(&census, Builder::new().max_idle(4));
    let handle = pool.pool(&1);
    pool.clear();
    let held: Vec<_> = (0..10).map(|_| handle.get_owned()).collect();
    drop(held);
    assert!(handle.idle() <= 4);
    let one = Arc::clone(&handle);
    drop(pool);
    drop((0..10).map(|_| one.get_owned()).collect::<Vec<_>>());
    assert!(handle.idle() <= 4);
}

/// The same where nobody looks before the key is compared with others that were used since the last look.
#[test]
fn a_busy_handle_is_younger_than_an_old_get() {
    let census = Census::new();
    let pool = keyed(&census, Builder::new()).max_keys(3);
    let pause = || thread::sleep(Duration::from_millis(3));
    let busy = pool.pool(&1);
    drop([pool.get(&2), pool.get(&3)]);
    pause();
    drop([pool.get(&2), pool.get(&3)]);
    pause();
    (0..4_096).for_each(|_| drop(busy.get()));
    drop(pool.get(&4));
    assert!(pool.keys().contains(&1), "{:?}", pool.keys());
}

/// What is done with a key's pool is a use of the key; asking for the pool is none.
#[test]
fn a_key_that_is_used_through_its_pool_is_not_forgotten() {
    for uses in [1, 1_000, 100_000] {
        let census = Census::new();
        let pool = keyed(&census, Builder::new().max_idle(4)).max_keys(3);
        let hot = pool.pool(&1);
        for key in [2, 3] {
            later();
            hold(&pool, key, 1);
        }
        later();
        (0..uses).for_each(|_| drop(hot.get_owned()));
        later();
        // The look at which it is seen that the hot key was used.
        hold(&pool, 3, 4);
        later();
        let asked = (pool.pool(&2), pool.pool(&3));
        hold(&pool, 4, 1);
        let mut keys = pool.keys();
        keys.sort_unstable();
        assert_eq!(keys, [1, 3, 4], "{uses} uses");
        assert!(Arc::ptr_eq(&hot, &pool.pool(&1)));
        drop(asked);
    }
}

/// A key that says it is equal to none, or that lies about its hash, costs no more than its pool.
#[test]
fn the_most_keys_hold_whatever_keys_say() {
    #[derive(Clone, Debug)]
    struct Liar {
        hash: Arc<AtomicU64>,
    }
    impl Hash for Liar {
        fn hash<H: Hasher>(&self, state: &mut H) {
            state.write_u64(self.hash.fetch_add(1, Relaxed));
        }
    }
    impl PartialEq for Liar {
        fn eq(&self, _: &Self) -> bool {
            false
        }
    }
    impl Eq for Liar {}

    let liar = Liar { hash: Arc::default() };
    let census = Census::new();
    let makes = census.clone();
    let pool = KeyedPool::new(move |_: &Liar| makes.maker()).max_keys(4);
    for _ in 0..100 {
        drop(pool.get(&liar));
        assert!(pool.keys().len() <= 4);
    }
    pool.collect();
    assert!(census.alive() <= 8, "{} alive", census.alive());
    assert_eq!(pool.keys().len(), 4);
}

/// The pool whose place another key takes has no place of the bound any more, whoever keeps it.
#[test]
fn a_key_may_be_equal_to_another_when_it_is_entered() {
    /// Equal to another each third time that it is asked.
    #[derive(Clone)]
    struct Fickle(Arc<AtomicU64>);
    impl Hash for Fickle {
        fn hash<H: Hasher>(&self, state: &mut H) {
            state.write_u64(0);
        }
    }
    impl PartialEq for Fickle {
        fn eq(&self, _: &Self) -> bool {
            self.0.fetch_add(1, Relaxed) % 3 == 2
        }
    }
    impl Eq for Fickle {}

    let census = Census::new();
    let makes = census.clone();
    let settings = Builder::new().collect_manually().max_idle(4);
    let pool = KeyedPool::with_settings(settings, move |_: &Fickle| makes.maker());
    let key = Fickle(Arc::default());
    let first = pool.pool(&key);
    let held: Vec<_> = (0..4).map(|_| first.get_owned()).collect();
    drop((0..4).map(|_| first.get_owned()).collect::<Vec<_>>());
    // It is looked for twice, and then entered.
    let second = pool.pool(&key);
    assert!(!Arc::ptr_eq(&first, &second));
    assert_eq!((pool.keys().len(), first.idle()), (1, 0));
    drop(held);
    assert_eq!((first.idle(), census.alive()), (0, 0));
    drop((0..8).map(|_| second.get_owned()).collect::<Vec<_>>());
    assert_eq!((second.idle(), census.alive()), (4, 4));
}

#[test]
fn objects_of_a_forgotten_key_leave_the_bound() {
    in_child("objects_of_a_forgotten_key_leave_the_bound", || {
        let census = Census::new();
        let pool = keyed(&census, Builder::new().max_idle(4));
        let handle = pool.pool(&1);
        let held: Vec<_> = (0..4).map(|_| handle.get_owned()).collect();
        drop((0..4).map(|_| pool.get(&5)).collect::<Vec<_>>());
        pool.clear();
        assert_eq!(census.alive(), 4, "what is lent");
        drop(held);
        assert_eq!(census.alive(), 0, "its key is forgotten");
        hold(&pool, 2, 8);
        assert_eq!((pool.stats().idle, census.alive()), (4, 4));
        let made = census.made();
        (0..100).for_each(|_| hold(&pool, 2, 2));
        assert_eq!(census.made(), made);
    });
}

/// Threads give back objects of a key while it is forgotten: none stays.
#[test]
fn a_forgotten_key_keeps_nothing_that_comes_meanwhile() {
    for _ in 0..scaled(2_000) {
        let census = Census::new();
        let pool = keyed(&census, Builder::new().max_idle(64));
        let handle = pool.pool(&1);
        let held: Vec<_> = (0..4).map(|_| handle.get_owned()).collect();
        thread::scope(|scope| {
            held.into_iter().for_each(|guard| _ = scope.spawn(move || drop(guard)));
            pool.clear();
        });
        assert_eq!((handle.idle(), census.alive()), (0, 0));
    }
}

#[test]
fn its_debug_output_shows_the_keys() {
    let census = Census::new();
    let pool = keyed(&census, Builder::default().name("by number"));
    hold(&pool, 17, 1);
    let text = format!("{pool:?}");
    assert!(text.contains("17") && text.contains("creates: 1"), "{text}");
}

/// The ends of forgotten pools do not begin within one another.
#[test]
fn many_forgotten_keys_end_at_once() {
    in_child("many_forgotten_keys_end_at_once", || {
        let census = Census::new();
        let pool = keyed(&census, Builder::new()).max_keys(1);
        // A thread of its own, for its stack is small.
        let other = pool.clone();
        thread::spawn(move || (0..20_000).for_each(|key| drop(other.get(&key)))).join().unwrap();
        let other = pool.clone();
        thread::spawn(move || (0..10).for_each(|key| drop(other.get(&key)))).join().unwrap();
        assert_eq!(pool.keys(), [9]);
        assert_eq!(census.alive(), pool.stats().idle);
    });
}

/// Nor when thread-locals end.
#[test]
fn many_forgotten_keys_end_in_a_thread_local_s_destructor() {
    in_child("many_forgotten_keys_end_in_a_thread_local_s_destructor", || {
        for pools_first in [true, false] {
            let census = Census::new();
            let pool = keyed(&census, Builder::new()).max_keys(1);
            let other = pool.clone();
            let many = move || (0..20_000).for_each(|key| drop(other.get(&key)));
            thread::spawn(many).join().unwrap();
            let (other, plain) = (pool.clone(), census.pool());
            let ending = thread::spawn(move || {
                let job = move || {
                    (0..10).for_each(|key| drop(other.get(&key)));
                    drop(plain.get());
                    drop(plain);
                };
                if !pools_first {
                    at_end::touch();
                }
                at_end::run(job);
            });
            ending.join().unwrap();
            drop(pool);
            assert_eq!(census.alive(), 0);
        }
    });
}

/// A key whose drop uses the keyed pool that it was a key of.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Busy(u32);

thread_local! {
    static USED: RefCell<Option<KeyedPool<u32, Vec<u8>>>> = const { RefCell::new(None) };
}

impl Drop for Busy {
    fn drop(&mut self) {
        USED.with_borrow(|pool| {
            if let Some(pool) = pool {
                pool.get(&(self.0 % 7)).push(1);
            }
        });
    }
}

#[test]
fn keys_may_use_keyed_pools_when_they_are_dropped() {
    USED.with_borrow_mut(|used| {
        *used = Some(KeyedPool::new(|_: &u32| Vec::new as fn() -> Vec<u8>).max_keys(3));
    });
    let pool = KeyedPool::new(|_: &Busy| Vec::<u8>::new).max_keys(4);
    for number in 0..200 {
        pool.get(&Busy(number)).push(1);
    }
    assert!(pool.keys().len() <= 4);
    drop(pool);
    USED.with_borrow_mut(Option::take);
}

/// Also what a key holds by a magazine that is empty.
#[test]
fn a_key_that_is_not_used_gives_up_its_share() {
    let census = Census::new();
    let pool = keyed(&census, Builder::new().max_idle(64));
    for key in 0..2 {
        hold(&pool, key, 1);
        drop(OwnedGuard::into_inner(pool.get(&key)));
    }
    later();
    hold(&pool, 9, 64);
    let stats = pool.stats();
    assert_eq!((stats.idle, stats.overflowed), (64, 0), "{stats}");
}

/// A thread gets objects of a key, and has them in hand together with what they lay among, while it is forgotten.
#[test]
fn a_forgotten_key_keeps_nothing_of_what_a_get_moves() {
    for round in 0..scaled(1_000) {
        let census = Census::new();
        let pool = keyed(&census, Builder::new().max_idle(6_000));
        let handle = pool.pool(&1);
        drop((0..1_000).map(|_| handle.get_owned()).collect::<Vec<_>>());
        let (ready, done) = (Barrier::new(2), AtomicBool::new(false));
        let held = thread::scope(|scope| {
            let getter = scope.spawn(|| {
                ready.wait();
                let more = || handle.try_get_owned().filter(|_| !done.load(Relaxed));
                std::iter::from_fn(more).collect::<Vec<_>>()
            });
            ready.wait();
            (0..round * 37 % 3_000).for_each(|_| std::hint::spin_loop());
            pool.clear();
            done.store(true, Relaxed);
            getter.join().unwrap()
        });
        assert_eq!(handle.idle(), 0, "{}", handle.stats());
        drop(held);
        assert_eq!((handle.idle(), census.alive()), (0, 0));
    }
}

/// Without sequences, a get that finds nothing has its worker in hand, and with it the share of an empty magazine, while the key is
/// forgotten.
#[test]
fn a_forgotten_key_keeps_no_share_of_a_get_that_finds_nothing() {
    for round in 0..scaled(3_000) {
        let census = Census::new();
        let pool = keyed(&census, Builder::new().max_idle(64));
        let handle = pool.pool(&1);
        drop(handle.get_owned());
        drop(OwnedGuard::into_inner(handle.get_owned()));
        let (ready, done) = (Barrier::new(2), AtomicBool::new(false));
        thread::scope(|scope| {
            scope.spawn(|| {
                ready.wait();
                while !done.load(Relaxed) {
                    assert!(handle.try_get_owned().is_none());
                }
            });
            ready.wait();
            (0..round % 300).for_each(|_| std::hint::spin_loop());
            pool.clear();
            done.store(true, Relaxed);
        });
        hold(&pool, 2, 64);
        assert_eq!(pool.stats().idle, 64, "round {round}");
    }
}

/// Threads use keys while others look for the one that was not used for longest.
#[test]
fn the_order_of_keys_may_change_while_it_is_asked_for() {
    const KEYS: u32 = 600;
    let census = Census::new();
    let pool = keyed(&census, Builder::new().max_idle(40));
    (0..KEYS).for_each(|key| hold(&pool, key, 1));
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let (pool, done) = (&pool, &done);
        let users = [0, 1].map(|thread| {
            scope.spawn(move || {
                while !done.load(Relaxed) {
                    (0..KEYS).for_each(|key| drop(pool.try_get(&key)));
                }
            });
            let keys = (0..scaled(1_500) as u32).map(move |round| (round * 7 + thread) % KEYS);
            scope.spawn(move || keys.for_each(|key| hold(pool, key, 2)))
        });
        let ends = users.map(thread::ScopedJoinHandle::join);
        done.store(true, Relaxed);
        ends.into_iter().for_each(|end| end.unwrap());
    });
    let stats = pool.stats();
    assert_eq!((stats.live, stats.idle), (stats.idle, census.alive()), "{stats}");
}
