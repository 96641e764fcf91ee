//! Bugs that other pools have had, each as a test of this one. The comments are their biographies.

mod common;

use common::{
    Census, Counted, CountedPool, HEAVIEST, MAGAZINE, Puppet, Random, at_end, processors, scaled,
    stay_here,
};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashMap};
use std::mem;
use std::num::NonZeroU64;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{AcqRel, Acquire};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use stealpool::{Builder, Guard, OwnedGuard, Policy, Pool, Recycle, policy};

const MANUAL: Builder = Builder::new().collect_manually();

// What users of pools have met in the field.

/// actix/actix-web#1062: a request object went back to the pool without its extensions cleared when
/// a handler returned early, and the next request saw them. Whatever way a guard ends, the next user
/// gets a clean object.
#[test]
#[cfg_attr(not(panic = "unwind"), ignore = "needs panics that unwind")]
fn state_never_survives_an_early_return() {
    stay_here();
    static REQUESTS: Pool<HashMap<&'static str, String>> = MANUAL.build(HashMap::new);
    fn handle(user: &str, fails: bool) -> Result<(), String> {
        let mut request = REQUESTS.get();
        assert!(request.is_empty(), "another's session: {request:?}");
        request.insert("session", user.to_string());
        if fails {
            return Err(user.to_string());
        }
        request.insert("done", String::new());
        Ok(())
    }
    for user in ["a", "b", "c"] {
        assert!(handle(user, true).is_err());
        assert!(handle(user, false).is_ok());
        assert!(catch_unwind(|| handle(user, true).unwrap()).is_err());
    }
    assert_eq!(REQUESTS.stats().creates, 1);
}

/// djc/bb8#211, bikeshedder/deadpool#239: a connection that was in use when its task panicked, with
/// half a reply still in it, went back to the pool.
#[test]
#[cfg_attr(not(panic = "unwind"), ignore = "needs panics that unwind")]
fn what_was_in_use_during_a_panic_is_not_reused() {
    stay_here();
    let census = Census::new();
    let pool = census.pool();
    for round in 0..10 {
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let _half_way = (pool.get(), pool.get_owned());
            std::panic::resume_unwind(Box::new("half a reply"))
        }));
        assert!(outcome.is_err());
        assert_eq!((pool.idle(), census.alive()), (0, 0), "round {round}");
        assert_eq!(Arc::strong_count(&pool), 1, "round {round}");
    }
    assert_eq!(pool.stats().discarded, 20);
}

/// Amanieu/thread_local-rs#74: a value that used the crate in a thread-local destructor panicked,
/// because the crate's own thread-local was gone already.
#[test]
fn a_guard_may_be_kept_in_a_thread_local() {
    thread_local! {
        static MINE: RefCell<Vec<OwnedGuard<Counted, common::Maker>>> = const { RefCell::new(Vec::new()) };
    }
    let census = Census::new();
    let pool = census.pool();
    for before in [true, false] {
        let pool = Arc::clone(&pool);
        let body = move || {
            if before {
                MINE.with_borrow(|mine| assert!(mine.is_empty()));
            }
            let guard = pool.get_owned();
            MINE.with_borrow_mut(|mine| mine.push(guard));
            drop(pool.get());
        };
        thread::spawn(body).join().expect("no panic at the end");
    }
    assert_eq!((pool.idle(), census.dropped()), (census.made(), 0));
    assert_eq!(Arc::strong_count(&pool), 1);
}

/// actix/actix-web#1889, clockworklabs/SpacetimeDB#3830: an object that outlived its pool panicked
/// (or worse) when it came home. A borrowed guard cannot (see `ui/fail/guard_outlives_pool.rs`); an
/// owned one keeps the pool's home alive.
#[test]
fn a_guard_that_outlives_every_handle_comes_home() {
    let census = Census::new();
    let pool = census.pool();
    let worker = Puppet::new();
    let same = Arc::clone(&pool);
    let guards = worker.run(move || (0..5).map(|_| same.get_owned()).collect::<Vec<_>>());
    worker.end();
    drop(pool);
    assert_eq!(census.dropped(), 0);
    drop(guards);
    assert_eq!((census.made(), census.alive()), (5, 0));
}

