//! What people reported about the pools and caches that they use: Go's, .NET's, Netty's, Rust's and allocators'. Each
//! test restates one report, and asserts what ought to happen. More are in `regressions.rs`.

mod common;

use common::{Census, CountedPool, MAGAZINE, Puppet, in_child, processors, scaled, stay_here};
use std::collections::BTreeSet;
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::thread;
use stealpool::admission::DropAbove;
use stealpool::{Builder, Collected, KeyedPool, OwnedGuard, Pool};

const MANUAL: Builder = Builder::new().collect_manually();
const KIB: usize = 1 << 10;

/// dotnet/runtime#52098: one array of each size from 1 MiB to 1 GiB, rented once, stayed for good: 2 GB. (KiB here.)
#[test]
fn sizes_that_were_used_once_do_not_stay() {
    let pools = KeyedPool::new(|&size: &usize| move || Vec::<u8>::with_capacity(size));
    let sizes = (0..11).map(|doublings| KIB << doublings);
    sizes.for_each(|size| drop(pools.get(&size)));
    assert!(pools.stats().idle_bytes >= 2047 * KIB, "{}", pools.stats());
    let cycles = [pools.collect(), pools.collect()];
    assert_eq!((cycles[0].aged, cycles[1].dropped), (11, 11));
    assert_eq!((pools.stats().idle, pools.stats().idle_bytes), (0, 0));
}

/// SixLabors/ImageSharp#2889: what finished work had left in the shared pool's thread-local parts could not be
/// released, not even by the call for that. Here one call of any thread takes it from everywhere.
#[test]
fn one_call_releases_what_other_threads_left() {
    let census = Census::new();
    let pool = census.pool();
    let workers: Vec<_> = (0..8).map(|_| Puppet::new()).collect();
    for worker in &workers {
        let pool = Arc::clone(&pool);
        worker.run(move || drop((0..40).map(|_| pool.get()).collect::<Vec<_>>()));
    }
    let left = pool.idle();
    assert!(left >= 40, "{left}");
    assert_eq!((pool.clear(), pool.idle(), census.alive()), (left, 0, 0));
}

/// netty/netty#11864: an object that another thread recycled went to the queue of the thread that it came from, also
/// when that had ended, and was never used again.
#[test]
fn objects_of_an_ended_thread_are_used_again() {
    let census = Census::new();
    let pool = census.pool();
    let same = Arc::clone(&pool);
    let all = 4 * MAGAZINE;
    let get = move || (0..all).map(|_| same.get_owned()).collect::<Vec<_>>();
    let guards = thread::spawn(get).join().unwrap();
    thread::spawn(move || drop(guards)).join().unwrap();
    let held: Vec<_> = (0..all).map(|_| pool.get()).collect();
    // Those in the magazine of the processor that gave back may be out of reach.
    assert!(census.made() <= all + MAGAZINE, "{}", census.made());
    drop(held);
    pool.collect();
    pool.collect();
    assert_eq!(census.alive(), 0);
}

/// netty/netty#9433: two threads recycled one object at a time, and the pool gave it to two users. A guard is given
/// back once: it cannot be shared by value.
#[test]
fn an_object_given_back_in_a_race_is_lent_once() {
    let census = Census::new();
    let pool = census.pool();
    for _ in 0..scaled(2000) {
        let guard = Arc::new(Mutex::new(Some(pool.get_owned())));
        let both = Arc::new(Barrier::new(2));
        let threads = [(); 2].map(|()| {
            let (guard, both) = (Arc::clone(&guard), Arc::clone(&both));
            thread::spawn(move || {
                both.wait();
                let taken: Option<OwnedGuard<_, _>> = guard.lock().unwrap().take();
                taken.is_some()
            })
        });
        let gave = threads.map(|thread| usize::from(thread.join().unwrap()));
        assert_eq!(gave.iter().sum::<usize>(), 1);
        let lent = [pool.get(), pool.get(), pool.get()];
        let ids: BTreeSet<_> = lent.iter().map(|object| object.id).collect();
        assert_eq!(ids.len(), lent.len(), "lent twice");
    }
}

/// dotnet/extensions#2821: an object that found no room was neither kept nor disposed of.
#[test]
fn what_finds_no_room_is_dropped_at_once() {
    let census = Census::new();
    let pool = census.pool_with(MANUAL.max_idle(2));
    let held = [pool.get(), pool.get(), pool.get()];
    drop(held);
    assert_eq!((pool.idle(), census.dropped(), pool.stats().overflowed), (2, 1, 1));
}

/// dotnet/extensions#273: two threads returned an object into one place at a time, and one was lost.
#[test]
fn returns_at_a_time_lose_nothing() {
    const THREADS: usize = 8;
    let census = Census::new();
    let pool = census.pool();
    for _ in 0..scaled(500) {
        let all = Barrier::new(THREADS);
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    let held = [pool.get(), pool.get()];
                    all.wait();
                    drop(held);
                });
            }
        });
        assert_eq!(pool.idle(), census.alive());
    }
    assert_eq!(census.dropped(), 0);
    pool.clear();
    assert_eq!(census.alive(), 0);
}

