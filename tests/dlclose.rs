//! A library with a pool in it is used from several threads and unloaded; the threads live on. The kernel follows
//! a thread's pointer to the descriptor of a sequence whenever it interrupts the thread, so none may be left
//! that points into what is not there any more.
//!
//! The library is a crate of its own in the target directory.
#![cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]

mod aside;
mod common;

use common::{Puppet, in_child};
use std::arch::asm;
use std::ffi::{CString, c_void};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{Acquire, Relaxed};
use std::time::{Duration, Instant};
use std::{fs, thread};
use stealpool::FastPath;

const LIBRARY: &str = r#"
use stealpool::{Builder, Guard, Pool};
use std::hint::black_box;

static POOL: Pool<Vec<u8>> = Builder::new().collect_manually().build(Vec::new);

#[repr(C)]
pub struct Functions {
    get_and_put: extern "C" fn(usize),
    put: extern "C" fn(),
    get: extern "C" fn() -> bool,
    is_exact: extern "C" fn(usize, usize) -> bool,
}

#[unsafe(no_mangle)]
pub static FUNCTIONS: Functions = Functions { get_and_put, put, get, is_exact };

extern "C" fn get_and_put(objects: usize) {
    drop(black_box((0..objects).map(|_| POOL.get()).collect::<Vec<_>>()));
}

extern "C" fn put() {
    POOL.put(Vec::new());
}

extern "C" fn get() -> bool {
    black_box(POOL.try_get()).map(Guard::into_inner).is_some()
}

extern "C" fn is_exact(gets: usize, puts: usize) -> bool {
    let stats = POOL.stats();
    let idle = POOL.drain().count();
    (stats.gets, stats.puts, stats.idle) == (gets as u64, puts as u64, idle)
}
"#;

/// What the library can do.
#[derive(Clone, Copy)]
#[repr(C)]
struct Functions {
    /// Gets so many objects at once, and puts them.
    get_and_put: extern "C" fn(usize),
    /// A put without a get before it.
    put: extern "C" fn(),
    /// A get without a put after it; whether there was an object.
    get: extern "C" fn() -> bool,
    /// Whether so many gets and puts are what was done.
    is_exact: extern "C" fn(usize, usize) -> bool,
}

/// Where the library is, built.
fn build() -> PathBuf {
    let kind = "[lib]\ncrate-type = [\"cdylib\"]";
    aside::build("dlclose", kind, "lib.rs", LIBRARY).join("libdlclose.so")
}

/// The library, as long as it is loaded.
struct Library {
    handle: *mut c_void,
    path: CString,
}

impl Library {
    fn load(path: &Path) -> Self {
        let path = CString::new(path.to_str().expect("text")).expect("no zero");
        // SAFETY: a name with a zero at its end; its initialisers are Rust's.
        let handle = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        assert!(!handle.is_null());
        Library { handle, path }
    }

    fn functions(&self) -> Functions {
        // SAFETY: a library that is loaded, and a name with a zero at its end.
        let functions = unsafe { libc::dlsym(self.handle, c"FUNCTIONS".as_ptr()) };
        assert!(!functions.is_null());
        // SAFETY: a static of this type.
        unsafe { functions.cast::<Functions>().read() }
    }

    /// Whether it is gone then. It is not while some thread has a destructor of its.
    fn unload(self) -> bool {
        // SAFETY: nobody uses it any more.
        assert_eq!(unsafe { libc::dlclose(self.handle) }, 0);
        let maps = fs::read_to_string("/proc/self/maps").expect("a list");
        !maps.contains(self.path.to_str().expect("text"))
    }
}

/// The descriptor that the calling thread has announced to the kernel.
fn announced() -> u64 {
    // SAFETY: a name with a zero at its end.
    let offset = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"__rseq_offset".as_ptr()) };
    assert!(!offset.is_null());
    // SAFETY: the C library's `const ptrdiff_t`.
    let offset = unsafe { offset.cast::<isize>().read() };
    let announced;
    // SAFETY: a field of the calling thread's own area.
    unsafe {
        asm!("mov {announced}, qword ptr fs:[{offset} + 8]",
            announced = out(reg) announced, offset = in(reg) offset,
            options(nostack, preserves_flags, readonly));
    }
    announced
}

static SIGNALS: AtomicUsize = AtomicUsize::new(0);

extern "C" fn handler(_signal: i32) {
    // Relaxed: a count.
    SIGNALS.fetch_add(1, Relaxed);
}

/// Is interrupted in every way for a while.
fn live_on() {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(30) {
        // SAFETY: sends this thread a signal that has a handler.
        unsafe { libc::raise(libc::SIGUSR1) };
        thread::yield_now();
        (0..10_000).for_each(|turn| _ = std::hint::black_box(turn));
        thread::sleep(Duration::from_micros(50));
    }
    assert_eq!(announced(), 0);
}

const THREADS: usize = 4;
/// Objects that wait on each processor, so that a get is a hit.
const READY: usize = 10;
const ROUNDS: usize = 2_000;

/// Every operation, often; none leaves a descriptor. How many single gets found something.
fn use_it(pool: Functions) -> usize {
    let mut found = 0;
    for _ in 0..ROUNDS {
        (pool.get_and_put)(1);
        assert_eq!(announced(), 0);
        (pool.put)();
        assert_eq!(announced(), 0);
        found += usize::from((pool.get)());
        assert_eq!(announced(), 0);
    }
    found
}

#[test]
fn threads_outlive_the_library_whose_pool_they_used() {
    if stealpool::fast_path() != FastPath::Sequence {
        return println!("SKIP: no restartable sequences here");
    }
    in_child("threads_outlive_the_library_whose_pool_they_used", || {
        let path = build();
        let handler = handler as extern "C" fn(i32);
        // SAFETY: the handler touches an atomic only.
        unsafe { libc::signal(libc::SIGUSR1, handler as libc::sighandler_t) };
        let threads: Vec<_> = (0..THREADS).map(Puppet::on).collect();
        let mut unloaded = 0;
        for _ in 0..10 {
            let library = Library::load(&path);
            let pool = library.functions();
            // By threads that end, for what is past the magazines may leave destructors with a thread.
            for number in 0..2 {
                let first = Puppet::on(number);
                first.run(move || (pool.get_and_put)(READY));
                first.end();
            }
            let found: usize = thread::scope(|scope| {
                let run = |thread: &'_ Puppet| thread.run(move || use_it(pool));
                let running = threads.iter().map(|thread| scope.spawn(move || run(thread)));
                let running: Vec<_> = running.collect();
                let all = running.into_iter();
                all.map(|thread| thread.join().expect("it is well")).sum()
            });
            let (gets, puts) = (2 * READY + THREADS * ROUNDS, 2 * READY + 2 * THREADS * ROUNDS);
            let last = Puppet::new();
            assert!(last.run(move || (pool.is_exact)(gets + found, puts)));
            last.end();
            unloaded += usize::from(library.unload());
            thread::scope(|scope| {
                for thread in &threads {
                    scope.spawn(move || thread.run(live_on));
                }
            });
        }
        println!("unloaded {unloaded} times; {} signals", SIGNALS.load(Acquire));
        assert!(unloaded > 0, "never unloaded");
        threads.into_iter().for_each(Puppet::end);
    });
}