/// bikeshedder/deadpool#18: when creating an object failed, the slot that had been counted for it
/// was never given back, and the pool filled up with nothing.
#[test]
#[cfg_attr(not(panic = "unwind"), ignore = "needs panics that unwind")]
fn a_failed_constructor_costs_no_room() {
    let census = Census::new();
    let pool = census.pool_with(MANUAL.max_idle(2));
    for _ in 0..100 {
        assert!(pool.try_get_with(|| Err("refused")).is_err());
        assert!(catch_unwind(AssertUnwindSafe(|| pool.get_with(|| panic_quietly()))).is_err());
    }
    assert_eq!(pool.stats().gets, 0);
    drop([pool.get(), pool.get(), pool.get()]);
    assert_eq!((pool.idle(), pool.stats().overflowed, pool.stats().creates), (2, 1, 3));
}

fn panic_quietly() -> ! {
    std::panic::resume_unwind(Box::new("refused"))
}

/// tokio-rs/tracing#2856: thread indices are used again, and a new thread found the old one's stack
/// of spans. What is an ended thread's here goes on to the next as a whole, clean, once.
#[test]
fn a_new_thread_does_not_find_an_old_ones_state() {
    let pool: Arc<Pool<Vec<usize>>> = Arc::new(MANUAL.build(Vec::new));
    let mut ids = BTreeSet::new();
    for i in 0..1000 {
        let pool = Arc::clone(&pool);
        let thread = thread::spawn(move || {
            let (mut a, mut b) = (pool.get(), pool.get());
            assert!(a.is_empty() && b.is_empty());
            a.push(i);
            b.push(i);
            [a.as_ptr().addr(), b.as_ptr().addr()]
        });
        ids.extend(thread.join().unwrap());
    }
    let creates = pool.stats().creates as usize;
    assert_eq!(ids.len(), creates);
    assert!(creates <= 2 + 2 * processors(), "{}", pool.stats());
}

