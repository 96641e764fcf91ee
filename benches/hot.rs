//! What does a get and its return cost, on one thread and on two?
//!
//! The same work for all: take a `Vec<u8>`, let the compiler believe that it is used, clear it, give
//! it back. The first line is the floor: an intrusive free list in a thread-local, which can do
//! nothing else. `hot ITERATIONS CONTENDER` runs one of them alone, for an instruction counter.

mod common;

use common::{criterion, together};
use criterion::BenchmarkId;
use crossbeam_queue::ArrayQueue;
use std::cell::Cell;
use std::hint::black_box;
use std::ptr;
use std::sync::Mutex;
use stealpool::Pool;

/// The floor: no bounds, no return from other threads, no ageing, and it leaks.
mod free_list {
    use super::*;

    pub(crate) struct Node {
        next: *mut Node,
        pub(crate) value: Vec<u8>,
    }

    thread_local! {
        static TOP: Cell<*mut Node> = const { Cell::new(ptr::null_mut()) };
    }

    pub(crate) fn pair() {
        let mut node = TOP.get();
        if node.is_null() {
            node = Box::into_raw(Box::new(Node { next: ptr::null_mut(), value: Vec::new() }));
        } else {
            // SAFETY: a node on the list is alive, and this thread's alone.
            TOP.set(unsafe { (*node).next });
        }
        let node = black_box(node);
        // SAFETY: as above; the node is off the list now.
        let lent = unsafe { &mut *node };
        lent.value.clear();
        lent.next = TOP.get();
        TOP.set(node);
    }
}

struct Plain;

impl opool::PoolAllocator<Vec<u8>> for Plain {
    fn allocate(&self) -> Vec<u8> {
        Vec::new()
    }
    fn reset(&self, buffer: &mut Vec<u8>) {
        buffer.clear();
    }
}

type Work = Box<dyn Fn() + Sync>;

/// All contenders: a name, and one get and return.
fn contenders() -> Vec<(&'static str, Work)> {
    static POOL: Pool<Vec<u8>> = Pool::new(Vec::new);
    let opool = opool::Pool::new(64, Plain);
    let regex = regex_automata::util::pool::Pool::new(Vec::new as fn() -> Vec<u8>);
    let object_pool = object_pool::Pool::new(8, Vec::<u8>::new);
    let queue = ArrayQueue::<Vec<u8>>::new(64);
    let mutex = Mutex::new(Vec::<Vec<u8>>::new());
    vec![
        ("thread-local free list", Box::new(free_list::pair)),
        ("stealpool", Box::new(|| drop(black_box(POOL.get())))),
        ("regex-automata", Box::new(move || black_box(regex.get()).clear())),
        ("opool", Box::new(move || drop(black_box(opool.get())))),
        ("object-pool", Box::new(move || black_box(object_pool.pull(Vec::new)).clear())),
        (
            "ArrayQueue",
            Box::new(move || {
                let mut buffer = black_box(queue.pop().unwrap_or_default());
                buffer.clear();
                let _ = queue.push(buffer);
            }),
        ),
        (
            "Mutex<Vec>",
            Box::new(move || {
                let buffer = mutex.lock().expect("nobody panics").pop();
                let mut buffer = black_box(buffer.unwrap_or_default());
                buffer.clear();
                mutex.lock().expect("nobody panics").push(buffer);
            }),
        ),
        ("malloc of 64 bytes", Box::new(|| drop(black_box(Vec::<u8>::with_capacity(64))))),
    ]
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, iterations, contender] = &arguments[..] {
        if let Ok(iterations) = iterations.parse::<u64>() {
            let contenders = contenders();
            let found = contenders.iter().find(|(name, _)| name == contender);
            let (_, work) = found.expect("a contender of that name");
            (0..iterations).for_each(|_| work());
            return;
        }
    }
    let mut criterion = criterion();
    for threads in [1, 2] {
        let mut group = criterion.benchmark_group(format!("pair, {threads} thread(s)"));
        for (name, work) in contenders() {
            group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
                bencher.iter_custom(|rounds| together(threads, rounds, &work));
            });
        }
        group.finish();
    }
    criterion.final_summary();
}
