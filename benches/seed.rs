//! Does a pooled buffer beat a fresh one, and for which objects?
//!
//! The first group is the smallest use there is: a short string built in a fresh buffer or in a
//! pooled one. The others are objects where a pool pays (large and zeroed, or expensive to make) and
//! one where it hardly does (a `Vec` of 64 bytes, which any allocator serves from a cache). Each line
//! printed before the times says how often each way calls the allocator.

mod common;

use common::{Counting, allocations, criterion, together};
use criterion::{BenchmarkId, Criterion};
use flate2::{Compress, Compression, FlushCompress};
use std::hint::black_box;
use stealpool::{Builder, Pool, policy};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// One kind of object, fresh and pooled.
fn compare(
    criterion: &mut Criterion,
    name: &str,
    fresh: impl Fn() + Sync,
    pooled: impl Fn() + Sync,
) {
    println!(
        "{name}: {:.2} allocations fresh, {:.2} pooled",
        allocations(&fresh),
        allocations(&pooled)
    );
    let mut group = criterion.benchmark_group(name);
    for threads in [1, 2] {
        group.bench_function(BenchmarkId::new("fresh", threads), |bencher| {
            bencher.iter_custom(|rounds| together(threads, rounds, &fresh));
        });
        group.bench_function(BenchmarkId::new("pooled", threads), |bencher| {
            bencher.iter_custom(|rounds| together(threads, rounds, &pooled));
        });
    }
    group.finish();
}

fn greeting(buffer: &mut Vec<u8>) {
    buffer.extend_from_slice(b"Hello, ");
    buffer.extend_from_slice(black_box(b"Ferris, and all who sail with you"));
    buffer.extend_from_slice(b"!");
    black_box(buffer);
}

fn short_string(criterion: &mut Criterion) {
    static POOL: Pool<Vec<u8>> = Pool::new(Vec::new);
    compare(criterion, "short string", || greeting(&mut Vec::new()), || greeting(&mut POOL.get()));
}

fn small_vec(criterion: &mut Criterion) {
    static POOL: Pool<Vec<u8>> = Pool::new(|| Vec::with_capacity(64));
    compare(
        criterion,
        "vec of 64 bytes",
        || black_box(&mut Vec::<u8>::with_capacity(64)).push(1),
        || black_box(&mut *POOL.get()).push(1),
    );
}

fn zeroed(criterion: &mut Criterion) {
    // A buffer to read into: its bytes are overwritten, so it need not be zeroed again.
    let pool = Pool::new(policy(|| vec![0u8; 64 << 10]).recycle_with(|_| true));
    let fill = |buffer: &mut [u8]| buffer.iter_mut().step_by(4096).for_each(|byte| *byte = 1);
    compare(
        criterion,
        "64 KiB zeroed",
        || fill(black_box(&mut vec![0u8; 64 << 10])),
        || fill(black_box(&mut pool.get())),
    );
}

fn compressor(criterion: &mut Criterion) {
    let message = br#"{"action":"opened","number":42,"sender":{"login":"ferris","id":1}}"#;
    let new = || Compress::new(Compression::fast(), false);
    let compress = |state: &mut Compress| {
        let mut out = [0u8; 256];
        let done = state.compress(black_box(message), &mut out, FlushCompress::Finish);
        black_box((done.expect("the output has room"), out));
    };
    let pool = Builder::new().build(policy(new).recycle_with(|state: &mut Compress| {
        state.reset();
        true
    }));
    compare(criterion, "deflate state", || compress(&mut new()), || compress(&mut pool.get()));
}

fn main() {
    let mut criterion = criterion();
    short_string(&mut criterion);
    small_vec(&mut criterion);
    zeroed(&mut criterion);
    compressor(&mut criterion);
    criterion.final_summary();
}
