//! What `get` and `put` mean: the tests of Go's `sync.Pool` (sync/pool_test.go and its neighbours in
//! Go 1.27), restated with exact counts, under their own names.

mod common;

use common::{Census, Counted, MAGAZINE, Puppet, hits, patiently, processors, scaled};
use std::collections::BTreeSet;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Release};
use std::thread;
use stealpool::{Builder, Pool, policy};

/// A pool of plain values that come back as they were put.
fn values<T: Send + Default + 'static>() -> Pool<T, impl stealpool::Policy<T>> {
    Builder::new().collect_manually().build(policy(T::default).recycle_with(|_| true))
}

#[test]
fn test_pool() {
    let pool = values::<String>();
    assert!(pool.try_get().is_none(), "expected empty");

    pool.put("a".to_string());
    pool.put("b".to_string());
    let both = [pool.try_get(), pool.try_get()].map(|guard| guard.expect("two are idle"));
    let both: BTreeSet<String> = both.into_iter().map(stealpool::Guard::into_inner).collect();
    assert_eq!(both, BTreeSet::from(["a".to_string(), "b".to_string()]));
    assert!(pool.try_get().is_none(), "expected empty");

    // Put in a large number of items, so that they spill into the stealable space.
    let census = Census::new();
    let pool = census.pool();
    for _ in 0..100 {
        pool.put(census.object());
    }
    // After one cycle, the victim cache keeps them alive.
    pool.collect();
    let kept = pool.try_get().expect("kept after one cycle");
    assert_eq!(census.dropped(), 0);
    // A second cycle drops the rest.
    pool.collect();
    assert!(pool.try_get().is_none(), "expected empty after two cycles");
    assert_eq!(census.dropped(), 99);
    drop(kept);
    assert_eq!((pool.idle(), census.alive()), (1, 1));
}

#[test]
fn test_pool_spread_over_parked_and_exited_threads() {
    let census = Census::watched();
    let pool = census.pool();
    let mut parked = Vec::new();
    for thread in 0..4 {
        let puppet = Puppet::new();
        let (pool, census) = (Arc::clone(&pool), census.clone());
        puppet.run(move || (0..25).for_each(|_| pool.put(census.object())));
        if thread % 2 == 0 {
            parked.push(puppet);
        } else {
            puppet.end();
        }
    }
    assert_eq!(pool.idle(), 100);
    census.cycle(|| pool.collect());
    let kept = pool.try_get().expect("kept after one cycle");
    kept.took();
    census.cycle(|| pool.collect());
    assert!(pool.try_get().is_none(), "expected empty after two cycles");
    assert_eq!(census.dropped(), 99);
    drop(kept);
    parked.into_iter().for_each(Puppet::end);
    census.checked(1);
}

#[test]
fn test_pool_new() {
    let made = AtomicUsize::new(0);
    let create = || made.fetch_add(1, AcqRel) + 1;
    let pool = Builder::new().collect_manually().build(policy(create).recycle_with(|_| true));
    let (first, second) = (pool.get(), pool.get());
    assert_eq!((*first, *second), (1, 2));
    pool.put(42);
    let found = pool.get();
    assert_eq!(*found, 42);
    assert_eq!(*pool.get(), 3);
}

/// What is taken out again is gone when its user drops it: no stale copy stays in a slot.
#[test]
fn test_pool_gc() {
    let census = Census::new();
    let pool = census.pool();
    (0..100).for_each(|_| pool.put(census.object()));
    let out: Vec<Counted> = (0..100)
        .map(|_| stealpool::Guard::into_inner(pool.try_get().expect("put before")))
        .collect();
    assert_eq!((pool.idle(), census.dropped()), (0, 0));
    drop(out);
    assert_eq!(census.dropped(), 100);
    assert_eq!(pool.collect(), stealpool::Collected::default());
    drop(pool);
    assert_eq!(census.dropped(), 100);
}

#[test]
fn test_pool_release() {
    let census = Census::new();
    let pool = census.pool();
    (0..100).for_each(|_| pool.put(census.object()));
    assert_eq!((pool.collect().aged, census.dropped()), (100, 0));
    assert_eq!((pool.collect().dropped, census.dropped()), (100, 100));
    assert_eq!(pool.idle(), 0);
}

#[test]
fn test_pool_stress() {
    // A watched run takes memory for each get.
    pool_stress(&Census::new(), scaled(1_000_000));
    pool_stress(&Census::watched(), scaled(100_000));
}

