//! Does a miss cost more when many threads have used the pool?
//!
//! A `try_get` on an empty pool, with 2, 64 and 1,000 other threads that have used the pool and still
//! live. In one half of the cases they used it one object at a time, in the other they have held two
//! at once.

mod common;

use common::criterion;
use criterion::BenchmarkId;
use std::hint::black_box;
use std::sync::{Arc, Barrier};
use stealpool::{Builder, Pool};

type Buffers = Arc<Pool<Vec<u8>>>;

/// Threads that have used a pool and wait until this is dropped.
struct Idle {
    end: Arc<Barrier>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Idle {
    fn new(pool: &Buffers, count: usize, held: usize) -> Self {
        let (ready, end) = (Arc::new(Barrier::new(count + 1)), Arc::new(Barrier::new(count + 1)));
        let thread = |_| {
            let (pool, ready, end) = (Arc::clone(pool), Arc::clone(&ready), Arc::clone(&end));
            let small = std::thread::Builder::new().stack_size(64 << 10);
            let run = move || {
                let lent: Vec<_> = (0..held).map(|_| pool.get()).collect();
                drop(lent);
                ready.wait();
                end.wait();
            };
            small.spawn(run).expect("a thread can be had")
        };
        let threads = (0..count).map(thread).collect();
        ready.wait();
        Idle { end, threads }
    }
}

impl Drop for Idle {
    fn drop(&mut self) {
        self.end.wait();
        self.threads.drain(..).for_each(|thread| thread.join().expect("no panic"));
    }
}

fn main() {
    let mut criterion = criterion();
    let mut group = criterion.benchmark_group("miss");
    for held in [1, 2] {
        for threads in [2, 64, 1_000] {
            let pool: Buffers = Arc::new(Builder::new().collect_manually().build(Vec::new));
            let _idle = Idle::new(&pool, threads, held);
            pool.clear();
            assert_eq!(pool.idle(), 0);
            let name = format!("{threads} threads, each held {held}");
            group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
                bencher.iter(|| black_box(pool.try_get()).is_none());
            });
        }
    }
    group.finish();
    criterion.final_summary();
}