/// FasterXML/jackson-core#1260: under contention a shared pool of buffers grew without end, each
/// lost race making one more. Here nothing is retained beyond what was held at once.
#[test]
fn contention_does_not_make_the_pool_grow() {
    const THREADS: usize = 16;
    let census = Census::new();
    let pool = census.pool();
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let pool = Arc::clone(&pool);
            thread::spawn(move || {
                for i in 0..scaled(50_000) {
                    let both = (pool.get(), pool.get());
                    if i % 256 == 0 {
                        thread::yield_now();
                    }
                    drop(both);
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let bound = 2 * THREADS + MAGAZINE * processors();
    assert!(pool.idle() <= bound, "{} idle of at most {bound}", pool.idle());
    assert_eq!(census.made(), pool.idle());
}

/// itsakeyfut/avio#578: an object made on a cold start bypassed the pool and was freed by its user,
/// so the pool never warmed up. Whoever creates, the object comes home.
#[test]
fn what_was_made_on_a_miss_comes_home() {
    let census = Census::new();
    let ways: [fn(&Arc<CountedPool>, &Census); 6] = [
        |pool, _| drop(pool.get()),
        |pool, _| drop(pool.get_owned()),
        |pool, census| drop(pool.get_with(|| census.object())),
        |pool, census| drop(pool.try_get_with(|| Ok::<_, ()>(census.object())).ok()),
        |pool, census| drop(pool.wrap(census.object())),
        |pool, census| drop(pool.wrap_owned(census.object())),
    ];
    for (i, way) in ways.into_iter().enumerate() {
        let pool = census.pool();
        way(&pool, &census);
        assert_eq!((pool.idle(), census.dropped()), (1, i));
        assert!(pool.try_get().is_some());
        drop(pool);
    }
}

/// firezone/firezone#14113: a buffer that had grown past its class was discarded on every return, and
/// its replacement had to grow again. An outgrown buffer is discarded once; what fits stays.
#[test]
fn an_outgrown_buffer_is_discarded_once() {
    let pool: Pool<Vec<u8>> = MANUAL.max_object_bytes(4096).build(Vec::new);
    pool.get().reserve_exact(5000);
    assert_eq!((pool.stats().discarded, pool.idle()), (1, 0));
    for _ in 0..100 {
        pool.get().reserve_exact(4000);
    }
    let stats = pool.stats();
    assert_eq!((stats.discarded, stats.creates, stats.idle_bytes), (1, 2, 4000));
}

// What other pools' sources and trackers tell.

/// zeropool 0.7.0: a safe `Allocator` trait whose answers unsafe code believed. Here a policy may lie
/// about anything; only the books are wrong then.
#[test]
fn a_policy_that_lies_breaks_nothing() {
    struct Liar(AtomicUsize);
    impl Policy<Vec<u8>> for Liar {
        fn create(&self) -> Vec<u8> {
            Vec::new()
        }
        fn recycle(&self, object: &mut Vec<u8>) -> bool {
            *object = vec![0xAA; 3];
            self.0.fetch_add(1, AcqRel) % 3 != 0
        }
        fn footprint(&self, _: &Vec<u8>) -> usize {
            match self.0.load(Acquire) % 4 {
                0 => 0,
                1 => usize::MAX,
                2 => HEAVIEST.saturating_add(1),
                _ => 7,
            }
        }
    }
    for settings in [MANUAL, MANUAL.idle_bytes(100), MANUAL.max_object_bytes(usize::MAX >> 8)] {
        let pool = settings.build(Liar(AtomicUsize::new(0)));
        for i in 0..1000 {
            let mut held: Vec<_> = (0..1 + i % 7).map(|_| pool.get()).collect();
            held.iter_mut().for_each(|buffer| buffer.extend_from_slice(&[1; 40]));
            assert!(held.iter().all(|buffer| [40, 43].contains(&buffer.len())));
            drop(held);
            if i % 50 == 0 {
                pool.collect();
            }
        }
        pool.clear();
        assert_eq!((pool.idle(), pool.stats().idle_bytes), (0, 0));
    }
}

/// poolshark 0.2.10: thread-local stores were keyed by the layout of types, and two types of the same
/// layout (or a zero-sized hasher) shared one: the second came out holding the first one's table.
#[test]
fn types_of_one_layout_never_mix() {
    #[derive(Default)]
    struct Kelvin(u64);
    #[derive(Default)]
    struct Metres(u64);
    impl Recycle for Kelvin {
        fn recycle(&mut self) {
            self.0 = 273;
        }
    }
    impl Recycle for Metres {
        fn recycle(&mut self) {
            self.0 = 1;
        }
    }
    for _ in 0..100 {
        let (kelvin, metres) = (MANUAL.build(Kelvin::default), MANUAL.build(Metres::default));
        drop((kelvin.get(), metres.get(), kelvin.get(), metres.get()));
        assert_eq!((kelvin.get().0, metres.get().0), (273, 1));
        assert_eq!((kelvin.idle(), metres.idle()), (2, 2));
    }
}

/// syncpool 0.1.6 handed out zeroed memory as a `T`; bufpool, objpool and pool did alike. Every object
/// here was made by the policy or given by a user.
#[test]
fn no_object_comes_from_thin_air() {
    let made = AtomicUsize::new(0);
    let create = || {
        made.fetch_add(1, AcqRel);
        (NonZeroU64::MAX, "never null", Box::new(7u64))
    };
    let pool = MANUAL.build(policy(create).recycle_with(|_| true));
    pool.reserve(5);
    let held: Vec<_> = (0..10).map(|_| pool.get()).collect();
    assert!(held.iter().all(|it| (it.0, it.1, *it.2) == (NonZeroU64::MAX, "never null", 7)));
    drop(held);
    assert_eq!((made.load(Acquire), pool.stats().creates), (10, 10));
}

/// nexus-pool 1.1.0 (nexus#735): two threads popping an untagged stack got one slot within 40,000
/// gets, by ABA: a node that came and went between a load and an exchange.
#[test]
fn two_thieves_never_get_one_object() {
    Census::both().into_iter().for_each(two_thieves);
}

fn two_thieves(census: Census) {
    const OBJECTS: usize = MAGAZINE + 4;
    let pool = Arc::new(handed(&census));
    let giver = Puppet::new();
    let same = Arc::clone(&pool);
    giver.run(move || same.reserve(OBJECTS));
    let thieves: Vec<_> = (1..=3)
        .map(|me| {
            let pool = Arc::clone(&pool);
            thread::spawn(move || {
                for i in 0..scaled(6_000) {
                    // More than a magazine holds, so that what comes back goes where the others steal.
                    let all: Vec<_> = (0..OBJECTS).map(|_| pool.get()).collect();
                    for object in &all {
                        object.1.took();
                        assert_eq!(object.0.swap(me, AcqRel), 0, "in two hands");
                    }
                    if i % 32 == 0 {
                        thread::yield_now();
                    }
                    for object in &all {
                        assert_eq!(object.0.swap(0, AcqRel), me, "in two hands");
                    }
                }
            })
        })
        .collect();
    thieves.into_iter().for_each(|thief| thief.join().unwrap());
    let stats = pool.stats();
    assert!(stats.steals + stats.local_hits > 0, "{stats}");
    giver.end();
    census.checked(pool.idle());
}

/// A pool of objects that know in whose hands they are.
fn handed(census: &Census) -> Pool<Handed, impl Policy<Handed> + use<>> {
    let census = census.clone();
    MANUAL.build(policy(move || (AtomicUsize::new(0), census.object())).recycle_with(
        |(_, counted): &mut Handed| {
            counted.recycle();
            true
        },
    ))
}

type Handed = (AtomicUsize, Counted);

/// Amanieu/thread_local-rs#75 (open): a dying thread's id is given to a new thread while other
/// destructors of the dying one still use its slot: two threads, one value. Here a thread that has
/// left its worker does not touch it again, whatever its later destructors do.
#[test]
#[cfg_attr(
    windows,
    ignore = "Windows runs these destructors under a lock that a starting thread needs"
)]
fn a_dying_thread_shares_nothing_with_its_heir() {
    fn hammer(pool: &Pool<Handed, impl Policy<Handed>>, me: usize) -> usize {
        let mut doubled = 0;
        for i in 0..2000 {
            let held: Vec<_> = (0..1 + i % 3).map(|_| pool.get()).collect();
            held.iter().for_each(|object| object.1.took());
            doubled += held.iter().filter(|object| object.0.swap(me, AcqRel) != 0).count();
            doubled += held.iter().filter(|object| object.0.swap(0, AcqRel) != me).count();
        }
        doubled
    }
    for round in 0..40 {
        // Two rounds of each order.
        let [watched, other] = Census::both();
        let census = if round % 4 < 2 { watched } else { other };
        let pool = Arc::new(handed(&census));
        let both = Arc::new(Barrier::new(2));
        let (send, receive) = mpsc::channel();
        let (same, meet) = (Arc::clone(&pool), Arc::clone(&both));
        let last_words = move || {
            meet.wait();
            let doubled = hammer(&same, 1);
            send.send(doubled).expect("somebody listens");
        };
        let same = Arc::clone(&pool);
        let dying = thread::spawn(move || {
            // Touched before the pool's own thread-local or after it, so destroyed after or before.
            if round % 2 == 0 {
                at_end::touch();
            }
            let both = [same.get(), same.get()];
            both.iter().for_each(|object| object.1.took());
            drop(both);
            at_end::run(last_words);
        });
        let same = Arc::clone(&pool);
        let heir = thread::spawn(move || {
            both.wait();
            hammer(&same, 2)
        });
        assert_eq!(heir.join().unwrap(), 0, "round {round}");
        dying.join().unwrap();
        assert_eq!(receive.recv().unwrap(), 0, "round {round}");
        assert_eq!(pool.idle() as u64, pool.stats().creates, "round {round}");
        census.checked(pool.idle());
    }
}

/// sharded-slab 0.1.7 (hawkw/sharded-slab#56): clearing while an object is in use lost its slot;
/// 20,000 rounds used 20,000 slots.
#[test]
fn clearing_while_an_object_is_in_use_loses_nothing() {
    stay_here();
    let census = Census::new();
    let pool = census.pool();
    for _ in 0..20_000 {
        let held = pool.get();
        pool.clear();
        drop(held);
    }
    assert_eq!((census.made(), pool.idle()), (1, 1));
}

/// sharded-slab 0.1.7 (hawkw/sharded-slab#62): past 4,096 live threads, a panic.
#[test]
fn thousands_of_threads_may_be_alive_at_once() {
    let census = Census::watched();
    let pool = census.pool();
    let all_there = Arc::new(Barrier::new(4201));
    let threads: Vec<_> = (0..4200)
        .map(|_| {
            let (pool, all_there) = (Arc::clone(&pool), Arc::clone(&all_there));
            let body = move || {
                let both = [pool.get(), pool.get()];
                both.iter().for_each(|object| object.took());
                drop(both);
                all_there.wait();
            };
            thread::Builder::new().stack_size(64 << 10).spawn(body).expect("a thread")
        })
        .collect();
    all_there.wait();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert!(pool.stats().workers <= common::most_workers());
    let idle = pool.idle();
    assert_eq!(idle, census.alive());
    let cycles = [(); 2].map(|()| census.cycle(|| pool.collect()));
    assert_eq!((cycles[0].aged, cycles[1].dropped), (idle, idle));
    assert_eq!(census.alive(), 0);
    census.checked(0);
}

/// zeropool 0.7.0: `len` and `drain` did not see what other threads had cached, and a dropped pool's
/// buffers stayed in those caches.
#[test]
fn no_thread_hides_its_objects() {
    let census = Census::new();
    let pool = census.pool();
    let puppets: Vec<_> = (0..5).map(|_| Puppet::new()).collect();
    let fill = || {
        for puppet in &puppets {
            let (pool, census) = (Arc::clone(&pool), census.clone());
            puppet.run(move || (0..3).for_each(|_| pool.put(census.object())));
        }
    };
    fill();
    assert_eq!((pool.idle(), pool.drain().count()), (15, 15));
    fill();
    assert_eq!((pool.clear(), census.alive()), (15, 0));
    fill();
    assert_eq!(census.alive(), 15);
    drop(pool);
    assert_eq!(census.alive(), 0, "while all five threads live");
    puppets.into_iter().for_each(Puppet::end);
}

/// byte-pool 0.2.4 looked for a buffer of the exact length: three sizes in turn made 73 buffers in
/// 100 gets.
#[test]
fn mixed_sizes_share_their_buffers() {
    let pool: Pool<Vec<u8>> = MANUAL.build(Vec::new);
    for i in 0..100 {
        pool.get().resize([100, 5000, 64][i % 3], 0);
    }
    assert_eq!(pool.stats().creates, 1);
}

/// lockfree-object-pool 0.1.6 dropped its pages by recursion, one frame for 32 objects: a big pool
/// overflowed the stack.
#[test]
fn a_big_pool_is_dropped_on_a_small_stack() {
    let census = Census::new();
    for way in 0..4 {
        let pool = census.pool();
        (0..scaled(1_000_000)).for_each(|_| pool.put(census.object()));
        let body = move || match way {
            0 => drop(pool),
            1 => drop(pool.clear().min(1)),
            2 => drop(pool.drain()),
            _ => drop((pool.collect(), pool.collect())),
        };
        let small = thread::Builder::new().stack_size(64 << 10);
        small.spawn(body).expect("a thread").join().expect("no overflow");
        assert_eq!(census.alive(), 0);
    }
}

// Identity, size and shape.

/// A thread remembers its worker by the pool's number, never by its address: 10,000 pools at one
/// address.
#[test]
fn pools_at_one_address_are_told_apart() {
    let census = Census::new();
    let mut addresses = BTreeSet::new();
    let mut home: Option<Pool<Counted, common::Maker>> = None;
    for i in 0..10_000 {
        let pool = home.insert(MANUAL.build(census.maker()));
        addresses.insert(std::ptr::from_ref(pool).addr());
        assert_eq!((pool.idle(), pool.try_get().is_none()), (0, true), "round {i}");
        drop([pool.get(), pool.get()]);
        assert_eq!((pool.idle(), pool.stats().creates), (2, 2), "round {i}");
    }
    drop(home);
    assert_eq!((addresses.len(), census.made(), census.alive()), (1, 20_000, 0));
}

/// A pool may move while it is in use, and be swapped with another.
#[test]
fn pools_may_move() {
    let census = Census::new();
    let new = || MANUAL.build(census.maker());
    let (mut a, mut b) = (new(), new());
    drop([a.get(), a.get(), a.get()]);
    drop(b.get());
    mem::swap(&mut a, &mut b);
    assert_eq!((a.idle(), b.idle()), (1, 3));
    let held = a.get();
    assert_eq!((held.id, a.idle()), (3, 0));
    drop(held);
    let moved = vec![a, b];
    let moved: Vec<_> = moved.into_iter().rev().map(Box::new).collect();
    assert_eq!((moved[0].idle(), moved[1].idle()), (3, 1));
    thread::spawn(move || drop(moved)).join().unwrap();
    assert_eq!((census.made(), census.alive()), (4, 0));
}

/// Objects without size have no address of their own; they are counted and dropped like others.
#[test]
fn zero_sized_objects_are_counted_right() {
    static ALIVE: AtomicUsize = AtomicUsize::new(0);
    struct Token;
    impl Token {
        fn new() -> Self {
            ALIVE.fetch_add(1, AcqRel);
            Token
        }
    }
    impl Drop for Token {
        fn drop(&mut self) {
            ALIVE.fetch_sub(1, AcqRel);
        }
    }
    impl Recycle for Token {
        fn recycle(&mut self) {}
    }
    let mut random = Random::new(18);
    for settings in [MANUAL, MANUAL.max_idle(5), MANUAL.idle_bytes(0)] {
        let pool = settings.build(Token::new);
        let mut held = Vec::new();
        for _ in 0..5000 {
            match random.below(8) {
                0..3 => held.push(pool.get()),
                3..5 => drop(held.pop()),
                5 => pool.put(Token::new()),
                6 => drop(pool.try_get().map(Guard::into_inner)),
                _ => drop(pool.collect()),
            }
            assert_eq!(pool.idle() + held.len(), ALIVE.load(Acquire));
        }
        assert_eq!(pool.stats().idle_bytes, 0);
        drop(held);
        drop(pool);
        assert_eq!(ALIVE.load(Acquire), 0);
    }
    let unit: Pool<()> = MANUAL.build(|| ());
    drop([unit.get(), unit.get()]);
    assert_eq!((unit.idle(), unit.drain().count()), (2, 2));
}

/// A pool moves pointers, so an object in a box of 64 MiB goes through a stack of 256 KiB. A `T` that
/// is itself big is made by the policy on its caller's stack, as every Rust value is; after that the
/// pool never copies it again, so one that fits there once and no more is fine.
#[test]
fn huge_objects_pass_a_small_stack() {
    let small = || thread::Builder::new().stack_size(256 << 10);
    const HUGE: usize = 64 << 20;
    let boxed = || {
        let policy = policy(|| vec![0u8; HUGE].into_boxed_slice()).recycle_with(|_| true);
        let pool = Arc::new(MANUAL.build(policy));
        drop([pool.get(), pool.get()]);
        let guard = pool.get_owned();
        assert_eq!(guard.len(), HUGE);
        drop(guard);
        let out = Guard::into_inner(pool.get());
        pool.put(out);
        assert_eq!((pool.collect().aged, pool.stats().creates), (2, 2));
    };
    small().spawn(boxed).unwrap().join().expect("no overflow");

    const BIG: usize = 160 << 10;
    let pool = Arc::new(MANUAL.build(policy(|| [1u8; BIG]).recycle_with(|_| true)));
    // Made where the stack is big; used where it is not.
    let same = Arc::clone(&pool);
    let big = thread::Builder::new().stack_size(16 << 20);
    big.spawn(move || same.reserve(3)).unwrap().join().unwrap();
    let body = move || {
        let mut held = [pool.get(), pool.get(), pool.get()];
        held[0][BIG - 1] = 7;
        drop(held);
        drop(pool.get_owned());
        assert_eq!((pool.idle(), pool.stats().creates), (3, 3));
        pool.collect();
        drop(pool.get());
        assert_eq!((pool.collect().dropped, pool.clear()), (2, 1));
    };
    small().spawn(body).unwrap().join().expect("no overflow");
}

/// The same with objects of 64 MiB themselves, not in a box: one copy would be 256 stacks. They are made
/// where the stack is large, for `create` returns an object by value, as `into_inner`, `put` and `wrap`
/// pass one; nothing else does.
#[cfg(target_pointer_width = "64")]
#[test]
fn pooled_objects_of_any_size_pass_a_small_stack() {
    const HUGE: usize = 64 << 20;
    struct Huge(#[expect(dead_code, reason = "only its size counts")] [u8; HUGE]);
    let policy = policy(|| Huge([0; HUGE])).recycle_with(|_| true);
    let pool = Arc::new(MANUAL.build(policy));
    let same = Arc::clone(&pool);
    let large = thread::Builder::new().stack_size(32 * HUGE);
    let body = move || same.reserve(3);
    large.spawn(body).unwrap().join().expect("it is large");
    let body = move || {
        let held = [pool.get(), pool.get(), pool.get()];
        assert!(pool.try_get().is_none());
        drop(held);
        drop((pool.get_owned(), pool.try_get(), pool.try_get_owned()));
        pool.collect();
        Guard::discard(pool.get());
        assert_eq!((pool.idle(), pool.stats().idle_bytes), (2, 2 * HUGE));
        drop([pool.get(), pool.get()]);
        let other_thread = thread::Builder::new().stack_size(256 << 10);
        let same = Arc::clone(&pool);
        let body = move || assert!(same.try_get().is_some(), "stolen");
        let stolen = other_thread.spawn(body).unwrap().join();
        stolen.expect("no overflow");
        assert_eq!((pool.collect().aged, pool.collect().dropped), (2, 2));
        assert_eq!((pool.stats().gets, pool.stats().creates), (10, 3));
        drop(pool);
    };
    let small = thread::Builder::new().stack_size(256 << 10);
    small.spawn(body).unwrap().join().expect("no overflow");
}

#[test]
fn over_aligned_objects_are_aligned_wherever_they_have_been() {
    #[repr(align(128))]
    struct Line(Cell<u8>);
    #[repr(align(4096))]
    struct Page(Cell<u8>);
    fn check<T: Send + 'static>(pool: Arc<Pool<T, impl Policy<T> + Send + Sync + 'static>>) {
        let aligned = |object: &T| {
            assert_eq!(std::ptr::from_ref(object).addr() % align_of::<T>(), 0);
        };
        for _ in 0..3 {
            let held: Vec<_> = (0..20).map(|_| pool.get()).collect();
            held.iter().for_each(|object| aligned(object));
            drop(held);
            let same = Arc::clone(&pool);
            let elsewhere = move || [same.get(), same.get()].iter().for_each(|o| aligned(o));
            thread::spawn(elsewhere).join().expect("aligned there, too");
            pool.collect();
            aligned(&pool.get_owned());
        }
        let out = Guard::into_inner(pool.get());
        aligned(&out);
        pool.put(out);
        aligned(&pool.get());
        pool.drain().for_each(|object| aligned(&object));
    }
    let line = || Line(Cell::new(1));
    let page = || Page(Cell::new(1));
    check(Arc::new(MANUAL.build(policy(line).recycle_with(|line: &mut Line| line.0.get() == 1))));
    check(Arc::new(MANUAL.build(policy(page).recycle_with(|page: &mut Page| page.0.get() == 1))));
}

/// Taking out, giving back, wrapping: an object may go round by whatever road, and is one.
#[test]
fn an_object_that_goes_round_by_all_roads_is_still_one() {
    // Moved to another processor, the thread would leave the object behind.
    #[cfg(target_os = "linux")]
    common::run_on(0);
    let census = Census::new();
    let (pool, other) = (census.pool(), census.pool());
    let mut random = Random::new(9);
    pool.put(census.object());
    for _ in 0..10_000 {
        let object = Guard::into_inner(pool.try_get().expect("the one"));
        assert_eq!(object.id, 0);
        match random.below(6) {
            0 => pool.put(object),
            1 => drop(pool.wrap(object)),
            2 => drop(pool.wrap_owned(object)),
            3 => {
                other.put(object);
                pool.put(other.drain().next().expect("the one"));
            }
            4 => {
                other.put(object);
                other.collect();
                pool.put(Guard::into_inner(other.get()));
            }
            _ => pool.put(OwnedGuard::into_inner(pool.wrap_owned(object))),
        }
        if random.below(3) == 0 {
            pool.collect();
        }
    }
    assert_eq!((census.made(), census.dropped()), (1, 0));
}