fn pool_stress(census: &Census, rounds: usize) {
    const THREADS: usize = 10;
    let pool = Arc::new(Builder::new().collect_manually().build({
        let census = census.clone();
        move || (census.object(), Vec::<usize>::new())
    }));
    let users: Vec<_> = (0..THREADS)
        .map(|thread| {
            let pool = Arc::clone(&pool);
            thread::spawn(move || {
                for i in 0..rounds {
                    let mut object = pool.get();
                    object.0.took();
                    assert!(object.1.is_empty(), "still another's");
                    object.1.push(thread);
                    if i % 64 == 0 {
                        thread::yield_now();
                    }
                    assert_eq!(object.1, [thread], "two threads have one object");
                }
            })
        })
        .collect();
    while users.iter().any(|user| !user.is_finished()) {
        census.cycle(|| pool.collect());
        thread::yield_now();
    }
    users.into_iter().for_each(|user| user.join().unwrap());

    let stats = pool.stats();
    assert_eq!(stats.gets, (THREADS * rounds) as u64);
    assert_eq!(stats.creates, census.made() as u64);
    assert_eq!(stats.puts, stats.gets, "every object was kept");
    assert_eq!(pool.idle(), census.alive());
    assert_eq!(stats.aged_out, census.dropped() as u64);
    drop(pool);
    assert_eq!(census.alive(), 0);
    census.checked(0);
}

/// TestPoolDequeue and TestPoolChain: one producer that also takes now and then, nine that only
/// take. Each value comes out exactly once.
#[test]
fn test_pool_dequeue() {
    const THIEVES: usize = 9;
    let total = scaled(2_000_000);
    // Of the producer, 0; of the thieves, 1 each.
    let pool = Arc::new(values::<usize>());
    let taken = Arc::new(AtomicUsize::new(0));
    let thieves: Vec<_> = (0..THIEVES)
        .map(|_| {
            let (pool, taken) = (Arc::clone(&pool), Arc::clone(&taken));
            thread::spawn(move || {
                let mut mine = Vec::new();
                while taken.load(Acquire) < total {
                    match pool.try_get() {
                        Some(value) => {
                            mine.push(stealpool::Guard::into_inner(value));
                            taken.fetch_add(1, AcqRel);
                        }
                        None => thread::yield_now(),
                    }
                }
                mine
            })
        })
        .collect();
    let mut popped = Vec::new();
    for value in 0..total {
        pool.put(value);
        if value % 10 == 0 {
            if let Some(value) = pool.try_get() {
                popped.push(stealpool::Guard::into_inner(value));
                taken.fetch_add(1, AcqRel);
            }
        }
    }
    assert!(!popped.is_empty(), "the producer never got one of its own");
    // The last values may wait in the magazine of another processor: only that, or a cycle, takes them.
    let all = patiently(|| {
        if let Some(value) = pool.try_get() {
            popped.push(stealpool::Guard::into_inner(value));
            taken.fetch_add(1, AcqRel);
        }
        taken.load(Acquire) >= total
    });
    if !all {
        // Lets the thieves go; what is missing shows below.
        taken.store(total, Release);
    }
    let mut seen = vec![0u8; total];
    let stolen = thieves.into_iter().flat_map(|thief| thief.join().unwrap());
    stolen.chain(popped).for_each(|value| seen[value] += 1);
    assert!(seen.iter().all(|times| *times == 1), "lost or doubled");
    assert_eq!(
        pool.stats().steals + pool.stats().local_hits + pool.stats().private_hits,
        total as u64
    );
}

