//! Signals that arrive while a thread is in the middle of using a pool.
//!
//! A signal handler must not use a pool: a miss allocates, and a handler's put and the put that it
//! interrupts may both be at the same deque. What is tested is that signals as such interrupt nothing,
//! and how far a handler that does it all the same gets: one object in one private slot.
#![cfg(target_os = "linux")]

mod common;

use common::{Census, CountedPool, in_child, scaled};
use std::ptr;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, OnceLock};
use std::thread;
use stealpool::{Builder, Pool, policy};

/// Seconds after which a child that hangs is killed.
const PATIENCE: u32 = 60;

/// Times that a handler came.
static CAME: AtomicUsize = AtomicUsize::new(0);

/// Calls `handler` every 50 µs of this process's time, on whatever thread runs.
fn interrupt(handler: extern "C" fn(libc::c_int)) {
    // SAFETY: arms a timer of this process.
    unsafe { libc::alarm(PATIENCE) };
    // SAFETY: all zeros is a valid `sigaction`: no flags, nothing blocked.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler as *const () as usize;
    action.sa_flags = libc::SA_RESTART;
    // SAFETY: `action` lives through the call, which copies it.
    let set = unsafe { libc::sigaction(libc::SIGPROF, &raw const action, ptr::null_mut()) };
    assert_eq!(set, 0);
    let period = libc::timeval {
        tv_sec: 0,
        tv_usec: 50,
    };
    set_timer(libc::itimerval {
        it_interval: period,
        it_value: period,
    });
}

fn set_timer(timer: libc::itimerval) {
    // SAFETY: `timer` lives through the call, which copies it.
    let set = unsafe { libc::setitimer(libc::ITIMER_PROF, &raw const timer, ptr::null_mut()) };
    assert_eq!(set, 0);
}

fn leave_alone() {
    let never = libc::timeval {
        tv_sec: 0,
        tv_usec: 0,
    };
    set_timer(libc::itimerval {
        it_interval: never,
        it_value: never,
    });
}

extern "C" fn count(_: libc::c_int) {
    CAME.fetch_add(1, Relaxed);
}

/// Neither a get nor a cycle's `membarrier` nor a collector's sleep is cut short by a signal.
#[test]
fn signals_interrupt_nothing() {
    in_child("signals_interrupt_nothing", || {
        interrupt(count);
        let census = Census::new();
        let pool = census.pool();
        let threads: Vec<_> = (0..3)
            .map(|held| {
                let pool = Arc::clone(&pool);
                thread::spawn(move || {
                    while CAME.load(Relaxed) < scaled(5_000) {
                        drop((0..=held).map(|_| pool.get()).collect::<Vec<_>>());
                        pool.collect();
                    }
                })
            })
            .collect();
        threads
            .into_iter()
            .for_each(|thread| thread.join().expect("no panic"));
        leave_alone();
        assert_eq!(pool.idle(), census.alive());
        pool.collect();
        pool.collect();
        assert_eq!((pool.idle(), census.alive()), (0, 0));
    });
}

struct Token {
    in_use: AtomicBool,
    _counted: common::Counted,
}

impl Token {
    fn begin(&self) {
        if self.in_use.swap(true, Relaxed) {
            // Also in a handler, where a panic may not go anywhere.
            std::process::abort();
        }
    }
    fn end(&self) {
        self.in_use.store(false, Relaxed);
    }
}

type TokenPool = Pool<Token, stealpool::Closures<Token, Box<dyn Fn() -> Token + Send + Sync>>>;
static POOL: OnceLock<usize> = OnceLock::new();