/// jemalloc/jemalloc#2757: a few threads allocated, hundreds freed, and each of those kept a cache of what came to
/// it. Here what is idle does not depend on the number of threads that give back.
#[test]
fn many_threads_that_only_give_back_keep_nothing_each() {
    const GIVERS: usize = 100;
    const ROUNDS: usize = 50;
    let census = Census::new();
    let pool = census.pool();
    let (send, receive) = mpsc::sync_channel::<OwnedGuard<_, _>>(10);
    let receive = Arc::new(Mutex::new(receive));
    let givers: Vec<_> = (0..GIVERS)
        .map(|_| {
            let receive = Arc::clone(&receive);
            thread::spawn(move || {
                for _ in 0..ROUNDS {
                    let guard = receive.lock().unwrap().recv().unwrap();
                    drop(guard);
                }
            })
        })
        .collect();
    for _ in 0..GIVERS * ROUNDS {
        send.send(pool.get_owned()).unwrap();
    }
    givers.into_iter().for_each(|giver| giver.join().unwrap());
    // In flight: the channel, one at each giver that has received, one here.
    let most = 10 + GIVERS + 1 + processors() * MAGAZINE;
    assert!(census.made() <= most, "{} made for {} uses", census.made(), GIVERS * ROUNDS);
}

/// rust-lang/regex#1389: a pool with a stack for each core kept a cache in each, on a machine with many cores and a
/// program with one busy thread.
#[test]
fn one_busy_thread_needs_one_object() {
    // Alone in its process: the kernel may number a processor anew while other threads start.
    in_child("one_busy_thread_needs_one_object", || {
        stay_here();
        let census = Census::new();
        let pool = census.pool();
        (0..1000).for_each(|_| drop(pool.get()));
        let expected = if cfg!(target_os = "linux") { 1 } else { processors() };
        assert!(census.made() <= expected && pool.idle() == census.made(), "{}", pool.stats());
    });
}

/// blackbeam/mysql_async#405: the users wanted to turn the pool of buffers off by a capacity of 0.
#[test]
fn a_capacity_of_zero_turns_pooling_off() {
    let census = Census::new();
    let pool = census.pool_with(MANUAL.max_idle(0));
    (0..100).for_each(|_| drop(pool.get()));
    assert_eq!((census.made(), census.dropped(), pool.idle()), (100, 100, 0));
}

/// cloudflare/quiche#2303: the gauge of bytes counted the length, which is 0 after the clearing, and the gauge of live
/// objects counted twice what came from outside.
#[test]
fn gauges_count_what_is_there() {
    stay_here();
    let pool: Pool<Vec<u8>> = MANUAL.build(Vec::new);
    drop(pool.wrap(vec![7; 1000]));
    let stats = pool.stats();
    assert_eq!((stats.live, stats.idle, stats.idle_bytes), (1, 1, 1000), "{stats}");
    let held = pool.get();
    let stats = pool.stats();
    assert_eq!((stats.live, stats.idle, stats.idle_bytes), (1, 0, 0), "{stats}");
    drop(held);
    pool.clear();
    let stats = pool.stats();
    assert_eq!((stats.live, stats.idle, stats.idle_bytes), (0, 0, 0), "{stats}");
}

/// bevyengine/bevy#23086: one thread took, another gave back, and the pool of chunks grew as long as they ran.
#[test]
fn a_producer_and_a_consumer_share_what_is_in_flight() {
    let census = Census::new();
    let pool = census.pool();
    let (send, receive) = mpsc::sync_channel::<OwnedGuard<_, _>>(4);
    let consumer = thread::spawn(move || receive.iter().for_each(drop));
    for _ in 0..scaled(100_000) {
        send.send(pool.get_owned()).unwrap();
    }
    drop(send);
    consumer.join().unwrap();
    let most = 6 + processors() * MAGAZINE;
    assert!(census.made() <= most, "{} made, at most 6 at a time", census.made());
}

/// golang/go#27735: one huge document went through the encoder, and its buffer stayed as long as small ones kept the
/// pool busy.
#[test]
fn one_huge_document_does_not_stay_while_small_ones_pass() {
    let pool = MANUAL.build(DropAbove::new(64 * KIB, Vec::<u8>::new));
    pool.get().resize(16 << 20, 0);
    for _ in 0..1000 {
        pool.get().resize(100, 0);
    }
    let stats = pool.stats();
    assert!(stats.idle_bytes <= 64 * KIB, "{stats}");
    assert_eq!(stats.drops.too_big + stats.drops.refused, 1, "{stats}");
}

/// gfx-rs/wgpu#1441: 12,447 free chunks were held after a peak, and none of them was ever released, for a few were
/// always in use.
#[test]
fn chunks_of_a_peak_go_while_a_few_are_in_use() {
    stay_here();
    let census = Census::new();
    let pool: Arc<CountedPool> = census.pool();
    drop((0..12_447).map(|_| pool.get()).collect::<Vec<_>>());
    let mut dropped = 0;
    for _ in 0..3 {
        (0..100).for_each(|_| drop([pool.get(), pool.get(), pool.get()]));
        let Collected { dropped: gone, .. } = pool.collect();
        dropped += gone;
    }
    assert!(pool.idle() <= 3, "{}", pool.idle());
    assert_eq!(dropped, 12_447 - pool.idle());
}