/// TestNoRacePool: what was written before a put is there after the get, on whatever thread, with
/// nothing but the pool in between.
#[test]
fn test_no_race_pool() {
    let pool = Arc::new(values::<[u64; 8]>());
    let threads: Vec<_> = (1..=4u64)
        .map(|thread| {
            let pool = Arc::clone(&pool);
            thread::spawn(move || {
                for i in 0..scaled(200_000) as u64 {
                    // Several at a time, so that objects go below the magazine and around.
                    let mut two = [pool.get(), pool.get()];
                    for object in &mut two {
                        let first = object[0];
                        assert!(object.iter().all(|word| *word == first), "{object:?}");
                        **object = [thread << 32 | i; 8];
                    }
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let most = 8 + MAGAZINE * processors();
    assert!(pool.stats().creates as usize <= most, "{}", pool.stats());
}

/// ExamplePool: a logger that reuses its buffers.
#[test]
fn example_pool() {
    static BUFFERS: Pool<Vec<u8>> = Pool::new(Vec::new);

    fn log(sink: &mut Vec<u8>, key: &str, value: &str) {
        let mut line = BUFFERS.get();
        write!(line, "{key}={value}").expect("memory is there");
        sink.extend_from_slice(&line);
    }

    let mut out = Vec::new();
    log(&mut out, "path", "/search?q=flowers");
    log(&mut out, "a", "b");
    assert_eq!(out, b"path=/search?q=flowersa=b");
    assert_eq!((BUFFERS.stats().creates, hits(&BUFFERS.stats())), (1, 1));
}

/// TestSplicePipePool: what owns a file descriptor closes it when it ages out. The cycles come from
/// a thread that never used the pool.
#[cfg(unix)]
#[test]
#[cfg_attr(miri, ignore = "Miri has no sockets")]
fn test_splice_pipe_pool() {
    use std::io::{ErrorKind, Read};
    use std::os::unix::net::UnixStream;

    let pool: Arc<Pool<Option<UnixStream>, _>> =
        Arc::new(Builder::new().collect_manually().build(policy(|| None).recycle_with(|_| true)));
    let mut far: Vec<UnixStream> = (0..64)
        .map(|_| {
            let (near, far) = UnixStream::pair().expect("a socket pair");
            far.set_nonblocking(true).expect("a socket option");
            pool.put(Some(near));
            far
        })
        .collect();
    let mut open = || {
        let mut open = 0;
        for far in &mut far {
            match far.read(&mut [0]) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => open += 1,
                end => assert_eq!(end.expect("a socket"), 0),
            }
        }
        open
    };
    let stranger = Puppet::new();
    assert_eq!(open(), 64);
    let same = Arc::clone(&pool);
    assert_eq!(stranger.run(move || same.collect().dropped), 0);
    assert_eq!(open(), 64);
    let same = Arc::clone(&pool);
    assert_eq!(stranger.run(move || same.collect().dropped), 64);
    assert_eq!(open(), 0);
    stranger.end();
}

/// Go's first quirk: an object that wanders over N threads leaves a copy with each. Here it is one
/// object, because nothing is left behind with a thread.
#[test]
fn one_object_wanders_over_many_threads() {
    let census = Census::new();
    let pool = census.pool();
    for _ in 0..50 {
        let pool = Arc::clone(&pool);
        thread::spawn(move || drop(pool.get())).join().unwrap();
    }
    // Two threads one after the other may be on two processors, each of which may keep one.
    let stats = pool.stats();
    assert!(census.made() <= processors(), "{stats}");
    assert_eq!(hits(&stats), 50 - census.made() as u64);
}

#[test]
fn a_thread_that_only_gives_feeds_one_that_only_takes() {
    let census = Census::new();
    let pool = census.pool();
    let giver = Puppet::new();
    let (same, makes) = (Arc::clone(&pool), census.clone());
    giver.run(move || (0..1_000).for_each(|_| same.put(makes.object())));
    // What stays in the magazine of the giver's processor is found there, and nowhere else.
    let taken: Vec<_> = std::iter::from_fn(|| pool.try_get()).collect();
    assert!(taken.len() >= 1_000 - MAGAZINE, "{}", pool.stats());
    let (same, seen) = (Arc::clone(&pool), taken.len());
    giver.run(move || drop(std::iter::from_fn(|| same.try_get()).collect::<Vec<_>>()));
    assert_eq!(seen + pool.idle(), 1_000);
    giver.end();
}

#[test]
fn get_with_and_try_get_with_create_only_on_a_miss() {
    let pool = values::<u32>();
    assert_eq!(*pool.get_with(|| 7), 7);
    assert_eq!(*pool.get_with(|| unreachable!("one is idle")), 7);
    let found: Result<_, ()> = pool.try_get_with(|| unreachable!("one is idle"));
    assert_eq!(*found.unwrap(), 7);
    pool.clear();
    assert_eq!(pool.try_get_with(|| Err("no")).unwrap_err(), "no");
    assert_eq!(*pool.try_get_with(|| Ok::<_, &str>(8)).unwrap(), 8);
    let stats = pool.stats();
    assert_eq!((stats.gets, stats.creates, hits(&stats)), (4, 2, 2));
}

#[test]
fn objects_are_recycled_on_return_and_not_before() {
    let census = Census::new();
    let pool = census.pool();
    let object = pool.get();
    assert_eq!(census.recycled(), 0);
    drop(object);
    assert_eq!(census.recycled(), 1);
    drop(pool.get());
    assert_eq!((census.recycled(), census.made()), (2, 1));
    pool.put(census.object());
    assert_eq!(census.recycled(), 3, "an object from outside may be dirty too");
    pool.reserve(5);
    assert_eq!(census.recycled(), 3, "a new object is clean");
    assert_eq!(pool.drain().count(), 5);
    assert_eq!(census.recycled(), 3);
}

#[test]
fn addresses_are_stable_while_an_object_lives() {
    let pool: Pool<[u8; 4096], _> =
        Builder::new().collect_manually().build(policy(|| [0; 4096]).recycle_with(|_| true));
    let home = std::ptr::from_ref(&*pool.get()).addr();
    for _ in 0..10 {
        let object = pool.get();
        assert_eq!(std::ptr::from_ref(&*object).addr(), home);
        let other = pool.get();
        assert_ne!(std::ptr::from_ref(&*other).addr(), home);
        stealpool::Guard::discard(other);
    }
    // The pool itself may move.
    let moved = Box::new(pool);
    assert_eq!(std::ptr::from_ref(&*moved.get()).addr(), home);
}
