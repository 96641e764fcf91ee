//! Signals that arrive while a thread is in the middle of using a pool.
//!
//! A signal handler must not use a pool: a miss allocates, and an allocator must not be entered again. The pool
//! itself goes on: between two steps of the interrupted thread the handler finds a closed gate or a claimed slot.
//! What is tested is that signals as such interrupt nothing, and how far a handler that does it all the
//! same gets: one object in one magazine.
#![cfg(target_os = "linux")]

mod common;

use common::{Census, Random, in_child, scaled, stay_here};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::thread;
use std::time::Duration;
use stealpool::{Builder, Pool, Recycle};

/// Seconds after which a child that hangs is killed.
const PATIENCE: u32 = 60;

/// Times that a handler came.
static CAME: AtomicUsize = AtomicUsize::new(0);

/// A thread's name: a number with glibc, a pointer with musl.
struct Name(libc::pthread_t);

// SAFETY: nothing is read through it; any thread may pass it to the system.
unsafe impl Sync for Name {}

impl Name {
    fn get(&self) -> libc::pthread_t {
        self.0
    }
}

/// Runs `work` again and again in a thread that gets `times` signals meanwhile, at odd moments.
fn interrupted(times: usize, handler: extern "C" fn(libc::c_int), mut work: impl FnMut()) {
    // SAFETY: arms a timer of this process.
    unsafe { libc::alarm(PATIENCE) };
    // SAFETY: all zeros is a valid `sigaction`: no flags, nothing blocked.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler as *const () as usize;
    // SAFETY: `action` lives through the call, which copies it.
    let set = unsafe { libc::sigaction(libc::SIGUSR1, &raw const action, ptr::null_mut()) };
    assert_eq!(set, 0);
    // SAFETY: asks who is calling.
    let victim = Name(unsafe { libc::pthread_self() });
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut random = Random::new(27);
            while CAME.load(Relaxed) < times {
                // SAFETY: the victim is in this scope until `done`.
                assert_eq!(unsafe { libc::pthread_kill(victim.get(), libc::SIGUSR1) }, 0);
                thread::sleep(Duration::from_micros(random.below(50) as u64));
            }
            done.store(true, Relaxed);
        });
        while !done.load(Relaxed) {
            work();
        }
    });
}

extern "C" fn count(_: libc::c_int) {
    CAME.fetch_add(1, Relaxed);
}

/// Neither a get nor a cycle's `membarrier` is cut short by a signal.
#[test]
fn signals_interrupt_nothing() {
    in_child("signals_interrupt_nothing", || {
        let census = Census::new();
        let pool = census.pool();
        let stop = Arc::new(AtomicBool::new(false));
        let (same, ends) = (Arc::clone(&pool), Arc::clone(&stop));
        let other = thread::spawn(move || {
            while !ends.load(Relaxed) {
                drop([same.get(), same.get()]);
            }
        });
        let mut held = 0;
        interrupted(scaled(30_000), count, || {
            held = (held + 1) % 5;
            drop((0..held).map(|_| pool.get()).collect::<Vec<_>>());
            pool.collect();
        });
        stop.store(true, Relaxed);
        other.join().expect("no panic");
        assert_eq!(pool.idle(), census.alive());
        pool.collect();
        pool.collect();
        assert_eq!((pool.idle(), census.alive()), (0, 0));
    });
}

/// An object that knows when it is in two hands.
struct Token(AtomicBool);

static MADE: AtomicUsize = AtomicUsize::new(0);
static FOUND: AtomicUsize = AtomicUsize::new(0);

impl Token {
    fn new() -> Self {
        MADE.fetch_add(1, Relaxed);
        Token(AtomicBool::new(false))
    }

    /// Takes it in hand. Aborts if it is in one: a handler must not panic.
    fn pick_up(&self) {
        if self.0.swap(true, Relaxed) {
            std::process::abort();
        }
    }

    fn lay_down(&self) {
        self.0.store(false, Relaxed);
    }
}

impl Recycle for Token {
    fn recycle(&mut self) {
        self.lay_down();
    }
}

static TOKENS: Pool<Token> = Builder::new().collect_manually().private_depth(1).build(Token::new);

extern "C" fn use_the_pool(_: libc::c_int) {
    CAME.fetch_add(1, Relaxed);
    if let Some(token) = TOKENS.try_get() {
        token.pick_up();
        FOUND.fetch_add(1, Relaxed);
    }
}

/// Not promised: a handler that takes the object the interrupted thread was about to take, and has put it
/// back by the time that thread goes on.
#[test]
fn a_handler_may_borrow_the_one_object_of_a_thread() {
    in_child("a_handler_may_borrow_the_one_object_of_a_thread", || {
        stay_here();
        drop(TOKENS.get());
        interrupted(scaled(100_000), use_the_pool, || {
            let token = TOKENS.try_get().expect("nobody else keeps it");
            token.pick_up();
            drop(token);
        });
        // In the rest of the time, the thread had it in hand.
        assert!(FOUND.load(Relaxed) > 0);
        assert_eq!((TOKENS.idle(), MADE.load(Relaxed)), (1, 1));
        assert_eq!(TOKENS.drain().count(), 1);
    });
}
