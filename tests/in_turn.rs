//! What is hidden from whom: at most what the magazines of the processors hold, whatever the number of threads.
//!
//! Threads that use one object strictly in turn, and threads that use one each all at once, with objects of
//! several sizes, cheap and dear to make. Counts only.

mod common;

use common::{MAGAZINE, processors};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;
use stealpool::{Builder, Pool, policy};

const THREADS: [usize; 3] = [8, 64, 512];

type Buffers<F> = Pool<Vec<u8>, F>;

fn buffers(bytes: usize) -> Buffers<impl Fn() -> Vec<u8> + Send + Sync + 'static> {
    Builder::new()
        .collect_manually()
        .build(move || Vec::with_capacity(bytes))
}

/// Every thread uses the pool in each round, one after the other: a baton says whose turn it is.
fn in_turn(threads: usize, rounds: usize, turn: impl Fn() + Send + Sync) {
    let (baton, moved) = (Mutex::new(0), Condvar::new());
    thread::scope(|scope| {
        for me in 0..threads {
            let (baton, moved, turn) = (&baton, &moved, &turn);
            thread::Builder::new()
                .stack_size(64 << 10)
                .spawn_scoped(scope, move || {
                    for round in 0..rounds {
                        let mut at = baton.lock().unwrap();
                        while *at != round * threads + me {
                            at = moved.wait(at).unwrap();
                        }
                        turn();
                        *at += 1;
                        moved.notify_all();
                    }
                })
                .expect("a thread");
        }
    });
}

#[test]
fn in_turn_each_processor_makes_one() {
    for threads in THREADS {
        let pool = buffers(16 << 10);
        in_turn(threads, 3, || pool.get().push(1));
        let stats = pool.stats();
        assert!(stats.creates as usize <= processors(), "{threads}: {stats}");
        assert_eq!(stats.idle as u64, stats.creates, "{threads}: {stats}");
        assert!(stats.workers <= processors(), "{threads}: {stats}");
    }
}

/// A heavy object goes past the magazine: a miss on any processor finds it.
#[test]
fn of_what_is_heavy_no_processor_keeps_one_to_itself() {
    for threads in THREADS {
        let pool = buffers(1 << 20);
        in_turn(threads, 3, || pool.get().push(1));
        let stats = pool.stats();
        assert!(stats.creates <= 2, "{threads}: {stats}");
    }
}

/// So does what takes long to make: once two were made, it is known.
#[test]
fn of_what_is_dear_no_processor_keeps_one_to_itself() {
    let dear = policy(|| {
        thread::sleep(Duration::from_millis(1));
        [0u8; 64]
    });
    let pool = Builder::new()
        .collect_manually()
        .build(dear.recycle_with(|_| true));
    in_turn(64, 10, || {
        let mut object = pool.get();
        object[0] = object[0].wrapping_add(1);
    });
    let stats = pool.stats();
    assert!(stats.creates <= 2, "{stats}");
}

#[test]
fn one_thread_after_the_other_makes_no_more() {
    for bytes in [16 << 10, 1 << 20] {
        let pool = buffers(bytes);
        for _ in 0..500 {
            thread::scope(|scope| _ = scope.spawn(|| pool.get().push(1)));
        }
        let stats = pool.stats();
        assert!(
            stats.creates as usize <= processors().max(2),
            "{bytes}: {stats}"
        );
    }
}

/// All at once: no more than were ever held at once, and what the magazines hold.
#[test]
fn at_once_they_make_what_they_hold() {
    for threads in THREADS {
        for bytes in [16 << 10, 1 << 20] {
            let pool = Arc::new(buffers(bytes));
            let (held, peak) = (AtomicUsize::new(0), AtomicUsize::new(0));
            thread::scope(|scope| {
                for _ in 0..threads {
                    let (pool, held, peak) = (&pool, &held, &peak);
                    let user = move || {
                        for _ in 0..200 {
                            // Counted before the get and until after the put: never too few.
                            peak.fetch_max(held.fetch_add(1, SeqCst) + 1, SeqCst);
                            pool.get().push(1);
                            held.fetch_sub(1, SeqCst);
                        }
                    };
                    thread::Builder::new()
                        .stack_size(64 << 10)
                        .spawn_scoped(scope, user)
                        .expect("a thread");
                }
            });
            let hidden = match bytes {
                0x4000 => MAGAZINE.min(0xffff / 0x4000) * processors(),
                _ => 0,
            };
            let stats = pool.stats();
            let most = peak.load(SeqCst) + hidden;
            assert!(
                stats.creates as usize <= most,
                "{threads} threads, {bytes} bytes, {most} at most: {stats}"
            );
        }
    }
}
